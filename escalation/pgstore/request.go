package pgstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
)

// A Citation names one message that supports a request: its position, and the
// SHA-256 of the ciphertext that the agent had before their eyes.
type Citation struct {
	Position int64
	Sum      [sha256.Size]byte
}

// An Ask is what an agent asks for.
type Ask struct {
	Case        string
	Ground      string
	Danger      policy.Assessment // the psychologist's opinion in it is not looked at: the log has it
	Facets      []string
	Evidence    []Citation
	Narrative   string      // in the agent's own words; sealed, never in the log
	Consent     string      // id, on ground consent
	Requisition Requisition // on ground judicial_requisition
}

// A Requisition is a magistrate's written order, as the agent reports it.
type Requisition struct {
	Authority  string
	Reference  string // the order's own; committed to, and laid open beside the log
	ListedCase string // where the connection is asked
	Facets     []string
}

// referenceAtMost bounds the reference of an order, in characters: it names an order,
// and has no room for a story.
const referenceAtMost = 64

// check refuses a reference that is no reference. A missing one is policy's to refuse.
func (r Requisition) check() error {
	if utf8.RuneCountInString(r.Reference) > referenceAtMost || !utf8.ValidString(r.Reference) ||
		strings.ContainsFunc(r.Reference, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return &escalation.Refusal{Code: policy.ReasonRequisitionIncomplete, Detail: "the reference is no line of 64 printable characters"}
	}
	return nil
}

// ReadNarrative parses what was sealed as [seal.Narrative].
func ReadNarrative(plaintext []byte) (text string, err error) {
	var n seal.Text
	if err := json.Unmarshal(plaintext, &n); err != nil {
		return "", errors.New("the narrative is not in the form it was sealed in")
	}
	return n.Text, nil
}

// A sealedAsk is an ask whose free text is sealed and committed to.
type sealedAsk struct {
	Ask
	id         string
	positions  []int64
	ciphertext []byte // the narrative's
	header     string // sum
	committed  audit.Commitments
	openings   []pglog.Opening
}

