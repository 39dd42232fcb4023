package policy

import (
	"context"
	"slices"
	"testing"
	"time"
)

var (
	colleague      = Actor{ID: "s-coll", Person: "p-coll", Role: RoleAgent}
	reviewer       = Actor{ID: "s-rev", Person: "p-rev", Role: RoleSupervisor}
	privacyOfficer = Actor{ID: "s-priv", Person: "p-priv", Role: RolePrivacyOfficer}
	agreement      = Consent{ID: "c1", Facets: []string{"name"}, GivenAt: At(start.Add(-time.Minute))}
)

const request1 = "aGFzaA=="

func calm() Assessment {
	a := inDanger
	a.Immediacy, a.Violence = "days", "none"
	return a
}

func askedOnConsent() EscalationRequest {
	in := request()
	in.Ground, in.Assessment, in.Facets, in.Consent = "consent", calm(), []string{"name"}, agreement
	return in
}

func askedOnRequisition() EscalationRequest {
	in := request()
	in.Ground, in.Assessment = "judicial_requisition", calm()
	in.Requisition = Requisition{
		Authority: "prosecutor", ListedCase: "three_years", ReferenceGiven: true, Facets: []string{"connection", "name"},
	}
	return in
}

// agreed and ordered are approved escalations of the other grounds.
func agreed() Escalation {
	e := release().Escalation
	e.Ground, e.Consent, e.Granted = "consent", agreement, []string{"name"}
	e.BreakGlassFrom, e.BreakGlassAfterS, e.ReadForS = "", 0, 1800
	return e
}

func ordered() Escalation {
	e := release().Escalation
	e.Ground, e.Authority, e.ListedCase = "judicial_requisition", "prosecutor", "three_years"
	e.BreakGlassFrom, e.BreakGlassAfterS = "", 0
	e.Needed = []ApprovalNeeded{{Role: RolePrivacyOfficer, Count: 1}, {Role: RoleSupervisor, Count: 1}}
	e.Approvals = append(e.Approvals, ApprovalGiven{
		Actor: privacyOfficer, Facets: []string{"connection"}, At: At(start.Add(90 * time.Second)),
	})
	return e
}

func waitingForBoth() Escalation {
	e := ordered()
	e.State, e.Approvals, e.Granted, e.UseBy = "requested", []ApprovalGiven{}, []string{}, ""
	return e
}

func confirmed() Escalation {
	e := requested()
	e.Confirmations = []Confirmation{{Actor: colleague, At: At(start.Add(4 * time.Minute))}}
	return e
}

func broken() Escalation {
	e := confirmed()
	e.State, e.Granted, e.BrokenAt = "glass_broken", e.Asked, At(start.Add(6*time.Minute))
	e.UseBy, e.ReviewBy, e.ReviewWithinS = At(start.Add(21*time.Minute)), At(start.Add(72*time.Hour)), 259200
	return e
}

// reviewDue was opened through broken glass and is over, but for its review.
func reviewDue() Escalation {
	e := broken()
	e.State, e.OpenedAt = "closed", At(start.Add(7*time.Minute))
	e.Uses, e.ReadUntil = 1, At(start.Add(67*time.Minute))
	return e
}

// told is over in every respect.
func told() Escalation {
	e := reviewDue()
	e.Review = VerdictConfirmed
	e.Tellings = []Telling{{Outcome: Told, At: At(start.Add(2 * time.Hour))}}
	return e
}

