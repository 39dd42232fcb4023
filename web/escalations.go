package web

import (
	"context"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/escalation"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/policy"
)

// assessment is the danger assessment as an agent sends it. What is left out is
// for policy to refuse, so that a refusal is recorded like any other.
type assessment struct {
	Immediacy          string `json:"immediacy" required:"false" pattern:"^[a-z0-9_]{0,32}$" doc:"now, hours, days, unclear"`
	Violence           string `json:"violence" required:"false" pattern:"^[a-z0-9_]{0,32}$" doc:"none, threat, ongoing, weapon"`
	Suicide            string `json:"suicide" required:"false" pattern:"^[a-z0-9_]{0,32}$" doc:"none, ideation, plan, attempt_under_way"`
	PerpetratorPresent string `json:"perpetrator_present" required:"false" pattern:"^[a-z0-9_]{0,32}$" doc:"yes, no, unknown"`
	Captive            string `json:"captive" required:"false" pattern:"^[a-z0-9_]{0,32}$" doc:"yes, no, unknown"`
	AgeBand            string `json:"age_band" required:"false" pattern:"^[a-z0-9_]{0,32}$" doc:"under_10, 10_12, 13_15, 16_17, unknown"`
	Alone              string `json:"alone" required:"false" pattern:"^[a-z0-9_]{0,32}$" doc:"yes, no, unknown"`
	LocationKnown      string `json:"location_known" required:"false" pattern:"^[a-z0-9_]{0,32}$" doc:"yes, no, unknown"`
}

type citation struct {
	Position int64  `json:"position" minimum:"0" maximum:"1000000"`
	SHA256   string `json:"sha256" pattern:"^sha256:[0-9a-f]{64}$" doc:"Of the sealed message that was read, as messages show it"`
}

// coded is the assessment as policy is told it. What a psychologist thinks is not the
// agent's to say: it is taken from the log.
func (a assessment) coded() policy.Assessment {
	return policy.Assessment{
		Immediacy: a.Immediacy, Violence: a.Violence, Suicide: a.Suicide, PerpetratorPresent: a.PerpetratorPresent,
		Captive: a.Captive, AgeBand: a.AgeBand, Alone: a.Alone, LocationKnown: a.LocationKnown,
	}
}

// requisition is a magistrate's written order, as the agent reports it.
type requisition struct {
	Authority  string   `json:"authority" pattern:"^[a-z_]{0,32}$" doc:"childrens_judge, investigating_judge, liberties_judge or prosecutor"`
	Reference  string   `json:"reference" maxLength:"64" doc:"The order's own reference; inspectors see it"`
	ListedCase string   `json:"listed_case,omitempty" pattern:"^[a-z_]{0,32}$" doc:"Where the connection is asked: cold_case, missing_person, one_year_by_network, three_years or victims_equipment"`
	Facets     []string `json:"facets,omitempty" nullable:"false" maxItems:"8" uniqueItems:"true" pattern:"^[a-z_]{1,32}$" doc:"That the order names"`
}

// Wanted is what an agent asks for, but for the narrative.
type Wanted struct {
	Ground      string       `json:"ground" pattern:"^[a-z_]{0,32}$" doc:"imminent_danger, consent or judicial_requisition"`
	Assessment  assessment   `json:"assessment" doc:"Coded answers only"`
	Facets      []string     `json:"facets" nullable:"false" maxItems:"8" uniqueItems:"true" pattern:"^[a-z_]{1,32}$" doc:"connection, name, contact, location"`
	Evidence    []citation   `json:"evidence" nullable:"false" maxItems:"200" doc:"The messages that show it; the supervisor sees exactly these"`
	Consent     string       `json:"consent,omitempty" maxLength:"64" doc:"On ground consent: the id of the consent"`
	Requisition *requisition `json:"requisition,omitempty" doc:"On ground judicial_requisition"`
}

type askInput struct {
	ConversationPath
	Body struct {
		Wanted
		Narrative string `json:"narrative" minLength:"1" maxLength:"4000" doc:"In the agent's own words; sealed, shown to the supervisor only"`
	}
}

