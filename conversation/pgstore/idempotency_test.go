package pgstore_test

import (
	"testing"

	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/conversation/pgstore"
)

func TestOpeningAgainIsTheSameConversation(t *testing.T) {
	w := newWorld(t)
	w.ready(2)
	ctx := t.Context()
	key := clientKey()
	opening := pgstore.Opening{PostalCode: "59000", Topic: conversation.TopicOther, From: somewhere}
	first, err := w.public.Open(ctx, key, opening)
	w.ok(err)
	elsewhere := opening
	elsewhere.From.Port++ // the answer was lost with the connection
	again, err := w.public.Open(ctx, key, elsewhere)
	w.ok(err)
	if again != first {
		t.Errorf("opened %+v, then %+v", first, again)
	}
	other := opening
	other.PostalCode = "75011"
	_, err = w.public.Open(ctx, key, other)
	w.refused("the key with another postal code", err, pglog.ErrIdempotencyMismatch)

	// What the repeats reserved is ready again at once.
	fresh, err := w.public.Open(ctx, clientKey(), opening)
	w.ok(err)
	if fresh.Case == first.Case || fresh.Token == first.Token {
		t.Error("another key opens the same conversation")
	}
	if n := len(w.fold(first.Case).Sealed); n != 1 {
		t.Errorf("%d connections were sealed for one opening", n)
	}
}

func TestWritingAgainIsTheSameMessage(t *testing.T) {
	w := newWorld(t)
	w.hire(amal)
	o, other := w.open(), w.open()
	ctx := t.Context()
	w.ok(w.staff.Join(ctx, amal, o.Case, clientKey()))
	key := clientKey()
	first, err := w.public.WriteAsMinor(ctx, o.Case, key, "oui")
	w.ok(err)
	_, err = w.staff.WriteAsStaff(ctx, amal, o.Case, clientKey(), "D'accord.")
	w.ok(err)
	again, err := w.public.WriteAsMinor(ctx, o.Case, key, "oui")
	w.ok(err)
	if again.Position != first.Position || !again.At.Equal(first.At) || !again.Replayed || first.Replayed {
		t.Errorf("written as %+v, then %+v", first, again)
	}
	_, err = w.public.WriteAsMinor(ctx, o.Case, key, "non")
	w.refused("the key with another text", err, pglog.ErrIdempotencyMismatch)

	// The same key is another's where the author or the conversation is another.
	staffs, err := w.staff.WriteAsStaff(ctx, amal, o.Case, key, "non")
	w.ok(err)
	elsewhere, err := w.public.WriteAsMinor(ctx, other.Case, key, "non")
	w.ok(err)
	if staffs.Replayed || elsewhere.Replayed {
		t.Error("keys of different actors meet")
	}
	// A repeat is answered even when the conversation was closed meanwhile.
	w.ok(w.public.CloseAsMinor(ctx, o.Case, clientKey()))
	again, err = w.public.WriteAsMinor(ctx, o.Case, key, "oui")
	w.ok(err)
	if !again.Replayed {
		t.Error("a repeat after closing is a new message")
	}
	if got := w.texts(o.Case); len(got) != 4 {
		t.Errorf("transcript %q", got)
	}
}

// What PostgreSQL keeps of "oui" must not confirm a guess: two children who say it
// leave nothing equal, and nothing that is a hash of it.
func TestRowsDoNotConfirmAGuess(t *testing.T) {
	w := newWorld(t)
	a, b := w.open(), w.open()
	for _, id := range []string{a.Case, b.Case} {
		_, err := w.public.WriteAsMinor(t.Context(), id, "the-same-weak-key-of-a-bad-client", "oui")
		w.ok(err)
	}
	var equal int
	w.ok(w.Super.QueryRow(t.Context(), `SELECT count(*) FROM sceau.messages m JOIN sceau.messages n ON m.case_id < n.case_id
		WHERE m.client_key = n.client_key OR m.body_mac = n.body_mac OR m.chain = n.chain OR m.ciphertext = n.ciphertext`).Scan(&equal))
	if equal != 0 {
		t.Error("two conversations with the same words have equal columns")
	}
	w.ok(w.Super.QueryRow(t.Context(), `SELECT count(*) FROM sceau.messages
		WHERE sha256('oui') IN (client_key, body_mac, chain)`).Scan(&equal))
	if equal != 0 {
		t.Error("a plain hash of the text is kept")
	}
}

func TestStaffActsOnce(t *testing.T) {
	w := newWorld(t)
	w.hire(amal, bruno)
	o := w.open()
	ctx := t.Context()
	join, hand := clientKey(), clientKey()
	for range 2 {
		w.ok(w.staff.Join(ctx, amal, o.Case, join))
	}
	for range 2 {
		w.ok(w.staff.HandOver(ctx, amal, o.Case, bruno.ID, hand))
	}
	w.refused("the key for another act", w.staff.Leave(ctx, amal, o.Case, join), pglog.ErrIdempotencyMismatch)
	name := clientKey()
	for range 2 {
		w.ok(w.public.Entrust(ctx, o.Case, name, conversation.FacetName, "Camille"))
	}
	c := w.fold(o.Case)
	if len(c.Participants) != 2 || c.Count(conversation.FacetName) != 1 {
		t.Errorf("repeats were done twice: %+v", c)
	}
}
