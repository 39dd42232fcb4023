package pgfault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sceau-project/sceau/internal/pgtest"
)

func TestUnavailable(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, nowhere := pgx.Connect(ctx, "postgres://nobody@127.0.0.1:1/nothing")
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"nothing", nil, false},
		{"nobody listens", nowhere, true},
		{"wrapped", fmt.Errorf("reading a thing: %w", nowhere), true},
		{"too slow", context.DeadlineExceeded, true},
		{"network", &net.OpError{Op: "read", Err: errors.New("reset")}, true},
		{"shutting down", &pgconn.PgError{Code: "57P01"}, true},
		{"a deadlock", &pgconn.PgError{Code: "40P01"}, true},
		{"no serial order", &pgconn.PgError{Code: "40001"}, true},
		{"no room", &pgconn.PgError{Code: "53100"}, true},
		{"a constraint", &pgconn.PgError{Code: "23505"}, false},
		{"a wrong query", &pgconn.PgError{Code: "42601"}, false},
		{"no rows", pgx.ErrNoRows, false},
		{"a full disk of ours", fmt.Errorf("remembering: %w", &fs.PathError{Op: "write", Path: "file", Err: syscall.ENOSPC}), false},
		{"anything", errors.New("else"), false},
	}
	for _, tt := range tests {
		if got := Unavailable(tt.err); got != tt.want {
			t.Errorf("%s: got %v, want %v (%v)", tt.name, got, tt.want, tt.err)
		}
	}
}

// TestKilledConnection: what a query answers when its connection is killed
// under it, and on the next use.
func TestKilledConnection(t *testing.T) {
	ctx := context.Background()
	db := pgtest.New(t)
	conn, err := db.Super.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := db.Super.Exec(ctx, `SELECT pg_terminate_backend($1, 5000)`, conn.Conn().PgConn().PID()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := conn.Exec(ctx, `SELECT 1`); !Unavailable(err) {
			t.Errorf("got %v, which is not recognised", err)
		}
	}
}

func TestDescribe(t *testing.T) {
	fault := &pgconn.PgError{Code: "22P02", Severity: "ERROR", Message: `invalid input syntax for type uuid: "Lina"`, TableName: "messages"}
	got := Describe(fmt.Errorf("reading messages: %w", fault))
	if got != "reading messages: SQLSTATE 22P02 messages" {
		t.Errorf("got %q", got)
	}
	if got := Describe(errors.New("as it is")); got != "as it is" {
		t.Errorf("got %q", got)
	}
}
