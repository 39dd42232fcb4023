package pgstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/staff"
)

var (
	// ErrUnknown means that a token's session was never used here.
	ErrUnknown = errors.New("the session is not known")

	// ErrRole means that the role asked for is not the one of this session, or
	// not one of the token's. Switching role is signing in again.
	ErrRole = errors.New("the session does not act in that role")

	// ErrChanged means that a token says of an account or a session what was
	// said differently before: another person behind the account, or another
	// account behind the session.
	ErrChanged = errors.New("the token contradicts what is known of the account")

	// ErrEnded means that the session was ended.
	ErrEnded = errors.New("the session has ended")

	// ErrSuspended means that the human behind the account is suspended, under all
	// their accounts.
	ErrSuspended = errors.New("the person is suspended")

	// ErrAltered means that the rows of a session are not what its
	// staff.signed_in entry says.
	ErrAltered = errors.New("the session differs from its staff.signed_in entry")

	// ErrDatabase means that PostgreSQL could not be asked.
	ErrDatabase = errors.New("the database does not answer")
)

// A Session is one signing in of one account, in one role.
type Session struct {
	Actor audit.Actor // as entries name it
	Name  string      // shown to colleagues

	unseen bool // for long enough that its being here must be noted again
}

// A Querier is a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

const bound = `
SELECT s.session_id, s.role, s.ended_at IS NOT NULL, f.staff_id, f.person_id, coalesce(f.unit_id, ''), f.name,
       f.issuer, f.subject, p.issuer, p.claim, e.hash, e.leaf,
       s.last_seen_at < clock_timestamp() - interval '1 minute',
       EXISTS (SELECT FROM sceau.suspensions x WHERE x.person_id = f.person_id AND x.restored_seq IS NULL)
FROM sceau.staff_sessions s
JOIN sceau.staff f USING (staff_id)
JOIN sceau.persons p ON p.person_id = f.person_id
LEFT JOIN sceau.entries e ON e.seq = s.signed_in_seq
WHERE s.issuer = $1 AND s.sid_sha256 = $2`

// Find returns the session of a verified token that was used before, acting as
// asked, or in its own role when asked is empty. The rows that bind a session
// to an account, a person and a role were written by the staff face: both the
// token and the entry staff.signed_in must agree with them. The error is
// ErrUnknown, ErrChanged, ErrEnded, ErrSuspended, ErrRole, ErrAltered or ErrDatabase.
func Find(ctx context.Context, q Querier, claims staff.Claims, asked string) (Session, error) {
	session, entry, err := find(ctx, q, claims, asked)
	if err == nil && !entry.signsIn(session.Actor, claims) {
		return Session{}, ErrAltered
	}
	return session, err
}

// find compares the rows with the token, and leaves the entry to be compared:
// inside the turn that writes both, the entry comes after the rows.
func find(ctx context.Context, q Querier, claims staff.Claims, asked string) (session Session, entry stored, err error) {
	var (
		a                                          = &session.Actor
		ended, suspended                           bool
		staffIssuer, subject, personIssuer, person string
		sum                                        = claims.SessionSum()
	)
	err = q.QueryRow(ctx, bound, claims.Issuer, sum[:]).Scan(&a.Session, &a.Role, &ended, &a.ID, &a.Person, &a.Unit,
		&session.Name, &staffIssuer, &subject, &personIssuer, &person, &entry.hash, &entry.leaf,
		&session.unseen, &suspended)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		err = ErrUnknown
	case err != nil:
		err = fmt.Errorf("%w: finding a session: %w", ErrDatabase, err)
	case suspended:
		err = ErrSuspended
	case ended:
		err = ErrEnded
	case staffIssuer != claims.Issuer, personIssuer != claims.Issuer, subject != claims.Subject, person != claims.Person:
		err = ErrChanged
	case asked != "" && asked != a.Role, !slices.Contains(claims.Roles, a.Role):
		err = ErrRole // a role that the account lost since is lost to its sessions too
	}
	if err != nil {
		return Session{}, stored{}, err
	}
	return session, entry, nil
}

// stored is an entry as PostgreSQL keeps it.
type stored struct{ hash, leaf []byte }

// signsIn says whether the bearer of claims signed in as a with this entry.
func (s stored) signsIn(a audit.Actor, claims staff.Claims) bool {
	entry, err := audit.Parse(s.leaf)
	hash := audit.LeafHash(s.leaf)
	return err == nil && bytes.Equal(hash[:], s.hash) &&
		entry.Action == audit.ActionStaffSignedIn && entry.Via == audit.ViaStaff &&
		entry.Actor.ID == a.ID && entry.Actor.Person == a.Person && entry.Actor.Role == a.Role && entry.Actor.Session == a.Session &&
		entry.Details["bearer"] == claims.Binding()
}
