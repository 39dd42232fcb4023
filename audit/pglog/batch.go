package pglog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/sceau-project/sceau/audit"
)

// attemptTimeout bounds one attempt, its COMMIT with it: a server that is dead but
// never closes the connection must not stop the log for ever. It is far above every
// other timeout, so that it never interrupts a COMMIT in normal operation.
const attemptTimeout = 30 * time.Second

// trailing: how far the clock may be behind the head before it counts as stepped.
const trailing = 5 * time.Second

// maxStream is how large a buffer is kept for the next batch, in bytes.
const maxStream = 1 << 20

// connection is the log's own, made like the pool makes its.
func (l *Log) connection(ctx context.Context) (*pgx.Conn, error) {
	if l.conn != nil && !l.conn.IsClosed() {
		return l.conn, nil
	}
	cfg := l.cfg.Pool.Config()
	if cfg.BeforeConnect != nil {
		if err := cfg.BeforeConnect(ctx, cfg.ConnConfig); err != nil {
			return nil, unavailable(err)
		}
	}
	HearWarnings(cfg.ConnConfig)
	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		return nil, unavailable(err)
	}
	if cfg.AfterConnect != nil {
		if err := cfg.AfterConnect(ctx, conn); err != nil {
			conn.Close(ctx)
			return nil, unavailable(err)
		}
	}
	l.conn = conn
	return conn, nil
}

func (l *Log) disconnect() {
	if l.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	l.conn.Close(ctx)
	l.conn = nil
}

// attempt tries once to bring b into the log. When it returns nil, each job of b
// holds its own answer.
func (l *Log) attempt(b *batch) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), attemptTimeout)
	defer cancel()
	ask, cancelAsk := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancelAsk()
	conn, err := l.connection(ask)
	if err != nil {
		return err
	}
	defer func() { err = l.settle(ctx, conn, err) }()

	h, err := l.lockHead(ask, conn)
	if err != nil {
		return err
	}
	b.take()
	if in, err := l.arrived(ctx, conn, b); in || err != nil {
		return err
	}
	if !b.drained {
		l.drain(b)
	}
	// From here to COMMIT callers cannot leave, so this has its own bound.
	inTurn, cancelTurns := context.WithTimeout(ctx, l.hold)
	defer cancelTurns()
	if err := l.checkClock(h); err != nil {
		return err
	}
	c := newChain(l.cfg.Via, h, l.stream)
	trails := h.at.Sub(h.clock) > trailing
	if err := l.sayStep(c, h, trails); err != nil {
		return err
	}
	s := &savepoint{conn: conn, timeout: l.cfg.EffectTimeout}
	fresh, err := l.turns(inTurn, s, c, b, trails)
	if err != nil {
		return err
	}
	if len(c.rows) == 0 {
		if slices.ContainsFunc(b.jobs, func(j *job) bool { return j.answer.Replayed }) {
			return l.confirm(ctx, conn)
		}
		if l.short != nil && slices.ContainsFunc(b.jobs, func(j *job) bool { return j.ready }) {
			return l.tryOut(inTurn, conn, c)
		}
		_, err := conn.Exec(ctx, "ROLLBACK")
		return err
	}
	if err := s.release(inTurn); err != nil {
		return err
	}
	l.sample = c.rows[len(c.rows)-1].sample()
	if err := l.write(inTurn, conn, c); err != nil {
		return err
	}
	if err := l.commit(ctx, conn, c, fresh, b); err != nil {
		return err
	}
	l.stepSaid, l.short = trails, b.short
	l.seen = c.next
	if cap(c.stream) <= maxStream {
		l.stream = c.stream
	}
	return nil
}

// settle leaves the connection fit for the next attempt, or none, and returns
// err as callers are to see it.
func (l *Log) settle(ctx context.Context, conn *pgx.Conn, err error) error {
	switch {
	case errors.Is(err, errAbandoned):
		// The effect may still be using the connection and the stream. Closing
		// the socket is safe all the same, and ends whatever the effect waits
		// for.
		conn.PgConn().Conn().Close()
		l.conn, l.stream = nil, nil
	case err != nil && broken(conn, err):
		l.disconnect()
		err = unavailable(err)
	case err != nil && conn.PgConn().TxStatus() != 'I':
		if _, rerr := conn.Exec(ctx, "ROLLBACK"); rerr != nil {
			l.disconnect()
		}
	}
	return err
}

// arrived says whether b is in the log already, sent by an attempt whose answer
// to COMMIT was lost. That attempt's transaction held the head; this one holds
// it now, so that one has ended, and what is in the log now is what will be.
func (l *Log) arrived(ctx context.Context, conn *pgx.Conn, b *batch) (bool, error) {
	if b.sent == nil {
		return false, nil
	}
	in, err := committed(ctx, conn, *b.sent)
	if err != nil {
		return false, err
	}
	if in {
		if err := l.confirm(ctx, conn); err != nil {
			return false, err // and it is still unknown whether it will last
		}
	}
	b.sent = nil
	return in, nil
}

