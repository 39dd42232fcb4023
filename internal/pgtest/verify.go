package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
)

// verify reads the whole log as the superuser and checks that every leaf parses
// and is what the service would have written, that numbers and hashes continue
// each other from the origin to the head, that time never goes backwards, and
// that the columns beside each leaf repeat what it says.
//
// It connects anew: a pool may still hold connections to a server that the test
// has killed and restarted.
func verify(ctx context.Context, url string) error {
	var (
		headOrigin string
		headSeq    int64
		headHash   []byte
	)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to read the log: %w", err)
	}
	defer conn.Close(ctx)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	err = tx.QueryRow(ctx, `SELECT origin, seq, hash FROM sceau.log_head`).Scan(&headOrigin, &headSeq, &headHash)
	if err != nil {
		return fmt.Errorf("read the head: %w", err)
	}
	rows, err := tx.Query(ctx, `SELECT seq, hash, leaf, at, via, action, coalesce(case_id::text, ''), coalesce(actor_id, ''),
		coalesce(person_id, ''), coalesce(subject_type, ''), coalesce(subject_id, '') FROM sceau.entries ORDER BY seq`)
	if err != nil {
		return fmt.Errorf("read the entries: %w", err)
	}
	defer rows.Close()
	next, prev, last := int64(0), audit.Genesis(headOrigin), time.Time{}
	for rows.Next() {
		var (
			seq              int64
			hash, leaf       []byte
			at               time.Time
			column           [7]string
			via, act, caseID = &column[0], &column[1], &column[2]
		)
		if err := rows.Scan(&seq, &hash, &leaf, &at, via, act, caseID, &column[3], &column[4], &column[5], &column[6]); err != nil {
			return fmt.Errorf("read an entry: %w", err)
		}
		e, err := audit.Parse(leaf)
		if err != nil {
			return fmt.Errorf("entry %d: %w", seq, err)
		}
		said := [7]string{string(e.Via), string(e.Action), e.Case, e.Actor.ID, e.Actor.Person, e.Subject.Type, e.Subject.ID}
		got := audit.LeafHash(leaf)
		switch {
		case seq != next || e.Seq != next:
			return fmt.Errorf("entry %d (its leaf says %d): expected %d", seq, e.Seq, next)
		case e.Prev != prev:
			return fmt.Errorf("entry %d: does not name the hash of the one before", seq)
		case !bytes.Equal(hash, got[:]):
			return fmt.Errorf("entry %d: hash column is not the leaf's hash", seq)
		case e.At.Before(last):
			return fmt.Errorf("entry %d: earlier than the one before", seq)
		case !at.Equal(e.At):
			return fmt.Errorf("entry %d: time column %v, leaf %v", seq, at, e.At)
		case column != said:
			return fmt.Errorf("entry %d: columns %q, leaf %q", seq, column, said)
		}
		next, prev, last = next+1, got, e.At
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the entries: %w", err)
	}
	if headSeq != next || !bytes.Equal(headHash, prev[:]) {
		return fmt.Errorf("head says %d entries with another last hash than the %d in the log", headSeq, next)
	}
	return nil
}
