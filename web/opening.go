package web

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/policy"
)

type evidenceOutput struct {
	Body struct {
		Request     string       `json:"request" doc:"Leaf hash of the request: what the answer must name"`
		Ground      string       `json:"ground"`
		Facets      []string     `json:"facets" doc:"Asked for"`
		Scope       string       `json:"scope" enum:"messages,requisition" doc:"A privacy officer sees the order, and no message"`
		Assessment  *assessment  `json:"assessment,omitempty"`
		Narrative   string       `json:"narrative,omitempty"`
		Messages    []message    `json:"messages" doc:"Exactly those that the request cites"`
		Words       string       `json:"words,omitempty" doc:"On ground consent: the young person's own"`
		Opinion     *opinion     `json:"opinion,omitempty" doc:"The latest of a psychologist"`
		Requisition *requisition `json:"requisition,omitempty" doc:"On ground judicial_requisition: the order"`
		Altered     []string     `json:"altered,omitempty" doc:"Of these, what is stored is not what was sealed: it is left out"`
	}
}

// evidence shows who must answer what the request is based on: to a supervisor the
// messages it cites, to a privacy officer the magistrate's order alone. Reading it is
// an entry of the log.
func (s *staff) evidence(ctx context.Context, in *escalationAct) (*evidenceOutput, error) {
	c := callerOf(ctx)
	if !audit.IsUUID(in.ID) {
		return nil, escalationstore.ErrNotFound
	}
	e, err := s.escalations.Get(ctx, c.actor, in.ID)
	if err != nil {
		return nil, err
	}
	keys, err := s.custodian.Evidence(ctx, order.ReadEvidence{Caller: c.order, Escalation: in.ID})
	if err != nil {
		return nil, err
	}
	defer clear(keys.Narrative)
	if keys.Request != e.RequestHash.String() || keys.Case != e.Case {
		return nil, refuse("log.altered")
	}
	out := &evidenceOutput{}
	out.Body.Request, out.Body.Ground, out.Body.Facets = keys.Request, e.Ground, e.Asked
	out.Body.Scope, out.Body.Messages, out.Body.Altered = keys.Scope, []message{}, keys.Altered
	if out.Body.Requisition, err = s.ordered(ctx, e); err != nil || keys.Scope == order.ScopeRequisition {
		return out, err
	}
	positions, byPosition := make([]int, len(keys.Keys)), map[int]order.MessageKey{}
	for i, k := range keys.Keys {
		positions[i], byPosition[k.Position] = k.Position, k
	}
	sealed, err := s.conversations.MessagesAt(ctx, e.Case, positions)
	if err != nil {
		return nil, err
	}
	messages, err := unseal(e.Case, sealed, byPosition)
	if err != nil {
		return nil, err
	}
	if len(messages.Body.Messages) != len(e.Evidence) {
		return nil, refuse("content.altered")
	}
	out.Body.Messages = messages.Body.Messages
	if out.Body.Narrative, err = s.narrative(ctx, e, keys.Narrative); err != nil {
		return nil, err
	}
	if out.Body.Words, err = s.words(ctx, e, keys.Words); err != nil {
		return nil, err
	}
	if out.Body.Opinion, err = s.note(ctx, e, keys.Note); err != nil {
		return nil, err
	}
	assessed, err := s.assessed(ctx, e)
	out.Body.Assessment = &assessed
	return out, err
}

// ordered is the magistrate's order behind a request; nil on another ground.
func (s *staff) ordered(ctx context.Context, e *escalation.Escalation) (*requisition, error) {
	if e.Ground != escalation.GroundJudicialRequisition {
		return nil, nil
	}
	reference, err := s.escalations.Reference(ctx, e)
	return &requisition{Authority: e.Authority, Reference: reference, ListedCase: e.ListedCase}, err
}

// words opens what the young person wrote when they consented.
func (s *staff) words(ctx context.Context, e *escalation.Escalation, key *order.SealedKey) (string, error) {
	if key == nil {
		return "", nil
	}
	defer clear(key.Key)
	sealed, err := s.conversations.Consents(ctx, e.Case)
	if err != nil {
		return "", err
	}
	for _, c := range sealed {
		if c.ID == key.ID && c.ID == e.Consent {
			return c.Open(e.Case, key.Key)
		}
	}
	return "", refuse("content.altered")
}

// note opens the latest psychologist's note, nil when there is none.
func (s *staff) note(ctx context.Context, e *escalation.Escalation, key *order.SealedKey) (*opinion, error) {
	if key == nil {
		return nil, nil
	}
	defer clear(key.Key)
	sealed, err := s.conversations.Opinions(ctx, e.Case)
	if err != nil {
		return nil, err
	}
	for _, o := range sealed {
		if o.ID == key.ID {
			text, err := o.Open(e.Case, key.Key)
			return &opinion{ID: o.ID, Opinion: o.Opinion, By: o.By, At: o.At, Note: text}, err
		}
	}
	return nil, refuse("content.altered")
}

