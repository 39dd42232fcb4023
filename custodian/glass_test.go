package custodian_test

import (
	"context"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/policy"
)

func (w *world) confirm(c order.Caller, r pgstore.Receipt, request string) (order.Confirmed, error) {
	w.t.Helper()
	return w.client.Confirm(context.Background(), order.Confirm{Caller: c, Escalation: r.ID, Request: request})
}

// soon lets the glass be broken a second after the request.
func (w *world) soon() {
	w.activateChanged(func(s policy.Sources) { numbers(s)["break_glass"] = map[string]any{"after_s": 1} })
}

func TestTheGlassIsBrokenByTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.soon()
	amal, again := w.hire("amal", "P-A", "agent"), w.hire("amal-bis", "P-A", "agent")
	bruno, diane := w.hire("bruno", "P-B", "agent"), w.hire("diane", "P-D", "supervisor")
	farah, nora := w.hire("farah", "P-F", "psychologist"), w.hire("nora", "P-N", "privacy_officer")
	k, other := w.open("Il entre"), w.open("Lui aussi")
	w.join(amal, k)
	w.join(again, other)
	r := w.request(amal, k, "name")
	theirs := w.request(again, other, "name")
	request, err := audit.ParseHash(r.Request)
	w.must(err)

	for _, s := range []struct {
		who     string
		as      order.Caller
		request string
		code    string
	}{
		{"the requester", amal.caller(), r.Request, policy.ReasonConfirmerSamePerson},
		{"the requester under another account", again.caller(), r.Request, policy.ReasonConfirmerSamePerson},
		{"a supervisor", diane.caller(), r.Request, order.CodeEscalation},
		{"a psychologist", farah.caller(), r.Request, order.CodeEscalation},
		{"a privacy officer", nora.caller(), r.Request, order.CodeEscalation},
		{"the minor", k.caller(), r.Request, order.CodeTokenInvalid},
		{"of another request", bruno.caller(), theirs.Request, order.CodeEscalation},
		{"of no request", bruno.caller(), "x", order.CodeMalformed},
		{"a token of another audience", w.changed(bruno, func(c map[string]any) { c["aud"] = "sceau-staff" }), r.Request, order.CodeTokenInvalid},
		{"an agent who says to be a supervisor", order.Caller{StaffToken: order.Secret(bruno.token), Role: "supervisor"}, r.Request, order.CodeRoleInvalid},
	} {
		_, err := w.confirm(s.as, r, s.request)
		w.refused(s.who, err, s.code)
	}
	_, err = w.confirm(bruno.caller(), pgstore.Receipt{ID: "00000000-0000-4000-8000-000000000000"}, r.Request)
	w.refused("an escalation that is none", err, order.CodeEscalation)

	// The staff face, broken into, cannot confirm in anybody's name.
	if _, err := w.staffLog.Append(ctx, pglog.Draft{Actor: bruno.Actor, Action: audit.ActionEscalationBreakGlassConfirmed, Case: k.id,
		Subject: audit.Subject{Type: "escalation", ID: r.ID}, Details: audit.Details{"request": r.Request}}); err == nil {
		t.Error("the staff face wrote a confirmation")
	}
	time.Sleep(1200 * time.Millisecond)
	_, err = w.escalations.BreakGlass(ctx, pglog.Idempotency{}, amal.Actor, r.ID, request)
	if err == nil {
		t.Fatal("the glass was broken by one")
	}

	done, err := w.confirm(bruno.caller(), r, r.Request)
	w.must(err)
	if done.Escalation != r.ID || done.Seq == 0 || time.Since(done.At) > time.Minute {
		t.Errorf("confirmed: %+v", done)
	}
	_, err = w.confirm(bruno.caller(), r, r.Request)
	w.refused("the order again", err, policy.ReasonConfirmerAnswered)
	_, err = w.confirm(w.hire("bruno-bis", "P-B", "agent").caller(), r, r.Request)
	w.refused("the same human again", err, policy.ReasonConfirmerAnswered)

	_, err = w.escalations.BreakGlass(ctx, pglog.Idempotency{}, bruno.Actor, r.ID, request)
	if err == nil {
		t.Error("the second agent broke it")
	}
	_, err = w.release(amal.caller(), r.ID, "name")
	w.refused("before it is broken", err, policy.ReasonApprovalsMissing)
	_, err = w.escalations.BreakGlass(ctx, pglog.Idempotency{}, amal.Actor, r.ID, request)
	w.must(err)
	_, err = w.confirm(w.hire("chloe", "P-C", "agent").caller(), r, r.Request)
	w.refused("after it is broken", err, policy.ReasonWrongState)
	_, err = w.release(bruno.caller(), r.ID, "name")
	w.refused("the second agent opens", err, order.CodeEscalation)
	got, err := w.release(amal.caller(), r.ID, "name")
	w.must(err)
	if w.values(k, got) != "name=Camille" {
		t.Errorf("released %s", w.values(k, got))
	}
	if got := w.actions(k, audit.ActionEscalationRequested); got != "escalation.requested escalation.break_glass_confirmed"+
		" escalation.glass_broken identity.release_ordered identity.released" {
		t.Errorf("the log says %s", got)
	}
	var due bool
	w.must(w.Super.QueryRow(ctx, `SELECT state = 'released' AND tell_by IS NOT NULL AND review_by IS NOT NULL
		FROM sceau.escalations WHERE escalation_id = $1`, r.ID).Scan(&due))
	if !due {
		t.Error("the row does not say that telling and a review are due")
	}

	// The review: with the evidence read, by somebody who had no part.
	elise := w.hire("elise", "P-E", "supervisor")
	evidence, err := w.client.Evidence(ctx, order.ReadEvidence{Caller: elise.caller(), Escalation: r.ID})
	w.must(err)
	if evidence.Scope != order.ScopeMessages || len(evidence.Keys) != 1 || len(evidence.Narrative) != 16 || evidence.Words != nil || evidence.Note != nil {
		t.Errorf("the evidence is %+v", evidence)
	}
	_, err = w.escalations.Review(ctx, pglog.Idempotency{}, elise.Actor, r.ID, request, policy.VerdictConfirmed)
	w.must(err)
	_, err = w.client.Evidence(ctx, order.ReadEvidence{Caller: w.hire("gilles", "P-G", "supervisor").caller(), Escalation: r.ID})
	w.refused("evidence once it is reviewed", err, policy.ReasonWrongState)

	// Revoked, it opens nothing, inside the window though it be.
	_, err = w.escalations.Revoke(ctx, pglog.Idempotency{}, diane.Actor, r.ID, "misuse")
	w.must(err)
	_, err = w.release(amal.caller(), r.ID, "name")
	w.refused("after it was revoked", err, policy.ReasonWrongState)
}

