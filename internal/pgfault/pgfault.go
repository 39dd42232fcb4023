// Package pgfault tells a database that is away from a query that is wrong:
// the first heals by itself and is worth trying again, the second is a fault of
// the program.
package pgfault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unavailable says whether err means that PostgreSQL cannot be asked now:
// unreachable, starting, stopping, out of connections or of room, too slow, or
// in conflict with what others do at the same time.
func Unavailable(err error) bool {
	var (
		connect *pgconn.ConnectError
		server  *pgconn.PgError
		network net.Error
		file    *fs.PathError
	)
	switch {
	case err == nil, errors.Is(err, context.Canceled): // who asked went away: that says nothing of PostgreSQL
		return false
	case errors.As(err, &file): // a full disk of ours; its errno would pass for one of the network's
		return false
	case errors.As(err, &server):
		switch {
		case strings.HasPrefix(server.Code, "08"), // connection exceptions
			strings.HasPrefix(server.Code, "53"),  // insufficient resources
			strings.HasPrefix(server.Code, "57P"), // shutting down, starting up
			strings.HasPrefix(server.Code, "58"),  // errors of the system below
			server.Code == "40001",                // serialization failure: nothing was done, another try may
			server.Code == "40P01",                // deadlock: likewise
			server.Code == "57014",                // statement_timeout
			server.Code == "55P03",                // lock_timeout
			server.Code == "25006",                // read only: a standby
			strings.HasPrefix(server.Code, "28"),  // the role may not sign in
			server.Code == "3D000":                // the database is not there
			return true
		}
		return false
	case errors.As(err, &connect), errors.As(err, &network),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, context.DeadlineExceeded):
		return true
	}
	return pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "closed pool")
}

// Describe is err's text for a log. What PostgreSQL itself says can quote a
// value; of that, only the code and the names of what was violated stay.
func Describe(err error) string {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return err.Error()
	}
	said := fmt.Sprintf("SQLSTATE %s", server.Code)
	for _, name := range []string{server.TableName, server.ColumnName, server.ConstraintName} {
		if name != "" {
			said += " " + name
		}
	}
	return strings.ReplaceAll(err.Error(), server.Error(), said)
}
