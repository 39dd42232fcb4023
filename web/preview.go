package web

import (
	"context"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/escalation"
)

type previewInput struct {
	ConversationPath
	Body struct {
		Wanted
		Narrative string `json:"narrative,omitempty" maxLength:"4000" doc:"Not looked at"`
	}
}

type neededApproval struct {
	Role  string `json:"role"`
	Count int64  `json:"count"`
}

type previewOutput struct {
	Body struct {
		At      time.Time `json:"at" doc:"As of then: policy is asked again when the request is made"`
		Allow   bool      `json:"allow"`
		Reasons []Reason  `json:"reasons" doc:"Why not, in the reader's language; empty when it may be asked"`

		Approvals    []neededApproval `json:"approvals" doc:"Who must say yes"`
		AnswerWithin int64            `json:"answer_within_s,omitempty" doc:"Unanswered for so long, it expires"`
		WidenAfter   int64            `json:"widen_after_s,omitempty" doc:"Unanswered for so long, every supervisor is called"`
		UseWithin    int64            `json:"use_within_s,omitempty" doc:"Once granted, it must be opened within so long"`
		ReadFor      int64            `json:"read_for_s,omitempty" doc:"Once opened, it can be read for so long"`
		GlassAfter   int64            `json:"break_glass_after_s,omitempty" doc:"Unanswered for so long, the glass may be broken if a second agent confirms; absent: never"`
	}
}

// preview says what policy would answer, so that an agent learns it while they fill the
// request in and not after. It is no entry: see docs/decisions/0019.
func (s *staff) preview(ctx context.Context, in *previewInput) (*previewOutput, error) {
	if !audit.IsUUID(in.ID) {
		return nil, conversation.ErrNotFound
	}
	ask, err := in.Body.ask(in.ID)
	if err != nil {
		return nil, err
	}
	p, err := s.escalations.Preview(ctx, callerOf(ctx).actor, ask)
	if err != nil {
		return nil, notFoundAs(err, "conversation.not_found")
	}
	out, french := &previewOutput{}, ctx.Value(frenchKey{}).(bool)
	out.Body.At, out.Body.Allow = p.At.UTC(), len(p.Reasons) == 0
	out.Body.Reasons, out.Body.Approvals = []Reason{}, []neededApproval{}
	for _, code := range p.Reasons {
		reason := Reason{Code: code}
		if why, ok := byCode[code]; ok {
			reason.Detail = s.detail(why, french)
		}
		out.Body.Reasons = append(out.Body.Reasons, reason)
	}
	o := p.Obligations
	for _, a := range o.Approvals {
		out.Body.Approvals = append(out.Body.Approvals, neededApproval{Role: a.Role, Count: a.Count})
	}
	out.Body.AnswerWithin, out.Body.WidenAfter = o.AnswerWithinS, o.WidenAfterS
	out.Body.UseWithin, out.Body.ReadFor = o.UseWithinS, o.ReadForS
	if in.Body.Ground == escalation.GroundImminentDanger {
		out.Body.GlassAfter = o.BreakGlassAfterS
	}
	return out, nil
}

// printed records that the requester prints what they have before their eyes. The entry
// comes before the sheet.
func (s *staff) printed(ctx context.Context, in *escalationAct) (*escalationOutput, error) {
	return s.onTheirs(ctx, in.ID, s.escalations.Printed)
}

type colleague struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Unit string `json:"unit,omitempty"`
}

type colleaguesOutput struct {
	Body struct {
		Colleagues []colleague `json:"colleagues" doc:"Agents on duty who may take the conversation over"`
	}
}

func (s *staff) handOverTo(ctx context.Context, in *ConversationPath) (*colleaguesOutput, error) {
	rules, err := s.policy.In(ctx, s.reader)
	if err != nil {
		return nil, err
	}
	list, err := s.conversations.Colleagues(ctx, callerOf(ctx).actor, in.ID, rules.OnDutySeen())
	if err != nil {
		return nil, err
	}
	out := &colleaguesOutput{}
	out.Body.Colleagues = make([]colleague, len(list))
	for i, c := range list {
		out.Body.Colleagues[i] = colleague{ID: c.Staff, Name: c.Name, Unit: c.Unit}
	}
	return out, nil
}
