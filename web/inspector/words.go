package inspector

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sceau-project/sceau/web/page"
)

// What the codes of the log are called. A code is always shown beside its words: it is
// what the log holds, and what a search takes.

type pairOf [2]string // French, English

func (w pairOf) in(l page.Lang) string { return l.T(w[0], w[1]) }

// action is one of the log's, in the order in which the form lists them.
type action struct {
	code string
	pairOf
}

var actions = []action{
	{"conversation.opened", pairOf{"Conversation ouverte", "Conversation opened"}},
	{"conversation.joined", pairOf{"Conversation rejointe", "Conversation joined"}},
	{"conversation.read", pairOf{"Messages lus", "Messages read"}},
	{"conversation.handed_over", pairOf{"Conversation transmise", "Conversation handed over"}},
	{"conversation.closed", pairOf{"Conversation fermée", "Conversation closed"}},
	{"psychologist.asked", pairOf{"Psychologue appelé", "Psychologist asked"}},
	{"opinion.recorded", pairOf{"Avis du psychologue", "Psychologist's opinion"}},
	{"identity.sealed", pairOf{"Élément d'identité scellé", "Part of an identity sealed"}},
	{"consent.given", pairOf{"Accord donné par le jeune", "Consent given"}},
	{"consent.withdrawn", pairOf{"Accord repris par le jeune", "Consent taken back"}},
	{"escalation.requested", pairOf{"Levée d'anonymat demandée", "Request to lift anonymity"}},
	{"escalation.refused", pairOf{"Demande refusée par la règle", "Request refused by policy"}},
	{"escalation.widened", pairOf{"Demande élargie à tous les superviseurs", "Request widened to every supervisor"}},
	{"evidence.read", pairOf{"Pièces lues", "Evidence read"}},
	{"escalation.approval_given", pairOf{"Accord d'un décideur", "Approval given"}},
	{"escalation.approved", pairOf{"Demande accordée", "Request approved"}},
	{"escalation.denied", pairOf{"Demande refusée", "Request denied"}},
	{"escalation.withdrawn", pairOf{"Demande retirée", "Request withdrawn"}},
	{"escalation.expired", pairOf{"Demande expirée", "Request expired"}},
	{"escalation.break_glass_confirmed", pairOf{"Bris de vitre confirmé par un second agent", "Breaking the glass confirmed"}},
	{"escalation.glass_broken", pairOf{"Vitre brisée", "Glass broken"}},
	{"escalation.reviewed", pairOf{"Bris de vitre réexaminé", "Broken glass reviewed"}},
	{"escalation.revoked", pairOf{"Levée révoquée", "Grant revoked"}},
	{"escalation.closed", pairOf{"Levée terminée", "Grant closed"}},
	{"identity.release_ordered", pairOf{"Ouverture de l'identité ordonnée", "Opening of the identity ordered"}},
	{"identity.released", pairOf{"Identité ouverte", "Identity opened"}},
	{"identity.release_failed", pairOf{"Ouverture échouée", "Opening failed"}},
	{"identity.viewed", pairOf{"Identité affichée", "Identity viewed"}},
	{"identity.printed", pairOf{"Fiche imprimée", "Sheet printed"}},
	{"minor.told", pairOf{"Jeune informé, ou pourquoi pas encore", "Young person told, or why not yet"}},
	{"receipt.given", pairOf{"« Qui a ouvert mon identité ? »", "“Who opened my identity?”"}},
	{"phrase.issued", pairOf{"Phrase secrète remise", "Recovery phrase issued"}},
	{"phrase.returned", pairOf{"Retour avec la phrase secrète", "Return with the phrase"}},
	{"erasure.requested", pairOf{"Effacement demandé", "Erasure requested"}},
	{"erasure.decided", pairOf{"Effacement décidé", "Erasure decided"}},
	{"hold.set", pairOf{"Conservation posée", "Hold set"}},
	{"hold.lifted", pairOf{"Conservation levée", "Hold lifted"}},
	{"key.created", pairOf{"Clé créée", "Key created"}},
	{"key.destroyed", pairOf{"Clé détruite", "Key destroyed"}},
	{"openings.erased", pairOf{"Données des décisions effacées", "Inputs of decisions erased"}},
	{"policy.activated", pairOf{"Règle mise en vigueur", "Policy put in force"}},
	{"staff.signed_in", pairOf{"Connexion", "Signed in"}},
	{"staff.signed_out", pairOf{"Déconnexion", "Signed out"}},
	{"staff.suspended", pairOf{"Personne suspendue", "Person suspended"}},
	{"staff.restored", pairOf{"Suspension levée", "Person restored"}},
	{"log.read", pairOf{"Journal consulté", "Log read"}},
	{"log.exported", pairOf{"Journal exporté par l'exploitant", "Log exported by the operator"}},
	{"log.pruned", pairOf{"Journal élagué", "Log pruned"}},
	{"log.continued", pairOf{"Journal continué", "Log continued"}},
	{"clock.stepped", pairOf{"Horloge en arrière", "Clock stepped back"}},
}

