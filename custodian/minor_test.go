package custodian_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/pgtest"
)

func (w *world) phrase(k talk) order.Secret {
	w.t.Helper()
	got, err := w.client.Phrase(context.Background(), order.NewPhrase{Caller: k.caller()})
	w.must(err)
	return got.Phrase
}

func TestAMinorComesBackWithAPhrase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	k := w.open("Je reviendrai")
	words := w.phrase(k)
	if n := len(strings.Fields(string(words))); n != 8 {
		t.Fatalf("a phrase of %d words", n)
	}
	shouted := order.Secret("  " + strings.ToUpper(strings.ReplaceAll(string(words), " ", " - ")) + "\n")
	later := k
	for _, typed := range []order.Secret{words, shouted} {
		back, err := w.client.Return(ctx, order.Return{Phrase: typed})
		w.must(err)
		if back.Case != k.id || string(back.Token) == k.token {
			t.Fatalf("came back to %s", back.Case)
		}
		later = talk{id: back.Case, token: string(back.Token)}
		texts, _, err := w.read(later.caller(), k)
		w.must(err)
		if strings.Join(texts, "|") != "35000|Je reviendrai" {
			t.Errorf("read %q", texts)
		}
	}
	// A new phrase replaces the old.
	again := w.phrase(later)
	_, err := w.client.Return(ctx, order.Return{Phrase: words})
	w.refused("the old phrase", err, order.CodePhrase)
	_, err = w.client.Return(ctx, order.Return{Phrase: again})
	w.must(err)

	// The database holds neither phrase nor token.
	var all string
	w.must(w.Super.QueryRow(ctx, `SELECT string_agg(p::text, '') || (SELECT string_agg(t::text, '') FROM sceau.tokens t) FROM sceau.phrases p`).Scan(&all))
	for _, word := range strings.Fields(string(words) + " " + string(again)) {
		if strings.Contains(all, word) {
			t.Errorf("the database holds %q", word)
		}
	}
}

// Somebody copied the token that a child's browser held, or the one of a return, and
// reads on: until the child comes back with the phrase, or leaves.
func TestAnEndedTokenOrdersNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	k, other := w.open("Bonjour"), w.open("Moi aussi")
	words := w.phrase(k)
	copied := k
	nothing := func(how string, session order.Session) {
		t.Helper()
		_, err := w.unwrap(copied.caller(), copied, session.Session, 0, 1)
		w.refused(how+": the session under way", err, order.CodeTokenInvalid)
		_, err = w.client.OpenSession(ctx, order.OpenSession{Caller: copied.caller()})
		w.refused(how+": another session", err, order.CodeTokenInvalid)
		_, err = w.client.Phrase(ctx, order.NewPhrase{Caller: copied.caller()})
		w.refused(how+": a phrase", err, order.CodeTokenInvalid)
		_, err = w.client.Receipt(ctx, order.AskReceipt{Caller: copied.caller()})
		w.refused(how+": a receipt", err, order.CodeTokenInvalid)
	}
	for _, how := range []string{"the first token after a return", "a minted token after another return"} {
		_, session, err := w.read(copied.caller(), k)
		w.must(err)
		back, err := w.client.Return(ctx, order.Return{Phrase: words})
		w.must(err)
		nothing(how, session)
		copied.token = string(back.Token)
	}
	_, session, err := w.read(copied.caller(), k)
	w.must(err)
	w.must(w.public.EndToken(ctx, copied.token))
	nothing("left", session)

	// The phrase opens it again, and nobody else's token was touched.
	back, err := w.client.Return(ctx, order.Return{Phrase: words})
	w.must(err)
	_, _, err = w.read(order.Caller{MinorToken: back.Token}, k)
	w.must(err)
	_, _, err = w.read(other.caller(), other)
	w.must(err)
}

func TestWrongPhrasesAnswerAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	k := w.open("Bonjour")
	words := strings.Fields(string(w.phrase(k)))
	words[0], words[1] = words[1], words[0]
	for _, typed := range []string{
		"", "abandon", strings.Join(words, " "), strings.Repeat("abandon ", 8), strings.Repeat("zzzzz ", 8), strings.Repeat("x", 5000),
	} {
		_, err := w.client.Return(ctx, order.Return{Phrase: order.Secret(typed)})
		w.refused("a wrong phrase", err, order.CodePhrase)
	}
	staff := w.hire("amal", "P-A", "agent")
	for _, c := range []order.Caller{{}, staff.caller(), {MinorToken: "guess"}} {
		_, err := w.client.Phrase(ctx, order.NewPhrase{Caller: c})
		w.refused("a phrase for somebody else", err, order.CodeTokenInvalid)
	}
	// Erased is gone, and not told from what never was.
	phrase := w.phrase(k)
	_, err := w.config.Log.Append(ctx, destroyed(k))
	w.must(err)
	_, err = w.client.Return(ctx, order.Return{Phrase: phrase})
	w.refused("an erased conversation", err, order.CodePhrase)
	_, err = w.client.OpenSession(ctx, order.OpenSession{Caller: k.caller()})
	w.refused("reading it", err, order.CodeDestroyed)
}

func TestGuessingIsSlow(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.New(t), func(c *custodian.Config) { c.PhraseRate, c.PhraseBurst = 0.001, 2 })
	ctx := context.Background()
	for range 2 {
		_, err := w.client.Return(ctx, order.Return{Phrase: "abandon"})
		w.refused("a guess", err, order.CodePhrase)
	}
	_, err := w.client.Return(ctx, order.Return{Phrase: "abandon"})
	w.refused("one guess too many", err, order.CodeRate)
}

// A conversation that asks for phrases without end uses up nobody else's.
func TestPhrasesAreIssuedOncePerMinute(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.New(t), func(c *custodian.Config) {
		c.PhraseRate, c.PhraseBurst, c.PhraseEvery = 0.001, 2, time.Hour
	})
	ctx := context.Background()
	hostile, other := w.open("x"), w.open("Bonjour")
	words := w.phrase(hostile)
	for range 5 {
		_, err := w.client.Phrase(ctx, order.NewPhrase{Caller: hostile.caller()})
		w.refused("another so soon", err, order.CodeRate)
	}
	w.phrase(other)
	// The bucket of phrases to issue is empty, that of returning is full.
	third := w.open("Moi aussi")
	_, err := w.client.Phrase(ctx, order.NewPhrase{Caller: third.caller()})
	w.refused("one too many for all", err, order.CodeRate)
	for range 2 {
		back, err := w.client.Return(ctx, order.Return{Phrase: words})
		w.must(err)
		hostile.token = string(back.Token)
	}
	w.exec(`UPDATE sceau.phrases SET issued_at = issued_at - interval '1 hour'`)
	w.restart() // with full buckets
	w.phrase(hostile)
}

// Somebody who saw a token can replace the child's phrase, and come back: both
// are in the log.
func TestPhrasesLeaveATrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	k := w.open("Bonjour")
	w.phrase(k)
	words := w.phrase(k)
	_, err := w.client.Return(ctx, order.Return{Phrase: "abandon"})
	w.refused("a guess", err, order.CodePhrase)
	_, err = w.client.Return(ctx, order.Return{Phrase: words})
	w.must(err)
	if got := w.actions(k, audit.ActionPhraseIssued); got != "phrase.issued phrase.issued phrase.returned" {
		t.Errorf("the log says %s", got)
	}
	records, err := pglog.ByCase(ctx, w.Super, k.id, 0)
	w.must(err)
	for _, r := range records {
		if r.Action != audit.ActionPhraseIssued && r.Action != audit.ActionPhraseReturned {
			continue
		}
		if r.Via != audit.ViaCustodian || r.Actor != (audit.Actor{ID: "minor", Role: "minor"}) || len(r.Details) != 0 {
			t.Errorf("%s", r.Leaf)
		}
	}
	// A guess made none.
	var tokens int
	w.must(w.Super.QueryRow(ctx, `SELECT count(*) FROM sceau.tokens`).Scan(&tokens))
	if tokens != 1 {
		t.Errorf("%d tokens", tokens)
	}
}

