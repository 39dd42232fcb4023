package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 1, 22, 15, 0, 0, time.UTC)

var (
	agent      = Actor{ID: "s-agent", Person: "p-agent", Role: RoleAgent}
	supervisor = Actor{ID: "s-super", Person: "p-super", Role: RoleSupervisor}
	inspector  = Actor{ID: "s-insp", Person: "p-insp", Role: RoleInspector}
	talking    = Conversation{State: ConversationOpen, Participants: []Participant{
		{ID: agent.ID, Person: agent.Person, Role: agent.Role, Active: true},
	}}
	inDanger = Assessment{
		Immediacy: "now", Violence: "threat", Suicide: "none", PerpetratorPresent: "no", Captive: "no",
		AgeBand: "13_15", Alone: "no", LocationKnown: "no", PsychologistOpinion: "none",
	}
)

const caseID = "5f0f9b1e-6a64-4c56-9a42-0d8f3f2f6f11"

func request() EscalationRequest {
	return EscalationRequest{
		At: At(start), Actor: agent, Case: caseID, Conversation: talking,
		Ground: "imminent_danger", Assessment: inDanger, Facets: []string{"connection", "name"},
		Evidence: []int64{1, 3}, Messages: 5, Pending: []Pending{{ID: "e0", Requester: supervisor}},
		Consent: Consent{Facets: []string{}}, Requisition: Requisition{Facets: []string{}},
		OnDuty: []OnDuty{{Role: RoleSupervisor, Persons: 1}},
	}
}

func requested() Escalation {
	return Escalation{
		ID: "e1", State: "requested", Ground: "imminent_danger", Request: "aGFzaA==", RequestedAt: At(start),
		Requester: agent, Asked: []string{"connection", "name"},
		AnswerWithinS: 600, AnswerBy: At(start.Add(10 * time.Minute)),
		Approvals: []ApprovalGiven{}, Needed: []ApprovalNeeded{{Role: RoleSupervisor, Count: 1}}, Granted: []string{},
		UseWithinS: 900, ReadForS: 3600, UsesAllowed: 1,
		WidenAt: At(start.Add(5 * time.Minute)), BreakGlassFrom: At(start.Add(5 * time.Minute)), BreakGlassAfterS: 300,
		Confirmations: []Confirmation{}, Answered: []Actor{}, Consent: Consent{Facets: []string{}}, Tellings: []Telling{},
	}
}

func approve() EscalationApprove {
	return EscalationApprove{
		At: At(start.Add(time.Minute)), Actor: supervisor, Case: caseID, Conversation: talking,
		Verdict: VerdictApprove, Request: "aGFzaA==", Facets: []string{"connection"}, Escalation: requested(),
		Session: "x-1", Reads: []Reading{{Actor: supervisor, Session: "x-1", At: At(start)}},
	}
}

func release() IdentityRelease {
	l := requested()
	l.State, l.Granted, l.UseBy = "approved", []string{"connection"}, At(start.Add(16*time.Minute))
	l.Approvals = []ApprovalGiven{{Actor: supervisor, Facets: []string{"connection"}, At: At(start.Add(time.Minute))}}
	return IdentityRelease{
		At: At(start.Add(2 * time.Minute)), Actor: agent, Case: caseID, Conversation: talking,
		Facets: []string{"connection"}, Escalation: l,
	}
}

// everyInput holds one allowed input of each point, more where it matters.
func everyInput() map[string]Input {
	deny := approve()
	deny.Verdict, deny.Facets = VerdictDeny, []string{}
	again := release()
	again.Escalation.State, again.Escalation.Uses, again.Escalation.ReadUntil = "released", 1, At(start.Add(62*time.Minute))
	closed := ConversationRead{At: At(start), Actor: agent, Case: caseID, Conversation: talking}
	closed.Conversation.State, closed.Conversation.ClosedForS = ConversationClosed, 60
	all := map[string]Input{
		"read":       ConversationRead{At: At(start), Actor: agent, Case: caseID, Conversation: talking},
		"readClosed": closed,
		"request":    request(),
		"approve":    approve(),
		"deny":       deny,
		"release":    release(),
		"again":      again,
		"evidence":   EvidenceRead{At: At(start), Actor: supervisor, Case: caseID, Conversation: talking, Escalation: requested()},
		"log":        LogRead{At: At(start), Actor: inspector, View: ViewLog},
	}
	maps.Copy(all, pathInputs())
	return all
}

