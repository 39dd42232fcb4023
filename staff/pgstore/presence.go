package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
)

// seenTime bounds how long a request waits for its session to be noted as in use.
const seenTime = time.Second

// seen notes that a session is in use: who was seen lately can be asked to answer.
// When it cannot be noted, because the database takes no writes for instance, that
// costs somebody's being counted as on duty. It must not cost what they came to read.
func (s *Sessions) seen(ctx context.Context, session Session) {
	bounded, cancel := context.WithTimeout(ctx, seenTime)
	defer cancel()
	_, err := s.pool.Exec(bounded, `UPDATE sceau.staff_sessions SET last_seen_at = clock_timestamp() WHERE session_id = $1`,
		session.Actor.Session)
	if err != nil && ctx.Err() == nil {
		s.unnoted.Add(1)
	}
}

// Unnoted counts requests whose session could not be noted as in use.
func (s *Sessions) Unnoted() int64 { return s.unnoted.Load() }

// Lasts says whether a session has neither been signed out nor ended by a suspension.
// Refusal: [ErrEnded].
func (s *Sessions) Lasts(ctx context.Context, session string) error {
	var lasts bool
	err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sceau.staff_sessions WHERE session_id = $1 AND ended_at IS NULL)`, session).Scan(&lasts)
	switch {
	case err != nil:
		return fmt.Errorf("%w: looking whether a session lasts: %w", ErrDatabase, err)
	case !lasts:
		return ErrEnded
	}
	return nil
}

// SignOut ends the session of actor, for good: its token opens nothing any more, at
// no process. It is an entry, staff.signed_out.
func (s *Sessions) SignOut(ctx context.Context, actor audit.Actor) error {
	_, err := s.log.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		tag, err := turn.Tx.Exec(ctx, `UPDATE sceau.staff_sessions SET ended_at = $2 WHERE session_id = $1 AND ended_at IS NULL`,
			actor.Session, turn.At)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: signing out: %w", ErrDatabase, err)
		case tag.RowsAffected() == 0:
			return nil, ErrEnded
		}
		_, err = turn.Append(pglog.Draft{Actor: actor, Action: audit.ActionStaffSignedOut})
		return nil, err
	})
	return err
}

// everywhereAtOnce is how many sessions one turn of the log ends at most: few people
// sign out, and the head must not be held long.
const everywhereAtOnce = 50

// SignOutEverywhere ends every session of the account of actor, this one last, each
// with its entry staff.signed_out, made by that session in its own role. Sessions of other
// accounts of the same person go on.
func (s *Sessions) SignOutEverywhere(ctx context.Context, actor audit.Actor) error {
	for {
		var ended int
		_, err := s.log.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
			ended = 0
			rows, err := turn.Tx.Query(ctx, `
				UPDATE sceau.staff_sessions SET ended_at = $2 WHERE session_id IN (
					SELECT session_id FROM sceau.staff_sessions WHERE staff_id = $1 AND ended_at IS NULL
					ORDER BY session_id = $3, session_id LIMIT $4)
				RETURNING session_id, role`, actor.ID, turn.At, actor.Session, everywhereAtOnce)
			if err != nil {
				return nil, fmt.Errorf("%w: signing out everywhere: %w", ErrDatabase, err)
			}
			one, out := actor, []audit.Actor(nil)
			if _, err := pgx.ForEachRow(rows, []any{&one.Session, &one.Role}, func() error {
				out = append(out, one)
				return nil
			}); err != nil {
				return nil, fmt.Errorf("%w: signing out everywhere: %w", ErrDatabase, err)
			}
			for _, one := range out {
				if _, err := turn.Append(pglog.Draft{Actor: one, Action: audit.ActionStaffSignedOut}); err != nil {
					return nil, err
				}
			}
			ended = len(out)
			return nil, nil
		})
		if err != nil || ended < everywhereAtOnce {
			return err
		}
	}
}

// BeOnCall says that this account, in the role of its session, can be called until
// then though it is not signed in. A later call replaces an earlier one; it ends by
// itself, or with [Sessions.BeOff].
func (s *Sessions) BeOnCall(ctx context.Context, actor audit.Actor, until time.Time) error {
	err := s.told(ctx, `
		INSERT INTO sceau.on_call (staff_id, role, until) VALUES ($1, $2, $3)
		ON CONFLICT (staff_id) DO UPDATE SET role = excluded.role, until = excluded.until`,
		actor.ID, actor.Role, until)
	if err != nil {
		return fmt.Errorf("%w: being on call: %w", ErrDatabase, err)
	}
	return nil
}

// OnCall says until when an account is on call; the zero time when it is not.
func (s *Sessions) OnCall(ctx context.Context, id string) (until time.Time, err error) {
	err = s.pool.QueryRow(ctx, `SELECT until FROM sceau.on_call WHERE staff_id = $1 AND until > clock_timestamp()`, id).Scan(&until)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, fmt.Errorf("%w: asking who is on call: %w", ErrDatabase, err)
	}
	return until, nil
}

// BeOff ends being on call.
func (s *Sessions) BeOff(ctx context.Context, actor audit.Actor) error {
	if err := s.told(ctx, `DELETE FROM sceau.on_call WHERE staff_id = $1`, actor.ID); err != nil {
		return fmt.Errorf("%w: being off: %w", ErrDatabase, err)
	}
	return nil
}

// told runs a statement whose success a person is told of, when the standbys have it
// too. It can be repeated.
func (s *Sessions) told(ctx context.Context, sql string, args ...any) error {
	return pglog.Transact(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
}
