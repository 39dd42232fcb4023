package web

import (
	"context"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/custodian/order"
)

// What those who answer a conversation read beside its messages: the consents that the
// minor gave in their own words, and what a psychologist thinks.

type agreedOutput struct {
	Body struct {
		Consents []agreed `json:"consents" doc:"In the order in which they were given"`
	}
}

func (s *staff) consents(ctx context.Context, in *ConversationPath) (*agreedOutput, error) {
	if _, err := s.viewOf(ctx, in.ID); err != nil {
		return nil, err
	}
	sealed, err := s.conversations.Consents(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &agreedOutput{}
	out.Body.Consents, err = agreedOf(ctx, s.readings, callerOf(ctx), in.ID, sealed)
	return out, err
}

type opinionInput struct {
	ConversationPath
	Body struct {
		Opinion string `json:"opinion" pattern:"^[a-z_]{1,32}$" doc:"danger or no_danger"`
		Note    string `json:"note" doc:"Why, in one's own words; sealed"`
	}
}

func (s *staff) recordOpinion(ctx context.Context, in *opinionInput) (*recordedOutput, error) {
	if !audit.IsUUID(in.ID) {
		return nil, conversation.ErrNotFound
	}
	recorded, err := s.conversations.RecordOpinion(ctx, callerOf(ctx).actor, in.ID, actOf(ctx).key, in.Body.Opinion, in.Body.Note)
	if err != nil {
		return nil, err
	}
	out := &recordedOutput{}
	out.Body.ID, out.Body.At = recorded.ID, recorded.At
	return out, nil
}

type opinion struct {
	ID      string    `json:"id"`
	Opinion string    `json:"opinion" enum:"danger,no_danger"`
	By      string    `json:"by" doc:"Random id of the psychologist"`
	At      time.Time `json:"at"`
	Note    string    `json:"note"`
}

type opinionsOutput struct {
	Body struct {
		Opinions []opinion `json:"opinions" doc:"The latest is the one that counts"`
	}
}

func (s *staff) opinions(ctx context.Context, in *ConversationPath) (*opinionsOutput, error) {
	if _, err := s.viewOf(ctx, in.ID); err != nil {
		return nil, err
	}
	sealed, err := s.conversations.Opinions(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &opinionsOutput{}
	out.Body.Opinions = []opinion{}
	if len(sealed) == 0 {
		return out, nil
	}
	ids := make([]string, len(sealed))
	for i, o := range sealed {
		ids[i] = o.ID
	}
	keys, err := s.readings.unwrap(ctx, callerOf(ctx), in.ID, order.Unwrap{Opinions: ids})
	if err != nil {
		return nil, err
	}
	if len(keys.Altered) > 0 {
		return nil, refuse("content.altered")
	}
	byID := keyring(keys.Notes)
	for _, o := range sealed {
		note, err := o.Open(in.ID, byID[o.ID])
		if err != nil {
			return nil, err
		}
		out.Body.Opinions = append(out.Body.Opinions, opinion{ID: o.ID, Opinion: o.Opinion, By: o.By, At: o.At, Note: note})
	}
	return out, nil
}

// keyring finds file keys by the id of what they open.
func keyring(keys []order.SealedKey) map[string]order.Key {
	byID := make(map[string]order.Key, len(keys))
	for _, k := range keys {
		byID[k.ID] = k.Key
	}
	return byID
}

// agreedOf opens the words of consents within the caller's reading of the case.
func agreedOf(ctx context.Context, readings *readings, c caller, caseID string, sealed []conversation.SealedConsent) ([]agreed, error) {
	all := make([]agreed, len(sealed))
	if len(sealed) == 0 {
		return all, nil
	}
	ids := make([]string, len(sealed))
	for i, s := range sealed {
		ids[i] = s.ID
	}
	keys, err := readings.unwrap(ctx, c, caseID, order.Unwrap{Consents: ids})
	if err != nil {
		return nil, err
	}
	if len(keys.Altered) > 0 {
		return nil, refuse("content.altered")
	}
	byID := keyring(keys.Words)
	for i, shown := range consentsOf(sealed) {
		words, err := sealed[i].Open(caseID, byID[shown.ID])
		if err != nil {
			return nil, err
		}
		all[i] = agreed{consent: shown, Words: words}
	}
	return all, nil
}
