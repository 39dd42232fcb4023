package custodian_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/policy"
)

// clock is a process's clock that a test moves.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

func destroyed(k talk) pglog.Draft {
	return pglog.Draft{
		Actor: audit.Actor{ID: "custodian", Role: "custodian"}, Action: audit.ActionKeyDestroyed, Case: k.id,
		Subject: audit.Subject{Type: "key", ID: "transcript"}, Details: audit.Details{"reason": policy.DestroyRetention},
		Decision: &audit.Decision{ID: "d-1", Path: string(policy.PointKeyDestroy), Policy: "sha256:" + strings.Repeat("0", 64), Engine: policy.Engine,
			Input: audit.Commit(make([]byte, audit.SaltSize), "input", k.id, nil), Result: audit.ResultAllow},
	}
}

// values opens what was released.
func (w *world) values(k talk, got order.Released) string {
	w.t.Helper()
	sealed, err := w.staff.Sealed(context.Background(), k.id, "connection", "contact", "location", "name")
	w.must(err)
	var all []string
	for _, key := range got.Keys {
		for _, s := range sealed {
			if string(s.Facet) == key.Facet && s.Number == key.Number {
				value, err := s.Open(k.id, key.Key)
				w.must(err)
				all = append(all, key.Facet+"="+value)
			}
		}
	}
	return strings.Join(all, " ")
}

func TestAReleaseOpensWhatWasGranted(t *testing.T) {
	w := newWorld(t)
	agent, supervisor, k, r := w.granted("name")
	got, err := w.release(agent.caller(), r.ID, "name")
	w.must(err)
	if w.values(k, got) != "name=Camille" || got.Case != k.id {
		t.Errorf("released %s", w.values(k, got))
	}
	if left := time.Until(got.ReadUntil); left < 50*time.Minute || left > time.Hour {
		t.Errorf("readable for %v", left)
	}
	// Again inside its window is the same use, and another intent.
	again, err := w.release(agent.caller(), r.ID, "name")
	w.must(err)
	if again.Intent == got.Intent || !again.ReadUntil.Equal(got.ReadUntil) {
		t.Errorf("the reload is intent %s until %v", again.Intent, again.ReadUntil)
	}
	if got := w.actions(k, audit.ActionEscalationApproved); got != "escalation.approved"+
		strings.Repeat(" identity.release_ordered identity.released", 2) {
		t.Errorf("the log says %s", got)
	}
	// Vault's own log names the intents.
	hash, err := audit.ParseHash(got.Intent)
	w.must(err)
	if reads := w.vaultReads(k); len(reads) != 3 || reads[1] != hex.EncodeToString(hash[:]) {
		t.Errorf("Vault says %q, the intent is %x", reads, hash)
	}

	for _, s := range []struct {
		what   string
		as     order.Caller
		id     string
		facets []string
		code   string
	}{
		{"a facet that was not granted", agent.caller(), r.ID, []string{"connection"}, "facets.not_granted"},
		{"one more facet", agent.caller(), r.ID, []string{"name", "connection"}, "facets.not_granted"},
		{"a facet twice", agent.caller(), r.ID, []string{"name", "name"}, order.CodeMalformed},
		{"no facet", agent.caller(), r.ID, nil, "facets.missing"},
		{"an unknown facet", agent.caller(), r.ID, []string{"address"}, "facets.not_granted"},
		{"by the supervisor", supervisor.caller(), r.ID, []string{"name"}, order.CodeEscalation},
		{"by another agent", w.hire("bruno", "P-B", "agent").caller(), r.ID, []string{"name"}, order.CodeEscalation},
		{"by the minor", k.caller(), r.ID, []string{"name"}, order.CodeTokenInvalid},
		{"an escalation that is none", agent.caller(), "00000000-0000-4000-8000-000000000000", []string{"name"}, order.CodeEscalation},
		{"a strange id", agent.caller(), "' OR 1=1", []string{"name"}, order.CodeEscalation},
		{"an expired token", w.changed(agent, func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() }), r.ID, []string{"name"}, order.CodeTokenExpired},
	} {
		_, err := w.release(s.as, s.id, s.facets...)
		w.refused(s.what, err, s.code)
	}
	if reads := w.vaultReads(k); len(reads) != 3 {
		t.Errorf("refusals read Vault: %q", reads)
	}
}

