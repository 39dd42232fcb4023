package custodian_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/policy"
)

// activateChanged puts the production policy in force with changes, signed by
// both people; no process is restarted.
func (w *world) activateChanged(change func(s policy.Sources)) (revision string) {
	w.t.Helper()
	s, err := policy.Embedded(policy.Production)
	w.must(err)
	change(s)
	_, err = w.signers.ActivateSources(context.Background(), w.log(audit.ViaOperator), s)
	w.must(err)
	latest, err := pglog.LatestPolicyActivated(context.Background(), w.Super)
	w.must(err)
	return latest.Subject.ID
}

// numbers are those of the imminent danger that this world's requests tell of.
func numbers(s policy.Sources) map[string]any {
	all := s.Data["sceau"].(map[string]any)["numbers"].(map[string]any)
	return all["grounds"].(map[string]any)[escalation.GroundImminentDanger].(map[string]any)
}

// decidedBy is the policy of the latest entry of this action.
func (w *world) decidedBy(action audit.Action) string {
	w.t.Helper()
	var found string
	for r, err := range pglog.Entries(context.Background(), w.Super, pglog.Filter{Actions: []audit.Action{action}}) {
		w.must(err)
		found = ""
		if r.Decision != nil {
			found = r.Decision.Policy
		}
	}
	return found
}

// A grant holds what the policy gives that is in force when it is used, not what
// the one gave under which it was made.
func TestAGrantIsJudgedByThePolicyOfItsUse(t *testing.T) {
	w := newWorld(t)
	agent, _, k, r := w.granted("name")
	before := len(w.vaultReads(k))
	stricter := w.activateChanged(func(s policy.Sources) { numbers(s)["read_for_s"] = 1800 })
	_, err := w.release(agent.caller(), r.ID, "name")
	w.refused("half as long to read as was granted", err, policy.ReasonGrantBeyondPolicy)
	w.activateChanged(func(s policy.Sources) {
		numbers(s)["approvals"] = []any{map[string]any{"role": "supervisor", "count": 2}}
	})
	_, err = w.release(agent.caller(), r.ID, "name")
	w.refused("one approval where two are asked for", err, policy.ReasonApprovalsMissing)
	if reads := w.vaultReads(k); len(reads) != before {
		t.Errorf("refusals read Vault: %q", reads)
	}
	w.activate(policy.Production)
	_, err = w.release(agent.caller(), r.ID, "name")
	w.must(err)
	if by := w.decidedBy(audit.ActionIdentityReleaseOrdered); by == "" || by == stricter {
		t.Errorf("the opening was decided by %s", by)
	}
	// And inside the reading window.
	w.activateChanged(func(s policy.Sources) { numbers(s)["read_for_s"] = 1800 })
	_, err = w.release(agent.caller(), r.ID, "name")
	w.refused("again, in its window", err, policy.ReasonGrantBeyondPolicy)
}

// A reading session that is open ends with the policy that allowed it.
func TestAnOpenReadingIsJudgedAgain(t *testing.T) {
	w := newWorld(t)
	amal, k := w.hire("amal", "P-A", "agent"), w.open("Bonjour")
	w.join(amal, k)
	_, session, err := w.read(amal.caller(), k)
	w.must(err)
	w.activateChanged(func(s policy.Sources) {
		const file, was = "conversation_read.rego", `in {"agent", "psychologist"}`
		if !bytes.Contains(s.Modules[file], []byte(was)) {
			t.Fatalf("%s does not say %s", file, was)
		}
		s.Modules[file] = bytes.Replace(s.Modules[file], []byte(was), []byte(`in {"psychologist"}`), 1)
	})
	_, err = w.unwrap(amal.caller(), k, session.Session, 0, 1)
	w.refused("under a policy by which agents do not read", err, policy.ReasonRoleNotAllowed)
	w.activate(policy.Production)
	_, err = w.unwrap(amal.caller(), k, session.Session, 0, 1)
	w.refused("the session ended", err, order.CodeSession)
	_, _, err = w.read(amal.caller(), k)
	w.must(err)
}

// A request that waits is answered under the policy that is in force by then. What
// it was asked under still says when it is complete; what is in force says whether
// that is enough, and who finds that it is not asks anew.
func TestAPendingRequestIsAnsweredUnderTheNewPolicy(t *testing.T) {
	w := newWorld(t)
	agent, k := w.hire("amal", "P-A", "agent"), w.open("Il a dit qu'il allait me tuer ce soir.")
	diane, elise := w.hire("diane", "P-D", "supervisor"), w.hire("elise", "P-E", "supervisor")
	w.join(agent, k)
	r := w.request(agent, k, "name")
	asked := w.decidedBy(audit.ActionEscalationRequested)
	two := w.activateChanged(func(s policy.Sources) {
		numbers(s)["approvals"] = []any{map[string]any{"role": "supervisor", "count": 2}}
	})
	approve := func(p person, r pgstore.Receipt) string {
		t.Helper()
		w.reads(p, r)
		request, err := audit.ParseHash(r.Request)
		w.must(err)
		got, err := w.escalations.Approve(context.Background(), pglog.Idempotency{}, p.Actor, r.ID, request, []string{"name"})
		w.must(err)
		return string(got.State)
	}
	if state := approve(diane, r); state != "approved" {
		t.Errorf("the one approval that was asked for left it %s", state)
	}
	if by := w.decidedBy(audit.ActionEscalationApprovalGiven); by != two || by == asked {
		t.Errorf("the approval was decided by %s; %s is in force, and %s was when it was asked", by, two, asked)
	}
	_, err := w.release(agent.caller(), r.ID, "name")
	w.refused("with one approval", err, policy.ReasonApprovalsMissing)

	again := w.request(agent, k, "name")
	if state := approve(diane, again); state != "requested" {
		t.Errorf("one of two approvals left it %s", state)
	}
	if state := approve(elise, again); state != "approved" {
		t.Errorf("two of two approvals left it %s", state)
	}
	_, err = w.release(agent.caller(), again.ID, "name")
	w.must(err)
}

// A superuser hides the newest activation, and an older, laxer policy seems to be
// in force: to PostgreSQL, and not to the custodian.
func TestAHiddenActivationStillHolds(t *testing.T) {
	w := newWorld(t)
	agent, _, k, r := w.granted("name")
	before := len(w.vaultReads(k))
	stricter := w.activateChanged(func(s policy.Sources) { numbers(s)["read_for_s"] = 1800 })
	w.tamper(`UPDATE sceau.entries SET action = 'log.exported' WHERE action = 'policy.activated' AND subject_id = '` + stricter + `';`)
	latest, err := pglog.LatestPolicyActivated(context.Background(), w.Super)
	w.must(err)
	if latest.Subject.ID == stricter {
		t.Fatal("nothing was hidden")
	}
	for _, restarted := range []bool{false, true} {
		if restarted {
			w.restart()
		}
		_, err = w.release(agent.caller(), r.ID, "name")
		w.refused("under what was hidden", err, policy.ReasonGrantBeyondPolicy)
	}
	if reads := w.vaultReads(k); len(reads) != before {
		t.Errorf("refusals read Vault: %q", reads)
	}
}
