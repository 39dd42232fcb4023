package story

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// colleague is a signed-in member of staff: one session, one role.
type colleague struct {
	client
	account string
	id      string // the random id that entries name
}

// signIn signs an account in. role chooses among several; "" where there is one.
func (s *stage) signIn(ctx context.Context, account, role string) (*colleague, error) {
	token, err := s.cfg.Login(ctx, account)
	if err != nil {
		return nil, err
	}
	c := &colleague{account: account, client: client{base: s.cfg.Staff, bearer: token, http: s.staffHTTP, header: http.Header{}}}
	if role != "" {
		c.header.Set("Sceau-Role", role)
	}
	var me struct {
		ID   string `json:"id"`
		Role string `json:"role"`
	}
	if err := c.do(ctx, http.MethodGet, "/me", nil, &me); err != nil {
		return nil, fmt.Errorf("%s signing in: %w", account, err)
	}
	if role != "" && me.Role != role {
		return nil, fmt.Errorf("%s signed in as %s, not as %s", account, me.Role, role)
	}
	c.id = me.ID
	return c, nil
}

// message is a message as both faces show it.
type message struct {
	Position int    `json:"position"`
	Author   string `json:"author"`
	Text     string `json:"text"`
	SHA256   string `json:"sha256"`
}

// text is the body of a message.
func text(what string) map[string]string { return map[string]string{"text": what} }

// readMessages reads one page from a position on.
func readMessages(ctx context.Context, c *client, conversation string, from int) ([]message, error) {
	var out struct {
		Messages []message `json:"messages"`
	}
	err := c.do(ctx, http.MethodGet, fmt.Sprintf("%s/messages?from=%d", conversation, from), nil, &out)
	return out.Messages, err
}

// waiting lists the ids of the conversations that nobody has joined.
func (c *colleague) waiting(ctx context.Context) ([]string, error) {
	var out struct {
		Waiting []struct {
			ID string `json:"id"`
		} `json:"waiting"`
	}
	if err := c.do(ctx, http.MethodGet, "/conversations", nil, &out); err != nil {
		return nil, err
	}
	var ids []string
	for _, w := range out.Waiting {
		ids = append(ids, w.ID)
	}
	return ids, nil
}

func (c *colleague) join(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPost, "/conversations/"+id+"/join", nil, nil)
}

func (c *colleague) say(ctx context.Context, id, what string) error {
	return c.do(ctx, http.MethodPost, "/conversations/"+id+"/messages", text(what), nil)
}

// messages reads the whole conversation.
func (c *colleague) messages(ctx context.Context, id string) ([]message, error) {
	var all []message
	for {
		page, err := readMessages(ctx, &c.client, "/conversations/"+id, len(all))
		if err != nil || len(page) == 0 {
			return all, err
		}
		all = append(all, page...)
	}
}

func (c *colleague) handOver(ctx context.Context, id, to string) error {
	return c.do(ctx, http.MethodPost, "/conversations/"+id+"/hand-over", map[string]string{"to": to}, nil)
}

func (c *colleague) close(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPost, "/conversations/"+id+"/close", nil, nil)
}

// lift is a request to lift anonymity, as its author sends it.
type asking struct {
	Ground      string            `json:"ground"`
	Assessment  map[string]string `json:"assessment"`
	Facets      []string          `json:"facets"`
	Evidence    []citation        `json:"evidence"`
	Consent     string            `json:"consent,omitempty"`
	Requisition object            `json:"requisition,omitempty"`
	Narrative   string            `json:"narrative"`
}

// citation names a message by its place and by what it says.
type citation struct {
	Position int    `json:"position"`
	SHA256   string `json:"sha256"`
}

// escalation is a request as the staff face shows it.
type escalation struct {
	ID        string    `json:"id"`
	State     string    `json:"state"`
	Request   string    `json:"request"`
	Facets    []string  `json:"facets"`
	Granted   []string  `json:"granted"`
	AnswerBy  time.Time `json:"answer_by"`
	UseBy     time.Time `json:"use_by"`
	ReadUntil time.Time `json:"read_until"`
	ClosedFor string    `json:"closed_for"`

	WidenedAt      time.Time `json:"widened_at"`
	BreakGlassFrom time.Time `json:"break_glass_from"`
}

func (c *colleague) ask(ctx context.Context, id string, l asking) (escalation, error) {
	var out escalation
	err := c.do(ctx, http.MethodPost, "/conversations/"+id+"/escalations", l, &out)
	return out, err
}

func (c *colleague) escalation(ctx context.Context, id string) (escalation, error) {
	var out escalation
	err := c.do(ctx, http.MethodGet, "/escalations/"+id, nil, &out)
	return out, err
}

func (c *colleague) approve(ctx context.Context, id, request string, facets ...string) error {
	return c.do(ctx, http.MethodPost, "/escalations/"+id+"/approve", map[string]any{"request": request, "facets": facets}, nil)
}

func (c *colleague) deny(ctx context.Context, id, request, reason string) error {
	return c.do(ctx, http.MethodPost, "/escalations/"+id+"/deny", map[string]any{"request": request, "reason": reason}, nil)
}

func (c *colleague) withdraw(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPost, "/escalations/"+id+"/withdraw", nil, nil)
}

// evidence is what is read before answering: by a supervisor the messages that were
// cited, by a privacy officer the magistrate's order.
type evidence struct {
	Request   string    `json:"request"`
	Scope     string    `json:"scope"`
	Narrative string    `json:"narrative"`
	Messages  []message `json:"messages"`
	Words     string    `json:"words"` // of a consent
	Opinion   struct {
		Note string `json:"note"`
	} `json:"opinion"`
	Requisition struct {
		Reference string `json:"reference"`
	} `json:"requisition"`
}

func (c *colleague) evidence(ctx context.Context, id string) (evidence, error) {
	var out evidence
	err := c.do(ctx, http.MethodPost, "/escalations/"+id+"/evidence", nil, &out)
	return out, err
}

// identity is what an opened lift shows.
type identity struct {
	ReadUntil time.Time `json:"read_until"`
	Facets    []struct {
		Facet      string `json:"facet"`
		Number     int    `json:"number"`
		Value      string `json:"value"`
		Connection *struct {
			Address string    `json:"address"`
			Port    uint16    `json:"port"`
			At      time.Time `json:"at"`
		} `json:"connection"`
	} `json:"facets"`
}

func (c *colleague) unseal(ctx context.Context, id string, facets ...string) (identity, error) {
	var out identity
	err := c.do(ctx, http.MethodPost, "/escalations/"+id+"/identity", map[string]any{"facets": facets}, &out)
	return out, err
}