func TestDecide(t *testing.T) {
	p := loaded(t, Production)
	for name, in := range everyInput() {
		d, err := p.Decide(context.Background(), in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		raw, _ := json.Marshal(in)
		if !d.Allow || len(d.Reasons) != 0 || d.Point != in.Point() || d.Policy != p.Revision() ||
			d.Engine != Engine || !bytes.Equal(d.Input, raw) {
			t.Errorf("%s: %+v", name, d)
		}
	}
	d, err := p.Decide(context.Background(), request())
	if err != nil {
		t.Fatal(err)
	}
	want := Obligations{
		Approvals: []ApprovalNeeded{{Role: RoleSupervisor, Count: 1}}, AnswerWithinS: 600, RemindAfterS: 180,
		WidenAfterS: 300, UseWithinS: 900, ReadForS: 3600, Uses: 1, Facets: []string{"connection", "name"},
		BreakGlassAfterS: 300, ReviewWithinS: 259200,
	}
	if fmt.Sprint(d.Obligations) != fmt.Sprint(want) {
		t.Errorf("obligations %+v", d.Obligations)
	}
}

// What nobody filled in is refused at every point, with known codes. Lists are
// empty, as package escalation writes them: a null list fails, closed.
func TestEmptyInputIsRefused(t *testing.T) {
	p := loaded(t, Production)
	if d, err := p.Decide(context.Background(), EscalationRequest{}); !errors.Is(err, ErrFailed) || d.Allow {
		t.Errorf("null lists: %+v, %v", d, err)
	}
	for _, in := range []Input{
		ConversationRead{}, EscalationApprove{}, IdentityRelease{}, EvidenceRead{}, LogRead{},
		EscalationRevoke{}, EscalationConfirm{}, EscalationBreakGlass{}, EscalationReview{}, MinorTell{}, MinorReceipt{},
		ErasureDecide{}, HoldSet{}, HoldLift{}, KeyDestroy{}, OpeningsErase{},
		EscalationRequest{Facets: []string{}, Evidence: []int64{}, Pending: []Pending{}},
		EscalationApprove{Facets: []string{}, Verdict: VerdictDeny},
		IdentityRelease{Facets: []string{}, Escalation: Escalation{Approvals: []ApprovalGiven{}}},
	} {
		d, err := p.Decide(context.Background(), in)
		if errors.Is(err, ErrFailed) && !d.Allow {
			continue
		}
		if d.Allow || len(d.Reasons) == 0 {
			t.Errorf("%s: %+v", in.Point(), d)
		}
		for _, code := range d.Reasons {
			if !slices.Contains(Reasons, code) {
				t.Errorf("%s: unknown code %s", in.Point(), code)
			}
		}
	}
}

func TestReplay(t *testing.T) {
	raw := build(t, Production)
	p := load(t, raw)
	for name, in := range everyInput() {
		d, err := p.Decide(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		result, err := p.Replay(context.Background(), d.Point, d.Input)
		if err != nil || !bytes.Equal(result, d.Result) {
			t.Errorf("%s: replayed %s, was %s (%v)", name, result, d.Result, err)
		}
	}
	if _, err := Load(append(raw, 0), Revision(raw)); err == nil {
		t.Error("another bundle loaded under the revision of this one")
	}
}

func TestDecideIsConcurrent(t *testing.T) {
	p := loaded(t, Production)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				for name, in := range everyInput() {
					if d, err := p.Decide(context.Background(), in); err != nil || !d.Allow {
						t.Errorf("%s: %v %v", name, d.Reasons, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestInvalidUTF8IsNoAnswer(t *testing.T) {
	in := LogRead{At: At(start), Actor: inspector, View: ViewLog}
	in.Actor.ID = "s-\xff"
	if d, err := loaded(t, Production).Decide(context.Background(), in); !errors.Is(err, ErrFailed) || d.Allow {
		t.Fatalf("%+v, %v", d, err)
	}
}

func TestCancelledIsNoAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d, err := loaded(t, Production).Decide(ctx, request())
	if !errors.Is(err, ErrFailed) || d.Allow {
		t.Fatalf("%+v, %v", d, err)
	}
}

// BenchmarkDecide is what one decision costs under the log's lock.
func BenchmarkDecide(b *testing.B) {
	p := loaded(b, Production)
	for _, in := range []Input{everyInput()["read"], request(), approve(), release(), everyInput()["evidence"]} {
		b.Run(string(in.Point()), func(b *testing.B) {
			took := make([]time.Duration, 0, 1<<16)
			for b.Loop() {
				begin := time.Now()
				if _, err := p.Decide(context.Background(), in); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begin))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "µs-median")
		})
	}
}
