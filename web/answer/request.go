package answer

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sceau-project/sceau/web/page"
)

// What the API says of a request, as far as these pages show it.
type (
	// Present is a member of staff as colleagues see them.
	Present struct {
		ID   string `json:"id"`
		Role string `json:"role"`
		Name string `json:"name"`
	}

	// Request is a request to lift anonymity.
	Request struct {
		ID           string     `json:"id"`
		Conversation string     `json:"conversation"`
		State        string     `json:"state"`
		Ground       string     `json:"ground"`
		Requester    Present    `json:"requester"`
		RequestedAt  time.Time  `json:"requested_at"`
		Hash         string     `json:"request"` // what an answer is bound to
		Facets       []string   `json:"facets"`
		Evidence     []int64    `json:"evidence"`
		AnswerBy     *time.Time `json:"answer_by"`
		Read         bool       `json:"read"`
		Granted      []string   `json:"granted"`
		UseBy        *time.Time `json:"use_by"`
		ReadUntil    *time.Time `json:"read_until"`
		Uses         int64      `json:"uses"`
		Denial       string     `json:"denial"`
		DeniedBy     *Present   `json:"denied_by"`
		Revocation   string     `json:"revocation"`
		RevokedBy    *Present   `json:"revoked_by"`
		ClosedFor    string     `json:"closed_for"`

		WidenedAt      *time.Time `json:"widened_at"`
		BreakGlassFrom *time.Time `json:"break_glass_from"`
		BrokenAt       *time.Time `json:"broken_at"`
		ReviewBy       *time.Time `json:"review_by"`
		Review         string     `json:"review"`
		Authority      string     `json:"authority"`
		ListedCase     string     `json:"listed_case"`
		TellBy         *time.Time `json:"tell_by"`

		Assessment map[string]string `json:"assessment"`
		Needed     []struct {
			Role  string `json:"role"`
			Count int    `json:"count"`
		} `json:"needed"`
		Approvals []struct {
			By     Present   `json:"by"`
			Facets []string  `json:"facets"`
			At     time.Time `json:"at"`
		} `json:"approvals"`
		Confirmations []struct {
			By Present   `json:"by"`
			At time.Time `json:"at"`
		} `json:"confirmations"`
		Tellings []struct {
			By      Present   `json:"by"`
			At      time.Time `json:"at"`
			Outcome string    `json:"outcome"`
			Reason  string    `json:"reason"`
		} `json:"tellings"`
	}

	// List is what waits, and what was granted and is not over.
	List struct {
		Pending  []Request `json:"pending"`
		Standing []Request `json:"standing"`
		More     bool      `json:"more"`
		Damaged  int       `json:"damaged"`
	}
)

// Danger is how grave a request says that it is: what cannot wait comes first.
type Danger int

// The levels of danger, from the least.
const (
	Ordered  Danger = iota // a magistrate's order: nobody says that there is danger
	Agreed                 // the young person agrees
	Imminent               // danger within hours
	UnderWay               // violence, an attempt or captivity, now
)

// Danger reads the coded answers as policy does: docs/lifecycle.md.
func (q Request) Danger() Danger {
	switch a := q.Assessment; {
	case q.Ground == "consent":
		return Agreed
	case q.Ground != "imminent_danger":
		return Ordered
	case a["violence"] == "ongoing", a["violence"] == "weapon", a["suicide"] == "attempt_under_way", a["captive"] == "yes":
		return UnderWay
	}
	return Imminent
}

// Sort puts the most dangerous first, and of those the oldest.
func Sort(list []Request) {
	slices.SortStableFunc(list, func(a, b Request) int {
		return cmp.Or(cmp.Compare(b.Danger(), a.Danger()), a.RequestedAt.Compare(b.RequestedAt))
	})
}

// Age is for how long a request waits, and how grave that is: against the time that
// there is to answer, not against a clock of ours.
func (q Request) Age(now time.Time) (seconds int64, level string) {
	age := max(0, now.Sub(q.RequestedAt))
	level = "calm"
	if q.AnswerBy != nil {
		switch whole := q.AnswerBy.Sub(q.RequestedAt); {
		case age > whole/2:
			level = "late"
		case age > whole/5:
			level = "soon"
		}
	}
	return int64(age.Seconds()), level
}

// Mark names what somebody has seen of a request: when it differs, somebody has acted.
func (q Request) Mark() string {
	return fmt.Sprintf("%s.%d.%d.%s.%d", q.State, len(q.Approvals), len(q.Confirmations), q.Review, len(q.Tellings))
}

// Answerable says whether somebody's answer is awaited.
func (q Request) Answerable(now time.Time) bool {
	return q.State == "requested" && (q.AnswerBy == nil || !now.After(*q.AnswerBy))
}

// Revocable says whether something can still be opened, or is being read.
func (q Request) Revocable() bool {
	return slices.Contains([]string{"approved", "glass_broken", "released"}, q.State)
}

// ToReview says whether the glass was broken and nobody has said yet whether that was right.
func (q Request) ToReview() bool { return q.BrokenAt != nil && q.Review == "" }

// Answered says whether this person has approved already, and others are waited for.
func (q Request) Answered(id string) bool {
	for _, a := range q.Approvals {
		if a.By.ID == id {
			return true
		}
	}
	return false
}

// Evidence is what a request rests on, as the API shows it to who reads it.
type Evidence struct {
	Hash       string            `json:"request"`
	Scope      string            `json:"scope"`
	Assessment map[string]string `json:"assessment"`
	Narrative  string            `json:"narrative"`
	Messages   []struct {
		Position int       `json:"position"`
		Author   string    `json:"author"`
		At       time.Time `json:"at"`
		Text     string    `json:"text"`
	} `json:"messages"`
	Words   string `json:"words"`
	Opinion *struct {
		Opinion string    `json:"opinion"`
		At      time.Time `json:"at"`
		Note    string    `json:"note"`
	} `json:"opinion"`
	Requisition *struct {
		Authority  string `json:"authority"`
		Reference  string `json:"reference"`
		ListedCase string `json:"listed_case"`
	} `json:"requisition"`
	Altered []string `json:"altered"`
}

// Named is a person, or their role when there is no name.
func (p Present) Named(l page.Lang) string {
	if p.Name != "" {
		return p.Name
	}
	return page.RoleName(l, p.Role)
}