func TestAGrantEnds(t *testing.T) {
	t.Parallel() // it mostly waits, since nothing fakes the log's clock
	w := newWorld(t)
	ctx := context.Background()
	w.activate(policy.Demonstration) // deadlines of seconds
	diane := w.hire("diane", "P-D", "supervisor")

	t.Run("unused", func(t *testing.T) {
		t.Parallel()
		amal, k := w.hire("amal", "P-A", "agent"), w.open("Au secours")
		w.join(amal, k)
		r := w.request(amal, k, "name")
		_, err := w.release(amal.caller(), r.ID, "name")
		w.refused("before approval", err, "approvals.missing")
		w.approve(diane, r, "name")
		time.Sleep(8200 * time.Millisecond) // the demonstration's use_within_s is 8
		_, err = w.release(amal.caller(), r.ID, "name")
		w.refused("too late", err, "grant.expired")
	})
	t.Run("used", func(t *testing.T) {
		t.Parallel()
		bruno, k := w.hire("bruno", "P-B", "agent"), w.open("Au secours")
		w.join(bruno, k)
		r := w.request(bruno, k, "name")
		w.approve(diane, r, "name")
		got, err := w.release(bruno.caller(), r.ID, "name")
		w.must(err)
		time.Sleep(time.Until(got.ReadUntil.Add(200 * time.Millisecond)))
		_, err = w.release(bruno.caller(), r.ID, "name")
		w.refused("after its window", err, "grant.window_over")
	})
	t.Run("closed", func(t *testing.T) {
		chloe, k := w.hire("chloe", "P-C", "agent"), w.open("Au secours")
		w.join(chloe, k)
		r := w.request(chloe, k, "name")
		w.approve(diane, r, "name")
		_, err := w.escalations.Close(ctx, pglog.Idempotency{}, chloe.Actor, r.ID)
		w.must(err)
		_, err = w.release(chloe.caller(), r.ID, "name")
		w.refused("after closing", err, "escalation.wrong_state")
	})
	t.Run("handed over", func(t *testing.T) {
		ines, to, k := w.hire("ines", "P-I", "agent"), w.hire("jo", "P-J", "agent"), w.open("Au secours")
		w.join(ines, k)
		r := w.request(ines, k, "name")
		w.approve(diane, r, "name")
		w.must(w.staff.HandOver(ctx, ines.Actor, k.id, to.ID, key()))
		_, err := w.release(ines.caller(), r.ID, "name")
		w.refused("after handing over", err, "conversation.not_participant")
	})
}

