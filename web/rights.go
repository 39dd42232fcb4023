package web

import (
	"context"
	"fmt"
	"time"

	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/custodian/order"
)

// What a minor may do with what is theirs: agree to an opening and take it back, ask
// who opened their identity, take a copy away, ask for erasure.

// consent is one that the minor gave, as they and the agents of the conversation see it.
type consent struct {
	ID        string    `json:"id"`
	Facets    []string  `json:"facets"`
	GivenAt   time.Time `json:"given_at"`
	Withdrawn bool      `json:"withdrawn"`
}

type consentsOutput struct {
	Body struct {
		Consents []consent `json:"consents" doc:"In the order in which they were given"`
	}
}

func consentsOf(sealed []conversation.SealedConsent) []consent {
	shown := make([]consent, len(sealed))
	for i, c := range sealed {
		shown[i] = consent{ID: c.ID, Facets: named(c.Facets), GivenAt: c.At, Withdrawn: c.Withdrawn}
	}
	return shown
}

func named(facets []conversation.Facet) []string {
	names := make([]string, len(facets))
	for i, f := range facets {
		names[i] = string(f)
	}
	return names
}

func (p *public) consents(ctx context.Context, _ *struct{}) (*consentsOutput, error) {
	sealed, err := p.conversations.Consents(ctx, callerOf(ctx).conversation)
	if err != nil {
		return nil, err
	}
	out := &consentsOutput{}
	out.Body.Consents = consentsOf(sealed)
	return out, nil
}

type consentInput struct {
	Body struct {
		Facets []string `json:"facets" nullable:"false" minItems:"1" maxItems:"8" uniqueItems:"true" pattern:"^[a-z_]{1,32}$" doc:"connection, name, contact, location"`
		Words  string   `json:"words" doc:"In one's own words, 1 to 500 characters; sealed"`
	}
}

type recordedOutput struct {
	Body struct {
		ID string    `json:"id"`
		At time.Time `json:"at"`
	}
}

func (p *public) giveConsent(ctx context.Context, in *consentInput) (*recordedOutput, error) {
	facets := make([]conversation.Facet, len(in.Body.Facets))
	for i, name := range in.Body.Facets {
		facets[i] = conversation.Facet(name)
	}
	given, err := p.conversations.GiveConsent(ctx, callerOf(ctx).conversation, actOf(ctx).key, facets, in.Body.Words)
	if err != nil {
		return nil, err
	}
	out := &recordedOutput{}
	out.Body.ID, out.Body.At = given.ID, given.At
	return out, nil
}

type consentAct struct {
	ID string `path:"id" maxLength:"64" doc:"The consent"`
	NoBody
}

// withdrawConsent takes a consent back. What rests on it ends in the same moment.
func (p *public) withdrawConsent(ctx context.Context, in *consentAct) (*struct{}, error) {
	return nil, p.conversations.WithdrawConsent(ctx, callerOf(ctx).conversation, actOf(ctx).key, in.ID)
}

// opening is one time that the identity was opened, or may have been.
type opening struct {
	OpenedAt time.Time `json:"opened_at"`
	Ground   string    `json:"ground" enum:"imminent_danger,consent,judicial_requisition"`
	Facets   []string  `json:"facets"`
	How      string    `json:"how" enum:"approved,break_glass" doc:"break_glass: before anybody had answered; looked at afterwards"`
	Review   string    `json:"review,omitempty" enum:"due,confirmed,abusive" doc:"After break_glass: what somebody else said of it"`
	Told     bool      `json:"told" doc:"Somebody has told about it in the conversation"`
}

type openingsOutput struct {
	Body struct {
		AsOf     string    `json:"as_of" format:"date"`
		Openings []opening `json:"openings"`
		Sentence string    `json:"sentence" doc:"In the reader's language"`
	}
}

// openings answers: who opened my identity? That nothing was opened and that nothing
// may be told yet is the same answer, to the byte: the custodian decides which.
func (p *public) openings(ctx context.Context, _ *struct{}) (*openingsOutput, error) {
	receipt, err := p.custodian.Receipt(ctx, order.AskReceipt{Caller: callerOf(ctx).order})
	if err != nil {
		return nil, err
	}
	out := &openingsOutput{}
	day := receipt.AsOf.UTC().Format(time.DateOnly)
	out.Body.AsOf, out.Body.Openings = day, make([]opening, len(receipt.Openings))
	for i, o := range receipt.Openings {
		out.Body.Openings[i] = opening(o)
	}
	french := ctx.Value(frenchKey{}).(bool)
	out.Body.Sentence = receiptSentence(french, len(receipt.Openings), day)
	return out, nil
}