func actionName(l page.Lang, code string) string {
	if i := slices.IndexFunc(actions, func(a action) bool { return a.code == code }); i >= 0 {
		return actions[i].in(l)
	}
	return code
}

var words = map[string]pairOf{
	// Grounds.
	"imminent_danger":      {"Danger imminent", "Imminent danger"},
	"consent":              {"Accord du jeune", "Consent"},
	"judicial_requisition": {"Réquisition judiciaire", "Judicial requisition"},
	// States.
	"requested": {"en attente", "waiting for an answer"}, "refused": {"refusée par la règle", "refused by policy"}, "denied": {"refusée", "denied"},
	"withdrawn": {"retirée", "withdrawn"}, "expired": {"expirée", "expired"}, "approved": {"accordée", "approved"},
	"glass_broken": {"vitre brisée", "glass broken"}, "released": {"identité ouverte", "identity opened"},
	"revoked": {"révoquée", "revoked"}, "closed": {"terminée", "closed"}, "void": {"inutilisable", "void"},
	"active": {"en cours", "under way"},
	// What policy said.
	"allow": {"autorisé", "allowed"}, "refuse": {"refusé", "refused"},
	// Processes.
	"public": {"la face des mineurs", "the minors' face"}, "staff": {"la face des agents", "the staff face"}, "custodian": {"le gardien des clés", "the custodian"},
	"operator": {"l'exploitant", "the operator"}, "sweeper": {"le balayage des délais", "the sweep of deadlines"}, "publisher": {"la publication", "the publisher"},
	// Facets.
	"connection": {"connexion", "connection"}, "name": {"nom", "name"}, "contact": {"contact", "contact"}, "location": {"lieu", "location"},
	// Reviews.
	"confirmed": {"justifié", "upheld"}, "abusive": {"abusif", "abusive"},
	// Openings.
	"possibly_opened": {"peut-être ouverte", "possibly opened"}, "opened": {"ouverte", "opened"}, "failed": {"échouée", "failed"},
	// What waits.
	"conversations": {"Conversations sans agent", "Conversations without an agent"},
	"requests":      {"Demandes de levée sans réponse", "Requests without an answer"},
	"reviews":       {"Vitres brisées à réexaminer", "Broken glasses to review"},
	"tellings":      {"Jeunes à informer d'une ouverture", "Young people to tell of an opening"},
	"erasures":      {"Demandes d'effacement", "Requests for erasure"},
	// Why somebody asks for a name.
	"collusion": {"soupçon d'entente", "suspected collusion"}, "complaint": {"plainte", "complaint"}, "misuse": {"soupçon d'abus", "suspected misuse"},
	"proceedings": {"procédure judiciaire", "legal proceedings"},
	// Damage.
	"stored": {"l'entrée stockée a été modifiée", "the stored entry was changed"}, "leaf": {"une entrée n'est pas ce que le service écrit", "an entry is not what the service writes"},
	"seq": {"un numéro manque", "a number is missing"}, "prev": {"la chaîne est rompue", "the chain is broken"}, "cut": {"la fin manque", "the end is missing"},
	"time": {"une date recule", "a time goes back"}, "head": {"la tête n'est pas la dernière entrée", "the head is not the last entry"},
	"via": {"écrite par qui n'en a pas le droit", "written by who may not"}, "intent": {"une ouverture sans ordre", "an opening without its order"},
	"opening": {"une valeur n'est pas celle qui fut engagée", "a value is not what was committed to"},
	"known":   {"le journal a été réécrit", "the log was written anew"}, "bundle": {"une règle manque ou a changé", "a policy is missing or changed"},
	"surplus": {"des entrées en trop", "entries too many"}, "meta": {"description incohérente", "its description contradicts itself"},
	"newline": {"une ligne n'est pas finie", "a line is not ended"},
}

