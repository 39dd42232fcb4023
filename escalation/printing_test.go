package escalation

import (
	"slices"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// TestPrinting: only who opened it prints it, while the window lasts, and only what it
// showed; and printing changes no state.
func TestPrinting(t *testing.T) {
	released := func(t *testing.T) *story {
		s := approved(t, "connection", "name")
		s.order("connection")
		return s
	}
	twin := audit.Actor{ID: "s-twin", Person: agent.Person, Role: "agent", Session: "x-77"}
	for name, c := range map[string]struct {
		before func(*testing.T) *story
		change func(*story, *audit.Entry)
		via    audit.Via
		by     audit.Actor
		code   string
	}{
		"the requester":      {released, nil, audit.ViaStaff, agent, ""},
		"another agent":      {released, nil, audit.ViaStaff, colleague, policy.ReasonNotRequester},
		"the supervisor":     {released, nil, audit.ViaStaff, supervisor, policy.ReasonNotRequester},
		"the same human":     {released, nil, audit.ViaStaff, twin, policy.ReasonNotRequester},
		"nothing was opened": {func(t *testing.T) *story { return approved(t) }, facets("connection"), audit.ViaStaff, agent, policy.ReasonWrongState},
		"what was not shown": {released, facets("connection,name"), audit.ViaStaff, agent, policy.ReasonFacetsNotGranted},
		"of another request": {released, func(_ *story, e *audit.Entry) { e.Details["request"] = audit.Hash{9}.String() }, audit.ViaStaff, agent, policy.ReasonRequestChanged},
		"after the window":   {func(t *testing.T) *story { s := released(t); s.at = s.at.Add(2 * time.Hour); return s }, facets("connection"), audit.ViaStaff, agent, policy.ReasonGrantWindowOver},
		"after handing over": {func(t *testing.T) *story { s := released(t); s.staff(handedOver(colleague), agent); return s }, nil, audit.ViaStaff, agent, policy.ReasonNotParticipant},
		"after a revocation": {func(t *testing.T) *story {
			s := released(t)
			s.staff(RevokedEntry(s.esc(), "misuse"), second)
			return s
		}, facets("connection"), audit.ViaStaff, agent, policy.ReasonWrongState},
		"by another process":   {released, nil, audit.ViaCustodian, agent, "-"},
		"of no known request":  {released, func(_ *story, e *audit.Entry) { e.Subject.ID = consentID }, audit.ViaStaff, agent, "-"},
		"at the window's edge": {func(t *testing.T) *story { s := released(t); s.at = s.esc().ReadUntil; return s }, nil, audit.ViaStaff, agent, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.before(t)
			e := PrintedEntry(s.esc(), s.at)
			if c.change != nil {
				c.change(s, &e)
			}
			state, last := s.esc().State, s.esc().LastSeq
			err := s.try(e, c.via, c.by)
			switch {
			case c.code == "" && err != nil:
				t.Fatal(err)
			case c.code == "-" && err == nil, c.code != "" && c.code != "-" && Code(err) != c.code:
				t.Fatalf("got %v, want %s", err, c.code)
			}
			printed := s.esc().Printings
			if (len(printed) == 1) != (c.code == "") || c.code == "" && !slices.Equal(printed[0].Facets, []string{"connection"}) {
				t.Errorf("printed %+v", printed)
			}
			if s.esc().State != state || s.esc().LastSeq != last {
				t.Error("printing changed the state")
			}
		})
	}
}

func facets(names string) func(*story, *audit.Entry) {
	return func(_ *story, e *audit.Entry) { e.Details["facets"] = names }
}