// Request asks for a lift. A request that policy refuses is recorded and
// answered with its reasons; one for a conversation in which the actor never
// took part is [ErrNotFound].
func (s *Store) Request(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, ask Ask) (Receipt, error) {
	if err := ask.Requisition.check(); err != nil {
		return Receipt{}, err
	}
	// Asked first, and again in its turn: a stranger is refused after the same question
	// whether there is such a conversation or not.
	var took bool
	if err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sceau.participants WHERE case_id = $1 AND person_id = $2)`,
		ask.Case, actor.Person).Scan(&took); err != nil {
		return Receipt{}, fmt.Errorf("look who took part in the conversation: %w", err)
	}
	if !took {
		return Receipt{}, ErrNotFound
	}
	// Before the head is locked: encryption is not the log's time to spend.
	sealed, err := s.seal(ctx, ask)
	if err != nil {
		return Receipt{}, err
	}
	answer, err := s.log.Do(ctx, idem, func(ctx context.Context, t *pglog.Turn) (any, error) {
		return s.request(ctx, t, actor, sealed)
	})
	if err != nil {
		return Receipt{}, err
	}
	var r Receipt
	return r, answer.Decode(&r)
}

// seal seals the narrative to the case, and commits to it and to an order's reference.
func (s *Store) seal(ctx context.Context, ask Ask) (sealedAsk, error) {
	to, err := s.recipients.Of(ctx, ask.Case)
	if errors.Is(err, conversation.ErrNotFound) {
		return sealedAsk{}, ErrNotFound
	}
	if err != nil {
		return sealedAsk{}, err
	}
	slices.SortFunc(ask.Evidence, func(a, b Citation) int { return cmp.Compare(a.Position, b.Position) })
	a := sealedAsk{Ask: ask, id: uuid.NewString(), positions: make([]int64, len(ask.Evidence))}
	for i, e := range ask.Evidence {
		a.positions[i] = e.Position
	}
	told := seal.NewText(ask.Narrative)
	if a.ciphertext, a.header, err = told.Seal(to.Transcript, seal.Narrative(ask.Case, a.id)); err != nil {
		return sealedAsk{}, err
	}
	a.committed = audit.Commitments{"narrative": audit.Commit(told.Salt, "narrative", ask.Case, []byte(told.Text))}
	if r := ask.Requisition.Reference; ask.Ground == escalation.GroundJudicialRequisition && r != "" {
		salt := pglog.NewSalt()
		a.committed["reference"] = audit.Commit(salt, "reference", ask.Case, []byte(r))
		a.openings = []pglog.Opening{{Field: "reference", Case: ask.Case, Salt: salt, Value: []byte(r)}}
	}
	return a, nil
}

// wish is what policy is told of the ask: of what belongs to another ground, nothing.
func (a sealedAsk) wish(messages int64, duty []policy.OnDuty) escalation.Wish {
	w := escalation.Wish{
		Ground: a.Ground, Danger: a.Danger, Facets: a.Facets, Evidence: a.positions, Messages: messages, OnDuty: duty,
	}
	switch a.Ground {
	case escalation.GroundConsent:
		w.Consent = a.Consent
	case escalation.GroundJudicialRequisition:
		w.Requisition = policy.Requisition{
			Authority: a.Requisition.Authority, ListedCase: a.Requisition.ListedCase,
			ReferenceGiven: a.Requisition.Reference != "", Facets: a.Requisition.Facets,
		}
	}
	return w
}

// request is the turn of a request, under the head lock.
func (s *Store) request(ctx context.Context, t *pglog.Turn, actor audit.Actor, ask sealedAsk) (Receipt, error) {
	docket, err := OpenDocket(ctx, t, audit.ViaStaff, ask.Case)
	if err != nil {
		return Receipt{}, err
	}
	if !docket.Case.TookPart(actor.Person) {
		return Receipt{}, ErrNotFound
	}
	messages, head, err := cite(ctx, t.Tx, ask.Ask)
	if err != nil {
		return Receipt{}, err
	}
	rules, err := s.policy.In(ctx, t.Tx)
	if err != nil {
		return Receipt{}, err
	}
	duty, err := onDuty(ctx, t.Tx, docket.Case, actor.Person, rules.OnDutySeen(), t.At)
	if err != nil {
		return Receipt{}, err
	}
	wish := ask.wish(messages, duty)
	decided, err := rules.Decide(ctx, docket.Case.RequestInput(t.At, actor, wish))
	if err != nil {
		return Receipt{}, err
	}
	if !decided.Allow {
		return refused(ctx, t, docket, actor, ask, decided)
	}
	if err := docket.Case.CheckRequest(actor, t.At); err != nil {
		return Receipt{}, err
	}
	entry := escalation.RequestedEntry(escalation.Request{
		ID: ask.id, Case: ask.Case, Ground: ask.Ground, Facets: ask.Facets, Evidence: ask.positions,
		Head: head, Messages: messages, Narrative: ask.header, Obligations: decided.Obligations,
		Basis: escalation.Basis{
			Consent: wish.Consent, Authority: wish.Requisition.Authority, ListedCase: wish.Requisition.ListedCase,
		},
	}, t.At)
	if _, err := docket.appendOpened(entry, actor, &decided, ask.committed, ask.openings); err != nil {
		return Receipt{}, err
	}
	if _, err := t.Tx.Exec(ctx, `INSERT INTO sceau.narratives (escalation_id, case_id, ciphertext) VALUES ($1, $2, $3)`,
		ask.id, ask.Case, ask.ciphertext); err != nil {
		return Receipt{}, fmt.Errorf("keep the narrative: %w", err)
	}
	e, _ := docket.Case.Escalation(ask.id)
	if err := insert(ctx, t.Tx, e); err != nil {
		return Receipt{}, err
	}
	return receipt(e), call(ctx, s.notices, t.Tx, callForAnswers(e, decided.Obligations)...)
}

// refused records what policy refused.
func refused(ctx context.Context, t *pglog.Turn, docket *Docket, actor audit.Actor, ask sealedAsk, decided policy.Decision) (Receipt, error) {
	entry := escalation.RefusedEntry(ask.id, ask.Case, ask.Ground, ask.Facets, decided.Reasons)
	if _, err := docket.Append(entry, actor, &decided, nil); err != nil {
		return Receipt{}, err
	}
	e, _ := docket.Case.Escalation(ask.id)
	r := receipt(e)
	r.Reasons = decided.Reasons
	return r, insert(ctx, t.Tx, e)
}

// cite returns the conversation's length and head, and checks that each cited
// position holds the ciphertext that the agent saw.
func cite(ctx context.Context, tx pgx.Tx, ask Ask) (messages int64, head string, err error) {
	count, link, err := conversationstore.LastHead(ctx, tx, ask.Case)
	if err != nil {
		return 0, "", err
	}
	positions := make([]int64, len(ask.Evidence))
	for i, c := range ask.Evidence {
		positions[i] = c.Position
	}
	rows, err := tx.Query(ctx, `SELECT position::bigint, sha256(ciphertext) FROM sceau.messages WHERE case_id = $1 AND position = ANY($2)`, ask.Case, positions)
	if err != nil {
		return 0, "", fmt.Errorf("read the cited messages: %w", err)
	}
	sums := map[int64][]byte{}
	var position int64
	var sum []byte
	if _, err := pgx.ForEachRow(rows, []any{&position, &sum}, func() error {
		sums[position] = slices.Clone(sum)
		return nil
	}); err != nil {
		return 0, "", fmt.Errorf("read the cited messages: %w", err)
	}
	for _, c := range ask.Evidence {
		// Position 0 is the postal code: it is no message that anyone wrote.
		if c.Position < 1 || !slices.Equal(sums[c.Position], c.Sum[:]) {
			return 0, "", &escalation.Refusal{Code: policy.ReasonEvidenceUnknown, Detail: fmt.Sprintf("message %d is not what was cited", c.Position)}
		}
	}
	return int64(count), conversation.FormatHead(link), nil
}

func insert(ctx context.Context, tx pgx.Tx, e *escalation.Escalation) error {
	r := rowOf(e)
	var consent *string
	if e.Consent != "" {
		consent = &e.Consent
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO sceau.escalations (escalation_id, case_id, requester_id, requester_person, ground, state, requested_at,
			deadline, consent_id, widen_at, break_glass_from, opens_until, awaits, last_seq)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		e.ID, e.Case, e.Requester.ID, e.Requester.Person, e.Ground, string(e.State), e.RequestedAt,
		r.deadline, consent, r.widenAt, orNil(e.BreakGlassFrom), r.opensUntil, e.AwaitedRoles(), e.LastSeq)
	if err != nil {
		return fmt.Errorf("keep the escalation: %w", err)
	}
	return nil
}
