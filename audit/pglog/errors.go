package pglog

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrUnavailable: the log cannot be written or read now. What was asked was
	// not done; whatever needs an entry first must be refused.
	ErrUnavailable = errors.New("the log is unavailable")

	// ErrUnknownOutcome: the connection broke while committing and it could not
	// be found out whether the entry is in the log. It is an ErrUnavailable too.
	// Repeating with the same idempotency key is safe.
	ErrUnknownOutcome = fmt.Errorf("%w: unknown whether the entry was written", ErrUnavailable)

	// ErrClosed: the log was closed by this process. It is an ErrUnavailable too.
	ErrClosed = fmt.Errorf("%w: closed", ErrUnavailable)

	// ErrEffectTimeout: the effect took too long and was rolled back.
	ErrEffectTimeout = errors.New("effect took too long and was rolled back")

	// ErrIdempotencyMismatch: the key was used before with another body.
	ErrIdempotencyMismatch = errors.New("idempotency key was used with another body")

	// ErrIdempotencyKey: the key could be guessed, or is no key.
	ErrIdempotencyKey = errors.New("idempotency key must be 16 to 255 printable ASCII characters")

	// ErrDamaged is what every *Damage is.
	ErrDamaged = errors.New("the log is damaged")
)

var (
	errTooLong = fmt.Errorf("%w: nobody's turn came in time", ErrUnavailable)
	errTooMany = fmt.Errorf("%w: too many wait for their turn", ErrUnavailable)
	errHeld    = errors.New("another holds the head")
)

// Damage says which stored entry is not what was once appended.
type Damage struct {
	Seq int64
	Why string
}

func (d *Damage) Error() string {
	return fmt.Sprintf("the log is damaged at entry %d: %s", d.Seq, d.Why)
}
func (d *Damage) Is(e error) bool { return e == ErrDamaged }

// unavailable marks err as ErrUnavailable, keeping its chain.
func unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// SQLSTATEs that this package acts upon.
const (
	stateSerialization = "40001"
	stateDeadlock      = "40P01"
	stateLockTimeout   = "55P03"
	stateCanceled      = "57014" // statement_timeout
	stateConnections   = "53300" // too many; there may be room for this one soon
	stateNoSchema      = "3F000" // the schema sceau is missing
	stateChain         = "SC001" // our trigger: the rows do not continue the chain
)

func sqlState(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}

// noRoom says that PostgreSQL refused for want of something that has nothing to do
// with what was asked: room on its disk, memory, a disk that works.
func noRoom(err error) bool {
	code := sqlState(err)
	return strings.HasPrefix(code, "53") && code != stateConnections || strings.HasPrefix(code, "58")
}

// broken reports whether the connection is gone, or can no longer be trusted.
func broken(conn *pgx.Conn, err error) bool {
	if conn.IsClosed() {
		return true
	}
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return true // no answer of the server: an interrupted read leaves the protocol in the middle
	}
	return pe.Severity == "FATAL" || pe.Severity == "PANIC"
}