// What somebody with the whole database does to a grant.
func TestTheDatabaseOpensNothing(t *testing.T) {
	w := newWorld(t)
	amal, diane := w.hire("amal", "P-A", "agent"), w.hire("diane", "P-D", "supervisor")
	k, other := w.open("Au secours"), w.open("Une autre")
	w.join(amal, k)

	// A row that says "approved" and has no entries.
	w.exec(`INSERT INTO sceau.escalations SELECT '11111111-1111-4111-8111-111111111111', c.case_id, 's-amal', 'p-P-A', 'imminent_danger',
			'approved', now(), now() + interval '1 hour', 1 FROM sceau.conversations c LIMIT 1`)
	_, err := w.release(amal.caller(), "11111111-1111-4111-8111-111111111111", "name")
	w.refused("a forged row", err, order.CodeEscalation)

	// A row that says "approved" of a request.
	r := w.request(amal, k, "name")
	w.exec(`UPDATE sceau.escalations SET state = 'approved' WHERE escalation_id = '` + r.ID + `'`)
	_, err = w.release(amal.caller(), r.ID, "name")
	w.refused("a state changed in the row", err, "approvals.missing")
	w.exec(`UPDATE sceau.escalations SET state = 'requested' WHERE escalation_id = '` + r.ID + `'`)
	w.approve(diane, r, "name")

	swap := `UPDATE sceau.facets m SET ciphertext = o.ciphertext FROM sceau.facets o
		WHERE m.facet = 'name' AND o.facet = 'name' AND m.case_id IN ('` + k.id + `', '` + other.id + `')
		AND o.case_id IN ('` + k.id + `', '` + other.id + `') AND m.case_id <> o.case_id`
	w.exec(swap)
	_, err = w.release(amal.caller(), r.ID, "name")
	w.refused("headers swapped between two cases", err, order.CodeAltered)
	w.exec(swap)
	w.exec(`UPDATE sceau.facets SET number = 7 WHERE facet = 'name' AND case_id = '` + k.id + `'`)
	_, err = w.release(amal.caller(), r.ID, "name")
	w.refused("a facet that is missing", err, order.CodeAltered)
	w.exec(`UPDATE sceau.facets SET number = 0 WHERE facet = 'name' AND case_id = '` + k.id + `'`)

	// Each failed, opened nothing, and gave the use back.
	if got := w.actions(k, audit.ActionEscalationApproved); got != "escalation.approved"+
		strings.Repeat(" identity.release_ordered identity.release_failed", 2) {
		t.Errorf("the log says %s", got)
	}
	if reads := w.vaultReads(k); len(reads) != 1 { // of the evidence
		t.Errorf("Vault was read: %q", reads)
	}
	got, err := w.release(amal.caller(), r.ID, "name")
	w.must(err)
	if w.values(k, got) != "name=Camille" {
		t.Errorf("released %s", w.values(k, got))
	}
}

// Between the entry and the key: a pause, an outage, an end of the grant.
func TestNothingIsReadLate(t *testing.T) {
	clock := &clock{}
	var between func()
	w := newWorldOn(t, pgtest.New(t), func(c *custodian.Config) {
		c.Now = clock.now
		c.Reached = func(s custodian.Step) {
			if s == custodian.StepIntentDurable && between != nil {
				between()
			}
		}
	})
	ctx := context.Background()
	agent, _, k, r := w.granted("name")

	between = func() { clock.advance(5100 * time.Millisecond) }
	_, err := w.release(agent.caller(), r.ID, "name")
	w.refused("a pause of five seconds", err, order.CodeTooLate)
	_, err = w.client.OpenSession(ctx, order.OpenSession{Caller: agent.caller(), Case: k.id})
	w.refused("a pause before reading", err, order.CodeTooLate)
	if reads := w.vaultReads(k); len(reads) != 1 { // of the evidence
		t.Errorf("Vault was read too late: %q", reads)
	}

	between = func() { w.vault.Seal(t) }
	_, err = w.release(agent.caller(), r.ID, "name")
	w.refused("Vault is sealed", err, order.CodeVaultDown)
	w.vault.Unseal(t)

	between = func() {
		_, err := w.escalations.Close(ctx, pglog.Idempotency{}, agent.Actor, r.ID)
		w.must(err)
	}
	_, err = w.release(agent.caller(), r.ID, "name")
	w.refused("the grant ends after the intent", err, "escalation.wrong_state")
	between = nil

	// Every intent has its outcome, so nothing reads "possibly opened".
	if got := w.actions(k, audit.ActionEscalationApproved); got != "escalation.approved identity.release_ordered identity.release_failed"+
		" conversation.read identity.release_ordered identity.release_failed"+
		" identity.release_ordered escalation.closed identity.release_failed" {
		t.Errorf("the log says %s", got)
	}
}

