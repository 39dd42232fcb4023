package pgstore_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/casetest"
	"github.com/sceau-project/sceau/notice"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
	staffstore "github.com/sceau-project/sceau/staff/pgstore"
)

var once = pglog.Idempotency{}

// granted is a request that a supervisor has granted.
func (n *night) granted() pgstore.Receipt {
	n.t.Helper()
	r := n.request()
	n.Read(n.supervisor, n.cse, r.ID)
	if _, err := n.approve(n.supervisor, r, connection, name); err != nil {
		n.t.Fatal(err)
	}
	return r
}

// until waits for a time that policy set: the demonstration's are seconds.
func (n *night) until(at time.Time) {
	n.t.Helper()
	select {
	case <-n.t.Context().Done():
		n.t.Fatal(n.t.Context().Err())
	case <-time.After(time.Until(at) + 20*time.Millisecond):
	}
}

func refusedFor(err error, code string) bool {
	var r *policystore.Refused
	return errors.As(err, &r) && slices.Contains(r.Reasons, code)
}

// A supervisor ends what another granted, opened or not: nothing opens any more.
func TestRevoke(t *testing.T) {
	n := newNight(t, policy.Production)
	r := n.granted()
	if err := n.Release(n.agent, n.cse, r.ID, name); err != nil {
		t.Fatal(err)
	}
	for who, by := range map[string]audit.Actor{policy.ReasonRoleNotAllowed: n.other, policy.ReasonApproverSamePerson: n.agentAsSupervisor} {
		if _, err := n.store.Revoke(t.Context(), once, by, r.ID, "misuse"); !refusedFor(err, who) {
			t.Errorf("%s: %v", who, err)
		}
	}
	if _, err := n.store.Revoke(t.Context(), once, n.second, r.ID, "Camille"); !refusedFor(err, policy.ReasonRevocationNotCoded) {
		t.Errorf("in free text: %v", err)
	}
	got, err := n.store.Revoke(t.Context(), once, n.second, r.ID, "misuse")
	if err != nil || got.State != escalation.Revoked || got.TellBy == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if e := n.rowAgrees(r.ID); e.RevocationReason != "misuse" || e.RevokedBy.ID != n.second.ID {
		t.Fatalf("%+v", e)
	}
	if err := n.Release(n.agent, n.cse, r.ID, name); !refusedFor(err, policy.ReasonWrongState) {
		t.Fatalf("opened after that: %v", err)
	}
}

