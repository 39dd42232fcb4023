package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/oauth2"

	"github.com/sceau-project/sceau/staff"
	"github.com/sceau-project/sceau/staff/pgstore"
)

const (
	// renewTime is how long one process may take to renew a token, answer and storing
	// included, before another may try.
	renewTime = 20 * time.Second
	// renewEarly is how long before its end a token is renewed, at most: those who come
	// meanwhile go on with the one there is.
	renewEarly = 2 * time.Minute
	// waitTime is how long a request waits for another process to renew its token.
	waitTime = 10 * time.Second
)

// due says whether a token is to be renewed, and how long it is still good.
func (o *opened) due(now time.Time) (bool, time.Duration) {
	left := o.Expires.Sub(now)
	return left < min(renewEarly, o.Expires.Sub(o.Got)/5), left
}

// fresh renews the access token of a session that is near its end. Whatever
// happens to the request: a refresh token that was used and not stored is a session lost.
// The error is ended, staff.ErrIssuerDown or pgstore.ErrDatabase.
func (s *SignIn) fresh(o *opened) error {
	due, left := o.due(s.cfg.Now())
	switch {
	case !due:
		return nil
	case o.Refresh == "" && left > 0:
		return nil
	case o.Refresh == "":
		return ended{whyEnded}
	}
	// One in this process, and by the lease in the database one in all.
	got, err, _ := s.renewals.Do(o.token, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(o.ctx), renewTime)
		defer cancel()
		return s.renew(ctx, o)
	})
	switch {
	case err == nil:
		o.record = got.(record)
		return nil
	case left > 0 && !errors.As(err, new(ended)):
		return nil // the one there is does for now
	}
	return err
}

func (s *SignIn) renew(ctx context.Context, o *opened) (record, error) {
	_, left := o.due(s.cfg.Now())
	mine, err := s.cfg.Store.Renewing(ctx, o.id(), o.row.generation, renewTime)
	switch {
	case err != nil:
		return record{}, err
	case !mine && left > 0:
		return o.record, nil
	case !mine:
		return s.renewed(o)
	}
	e, err := s.provider.endpoints(ctx)
	if err != nil {
		return record{}, err
	}
	tokens, err := s.provider.refresh(ctx, e, o.Refresh)
	if errors.Is(err, errOver) {
		s.cfg.Logger.InfoContext(ctx, "a token was not renewed", "error", err.Error())
		return record{}, ended{whyEnded}
	}
	if err != nil {
		return record{}, err
	}
	next, err := s.accept(ctx, o.record, tokens)
	if err != nil {
		return record{}, over(err)
	}
	return next, s.store(ctx, o, next)
}

// accept takes renewed tokens: of the same account, person and sign-in, still in the same role.
func (s *SignIn) accept(ctx context.Context, was record, tokens *oauth2.Token) (record, error) {
	claims, err := s.cfg.Tokens.Verify(ctx, tokens.AccessToken)
	if err != nil {
		return record{}, err
	}
	// Of a session that another token began, nothing is known: Of would begin it. A
	// renewal begins nothing.
	found, err := s.cfg.Sessions.Known(ctx, claims, was.Actor.Role)
	if errors.Is(err, pgstore.ErrUnknown) || err == nil && found.Actor != was.Actor {
		return record{}, ended{whyChanged}
	}
	if err != nil {
		return record{}, err
	}
	next := was
	next.Access, next.Got, next.Expires = tokens.AccessToken, s.cfg.Now(), claims.Expires
	if tokens.RefreshToken != "" {
		next.Refresh = tokens.RefreshToken
	}
	return next, nil
}

// store keeps what was renewed. The provider has forgotten what was before, so a
// database that is away for a moment is asked again.
func (s *SignIn) store(ctx context.Context, o *opened, next record) error {
	text, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("renewing a web session: %w", err)
	}
	s.sessions.Put(ctx, recordKey, text)
	for {
		_, _, err := s.sessions.Commit(ctx)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, pgstore.ErrNoWebSession):
			return ended{whyEnded} // signed out meanwhile
		case ctx.Err() != nil:
			return fmt.Errorf("storing what was renewed: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// renewed waits for what another process renews.
func (s *SignIn) renewed(o *opened) (record, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(o.base), waitTime)
	defer cancel()
	for {
		again, err := s.open(ctx, o.token)
		switch {
		case errors.Is(err, errNone):
			return record{}, ended{whyEnded}
		case err == nil && again.row.generation != o.row.generation:
			return again.record, nil
		}
		select {
		case <-ctx.Done():
			return record{}, fmt.Errorf("%w: another request renews the token", staff.ErrIssuerDown)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
