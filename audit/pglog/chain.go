package pglog

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/sceau-project/sceau/audit"
)

// A head is where the log ends, as lock_head tells it.
type head struct {
	seq   int64 // of the next entry
	hash  audit.Hash
	at    time.Time
	clock time.Time
}

// A chain grows in memory while the head is locked, from the head on.
type chain struct {
	via    audit.Via
	start  int64
	next   int64
	prev   audit.Hash
	at     time.Time
	atText string
	rows   []row
}

type row struct {
	ref  Ref
	leaf []byte
	*prepared
}

func newChain(via audit.Via, h head) *chain {
	at := h.clock
	if at.Before(h.at) {
		at = h.at
	}
	return &chain{via: via, start: h.seq, next: h.seq, prev: h.hash, at: at, atText: audit.FormatTime(at)}
}

func (c *chain) add(p *prepared) (Ref, error) {
	leaf, err := p.place(c.next, c.atText, c.prev)
	if err != nil {
		return Ref{}, err
	}
	ref := Ref{Seq: c.next, Hash: audit.LeafHash(leaf), At: c.at}
	c.rows = append(c.rows, row{ref: ref, leaf: leaf, prepared: p})
	c.next, c.prev = ref.Seq+1, ref.Hash
	return ref, nil
}

// cut takes back the entries from the n-th on: their effect failed.
func (c *chain) cut(n int, prev audit.Hash) {
	c.rows = c.rows[:n]
	c.next, c.prev = c.start+int64(n), prev
}

var entryColumns = []string{
	"seq", "at", "case_id", "hash", "leaf", "via", "action", "actor_id", "person_id", "subject_type", "subject_id",
}

// columns are the row's values for COPY, in the order of entryColumns.
func (r *row) columns(via audit.Via) []any {
	d := &r.draft
	return []any{
		r.ref.Seq, r.ref.At, r.caseID, r.ref.Hash[:], r.leaf, string(via), string(d.Action),
		d.Actor.ID, orNull(d.Actor.Person), orNull(d.Subject.Type), orNull(d.Subject.ID),
	}
}

func orNull(s string) pgtype.Text { return pgtype.Text{String: s, Valid: s != ""} }
