package web

import (
	"context"
	"time"
)

type onCallInput struct {
	Body struct {
		Until time.Time `json:"until" doc:"By policy's on_call_at_most_s from now at the latest: 24 hours, as it comes"`
	}
}

// onCall says that the caller can be called until then, though not signed in.
func (s *staff) onCall(ctx context.Context, in *onCallInput) (*struct{}, error) {
	rules, err := s.policy.In(ctx, s.reader)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Now()
	latest := now.Add(rules.OnCallAtMost())
	if !in.Body.Until.After(now) || in.Body.Until.After(latest) {
		return nil, invalid("body.until", "expected a time to come, "+latest.UTC().Format(time.RFC3339)+" at the latest")
	}
	return nil, s.sessions.BeOnCall(ctx, callerOf(ctx).actor, in.Body.Until)
}

func (s *staff) offCall(ctx context.Context, _ *struct{}) (*struct{}, error) {
	return nil, s.sessions.BeOff(ctx, callerOf(ctx).actor)
}

// signOut ends the caller's session for good, here and at the custodian.
func (s *staff) signOut(ctx context.Context, _ *struct{}) (*struct{}, error) {
	return nil, s.sessions.SignOut(ctx, callerOf(ctx).actor)
}
