package pglog

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sceau-project/sceau/audit"
)

// What is put together under the lock is what audit.Marshal writes, byte for byte,
// and entries taken back leave no trace.
func TestPlacedLeavesAreMarshalledOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z][a-z0-9_.:/-]{0,30}`)
		maybe := rapid.OneOf(rapid.Just(""), word)
		draft := rapid.Custom(func(t *rapid.T) Draft {
			d := Draft{
				Actor:  audit.Actor{ID: word.Draw(t, "id"), Person: maybe.Draw(t, "person"), Role: maybe.Draw(t, "role"), Unit: maybe.Draw(t, "unit"), Session: maybe.Draw(t, "session")},
				Action: audit.ActionStaffSignedIn,
				Ground: maybe.Draw(t, "ground"),
			}
			if rapid.Bool().Draw(t, "with case") {
				d.Case = "0b7b4b44-7a3b-4b43-9d2f-0f1b1f6b3a01"
			}
			if rapid.Bool().Draw(t, "with subject") {
				d.Subject = audit.Subject{Type: word.Draw(t, "type"), ID: word.Draw(t, "subject")}
			}
			if rapid.Bool().Draw(t, "with details") {
				// Free strings: one of them may look like the place where the leaf is cut.
				text := rapid.OneOf(rapid.Just(`x","via":"staff`), rapid.StringN(0, 40, -1))
				d.Details = audit.Details{"text": text.Draw(t, "text"), "n": rapid.Int64Range(-1<<52, 1<<52).Draw(t, "n"), "b": rapid.Bool().Draw(t, "b")}
			}
			return d
		})
		h := head{
			seq:   rapid.Int64Range(0, 1<<50).Draw(t, "seq"),
			hash:  audit.LeafHash([]byte("before")),
			at:    time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "head at")).UTC(),
			clock: time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "clock")).UTC(),
		}
		c := newChain(audit.ViaStaff, h, nil)
		prev, seq := h.hash, h.seq
		for range rapid.IntRange(1, 6).Draw(t, "entries") {
			d := draft.Draw(t, "draft")
			p, err := d.prepare(audit.ViaStaff)
			if err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "takes one back first") {
				n, size := len(c.rows), len(c.stream)
				if _, err := c.add(p); err != nil {
					t.Fatal(err)
				}
				c.cut(n, prev)
				if len(c.stream) != size || c.next != seq {
					t.Fatalf("after taking back, %d bytes and %d, before %d and %d", len(c.stream), c.next, size, seq)
				}
			}
			ref, err := c.add(p)
			if err != nil {
				t.Fatal(err)
			}
			want, err := audit.Marshal(audit.Entry{
				V: audit.Version, Seq: seq, At: c.at, Prev: prev, Via: audit.ViaStaff, Actor: d.Actor, Action: d.Action,
				Case: d.Case, Subject: d.Subject, Ground: d.Ground, Details: d.Details,
			})
			if err != nil {
				t.Fatal(err)
			}
			leaf := c.rows[len(c.rows)-1].leaf
			if !bytes.Equal(leaf, want) {
				t.Fatalf("placed    %s\nmarshalled %s", leaf, want)
			}
			if ref.Hash != audit.LeafHash(want) || ref.Seq != seq || !bytes.Contains(c.stream, want) {
				t.Fatalf("ref %+v", ref)
			}
			if c.at.Before(h.at) || c.at.Before(h.clock) {
				t.Fatalf("at %v is before the head's %v or the clock's %v", c.at, h.at, h.clock)
			}
			prev, seq = ref.Hash, seq+1
		}
	})
}
