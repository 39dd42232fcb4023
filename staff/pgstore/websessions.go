package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrNoWebSession means that a browser's session is not there: never was, has ended,
// or was replaced meanwhile.
var ErrNoWebSession = errors.New("no such web session")

// WebSessions keeps whom browsers speak for: what is sealed, under the SHA-256 of
// what only the browser has. It can open none of it. Time is PostgreSQL's, so that
// several faces agree.
type WebSessions struct{ pool *pgxpool.Pool }

// NewWebSessions keeps them in pool, of role sceau_staff.
func NewWebSessions(pool *pgxpool.Pool) *WebSessions { return &WebSessions{pool} }

// A WebSession is one as it is stored.
type WebSession struct {
	Sealed     []byte
	Generation int64         // counts what was sealed
	Idle       time.Duration // since a person did something
}

// Begin stores a new session until expires at the latest.
func (s *WebSessions) Begin(ctx context.Context, id [32]byte, sealed []byte, expires time.Time) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO sceau.web_sessions (id_sha256, sealed, expires_at) VALUES ($1, $2, $3)`, id[:], sealed, expires)
	return whileWeb("beginning a web session", err)
}

// Find returns a session that has not expired, and in which somebody did something
// within idle. The error is ErrNoWebSession or ErrDatabase.
func (s *WebSessions) Find(ctx context.Context, id [32]byte, idle time.Duration) (WebSession, error) {
	var (
		w     WebSession
		since float64
	)
	err := s.pool.QueryRow(ctx, `
		SELECT sealed, generation, greatest(0, extract(epoch FROM clock_timestamp() - active_at))::float8 FROM sceau.web_sessions
		WHERE id_sha256 = $1 AND expires_at > clock_timestamp() AND active_at > clock_timestamp() - $2::interval`,
		id[:], idle).Scan(&w.Sealed, &w.Generation, &since)
	w.Idle = time.Duration(since * float64(time.Second))
	return w, whileWeb("finding a web session", err)
}

// Active notes that a person did something. It brings nothing back that has ended.
func (s *WebSessions) Active(ctx context.Context, id [32]byte, idle time.Duration) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE sceau.web_sessions SET active_at = clock_timestamp()
		WHERE id_sha256 = $1 AND active_at > clock_timestamp() - $2::interval`, id[:], idle)
	return whileWeb("noting a web session as in use", err)
}

// Renewing lets one caller at a time, of all processes, renew what a session holds:
// it says whether that is the caller, for as long as within.
func (s *WebSessions) Renewing(ctx context.Context, id [32]byte, generation int64, within time.Duration) (bool, error) {
	tag, err := s.pool.Exec(ctx, `
		UPDATE sceau.web_sessions SET renewing_until = clock_timestamp() + $3::interval
		WHERE id_sha256 = $1 AND generation = $2 AND coalesce(renewing_until < clock_timestamp(), true)`, id[:], generation, within)
	return tag.RowsAffected() == 1, whileWeb("taking the turn to renew a web session", err)
}

// Replace stores what was renewed from the given generation. The error is
// ErrNoWebSession when the session has ended or somebody else has replaced it.
func (s *WebSessions) Replace(ctx context.Context, id [32]byte, generation int64, sealed []byte) error {
	tag, err := s.pool.Exec(ctx, `
		UPDATE sceau.web_sessions SET sealed = $3, generation = generation + 1, renewing_until = NULL
		WHERE id_sha256 = $1 AND generation = $2`, id[:], generation, sealed)
	if err == nil && tag.RowsAffected() == 0 {
		return ErrNoWebSession
	}
	return whileWeb("replacing a web session", err)
}

// End forgets a session. One that is not there has ended.
func (s *WebSessions) End(ctx context.Context, id [32]byte) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM sceau.web_sessions WHERE id_sha256 = $1`, id[:])
	return whileWeb("ending a web session", err)
}

// Prune forgets what is over.
func (s *WebSessions) Prune(ctx context.Context, idle time.Duration) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM sceau.web_sessions WHERE expires_at <= clock_timestamp() OR active_at <= clock_timestamp() - $1::interval`, idle)
	return whileWeb("forgetting old web sessions", err)
}

func whileWeb(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNoWebSession
	}
	return fmt.Errorf("%w: %s: %w", ErrDatabase, doing, err)
}
