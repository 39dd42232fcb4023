package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/config"
	"github.com/sceau-project/sceau/staff"
)

// newLogger writes the process's own log. Callers pass codes, routes and
// durations; no address and no text.
func newLogger(w io.Writer, c config.Logging, process string) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, fmt.Errorf("reading the level of the log: %w", err)
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "text" {
		return slog.New(slog.NewTextHandler(w, options)).With("process", process), nil
	}
	return slog.New(slog.NewJSONHandler(w, options)).With("process", process), nil
}

// newPool makes a process's pool. It connects when first used.
func newPool(ctx context.Context, c config.Database, process string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		// The parser's error can quote the string, and with it the password.
		return nil, errors.New("database.url is not a PostgreSQL connection string")
	}
	cfg.MaxConns = int32(c.MaxConnections) //nolint:gosec // bounded by the configuration's check
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	// A connection that lay idle is asked whether it is still there. One that a
	// firewall forgot never answers: whoever got it must not wait out the request.
	cfg.PingTimeout = 2 * time.Second
	cfg.ConnConfig.RuntimeParams["application_name"] = "sceau-" + process
	cfg.ConnConfig.RuntimeParams["statement_timeout"] = "15s"
	pglog.HearWarnings(cfg.ConnConfig)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("making the pool of connections: %w", err)
	}
	return pool, nil
}

// startTime is how long a process waits for its database when it starts.
const startTime = 30 * time.Second

// openLog opens the log, waiting for a database that is starting too, and
// refuses another log than the configured one: its entries would continue a
// chain that nobody expects them in.
func openLog(ctx context.Context, pool *pgxpool.Pool, via audit.Via, origin string, logger *slog.Logger) (*pglog.Log, error) {
	waiting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		opened, err := pglog.Open(waiting, pglog.Config{Pool: pool, Via: via})
		if err == nil && opened.Origin() != origin {
			opened.Close()
			return nil, fmt.Errorf("the database's log is %q, and log.origin is %q", opened.Origin(), origin)
		}
		if err == nil || !errors.Is(err, pglog.ErrUnavailable) {
			return opened, err
		}
		logger.Warn("waiting for the database", "error", err.Error())
		select {
		case <-waiting.Done():
			return nil, err
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func newVerifier(c config.OIDC, audience string) (*staff.Verifier, error) {
	return staff.NewVerifier(staff.Config{
		Issuer: c.Issuer, Audience: audience, Roles: c.Roles,
		PersonClaim: c.PersonClaim, RolesClaim: c.RolesClaim, UnitClaim: c.UnitClaim, NameClaim: c.NameClaim,
	})
}