// ask reads what is wanted of a case.
func (w Wanted) ask(caseID string) (escalationstore.Ask, error) {
	ask := escalationstore.Ask{
		Case: caseID, Ground: w.Ground, Danger: w.Assessment.coded(), Consent: w.Consent,
		Facets: w.Facets, Evidence: make([]escalationstore.Citation, len(w.Evidence)),
	}
	if r := w.Requisition; r != nil {
		ask.Requisition = escalationstore.Requisition{Authority: r.Authority, Reference: r.Reference, ListedCase: r.ListedCase, Facets: r.Facets}
	}
	seen := map[int64]bool{}
	for i, c := range w.Evidence {
		sum, err := parseSum(c.SHA256)
		if err != nil {
			return ask, invalid("body.evidence", "expected sha256 as it was read: sha256: and 64 hexadecimal digits")
		}
		if seen[c.Position] {
			return ask, invalid("body.evidence", "expected each position once")
		}
		seen[c.Position] = true
		ask.Evidence[i] = escalationstore.Citation{Position: c.Position, Sum: sum}
	}
	return ask, nil
}

type escalationOutput struct{ Body escalationView }

type escalationsOutput struct {
	Body struct {
		Mine    []escalationView `json:"mine" doc:"Asked for by the caller, latest first"`
		Pending []escalationView `json:"pending" doc:"Waiting for an answer, oldest first; for supervisors"`
		// What a supervisor can revoke.
		Standing []escalationView `json:"standing,omitempty" doc:"Granted, and not over: those that end first come first; for supervisors"`
		Extent
	}
}

// idempotent names the request at hand for the log.
func idempotent(ctx context.Context) pglog.Idempotency {
	a := actOf(ctx)
	return pglog.Idempotency{Actor: callerOf(ctx).key, Key: a.key, Body: a.body[:]}
}

// ask requests an escalation. What policy refuses is recorded, and answered as a refusal.
func (s *staff) ask(ctx context.Context, in *askInput) (*escalationOutput, error) {
	if !audit.IsUUID(in.ID) {
		return nil, conversation.ErrNotFound
	}
	if err := conversation.CheckText(in.Body.Narrative); err != nil {
		return nil, err
	}
	ask, err := in.Body.ask(in.ID)
	if err != nil {
		return nil, err
	}
	ask.Narrative = in.Body.Narrative
	receipt, err := s.escalations.Request(ctx, idempotent(ctx), callerOf(ctx).actor, ask)
	if err != nil {
		return nil, notFoundAs(err, "conversation.not_found")
	}
	if receipt.State == escalation.Refused {
		return nil, refusedByPolicy(receipt.Reasons)
	}
	return s.escalationAfter(ctx, receipt)
}

// escalationAfter shows an escalation after an act on it. A replayed act shows it as
// it is now.
func (s *staff) escalationAfter(ctx context.Context, receipt escalationstore.Receipt) (*escalationOutput, error) {
	e, err := s.escalations.Get(ctx, callerOf(ctx).actor, receipt.ID)
	if err != nil {
		return nil, err
	}
	shown, err := s.show(ctx, e)
	if err != nil {
		return nil, err
	}
	return &escalationOutput{shown[0]}, nil
}

func (s *staff) escalationList(ctx context.Context, _ *struct{}) (*escalationsOutput, error) {
	c := callerOf(ctx)
	out := &escalationsOutput{}
	out.Body.Mine, out.Body.Pending = []escalationView{}, []escalationView{}
	var list escalationstore.Queue
	var err error
	if c.actor.Role == policy.RoleSupervisor || c.actor.Role == policy.RolePrivacyOfficer {
		if list, err = s.escalations.Pending(ctx, c.actor.Role); err == nil {
			out.Body.Pending, err = s.show(ctx, list.Items...)
		}
		if err == nil && c.actor.Role == policy.RoleSupervisor {
			err = s.standing(ctx, out)
		}
	} else if list, err = s.escalations.Mine(ctx, c.actor.ID); err == nil {
		out.Body.Mine, err = s.show(ctx, list.Items...)
	}
	out.Body.Extent = extentOf(list)
	return out, err
}

func (s *staff) standing(ctx context.Context, out *escalationsOutput) error {
	list, err := s.escalations.Standing(ctx)
	if err == nil {
		out.Body.Standing, err = s.show(ctx, list.Items...)
	}
	return err
}

