package web

import (
	"context"
	"slices"
	"time"

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

// escalationView is an escalation as its requester and supervisors see it.
type escalationView struct {
	ID           string     `json:"id"`
	Conversation string     `json:"conversation,omitempty"`
	State        string     `json:"state" doc:"requested, refused, approved, denied, withdrawn, expired, glass_broken, released, revoked, closed or void"`
	Ground       string     `json:"ground,omitempty"`
	Requester    *present   `json:"requester,omitempty"`
	RequestedAt  *time.Time `json:"requested_at,omitempty"`
	Request      string     `json:"request,omitempty" doc:"Leaf hash of the request: what an approval is bound to"`
	Facets       []string   `json:"facets,omitempty" doc:"Asked for"`
	Evidence     []int64    `json:"evidence,omitempty" doc:"Positions of the messages that support it"`
	AnswerBy     *time.Time `json:"answer_by,omitempty"`
	Needed       []needed   `json:"needed,omitempty" doc:"Approvals that policy asks for"`
	Read         bool       `json:"read,omitempty" doc:"The caller has read what it rests on, in this session: who has not answers nothing"`
	Approvals    []approval `json:"approvals,omitempty"`
	Granted      []string   `json:"granted,omitempty"`
	UseBy        *time.Time `json:"use_by,omitempty"`
	ReadUntil    *time.Time `json:"read_until,omitempty"`
	Uses         int64      `json:"uses,omitempty"`
	UsesAllowed  int64      `json:"uses_allowed,omitempty"`
	Denial       string     `json:"denial,omitempty" doc:"Why a supervisor denied it"`
	DeniedBy     *present   `json:"denied_by,omitempty"`
	Revocation   string     `json:"revocation,omitempty" doc:"Why a supervisor ended it"`
	RevokedBy    *present   `json:"revoked_by,omitempty"`
	ClosedFor    string     `json:"closed_for,omitempty" doc:"Why it was closed by the service: requester_suspended"`

	WidenedAt      *time.Time     `json:"widened_at,omitempty" doc:"When every supervisor was called"`
	BreakGlassFrom *time.Time     `json:"break_glass_from,omitempty" doc:"From then on the glass may be broken, if nobody has answered and a second agent confirms"`
	Confirmations  []confirmation `json:"confirmations,omitempty"`
	BrokenAt       *time.Time     `json:"broken_at,omitempty"`
	ReviewBy       *time.Time     `json:"review_by,omitempty"`
	Review         string         `json:"review,omitempty" enum:"confirmed,abusive"`

	Assessment *assessment `json:"assessment,omitempty" doc:"Of the danger, in codes: for supervisors, who answer the most dangerous first"`

	Consent    string `json:"consent,omitempty" doc:"The consent that it rests on"`
	Authority  string `json:"authority,omitempty" doc:"The magistrate whose order it rests on"`
	ListedCase string `json:"listed_case,omitempty" doc:"For which the law lets the connection be ordered"`

	Printed []printing `json:"printed,omitempty" doc:"When what was opened was printed"`

	TellBy   *time.Time `json:"tell_by,omitempty" doc:"When the young person must be told; absent when nothing is due"`
	Tellings []telling  `json:"tellings,omitempty"`
}

type needed struct {
	Role  string `json:"role"`
	Count int64  `json:"count"`
}

type confirmation struct {
	By present   `json:"by"`
	At time.Time `json:"at"`
}

type telling struct {
	By      present    `json:"by"`
	At      time.Time  `json:"at"`
	Outcome string     `json:"outcome" enum:"told,refused,unsafe,later"`
	Reason  string     `json:"reason,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
}

type printing struct {
	At     time.Time `json:"at"`
	Facets []string  `json:"facets"`
}

type approval struct {
	By     present   `json:"by"`
	Facets []string  `json:"facets"`
	At     time.Time `json:"at"`
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

// show is how escalations are told.
func (s *staff) show(ctx context.Context, list ...*escalation.Escalation) ([]escalationView, error) {
	who, err := s.colleagues(ctx, list...)
	if err != nil {
		return nil, err
	}
	shown, c := make([]escalationView, len(list)), callerOf(ctx)
	for i, e := range list {
		shown[i] = viewOf(e, who)
		if c.actor.Role != policy.RoleSupervisor && c.actor.Role != policy.RolePrivacyOfficer {
			continue
		}
		shown[i].Read = e.ReadBy(c.actor)
		if c.actor.Role == policy.RoleSupervisor && e.Ground == escalation.GroundImminentDanger {
			// Without it the request is still to be answered: what is damaged shows when
			// the evidence is read.
			if assessed, err := s.assessed(ctx, e); err == nil {
				shown[i].Assessment = &assessed
			}
		}
	}
	return shown, nil
}

// colleagues reads, at once, the names of everybody who did something to these
// escalations.
func (s *staff) colleagues(ctx context.Context, list ...*escalation.Escalation) (func(audit.Actor) present, error) {
	var ids []string
	for _, e := range list {
		ids = append(ids, e.Requester.ID, e.Review.Actor.ID, e.DeniedBy.ID, e.RevokedBy.ID)
		for _, a := range e.Approvals {
			ids = append(ids, a.Actor.ID)
		}
		for _, c := range e.Confirmations {
			ids = append(ids, c.Actor.ID)
		}
		for _, t := range e.Tellings {
			ids = append(ids, t.Actor.ID)
		}
	}
	slices.Sort(ids)
	names, err := s.sessions.Names(ctx, slices.Compact(ids))
	return func(a audit.Actor) present { return present{ID: a.ID, Role: a.Role, Name: names[a.ID]} }, err
}

func viewOf(e *escalation.Escalation, who func(audit.Actor) present) escalationView {
	requester := who(e.Requester)
	v := escalationView{
		ID: e.ID, Conversation: e.Case, State: string(e.State), Ground: e.Ground, Requester: &requester,
		RequestedAt: timeOrNil(e.RequestedAt), Facets: e.Asked, Evidence: e.Evidence, AnswerBy: timeOrNil(e.AnswerBy),
		Granted: e.Granted, UseBy: timeOrNil(e.UseBy), ReadUntil: timeOrNil(e.ReadUntil),
		Uses: e.Uses, UsesAllowed: e.UsesAllowed, Denial: e.DenialReason, Revocation: e.RevocationReason, ClosedFor: e.ClosedFor,
		WidenedAt: timeOrNil(e.WidenedAt), BreakGlassFrom: timeOrNil(e.BreakGlassFrom), BrokenAt: timeOrNil(e.BrokenAt),
		ReviewBy: timeOrNil(e.ReviewBy), Review: e.Review.Verdict,
		Consent: e.Consent, Authority: e.Authority, ListedCase: e.ListedCase, TellBy: timeOrNil(e.TellBy()),
	}
	if e.State != escalation.Refused {
		v.Request = e.RequestHash.String()
	}
	for _, n := range e.Needed {
		v.Needed = append(v.Needed, needed{Role: n.Role, Count: n.Count})
	}
	if e.DeniedBy.ID != "" {
		by := who(e.DeniedBy)
		v.DeniedBy = &by
	}
	if e.RevokedBy.ID != "" {
		by := who(e.RevokedBy)
		v.RevokedBy = &by
	}
	for _, a := range e.Approvals {
		v.Approvals = append(v.Approvals, approval{By: who(a.Actor), Facets: a.Facets, At: a.At})
	}
	for _, c := range e.Confirmations {
		v.Confirmations = append(v.Confirmations, confirmation{By: who(c.Actor), At: c.At})
	}
	for _, p := range e.Printings {
		v.Printed = append(v.Printed, printing{At: p.At, Facets: p.Facets})
	}
	for _, t := range e.Tellings {
		v.Tellings = append(v.Tellings, telling{By: who(t.Actor), At: t.At, Outcome: t.Outcome, Reason: t.Reason, Until: timeOrNil(t.Until)})
	}
	return v
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
