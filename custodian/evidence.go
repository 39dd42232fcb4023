package custodian

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/policy"
)

// readEvidence lets a supervisor see what a request cites, and nothing else of
// the conversation: before they answer, and before they review a broken glass. A
// privacy officer who answers to a magistrate's order sees the order, so nothing is
// unwrapped for them: what is recorded is that they looked.
func (c *Custodian) readEvidence(ctx context.Context, o order.ReadEvidence) (order.Evidence, error) {
	who, err := c.authenticateStaff(ctx, o.Caller)
	if err != nil {
		return order.Evidence{}, err
	}
	if !audit.IsUUID(o.Escalation) {
		return order.Evidence{}, refuse(order.CodeEscalation)
	}
	var file *escalation.Case
	var esc *escalation.Escalation
	var ofOrder bool // the privacy officer's reading
	r, _, err := c.record(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (string, pglog.Ref, error) {
		actor, err := c.actorOf(ctx, turn.Tx, who)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		docket, about, err := c.openEscalation(ctx, turn, o.Escalation)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		file, esc = docket.Case, about
		decision, err := c.ask(ctx, turn.Tx, file.EvidenceInput(turn.At, actor, esc))
		switch {
		case err != nil:
			return "", pglog.Ref{}, err
		case !decision.Allow && slices.Contains(decision.Reasons, policy.ReasonRoleNotAllowed):
			// To those who never answer requests, there is none.
			return "", pglog.Ref{}, refuse(order.CodeEscalation)
		case !decision.Allow:
			return "", pglog.Ref{}, notAllowed(decision)
		}
		// The machine's own rules hold under any policy.
		if err := docket.Case.CheckReading(esc, actor, turn.At); err != nil {
			return "", pglog.Ref{}, err
		}
		entry := escalation.EvidenceReadEntry(esc)
		if ofOrder = actor.Role == policy.RolePrivacyOfficer; ofOrder {
			entry = escalation.RequisitionReadEntry(esc)
		}
		ref, err := docket.Append(entry, actor, &decision, nil)
		return esc.Case, ref, err
	})
	if err != nil {
		return order.Evidence{}, err
	}
	c.config.Reached(StepIntentDurable)
	answer := order.Evidence{Case: esc.Case, Request: esc.RequestHash.String(), Scope: order.ScopeMessages, Keys: []order.MessageKey{}}
	if ofOrder {
		answer.Scope = order.ScopeRequisition
		return answer, nil
	}
	cited, narrative, err := c.evidenceOf(ctx, file, esc)
	if err != nil {
		return order.Evidence{}, err
	}
	key, _, err := c.readKey(ctx, r, &file.Conversation, seal.Transcript)
	if err != nil {
		return order.Evidence{}, err
	}
	for _, m := range cited {
		fileKey, err := key.FileKey(m.header)
		if err != nil {
			return order.Evidence{}, fmt.Errorf("message %d: %w", m.position, err)
		}
		answer.Keys = append(answer.Keys, order.MessageKey{Position: m.position, Sum: m.sum[:], Key: fileKey})
	}
	if answer.Narrative, err = key.FileKey(narrative); err != nil {
		return order.Evidence{}, fmt.Errorf("the narrative: %w", err)
	}
	if err := c.evidenceBeside(ctx, key, file, esc, &answer); err != nil {
		return order.Evidence{}, err
	}
	c.config.Reached(StepUnwrapped)
	return answer, nil
}

// evidenceBeside unwraps what else a supervisor goes by: the words in which the
// minor agreed, without which there is nothing to approve, and the note of the
// psychologist's latest opinion, when there is one.
func (c *Custodian) evidenceBeside(ctx context.Context, key *seal.Key, file *escalation.Case, esc *escalation.Escalation, answer *order.Evidence) error {
	if esc.Ground == escalation.GroundConsent {
		given := file.Consent(esc.Consent)
		if given == nil {
			return fmt.Errorf("%w: the consent of the request is missing", errAltered)
		}
		words, err := c.keyBeside(ctx, key, consentWords, given.ID, file.Case, given.Words)
		if err != nil {
			return err
		}
		answer.Words = &words
	}
	if said := latestNote(&file.Conversation); said != nil {
		note, err := c.keyBeside(ctx, key, opinionNote, said.ID, file.Case, said.Note)
		switch {
		case err == nil:
			answer.Note = &note
		case errors.Is(err, errAltered):
			c.logger.WarnContext(ctx, "a psychologist's note was altered, or sealed to another key", "cause", err)
			answer.Altered = append(answer.Altered, said.ID)
		default:
			return err
		}
	}
	return nil
}

// openEscalation finds an escalation by its entries alone: a row in PostgreSQL that
// has none is none.
func (c *Custodian) openEscalation(ctx context.Context, turn *pglog.Turn, id string) (*pgstore.Docket, *escalation.Escalation, error) {
	caseID, err := caseOf(ctx, turn.Tx, id)
	var none *order.Refusal
	if errors.As(err, &none) {
		// As many questions as for what exists and is another's, which is answered
		// alike: a stranger could time the difference.
		if _, err := c.held(ctx, turn.Tx, uuid.Nil.String()); err != nil {
			return nil, nil, err
		}
	}
	if err != nil {
		return nil, nil, err
	}
	docket, err := c.openDocket(ctx, turn, caseID)
	if err != nil {
		return nil, nil, err
	}
	esc, ok := docket.Case.Escalation(id)
	if !ok {
		return nil, nil, refuse(order.CodeEscalation)
	}
	return docket, esc, nil
}

// evidenceOf loads the cited messages, once the whole conversation was
// verified up to the head that the request recorded, and the header of the
// narrative, which the request holds the hash of.
func (c *Custodian) evidenceOf(ctx context.Context, file *escalation.Case, esc *escalation.Escalation) (cited []sealedMessage, narrative []byte, err error) {
	messages, err := messagesFrom(ctx, c.pool, esc.Case, 0, int(esc.Messages))
	if err != nil {
		return nil, nil, err
	}
	sums := make([][32]byte, len(messages))
	for i, m := range messages {
		sums[i] = m.sum
	}
	heads := slices.DeleteFunc(conversation.Binding(file.Heads), func(h conversation.Head) bool { return int64(h.Messages) > esc.Messages })
	link, err := conversation.CheckChain(esc.Case, sums, heads)
	if err != nil {
		return nil, nil, err
	}
	if int64(len(messages)) != esc.Messages || conversation.FormatHead(link) != esc.Head {
		return nil, nil, fmt.Errorf("%w: the messages are not those of the request", errAltered)
	}
	for _, position := range esc.Evidence {
		if position >= int64(len(messages)) {
			return nil, nil, fmt.Errorf("%w: message %d is missing", errAltered, position)
		}
		cited = append(cited, messages[position])
	}
	var ciphertext []byte
	err = c.pool.QueryRow(ctx, `SELECT ciphertext FROM sceau.narratives WHERE escalation_id = $1`, esc.ID).Scan(&ciphertext)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil, fmt.Errorf("%w: the narrative is missing", errAltered)
	case err != nil:
		return nil, nil, fmt.Errorf("%w: reading the narrative: %w", errDatabase, err)
	}
	if narrative, err = seal.Header(ciphertext); err != nil {
		return nil, nil, err
	}
	if seal.HeaderSum(narrative) != esc.Narrative {
		return nil, nil, fmt.Errorf("%w: the narrative is not the one of the request", errAltered)
	}
	return cited, narrative, nil
}
