package pglog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
)

// A Querier is a pool, a connection or a transaction. The role that signed in
// must be allowed to read the log; the public face's may read one case at a
// time, with [ByCase].
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// A Record is an entry as it is stored.
type Record struct {
	audit.Entry
	Hash audit.Hash
	Leaf []byte
}

// A Filter selects entries; what is left zero does not restrict.
type Filter struct {
	From, To    time.Time // From <= at < To
	Actor       string
	Person      string
	Case        string
	Actions     []audit.Action // any of them
	SubjectType string
	SubjectID   string
	FromSeq     int64 // the first seq to consider: last seen + 1 reads on
	Limit       int   // at most so many; 0 is no limit
}

// ErrNoEntry: there is no such entry (yet, or any more after pruning).
var ErrNoEntry = errors.New("no such entry")

// pageSize bounds what one query brings, so that a reader of the whole log
// neither holds it in memory nor a transaction open.
const pageSize = 512

const recordColumns = `seq, hash, leaf, at, via, action, coalesce(case_id::text, ''), actor_id,
	coalesce(person_id, ''), coalesce(subject_type, ''), coalesce(subject_id, '')`

// scanRecord reads a row and holds it against its leaf: the columns were only
// found by, the leaf is what counts, and its hash is what the chain has sealed.
func scanRecord(row pgx.CollectableRow) (Record, error) {
	var (
		seq        int64
		hash, leaf []byte
		at         time.Time
		col        [7]string
	)
	if err := row.Scan(&seq, &hash, &leaf, &at, &col[0], &col[1], &col[2], &col[3], &col[4], &col[5], &col[6]); err != nil {
		return Record{}, err
	}
	r := Record{Entry: audit.Entry{Seq: seq, Case: col[2]}, Hash: audit.LeafHash(leaf), Leaf: leaf}
	if string(hash) != string(r.Hash[:]) {
		return r, &Damage{Seq: seq, Why: "its hash is not its leaf's"}
	}
	e, err := audit.Parse(leaf)
	if err != nil {
		return r, &Damage{Seq: seq, Why: err.Error()}
	}
	said := [7]string{string(e.Via), string(e.Action), e.Case, e.Actor.ID, e.Actor.Person, e.Subject.Type, e.Subject.ID}
	if seq != e.Seq || !at.Equal(e.At) || col != said {
		return r, &Damage{Seq: seq, Why: "its columns do not repeat its leaf"}
	}
	r.Entry = e
	return r, nil
}

func collect(ctx context.Context, q Querier, sql string, args ...any) ([]Record, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, readError(err)
	}
	records, err := pgx.CollectRows(rows, scanRecord)
	if err != nil {
		return nil, readError(err)
	}
	return records, nil
}

func readError(err error) error {
	if errors.Is(err, ErrDamaged) {
		return err
	}
	return fmt.Errorf("read the log: %w", err)
}

// Entries reads the entries that f selects, in order. It ends at the first
// error; [ErrDamaged] names the entry that cannot be believed.
func Entries(ctx context.Context, q Querier, f Filter) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		from, to, err := f.bounds(ctx, q)
		if err != nil {
			yield(Record{}, err)
			return
		}
		given := 0
		for from < to && (f.Limit == 0 || given < f.Limit) {
			size := pageSize
			if f.Limit > 0 {
				size = min(size, f.Limit-given)
			}
			sql, args := f.page(from, to, size)
			page, err := collect(ctx, q, sql, args...)
			if err != nil {
				yield(Record{}, err)
				return
			}
			for _, r := range page {
				given++
				from = r.Seq + 1
				if !yield(r, nil) {
					return
				}
			}
			if len(page) < size {
				return
			}
		}
	}
}

// page is one query of Entries.
func (f Filter) page(from, to int64, size int) (string, []any) {
	args := []any{from, to, size}
	var where strings.Builder
	and := func(column, cast string, v any) {
		args = append(args, v)
		fmt.Fprintf(&where, " AND %s = %s", column, fmt.Sprintf(cast, len(args)))
	}
	for _, c := range []struct{ column, value string }{
		{"actor_id", f.Actor}, {"person_id", f.Person},
		{"subject_type", f.SubjectType}, {"subject_id", f.SubjectID},
	} {
		if c.value != "" {
			and(c.column, "$%d", c.value)
		}
	}
	if f.Case != "" {
		and("case_id", "$%d::uuid", f.Case)
	}
	if len(f.Actions) > 0 {
		actions := make([]string, len(f.Actions))
		for i, a := range f.Actions {
			actions[i] = string(a)
		}
		and("action", "ANY($%d)", actions)
	}
	return `SELECT ` + recordColumns + ` FROM sceau.entries WHERE seq >= $1 AND seq < $2` +
		where.String() + ` ORDER BY seq LIMIT $3`, args
}