// What somebody with the whole database, and a conversation of their own, does
// to read another's.
func TestRowsDoNotMakeAMinor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	victim, mine := w.open("Secret"), w.open("Moi")
	phrase := w.phrase(mine)
	reading := func(c order.Caller) error {
		_, err := w.client.OpenSession(ctx, order.OpenSession{Caller: c, Case: victim.id})
		return err
	}
	token, hash, err := conversation.NewToken(rand.Reader)
	w.must(err)
	forged := order.Caller{MinorToken: order.Secret(token)}

	w.exec(`INSERT INTO sceau.tokens VALUES ($1, $2, now())`, hash[:], victim.id)
	w.refused("a token minted by hand", reading(forged), order.CodeAltered)
	_, err = w.client.Phrase(ctx, order.NewPhrase{Caller: forged})
	w.refused("a phrase for it", err, order.CodeAltered)
	w.exec(`DELETE FROM sceau.tokens`)

	w.exec(`UPDATE sceau.conversations SET token_sha256 = $1 WHERE case_id = $2`, hash[:], victim.id)
	w.refused("another token in the conversation's row", reading(forged), order.CodeAltered)
	_, err = w.client.Phrase(ctx, order.NewPhrase{Caller: forged})
	w.refused("a phrase for it", err, order.CodeAltered)
	own, ok := conversation.HashToken(victim.token)
	if !ok {
		t.Fatal("the token has no hash")
	}
	w.exec(`UPDATE sceau.conversations SET token_sha256 = $1 WHERE case_id = $2`, own[:], victim.id)

	back, err := w.client.Return(ctx, order.Return{Phrase: phrase})
	w.must(err)
	w.exec(`UPDATE sceau.tokens SET case_id = $1`, victim.id)
	w.refused("a minted token moved to another case", reading(order.Caller{MinorToken: back.Token}), order.CodeAltered)

	w.exec(`UPDATE sceau.phrases SET case_id = $1`, victim.id)
	_, err = w.client.Return(ctx, order.Return{Phrase: phrase})
	w.refused("a phrase moved to another case", err, order.CodeAltered)

	if reads := w.vaultReads(victim); len(reads) != 0 {
		t.Errorf("Vault was read: %q", reads)
	}
	if got := w.actions(victim, audit.ActionConversationOpened); strings.Contains(got, "read") {
		t.Errorf("the log says %s", got)
	}
	// The form of a minted token gives nothing away.
	if raw, err := base64.RawURLEncoding.DecodeString(string(back.Token)); err != nil || len(raw) != 32 {
		t.Errorf("a minted token has %d bytes: %v", len(raw), err)
	}
}

// Somebody with the whole database and a valid account of their own puts
// themselves into a colleague's session.
func TestRowsDoNotMakeAColleague(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	amal, bruno := w.hire("amal", "P-A", "agent"), w.hire("bruno", "P-B", "agent")
	k := w.open("Secret")
	w.join(amal, k)
	w.exec(`UPDATE sceau.staff SET subject = subject || '-was'`)
	w.exec(`UPDATE sceau.staff SET subject = 'bruno' WHERE staff_id = $1`, amal.ID)
	w.exec(`UPDATE sceau.persons SET claim = claim || '-was'`)
	w.exec(`UPDATE sceau.persons SET claim = 'P-B' WHERE person_id = $1`, amal.Person)
	w.exec(`UPDATE sceau.staff_sessions SET sid_sha256 = sha256(sid_sha256)`)
	w.exec(`UPDATE sceau.staff_sessions SET sid_sha256 = sha256('sid-of-bruno') WHERE session_id = $1`, amal.Session)
	_, _, err := w.read(bruno.caller(), k)
	w.refused("bruno in amal's session", err, order.CodeAltered)
}
