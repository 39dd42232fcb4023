package pgstore

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

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
	Case      string
	Ground    string
	Danger    policy.Assessment
	Facets    []string
	Evidence  []Citation
	Narrative string // in the agent's own words; sealed, never in the log
}

// A narrative is what is sealed: the text, and the salt that opens the leaf's
// commitment to it.
type narrative struct {
	Salt []byte `json:"salt"`
	Text string `json:"text"`
}

// ReadNarrative parses what was sealed as [seal.Narrative].
func ReadNarrative(plaintext []byte) (text string, err error) {
	var n narrative
	if err := json.Unmarshal(plaintext, &n); err != nil {
		return "", errors.New("the narrative is not in the form it was sealed in")
	}
	return n.Text, nil
}

// Request asks for a lift. A request that policy refuses is recorded and
// answered with its reasons; one for a conversation in which the actor never
// took part is [ErrNotFound].
func (s *Store) Request(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, ask Ask) (Receipt, error) {
	to, err := s.recipients.Of(ctx, ask.Case)
	if errors.Is(err, conversation.ErrNotFound) {
		return Receipt{}, ErrNotFound
	}
	if err != nil {
		return Receipt{}, err
	}
	slices.SortFunc(ask.Evidence, func(a, b Citation) int { return int(a.Position - b.Position) })

	// Sealed before the head is locked: encryption is not the log's time to spend.
	id := uuid.NewString()
	told := narrative{Salt: pglog.NewSalt(), Text: ask.Narrative}
	plaintext, err := json.Marshal(told)
	if err != nil {
		return Receipt{}, err
	}
	sealed, err := seal.Seal(to.Transcript, seal.Narrative(ask.Case, id), plaintext)
	if err != nil {
		return Receipt{}, fmt.Errorf("seal the narrative: %w", err)
	}
	header, err := seal.Header(sealed)
	if err != nil {
		return Receipt{}, err
	}
	commitment := audit.Commit(told.Salt, "narrative", ask.Case, []byte(told.Text))

	answer, err := s.log.Do(ctx, idem, func(ctx context.Context, t *pglog.Turn) (any, error) {
		docket, err := OpenDocket(ctx, t, audit.ViaStaff, ask.Case)
		if err != nil {
			return nil, err
		}
		c := docket.Case
		if !c.TookPart(actor.Person) {
			return nil, ErrNotFound
		}
		messages, head, err := cite(ctx, t.Tx, ask)
		if err != nil {
			return nil, err
		}
		positions := make([]int64, len(ask.Evidence))
		for i, e := range ask.Evidence {
			positions[i] = e.Position
		}
		decided, err := decide(ctx, s.policy, t.Tx, c.RequestInput(t.At, actor, escalation.Wish{
			Ground: ask.Ground, Danger: ask.Danger, Facets: ask.Facets, Evidence: positions, Messages: messages,
		}))
		if err != nil {
			return nil, err
		}

		if !decided.Allow {
			if _, err := docket.Append(escalation.RefusedEntry(id, ask.Case, ask.Ground, ask.Facets, decided.Reasons), actor, &decided, nil); err != nil {
				return nil, err
			}
			e, _ := c.Escalation(id)
			r := receipt(e)
			r.Reasons = decided.Reasons
			return r, insert(ctx, t.Tx, e)
		}

		if err := c.CheckRequest(actor, t.At); err != nil {
			return nil, err
		}
		entry := escalation.RequestedEntry(escalation.Request{
			ID: id, Case: ask.Case, Ground: ask.Ground, Facets: ask.Facets, Evidence: positions,
			Head: head, Messages: messages, Narrative: seal.HeaderSum(header), Obligations: decided.Obligations,
		}, t.At)
		if _, err := docket.Append(entry, actor, &decided, audit.Commitments{"narrative": commitment}); err != nil {
			return nil, err
		}
		if _, err := t.Tx.Exec(ctx, `INSERT INTO sceau.narratives (escalation_id, case_id, ciphertext) VALUES ($1, $2, $3)`,
			id, ask.Case, sealed); err != nil {
			return nil, fmt.Errorf("keep the narrative: %w", err)
		}
		e, _ := c.Escalation(id)
		return receipt(e), insert(ctx, t.Tx, e)
	})
	if err != nil {
		return Receipt{}, err
	}
	var r Receipt
	return r, answer.Decode(&r)
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
	r := receipt(e)
	_, err := tx.Exec(ctx, `
		INSERT INTO sceau.escalations (escalation_id, case_id, requester_id, requester_person, ground, state, requested_at, deadline, last_seq)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		e.ID, e.Case, e.Requester.ID, e.Requester.Person, e.Ground, string(e.State), e.RequestedAt, r.Deadline, e.LastSeq)
	if err != nil {
		return fmt.Errorf("keep the escalation: %w", err)
	}
	return nil
}
