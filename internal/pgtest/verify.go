package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
)

// verify reads the whole log as the superuser and checks that its leaves are a
// chain from the origin to the head, as an inspector would, and that the columns
// beside each leaf repeat what it says.
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
	chain := audit.NewChain(headOrigin)
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
		got, err := chain.Next(leaf)
		if err != nil {
			return err // it names the entry
		}
		e, err := audit.Parse(leaf)
		if err != nil {
			return fmt.Errorf("entry %d: %w", seq, err)
		}
		said := [7]string{string(e.Via), string(e.Action), e.Case, e.Actor.ID, e.Actor.Person, e.Subject.Type, e.Subject.ID}
		switch {
		case seq != e.Seq:
			return fmt.Errorf("entry %d: its leaf says %d", seq, e.Seq)
		case !bytes.Equal(hash, got[:]):
			return fmt.Errorf("entry %d: hash column is not the leaf's hash", seq)
		case !at.Equal(e.At):
			return fmt.Errorf("entry %d: time column %v, leaf %v", seq, at, e.At)
		case column != said:
			return fmt.Errorf("entry %d: columns %q, leaf %q", seq, column, said)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the entries: %w", err)
	}
	if headSeq != chain.Seq || !bytes.Equal(headHash, chain.Head[:]) {
		return fmt.Errorf("the head is at %d, the log ends at %d, or their last hashes differ", headSeq, chain.Seq)
	}
	return nil
}
