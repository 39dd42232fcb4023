package pgstore_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/escalation"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/casetest"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
	"github.com/sceau-project/sceau/retention"
	"github.com/sceau-project/sceau/retention/pgstore"
)

// A desk is a privacy officer's, and a case that an agent has.
type desk struct {
	*casetest.World
	t     *testing.T
	store *pgstore.Store
	cse   string

	agent, supervisor, officer, second, other audit.Actor
}

func newDesk(t *testing.T, v policy.Variant) *desk {
	t.Helper()
	t.Parallel()
	w := casetest.New(t, v)
	store, err := pgstore.New(pgstore.Config{Pool: w.Pool(t, "sceau_staff"), Log: w.Log(audit.ViaStaff), Policy: w.Policy})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{World: w, t: t, store: store, agent: w.Member("amal", "amal", "agent"), supervisor: w.Member("diane", "diane", "supervisor"),
		officer: w.Member("hana", "hana", "privacy_officer"), second: w.Member("amal2", "amal", "privacy_officer"), other: w.Member("ines", "ines", "privacy_officer")}
	d.cse = w.Opened(d.agent, "Je voudrais que tout soit effacé.")
	return d
}

func (d *desk) ok(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// refused fails unless policy refuses, and for this reason.
func (d *desk) refused(what string, err error, reason string) {
	d.t.Helper()
	var no *policystore.Refused
	if !errors.As(err, &no) || !slices.Contains(no.Reasons, reason) {
		d.t.Errorf("%s: %v, want %s", what, err, reason)
	}
}

func (d *desk) ask() string {
	d.t.Helper()
	asked, err := d.Public.RequestErasure(d.t.Context(), d.cse, casetest.ClientKey())
	d.ok(err)
	return asked.ID
}

func (d *desk) decide(who audit.Actor, id, verdict, reason string) error {
	_, err := d.World.Decide(who, id, verdict, reason)
	return err
}

func (d *desk) hold(reason string) string {
	d.t.Helper()
	set, err := d.store.Set(d.t.Context(), pglog.Idempotency{}, d.officer, d.cse, reason)
	d.ok(err)
	return set.ID
}

func (d *desk) fold() *escalation.Case {
	d.t.Helper()
	c, err := escalationstore.ReadCase(d.t.Context(), d.Super, d.cse)
	d.ok(err)
	if len(c.Disregarded) != 0 {
		d.t.Errorf("disregarded: %+v", c.Disregarded)
	}
	return c
}

func (d *desk) lastMessage() time.Time {
	d.t.Helper()
	at, err := pgstore.LastMessage(d.t.Context(), d.Super, d.cse)
	d.ok(err)
	return at
}

func (d *desk) periods() policy.Periods {
	d.t.Helper()
	p, err := d.Policy.In(d.t.Context(), d.Super)
	d.ok(err)
	periods, ok := p.Periods()
	if !ok {
		d.t.Fatal("no periods")
	}
	return periods
}

// candidates asks as the custodian does.
func (d *desk) candidates(after time.Duration) []string {
	d.t.Helper()
	due, err := pgstore.Candidates(d.t.Context(), d.Pool(d.t, "sceau_custodian"), d.periods(), time.Now().Add(after), "", 10)
	d.ok(err)
	return due
}

// agree holds the register, which SQL makes of projections, to the log.
func (d *desk) agree() []retention.Item {
	d.t.Helper()
	const ever = 50 * 365 * 24 * time.Hour
	got, err := d.store.Due(d.t.Context(), d.officer, ever)
	d.ok(err)
	want := retention.Of(d.fold(), d.lastMessage()).Due(d.periods())
	if !slices.EqualFunc(got, want, func(a, b retention.Item) bool {
		same := a.At.Equal(b.At)
		a.At = b.At
		return same && a == b
	}) {
		d.t.Errorf("the register has\n%+v, the log says\n%+v", got, want)
	}
	return want
}

// destroy does what the custodian does to the log and to PostgreSQL.
func (d *desk) destroy(reason string) error {
	d.t.Helper()
	_, err := d.Log(audit.ViaCustodian).Do(d.t.Context(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		docket, err := escalationstore.OpenDocket(ctx, turn, audit.ViaCustodian, d.cse)
		if err != nil {
			return nil, err
		}
		custodian := audit.Actor{ID: "custodian"}
		for _, class := range []retention.What{retention.Transcript, retention.Identity} {
			decision, err := d.Policy.Allow(ctx, turn.Tx, retention.DestroyInput(docket.Case, turn.At, d.lastMessage(), class, reason))
			if err != nil {
				return nil, err
			}
			details := audit.Details{"reason": reason}
			if granted := docket.Case.Granted(); reason == policy.DestroyErasure {
				details["erasure"] = granted.ID
			}
			ref, err := docket.Append(audit.Entry{Action: audit.ActionKeyDestroyed, Case: d.cse,
				Subject: audit.Subject{Type: "key", ID: string(class)}, Details: details}, custodian, decision, nil)
			if err != nil {
				return nil, err
			}
			if _, err := turn.Tx.Exec(ctx, `UPDATE sceau.cases SET `+string(class)+`_destroyed_seq = $2 WHERE case_id = $1`, d.cse, ref.Seq); err != nil {
				return nil, err
			}
		}
		decision, err := d.Policy.Allow(ctx, turn.Tx, retention.OpeningsInput(docket.Case, turn.At, d.lastMessage(), reason))
		if err != nil {
			return nil, err
		}
		ref, err := docket.Append(audit.Entry{Action: audit.ActionOpeningsErased, Case: d.cse, Details: audit.Details{"reason": reason}}, custodian, decision, nil)
		if err != nil {
			return nil, err
		}
		_, err = turn.Tx.Exec(ctx, `DELETE FROM sceau.openings WHERE case_id = $1 AND seq < $2`, d.cse, ref.Seq)
		return nil, err
	})
	return err
}

func TestAnErasureIsDecided(t *testing.T) {
	d := newDesk(t, policy.Production)
	first := d.ask()
	waiting, err := d.store.Erasures(t.Context(), d.officer)
	d.ok(err)
	if len(waiting) != 1 || waiting[0].ID != first || waiting[0].Case != d.cse || waiting[0].Held || waiting[0].Age < 0 {
		t.Errorf("waiting %+v", waiting)
	}
	if age, n, err := d.store.Oldest(t.Context()); err != nil || n != 1 || age <= 0 || age > time.Hour {
		t.Errorf("the oldest of %d waits for %s, %v", n, age, err)
	}
	for what, c := range map[string]struct {
		by              audit.Actor
		verdict, reason string
		want            string
	}{
		"a supervisor grants":               {d.supervisor, "granted", "", "role.not_allowed"},
		"the agent grants":                  {d.agent, "granted", "", "role.not_allowed"},
		"the agent's other account grants":  {d.second, "granted", "", "approver.took_part"},
		"the agent's other account refuses": {d.second, "refused", "legal_hold", "approver.took_part"},
		"refused for no reason":             {d.officer, "refused", "", "erasure.not_coded"},
		"refused for a reason of one's own": {d.officer, "refused", "too_late", "erasure.not_coded"},
		"granted for a reason":              {d.officer, "granted", "legal_hold", "erasure.not_coded"},
		"no verdict":                        {d.officer, "perhaps", "", "verdict.unknown"},
	} {
		d.refused(what, d.decide(c.by, first, c.verdict, c.reason), c.want)
	}
	for _, id := range []string{uuid.NewString(), d.cse, "", "x"} {
		if err := d.decide(d.officer, id, "granted", ""); !errors.Is(err, conversation.ErrNotFound) {
			t.Errorf("deciding %q: %v", id, err)
		}
	}
	d.ok(d.decide(d.officer, first, "refused", "proceedings_under_way"))
	d.refused("decided twice", d.decide(d.officer, first, "granted", ""), "erasure.not_pending")
	if age, n, err := d.store.Oldest(t.Context()); err != nil || n != 0 || age != 0 {
		t.Errorf("the oldest of %d waits for %s, %v", n, age, err)
	}
	if list, err := d.Public.Erasures(t.Context(), d.cse); err != nil || len(list) != 1 || list[0].Verdict != "refused" ||
		list[0].Reason != "proceedings_under_way" || list[0].DecidedAt.IsZero() {
		t.Errorf("the minor is told %+v, %v", list, err)
	}
	if due := d.candidates(0); len(due) != 0 {
		t.Errorf("the custodian looks at %v", due)
	}

	// What was refused is asked for again, and granted.
	second := d.ask()
	done, err := d.World.Decide(d.officer, second, "granted", "")
	d.ok(err)
	if g := d.fold().Granted(); g == nil || g.ID != second || g.DecidedSeq != done.Seq {
		t.Errorf("the log says %+v", g)
	}
	if _, err := d.Public.RequestErasure(t.Context(), d.cse, casetest.ClientKey()); !errors.Is(err, conversation.ErrErasureGranted) {
		t.Errorf("asked for once more: %v", err)
	}
	if due := d.candidates(0); !slices.Equal(due, []string{d.cse}) {
		t.Errorf("the custodian looks at %v", due)
	}
	if items := d.agree(); len(items) != 3 || items[0].Reason != policy.DestroyErasure || items[0].Erasure != second {
		t.Errorf("due are %+v", items)
	}
}

func TestAHoldStopsDestruction(t *testing.T) {
	d := newDesk(t, policy.Production)
	d.ok(d.Public.CloseAsMinor(t.Context(), d.cse, casetest.ClientKey()))
	asked := d.ask()
	_, err := d.store.Set(t.Context(), pglog.Idempotency{}, d.supervisor, d.cse, "proceedings")
	d.refused("a supervisor's hold", err, "role.not_allowed")
	_, err = d.store.Set(t.Context(), pglog.Idempotency{}, d.officer, d.cse, "because")
	d.refused("a hold for no reason", err, "hold.not_coded")
	_, err = d.store.Set(t.Context(), pglog.Idempotency{}, d.officer, uuid.NewString(), "proceedings")
	if !errors.Is(err, conversation.ErrNotFound) {
		t.Errorf("a hold on nothing: %v", err)
	}
	one, two := d.hold("proceedings"), d.hold("complaint")
	d.refused("granted under a hold", d.decide(d.officer, asked, "granted", ""), "hold.set")
	const year = 366 * 24 * time.Hour
	if due := d.candidates(4 * year); len(due) != 0 {
		t.Errorf("the custodian looks at a held case: %v", due)
	}
	for _, item := range d.agree() {
		if !item.Held {
			t.Errorf("not shown as held: %+v", item)
		}
	}
	lift := func(id string) error { return d.Lift(d.other, id, "proceedings") }
	d.refused("lifted by who set it", d.Lift(d.officer, one, "proceedings"), "approver.same_person")
	d.refused("lifted by who took part", d.Lift(d.second, one, "proceedings"), "approver.took_part")
	d.ok(lift(one))
	d.refused("lifted twice", lift(one), "hold.unknown")
	d.refused("granted under the other hold", d.decide(d.officer, asked, "granted", ""), "hold.set")
	standing, err := d.store.Holds(t.Context(), d.officer, false)
	d.ok(err)
	all, err := d.store.Holds(t.Context(), d.officer, true)
	d.ok(err)
	if len(standing) != 1 || standing[0].ID != two || standing[0].Reason != "complaint" || !standing[0].LiftedAt.IsZero() ||
		len(all) != 2 || all[0].ID != one || all[0].LiftedAt.IsZero() {
		t.Errorf("standing %+v, all %+v", standing, all)
	}
	d.ok(lift(two))
	if due := d.candidates(4 * year); len(due) != 1 {
		t.Errorf("the custodian looks at %v", due)
	}
	d.ok(d.decide(d.officer, asked, "granted", ""))
	three := d.hold("requisition")
	if err := d.destroy(policy.DestroyErasure); err == nil {
		t.Error("destroyed under a hold that was set after the grant")
	}
	if due := d.candidates(0); len(due) != 0 {
		t.Errorf("the custodian looks at a held case: %v", due)
	}
	d.ok(lift(three))
	d.ok(d.destroy(policy.DestroyErasure))
}

// A staff face that asks nobody can neither decide, nor lift the hold of one case with
// an entry of another.
func TestRowsAreNotMovedAroundTheLog(t *testing.T) {
	d := newDesk(t, policy.Production)
	asked, held := d.ask(), d.hold("proceedings")
	d.cse = d.Opened(d.agent, "Bonjour")
	theirs := d.hold("proceedings")
	for what, c := range map[string]struct {
		entry pglog.Draft
		sql   string
	}{
		"another case's hold is lifted": {pglog.Draft{Action: audit.ActionHoldLifted, Case: d.cse, Subject: audit.Subject{Type: "hold", ID: held}},
			`UPDATE sceau.holds SET lifted_at = now(), lifted_seq = $2 WHERE hold_id = '` + held + `' AND $1::uuid IS NOT NULL`},
		"another hold is lifted": {pglog.Draft{Action: audit.ActionHoldLifted, Case: d.cse, Subject: audit.Subject{Type: "hold", ID: uuid.NewString()}},
			`UPDATE sceau.holds SET lifted_at = now(), lifted_seq = $2 WHERE case_id = $1`},
		"a hold is lifted by setting it": {pglog.Draft{Action: audit.ActionHoldSet, Case: d.cse, Subject: audit.Subject{Type: "hold", ID: theirs}},
			`UPDATE sceau.holds SET lifted_at = now(), lifted_seq = $2 WHERE case_id = $1`},
		"a hold is moved": {pglog.Draft{Action: audit.ActionHoldLifted, Case: d.cse, Subject: audit.Subject{Type: "hold", ID: theirs}},
			`UPDATE sceau.holds SET case_id = case_id WHERE case_id = $1 AND $2 >= 0`},
		"a hold is removed": {pglog.Draft{Action: audit.ActionHoldLifted, Case: d.cse, Subject: audit.Subject{Type: "hold", ID: theirs}},
			`DELETE FROM sceau.holds WHERE case_id = $1 AND $2 >= 0`},
		"another case's erasure is decided": {pglog.Draft{Action: audit.ActionErasureDecided, Case: d.cse, Subject: audit.Subject{Type: "erasure", ID: asked}, Details: audit.Details{"verdict": "granted"}},
			`UPDATE sceau.erasures SET verdict = 'granted', decided_at = now(), decided_seq = $2 WHERE erasure_id = '` + asked + `' AND $1::uuid IS NOT NULL`},
	} {
		via := audit.ViaCustodian
		if c.entry.Action == audit.ActionHoldSet {
			via = audit.ViaStaff
		}
		_, err := d.Log(via).Do(t.Context(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
			c.entry.Actor = d.officer
			ref, err := turn.Append(c.entry)
			if err != nil {
				t.Fatal(err)
			}
			_, err = turn.Tx.Exec(ctx, c.sql, d.cse, ref.Seq)
			return nil, err
		})
		if err == nil {
			t.Errorf("%s", what)
		}
	}
	for _, role := range []string{"sceau_public", "sceau_staff", "sceau_custodian", "sceau_operator"} {
		for _, sql := range []string{
			`UPDATE sceau.holds SET lifted_at = now(), lifted_seq = set_seq + 1`,
			`UPDATE sceau.erasures SET verdict = 'granted', decided_at = now(), decided_seq = requested_seq`,
			`UPDATE sceau.cases SET identity_destroyed_seq = identity_seq`,
			`DELETE FROM sceau.openings`, `DELETE FROM sceau.erasures`,
		} {
			if _, err := d.Pool(t, role).Exec(t.Context(), sql); err == nil {
				t.Errorf("%s may: %s", role, sql)
			}
		}
	}
	// The face cannot even write the entries, nor change the rows.
	for _, action := range []audit.Action{audit.ActionHoldLifted, audit.ActionErasureDecided} {
		if _, err := d.Log(audit.ViaStaff).Append(t.Context(), pglog.Draft{Actor: d.officer, Action: action, Case: d.cse}); err == nil {
			t.Errorf("the staff face writes %s", action)
		}
	}
	for _, sql := range []string{
		`UPDATE sceau.holds SET lifted_at = now(), lifted_seq = set_seq + 1 WHERE false`,
		`UPDATE sceau.erasures SET verdict = 'granted' WHERE false`,
	} {
		if _, err := d.Pool(t, "sceau_staff").Exec(t.Context(), sql); err == nil {
			t.Errorf("the staff face may: %s", sql)
		}
	}
}

func TestRegistersAreForPrivacyOfficersAndLookingIsAnEntry(t *testing.T) {
	d := newDesk(t, policy.Production)
	registers := map[string]func(audit.Actor) error{
		policy.ViewErasures: func(a audit.Actor) error { _, err := d.store.Erasures(t.Context(), a); return err },
		policy.ViewHolds:    func(a audit.Actor) error { _, err := d.store.Holds(t.Context(), a, true); return err },
		policy.ViewDue:      func(a audit.Actor) error { _, err := d.store.Due(t.Context(), a, time.Hour); return err },
	}
	looks := func() (n int) {
		d.ok(d.Super.QueryRow(t.Context(), `SELECT count(*) FROM sceau.entries WHERE action = 'log.read'`).Scan(&n))
		return n
	}
	for view, look := range registers {
		before := looks()
		for _, a := range []audit.Actor{d.agent, d.supervisor, {ID: d.officer.ID, Role: "privacy_officer"}, {}} {
			if err := look(a); err == nil {
				t.Errorf("%q looks into %s", a.Role, view)
			}
		}
		if looks() != before {
			t.Errorf("%s: what was refused is recorded as done", view)
		}
		d.ok(look(d.officer))
		var recorded string
		d.ok(d.Super.QueryRow(t.Context(), `SELECT convert_from(leaf, 'UTF8')::json #>> '{details,view}' FROM sceau.entries
			WHERE action = 'log.read' ORDER BY seq DESC LIMIT 1`).Scan(&recorded))
		if looks() != before+1 || recorded != view {
			t.Errorf("looking into %s: %d entries, the last of %q", view, looks()-before, recorded)
		}
	}
}

// The register is made of projections, by SQL; it must say what the log says, at every
// step of a case's life.
func TestTheRegisterAgreesWithTheLog(t *testing.T) {
	d := newDesk(t, policy.Demonstration)
	ctx := t.Context()
	items := d.agree() // open: quiet since the last message
	if len(items) != 3 || items[0].What != retention.Identity || !items[0].At.Equal(d.lastMessage().Add(d.periods().IdentityUnreleased)) {
		t.Errorf("%+v", items)
	}
	if within, err := d.store.Due(ctx, d.officer, d.periods().Transcript-time.Minute); err != nil || len(within) != 1 || within[0].What != retention.Identity {
		t.Errorf("due soon: %+v, %v", within, err)
	}
	if soon, err := d.store.Due(ctx, d.officer, 0); err != nil || len(soon) != 0 {
		t.Errorf("due now: %+v, %v", soon, err)
	}
	if due := d.candidates(d.periods().IdentityUnreleased - time.Minute); len(due) != 0 {
		t.Errorf("candidates too early: %v", due)
	}
	if due := d.candidates(d.periods().IdentityUnreleased + time.Minute); len(due) != 1 {
		t.Errorf("candidates: %v", due)
	}
	d.ok(d.Public.Entrust(ctx, d.cse, casetest.ClientKey(), conversation.FacetName, "Camille"))
	d.agree() // quiet since an entry
	given, err := d.Public.GiveConsent(ctx, d.cse, casetest.ClientKey(), []conversation.Facet{"name"}, "Oui, vous pouvez.")
	d.ok(err)
	d.agree()
	d.ok(d.Public.CloseAsMinor(ctx, d.cse, casetest.ClientKey()))
	d.agree()
	d.ok(d.Public.WithdrawConsent(ctx, d.cse, casetest.ClientKey(), given.ID))
	d.ok(d.Public.Returned(ctx, d.cse, conversation.Connection{Address: netip.MustParseAddr("2001:db8::9"), Port: 4242}))
	if items := d.agree(); !items[0].At.Equal(d.fold().ClosedAt.Add(d.periods().IdentityUnreleased)) {
		t.Errorf("coming back makes what is kept last longer: %+v", items)
	}
	d.hold("complaint")
	d.agree()
	if err := d.destroy(policy.DestroyRetention); err == nil {
		t.Error("destroyed before its time")
	}
}

// After an erasure nothing is left but a log that still verifies, and that says by which
// entry what is missing was erased.
func TestAnErasedCaseStillVerifies(t *testing.T) {
	d := newDesk(t, policy.Production)
	ctx := t.Context()
	asked := d.ask()
	d.refused("destroyed before it was granted", d.destroy(policy.DestroyErasure), "erasure.not_pending")
	d.ok(d.decide(d.officer, asked, "granted", ""))
	d.ok(d.destroy(policy.DestroyErasure))
	c := d.fold()
	if !c.Gone() || c.OpeningsErased == 0 {
		t.Errorf("the log says %+v", c)
	}
	if due := d.candidates(50 * 365 * 24 * time.Hour); len(due) != 0 {
		t.Errorf("the custodian looks again at %v", due)
	}
	if items := d.agree(); len(items) != 0 {
		t.Errorf("due are %+v", items)
	}
	if _, err := d.Public.WriteAsMinor(ctx, d.cse, casetest.ClientKey(), "Vous êtes là ?"); !errors.Is(err, conversation.ErrErased) {
		t.Errorf("writing to what is erased: %v", err)
	}

	dir := filepath.Join(t.TempDir(), "export")
	_, err := d.Log(audit.ViaOperator).Export(ctx, pglog.ExportRequest{Dir: dir, Actor: audit.Actor{ID: "operator"}, Reason: "a test"})
	d.ok(err)
	report := audit.Verify(os.DirFS(dir), audit.Options{})
	if report.Damage != nil {
		t.Errorf("the export of a log with an erased case: %+v", report.Damage)
	}
	// Every decision of the case has lost its input, but for those to destroy it: they
	// stay to be accounted for. No other case has lost anything.
	destruction := min(c.Key("transcript").DestroyedSeq, c.Key("identity").DestroyedSeq)
	lost := 0
	for record, err := range pglog.Entries(ctx, d.Super, pglog.Filter{}) {
		d.ok(err)
		if record.Decision == nil {
			continue
		}
		var there bool
		d.ok(d.Super.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sceau.openings WHERE seq = $1 AND field = 'input')`, record.Seq).Scan(&there))
		if erased := record.Case == d.cse && record.Seq < destruction; there == erased {
			t.Errorf("entry %d, %s: its input is there is %t", record.Seq, record.Action, there)
		} else if erased {
			lost++
		}
	}
	if lost == 0 {
		t.Error("no decision lost its input: there was none to lose")
	}
}

// An identity that was opened is kept with the transcript, whoever asks.
func TestAnOpenedIdentityIsKept(t *testing.T) {
	d := newDesk(t, policy.Demonstration)
	ctx := t.Context()
	escalations, err := escalationstore.New(escalationstore.Config{Pool: d.Pool(t, "sceau_staff"), Log: d.Log(audit.ViaStaff), Policy: d.Policy, Recipients: d.Recipients(audit.ViaStaff)})
	d.ok(err)
	messages, err := d.Staff.MessagesAt(ctx, d.cse, []int{1})
	d.ok(err)
	r, err := escalations.Request(ctx, pglog.Idempotency{}, d.agent, escalationstore.Ask{Case: d.cse, Ground: escalation.GroundImminentDanger,
		Danger: policy.Assessment{Immediacy: "now", Violence: "weapon", Suicide: "none", PerpetratorPresent: "yes", Captive: "unknown",
			AgeBand: "10_12", Alone: "no", LocationKnown: "no", PsychologistOpinion: "none"},
		Facets: []string{"connection"}, Evidence: []escalationstore.Citation{{Position: 1, Sum: sha256.Sum256(messages[0].Ciphertext)}}, Narrative: "Une arme."})
	d.ok(err)
	if r.State != escalation.Requested {
		t.Fatalf("%+v", r)
	}
	request, err := audit.ParseHash(r.Request)
	d.ok(err)
	d.Read(d.supervisor, d.cse, r.ID)
	_, err = escalations.Approve(ctx, pglog.Idempotency{}, d.supervisor, r.ID, request, []string{"connection"})
	d.ok(err)
	d.agree()
	// write appends one entry about the escalation as the custodian does.
	write := func(entry func(c *escalation.Case, e *escalation.Escalation, at time.Time) (audit.Entry, *policy.Decision)) (hash audit.Hash) {
		_, err := d.Log(audit.ViaCustodian).Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
			docket, err := escalationstore.OpenDocket(ctx, turn, audit.ViaCustodian, d.cse)
			if err != nil {
				return nil, err
			}
			e, _ := docket.Case.Escalation(r.ID)
			about, decision := entry(docket.Case, e, turn.At)
			ref, err := docket.Append(about, d.agent, decision, nil)
			if err != nil {
				return nil, err
			}
			hash = ref.Hash
			return nil, escalationstore.Project(ctx, turn.Tx, e)
		})
		d.ok(err)
		return hash
	}
	intent := write(func(c *escalation.Case, e *escalation.Escalation, at time.Time) (audit.Entry, *policy.Decision) {
		p, err := d.Policy.In(ctx, d.Super)
		d.ok(err)
		decision, err := p.Decide(ctx, c.ReleaseInput(at, d.agent, e, []string{"connection"}, false))
		d.ok(err)
		return escalation.ReleaseOrderedEntry(e, []string{"connection"}, decision.Obligations, at), &decision
	})
	together := func(items []retention.Item) bool {
		at := map[retention.What]time.Time{}
		for _, i := range items {
			at[i.What] = i.At
		}
		return at[retention.Identity].Equal(at[retention.Transcript])
	}
	if items := d.agree(); !together(items) { // possibly opened
		t.Errorf("an identity that was perhaps opened is not kept with the transcript: %+v", items)
	}
	write(func(_ *escalation.Case, e *escalation.Escalation, _ time.Time) (audit.Entry, *policy.Decision) {
		return escalation.ReleaseFailedEntry(e, intent, "vault.unavailable"), nil
	})
	if items := d.agree(); together(items) { // certainly not
		t.Errorf("an identity that was not opened is kept with the transcript: %+v", items)
	}
	// What is open keeps policy from destroying, whatever the register says.
	d.refused("granted with an escalation open", d.decide(d.officer, d.ask(), "granted", ""), "erasure.escalation_open")
}

func TestNoStoreWithoutItsParts(t *testing.T) {
	if _, err := pgstore.New(pgstore.Config{}); err == nil || !strings.Contains(err.Error(), "needs") {
		t.Errorf("answered %v", err)
	}
}
