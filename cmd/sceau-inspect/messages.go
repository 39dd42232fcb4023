package main

import (
	"fmt"

	"github.com/sceau-project/sceau/audit"
)

// A catalog is what the command says in one language. Counts follow a label,
// so that no sentence depends on a plural.
type catalog struct {
	about, usageHint                string
	help                            map[string]string
	usage                           func(error) string
	badKnown                        func(string) string
	checking                        string
	origin, pruned                  string
	heldBefore, damaged             string
	damagedAt                       func(seq int64) string
	checked, head                   string
	values, valuesSplit             string
	bundles, bundlesSplit           string
	compared, comparedSplit         string
	lives, livesSplit               string
	beyond, disregarded             string
	unknown, warning, more          string
	holds, holdsBut                 string
	reasons                         map[audit.Code]string
	warnings                        map[audit.Code]string
	warningFormat, warningCaseLabel string

	asked, same, erased, missing, otherEngine string
	erasedBy, missingOf, unbound              string
	different, otherwise, otherwiseNone       string
	change                                    string
	replayHolds, replayBut, replayDamaged     string
	badBundle                                 func(error) string

	activated, activatedSince, unjudged string
	badSigners                          func(error) string
}

// reason is the sentence for a damage, with the engineer's detail behind it.
func (c catalog) reason(d *audit.Damage) string {
	sentence, ok := c.reasons[d.Code]
	if !ok {
		sentence = string(d.Code)
	}
	if d.Detail == "" {
		return sentence
	}
	return sentence + " (" + d.Detail + ")"
}

func (c catalog) warn(w audit.Warning) string {
	sentence := fmt.Sprintf(c.warningFormat, w.Seq, c.warnings[w.Code])
	if w.Detail != "" {
		sentence += " (" + w.Detail + ")"
	}
	if w.Case == "" {
		return sentence
	}
	return sentence + c.warningCaseLabel + w.Case
}