// Nobody answers; a second agent confirms; the glass is broken, opened, and reviewed by
// somebody who had no part. Every queue shows it.
func TestBreakGlass(t *testing.T) {
	n := newNight(t, policy.Demonstration)
	r := n.request()
	e := n.rowAgrees(r.ID)
	if calls := n.calls.of(notice.ConfirmationWanted); len(calls) != 1 || !calls[0].Equal(e.BreakGlassFrom) {
		t.Errorf("called a second agent at %v", calls)
	}
	listed := func(by audit.Actor, want int) {
		t.Helper()
		if got, err := n.store.Confirmable(t.Context(), by); err != nil || len(got.Items) != want {
			t.Errorf("%s has %d to confirm, want %d; %v", by.ID, len(got.Items), want, err)
		}
	}
	listed(n.other, 1)
	listed(n.agent, 0)
	listed(audit.Actor{ID: "s-amal3", Person: n.agent.Person, Role: "agent"}, 0)
	if err := n.Confirm(audit.Actor{ID: "s-amal3", Person: n.agent.Person, Role: "agent", Session: "x"}, n.cse, r.ID); !refusedFor(err, policy.ReasonConfirmerSamePerson) {
		t.Errorf("confirmed alone: %v", err)
	}
	if err := n.Confirm(n.other, n.cse, r.ID); err != nil {
		t.Fatal(err)
	}
	listed(n.other, 0)
	n.rowAgrees(r.ID)
	breakGlass := func(by audit.Actor) (pgstore.Receipt, error) {
		return n.store.BreakGlass(t.Context(), once, by, r.ID, e.RequestHash)
	}
	if _, err := breakGlass(n.agent); !refusedFor(err, policy.ReasonGlassTooEarly) {
		t.Fatalf("broken early: %v", err)
	}
	n.until(e.BreakGlassFrom)
	if swept, err := n.store.Sweep(t.Context()); err != nil || swept != 1 { // widened
		t.Fatalf("swept %d, %v", swept, err)
	}
	if len(n.calls.of(notice.RequestWidened)) != 1 || n.rowAgrees(r.ID).WidenedAt.IsZero() {
		t.Error("nobody else was called")
	}
	if _, err := breakGlass(n.other); !refusedFor(err, policy.ReasonNotRequester) {
		t.Fatalf("broken by the second agent: %v", err)
	}
	got, err := breakGlass(n.agent)
	if err != nil || got.State != escalation.GlassBroken || got.ReviewBy == nil || !slices.Equal(got.Granted, []string{connection, name}) {
		t.Fatalf("%+v, %v", got, err)
	}
	if len(n.calls.of(notice.GlassBroken)) != 1 {
		t.Error("nobody was told")
	}
	n.rowAgrees(r.ID)
	if err := n.Release(n.agent, n.cse, r.ID, name); err != nil {
		t.Fatal(err)
	}
	n.rowAgrees(r.ID)

	review := func(by audit.Actor, verdict string) (pgstore.Receipt, error) {
		return n.store.Review(t.Context(), once, by, r.ID, e.RequestHash, verdict)
	}
	due, err := n.store.Reviews(t.Context())
	if err != nil || len(due.Items) != 1 || !due.Items[0].ReviewDue() {
		t.Fatalf("%v, %v", due, err)
	}
	if _, err := review(n.supervisor, policy.VerdictConfirmed); !refusedFor(err, policy.ReasonEvidenceNotRead) {
		t.Fatalf("reviewed unread: %v", err)
	}
	if _, err := review(n.otherSupervisor, policy.VerdictConfirmed); !refusedFor(err, policy.ReasonReviewerTookPart) {
		t.Fatalf("reviewed by who confirmed: %v", err)
	}
	if _, err := review(n.agentAsSupervisor, policy.VerdictConfirmed); !refusedFor(err, policy.ReasonReviewerTookPart) {
		t.Fatalf("reviewed by the requester's human: %v", err)
	}
	n.Read(n.supervisor, n.cse, r.ID)
	if got, err := review(n.supervisor, policy.VerdictAbusive); err != nil || got.Review != policy.VerdictAbusive {
		t.Fatalf("%+v, %v", got, err)
	}
	n.rowAgrees(r.ID)
	if _, err := review(n.supervisor, policy.VerdictConfirmed); !refusedFor(err, policy.ReasonReviewDone) {
		t.Fatalf("reviewed again: %v", err)
	}
	if _, err := n.Pool(t, "sceau_staff").Exec(t.Context(), `UPDATE sceau.escalations SET review = 'confirmed' WHERE escalation_id = $1`, r.ID); err == nil {
		t.Error("a verdict was changed behind the log")
	}
	if done, err := n.store.Reviews(t.Context()); err != nil || len(done.Items) != 1 || done.Items[0].ReviewDue() {
		t.Fatalf("%v, %v", done, err)
	}
}

