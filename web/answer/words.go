package answer

import (
	"fmt"
	"strings"

	"github.com/sceau-project/sceau/web/page"
)

// Word is a code in the two languages.
type Word struct{ Code, fr, en string }

// In says it.
func (w Word) In(l page.Lang) string { return l.T(w.fr, w.en) }

func say(words []Word, l page.Lang, code string) string {
	for _, w := range words {
		if w.Code == code {
			return w.In(l)
		}
	}
	return code
}

var grounds = []Word{
	{"imminent_danger", "Danger imminent", "Imminent danger"},
	{"consent", "Accord du jeune", "The young person agrees"},
	{"judicial_requisition", "Réquisition judiciaire", "Judicial requisition"},
}

// Ground names a ground.
func Ground(l page.Lang, code string) string { return say(grounds, l, code) }

var facets = []Word{
	{"connection", "connexion (adresse, port, heure)", "connection (address, port, time)"},
	{"name", "nom", "name"}, {"contact", "contact", "contact"}, {"location", "lieu", "location"},
}

// Facets names parts of an identity.
func Facets(l page.Lang, codes []string) string {
	out := make([]string, len(codes))
	for i, code := range codes {
		out[i] = say(facets, l, code)
	}
	return strings.Join(out, ", ")
}

// Brief names parts of an identity in a word each.
func Brief(l page.Lang, codes []string) string {
	out := make([]string, len(codes))
	for i, code := range codes {
		out[i], _, _ = strings.Cut(say(facets, l, code), " (")
	}
	return strings.Join(out, ", ")
}

var states = []Word{
	{"requested", "En attente de réponse", "Waiting for an answer"}, {"denied", "Refusée", "Denied"}, {"withdrawn", "Retirée par qui l'a faite", "Withdrawn by who asked"},
	{"expired", "Expirée", "Expired"}, {"approved", "Accordée, pas encore ouverte", "Granted, not opened yet"}, {"glass_broken", "Vitre brisée, pas encore ouverte", "Glass broken, not opened yet"},
	{"released", "Ouverte", "Opened"}, {"revoked", "Révoquée", "Revoked"}, {"closed", "Terminée", "Over"}, {"void", "Inutilisable", "Unusable"},
}

// State names a state.
func State(l page.Lang, code string) string { return say(states, l, code) }

// Denials, Revocations and the others are the coded reasons that a form offers.
var (
	Denials = []Word{
		{"danger_not_imminent", "Le danger n'est pas imminent", "Danger is not imminent"}, {"evidence_insufficient", "Les pièces ne suffisent pas", "The evidence is not enough"},
		{"facets_excessive", "Trop d'éléments demandés", "More was asked than is needed"}, {"other_means", "D'autres moyens existent", "There are other means"},
		{"wrong_ground", "Le motif n'est pas le bon", "It is the wrong ground"},
	}
	Revocations = []Word{
		{"danger_over", "Le danger est passé", "Danger is over"}, {"granted_in_error", "Accordée par erreur", "Granted in error"},
		{"minor_objects", "Le jeune s'y oppose", "The young person objects"}, {"misuse", "Usage abusif", "Misuse"},
	}
	Outcomes = []Word{
		{"told", "C'est dit", "Told"}, {"refused", "Ne veut pas le savoir", "Does not want to know"},
		{"later", "Plus tard", "Later"}, {"unsafe", "Pas sans danger pour l'instant", "Not safe for now"},
	}
	Unsafe = []Word{
		{"perpetrator_reads", "L'auteur peut lire", "The perpetrator may read"}, {"risk_of_violence", "Risque de violence", "Risk of violence"},
		{"risk_of_suicide", "Risque de suicide", "Risk of suicide"}, {"not_reachable", "Injoignable", "Not reachable"},
		{"magistrate_forbids", "Un magistrat l'interdit", "A magistrate forbids it"},
	}
)

// Reason names any coded reason.
func Reason(l page.Lang, code string) string {
	for _, words := range [][]Word{Denials, Revocations, Unsafe, Outcomes} {
		if said := say(words, l, code); said != code {
			return said
		}
	}
	if code == "requester_suspended" {
		return l.T("La personne qui demandait a été suspendue", "The requester was suspended")
	}
	return code
}

var authorities = []Word{
	{"prosecutor", "Procureur", "Prosecutor"}, {"investigating_judge", "Juge d'instruction", "Investigating judge"},
	{"childrens_judge", "Juge des enfants", "Children's judge"}, {"liberties_judge", "Juge des libertés et de la détention", "Liberties and custody judge"},
}

var listedCases = []Word{
	{"three_years", "Infraction punie d'au moins trois ans", "Offence punished by three years or more"},
	{"one_year_by_network", "Infraction par réseau, punie d'au moins un an", "Offence by network, punished by one year or more"},
	{"victims_equipment", "Équipement de la victime, à sa demande", "The victim's equipment, at their request"},
	{"missing_person", "Disparition", "Missing person"}, {"cold_case", "Crime non élucidé", "Cold case"},
}

// answer is one line of a danger assessment, in words. Grave ones are marked.
type answer struct {
	question, said string
	grave          bool
}

