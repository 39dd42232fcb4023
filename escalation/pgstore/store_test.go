package pgstore_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/casetest"
	"github.com/sceau-project/sceau/notice"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
)

const (
	connection = string(conversation.FacetConnection)
	name       = string(conversation.FacetName)
)

const told = "Il a dit qu’il viendrait ce soir avec un couteau."

// A night is one conversation in which a child is in danger, and who is on duty.
type night struct {
	*casetest.World
	t     *testing.T
	store *pgstore.Store
	calls *calls
	cse   string

	agent, other                       audit.Actor // agents
	supervisor, second                 audit.Actor // had no part
	agentAsSupervisor, otherSupervisor audit.Actor // other accounts of the agents
	officer, inspector                 audit.Actor
}

// calls are the notices that were queued, by turns that committed or did not.
type calls struct {
	mu  sync.Mutex
	all []notice.Notice
}

func (c *calls) Call(_ context.Context, _ pgx.Tx, notices ...notice.Notice) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range notices {
		if err := n.Check(); err != nil {
			return err
		}
	}
	c.all = append(c.all, notices...)
	return nil
}

// of returns when people of a kind were called.
func (c *calls) of(k notice.Kind) (at []time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.all {
		if n.Kind == k {
			at = append(at, n.At)
		}
	}
	return at
}

func newNight(t *testing.T, v policy.Variant) *night {
	t.Helper()
	w := casetest.New(t, v)
	calls := &calls{}
	store, err := pgstore.New(pgstore.Config{
		Pool: w.Pool(t, "sceau_staff"), Log: w.Log(audit.ViaStaff), Policy: w.Policy, Recipients: w.Recipients(audit.ViaStaff), Notices: calls,
	})
	if err != nil {
		t.Fatal(err)
	}
	n := &night{World: w, t: t, store: store, calls: calls,
		agent: w.Member("amal", "amal", "agent"), other: w.Member("bruno", "bruno", "agent"),
		supervisor: w.Member("diane", "diane", "supervisor"), second: w.Member("etienne", "etienne", "supervisor"),
		agentAsSupervisor: w.Member("amal2", "amal", "supervisor"), otherSupervisor: w.Member("bruno2", "bruno", "supervisor"),
		officer: w.Member("helene", "helene", "privacy_officer"), inspector: w.Member("gilles", "gilles", "inspector"),
	}
	n.cse = w.Opened(n.agent, told, "Je suis cachée dans la salle de bain.")
	return n
}

var danger = policy.Assessment{
	Immediacy: "now", Violence: "weapon", Suicide: "none", PerpetratorPresent: "yes", Captive: "unknown",
	AgeBand: "10_12", Alone: "no", LocationKnown: "no", PsychologistOpinion: "none",
}

func (n *night) ask() pgstore.Ask {
	n.t.Helper()
	return pgstore.Ask{
		Case: n.cse, Ground: escalation.GroundImminentDanger, Danger: danger,
		Facets: []string{connection, name}, Evidence: n.cite(1, 2),
		Narrative: "Une arme, l’auteur est sur place, elle est cachée.",
	}
}

func (n *night) cite(positions ...int) (cited []pgstore.Citation) {
	n.t.Helper()
	messages, err := n.Staff.MessagesAt(n.t.Context(), n.cse, positions)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, m := range messages {
		cited = append(cited, pgstore.Citation{Position: int64(m.Position), Sum: sha256.Sum256(m.Ciphertext)})
	}
	return cited
}

func (n *night) request() pgstore.Receipt {
	n.t.Helper()
	r, err := n.store.Request(n.t.Context(), pglog.Idempotency{}, n.agent, n.ask())
	if err != nil {
		n.t.Fatal(err)
	}
	if r.State != escalation.Requested {
		n.t.Fatalf("state %s, reasons %v", r.State, r.Reasons)
	}
	return r
}

func (n *night) approve(by audit.Actor, r pgstore.Receipt, facets ...string) (pgstore.Receipt, error) {
	n.t.Helper()
	return n.store.Approve(n.t.Context(), pglog.Idempotency{}, by, r.ID, hash(n.t, r.Request), facets)
}