// bounds turns f's times into numbers: time never goes backwards along the log,
// so a bisection over the primary key finds the first entry at or after a time,
// and no index on the time is needed.
func (f Filter) bounds(ctx context.Context, q Querier) (from, to int64, err error) {
	var first int64
	err = queryOne(ctx, q, `SELECT coalesce((SELECT min(seq) FROM sceau.entries), 0), seq FROM sceau.log_head`, nil, &first, &to)
	if err != nil {
		return 0, 0, err
	}
	from = max(first, f.FromSeq)
	if !f.From.IsZero() {
		if from, err = since(ctx, q, from, to, f.From); err != nil {
			return 0, 0, err
		}
	}
	if !f.To.IsZero() {
		if to, err = since(ctx, q, from, to, f.To); err != nil {
			return 0, 0, err
		}
	}
	return from, to, nil
}

// since is the first seq in [low, high) whose time is not before t, or high.
func since(ctx context.Context, q Querier, low, high int64, t time.Time) (int64, error) {
	for low < high {
		mid := low + (high-low)/2
		var at time.Time
		if err := queryOne(ctx, q, `SELECT at FROM sceau.entries WHERE seq = $1`, []any{mid}, &at); err != nil {
			return 0, err
		}
		if at.Before(t) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}

func queryOne(ctx context.Context, q Querier, sql string, args []any, into ...any) error {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return readError(err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return readError(err)
		}
		return ErrNoEntry
	}
	if err := rows.Scan(into...); err != nil {
		return readError(err)
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return readError(err)
	}
	return nil
}

// KeysOfCase reads the key.created entries of one case: all of the log that the
// public face may read.
func KeysOfCase(ctx context.Context, q Querier, caseID string) ([]Record, error) {
	return collect(ctx, q, `SELECT `+recordColumns+` FROM sceau.keys_of_case($1::uuid)`, caseID)
}

// ByCase reads the entries of one case from seq `from` on, in order. Every role
// but the public face may. Inside an effect use [Turn.ByCase], which also sees what the batch is
// about to write.
func ByCase(ctx context.Context, q Querier, caseID string, from int64) ([]Record, error) {
	return collect(ctx, q, `SELECT `+recordColumns+` FROM sceau.entries_of_case($1::uuid, $2)`, caseID, from)
}

// At reads one entry.
func At(ctx context.Context, q Querier, seq int64) (Record, error) {
	records, err := collect(ctx, q, `SELECT `+recordColumns+` FROM sceau.entries WHERE seq = $1`, seq)
	if err != nil {
		return Record{}, err
	}
	if len(records) == 0 {
		return Record{}, fmt.Errorf("entry %d: %w", seq, ErrNoEntry)
	}
	return records[0], nil
}

// LatestPolicyActivated reads the entry that says which policy is in force;
// [ErrNoEntry] when none was ever activated.
func LatestPolicyActivated(ctx context.Context, q Querier) (Record, error) {
	records, err := collect(ctx, q, `SELECT `+recordColumns+` FROM sceau.entries
		WHERE action = $1 ORDER BY seq DESC LIMIT 1`, string(audit.ActionPolicyActivated))
	if err != nil {
		return Record{}, err
	}
	if len(records) == 0 {
		return Record{}, fmt.Errorf("%s: %w", audit.ActionPolicyActivated, ErrNoEntry)
	}
	return records[0], nil
}

// A Head is where the log ends.
type Head struct {
	Origin string
	Next   int64      // seq of the next entry, the count of a log that was never pruned
	Hash   audit.Hash // of the last entry; of the origin when there is none
	At     time.Time  // of the last entry
}

// ReadHead reads where the log ends. Whoever remembers a Head can tell later
// whether the log still continues it.
func ReadHead(ctx context.Context, q Querier) (Head, error) {
	var h Head
	var hash []byte
	err := queryOne(ctx, q, `SELECT origin, seq, hash, at FROM sceau.log_head`, nil, &h.Origin, &h.Next, &hash, &h.At)
	if err != nil {
		return Head{}, err
	}
	copy(h.Hash[:], hash)
	h.At = h.At.UTC()
	return h, nil
}

// ByCase reads the entries of one case from seq `from` on, those included that
// this turn and earlier ones of its batch have appended: they are the log's
// once the batch commits, though no query finds them before.
func (t *Turn) ByCase(ctx context.Context, caseID string, from int64) ([]Record, error) {
	records, err := ByCase(ctx, t.Tx, caseID, from)
	if err != nil {
		return nil, err
	}
	pending, err := t.Pending(caseID)
	for _, r := range pending {
		if r.Seq >= from {
			records = append(records, r)
		}
	}
	return records, err
}

// Pending are the entries of one case that this turn and earlier ones of its
// batch have appended. They come from this process's memory: no row can pass
// for one.
func (t *Turn) Pending(caseID string) ([]Record, error) {
	var records []Record
	for _, r := range t.chain.rows {
		if r.draft.Case != caseID {
			continue
		}
		e, err := audit.Parse(r.leaf)
		if err != nil {
			return nil, fmt.Errorf("read back entry %d: %w", r.ref.Seq, err)
		}
		records = append(records, Record{Entry: e, Hash: r.ref.Hash, Leaf: bytes.Clone(r.leaf)})
	}
	return records, nil
}