func TestARetryIsAnotherIntentAndTheSameUse(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	agent, _, k, r := w.granted("name", "connection")
	o := order.Release{Caller: agent.caller(), Escalation: r.ID, Facets: []string{"name"}, IdempotencyKey: order.Secret(key())}
	first, err := w.client.Release(ctx, o)
	w.must(err)
	w.restart() // the answer was lost with the process
	second, err := w.client.Release(ctx, o)
	w.must(err)
	if first.Intent == second.Intent || !first.ReadUntil.Equal(second.ReadUntil) || w.values(k, second) != "name=Camille" {
		t.Errorf("the retry is intent %s until %v", second.Intent, second.ReadUntil)
	}
	o.Facets = []string{"connection"}
	_, err = w.client.Release(ctx, o)
	w.refused("the key of another order", err, order.CodeIdempotency)
	for _, bad := range []order.Secret{"", "short", order.Secret(strings.Repeat("x", 300))} {
		o.IdempotencyKey = bad
		_, err = w.client.Release(ctx, o)
		w.refused("no key", err, order.CodeMalformed)
	}
}

// Two orders of one agent in the same moment must not both begin a window.
func TestSimultaneousOrdersAreOneUse(t *testing.T) {
	w := newWorld(t)
	agent, _, k, r := w.granted("name")
	var all sync.WaitGroup
	until := make([]time.Time, 8)
	for i := range until {
		all.Go(func() {
			got, err := w.release(agent.caller(), r.ID, "name")
			if err != nil {
				t.Error(err)
				return
			}
			until[i] = got.ReadUntil
		})
	}
	all.Wait()
	for _, u := range until {
		if !u.Equal(until[0]) {
			t.Errorf("windows end at %v and %v", until[0], u)
		}
	}
	if n := strings.Count(w.actions(k, audit.ActionEscalationApproved), "identity.released"); n != len(until) {
		t.Errorf("%d outcomes of %d", n, len(until))
	}
}

func TestEvidenceIsExactlyWhatIsCited(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	amal, diane := w.hire("amal", "P-A", "agent"), w.hire("diane", "P-D", "supervisor")
	k := w.open("Il va me tuer", "Ne le dis à personne")
	w.join(amal, k)
	r := w.request(amal, k, "name")
	got, err := w.client.Evidence(ctx, order.ReadEvidence{Caller: diane.caller(), Escalation: r.ID})
	w.must(err)
	if got.Case != k.id || got.Request != r.Request || len(got.Keys) != 1 || got.Keys[0].Position != 1 {
		t.Fatalf("got %+v", got)
	}
	messages, err := w.staff.MessagesAt(ctx, k.id, []int{1, 2})
	w.must(err)
	text, err := messages[0].Open(k.id, got.Keys[0].Key)
	w.must(err)
	if sum := sha256.Sum256(messages[0].Ciphertext); text != "Il va me tuer" || string(got.Keys[0].Sum) != string(sum[:]) {
		t.Errorf("the evidence says %q", text)
	}
	if _, err := messages[1].Open(k.id, got.Keys[0].Key); err == nil {
		t.Error("the key opens what was not cited")
	}
	if len(got.Narrative) != 16 {
		t.Error("no key to the narrative")
	}

	for _, s := range []struct {
		who  string
		as   order.Caller
		code string
	}{
		{"the requester", amal.caller(), order.CodeEscalation},
		{"another agent", w.hire("bruno", "P-B", "agent").caller(), order.CodeEscalation},
		{"the requester as supervisor", w.hire("amal-superviseur", "P-A", "supervisor").caller(), "approver.same_person"},
		{"an inspector", w.hire("gilles", "P-G", "inspector").caller(), order.CodeEscalation},
		{"the minor", k.caller(), order.CodeTokenInvalid},
	} {
		_, err := w.client.Evidence(ctx, order.ReadEvidence{Caller: s.as, Escalation: r.ID})
		w.refused(s.who, err, s.code)
	}
	if got := w.actions(k, audit.ActionEscalationRequested); got != "escalation.requested evidence.read" {
		t.Errorf("the log says %s", got)
	}

	w.exec(`UPDATE sceau.messages SET ciphertext = (SELECT ciphertext FROM sceau.messages WHERE case_id = $1 AND position = 2)
		WHERE case_id = $1 AND position = 1`, k.id)
	_, err = w.client.Evidence(ctx, order.ReadEvidence{Caller: diane.caller(), Escalation: r.ID})
	w.refused("another message in its place", err, order.CodeAltered)
}
