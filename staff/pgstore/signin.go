// Package pgstore keeps who works here: accounts, the persons behind them and
// their sessions, each under a random id that entries may name. The names lie
// in these tables alone, where an erasure can reach them.
package pgstore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/staff"
)

// Sessions binds the tokens of staff to sessions.
type Sessions struct {
	pool    *pgxpool.Pool // of role sceau_staff
	log     *pglog.Log
	unnoted atomic.Int64
}

// NewSessions keeps sessions in pool and writes staff.signed_in to log.
func NewSessions(pool *pgxpool.Pool, log *pglog.Log) *Sessions {
	return &Sessions{pool: pool, log: log}
}

// Of returns the session of a verified token, in the role asked for, or in its
// only role when none is. The first use of a session binds it to its role and
// is an entry, staff.signed_in, in the same transaction. The error is Find's
// (but for ErrUnknown), the log's, or staff's for a choice of
// role that is impossible.
func (s *Sessions) Of(ctx context.Context, claims staff.Claims, asked string) (Session, error) {
	session, err := Find(ctx, s.pool, claims, asked)
	if err == nil && session.unseen {
		s.seen(ctx, session)
	}
	if !errors.Is(err, ErrUnknown) {
		return session, err
	}
	role, err := claims.Role(asked)
	if err != nil {
		return Session{}, err
	}
	_, err = s.log.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		// Another request of the same session may have been first.
		var err error
		if session, _, err = find(ctx, turn.Tx, claims, asked); !errors.Is(err, ErrUnknown) {
			return nil, err
		}
		session, err = signIn(ctx, turn, claims, role)
		return nil, err
	})
	return session, err
}

// Known returns the session of a verified token that was used before, and begins none.
// The error is Find's.
func (s *Sessions) Known(ctx context.Context, claims staff.Claims, asked string) (Session, error) {
	return Find(ctx, s.pool, claims, asked)
}

// signIn binds a session, in a turn under the log's head lock: so nobody else
// inserts the same account, person or unit at the same time.
func signIn(ctx context.Context, turn *pglog.Turn, claims staff.Claims, role string) (Session, error) {
	session := Session{Name: claims.Name, Actor: audit.Actor{Role: role, Session: newID("x-")}}
	a := &session.Actor
	fail := func(err error) (Session, error) {
		return Session{}, fmt.Errorf("%w: signing in: %w", ErrDatabase, err)
	}
	err := turn.Tx.QueryRow(ctx, `
		WITH new AS (INSERT INTO sceau.persons (person_id, issuer, claim) VALUES ($1, $2, $3)
			ON CONFLICT (issuer, claim) DO NOTHING RETURNING person_id)
		SELECT person_id FROM new UNION ALL
		SELECT person_id FROM sceau.persons WHERE issuer = $2 AND claim = $3`,
		newID("p-"), claims.Issuer, claims.Person).Scan(&a.Person)
	if err != nil {
		return fail(err)
	}
	var unit *string
	if claims.Unit != "" {
		err = turn.Tx.QueryRow(ctx, `
			WITH new AS (INSERT INTO sceau.units (unit_id, issuer, claim) VALUES ($1, $2, $3)
				ON CONFLICT (issuer, claim) DO NOTHING RETURNING unit_id)
			SELECT unit_id FROM new UNION ALL
			SELECT unit_id FROM sceau.units WHERE issuer = $2 AND claim = $3`,
			newID("u-"), claims.Issuer, claims.Unit).Scan(&unit)
		if err != nil {
			return fail(err)
		}
	}
	var person string
	err = turn.Tx.QueryRow(ctx, `
		WITH new AS (INSERT INTO sceau.staff (staff_id, issuer, subject, person_id, unit_id, name) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (issuer, subject) DO NOTHING RETURNING staff_id, person_id, unit_id)
		SELECT staff_id, person_id, coalesce(unit_id, '') FROM new UNION ALL
		SELECT staff_id, person_id, coalesce(unit_id, '') FROM sceau.staff WHERE issuer = $2 AND subject = $3`,
		newID("s-"), claims.Issuer, claims.Subject, a.Person, unit, claims.Name).Scan(&a.ID, &person, &a.Unit)
	if err != nil {
		return fail(err)
	}
	if person != a.Person {
		return Session{}, ErrChanged // four eyes count persons: an account keeps its own
	}
	switch out, err := suspended(ctx, turn.Tx, a.Person); {
	case err != nil:
		return fail(err)
	case out:
		return Session{}, ErrSuspended
	}
	ref, err := turn.Append(pglog.Draft{Actor: *a, Action: audit.ActionStaffSignedIn,
		Details: audit.Details{"bearer": claims.Binding()}})
	if err != nil {
		return Session{}, err
	}
	sum := claims.SessionSum()
	if _, err := turn.Tx.Exec(ctx, `
		INSERT INTO sceau.staff_sessions (session_id, issuer, sid_sha256, staff_id, role, signed_in_seq)
		VALUES ($1, $2, $3, $4, $5, $6)`, a.Session, claims.Issuer, sum[:], a.ID, role, ref.Seq); err != nil {
		return fail(err)
	}
	return session, nil
}

// Names returns the names of accounts, as colleagues see them.
func (s *Sessions) Names(ctx context.Context, ids []string) (map[string]string, error) {
	rows, err := s.pool.Query(ctx, `SELECT staff_id, name FROM sceau.staff WHERE staff_id = ANY($1)`, ids)
	if err != nil {
		return nil, fmt.Errorf("%w: reading names: %w", ErrDatabase, err)
	}
	names := map[string]string{}
	var id, name string
	if _, err := pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		names[id] = name
		return nil
	}); err != nil {
		return nil, fmt.Errorf("%w: reading names: %w", ErrDatabase, err)
	}
	return names, nil
}

// newID draws a random id with the prefix of its kind. It says nothing of whom
// it names.
func newID(prefix string) string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + hex.EncodeToString(b[:])
}