// The minor is told by whoever talks with them, or had the identity opened; to anybody
// else there is nothing to tell.
func TestTell(t *testing.T) {
	n := newNight(t, policy.Production)
	r := n.granted()
	tell := func(by audit.Actor, outcome, reason string, until time.Time) (pgstore.Receipt, error) {
		return n.store.Tell(t.Context(), once, by, r.ID, outcome, reason, until)
	}
	if _, err := tell(n.agent, policy.Told, "", time.Time{}); !refusedFor(err, policy.ReasonTellingNotDue) {
		t.Fatalf("told of nothing: %v", err)
	}
	if err := n.Release(n.agent, n.cse, r.ID, name); err != nil {
		t.Fatal(err)
	}
	owed := func(by audit.Actor, want int) {
		t.Helper()
		if got, err := n.store.Tellings(t.Context(), by); err != nil || len(got.Items) != want {
			t.Errorf("%s has %d to tell, want %d; %v", by.ID, len(got.Items), want, err)
		}
	}
	owed(n.agent, 1)
	owed(n.other, 0)
	if u, err := n.store.Untold(t.Context()); err != nil || u != (pgstore.Untold{Count: 1}) {
		t.Errorf("counted %+v, %v", u, err)
	}
	if _, err := tell(n.other, policy.Told, "", time.Time{}); !errors.Is(err, pgstore.ErrNotFound) {
		t.Errorf("a stranger: %v", err)
	}
	if err := n.Staff.HandOver(t.Context(), n.agent, n.cse, n.other.ID, casetest.ClientKey()); err != nil {
		t.Fatal(err)
	}
	owed(n.agent, 1)
	owed(n.other, 1)
	if got, err := tell(n.other, policy.TellUnsafe, "perpetrator_reads", time.Time{}); err != nil || got.TellBy == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	e := n.rowAgrees(r.ID)
	if in := e.TellBy().Sub(e.Tellings[0].At); in != 7*24*time.Hour {
		t.Errorf("again in %s", in)
	}
	later := time.Now().Add(48 * time.Hour).Truncate(time.Microsecond)
	if got, err := tell(n.other, policy.TellLater, "", later); err != nil || !got.TellBy.Equal(later) {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := tell(n.other, policy.TellLater, "", time.Now().Add(365*24*time.Hour)); !refusedFor(err, policy.ReasonTellingNotCoded) {
		t.Errorf("in a year: %v", err)
	}
	if got, err := tell(n.agent, policy.Told, "", time.Time{}); err != nil || got.TellBy != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	n.rowAgrees(r.ID)
	owed(n.other, 0)
}

// Who opened an identity is suspended, and the minor has closed the conversation: nobody
// owes them a word who could say it, until it is overdue and any supervisor may.
func TestTellAfterTheRequesterHasGone(t *testing.T) {
	n := newNight(t, policy.Demonstration)
	r := n.granted()
	if err := n.Release(n.agent, n.cse, r.ID, name); err != nil {
		t.Fatal(err)
	}
	if _, err := n.store.Tell(t.Context(), once, n.agent, r.ID, policy.TellLater, "", time.Now().Add(2*time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := staffstore.Suspend(t.Context(), n.Log(audit.ViaOperator), n.agent.Person, "left"); err != nil {
		t.Fatal(err)
	}
	owed := func(want int) {
		t.Helper()
		if got, err := n.store.Tellings(t.Context(), n.supervisor); err != nil || len(got.Items) != want {
			t.Errorf("%d to tell, want %d; %v", len(got.Items), want, err)
		}
		// A supervisor is shown what is overdue; all of it is counted.
		if u, err := n.store.Untold(t.Context()); err != nil || u.Overdue != want || (u.Late > 0) != (want > 0) || u.Late > time.Hour {
			t.Errorf("counted %+v, want %d overdue; %v", u, want, err)
		}
	}
	tell := func(by audit.Actor) error {
		_, err := n.store.Tell(t.Context(), once, by, r.ID, policy.Told, "", time.Time{})
		return err
	}
	owed(0)
	if err := tell(n.supervisor); !refusedFor(err, policy.ReasonRoleNotAllowed) {
		t.Errorf("before it was overdue: %v", err)
	}
	n.until(n.rowAgrees(r.ID).TellBy())
	owed(1)
	if err := tell(n.other); !errors.Is(err, pgstore.ErrNotFound) {
		t.Errorf("a stranger: %v", err)
	}
	if err := tell(n.supervisor); err != nil {
		t.Fatal(err)
	}
	n.rowAgrees(r.ID)
	owed(0)
}

// A minor agrees, an agent asks on it, and the minor takes it back: it has ended in the
// transaction of that entry, in the row too, which the public face may not touch.
func TestConsentTakenBack(t *testing.T) {
	n := newNight(t, policy.Production)
	given, err := n.Public.GiveConsent(t.Context(), n.cse, casetest.ClientKey(), []conversation.Facet{conversation.FacetName}, "Vous pouvez dire mon prénom.")
	if err != nil {
		t.Fatal(err)
	}
	ask := n.ask()
	ask.Ground, ask.Consent = escalation.GroundConsent, given.ID
	r, err := n.store.Request(t.Context(), once, n.agent, ask)
	if err != nil || !slices.Contains(r.Reasons, policy.ReasonConsentOtherFacets) {
		t.Fatalf("more than was agreed to: %+v, %v", r, err)
	}
	ask.Facets = []string{name}
	if r, err = n.store.Request(t.Context(), once, n.agent, ask); err != nil || r.State != escalation.Requested {
		t.Fatalf("%+v, %v", r, err)
	}
	n.rowAgrees(r.ID)
	n.Read(n.supervisor, n.cse, r.ID)
	if _, err := n.approve(n.supervisor, r, name); err != nil {
		t.Fatal(err)
	}
	if err := n.Release(n.agent, n.cse, r.ID, name); err != nil {
		t.Fatal(err)
	}
	if err := n.Public.WithdrawConsent(t.Context(), n.cse, casetest.ClientKey(), given.ID); err != nil {
		t.Fatal(err)
	}
	if e := n.rowAgrees(r.ID); e.State != escalation.Closed {
		t.Fatalf("%s", e.State)
	}
	if err := n.Release(n.agent, n.cse, r.ID, name); !refusedFor(err, policy.ReasonConsentWithdrawn) {
		t.Fatalf("opened after that: %v", err)
	}
	if r, err = n.store.Request(t.Context(), once, n.agent, ask); err != nil || !slices.Contains(r.Reasons, policy.ReasonConsentWithdrawn) {
		t.Fatalf("asked again: %+v, %v", r, err)
	}
}

// A magistrate's order takes a supervisor who has read the evidence and a privacy
// officer who has read the order; each sees what waits for them.
func TestRequisition(t *testing.T) {
	n := newNight(t, policy.Production)
	ask := n.ask()
	ask.Ground = escalation.GroundJudicialRequisition
	ask.Requisition = pgstore.Requisition{Authority: "prosecutor", Reference: "PV 2026/00123 — parquet de Lille", Facets: []string{connection, name}}
	r, err := n.store.Request(t.Context(), once, n.agent, ask)
	if err != nil || !slices.Equal(r.Reasons, []string{policy.ReasonRequisitionCaseNotListed}) {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, reference := range []string{strings.Repeat("x", 65), "two\nlines", "\xff", "a\u202eb"} {
		bad := ask
		bad.Requisition.Reference = reference
		if _, err := n.store.Request(t.Context(), once, n.agent, bad); escalation.Code(err) != policy.ReasonRequisitionIncomplete {
			t.Errorf("%q: %v", reference, err)
		}
	}
	ask.Requisition.ListedCase = "three_years"
	if r, err = n.store.Request(t.Context(), once, n.agent, ask); err != nil || r.State != escalation.Requested {
		t.Fatalf("%+v, %v", r, err)
	}
	if len(n.calls.of(notice.RequisitionWaiting)) != 1 || len(n.calls.of(notice.ConfirmationWanted)) != 0 {
		t.Error("the wrong people were called")
	}
	e := n.rowAgrees(r.ID)
	if got, err := n.store.Reference(t.Context(), e); err != nil || got != ask.Requisition.Reference {
		t.Errorf("%q, %v", got, err)
	}
	var leaf string
	if err := n.Super.QueryRow(t.Context(), `SELECT convert_from(leaf, 'UTF8') FROM sceau.entries WHERE seq = $1`, e.RequestSeq).Scan(&leaf); err != nil || strings.Contains(leaf, "parquet") {
		t.Errorf("the reference is in the leaf: %s, %v", leaf, err)
	}
	waits := func(role string, want int) {
		t.Helper()
		if got, err := n.store.Pending(t.Context(), role); err != nil || len(got.Items) != want {
			t.Errorf("%d wait for a %s, want %d; %v", len(got.Items), role, want, err)
		}
	}
	waits("supervisor", 1)
	waits("privacy_officer", 1)
	if _, err := n.approve(n.officer, r, name); !refusedFor(err, policy.ReasonEvidenceNotRead) {
		t.Errorf("approved unread: %v", err)
	}
	n.Read(n.officer, n.cse, r.ID)
	n.Read(n.supervisor, n.cse, r.ID)
	if got, err := n.approve(n.supervisor, r, connection, name); err != nil || got.State != escalation.Requested {
		t.Fatalf("%+v, %v", got, err)
	}
	waits("supervisor", 0)
	waits("privacy_officer", 1)
	if err := n.Release(n.agent, n.cse, r.ID, name); !refusedFor(err, policy.ReasonApprovalsMissing) {
		t.Errorf("opened on half an answer: %v", err)
	}
	if got, err := n.approve(n.officer, r, name); err != nil || got.State != escalation.Approved || !slices.Equal(got.Granted, []string{name}) {
		t.Fatalf("%+v, %v", got, err)
	}
	waits("privacy_officer", 0)
	if _, err := n.store.Get(t.Context(), n.officer, r.ID); err != nil {
		t.Error(err)
	}
	if _, err := n.Super.Exec(t.Context(), `UPDATE sceau.openings SET value = 'PV 1' WHERE seq = $1 AND field = 'reference'`, e.RequestSeq); err != nil {
		t.Fatal(err)
	}
	if _, err := n.store.Reference(t.Context(), e); !errors.Is(err, pgstore.ErrAltered) {
		t.Errorf("another reference: %v", err)
	}
}

// What waits for one role is not cut for what waits for another, a queue that is cut says
// so, and a case that cannot be believed hides no other.
func TestQueuesSayWhatTheyLeaveOut(t *testing.T) {
	n := newNight(t, policy.Production)
	ask := n.ask()
	ask.Ground = escalation.GroundJudicialRequisition
	ask.Requisition = pgstore.Requisition{Authority: "prosecutor", Reference: "PV 1", ListedCase: "three_years", Facets: []string{connection, name}}
	ordered, err := n.store.Request(t.Context(), once, n.agent, ask)
	if err != nil || ordered.State != escalation.Requested {
		t.Fatalf("%+v, %v", ordered, err)
	}
	// Rows that nobody wrote an entry for, and that wait for longer.
	if _, err := n.Super.Exec(t.Context(), `
		SET session_replication_role = replica;
		INSERT INTO sceau.escalations (escalation_id, case_id, requester_id, requester_person, ground, state, requested_at, deadline, awaits, last_seq)
		SELECT gen_random_uuid(), case_id, requester_id, requester_person, 'imminent_danger', 'requested', requested_at - interval '1 minute', deadline, '{supervisor}', last_seq
		FROM sceau.escalations, generate_series(1, 200);
		SET session_replication_role = DEFAULT`); err != nil {
		t.Fatal(err)
	}
	if q, err := n.store.Pending(t.Context(), policy.RolePrivacyOfficer); err != nil || len(q.Items) != 1 || q.More || q.Damaged != 0 {
		t.Errorf("the officer has %d, %t, %d; %v", len(q.Items), q.More, q.Damaged, err)
	}
	if q, err := n.store.Pending(t.Context(), policy.RoleSupervisor); err != nil || len(q.Items) != 0 || !q.More || q.Damaged != 200 {
		t.Errorf("the supervisor has %d, %t, %d; %v", len(q.Items), q.More, q.Damaged, err)
	}
	if _, err := n.Super.Exec(t.Context(), `
		DELETE FROM sceau.escalations WHERE escalation_id IN (SELECT escalation_id FROM sceau.escalations WHERE awaits = '{supervisor}' LIMIT 199)`); err != nil {
		t.Fatal(err)
	}
	if q, err := n.store.Pending(t.Context(), policy.RoleSupervisor); err != nil || len(q.Items) != 1 || q.More || q.Damaged != 1 {
		t.Errorf("the supervisor has %d, %t, %d; %v", len(q.Items), q.More, q.Damaged, err)
	}
}

// A privacy officer learns nothing of what no magistrate ordered.
func TestOfficersSeeOrdersOnly(t *testing.T) {
	n := newNight(t, policy.Production)
	r := n.request()
	if _, err := n.store.Get(t.Context(), n.officer, r.ID); !errors.Is(err, pgstore.ErrNotFound) {
		t.Error(err)
	}
	if got, err := n.store.Pending(t.Context(), "privacy_officer"); err != nil || len(got.Items) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// Who could answer is counted in humans: not the requester's, not whoever joined, not
// whoever was last seen long ago, not the suspended. Nobody is a refusal.
func TestNobodyOnDuty(t *testing.T) {
	n := newNight(t, policy.Production)
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := n.Super.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	asks := func(reason string) {
		t.Helper()
		r, err := n.store.Request(t.Context(), once, n.agent, n.ask())
		if err != nil || (reason == "") != (r.State == escalation.Requested) || reason != "" && !slices.Equal(r.Reasons, []string{reason}) {
			t.Fatalf("%+v, %v; want %q", r, err, reason)
		}
		if reason == "" {
			if _, err := n.store.Withdraw(t.Context(), once, n.agent, r.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	asks("")
	// Only the agents' own other accounts are left, and one of them joined.
	if err := n.Staff.HandOver(t.Context(), n.agent, n.cse, n.other.ID, casetest.ClientKey()); err != nil {
		t.Fatal(err)
	}
	if err := n.Staff.HandOver(t.Context(), n.other, n.cse, n.agent.ID, casetest.ClientKey()); err != nil {
		t.Fatal(err)
	}
	exec(`UPDATE sceau.staff_sessions SET last_seen_at = clock_timestamp() - interval '16 minutes' WHERE staff_id IN ($1, $2)`, n.supervisor.ID, n.second.ID)
	asks(policy.ReasonNobodyOnDuty)
	exec(`INSERT INTO sceau.on_call VALUES ($1, 'supervisor', clock_timestamp() - interval '1 second')`, n.second.ID)
	asks(policy.ReasonNobodyOnDuty)
	exec(`UPDATE sceau.on_call SET until = clock_timestamp() + interval '1 hour'`)
	asks("")
	exec(`UPDATE sceau.on_call SET role = 'inspector'`)
	asks(policy.ReasonNobodyOnDuty)
	exec(`UPDATE sceau.staff_sessions SET last_seen_at = clock_timestamp() WHERE staff_id = $1`, n.supervisor.ID)
	asks("")
	exec(`UPDATE sceau.staff_sessions SET ended_at = clock_timestamp() WHERE staff_id = $1`, n.supervisor.ID)
	asks(policy.ReasonNobodyOnDuty)
	exec(`UPDATE sceau.on_call SET role = 'supervisor'`)
	asks("")
	if _, err := staffstore.Suspend(t.Context(), n.Log(audit.ViaOperator), n.second.Person, "other"); err != nil {
		t.Fatal(err)
	}
	asks(policy.ReasonNobodyOnDuty)
}

// What a suspended agent asked for ends, whatever its state; a colleague's goes on.
func TestSuspendedRequester(t *testing.T) {
	n := newNight(t, policy.Production)
	r := n.granted()
	if err := n.Release(n.agent, n.cse, r.ID, name); err != nil {
		t.Fatal(err)
	}
	if swept, err := n.store.Sweep(t.Context()); err != nil || swept != 0 {
		t.Fatalf("swept %d, %v", swept, err)
	}
	if _, err := staffstore.Suspend(t.Context(), n.Log(audit.ViaOperator), n.agent.Person, "misconduct"); err != nil {
		t.Fatal(err)
	}
	if swept, err := n.store.Sweep(t.Context()); err != nil || swept != 1 {
		t.Fatalf("swept %d, %v", swept, err)
	}
	if e := n.rowAgrees(r.ID); e.State != escalation.Closed || e.ClosedFor != escalation.ReasonRequesterSuspended {
		t.Fatalf("%+v", e)
	}
	if swept, err := n.store.Sweep(t.Context()); err != nil || swept != 0 {
		t.Fatalf("swept again %d, %v", swept, err)
	}
}

// What was over by then stays as it ended: a suspension does not write the history of
// somebody's years anew, entry by entry.
func TestSuspensionLeavesWhatIsOver(t *testing.T) {
	n := newNight(t, policy.Demonstration)
	r := n.granted()
	if err := n.Release(n.agent, n.cse, r.ID, name); err != nil {
		t.Fatal(err)
	}
	n.until(n.rowAgrees(r.ID).OpensUntil())
	if _, err := staffstore.Suspend(t.Context(), n.Log(audit.ViaOperator), n.agent.Person, "left"); err != nil {
		t.Fatal(err)
	}
	if swept, err := n.store.Sweep(t.Context()); err != nil || swept != 0 {
		t.Fatalf("swept %d, %v", swept, err)
	}
	if e := n.rowAgrees(r.ID); e.State != escalation.Released || !e.Over(time.Now()) {
		t.Fatalf("%+v", e)
	}
}

// A request calls people now, later, and nobody twice; its age is known.
func TestARequestCallsPeople(t *testing.T) {
	n := newNight(t, policy.Production)
	r := n.request()
	e := n.rowAgrees(r.ID)
	for kind, want := range map[notice.Kind]time.Duration{
		notice.RequestWaiting: 0, notice.RequestReminder: 3 * time.Minute, notice.ConfirmationWanted: 5 * time.Minute,
	} {
		if at := n.calls.of(kind); len(at) != 1 || !at[0].Equal(e.RequestedAt.Add(want)) {
			t.Errorf("%s at %v", kind, at)
		}
	}
	if age, waiting, err := n.store.Oldest(t.Context()); err != nil || waiting != 1 || age <= 0 || age > time.Hour {
		t.Errorf("%s, %d, %v", age, waiting, err)
	}
	if _, err := n.store.Withdraw(t.Context(), once, n.agent, r.ID); err != nil {
		t.Fatal(err)
	}
	if age, waiting, err := n.store.Oldest(t.Context()); err != nil || waiting != 0 || age != 0 {
		t.Errorf("%s, %d, %v", age, waiting, err)
	}
}

// The psychologist's opinion that policy is told is the one in the log, whatever the
// agent says of it.
func TestOpinionIsTheLogs(t *testing.T) {
	n := newNight(t, policy.Production)
	psychologist := n.Member("farah", "farah", "psychologist")
	ask := n.ask()
	ask.Danger = policy.Assessment{
		Immediacy: "hours", Violence: "none", Suicide: "none", PerpetratorPresent: "no", Captive: "no",
		AgeBand: "10_12", Alone: "no", LocationKnown: "no", PsychologistOpinion: "danger",
	}
	r, err := n.store.Request(t.Context(), once, n.agent, ask)
	if err != nil || !slices.Equal(r.Reasons, []string{policy.ReasonDangerNotShown}) {
		t.Fatalf("an opinion was invented: %+v, %v", r, err)
	}
	if err := n.Staff.Join(t.Context(), psychologist, n.cse, casetest.ClientKey()); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Staff.RecordOpinion(t.Context(), psychologist, n.cse, casetest.ClientKey(), "danger", "Elle a peur."); err != nil {
		t.Fatal(err)
	}
	if r, err = n.store.Request(t.Context(), once, n.agent, ask); err != nil || r.State != escalation.Requested {
		t.Fatalf("%+v, %v", r, err)
	}
}