func (s *staff) narrative(ctx context.Context, e *escalation.Escalation, key order.Key) (string, error) {
	ciphertext, err := s.escalations.Narrative(ctx, e.ID)
	if err != nil {
		return "", err
	}
	plaintext, err := seal.Open(ciphertext, key, seal.Narrative(e.Case, e.ID))
	if err != nil {
		return "", err
	}
	defer clear(plaintext)
	return escalationstore.ReadNarrative(plaintext)
}

// assessed reads the assessment from the opening of the decision's input, held
// to the commitment in the leaf: the supervisor sees what policy saw.
func (s *staff) assessed(ctx context.Context, e *escalation.Escalation) (assessment, error) {
	input, err := s.escalations.DecisionInput(ctx, e)
	if err != nil {
		return assessment{}, err
	}
	var asked policy.EscalationRequest
	if err := json.Unmarshal(input, &asked); err != nil {
		return assessment{}, fmt.Errorf("reading a decision's input: %w", err)
	}
	a := asked.Assessment
	return assessment{
		Immediacy: a.Immediacy, Violence: a.Violence, Suicide: a.Suicide, PerpetratorPresent: a.PerpetratorPresent,
		Captive: a.Captive, AgeBand: a.AgeBand, Alone: a.Alone, LocationKnown: a.LocationKnown,
	}, nil
}

type identityInput struct {
	EscalationPath
	Body struct {
		Facets []string `json:"facets" nullable:"false" minItems:"1" maxItems:"8" uniqueItems:"true" pattern:"^[a-z_]{1,32}$" doc:"Of those that were granted"`
	}
}

type facet struct {
	Facet      string      `json:"facet" enum:"connection,name,contact,location"`
	Number     int         `json:"number" doc:"A facet can be sealed several times"`
	Value      string      `json:"value,omitempty"`
	Connection *connection `json:"connection,omitempty"`
}

type connection struct {
	Address string    `json:"address"`
	Port    uint16    `json:"port"`
	At      time.Time `json:"at"`
}

type identityOutput struct {
	Body struct {
		Seq       int64     `json:"seq" doc:"The entry that records this opening"`
		ReadUntil time.Time `json:"read_until" doc:"The same use of the grant until then"`
		Facets    []facet   `json:"facets"`
		Altered   []lost    `json:"altered,omitempty" doc:"Sealed, by the log, and missing or altered by now: what is shown is not everything"`
	}
}

// lost is one sealed item that cannot be opened as the log recorded it.
type lost struct {
	Facet  string `json:"facet" enum:"connection,name,contact,location"`
	Number int    `json:"number"`
}

// identity opens granted facets. The custodian decides and records; this
// process opens what it was given file keys for.
func (s *staff) identity(ctx context.Context, in *identityInput) (*identityOutput, error) {
	c := callerOf(ctx)
	if !audit.IsUUID(in.ID) {
		return nil, escalationstore.ErrNotFound
	}
	released, err := s.custodian.Release(ctx, order.Release{
		Caller: c.order, Escalation: in.ID, Facets: in.Body.Facets, IdempotencyKey: order.Secret(actOf(ctx).key),
	})
	if err != nil {
		return nil, err
	}
	names := make([]conversation.Facet, len(in.Body.Facets))
	for i, name := range in.Body.Facets {
		names[i] = conversation.Facet(name)
	}
	sealed, err := s.conversations.Sealed(ctx, released.Case, names...)
	if err != nil {
		return nil, err
	}
	out := &identityOutput{}
	out.Body.Seq, out.Body.ReadUntil, out.Body.Facets = released.Seq, released.ReadUntil, []facet{}
	for _, item := range released.Altered {
		out.Body.Altered = append(out.Body.Altered, lost(item))
	}
	for _, key := range released.Keys {
		i := slices.IndexFunc(sealed, func(f conversation.SealedFacet) bool {
			return string(f.Facet) == key.Facet && f.Number == key.Number
		})
		if i < 0 {
			return nil, refuse("content.altered")
		}
		opened, err := openFacet(released.Case, sealed[i], key.Key)
		if err != nil {
			return nil, err
		}
		out.Body.Facets = append(out.Body.Facets, opened)
	}
	return out, nil
}

func openFacet(caseID string, sealed conversation.SealedFacet, key order.Key) (facet, error) {
	defer clear(key)
	shown := facet{Facet: string(sealed.Facet), Number: sealed.Number}
	var err error
	if sealed.Facet != conversation.FacetConnection {
		shown.Value, err = sealed.Open(caseID, key)
		return shown, err
	}
	from, err := sealed.OpenConnection(caseID, key)
	shown.Connection = &connection{Address: from.Address.String(), Port: from.Port, At: from.At}
	return shown, err
}