func hash(t *testing.T, s string) audit.Hash {
	t.Helper()
	h, err := audit.ParseHash(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// code is the one code of a refusal, by policy or by the machine.
func code(err error) string {
	var refused *policystore.Refused
	if errors.As(err, &refused) && len(refused.Reasons) > 0 {
		return refused.Reasons[0]
	}
	return escalation.Code(err)
}

// rowAgrees holds the projection to the fold.
func (n *night) rowAgrees(id string) *escalation.Escalation {
	n.t.Helper()
	c, err := pgstore.ReadCase(n.t.Context(), n.Super, n.cse)
	if err != nil {
		n.t.Fatal(err)
	}
	e, ok := c.Escalation(id)
	if !ok {
		n.t.Fatalf("%s is not in the log", id)
	}
	var state string
	var deadline, widenAt, from, reviewBy, tellBy, opensUntil *time.Time
	var review, consent *string
	var last int64
	if err := n.Super.QueryRow(n.t.Context(), `
		SELECT state, deadline, widen_at, break_glass_from, review_by, tell_by, opens_until, review, consent_id::text, last_seq
		FROM sceau.escalations WHERE escalation_id = $1`, id).
		Scan(&state, &deadline, &widenAt, &from, &reviewBy, &tellBy, &opensUntil, &review, &consent, &last); err != nil {
		n.t.Fatal(err)
	}
	want, _ := e.Deadline()
	widen := e.WidenAt
	if e.State != escalation.Requested || !e.WidenedAt.IsZero() {
		widen = time.Time{}
	}
	if state != string(e.State) || last != e.LastSeq || text(review) != e.Review.Verdict || text(consent) != e.Consent {
		n.t.Fatalf("row says %s by %d, the log says %s by %d", state, last, e.State, e.LastSeq)
	}
	for what, is := range map[string]struct {
		row *time.Time
		log time.Time
	}{
		"deadline": {deadline, want}, "widen_at": {widenAt, widen}, "break_glass_from": {from, e.BreakGlassFrom},
		"review_by": {reviewBy, e.ReviewBy}, "tell_by": {tellBy, e.TellBy()}, "opens_until": {opensUntil, e.OpensUntil()},
	} {
		if (is.row == nil) != is.log.IsZero() || is.row != nil && !is.row.Equal(is.log) {
			n.t.Fatalf("%s: %s in the row %v, in the log %v", e.State, what, is.row, is.log)
		}
	}
	return e
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func TestGrantInPart(t *testing.T) {
	n := newNight(t, policy.Production)
	r := n.request()
	if got, err := n.store.Pending(t.Context(), policy.RoleSupervisor); err != nil || len(got.Items) != 1 || got.Items[0].ID != r.ID {
		t.Fatalf("pending: %v, %v", got, err)
	}
	n.Read(n.supervisor, n.cse, r.ID)
	granted, err := n.approve(n.supervisor, r, connection)
	if err != nil {
		t.Fatal(err)
	}
	if granted.State != escalation.Approved || !slices.Equal(granted.Granted, []string{connection}) {
		t.Fatalf("granted %+v", granted)
	}
	e := n.rowAgrees(r.ID)
	if !slices.Equal(e.Asked, []string{connection, name}) {
		t.Fatalf("asked %v", e.Asked)
	}
	if _, err := n.store.Close(t.Context(), pglog.Idempotency{}, n.agent, r.ID); err != nil {
		t.Fatal(err)
	}
	if e := n.rowAgrees(r.ID); e.State != escalation.Closed {
		t.Fatalf("state %s", e.State)
	}
}

// What an agent writes about a child is sealed, and bound to the request.
func TestNarrativeIsSealedAndCommitted(t *testing.T) {
	n := newNight(t, policy.Production)
	r := n.request()
	e := n.rowAgrees(r.ID)
	var sealed []byte
	if err := n.Super.QueryRow(t.Context(), `SELECT ciphertext FROM sceau.narratives WHERE escalation_id = $1`, r.ID).Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	header, err := seal.Header(sealed)
	if err != nil {
		t.Fatal(err)
	}
	if seal.HeaderSum(header) != e.Narrative {
		t.Fatal("the narrative's header is not the one in the log")
	}
	key, err := n.Keys[n.cse].Transcript.FileKey(header)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := seal.Open(sealed, key, seal.Narrative(n.cse, r.ID))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := pgstore.ReadNarrative(plain); err != nil || text != n.ask().Narrative {
		t.Fatalf("%q, %v", text, err)
	}
	if _, err := seal.Open(sealed, key, seal.Narrative(n.cse, "another")); !errors.Is(err, seal.ErrContext) {
		t.Fatalf("opened as another's narrative: %v", err)
	}
}

// Somebody with the database in hand puts a recipient of their own in a case's row, to
// read what the agent tells the supervisor.
func TestNothingIsToldToASwappedRecipient(t *testing.T) {
	n := newNight(t, policy.Production)
	stranger, err := seal.NewKey(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, column := range []string{"transcript_recipient", "identity_recipient"} {
		if _, err := n.Super.Exec(t.Context(), `UPDATE sceau.cases SET `+column+` = $1`, stranger.Recipient); err != nil {
			t.Fatal(err)
		}
		if _, err := n.store.Request(t.Context(), pglog.Idempotency{}, n.agent, n.ask()); !errors.Is(err, conversationstore.ErrRecipient) {
			t.Errorf("swapped %s: %v", column, err)
		}
	}
}

// Four eyes: the table says who may answer, and what the others are told.
func TestWhoMayAnswer(t *testing.T) {
	n := newNight(t, policy.Production)
	if err := n.Staff.HandOver(t.Context(), n.agent, n.cse, n.other.ID, casetest.ClientKey()); err != nil {
		t.Fatal(err)
	}
	if err := n.Staff.HandOver(t.Context(), n.other, n.cse, n.agent.ID, casetest.ClientKey()); err != nil {
		t.Fatal(err)
	}
	r := n.request()
	agentAsSelf := n.agent
	agentAsSelf.Role = "supervisor"
	for _, tt := range []struct {
		who  string
		by   audit.Actor
		code string
	}{
		{"the requester, as agent", n.agent, policy.ReasonApproverIsRequester},
		{"the requester, in another role", agentAsSelf, policy.ReasonApproverIsRequester},
		{"the requester, under another account", n.agentAsSupervisor, policy.ReasonApproverSamePerson},
		{"who had the conversation before, under another account", n.otherSupervisor, policy.ReasonApproverTookPart},
		{"an inspector", n.inspector, policy.ReasonRoleNotAllowed},
		{"nobody", audit.Actor{ID: "s-x", Role: "supervisor"}, policy.ReasonPersonMissing},
	} {
		t.Run(tt.who, func(t *testing.T) {
			_, err := n.approve(tt.by, r, name)
			var refused *policystore.Refused
			if !errors.As(err, &refused) || !slices.Contains(refused.Reasons, tt.code) {
				t.Errorf("approve: %v, want %s", err, tt.code)
			}
			_, err = n.store.Deny(t.Context(), pglog.Idempotency{}, tt.by, r.ID, hash(t, r.Request), escalation.DenialReasons[0])
			if !errors.As(err, &refused) || !slices.Contains(refused.Reasons, tt.code) {
				t.Errorf("deny: %v, want %s", err, tt.code)
			}
		})
	}
	if e := n.rowAgrees(r.ID); e.State != escalation.Requested || len(e.Approvals) != 0 {
		t.Fatalf("after refusals: %s, %d approvals", e.State, len(e.Approvals))
	}
}

// An approval is of the request that was read, not of the escalation's name.
func TestApprovalQuotesTheRequest(t *testing.T) {
	n := newNight(t, policy.Production)
	first := n.request()
	if _, err := n.store.Withdraw(t.Context(), pglog.Idempotency{}, n.agent, first.ID); err != nil {
		t.Fatal(err)
	}
	second := n.request()
	second.Request = first.Request
	if _, err := n.approve(n.supervisor, second, name); code(err) != policy.ReasonRequestChanged {
		t.Fatalf("approved with another request's hash: %v", err)
	}
	if _, err := n.approve(n.supervisor, first, name); code(err) != policy.ReasonWrongState {
		t.Fatalf("approved a withdrawn request: %v", err)
	}
}

// An answer, yes or no, is by somebody whom the custodian has shown the evidence, in
// the session they answer in.
func TestAnswersFollowReading(t *testing.T) {
	n := newNight(t, policy.Production)
	r := n.request()
	elsewhere := n.supervisor
	elsewhere.Session = n.second.Session
	unread := func(by audit.Actor) {
		t.Helper()
		if _, err := n.approve(by, r, name); code(err) != policy.ReasonEvidenceNotRead {
			t.Errorf("approved unread: %v", err)
		}
		_, err := n.store.Deny(t.Context(), pglog.Idempotency{}, by, r.ID, hash(t, r.Request), escalation.DenialReasons[0])
		if code(err) != policy.ReasonEvidenceNotRead {
			t.Errorf("denied unread: %v", err)
		}
	}
	unread(n.supervisor)
	n.Read(n.supervisor, n.cse, r.ID)
	unread(n.second)
	unread(elsewhere)
	before := n.rowAgrees(r.ID)
	if before.State != escalation.Requested || len(before.Reads) != 1 {
		t.Fatalf("%+v", before)
	}
	if got, err := n.approve(n.supervisor, r, name); err != nil || got.State != escalation.Approved {
		t.Fatalf("%+v, %v", got, err)
	}
}

// A lift that an entry of a later version speaks of waits for nobody any more; its
// requester asks anew.
func TestVoidWaitsForNobody(t *testing.T) {
	n := newNight(t, policy.Production)
	r := n.request()
	if _, err := n.Super.Exec(t.Context(), `CREATE OR REPLACE FUNCTION sceau.may_append(via text, action text) RETURNS boolean
		LANGUAGE sql IMMUTABLE RETURN true`); err != nil { // as a later version would
		t.Fatal(err)
	}
	_, err := n.Log(audit.ViaStaff).Append(t.Context(), pglog.Draft{Actor: n.supervisor, Action: "escalation.sworn", Case: n.cse,
		Subject: audit.Subject{Type: "escalation", ID: r.ID}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := n.store.Pending(t.Context(), policy.RoleSupervisor); err != nil || len(got.Items) != 0 {
		t.Fatalf("pending: %v, %v", got, err)
	}
	if _, err := n.store.Withdraw(t.Context(), pglog.Idempotency{}, n.agent, r.ID); code(err) != policy.ReasonWrongState {
		t.Fatalf("withdrawn: %v", err)
	}
	n.request()
}

func TestRefusedByPolicyIsRecorded(t *testing.T) {
	n := newNight(t, policy.Production)
	for _, tt := range []struct {
		name string
		ask  func(*pgstore.Ask)
		code string
	}{
		{"no ground", func(a *pgstore.Ask) { a.Ground = "" }, policy.ReasonGroundUnknown},
		{"curiosity", func(a *pgstore.Ask) { a.Ground = "curiosity" }, policy.ReasonGroundUnknown},
		{"no evidence", func(a *pgstore.Ask) { a.Evidence = nil }, policy.ReasonEvidenceMissing},
		{"no facet", func(a *pgstore.Ask) { a.Facets = nil }, policy.ReasonFacetsMissing},
		{"no danger", func(a *pgstore.Ask) {
			a.Danger.Immediacy, a.Danger.Violence, a.Danger.PerpetratorPresent = "days", "none", "no"
		}, policy.ReasonDangerNotShown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ask := n.ask()
			tt.ask(&ask)
			r, err := n.store.Request(t.Context(), pglog.Idempotency{}, n.agent, ask)
			if err != nil || r.State != escalation.Refused || !slices.Contains(r.Reasons, tt.code) {
				t.Fatalf("%+v, %v; want %s", r, err, tt.code)
			}
			n.rowAgrees(r.ID)
		})
	}
	// Evidence that is not what the agent saw is no request at all.
	ask := n.ask()
	ask.Evidence[0].Sum[0] ^= 1
	if _, err := n.store.Request(t.Context(), pglog.Idempotency{}, n.agent, ask); code(err) != policy.ReasonEvidenceUnknown {
		t.Fatalf("cited another message: %v", err)
	}
	// Not mine and not there are the same answer.
	ask = n.ask()
	_, notMine := n.store.Request(t.Context(), pglog.Idempotency{}, n.other, ask)
	ask.Case = "5f0f9b1e-6a64-4c56-9a42-0d8f3f2f6f11"
	_, notThere := n.store.Request(t.Context(), pglog.Idempotency{}, n.agent, ask)
	if !errors.Is(notMine, pgstore.ErrNotFound) || !errors.Is(notThere, pgstore.ErrNotFound) {
		t.Fatalf("not mine: %v; not there: %v", notMine, notThere)
	}
}

// Approve, deny and withdraw at once, from many hands: exactly one decides.
func TestOneAnswerWins(t *testing.T) {
	n := newNight(t, policy.Production)
	r := n.request()
	n.Read(n.supervisor, n.cse, r.ID)
	n.Read(n.second, n.cse, r.ID)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 9 {
		wg.Go(func() {
			var err error
			switch i % 3 {
			case 0:
				_, err = n.approve(n.supervisor, r, name)
			case 1:
				_, err = n.store.Deny(t.Context(), pglog.Idempotency{}, n.second, r.ID, hash(t, r.Request), escalation.DenialReasons[0])
			case 2:
				_, err = n.store.Withdraw(t.Context(), pglog.Idempotency{}, n.agent, r.ID)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if code(err) == "" {
				t.Errorf("neither done nor refused: %v", err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Fatalf("%d answers won", won)
	}
	n.rowAgrees(r.ID)
}

// Expiry is recorded by the sweeper, and holds before it comes by.
func TestExpiry(t *testing.T) {
	n := newNight(t, policy.Demonstration)
	r := n.request()
	for r.Deadline.After(time.Now()) {
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(time.Until(*r.Deadline) + 10*time.Millisecond): // the policy's own seconds
		}
	}
	if _, err := n.approve(n.supervisor, r, name); code(err) != policy.ReasonTooLate {
		t.Fatalf("approved too late: %v", err)
	}
	if swept, err := n.store.Sweep(t.Context()); err != nil || swept != 1 {
		t.Fatalf("swept %d, %v", swept, err)
	}
	if e := n.rowAgrees(r.ID); e.State != escalation.Expired {
		t.Fatalf("state %s", e.State)
	}
	if swept, err := n.store.Sweep(t.Context()); err != nil || swept != 0 {
		t.Fatalf("swept again %d, %v", swept, err)
	}
}

// A repeated request is the same request; another under its key is refused.
func TestRequestOnce(t *testing.T) {
	n := newNight(t, policy.Production)
	idem := pglog.Idempotency{Actor: n.agent.ID, Key: casetest.ClientKey(), Body: []byte("one")}
	first, err := n.store.Request(t.Context(), idem, n.agent, n.ask())
	if err != nil {
		t.Fatal(err)
	}
	again, err := n.store.Request(t.Context(), idem, n.agent, n.ask())
	if err != nil || again.ID != first.ID || again.Request != first.Request {
		t.Fatalf("first %+v, again %+v, %v", first, again, err)
	}
	idem.Body = []byte("other")
	if _, err := n.store.Request(t.Context(), idem, n.agent, n.ask()); !errors.Is(err, pglog.ErrIdempotencyMismatch) {
		t.Fatalf("another body: %v", err)
	}
}

// A compromised staff process writes what it likes into the projection, with no
// entry behind it: the database refuses.
func TestNoStateWithoutEntry(t *testing.T) {
	n := newNight(t, policy.Production)
	r := n.request()
	staff := n.Pool(t, "sceau_staff")
	for _, sql := range []string{
		`UPDATE sceau.escalations SET state = 'approved' WHERE escalation_id = $1`,
		`UPDATE sceau.escalations SET state = 'approved', last_seq = last_seq - 1 WHERE escalation_id = $1`,
		`UPDATE sceau.escalations SET requester_id = 's-bruno' WHERE escalation_id = $1`,
		`UPDATE sceau.escalations SET state = 'glass_broken' WHERE escalation_id = $1`,
		`UPDATE sceau.escalations SET review_by = now(), review = 'confirmed' WHERE escalation_id = $1`,
		`UPDATE sceau.escalations SET tell_by = now() WHERE escalation_id = $1`,
		`UPDATE sceau.escalations SET widen_at = NULL WHERE escalation_id = $1`,
		`UPDATE sceau.escalations SET break_glass_from = now() WHERE escalation_id = $1`,
		`DELETE FROM sceau.escalations WHERE escalation_id = $1`,
	} {
		if _, err := staff.Exec(t.Context(), sql, r.ID); err == nil {
			t.Errorf("went through: %s", sql)
		}
	}
	n.rowAgrees(r.ID)
}