type question struct {
	code, fr, en string
	answers      []Word
	grave        []string
}

var yesNo = []Word{{"yes", "Oui", "Yes"}, {"no", "Non", "No"}, {"unknown", "On ne sait pas", "Not known"}}

var questions = []question{
	{"immediacy", "Quand", "When", []Word{{"now", "Maintenant", "Now"}, {"hours", "Dans les heures qui viennent", "Within hours"}, {"days", "Dans les jours qui viennent", "Within days"}, {"unclear", "Pas clair", "Unclear"}}, []string{"now", "hours"}},
	{"violence", "Violence", "Violence", []Word{{"none", "Aucune", "None"}, {"threat", "Menace", "Threat"}, {"ongoing", "En cours", "Under way"}, {"weapon", "Avec une arme", "With a weapon"}}, []string{"ongoing", "weapon"}},
	{"suicide", "Suicide", "Suicide", []Word{{"none", "Aucun signe", "No sign"}, {"ideation", "Idées", "Thoughts"}, {"plan", "Projet", "Plan"}, {"attempt_under_way", "Geste en cours", "Attempt under way"}}, []string{"plan", "attempt_under_way"}},
	{"perpetrator_present", "L'auteur est là", "The perpetrator is there", yesNo, []string{"yes"}},
	{"captive", "Retenu·e de force", "Held captive", yesNo, []string{"yes"}},
	{"alone", "Seul·e", "Alone", yesNo, nil},
	{"location_known", "On sait où", "The place is known", yesNo, nil},
	{"age_band", "Âge", "Age", []Word{{"under_10", "Moins de 10 ans", "Under 10"}, {"10_12", "10 à 12 ans", "10 to 12"}, {"13_15", "13 à 15 ans", "13 to 15"}, {"16_17", "16 ou 17 ans", "16 or 17"}, {"unknown", "On ne sait pas", "Not known"}}, []string{"under_10"}},
}

// assessed says a danger assessment in words, in the order of the questions.
func assessed(l page.Lang, codes map[string]string) []answer {
	var out []answer
	for _, q := range questions {
		code, given := codes[q.code]
		if !given || code == "" {
			continue
		}
		a := answer{question: l.T(q.fr, q.en), said: say(q.answers, l, code)}
		for _, grave := range q.grave {
			a.grave = a.grave || code == grave
		}
		out = append(out, a)
	}
	return out
}

// DangerWords says a level of danger, and how it looks.
func DangerWords(l page.Lang, d Danger) (text, look string) {
	switch d {
	case UnderWay:
		return l.T("Danger en cours", "Danger under way"), "danger"
	case Imminent:
		return l.T("Danger imminent", "Imminent danger"), "warn"
	case Agreed:
		return l.T("Avec l'accord du jeune", "The young person agrees"), "good"
	}
	return l.T("Réquisition judiciaire", "Judicial requisition"), ""
}

// rules says what policy asks for on a request, and why.
func rules(l page.Lang, q Request) []string {
	var out []string
	var who []string
	for _, n := range q.Needed {
		switch {
		case n.Role == "supervisor" && n.Count == 1:
			who = append(who, l.T("un superviseur", "a supervisor"))
		case n.Role == "privacy_officer" && n.Count == 1:
			who = append(who, l.T("une personne chargée de la protection des données", "a privacy officer"))
		default:
			who = append(who, fmt.Sprintf("%d × %s", n.Count, page.RoleName(l, n.Role)))
		}
	}
	if len(who) > 0 {
		out = append(out, l.T("Il faut l'accord de\u00a0: ", "It takes the approval of: ")+strings.Join(who, l.T(" et ", " and "))+
			l.T(". Ni la personne qui demande, ni quelqu'un qui a pris part à la conversation, sous aucun compte.", ". Neither who asks, nor anybody who took part in the conversation, under any account."))
	}
	switch q.Ground {
	case "imminent_danger":
		out = append(out, l.T("Motif\u00a0: un danger grave et imminent. L'accord du jeune n'est pas nécessaire\u00a0; quatre yeux le sont.", "Ground: grave and imminent danger. The young person's consent is not needed; four eyes are."))
	case "consent":
		out = append(out, l.T("Motif\u00a0: le jeune est d'accord, pour ces éléments seulement. S'il se reprend, tout s'arrête aussitôt.", "Ground: the young person agrees, to these facets only. If they take it back, it all ends at once."))
	case "judicial_requisition":
		out = append(out, l.T("Motif\u00a0: l'ordre écrit d'un magistrat. Seuls les éléments que l'ordre nomme peuvent être demandés.", "Ground: a magistrate's written order. Only the facets that the order names may be asked for."))
	}
	if q.BreakGlassFrom != nil && q.State == "requested" {
		out = append(out, fmt.Sprintf(l.T("Sans réponse, la vitre peut être brisée à partir de %s si un second agent le confirme\u00a0; ce serait à revoir ensuite.",
			"Without an answer the glass may be broken from %s if a second agent confirms; it would be reviewed after."), page.Clock(l, *q.BreakGlassFrom)))
	}
	return out
}
