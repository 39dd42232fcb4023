package pglog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A Turn is one caller's, under the head's lock. It ends when the effect returns.
type Turn struct {
	// Tx runs the effect's SQL. It cannot commit or roll back: returning does.
	Tx pgx.Tx
	// At is the time of every entry of this turn, by the database's clock, UTC.
	// Deadlines are judged by it, so they are judged in the order in which the
	// entries stand in the log.
	At time.Time
	// ClockTrails: the clock is more than 5 s behind the log's last entry, so At
	// stands still and no deadline can be trusted. Release nothing.
	ClockTrails bool

	chain *chain
	tx    *turnTx
}

// Append adds an entry to the log at this place. The Ref holds if the effect
// returns without error.
func (t *Turn) Append(d Draft) (Ref, error) {
	if t.tx.over.Load() {
		return Ref{}, errOver
	}
	p, err := d.prepare(t.chain.via)
	if err != nil {
		return Ref{}, err
	}
	return t.chain.add(p)
}

// errAbandoned: an effect did not come back, or left the connection unusable;
// its caller has been answered, the others of its batch start again.
var errAbandoned = errors.New("effect abandoned")

// run gives j its turn. An error it returns is the batch's; j's own is in j.
func (l *Log) run(ctx context.Context, s *savepoint, c *chain, j *job, trails bool) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	n, prev := len(c.rows), c.prev
	tx := &turnTx{conn: s.conn}
	turn := &Turn{Tx: tx, tx: tx, At: c.at, ClockTrails: trails, chain: c}

	type outcome struct {
		answer   Answer
		err      error
		panicked any
	}
	came := make(chan outcome, 1)
	go func() {
		o := outcome{err: errors.New("effect ended its goroutine")}
		defer func() {
			if p := recover(); p != nil {
				o.panicked = fmt.Sprintf("%v\n\n%s", p, debug.Stack())
			}
			came <- o
		}()
		// The effect gets the values of the caller's context but not its
		// deadline: cancelling a query would break the connection that the
		// whole batch uses.
		answer, err := j.effect(uncancelled(j.ctx), turn)
		if o.err = err; err == nil && answer != nil {
			o.answer.JSON, o.err = json.Marshal(answer)
		}
	}()
	timer := time.NewTimer(l.cfg.EffectTimeout * 3 / 2)
	defer timer.Stop()
	var o outcome
	select {
	case o = <-came:
		tx.over.Store(true)
	case <-timer.C:
		tx.over.Store(true)
		j.err = ErrEffectTimeout
		return errAbandoned
	}
	switch {
	case s.conn.IsClosed():
		return fmt.Errorf("run an effect: %w", errors.Join(errLost, o.err))
	case s.conn.PgConn().IsBusy():
		j.err = errors.New("effect left a query half read")
		return errAbandoned
	}
	j.answer, j.err, j.panicked = o.answer, o.err, o.panicked
	failed := j.err != nil || j.panicked != nil
	if !failed && s.conn.PgConn().TxStatus() == 'E' {
		failed, j.err = true, errors.New("effect passed over an error of the database")
	}
	switch sqlState(j.err) {
	case stateSerialization, stateDeadlock:
		return j.err // the whole transaction's, as far as PostgreSQL is concerned
	case stateCanceled, stateLockTimeout:
		j.err = fmt.Errorf("%w: %w", ErrEffectTimeout, j.err)
	}
	if failed {
		j.answer = Answer{}
		c.cut(n, prev)
	}
	if failed || len(c.rows) == n {
		return s.rollback(ctx)
	}
	s.used = true
	return nil
}

var errLost = errors.New("connection lost")

// A savepoint is set anew for each effect, with as few round trips as can be.
type savepoint struct {
	conn    *pgx.Conn
	timeout time.Duration
	set     bool // exists
	used    bool // and something worth keeping was done since
}

func (s *savepoint) begin(ctx context.Context) error {
	var sql string
	switch {
	case !s.set:
		ms := milliseconds(s.timeout)
		sql = "SET LOCAL statement_timeout = " + ms + "; SET LOCAL lock_timeout = " + ms + "; SAVEPOINT turn"
	case s.used:
		sql = "RELEASE SAVEPOINT turn; SAVEPOINT turn"
	default:
		return nil
	}
	s.set, s.used = true, false
	_, err := s.conn.Exec(ctx, sql)
	return err
}

func (s *savepoint) rollback(ctx context.Context) error {
	_, err := s.conn.Exec(ctx, "ROLLBACK TO SAVEPOINT turn")
	return err
}

// release ends the last turn. The time limit of effects does not apply to the
// statements after it: at COMMIT it could cut the wait for a standby short.
func (s *savepoint) release(ctx context.Context) error {
	if !s.set {
		return nil
	}
	_, err := s.conn.Exec(ctx, "RELEASE SAVEPOINT turn; SET LOCAL statement_timeout = 0")
	return err
}

// A turnTx is the batch's transaction as an effect may use it.
type turnTx struct {
	conn *pgx.Conn
	over atomic.Bool
}

var (
	errOver     = errors.New("this turn is over")
	errOwnWill  = errors.New("a turn commits by returning nil, and rolls back by returning an error")
	errNoNested = errors.New("a turn is one savepoint: it nests no transaction")
)

func (t *turnTx) Begin(context.Context) (pgx.Tx, error) { return nil, errNoNested }
func (t *turnTx) Commit(context.Context) error          { return errOwnWill }
func (t *turnTx) Rollback(context.Context) error        { return errOwnWill }
func (t *turnTx) Conn() *pgx.Conn                       { return t.conn }
func (t *turnTx) LargeObjects() pgx.LargeObjects        { return pgx.LargeObjects{} }

// uncancelled: an effect that passes on its request's context instead of the one
// it was given must not break the connection under its whole batch.
func uncancelled(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

func (t *turnTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error) {
	if t.over.Load() {
		return 0, errOver
	}
	return t.conn.CopyFrom(uncancelled(ctx), table, columns, src)
}

func (t *turnTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if t.over.Load() {
		return noResults{}
	}
	return t.conn.SendBatch(uncancelled(ctx), b)
}

func (t *turnTx) Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {
	if t.over.Load() {
		return nil, errOver
	}
	return t.conn.Prepare(uncancelled(ctx), name, sql)
}

func (t *turnTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if t.over.Load() {
		return pgconn.CommandTag{}, errOver
	}
	return t.conn.Exec(uncancelled(ctx), sql, args...)
}

func (t *turnTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if t.over.Load() {
		return noRows{}, errOver
	}
	return t.conn.Query(uncancelled(ctx), sql, args...)
}

func (t *turnTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if t.over.Load() {
		return noRows{}
	}
	return t.conn.QueryRow(uncancelled(ctx), sql, args...)
}

// What a turn that is over answers. The embedded nil interfaces stand for
// methods that nobody calls after an error.
type (
	noRows    struct{ pgx.Rows }
	noResults struct{ pgx.BatchResults }
)

func (noRows) Close()                              {}
func (noRows) Err() error                          { return errOver }
func (noRows) Next() bool                          { return false }
func (noRows) Scan(...any) error                   { return errOver }
func (noRows) Values() ([]any, error)              { return nil, errOver }
func (noResults) Exec() (pgconn.CommandTag, error) { return pgconn.CommandTag{}, errOver }
func (noResults) Query() (pgx.Rows, error)         { return noRows{}, errOver }
func (noResults) QueryRow() pgx.Row                { return noRows{} }
func (noResults) Close() error                     { return errOver }
