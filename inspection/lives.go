package inspection

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/escalation"
)

// A Life is what [Lives] concludes.
type Life struct {
	Cases       int   // in which anonymity was asked about, erased or held
	Escalations int   // in these
	Beyond      int   // of these cases, those that began before the export's first entry: not judged
	Disregarded int64 // entries of faces from which nothing follows, in any case that was judged
	Warnings    []audit.Warning
	Damage      *audit.Damage // the first; nil when all holds
}

// Lives replays the life of every escalation in the export in fsys, which
// [audit.Verify] found whole: first is its first entry. Entries that no rule allows
// are damage when the custodian wrote them, since nothing may open on such a
// history; of a face they are a warning when they are about an escalation, a consent
// or an erasure, since somebody tried. It reads the log twice and keeps in memory
// the cases that it judges, no others.
func Lives(fsys fs.FS, first int64) (*Life, error) {
	touched, err := touchedCases(fsys)
	if err != nil {
		return nil, err
	}
	l := &lives{Life: &Life{Cases: len(touched)}, cases: touched, pruned: first > 0}
	for leaf, err := range audit.Leaves(fsys) {
		if err == nil {
			err = l.visit(leaf)
		}
		if d := (*audit.Damage)(nil); errors.As(err, &d) {
			l.Damage = d
			return l.Life, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return l.Life, l.conclude()
}

// telling marks the leaves of a case that is worth judging: what stands there
// cannot be mistaken, since neither ids nor codes hold a quotation mark.
var telling = [][]byte{
	[]byte(`"action":"escalation.`), []byte(`"action":"identity.release`), []byte(`"action":"consent.`),
	[]byte(`"action":"erasure.`), []byte(`"action":"hold.`), []byte(`"action":"key.destroyed"`),
	[]byte(`"action":"openings.erased"`),
	[]byte(`"action":"minor.told"`), []byte(`"action":"opinion.`),
}

// touchedCases finds the cases to judge, each with no history yet.
func touchedCases(fsys fs.FS) (map[string]*history, error) {
	cases := map[string]*history{}
	for leaf, err := range audit.Leaves(fsys) {
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(telling, func(mark []byte) bool { return bytes.Contains(leaf, mark) }) {
			cases[caseOf(leaf)] = &history{}
		}
	}
	delete(cases, "")
	return cases, nil
}

// parse reads a leaf; nil is one of a version that this program does not know.
func parse(leaf []byte) (*audit.Entry, error) {
	e, err := audit.Parse(leaf)
	if unknown := (*audit.UnknownVersionError)(nil); errors.As(err, &unknown) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read a leaf: %w", err)
	}
	return &e, nil
}

// A history is one case as far as it was read.
type history struct {
	folded *escalation.Case
	beyond bool // its beginning is not in the export
}

type lives struct {
	*Life
	cases  map[string]*history
	pruned bool
	last   []byte // leaf
}

func (l *lives) visit(leaf []byte) error {
	l.last = append(l.last[:0], leaf...)
	h := l.cases[caseOf(leaf)]
	if h == nil || h.beyond {
		return nil // most entries: they are not parsed
	}
	e, err := parse(leaf)
	if err != nil || e == nil {
		return err
	}
	if h.folded == nil {
		// A case begins with its keys. One whose first entry is another began
		// before the export does.
		if l.pruned && e.Action != audit.ActionKeyCreated {
			h.beyond = true
			l.Beyond++
			return nil
		}
		h.folded = escalation.NewCase()
	}
	if err := h.folded.Apply(*e, audit.LeafHash(leaf)); err != nil {
		return &audit.Damage{Seq: e.Seq, Code: audit.CodeLife, Detail: err.Error()}
	}
	return nil
}

// caseOf finds a leaf's case without reading all of it, "" when it has none. Neither
// ids nor codes before it hold a quotation mark.
func caseOf(leaf []byte) string {
	const mark, length = `"case":"`, 36
	_, rest, ok := bytes.Cut(leaf, []byte(mark))
	if !ok || len(rest) < length {
		return ""
	}
	return string(rest[:length])
}

// conclude says what is still open, or was tried, at the time of the last entry.
func (l *lives) conclude() error {
	var now time.Time
	if len(l.last) > 0 {
		last, err := parse(l.last)
		if err != nil {
			return err
		}
		if last != nil {
			now = last.At
		}
	}
	for id, h := range l.cases {
		if h.folded == nil {
			continue
		}
		l.Escalations += len(h.folded.Escalations)
		for _, d := range h.folded.Disregarded {
			l.Disregarded++
			if grave(d.Action) {
				l.warn(d.Seq, audit.CodeDisregarded, id)
			}
		}
		for _, e := range h.folded.Escalations {
			if e.ReviewDue() && escalation.Passed(e.ReviewBy, now) {
				l.warn(e.RequestSeq, audit.CodeReviewOverdue, id)
			}
		}
	}
	slices.SortFunc(l.Warnings, func(a, b audit.Warning) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Code, b.Code))
	})
	return nil
}

func (l *lives) warn(seq int64, code audit.Code, caseID string) {
	l.Warnings = append(l.Warnings, audit.Warning{Seq: seq, Code: code, Case: caseID})
}

// grave says whether trying to write such an entry around the rules is more than
// clumsy: it would have opened, kept or destroyed something.
func grave(action string) bool {
	for _, area := range []string{"escalation.", "identity.", "consent.", "erasure.", "hold.", "minor.", "opinion."} {
		if len(action) > len(area) && action[:len(area)] == area && action != string(audit.ActionIdentitySealed) {
			return true
		}
	}
	return false
}
