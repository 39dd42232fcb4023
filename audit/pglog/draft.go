package pglog

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/sceau-project/sceau/audit"
)

// A Draft is an entry before it has its place: number, time, previous hash and
// via are the sequencer's to give.
type Draft struct {
	Actor       audit.Actor
	Action      audit.Action
	Case        string
	Subject     audit.Subject
	Ground      string
	Decision    *audit.Decision
	Details     audit.Details
	Commitments audit.Commitments

	// Openings go to the erasable table, in the entry's transaction. Each must
	// open one commitment of this entry.
	Openings []Opening
}

// An Opening is a value that inspectors may see, with the salt of its
// commitment.
type Opening struct {
	Field string // "input" for the decision's, else a key of Commitments
	Case  string // the entry's; may be left empty
	Salt  []byte // 32 bytes
	Value []byte
}

// maxOpening is the longest value in bytes: escaped, it still fits a line of an
// export.
const maxOpening = 128 << 10

// A prepared draft waits for its place: only the start of its leaf is missing.
type prepared struct {
	draft  Draft
	caseID pgtype.UUID
	rest   []byte // the leaf from `,"via":` on
}

// sample is p without what goes beside the entry.
func (p *prepared) sample() *prepared {
	s := *p
	s.draft.Openings = nil
	return &s
}

// prepare does in the caller's goroutine all that can be done before the head
// is locked, and refuses there what could only fail later.
func (d Draft) prepare(via audit.Via) (*prepared, error) {
	leaf, err := audit.Marshal(audit.Entry{
		V: audit.Version, At: time.Unix(0, 0).UTC(), Via: via, Actor: d.Actor, Action: d.Action,
		Case: d.Case, Subject: d.Subject, Ground: d.Ground, Decision: d.Decision,
		Details: d.Details, Commitments: d.Commitments,
	})
	if err != nil {
		return nil, err
	}
	if may, known := audit.MayRecord(via, d.Action); known && !may {
		return nil, fmt.Errorf("%s entry: not for %s to append", d.Action, via)
	}
	// Everything before is of fixed form and holds no other such text.
	i := bytes.Index(leaf, []byte(`,"via":"`))
	p := &prepared{draft: d, rest: leaf[i:]}
	if (d.Subject.Type == "") != (d.Subject.ID == "") {
		return nil, fmt.Errorf("%s entry: a subject has a type and an id", d.Action)
	}
	if d.Case != "" {
		id, err := uuid.Parse(d.Case)
		if err != nil {
			return nil, fmt.Errorf("%s entry: %w", d.Action, err)
		}
		p.caseID = pgtype.UUID{Bytes: id, Valid: true}
	}
	for _, o := range d.Openings {
		if err := d.opens(o); err != nil {
			return nil, fmt.Errorf("%s entry: opening of %q: %w", d.Action, o.Field, err)
		}
	}
	return p, nil
}

func (d Draft) opens(o Opening) error {
	committed := d.Commitments[o.Field]
	if o.Field == "input" {
		if d.Decision == nil {
			return errors.New("there is no decision")
		}
		committed = d.Decision.Input
	}
	switch {
	case o.Case != "" && o.Case != d.Case:
		return errors.New("another case's")
	case len(o.Value) > maxOpening || !utf8.Valid(o.Value):
		return fmt.Errorf("value is not UTF-8 of at most %d bytes", maxOpening)
	case len(o.Salt) != audit.SaltSize:
		return fmt.Errorf("salt of %d bytes", len(o.Salt))
	case !hmac.Equal([]byte(audit.Commit(o.Salt, o.Field, d.Case, o.Value)), []byte(committed)):
		return errors.New("does not match the commitment")
	}
	return nil
}