// confirm returns when what this transaction sees in the log is as durable as what
// it writes itself. To see an entry is not enough: when the connection of a
// COMMIT that waits for a standby is ended, the entry is on this server for all to
// see and nowhere else, and a failover loses it. The lock on the head is something
// to commit, after that entry; so this COMMIT waits for the standbys that have both.
func (l *Log) confirm(ctx context.Context, conn *pgx.Conn) error {
	forgetWarnings(conn)
	_, err := conn.Exec(ctx, "COMMIT")
	if err == nil {
		err = unconfirmed(conn)
	}
	if err != nil {
		return fmt.Errorf("confirm what the log holds: %w", err)
	}
	return nil
}

// turns gives each job of b its turn under the lock, and returns the answers
// that have to be stored for a repetition.
func (l *Log) turns(ctx context.Context, s *savepoint, c *chain, b *batch, trails bool) ([]givenAnswer, error) {
	given, err := l.lookUp(ctx, s.conn, b.jobs)
	if err != nil {
		return nil, err
	}
	var fresh []givenAnswer
	began := time.Now()
	for i, j := range b.jobs {
		if j.effect != nil && i > 0 && time.Since(began) > l.hold/8 {
			l.left = append(l.left, b.leave(i)...)
			break
		}
		j.ref, j.answer, j.err, j.panicked = Ref{}, Answer{}, nil, nil
		if j.ready {
			continue
		}
		if j.effect == nil {
			j.ref, j.err = c.add(j.plain)
			continue
		}
		if j.idem != nil {
			if g, ok := given[j.idem.row]; ok {
				j.answer, j.err = j.idem.replay(g)
				continue
			}
		}
		before := len(c.rows)
		if err := l.run(ctx, s, c, j, trails); err != nil {
			if errors.Is(err, errAbandoned) {
				// The connection cannot be saved, since the effect may be using it.
				b.jobs = append(b.jobs[:i:i], b.jobs[i+1:]...)
				close(j.done)
			}
			return nil, err
		}
		if noRoom(j.err) {
			b.short = j.err
		}
		if j.idem != nil && len(c.rows) > before {
			g := j.idem.sealAnswer(j.answer)
			given[j.idem.row] = g
			fresh = append(fresh, g)
		}
	}
	return fresh, nil
}

// lockHead begins a transaction and waits for the head, in one round trip. The
// settings are the transaction's own: a pooler between us and PostgreSQL may
// hand each transaction another session. The lock's time is the statement's too:
// PostgreSQL counts lock_timeout anew for each of the locks on the way to a row.
func (l *Log) lockHead(ctx context.Context, conn *pgx.Conn) (head, error) {
	var h head
	var hash []byte
	var b pgx.Batch
	b.Queue(`BEGIN ISOLATION LEVEL READ COMMITTED`)
	b.Queue(`SELECT set_config('synchronous_commit', 'on', true), set_config('statement_timeout', $1, true),
		set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true)`,
		milliseconds(l.cfg.LockTimeout), milliseconds(3*l.cfg.EffectTimeout+time.Second))
	b.Queue(`SELECT seq, hash, at, clock FROM sceau.lock_head()`).QueryRow(func(r pgx.Row) error {
		return r.Scan(&h.seq, &hash, &h.at, &h.clock)
	})
	b.Queue(`SELECT set_config('statement_timeout', '0', true)`)
	if err := conn.SendBatch(ctx, &b).Close(); err != nil {
		switch sqlState(err) {
		case stateLockTimeout, stateCanceled:
			err = unavailable(errors.Join(errHeld, err))
		}
		return head{}, fmt.Errorf("lock the head of the log: %w", err)
	}
	copy(h.hash[:], hash)
	return h, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// committed reports whether the entry of a lost COMMIT is in the log.
func committed(ctx context.Context, conn *pgx.Conn, ref Ref) (bool, error) {
	var hash []byte
	err := conn.QueryRow(ctx, `SELECT hash FROM sceau.entries WHERE seq = $1`, ref.Seq).Scan(&hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for entry %d: %w", ref.Seq, err)
	}
	return string(hash) == string(ref.Hash[:]), nil
}

// sayStep appends clock.stepped, once for each time the clock fell behind. Only
// the custodian may write it, and its entries are frequent enough for that.
func (l *Log) sayStep(c *chain, h head, trails bool) error {
	if !trails || l.stepSaid || l.cfg.Via != audit.ViaCustodian {
		return nil
	}
	p, err := Draft{
		Actor:   audit.Actor{ID: "custodian"},
		Action:  audit.ActionClockStepped,
		Details: audit.Details{"behind_ms": h.at.Sub(h.clock).Milliseconds()},
	}.prepare(l.cfg.Via)
	if err != nil {
		return err
	}
	_, err = c.add(p)
	return err
}

// lookUp fetches the answers already given to the jobs' keys.
func (l *Log) lookUp(ctx context.Context, conn *pgx.Conn, jobs []*job) (map[[32]byte]givenAnswer, error) {
	given := make(map[[32]byte]givenAnswer)
	var keys [][]byte
	for _, j := range jobs {
		if j.idem != nil {
			keys = append(keys, j.idem.row[:])
		}
	}
	if len(keys) == 0 {
		return given, nil
	}
	rows, _ := conn.Query(ctx, `SELECT key_sha256, body_mac, answer FROM sceau.idempotency
		WHERE via = $1 AND key_sha256 = ANY($2)`, string(l.cfg.Via), keys)
	var key, body, sealed []byte
	_, err := pgx.ForEachRow(rows, []any{&key, &body, &sealed}, func() error {
		g := givenAnswer{row: [32]byte(key), body: body, sealed: sealed}
		given[g.row] = g
		key, body, sealed = nil, nil, nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up idempotency keys: %w", err)
	}
	return given, nil
}

// tryOut finds out whether there is room for an entry again, and leaves none.
func (l *Log) tryOut(ctx context.Context, conn *pgx.Conn, c *chain) error {
	if l.sample != nil {
		if _, err := c.add(l.sample); err != nil {
			return err
		}
		if err := l.write(ctx, conn, c); noRoom(err) || err != nil && broken(conn, err) {
			return err
		}
	}
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		return err
	}
	l.short = nil
	return nil
}

// write copies the chain's rows, outside of any savepoint: triggers of state
// tables check that their entry was written by the same transaction.
func (l *Log) write(ctx context.Context, conn *pgx.Conn, c *chain) error {
	c.stream = append(c.stream, copyTrailer...)
	if _, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(c.stream), copyEntries); err != nil {
		return fmt.Errorf("append to the log: %w", err)
	}
	return nil
}