func receiptSentence(french bool, openings int, day string) string {
	switch {
	case openings == 0 && french:
		return fmt.Sprintf("Aucune ouverture dont nous puissions te parler, à la date du %s. En cas de danger ou sur ordre d'un magistrat, nous devons parfois attendre.", day)
	case openings == 0:
		return fmt.Sprintf("No opening that we may tell you about, as of %s. In danger or on a magistrate's order we may have to wait.", day)
	case french:
		return fmt.Sprintf("Voici ce dont nous pouvons te parler, à la date du %s. En cas de danger ou sur ordre d'un magistrat, nous devons parfois attendre.", day)
	}
	return fmt.Sprintf("This is what we may tell you about, as of %s. In danger or on a magistrate's order we may have to wait.", day)
}

// written is one message of the minor's own.
type written struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// agreed is one consent in the minor's own words.
type agreed struct {
	consent
	Words string `json:"words"`
}

type copyOutput struct {
	Disposition string `header:"Content-Disposition"`
	Body        struct {
		Topic    string    `json:"topic"`
		OpenedAt time.Time `json:"opened_at"`
		Messages []written `json:"messages" doc:"What the minor wrote; what others wrote is theirs"`
		Consents []agreed  `json:"consents"`
		Facets   []string  `json:"facets" doc:"What was entrusted. The values are sealed and are not opened for this"`
	}
}

// takeCopy gives the minor all they wrote. Its name tells nothing on a shared
// computer.
func (p *public) takeCopy(ctx context.Context, _ *struct{}) (*copyOutput, error) {
	c := callerOf(ctx)
	v, err := p.view(ctx)
	if err != nil {
		return nil, err
	}
	out := &copyOutput{Disposition: `attachment; filename="notes.json"`}
	out.Body.Topic, out.Body.OpenedAt = string(v.Topic), v.OpenedAt
	out.Body.Messages, out.Body.Facets = []written{}, []string{}
	for from := 0; from < v.Messages; {
		page, err := readPage(ctx, p.conversations, p.readings, c, c.conversation, from)
		if err != nil {
			return nil, err
		}
		if len(page.Body.Messages) == 0 {
			break
		}
		for _, m := range page.Body.Messages {
			if m.Author == minor {
				out.Body.Messages = append(out.Body.Messages, written{At: m.At, Text: m.Text})
			}
		}
		from = page.Body.Messages[len(page.Body.Messages)-1].Position + 1
	}
	given, err := p.conversations.Consents(ctx, c.conversation)
	if err != nil {
		return nil, err
	}
	if out.Body.Consents, err = agreedOf(ctx, p.readings, c, c.conversation, given); err != nil {
		return nil, err
	}
	sealed, err := p.conversations.Sealed(ctx, c.conversation, conversation.FacetName, conversation.FacetContact, conversation.FacetLocation)
	if err != nil {
		return nil, err
	}
	for _, f := range sealed {
		if n := len(out.Body.Facets); n == 0 || out.Body.Facets[n-1] != string(f.Facet) {
			out.Body.Facets = append(out.Body.Facets, string(f.Facet))
		}
	}
	return out, nil
}

// erasure is what became of a request for erasure.
type erasure struct {
	ID          string     `json:"id"`
	RequestedAt time.Time  `json:"requested_at"`
	State       string     `json:"state" enum:"waiting,granted,refused"`
	Reason      string     `json:"reason,omitempty" enum:"legal_hold,proceedings_under_way,danger_persists" doc:"Why it was refused"`
	DecidedAt   *time.Time `json:"decided_at,omitempty"`
}

type erasuresOutput struct {
	Body struct {
		Erasures []erasure `json:"erasures"`
	}
}

func (p *public) erasures(ctx context.Context, _ *struct{}) (*erasuresOutput, error) {
	asked, err := p.conversations.Erasures(ctx, callerOf(ctx).conversation)
	if err != nil {
		return nil, err
	}
	out := &erasuresOutput{}
	out.Body.Erasures = make([]erasure, len(asked))
	for i, a := range asked {
		state := a.Verdict
		if state == "" {
			state = "waiting"
		}
		out.Body.Erasures[i] = erasure{ID: a.ID, RequestedAt: a.RequestedAt, State: state, Reason: a.Reason, DecidedAt: timeOrNil(a.DecidedAt)}
	}
	return out, nil
}

// askErasure asks that everything be destroyed. A privacy officer decides.
func (p *public) askErasure(ctx context.Context, _ *NoBody) (*recordedOutput, error) {
	asked, err := p.conversations.RequestErasure(ctx, callerOf(ctx).conversation, actOf(ctx).key)
	if err != nil {
		return nil, err
	}
	out := &recordedOutput{}
	out.Body.ID, out.Body.At = asked.ID, asked.At
	return out, nil
}