var messages = map[string]catalog{
	"en": {
		about:     "Checks an export of Sceau's audit log, offline. Exit status: 0 all holds, 1 damage, 2 wrong usage, 3 holds with warnings.",
		usageHint: "Try: sceau-inspect verify DIR, or sceau-inspect replay DIR (or --help).",
		help: map[string]string{
			"help_lang":    "Language of the messages (default: the environment's).",
			"help_verify":  "Check every entry, opening and policy bundle of the export in DIR.",
			"help_dir":     "Folder that holds log.jsonl, openings.jsonl, meta.json and perhaps bundles/.",
			"help_replay":  "Evaluate every decision of the export in DIR again, by the policy that it names, and compare.",
			"help_with":    "Another policy bundle (.tar.gz): say what would have been decided differently with it.",
			"help_signers": "File with the signers of policy whom you know, PERSON KEY on each line, those who have left included: say who put which policy in force, and find decisions by any other.",
			"help_known":   "Hash that entry SEQ had when you last saw the log; may be repeated. Only this shows a log that was written anew.",
		},
		usage:         func(err error) string { return err.Error() },
		badKnown:      func(s string) string { return fmt.Sprintf("%.80q is not SEQ:HASH, as in 41:wBzHah8j…=", s) },
		checking:      "checking",
		origin:        "Log: ",
		pruned:        "Earlier entries were pruned; this export begins at seq: ",
		heldBefore:    "Entries checked before the damage: ",
		damaged:       "DAMAGED: ",
		damagedAt:     func(seq int64) string { return fmt.Sprintf("DAMAGED, first bad seq %d: ", seq) },
		checked:       "Entries checked: ",
		head:          "Hash of the last one: ",
		values:        "Values committed to: ",
		valuesSplit:   "%d (opened here and true: %d; sealed or erased: %d)",
		bundles:       "Policy bundles named: ",
		bundlesSplit:  "%d (bundle files checked: %d)",
		compared:      "Known hashes that still agree: ",
		comparedSplit: "%d (before the first entry, so not compared: %d)",
		lives:         "Cases whose life was replayed: ",
		livesSplit:    "%d (escalations in them: %d)",
		beyond:        "Of these, begun before this export and not judged: ",
		disregarded:   "Entries that no rule allows and from which nothing followed: ",
		unknown:       "Entries of a kind unknown to this version (chain checked, rules not): ",
		warning:       "WARNING, ",
		more:          "Further warnings not shown: ",
		holds:         "All hold.",
		holdsBut:      "All hold, with warnings: ",
		reasons: map[audit.Code]string{
			audit.CodeUnreadable: "a file is missing or cannot be read",
			audit.CodeMeta:       "meta.json is not as the format says",
			audit.CodeLeaf:       "the line is not one that the log's writer would have written",
			audit.CodeSeq:        "the entry does not have the next number: one is missing, doubled or moved",
			audit.CodePrev:       "the entry does not continue the one before: one of the two was changed",
			audit.CodeTime:       "the entry is earlier than the one before",
			audit.CodeCut:        "the log ends too early",
			audit.CodeNewline:    "the last line was cut",
			audit.CodeSurplus:    "the log goes on after its end",
			audit.CodeHead:       "the last entry's hash is not the one that the export announces",
			audit.CodeVia:        "this process may not record this action",
			audit.CodeIntent:     "the outcome of a release that was never ordered",
			audit.CodeOpening:    "an opening is not what the entry committed to",
			audit.CodeKnown:      "the entry is not the one you saw: the log was written anew",
			audit.CodeBundle:     "a policy bundle is missing or is not the one that was named",
			audit.CodeLife:       "the custodian recorded what no rule allows: nothing in this case can be relied on from here",
			audit.CodeReplay:     "a decision comes out otherwise when it is asked again",
			audit.CodePolicy:     "a decision was made by rules that the signers you named had not put in force",
		},
		warnings: map[audit.Code]string{
			audit.CodePossiblyOpened: "possibly opened: a release was ordered and its outcome is not recorded",
			audit.CodeUnfounded:      "a face recorded a decision by a policy that was not in force, or is nowhere",
			audit.CodeReviewOverdue:  "review overdue: the glass was broken for this request, and no supervisor reviewed it in time",
			audit.CodeDisregarded:    "somebody recorded what no rule allows; nothing followed from it, but a process is broken or not itself",
			audit.CodeActivation:     "an activation of policy that the signers you named do not bear out; nothing should have been decided until the next",
		},
		warningFormat:    "seq %d: %s",
		warningCaseLabel: ", case ",

		asked:         "Decisions in the log: ",
		same:          "Asked again, and the same to the byte: ",
		erased:        "Erased, so that nobody can ask again: ",
		erasedBy:      "seq %d: erased by entry %d",
		missing:       "Not in this export, and no entry says that they were erased: ",
		missingOf:     "seq %d: the input, or the policy that it names, is missing",
		unbound:       "seq %d: decided about another time, case or person than the entry's",
		otherEngine:   "Made by another version of the policy engine: ",
		different:     "DIFFERENT, ",
		otherwise:     "With the other policy, ",
		otherwiseNone: "With the other policy: nothing would have been decided differently.",
		change:        "seq %d, %s: %s, now %s",
		replayHolds:   "Every decision that can be asked again comes out as it was.",
		replayBut:     "Every decision that could be asked again comes out as it was; inputs are missing: ",
		replayDamaged: "DAMAGED, decisions that come out otherwise or are about something else: ",
		badBundle:     func(err error) string { return fmt.Sprintf("--with: this is no policy that can be loaded: %v", err) },

		activated:      "Policies in force, by the signers you named: ",
		activatedSince: "since seq %d, %s: serial %d, %s, signed by %s",
		unjudged:       "Decisions before the first activation in this export, not judged: ",
		badSigners:     func(err error) string { return fmt.Sprintf("--signers: these cannot be pinned: %v", err) },
	},
	"fr": {
		about:     "Vérifie, hors ligne, un export du journal d'audit de Sceau. Code de sortie : 0 tout est intact, 1 dommage, 2 mauvais usage, 3 intact avec avertissements.",
		usageHint: "Essayez : sceau-inspect verify DOSSIER, ou sceau-inspect replay DOSSIER (ou --help).",
		help: map[string]string{
			"help_lang":    "Langue des messages (par défaut : celle de l'environnement).",
			"help_verify":  "Vérifier chaque entrée, chaque ouverture et chaque jeu de règles de l'export.",
			"help_dir":     "Dossier qui contient log.jsonl, openings.jsonl, meta.json et peut-être bundles/.",
			"help_replay":  "Évaluer de nouveau chaque décision de l'export dans DOSSIER, par les règles qu'elle nomme, et comparer.",
			"help_with":    "Un autre jeu de règles (.tar.gz) : dire ce qui aurait été décidé autrement.",
			"help_signers": "Fichier des signataires des règles que vous connaissez, PERSONNE CLÉ sur chaque ligne, y compris ceux qui sont partis : dire qui a mis quelles règles en vigueur, et trouver les décisions prises par d'autres.",
			"help_known":   "Empreinte que l'entrée SEQ avait quand vous avez vu le journal ; peut être répété. Cela seul montre un journal entièrement réécrit.",
		},
		usage:         func(err error) string { return "mauvais usage : " + err.Error() },
		badKnown:      func(s string) string { return fmt.Sprintf("%.80q n'est pas de la forme SEQ:EMPREINTE", s) },
		checking:      "vérification",
		origin:        "Journal : ",
		pruned:        "Les entrées antérieures ont été élaguées ; cet export commence à seq : ",
		heldBefore:    "Entrées vérifiées avant le dommage : ",
		damaged:       "ENDOMMAGÉ : ",
		damagedAt:     func(seq int64) string { return fmt.Sprintf("ENDOMMAGÉ, première entrée fautive seq %d : ", seq) },
		checked:       "Entrées vérifiées : ",
		head:          "Empreinte de la dernière : ",
		values:        "Valeurs engagées : ",
		valuesSplit:   "%d (ouvertes ici et exactes : %d ; scellées ou effacées : %d)",
		bundles:       "Jeux de règles nommés : ",
		bundlesSplit:  "%d (fichiers vérifiés : %d)",
		compared:      "Empreintes connues toujours conformes : ",
		comparedSplit: "%d (avant la première entrée, donc non comparées : %d)",
		lives:         "Dossiers dont la vie a été rejouée : ",
		livesSplit:    "%d (demandes de levée : %d)",
		beyond:        "Dont commencés avant cet export, donc non jugés : ",
		disregarded:   "Entrées qu'aucune règle ne permet et dont rien n'a découlé : ",
		unknown:       "Entrées d'un type inconnu de cette version (chaîne vérifiée, règles non) : ",
		warning:       "ATTENTION, ",
		more:          "Autres avertissements non affichés : ",
		holds:         "Tout est intact.",
		holdsBut:      "Tout est intact, avec avertissements : ",
		reasons: map[audit.Code]string{
			audit.CodeUnreadable: "un fichier manque ou ne peut pas être lu",
			audit.CodeMeta:       "meta.json n'est pas conforme au format",
			audit.CodeLeaf:       "la ligne n'est pas de celles que le journal écrit",
			audit.CodeSeq:        "l'entrée n'a pas le numéro suivant : il en manque une, ou l'une est en double ou déplacée",
			audit.CodePrev:       "l'entrée ne prolonge pas la précédente : l'une des deux a été modifiée",
			audit.CodeTime:       "l'entrée est antérieure à la précédente",
			audit.CodeCut:        "le journal s'arrête trop tôt",
			audit.CodeNewline:    "la dernière ligne est coupée",
			audit.CodeSurplus:    "le journal continue après sa fin",
			audit.CodeHead:       "l'empreinte de la dernière entrée n'est pas celle que l'export annonce",
			audit.CodeVia:        "ce processus ne peut pas inscrire cette action",
			audit.CodeIntent:     "l'issue d'une levée qui n'a jamais été ordonnée",
			audit.CodeOpening:    "une ouverture ne correspond pas à l'engagement de l'entrée",
			audit.CodeKnown:      "l'entrée n'est pas celle que vous avez vue : le journal a été réécrit",
			audit.CodeBundle:     "un jeu de règles manque ou n'est pas celui qui est nommé",
			audit.CodeLife:       "le gardien a inscrit ce qu'aucune règle ne permet : dans ce dossier, rien n'est fiable à partir d'ici",
			audit.CodeReplay:     "une décision, posée de nouveau, donne une autre réponse",
			audit.CodePolicy:     "une décision a été prise par des règles que les signataires que vous nommez n'avaient pas mises en vigueur",
		},
		warnings: map[audit.Code]string{
			audit.CodePossiblyOpened: "peut-être ouverte : une levée a été ordonnée et son issue n'est pas inscrite",
			audit.CodeUnfounded:      "une face a inscrit une décision prise selon des règles qui n'étaient pas en vigueur, ou qui n'existent pas",
			audit.CodeReviewOverdue:  "contrôle en retard : la vitre a été brisée pour cette demande, et aucun superviseur ne l'a contrôlé à temps",
			audit.CodeDisregarded:    "quelqu'un a inscrit ce qu'aucune règle ne permet ; rien n'en a découlé, mais un processus est défaillant ou compromis",
			audit.CodeActivation:     "une mise en vigueur de règles que les signataires que vous nommez ne confirment pas ; rien n'aurait dû être décidé jusqu'à la suivante",
		},
		warningFormat:    "seq %d : %s",
		warningCaseLabel: ", dossier ",

		asked:         "Décisions dans le journal : ",
		same:          "Posées de nouveau, et identiques à l'octet près : ",
		erased:        "Effacées, donc que personne ne peut reposer : ",
		erasedBy:      "seq %d : effacée par l'entrée %d",
		missing:       "Absentes de cet export sans qu'une entrée les dise effacées : ",
		missingOf:     "seq %d : les données d'entrée manquent, ou les règles nommées",
		unbound:       "seq %d : décidée à propos d'un autre moment, dossier ou acteur que ceux de l'entrée",
		otherEngine:   "Prises par une autre version du moteur de règles : ",
		different:     "DIFFÉRENTE, ",
		otherwise:     "Avec l'autre jeu de règles, ",
		otherwiseNone: "Avec l'autre jeu de règles : rien n'aurait été décidé autrement.",
		change:        "seq %d, %s : %s, maintenant %s",
		replayHolds:   "Chaque décision qui peut être reposée donne la même réponse.",
		replayBut:     "Chaque décision qui a pu être reposée donne la même réponse ; données d'entrée absentes : ",
		replayDamaged: "ENDOMMAGÉ, décisions qui donnent une autre réponse ou portent sur autre chose : ",
		badBundle: func(err error) string {
			return fmt.Sprintf("--with : ce n'est pas un jeu de règles utilisable : %v", err)
		},

		activated:      "Règles en vigueur, d'après les signataires que vous nommez : ",
		activatedSince: "depuis seq %d, %s : série %d, %s, signées par %s",
		unjudged:       "Décisions antérieures à la première mise en vigueur de cet export, donc non jugées : ",
		badSigners:     func(err error) string { return fmt.Sprintf("--signers : signataires inutilisables : %v", err) },
	},
}