// commit writes what goes beside the entries, and commits, in one round trip.
func (l *Log) commit(ctx context.Context, conn *pgx.Conn, c *chain, fresh []givenAnswer, b *batch) error {
	var q pgx.Batch
	queueOpenings(&q, c.rows)
	for _, g := range fresh {
		q.Queue(`INSERT INTO sceau.idempotency (via, key_sha256, body_mac, answer, at) VALUES ($1, $2, $3, $4, $5)`,
			string(l.cfg.Via), g.row[:], g.body, g.sealed, c.at)
	}
	var tag string
	q.Queue(`COMMIT`)
	last := c.rows[len(c.rows)-1].ref
	forgetWarnings(conn)
	results := conn.SendBatch(ctx, &q)
	var err error
	for range q.Len() {
		t, e := results.Exec()
		if e != nil {
			err = e
			break
		}
		tag = t.String()
	}
	if cerr := results.Close(); err == nil {
		err = cerr
	}
	switch {
	case err == nil && tag == "COMMIT":
		if err = unconfirmed(conn); err == nil {
			return nil
		}
		b.sent = &last // it is there, and must yet be made to last
	case err == nil:
		return fmt.Errorf("commit to the log: answered %s", tag)
	case broken(conn, err):
		b.sent = &last
	}
	return fmt.Errorf("commit to the log: %w", err)
}

func queueOpenings(q *pgx.Batch, rows []row) {
	var seqs []int64
	var fields []string
	var cases []pgtype.UUID
	var salts, values [][]byte
	for _, r := range rows {
		for _, o := range r.draft.Openings {
			seqs = append(seqs, r.ref.Seq)
			fields = append(fields, o.Field)
			cases = append(cases, r.caseID)
			salts = append(salts, o.Salt)
			values = append(values, o.Value)
		}
	}
	if len(seqs) > 0 {
		q.Queue(`INSERT INTO sceau.openings (seq, field, case_id, salt, value)
			SELECT * FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::bytea[], $5::bytea[])`,
			seqs, fields, cases, salts, values)
	}
}

// extend makes the next partition while there is still a whole one to go.
func (l *Log) extend() {
	const partition = 1 << 20
	if l.seen < l.ensured-partition || l.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), attemptTimeout)
	defer cancel()
	// A failure needs no answer yet: the next batch tries again, and should the
	// last partition ever be full, entries are refused, not lost.
	if _, err := l.conn.Exec(ctx, `SELECT sceau.ensure_partition()`); err != nil {
		if broken(l.conn, err) {
			l.disconnect()
		}
		return
	}
	l.ensured = (l.seen/partition + 2) * partition
}