// pathInputs are allowed inputs of the paths beside the usual one.
func pathInputs() map[string]Input {
	later, year := start.Add(24*time.Hour), start.Add(400*24*time.Hour)
	quiet := talking
	quiet.State, quiet.QuietForS = ConversationClosed, 31_536_000
	erased := quiet
	erased.State, erased.QuietForS = ConversationErased, 94_694_400
	unsafe := reviewDue()
	unsafe.Tellings = []Telling{{Outcome: TellUnsafe, At: At(later)}}
	granted := []Erasure{{ID: "r1", RequestedAt: At(start), Decided: VerdictGranted}}
	lifted := []Hold{{ID: "h1", Reason: "complaint", SetAt: At(start), LiftedAt: At(later)}}
	hold := HoldChange{
		At: At(later), Actor: privacyOfficer, Case: caseID, Conversation: talking, Reason: "complaint",
		Holds:       []Hold{{ID: "h1", Reason: "complaint", SetAt: At(start), SetBy: Actor{ID: "s-other", Person: "p-other", Role: "privacy_officer"}}},
		Escalations: []Escalation{told()}, Hold: "h1",
	}
	tell := MinorTell{
		At: At(later), Actor: agent, Case: caseID, Conversation: talking, Escalation: unsafe, TellBy: At(later.Add(time.Hour)), Outcome: Told,
	}
	tellLater, tellUnsafe := tell, tell
	tellLater.Outcome, tellLater.Until, tellLater.LaterForS = TellLater, At(later.Add(time.Hour)), 3600
	tellUnsafe.Outcome, tellUnsafe.Reason = TellUnsafe, "perpetrator_reads"
	decide := ErasureDecide{
		At: At(year), Actor: privacyOfficer, Case: caseID, Conversation: talking, Verdict: VerdictGranted,
		Erasure: Erasure{ID: "r1", RequestedAt: At(later)}, Holds: lifted, Escalations: []Escalation{told()},
	}
	refuse := decide
	refuse.Verdict, refuse.Reason = VerdictRefused, "legal_hold"
	erase := KeyDestroy{
		At: At(year), Case: caseID, Class: "identity", Reason: DestroyErasure, Conversation: talking,
		Erasures: granted, Holds: lifted, Escalations: []Escalation{told()},
	}
	retain := KeyDestroy{
		At: At(year), Case: caseID, Class: "transcript", Reason: DestroyRetention, Conversation: quiet,
		Erasures: []Erasure{}, Holds: lifted, Escalations: []Escalation{told()},
	}
	unopened := retain
	unopened.Class, unopened.Conversation.QuietForS = "identity", 15_811_200
	expired := requested()
	expired.State = "expired"
	unopened.Escalations = []Escalation{expired}
	return map[string]Input{
		"requestConsent":     askedOnConsent(),
		"requestRequisition": askedOnRequisition(),
		"approvePrivacy": EscalationApprove{
			At: At(start.Add(time.Minute)), Actor: privacyOfficer, Case: caseID, Conversation: talking,
			Verdict: VerdictApprove, Request: request1, Facets: []string{"connection"}, Escalation: waitingForBoth(),
			Session: "x-1", Reads: []Reading{{Actor: privacyOfficer, Session: "x-1", At: At(start)}},
		},
		"revoke": EscalationRevoke{
			At: At(start.Add(8 * time.Minute)), Actor: reviewer, Case: caseID, Escalation: broken(), Reason: "misuse",
		},
		"confirm": EscalationConfirm{
			At: At(start.Add(3 * time.Minute)), Actor: colleague, Case: caseID, Conversation: talking,
			Escalation: requested(), Request: request1, Session: "x-2",
		},
		"breakGlass": EscalationBreakGlass{
			At: At(start.Add(6 * time.Minute)), Actor: agent, Case: caseID, Conversation: talking,
			Escalation: confirmed(), Request: request1,
		},
		"review": EscalationReview{
			At: At(later), Actor: reviewer, Case: caseID, Conversation: talking, Escalation: reviewDue(),
			Verdict: VerdictAbusive, Request: request1, Session: "x-3",
			Reads: []Reading{{Actor: reviewer, Session: "x-3", At: At(later)}},
		},
		"evidencePrivacy": EvidenceRead{
			At: At(start.Add(time.Minute)), Actor: privacyOfficer, Case: caseID, Conversation: talking, Escalation: waitingForBoth(),
		},
		"evidenceReview": EvidenceRead{
			At: At(later), Actor: reviewer, Case: caseID, Conversation: talking, Escalation: reviewDue(),
		},
		"releaseBroken": IdentityRelease{
			At: At(start.Add(7 * time.Minute)), Actor: agent, Case: caseID, Conversation: talking,
			Facets: []string{"connection"}, Escalation: broken(),
		},
		"releaseConsent": IdentityRelease{
			At: At(start.Add(2 * time.Minute)), Actor: agent, Case: caseID, Conversation: talking,
			Facets: []string{"name"}, Escalation: agreed(),
		},
		"releaseRequisition": IdentityRelease{
			At: At(start.Add(2 * time.Minute)), Actor: agent, Case: caseID, Conversation: talking,
			Facets: []string{"connection"}, Escalation: ordered(),
		},
		"tell": tell, "tellLater": tellLater, "tellUnsafe": tellUnsafe,
		"receipt":      MinorReceipt{At: At(later), Case: caseID, Escalations: []Escalation{told()}},
		"erasureGrant": decide, "erasureRefuse": refuse,
		"holdSet": HoldSet(hold), "holdLift": HoldLift(hold),
		"keyErase": erase, "keyRetain": retain, "keyUnopened": unopened,
		"openingsErase": OpeningsErase{
			At: At(year), Case: caseID, Reason: DestroyErasure, Conversation: erased,
			Erasures: granted, Holds: lifted, Escalations: []Escalation{told()}, Destroyed: true,
		},
		"openingsRetain": OpeningsErase{
			At: At(year), Case: caseID, Reason: DestroyRetention, Conversation: erased,
			Erasures: []Erasure{}, Holds: lifted, Escalations: []Escalation{told()}, Destroyed: true,
		},
		"logErasures": LogRead{At: At(start), Actor: privacyOfficer, View: ViewErasures},
	}
}

