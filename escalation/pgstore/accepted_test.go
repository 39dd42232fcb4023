package pgstore_test

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/internal/casetest"
	"github.com/sceau-project/sceau/policy"
)

// TestWhatIsWrittenIsBelieved: everybody does anything, in any order, through the
// stores. Most of it is refused; whatever was written, the fold takes as legal. Were
// it not so, an honest act could cost a child the whole case.
func TestWhatIsWrittenIsBelieved(t *testing.T) {
	n := newNight(t, policy.Production)
	psychologist := n.Member("farah", "farah", "psychologist")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	asked := []string{n.request().ID}
	var consents []string
	one := func(of ...audit.Actor) audit.Actor { return of[rng.IntN(len(of))] }
	agents := func() audit.Actor { return one(n.agent, n.agent, n.other) }
	staff := func() audit.Actor { return one(n.agent, n.other, psychologist) }
	esc := func(do func(e *escalation.Escalation)) func() error {
		return func() error {
			if len(asked) == 0 {
				return nil
			}
			c := n.believed()
			if e, ok := c.Escalation(asked[len(asked)-1]); ok {
				do(e)
			}
			return nil
		}
	}
	ctx, key, none := t.Context(), casetest.ClientKey, pglog.Idempotency{}
	acts := []func() error{
		func() error { return n.Staff.Join(ctx, staff(), n.cse, key()) },
		func() error { return n.Staff.Join(ctx, staff(), n.cse, key()) },
		func() error {
			if rng.IntN(2) == 0 {
				return n.Staff.HandOver(ctx, agents(), n.cse, one(n.agent, n.other).ID, key())
			}
			return n.Staff.Leave(ctx, staff(), n.cse, key())
		},
		func() error {
			_, err := n.Staff.WriteAsStaff(ctx, staff(), n.cse, key(), "Je suis là.")
			return err
		},
		func() error { return n.Public.Entrust(ctx, n.cse, key(), conversation.FacetName, "Camille") },
		func() error {
			return n.Public.Returned(ctx, n.cse, conversation.Connection{Address: netip.MustParseAddr("2001:db8::9"), Port: 1})
		},
		func() error {
			r, err := n.store.Request(ctx, none, agents(), n.ask())
			if err == nil && r.State == escalation.Requested {
				asked = append(asked, r.ID)
			}
			return err
		},
		esc(func(e *escalation.Escalation) {
			if e.State == escalation.Requested && !n.believed().TookPart(n.supervisor.Person) {
				n.Read(n.supervisor, n.cse, e.ID)
			}
		}),
		esc(func(e *escalation.Escalation) {
			if e.State == escalation.Requested && !n.believed().TookPart(n.supervisor.Person) {
				n.Read(n.supervisor, n.cse, e.ID)
			}
			_, _ = n.store.Approve(ctx, none, one(n.supervisor, n.supervisor, n.agentAsSupervisor), e.ID, e.RequestHash, e.Asked)
		}),
		esc(func(e *escalation.Escalation) {
			if rng.IntN(3) == 0 {
				_, _ = n.store.Deny(ctx, none, n.supervisor, e.ID, e.RequestHash, escalation.DenialReasons[0])
			}
		}),
		esc(func(e *escalation.Escalation) {
			if rng.IntN(3) == 0 {
				_, _ = n.store.Withdraw(ctx, none, agents(), e.ID)
			}
		}),
		esc(func(e *escalation.Escalation) {
			if rng.IntN(3) == 0 {
				_, _ = n.store.Close(ctx, none, agents(), e.ID)
			}
		}),
		esc(func(e *escalation.Escalation) {
			_ = n.Release(one(e.Requester, e.Requester, agents()), n.cse, e.ID, e.Asked...)
		}),
		esc(func(e *escalation.Escalation) { _ = n.Confirm(agents(), n.cse, e.ID) }),
		esc(func(e *escalation.Escalation) { _, _ = n.store.BreakGlass(ctx, none, agents(), e.ID, e.RequestHash) }),
		esc(func(e *escalation.Escalation) {
			_, _ = n.store.Review(ctx, none, one(n.supervisor, n.second), e.ID, e.RequestHash, policy.VerdictConfirmed)
		}),
		esc(func(e *escalation.Escalation) {
			if rng.IntN(4) == 0 {
				_, _ = n.store.Revoke(ctx, none, one(n.supervisor, n.second, n.agentAsSupervisor), e.ID, "danger_over")
			}
		}),
		esc(func(e *escalation.Escalation) {
			_, _ = n.store.Tell(ctx, none, agents(), e.ID, pick(rng, policy.Tellings), pick(rng, []string{"", "not_reachable"}), time.Time{})
		}),
		func() error {
			given, err := n.Public.GiveConsent(ctx, n.cse, key(), []conversation.Facet{conversation.FacetName}, "Dites-le.")
			if err == nil {
				consents = append(consents, given.ID)
			}
			return err
		},
		func() error {
			if len(consents) == 0 || rng.IntN(2) == 0 {
				return nil
			}
			return n.Public.WithdrawConsent(ctx, n.cse, key(), consents[rng.IntN(len(consents))])
		},
		func() error {
			if len(consents) == 0 {
				return nil
			}
			ask := n.ask()
			ask.Ground, ask.Facets, ask.Consent = escalation.GroundConsent, []string{name}, consents[len(consents)-1]
			r, err := n.store.Request(ctx, none, agents(), ask)
			if err == nil && r.State == escalation.Requested {
				asked = append(asked, r.ID)
			}
			return err
		},
		func() error {
			_, err := n.store.Sweep(ctx)
			return err
		},
	}
	seen := map[audit.Action]int{}
	for i := range 250 {
		_ = acts[rng.IntN(len(acts))]() // refused or not: only what was written counts
		if i == 210 {
			_ = n.Public.CloseAsMinor(ctx, n.cse, key())
		}
	}
	for _, e := range n.believed().Escalations {
		n.rowAgrees(e.ID)
	}
	records, err := pglog.ByCase(context.Background(), n.Super, n.cse, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		seen[r.Action]++
	}
	t.Logf("%v", seen)
	for _, a := range []audit.Action{audit.ActionEscalationRequested, audit.ActionIdentitySealed, audit.ActionConversationClosed} {
		if seen[a] == 0 {
			t.Errorf("no %s among %v: little was tried", a, seen)
		}
	}
}

func pick(rng *rand.Rand, of []string) string { return of[rng.IntN(len(of))] }

// believed folds the case and holds every entry to the rules, whoever wrote it.
func (n *night) believed() *escalation.Case {
	n.t.Helper()
	records, err := pglog.ByCase(n.t.Context(), n.Super, n.cse, 0)
	if err != nil {
		n.t.Fatal(err)
	}
	c := escalation.NewCase()
	for _, r := range records {
		if err := c.Extend(r.Entry, r.Hash); err != nil {
			n.t.Fatal(err)
		}
	}
	return c
}
