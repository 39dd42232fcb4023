package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A baseline writes the log's rows into a table like the log's, without a chain.
type baseline struct {
	pool *pgxpool.Pool
	next atomic.Int64
	row  []any // but the seq
}

var baselineColumns = []string{
	"seq", "at", "case_id", "hash", "leaf", "via", "action", "actor_id", "person_id", "subject_type", "subject_id",
}

func newBaseline(ctx context.Context, ownerURL string) (*baseline, error) {
	cfg, err := pgxpool.ParseConfig(ownerURL)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = baselineConns
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for _, sql := range []string{
		`DROP SCHEMA IF EXISTS sceau_bench CASCADE`,
		`CREATE SCHEMA sceau_bench`,
		`CREATE TABLE sceau_bench.plain (LIKE sceau.entries INCLUDING ALL) PARTITION BY RANGE (seq)`,
		`CREATE TABLE sceau_bench.plain_0 PARTITION OF sceau_bench.plain FOR VALUES FROM (0) TO (1048576)`,
		`CREATE TABLE sceau_bench.plain_1 PARTITION OF sceau_bench.plain FOR VALUES FROM (1048576) TO (1073741824)`,
	} {
		if _, err := pool.Exec(ctx, sql); err != nil {
			pool.Close()
			return nil, fmt.Errorf("make the baseline's table: %w", err)
		}
	}
	leaf, hash, caseID := make([]byte, leafSize), make([]byte, 32), [16]byte{}
	rand.Read(leaf)
	rand.Read(hash)
	rand.Read(caseID[:])
	return &baseline{pool: pool, row: []any{
		time.Now(), pgtype.UUID{Bytes: caseID, Valid: true}, hash, leaf, "staff", "conversation.joined",
		"s-0000000000000001", "p-0000000000000001", nil, nil,
	}}, nil
}

func (b *baseline) close() {
	// What is left goes with the database; a failure here changes no figure.
	_, _ = b.pool.Exec(context.Background(), `DROP SCHEMA IF EXISTS sceau_bench CASCADE`)
	b.pool.Close()
}

// values are one row's, of one of 1,000 cases and 70 agents, as the log's are.
func (b *baseline) values() []any {
	seq := b.next.Add(1) - 1
	row := append([]any{seq}, b.row...)
	id := row[2].(pgtype.UUID)
	id.Bytes[0], id.Bytes[1] = byte(seq%1000>>8), byte(seq%1000)
	row[2] = id
	row[7] = fmt.Sprintf("s-%016x", seq%70)
	row[8] = fmt.Sprintf("p-%016x", seq%70)
	return row
}

// single inserts rows one per transaction.
func (b *baseline) single(ctx context.Context, callers int, d time.Duration) (float64, error) {
	const insert = `INSERT INTO sceau_bench.plain (seq, at, case_id, hash, leaf, via, action, actor_id, person_id, subject_type, subject_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
	return measure(callers, d, func(int64) error {
		_, err := b.pool.Exec(ctx, insert, b.values()...)
		return err
	})
}

// copies copies rows in transactions of the given sizes, one after the other.
func (b *baseline) copies(ctx context.Context, sizes []int, d time.Duration) (float64, error) {
	conn, err := b.pool.Acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Release()
	rows := 0
	start := time.Now()
	for i := 0; time.Since(start) < d; i++ {
		n := sizes[i%len(sizes)]
		_, err := conn.CopyFrom(ctx, pgx.Identifier{"sceau_bench", "plain"}, baselineColumns,
			pgx.CopyFromSlice(n, func(int) ([]any, error) { return b.values(), nil }))
		if err != nil {
			return 0, err
		}
		rows += n
	}
	return float64(rows) / time.Since(start).Seconds(), nil
}