// Extent says whether a list is all that there is.
type Extent struct {
	More    bool `json:"more,omitempty" doc:"There are more than a list holds"`
	Damaged int  `json:"damaged,omitempty" doc:"How many are not shown, since the log of their case cannot be believed: tell the operator"`
}

func extentOf(q escalationstore.Queue) Extent { return Extent{More: q.More, Damaged: q.Damaged} }

// EscalationPath names an escalation.
type EscalationPath struct {
	ID string `path:"id" maxLength:"64" doc:"The escalation"`
}

func (s *staff) escalation(ctx context.Context, in *EscalationPath) (*escalationOutput, error) {
	if !audit.IsUUID(in.ID) {
		return nil, escalationstore.ErrNotFound
	}
	return s.escalationAfter(ctx, escalationstore.Receipt{ID: in.ID})
}

type approveInput struct {
	EscalationPath
	Body struct {
		Request string   `json:"request" pattern:"^[A-Za-z0-9+/]{43}=$" doc:"Leaf hash of the request that was read"`
		Facets  []string `json:"facets" nullable:"false" minItems:"1" maxItems:"8" uniqueItems:"true" pattern:"^[a-z_]{1,32}$" doc:"To grant: as many as asked, or fewer"`
	}
}

func (s *staff) approve(ctx context.Context, in *approveInput) (*escalationOutput, error) {
	request, err := requestOf(in.ID, in.Body.Request)
	if err != nil {
		return nil, err
	}
	return s.onTheirs(ctx, in.ID, func(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, id string) (escalationstore.Receipt, error) {
		return s.escalations.Approve(ctx, idem, actor, id, request, in.Body.Facets)
	})
}

// requestOf reads the leaf hash to which an answer is bound.
func requestOf(id, text string) (audit.Hash, error) {
	if !audit.IsUUID(id) {
		return audit.Hash{}, escalationstore.ErrNotFound
	}
	request, err := audit.ParseHash(text)
	if err != nil {
		return audit.Hash{}, refuse(policy.ReasonRequestChanged)
	}
	return request, nil
}

type denyInput struct {
	EscalationPath
	Body struct {
		Request string `json:"request" pattern:"^[A-Za-z0-9+/]{43}=$" doc:"Leaf hash of the request that was read"`
		Reason  string `json:"reason" pattern:"^[a-z_]{1,32}$" doc:"danger_not_imminent, evidence_insufficient, facets_excessive, other_means or wrong_ground"`
	}
}

func (s *staff) deny(ctx context.Context, in *denyInput) (*escalationOutput, error) {
	request, err := requestOf(in.ID, in.Body.Request)
	if err != nil {
		return nil, err
	}
	return s.onTheirs(ctx, in.ID, func(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, id string) (escalationstore.Receipt, error) {
		return s.escalations.Deny(ctx, idem, actor, id, request, in.Body.Reason)
	})
}

type escalationAct struct {
	EscalationPath
	NoBody
}

func (s *staff) withdraw(ctx context.Context, in *escalationAct) (*escalationOutput, error) {
	return s.onTheirs(ctx, in.ID, s.escalations.Withdraw)
}

func (s *staff) closeEscalation(ctx context.Context, in *escalationAct) (*escalationOutput, error) {
	return s.onTheirs(ctx, in.ID, s.escalations.Close)
}

// onTheirs acts on a request that the caller may see: an agent their own, who answers
// what is theirs to answer. To others it does not exist, whatever they quote of it.
func (s *staff) onTheirs(ctx context.Context, id string, do func(context.Context, pglog.Idempotency, audit.Actor, string) (escalationstore.Receipt, error)) (*escalationOutput, error) {
	c := callerOf(ctx)
	if !audit.IsUUID(id) {
		return nil, escalationstore.ErrNotFound
	}
	if _, err := s.escalations.Get(ctx, c.actor, id); err != nil {
		return nil, err
	}
	receipt, err := do(ctx, idempotent(ctx), c.actor, id)
	if err != nil {
		return nil, err
	}
	return s.escalationAfter(ctx, receipt)
}