// roleName is what a role, or a process, is called.
func roleName(l page.Lang, role string) string {
	if name := page.RoleName(l, role); name != role {
		return name
	}
	return word(l, role)
}

// word is what a code is called; the code itself when it has no name.
func word(l page.Lang, code string) string {
	if w, ok := words[code]; ok {
		return w.in(l)
	}
	return code
}

func list(l page.Lang, codes []string) string {
	named := make([]string, len(codes))
	for i, code := range codes {
		named[i] = word(l, code)
	}
	return strings.Join(named, ", ")
}

// The closed lists of the form.
var (
	grounds  = []string{"imminent_danger", "consent", "judicial_requisition"}
	states   = []string{"requested", "refused", "denied", "withdrawn", "expired", "approved", "glass_broken", "released", "revoked", "closed"}
	roles    = []string{"agent", "psychologist", "supervisor", "inspector", "privacy_officer"}
	vias     = []string{"public", "staff", "custodian", "operator"}
	outcomes = []string{"allow", "refuse"}
	namings  = []string{"misuse", "collusion", "complaint", "proceedings"}
)

// replayed says what came out when a decision was asked again.
func replayed(l page.Lang, d decision) (tone, text string) {
	switch d.Replay {
	case "same":
		return "good", l.T("Posée à nouveau à l'instant, la question a reçu la même réponse, à l'octet près.", "Asked again just now, the question got the same answer, to the byte.")
	case "different":
		return "danger", l.T("Posée à nouveau à l'instant, la question a reçu une autre réponse : le journal, la règle ou le moteur n'est plus ce qu'il était.",
			"Asked again just now, the question got another answer: the log, the policy or the engine is not what it was.")
	case "erased":
		return "warn", l.T("Ce qui fut demandé à la règle a été effacé par l'entrée ", "What policy was asked was erased by entry ") + strconv.FormatInt(*d.ErasedBy, 10) +
			l.T(" : personne ne peut plus reposer la question.", ": nobody can ask it again.")
	case "input_missing":
		return "danger", l.T("Ce qui fut demandé à la règle manque, sans entrée qui dise son effacement.", "What policy was asked is missing, and no entry says that it was erased.")
	case "bundle_missing":
		return "danger", l.T("La règle que l'entrée nomme n'est pas conservée ici.", "The policy that the entry names is not kept here.")
	}
	return "danger", l.T("La règle conservée n'est pas celle que l'entrée nomme, ou ne se lit pas.", "The policy that is kept is not the one that the entry names, or cannot be read.")
}

// shown are details of an entry, as "name: value".
func shown(details map[string]any) []string {
	names := make([]string, 0, len(details))
	for name := range details {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		value := details[name]
		if n, ok := value.(float64); ok {
			value = strconv.FormatFloat(n, 'f', -1, 64) // below 2⁵³: exact
		}
		names[i] = fmt.Sprintf("%s: %v", name, value)
	}
	return names
}
