package web

import (
	"context"
	"time"
)

// onCallAtMost is how long somebody can be on call at a stretch: a shift that nobody
// ended must not count for ever.
const onCallAtMost = 24 * time.Hour

type onCallInput struct {
	Body struct {
		Until time.Time `json:"until" doc:"At most 24 hours from now"`
	}
}

// onCall says that the caller can be called until then, though not signed in.
func (s *staff) onCall(ctx context.Context, in *onCallInput) (*struct{}, error) {
	now := s.cfg.Now()
	if !in.Body.Until.After(now) || in.Body.Until.After(now.Add(onCallAtMost)) {
		return nil, invalid("body.until", "expected a time within the next 24 hours")
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
