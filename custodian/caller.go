package custodian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/stafftoken"
)

// errDatabase marks a failure of PostgreSQL outside the log.
var errDatabase = errors.New("the database does not answer")

// querier is a pool, a connection or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// bearer is a caller whose token was verified and whose rows were not looked
// at yet: a member of staff by claims, or a minor by the hash of the token.
type bearer struct {
	staff *stafftoken.Claims
	role  string // in which staff acts; empty: the session's

	// When staff is nil.
	token order.Secret
	minor [32]byte // hash of the token
}

// key tells callers apart without holding a token: a reading session belongs
// to one.
func (b bearer) key() string {
	if b.staff != nil {
		sum := b.staff.SessionSum()
		return "staff\x00" + b.staff.Issuer + "\x00" + b.staff.Subject + "\x00" + string(sum[:])
	}
	return "minor\x00" + string(b.minor[:])
}

// authenticate verifies the token that came with an order. It asks neither the
// caller nor PostgreSQL what the token says.
func (c *Custodian) authenticate(ctx context.Context, caller order.Caller) (bearer, error) {
	switch {
	case caller.StaffToken != "" && caller.MinorToken == "":
		claims, err := c.staff.Verify(ctx, string(caller.StaffToken))
		if err != nil {
			return bearer{}, err
		}
		if caller.Role != "" && !slices.Contains(claims.Roles, caller.Role) {
			return bearer{}, refuse(order.CodeRoleInvalid)
		}
		return bearer{staff: &claims, role: caller.Role}, nil
	case caller.MinorToken != "" && caller.StaffToken == "" && caller.Role == "":
		hash, ok := conversation.HashToken(string(caller.MinorToken))
		if !ok {
			return bearer{}, refuse(order.CodeTokenInvalid)
		}
		return bearer{token: caller.MinorToken, minor: hash}, nil
	default:
		return bearer{}, refuse(order.CodeTokenInvalid)
	}
}

func (c *Custodian) authenticateStaff(ctx context.Context, caller order.Caller) (bearer, error) {
	b, err := c.authenticate(ctx, caller)
	if err == nil && b.staff == nil {
		return bearer{}, refuse(order.CodeTokenInvalid)
	}
	return b, err
}

func (c *Custodian) authenticateMinor(ctx context.Context, caller order.Caller) (bearer, error) {
	b, err := c.authenticate(ctx, caller)
	if err == nil && b.staff != nil {
		return bearer{}, refuse(order.CodeTokenInvalid)
	}
	return b, err
}

const staffSession = `
SELECT s.session_id, s.role, s.ended_at IS NOT NULL, f.staff_id, f.person_id, coalesce(f.unit_id, ''),
       f.issuer, f.subject, p.issuer, p.claim, e.hash, e.leaf
FROM sceau.staff_sessions s
JOIN sceau.staff f USING (staff_id)
JOIN sceau.persons p ON p.person_id = f.person_id
JOIN sceau.entries e ON e.seq = s.signed_in_seq
WHERE s.issuer = $1 AND s.sid_sha256 = $2`

// actor says as whom a member of staff acts. The rows that bind a session to
// an account, a person and a role were written by the staff face; the token
// and the staff.signed_in entry must both agree with them.
func (b bearer) actor(ctx context.Context, q querier) (audit.Actor, error) {
	var (
		sum                                        = b.staff.SessionSum()
		a                                          audit.Actor
		ended                                      bool
		staffIssuer, subject, personIssuer, person string
		hash, leaf                                 []byte
	)
	err := q.QueryRow(ctx, staffSession, b.staff.Issuer, sum[:]).Scan(&a.Session, &a.Role, &ended,
		&a.ID, &a.Person, &a.Unit, &staffIssuer, &subject, &personIssuer, &person, &hash, &leaf)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return audit.Actor{}, refuse(order.CodeTokenInvalid)
	case err != nil:
		return audit.Actor{}, fmt.Errorf("%w: finding the caller's session: %w", errDatabase, err)
	case ended:
		return audit.Actor{}, refuse(order.CodeTokenExpired)
	case staffIssuer != b.staff.Issuer, personIssuer != b.staff.Issuer, subject != b.staff.Subject, person != b.staff.Person:
		return audit.Actor{}, refuse(order.CodeTokenInvalid)
	case !slices.Contains(b.staff.Roles, a.Role), b.role != "" && b.role != a.Role:
		return audit.Actor{}, refuse(order.CodeRoleInvalid)
	}
	signedIn, err := audit.Parse(leaf)
	stored := audit.LeafHash(leaf)
	if err != nil || !bytes.Equal(stored[:], hash) || signedIn.Action != audit.ActionStaffSignedIn || signedIn.Via != audit.ViaStaff ||
		signedIn.Actor.ID != a.ID || signedIn.Actor.Person != a.Person ||
		signedIn.Actor.Role != a.Role || signedIn.Actor.Session != a.Session || signedIn.Details["bearer"] != b.staff.Binding() {
		return audit.Actor{}, fmt.Errorf("%w: a session differs from its staff.signed_in entry", errAltered)
	}
	return a, nil
}

// minorActor is the actor of every entry about a minor: who they are is what
// this system exists not to know.
var minorActor = audit.Actor{ID: "minor", Role: conversation.RoleMinor}