// A broken glass is a grant that ends like others.
func TestABrokenGlassIsRevokedOnItsWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.soon()
	amal, bruno, diane := w.hire("amal", "P-A", "agent"), w.hire("bruno", "P-B", "agent"), w.hire("diane", "P-D", "supervisor")
	k := w.open("Il entre")
	w.join(amal, k)
	r := w.request(amal, k, "name")
	request, err := audit.ParseHash(r.Request)
	w.must(err)
	_, err = w.confirm(bruno.caller(), r, r.Request)
	w.must(err)
	time.Sleep(1200 * time.Millisecond)
	broken, err := w.escalations.BreakGlass(ctx, pglog.Idempotency{}, amal.Actor, r.ID, request)
	w.must(err)
	if broken.State != escalation.GlassBroken {
		t.Fatalf("the glass is %s", broken.State)
	}
	w.between(func() {
		_, err := w.escalations.Revoke(ctx, pglog.Idempotency{}, diane.Actor, r.ID, "granted_in_error")
		w.must(err)
	})
	_, err = w.release(amal.caller(), r.ID, "name")
	w.refused("revoked between intent and outcome", err, policy.ReasonWrongState)
	if got := w.actions(k, audit.ActionEscalationGlassBroken); got != "escalation.glass_broken identity.release_ordered"+
		" escalation.revoked identity.release_failed" {
		t.Errorf("the log says %s", got)
	}
}
