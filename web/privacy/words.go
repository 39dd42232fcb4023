package privacy

import "github.com/sceau-project/sceau/web/page"

type word struct{ code, fr, en string }

func say(words []word, l page.Lang, code string) string {
	for _, w := range words {
		if w.code == code {
			return l.T(w.fr, w.en)
		}
	}
	return code
}

var holdReasons = []word{
	{"complaint", "Plainte", "Complaint"}, {"proceedings", "Procédure en cours", "Proceedings"},
	{"requisition", "Réquisition", "Requisition"}, {"internal_control", "Contrôle interne", "Internal control"},
}

var refusals = []word{
	{"danger_persists", "Le danger persiste", "Danger persists"}, {"legal_hold", "Obligation légale de conserver", "A legal duty to keep"},
	{"proceedings_under_way", "Une procédure est en cours", "Proceedings are under way"},
}

var parts = []word{
	{"transcript", "La conversation", "The conversation"}, {"identity", "L'identité", "The identity"}, {"openings", "Les ouvertures du journal", "The log's openings"},
}

var causes = []word{{"erasure", "effacement accordé", "erasure granted"}, {"retention", "durée de conservation", "retention"}}
