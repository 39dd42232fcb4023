package answer

import (
	"strings"
	"time"

	"github.com/sceau-project/sceau/web/page"
)

// Waited is for how long a request waits, as it is shown.
type Waited struct {
	Seconds int64
	Level   string // calm, soon, late
	Now     time.Time
}

func waited(q Request, now time.Time) Waited {
	seconds, level := q.Age(now)
	return Waited{seconds, level, now}
}

// WaitedAt is how long a request has waited at a time.
func WaitedAt(q Request, now time.Time) Waited { return waited(q, now) }

func dangerText(l page.Lang, q Request) string { text, _ := DangerWords(l, q.Danger()); return text }
func dangerLook(l page.Lang, q Request) string { _, look := DangerWords(l, q.Danger()); return look }

// assessedGrave says the grave answers in one line.
func assessedGrave(l page.Lang, q Request) string {
	var out []string
	for _, a := range assessed(l, q.Assessment) {
		if a.grave {
			out = append(out, a.question+l.T("\u00a0: ", ": ")+strings.ToLower(a.said))
		}
	}
	return strings.Join(out, " · ")
}

func approvedBy(l page.Lang, q Request) string {
	return l.T("Déjà accordé par ", "Approved so far by ") + approvers(l, q)
}

func approvers(l page.Lang, q Request) string {
	names := make([]string, len(q.Approvals))
	for i, a := range q.Approvals {
		names[i] = a.By.Named(l)
	}
	return strings.Join(names, l.T(" et ", " and "))
}

// happened says in a sentence what became of a request, and by whom.
func happened(l page.Lang, q Request) string {
	by := func(who *Present) string {
		if who == nil {
			return ""
		}
		return l.T(" par ", " by ") + who.Named(l)
	}
	because := func(code string) string {
		if code == "" {
			return ""
		}
		return l.T("\u00a0: ", ": ") + lower(Reason(l, code))
	}
	reviewed := ""
	switch q.Review {
	case "confirmed":
		reviewed = l.T(" Revue\u00a0: c'était justifié.", " Reviewed: it was right.")
	case "abusive":
		reviewed = l.T(" Revue\u00a0: c'était abusif.", " Reviewed: it was abusive.")
	}
	switch q.State {
	case "requested":
		if len(q.Approvals) > 0 {
			return approvedBy(l, q) + l.T(". Il faut encore un accord.", ". It takes one more approval.")
		}
		return l.T("Personne n'a encore répondu.", "Nobody has answered yet.")
	case "approved":
		return l.T("Accordée par ", "Granted by ") + approvers(l, q) + " (" + Brief(l, q.Granted) + l.T("). Pas encore ouverte.", "). Not opened yet.")
	case "denied":
		return l.T("Refusée", "Denied") + by(q.DeniedBy) + because(q.Denial) + "."
	case "withdrawn":
		return l.T("Retirée par la personne qui l'avait faite.", "Withdrawn by who had asked.")
	case "expired":
		return l.T("Expirée\u00a0: personne n'a répondu, ou rien n'a été ouvert, à temps.", "Expired: nobody answered, or nothing was opened, in time.") + reviewed
	case "glass_broken":
		return l.T("La vitre a été brisée\u00a0; rien n'est encore ouvert.", "The glass was broken; nothing is opened yet.") + reviewed
	case "released":
		return l.T("Ouverte\u00a0: l'agent lit, ou a lu, ce qui était accordé.", "Opened: the agent reads, or has read, what was granted.") + reviewed
	case "revoked":
		return l.T("Révoquée", "Revoked") + by(q.RevokedBy) + because(q.Revocation) + "." + reviewed
	case "closed":
		return l.T("Terminée", "Over") + because(q.ClosedFor) + "." + reviewed
	}
	return State(l, q.State) + "." + reviewed
}

// Happened says what became of a request.
func Happened(l page.Lang, q Request) string { return happened(l, q) }

// lower begins a sentence's rest: the reasons begin with a capital.
func lower(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	return strings.ToLower(string(r[0])) + string(r[1:])
}
