package policy

import (
	"context"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 1, 22, 15, 0, 0, time.UTC)

var (
	agent      = Actor{ID: "s-agent", Person: "p-agent", Role: RoleAgent}
	supervisor = Actor{ID: "s-super", Person: "p-super", Role: RoleSupervisor}
	open       = Conversation{State: ConversationOpen, Participants: []Participant{
		{ID: agent.ID, Person: agent.Person, Role: agent.Role, Active: true},
	}}
	inDanger = Assessment{
		Immediacy: "now", Violence: "threat", Suicide: "none", PerpetratorPresent: "yes", Captive: "no",
		AgeBand: "13_15", Alone: "no", LocationKnown: "no", PsychologistOpinion: "none",
	}
)

func request() EscalationRequest {
	return EscalationRequest{
		At: At(start), Actor: agent, Case: "5f0f9b1e-6a64-4c56-9a42-0d8f3f2f6f11", Conversation: open,
		Ground: "imminent_danger", Assessment: inDanger,
		Facets: []string{"connection", "name"}, Evidence: []int64{1, 3}, Messages: 5, Pending: []Pending{},
	}
}

func lift() Lift {
	return Lift{
		ID: "e1", State: "approved", Ground: "imminent_danger", Request: "aGFzaA==", RequestedAt: At(start),
		Requester: agent, Asked: []string{"connection", "name"}, AnswerWithinS: 600, AnswerBy: At(start.Add(10 * time.Minute)),
		Approvals: []ApprovalGiven{{Actor: supervisor, Facets: []string{"connection"}, At: At(start.Add(time.Minute))}},
		Needed:    []ApprovalNeeded{{Role: RoleSupervisor, Count: 1}},
		Granted:   []string{"connection"}, UseWithinS: 900, UseBy: At(start.Add(16 * time.Minute)),
		ReadForS: 3600, UsesAllowed: 1,
	}
}

func release() IdentityRelease {
	return IdentityRelease{
		At: At(start.Add(2 * time.Minute)), Actor: agent, Case: request().Case, Conversation: open,
		Facets: []string{"connection"}, Lift: lift(),
	}
}

func TestDecide(t *testing.T) {
	p := loaded(t, Production)
	d, err := p.Decide(context.Background(), request())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", d.Input)
	t.Logf("%s", d.Result)
	if !d.Allow || d.Obligations.AnswerWithinS != 600 {
		t.Fatalf("%+v", d)
	}
	d, err = p.Decide(context.Background(), release())
	if err != nil {
		t.Fatal(err)
	}
	if !d.Allow {
		t.Fatalf("%+v", d.Reasons)
	}
}

func BenchmarkDecide(b *testing.B) {
	p := loaded(b, Production)
	for _, in := range []Input{request(), release(), EscalationApprove{}, ConversationRead{At: At(start), Actor: agent, Conversation: open}} {
		b.Run(string(in.Point()), func(b *testing.B) {
			for b.Loop() {
				if _, err := p.Decide(context.Background(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
