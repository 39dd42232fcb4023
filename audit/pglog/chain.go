package pglog

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/sceau-project/sceau/audit"
)

// A head is where the log ends, as lock_head tells it.
type head struct {
	seq   int64 // of the next entry
	hash  audit.Hash
	at    time.Time
	clock time.Time
}

// A chain grows in memory while the head is locked, from the head on. Its rows
// are written straight into the stream that COPY will send, so that nothing is
// left to encode while others wait for the head.
type chain struct {
	via    audit.Via
	prev   audit.Hash
	next   int64
	at     time.Time
	atText string
	stream []byte // PostgreSQL's binary COPY format, trailer missing
	rows   []row
}

// A row is an entry that has its place.
type row struct {
	*prepared
	ref   Ref
	start int // of the row in the stream
	leaf  []byte
}

func newChain(via audit.Via, h head, stream []byte) *chain {
	at := h.clock
	if at.Before(h.at) {
		at = h.at
	}
	at = at.UTC()
	return &chain{
		via: via, prev: h.hash, next: h.seq, at: at, atText: audit.FormatTime(at),
		stream: append(stream[:0], copyHeader...),
	}
}

// add gives p its place and returns it. The leaf is what audit.Marshal would
// have written, its start completed here (a test compares).
func (c *chain) add(p *prepared) (Ref, error) {
	const seqLimit = int64(audit.MaxInt)
	if c.next >= seqLimit {
		return Ref{}, fmt.Errorf("entry %d: the log is full", c.next)
	}
	r := row{prepared: p, start: len(c.stream)}
	s := append(c.stream, copyColumns...)

	// The leaf stands last, after its hash, so that both can be filled in once it is written.
	s = p.appendColumns(s, c.via, c.next, c.at)
	s = append(s, 0, 0, 0, sha256.Size)
	hash := len(s)
	s = append(s, make([]byte, sha256.Size)...)
	size := len(s)
	s = append(s, 0, 0, 0, 0)
	leaf := len(s)
	s = append(s, `{"v":1,"seq":`...)
	s = strconv.AppendInt(s, c.next, 10)
	s = append(s, `,"at":"`...)
	s = append(s, c.atText...)
	s = append(s, `","prev":"`...)
	s = base64.StdEncoding.AppendEncode(s, c.prev[:])
	s = append(s, '"')
	s = append(s, p.rest...)
	if len(s)-leaf > audit.MaxLeaf {
		c.stream = s[:r.start]
		return Ref{}, fmt.Errorf("%s entry: %w", p.draft.Action, audit.ErrTooLong)
	}
	r.leaf = s[leaf:len(s):len(s)]
	binary.BigEndian.PutUint32(s[size:], uint32(len(r.leaf)))
	r.ref = Ref{Seq: c.next, Hash: audit.LeafHash(r.leaf), At: c.at}
	copy(s[hash:], r.ref.Hash[:])

	c.stream = s
	c.rows = append(c.rows, r)
	c.next, c.prev = r.ref.Seq+1, r.ref.Hash
	return r.ref, nil
}

// cut takes back the entries from the n-th on, whose effect failed; prev is the
// hash before them.
func (c *chain) cut(n int, prev audit.Hash) {
	if n == len(c.rows) {
		return
	}
	c.next, c.prev, c.stream = c.rows[n].ref.Seq, prev, c.stream[:c.rows[n].start]
	c.rows = c.rows[:n]
}

// PostgreSQL's binary COPY: a header, then per row the number of columns and per
// column its length (-1 for NULL) and value, then a trailer.
const (
	copyEntries = `COPY sceau.entries (seq, at, via, case_id, action, actor_id, person_id, subject_type, subject_id, hash, leaf) FROM STDIN (FORMAT binary)`
	copyHeader  = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"
	copyColumns = "\x00\x0b"
	copyTrailer = "\xff\xff"
)

// pgEpoch is where PostgreSQL counts microseconds from.
var pgEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// appendColumns writes the columns before hash and leaf, as copyEntries orders them.
func (p *prepared) appendColumns(s []byte, via audit.Via, seq int64, at time.Time) []byte {
	d := &p.draft
	s = binary.BigEndian.AppendUint64(append(s, 0, 0, 0, 8), uint64(seq))
	s = binary.BigEndian.AppendUint64(append(s, 0, 0, 0, 8), uint64(at.Sub(pgEpoch).Microseconds()))
	s = appendText(s, string(via))
	if p.caseID.Valid {
		s = append(append(s, 0, 0, 0, 16), p.caseID.Bytes[:]...)
	} else {
		s = append(s, 0xff, 0xff, 0xff, 0xff)
	}
	s = appendText(s, string(d.Action))
	s = appendText(s, d.Actor.ID)
	s = appendText(s, d.Actor.Person)
	s = appendText(s, d.Subject.Type)
	return appendText(s, d.Subject.ID)
}

// appendText writes a text column; what is empty in a leaf is NULL beside it.
func appendText(s []byte, text string) []byte {
	if text == "" {
		return append(s, 0xff, 0xff, 0xff, 0xff)
	}
	return append(binary.BigEndian.AppendUint32(s, uint32(len(text))), text...)
}
