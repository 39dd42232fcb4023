package pglog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
)

// A Query is what people look for: a [Filter], and what only leaves say. Its FromSeq
// and UpTo are where to read on, Limit is how many a page holds.
type Query struct {
	Filter
	UpTo   int64 // seq below which to look; 0 is the end of the log
	Newest bool  // from the end backwards
	Via    audit.Via
	Role   string // of the actor
	Ground string
	Result string         // of the decision: audit.ResultAllow or audit.ResultRefuse
	Except []audit.Action // none of them
}

// A Found is an entry as it is stored, damaged or not: who looks at the log must see
// damage, and what lies beyond it.
type Found struct {
	Record
	Damage *Damage // nil when the entry is what was once appended, as far as it can tell alone
}

// A Page is what one [Search] found.
type Page struct {
	Found  []Found
	More   bool  // the search ended before the log did
	Next   int64 // FromSeq to read on from; with Newest, UpTo
	Looked int64 // so many numbers were looked at
}

// searchWindow is how many numbers one query looks at: some 20 ms where no index helps.
const searchWindow = 1 << 16

// Search finds a page of entries. It holds no more than the page in memory, looks at a
// window of the log at a time, and ends after patience, with what it has found until
// then: a search for what is rare in a long log is read on by its caller.
func Search(ctx context.Context, q Querier, of Query, patience time.Duration) (Page, error) {
	var p Page
	low, high, err := of.bounds(ctx, q)
	if err != nil {
		return p, err
	}
	if of.UpTo > 0 {
		high = min(high, of.UpTo)
	}
	ends := time.Now().Add(patience)
	for low < high {
		if len(p.Found) == of.Limit || time.Now().After(ends) {
			p.More = true
			break
		}
		from, to := low, min(high, low+searchWindow)
		if of.Newest {
			from, to = max(low, high-searchWindow), high
		}
		want := of.Limit - len(p.Found)
		rows, err := of.window(ctx, q, from, to, want)
		if err != nil {
			return p, err
		}
		for _, f := range rows {
			if f.Damage != nil || of.says(&f.Entry) {
				p.Found = append(p.Found, f)
			}
		}
		if len(rows) == want { // some of the window may be left
			if last := rows[want-1].Seq; of.Newest {
				from = last
			} else {
				to = last + 1
			}
		}
		p.Looked += to - from
		if of.Newest {
			high = from
		} else {
			low = to
		}
	}
	p.Next = low
	if of.Newest {
		p.Next = high
	}
	return p, nil
}

// says holds an entry to what no column repeats.
func (of *Query) says(e *audit.Entry) bool {
	return (of.Role == "" || e.Actor.Role == of.Role) && (of.Ground == "" || e.Ground == of.Ground) &&
		(of.Result == "" || e.Decision != nil && e.Decision.Result == of.Result)
}

// window is one query of Search. What no column repeats is looked for in the leaf's bytes,
// where neither ids nor codes hold a quotation mark, and [Query.says] has the last word.
func (of *Query) window(ctx context.Context, q Querier, from, to int64, size int) ([]Found, error) {
	args := []any{from, to, size}
	var where strings.Builder
	and := func(condition string, v any) {
		args = append(args, v)
		fmt.Fprintf(&where, " AND "+condition, len(args))
	}
	for _, c := range []struct{ condition, value string }{
		{"actor_id = $%d", of.Actor}, {"person_id = $%d", of.Person}, {"via = $%d", string(of.Via)},
		{"subject_type = $%d", of.SubjectType}, {"subject_id = $%d", of.SubjectID}, {"case_id = $%d::uuid", of.Case},
	} {
		if c.value != "" {
			and(c.condition, c.value)
		}
	}
	for _, c := range []struct{ name, value string }{{"role", of.Role}, {"ground", of.Ground}, {"result", of.Result}} {
		if c.value != "" {
			and("position($%d::bytea IN leaf) > 0", []byte(`"`+c.name+`":"`+c.value+`"`))
		}
	}
	for _, c := range []struct {
		condition string
		actions   []audit.Action
	}{{"action = ANY($%d)", of.Actions}, {"action <> ALL($%d)", of.Except}} {
		if len(c.actions) > 0 {
			names := make([]string, len(c.actions))
			for i, a := range c.actions {
				names[i] = string(a)
			}
			and(c.condition, names)
		}
	}
	order := ""
	if of.Newest {
		order = " DESC"
	}
	return found(ctx, q, `SELECT `+recordColumns+` FROM sceau.entries WHERE seq >= $1 AND seq < $2`+
		where.String()+` ORDER BY seq`+order+` LIMIT $3`, args...)
}

// found collects rows as they are stored.
func found(ctx context.Context, q Querier, sql string, args ...any) ([]Found, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, readError(err)
	}
	records, err := pgx.CollectRows(rows, scanFound)
	if err != nil {
		return nil, readError(err)
	}
	return records, nil
}

// AsStored reads one entry, damaged or not; [ErrNoEntry] when there is none.
func AsStored(ctx context.Context, q Querier, seq int64) (Found, error) {
	records, err := found(ctx, q, `SELECT `+recordColumns+` FROM sceau.entries WHERE seq = $1`, seq)
	if err != nil {
		return Found{}, err
	}
	if len(records) == 0 {
		return Found{}, fmt.Errorf("entry %d: %w", seq, ErrNoEntry)
	}
	return records[0], nil
}

// OpeningsOf reads the openings of one entry that were not erased, by field.
func OpeningsOf(ctx context.Context, q Querier, seq int64) ([]audit.Opening, error) {
	rows, err := q.Query(ctx, `SELECT seq, field, coalesce(case_id::text, ''), salt, value FROM sceau.openings WHERE seq = $1 ORDER BY field`, seq)
	if err != nil {
		return nil, readError(err)
	}
	openings, err := pgx.CollectRows(rows, pgx.RowToStructByPos[audit.Opening])
	if err != nil {
		return nil, readError(err)
	}
	return openings, nil
}

// EachOfCases reads all entries below a number of some cases, one case after the other,
// each in the order of the log, damaged or not. It holds one entry in memory.
func EachOfCases(ctx context.Context, q Querier, cases []string, upTo int64, each func(Found) error) error {
	rows, err := q.Query(ctx, `SELECT `+recordColumns+` FROM sceau.entries
		WHERE case_id = ANY ($1::uuid[]) AND seq < $2 ORDER BY case_id, seq`, cases, upTo)
	if err != nil {
		return readError(err)
	}
	defer rows.Close()
	for rows.Next() {
		f, err := scanFound(rows)
		if err == nil {
			err = each(f)
		}
		if err != nil {
			return readError(err)
		}
	}
	if err := rows.Err(); err != nil {
		return readError(err)
	}
	return nil
}

func scanFound(row pgx.CollectableRow) (Found, error) {
	r, err := scanRecord(row)
	f := Found{Record: r}
	if errors.As(err, &f.Damage) {
		err = nil
	}
	return f, err
}
