package custodian

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/staff"
	staffstore "github.com/sceau-project/sceau/staff/pgstore"
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
	staff *staff.Claims
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

// idempotency is a key of this member of staff's own, in this session.
func (b bearer) idempotency(key order.Secret, body []byte) pglog.Idempotency {
	sum := b.staff.SessionSum()
	return pglog.Idempotency{Actor: b.staff.Issuer + "\x00" + b.staff.Subject + "\x00" + string(sum[:]), Key: string(key), Body: body}
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

// actorOf says as whom a member of staff acts. The log must have been followed
// before: whom it says to be suspended or signed out may order nothing, whatever
// the rows of PostgreSQL say.
func (c *Custodian) actorOf(ctx context.Context, q querier, b bearer) (audit.Actor, error) {
	session, err := staffstore.Find(ctx, q, *b.staff, b.role)
	switch {
	case err == nil:
	case errors.Is(err, staffstore.ErrUnknown), errors.Is(err, staffstore.ErrChanged):
		return audit.Actor{}, refuse(order.CodeTokenInvalid)
	case errors.Is(err, staffstore.ErrSuspended):
		return audit.Actor{}, refuse(policy.ReasonStaffSuspended)
	case errors.Is(err, staffstore.ErrEnded):
		return audit.Actor{}, refuse(order.CodeTokenExpired)
	case errors.Is(err, staffstore.ErrRole):
		return audit.Actor{}, refuse(order.CodeRoleInvalid)
	case errors.Is(err, staffstore.ErrAltered):
		return audit.Actor{}, fmt.Errorf("%w: %w", errAltered, err)
	default:
		return audit.Actor{}, fmt.Errorf("%w: %w", errDatabase, err)
	}
	if !c.followed.signedIn(session.Actor, b.staff.Binding()) {
		return audit.Actor{}, fmt.Errorf("%w: the log that was followed has no such signing in", errAltered)
	}
	switch is := c.followed.standingOf(session.Actor); {
	case is.suspended:
		return audit.Actor{}, refuse(policy.ReasonStaffSuspended)
	case is.signedOut:
		return audit.Actor{}, refuse(order.CodeTokenExpired)
	}
	return session.Actor, nil
}

// minorActor is the actor of every entry about a minor: it names none, since
// this system must not know who they are.
var minorActor = audit.Actor{ID: "minor", Role: conversation.RoleMinor}
