package notice

import (
	"fmt"
	"strings"
)

// A sentence is fixed: nothing of the case, and no word of anybody, is in a mail.
type sentence struct{ fr, en string }

var sentences = map[Kind]sentence{
	RequestWaiting:     {"Une demande de levée d’anonymat attend une réponse.", "A request to lift anonymity waits for an answer."},
	RequestReminder:    {"Une demande de levée d’anonymat attend toujours une réponse.", "A request to lift anonymity still waits for an answer."},
	RequestWidened:     {"Une demande de levée d’anonymat est sans réponse : toute personne qui supervise est appelée.", "A request to lift anonymity has no answer: every supervisor is called."},
	RequisitionWaiting: {"Une demande sur réquisition judiciaire attend votre réponse.", "A request on a judicial requisition waits for your answer."},
	ConfirmationWanted: {"Une demande sans réponse attend qu’une seconde personne confirme le danger.", "An unanswered request waits for a second agent to confirm the danger."},
	GlassBroken:        {"Une identité a été ouverte en urgence, avant toute approbation.", "An identity was opened by break-glass, before any approval."},
	ReviewDue:          {"La revue d’une ouverture en urgence est à faire.", "The review of a break-glass is due."},
	ReviewOverdue:      {"La revue d’une ouverture en urgence n’a pas été faite à temps.", "The review of a break-glass is overdue."},
	TellingDue:         {"Une levée d’anonymat n’a pas encore été annoncée à la jeune personne concernée.", "A young person has not been told yet that their anonymity was lifted."},
	ErasureWaiting:     {"Une demande d’effacement attend une décision.", "A request for erasure waits for a decision."},
	PsychologistWanted: {"Une conversation attend un·e psychologue.", "A conversation waits for a psychologist."},
	PolicyChanged:      {"Une autre politique d’accès est en vigueur.", "Another access policy is in force."},
}

// A Letter is a notice as mail: the same for every reader, in French and English.
type Letter struct{ Subject, Body string }

// Letter writes the notice as mail. link is the staff face's address: what waits
// is read there, by whoever may, and nowhere else.
func (n Notice) Letter(link string) (Letter, error) {
	if err := n.Check(); err != nil {
		return Letter{}, err
	}
	s := sentences[n.Kind]
	var body strings.Builder
	fmt.Fprintf(&body, "%s\n%s\n\n", s.fr, s.en)
	fmt.Fprintf(&body, "%s\n%s\n\n", n.ID, link)
	body.WriteString("Ce message est automatique ; il peut arriver deux fois. Ce qui attend se lit dans Sceau.\n" +
		"This message is automatic, and may come twice. What waits is read in Sceau.\n")
	return Letter{
		Subject: "Sceau : " + strings.TrimSuffix(s.fr, ".") + " / " + strings.TrimSuffix(s.en, "."),
		Body:    body.String(),
	}, nil
}
