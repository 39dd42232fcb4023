package custodian_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
)

// ghost is a supervisor whom a staff face invents.
var ghost = audit.Actor{ID: "s-ghost", Person: "p-ghost", Role: "supervisor", Unit: "u-one", Session: "x-never"}

// An approval is of somebody who has stood before the custodian with a token of their
// own, and has seen what they approve.
func TestAFaceCannotApproveAlone(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	amal, diane := w.hire("amal", "P-A", "agent"), w.hire("diane", "P-D", "supervisor")
	k := w.open("Au secours")
	w.join(amal, k)
	r := w.request(amal, k, "name")
	hash, err := audit.ParseHash(r.Request)
	w.must(err)

	// The staff face's own code refuses, for somebody invented as for somebody real.
	for _, by := range []audit.Actor{ghost, diane.Actor} {
		if _, err := w.escalations.Approve(ctx, pglog.Idempotency{}, by, r.ID, hash, []string{"name"}); err == nil {
			t.Errorf("%s approved without having read the evidence", by.ID)
		}
	}
	// Written around that code, the approval is not believed.
	for _, by := range []audit.Actor{ghost, diane.Actor} {
		w.forgeApproval(k, r.ID, by)
		_, err = w.release(amal.caller(), r.ID, "name")
		w.refused("approved by "+by.ID+" unread", err, "approvals.missing")
	}
	if reads := w.vaultReads(k); len(reads) != 0 {
		t.Errorf("Vault was read: %q", reads)
	}
	// Nor does any of it keep an honest approval from being given.
	w.approve(diane, r, "name")
	got, err := w.release(amal.caller(), r.ID, "name")
	w.must(err)
	if w.values(k, got) != "name=Camille" {
		t.Errorf("released %s", w.values(k, got))
	}
}

// forgeApproval writes an approval and its sum with the staff role alone.
func (w *world) forgeApproval(k talk, id string, by audit.Actor) {
	w.t.Helper()
	_, err := w.staffLog.Do(context.Background(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		records, err := turn.ByCase(ctx, k.id, 0)
		if err != nil {
			return nil, err
		}
		file := escalation.NewCase()
		for _, r := range records {
			if err := file.Apply(r.Entry, r.Hash); err != nil {
				return nil, err
			}
		}
		e, _ := file.Escalation(id)
		given := *e
		given.Approvals = []escalation.Approval{{Actor: by, Facets: e.Asked}}
		for _, entry := range []audit.Entry{escalation.ApprovalGivenEntry(e, e.Asked), escalation.ApprovedEntry(&given, turn.At)} {
			d := pglog.Draft{Actor: by, Action: entry.Action, Case: k.id, Subject: entry.Subject, Ground: entry.Ground, Details: entry.Details}
			if entry.Action == audit.ActionEscalationApprovalGiven {
				d.Decision = &audit.Decision{
					ID: "d-forged", Path: string(policy.PointEscalationApprove), Policy: "sha256:" + strings.Repeat("0", 64),
					Engine: "none", Input: audit.Commit(make([]byte, audit.SaltSize), "input", k.id, nil), Result: audit.ResultAllow,
				}
			}
			if _, err := turn.Append(d); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	w.must(err)
}

// One entry of a face that was broken into takes no case out of use.
func TestAFaceTakesNoCaseOutOfUse(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	public := w.log(audit.ViaPublic)
	minor := audit.Actor{ID: "minor", Role: "minor"}
	none := "sha256:" + strings.Repeat("0", 64)
	amal, diane := w.hire("amal", "P-A", "agent"), w.hire("diane", "P-D", "supervisor")
	for name, forged := range map[string]struct {
		log   *pglog.Log
		draft pglog.Draft
	}{
		"read by a face": {w.staffLog, pglog.Draft{Actor: amal.Actor, Action: audit.ActionConversationRead,
			Details: audit.Details{"messages": int64(1), "head": none}}},
		"key destroyed by a face": {public, pglog.Draft{Actor: minor, Action: audit.ActionKeyDestroyed,
			Subject: audit.Subject{Type: "key", ID: "identity"}}},
		"a later action on no escalation": {w.staffLog, pglog.Draft{Actor: diane.Actor, Action: "escalation.widened",
			Subject: audit.Subject{Type: "escalation", ID: "e"}}},
		"closed with a false head": {public, pglog.Draft{Actor: minor, Action: audit.ActionConversationClosed,
			Details: audit.Details{"messages": int64(1), "head": none}}},
		"closed with a long head": {public, pglog.Draft{Actor: minor, Action: audit.ActionConversationClosed,
			Details: audit.Details{"messages": int64(900), "head": none}}},
	} {
		k := w.open("Il va me tuer")
		w.join(amal, k)
		r := w.request(amal, k, "name")
		w.approve(diane, r, "name")
		forged.draft.Case = k.id
		if _, err := forged.log.Append(ctx, forged.draft); err != nil {
			continue // the database itself refuses it
		}
		if got, err := w.release(amal.caller(), r.ID, "name"); err != nil || w.values(k, got) != "name=Camille" {
			t.Errorf("%s: release: %v", name, err)
		}
		for who, as := range map[string]order.Caller{"the agent": amal.caller(), "the minor": k.caller()} {
			if texts, _, err := w.read(as, k); err != nil || len(texts) != 2 {
				t.Errorf("%s: %s reads %q, %v", name, who, texts, err)
			}
		}
	}
}

// Danger does not end with a click: an escalation asked for after the minor closed goes its way.
func TestAnEscalationAfterClosing(t *testing.T) {
	w := newWorld(t)
	amal, diane := w.hire("amal", "P-A", "agent"), w.hire("diane", "P-D", "supervisor")
	k := w.open("Il va me tuer")
	w.join(amal, k)
	w.must(w.public.CloseAsMinor(context.Background(), k.id, key()))
	r := w.request(amal, k, "name")
	w.approve(diane, r, "name")
	got, err := w.release(amal.caller(), r.ID, "name")
	w.must(err)
	if w.values(k, got) != "name=Camille" {
		t.Errorf("released %s", w.values(k, got))
	}
	for _, as := range []order.Caller{amal.caller(), k.caller()} {
		_, _, err := w.read(as, k)
		w.must(err)
	}
}

// Who approved looks again until what they granted has ended, and not for ever.
func TestEvidenceIsNotReadForEver(t *testing.T) {
	t.Parallel() // it mostly waits, since nothing fakes the log's clock
	w := newWorld(t)
	w.activate(policy.Demonstration)
	agent, diane, _, r := w.granted("name")
	w.reads(diane, r)
	got, err := w.release(agent.caller(), r.ID, "name")
	w.must(err)
	w.reads(diane, r)
	time.Sleep(time.Until(got.ReadUntil.Add(200 * time.Millisecond)))
	_, err = w.client.Evidence(context.Background(), order.ReadEvidence{Caller: diane.caller(), Escalation: r.ID})
	w.refused("after the window", err, "grant.window_over")
}