// Every point is asked in these tests.
func TestEveryPointIsTried(t *testing.T) {
	tried := map[Point]bool{}
	for _, in := range everyInput() {
		tried[in.Point()] = true
	}
	for _, p := range Points {
		if !tried[p] {
			t.Errorf("%s is never asked", p)
		}
	}
}

// What callers must do is read from the result into the fields of that name.
func TestObligationsOfThePaths(t *testing.T) {
	p := loaded(t, Production)
	duties := func(name string) Obligations {
		t.Helper()
		d, err := p.Decide(context.Background(), everyInput()[name])
		if err != nil || !d.Allow {
			t.Fatalf("%s: %v, %v", name, d.Reasons, err)
		}
		return d.Obligations
	}
	if o := duties("requestConsent"); o.BreakGlassAfterS != 0 || o.ReviewWithinS != 0 || o.ReadForS != 1800 {
		t.Errorf("a request on consent: %+v", o)
	}
	if o := duties("requestRequisition"); len(o.Approvals) != 2 {
		t.Errorf("a request on a requisition: %+v", o)
	}
	if o := duties("breakGlass"); o.ReviewWithinS != 259_200 || o.UseWithinS != 900 || !slices.Equal(o.Facets, requested().Asked) {
		t.Errorf("a broken glass: %+v", o)
	}
	if o := duties("releaseConsent"); o.TellWithinS != 3600 {
		t.Errorf("an opening on consent: %+v", o)
	}
	if o := duties("evidencePrivacy"); o.Scope != ScopeRequisition {
		t.Errorf("a privacy officer reads %q", o.Scope)
	}
	if o := duties("evidenceReview"); o.Scope != ScopeMessages {
		t.Errorf("a reviewer reads %q", o.Scope)
	}
	if o := duties("tellUnsafe"); o.UnsafeAgainS != 604_800 {
		t.Errorf("telling was unsafe: %+v", o)
	}
	if o := duties("receipt"); !slices.Equal(o.Tellable, []string{"e1"}) {
		t.Errorf("a receipt: %+v", o)
	}
}
