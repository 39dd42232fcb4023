package custodian_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// read opens every message of a conversation in one reading session.
func (w *world) read(c order.Caller, k talk) (texts []string, session order.Session, err error) {
	w.t.Helper()
	ctx := context.Background()
	session, err = w.client.OpenSession(ctx, order.OpenSession{Caller: c, Case: k.id})
	if err != nil {
		return nil, session, err
	}
	texts, err = w.unwrap(c, k, session.Session, 0, session.Messages)
	return texts, session, err
}

func (w *world) unwrap(c order.Caller, k talk, session string, from, to int) ([]string, error) {
	w.t.Helper()
	ctx := context.Background()
	got, err := w.client.Unwrap(ctx, session, order.Unwrap{Caller: c, From: from, To: to})
	if err != nil {
		return nil, err
	}
	messages, err := w.staff.Messages(ctx, k.id, from, to)
	w.must(err)
	var texts []string
	for i, mk := range got.Keys {
		if mk.Position != messages[i].Position {
			w.t.Fatalf("key %d is of message %d", i, mk.Position)
		}
		text, err := messages[i].Open(k.id, mk.Key)
		w.must(err)
		texts = append(texts, text)
	}
	return texts, nil
}

func TestAReadingIsAnEntryAndThenAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	amal := w.hire("amal", "P-A", "agent")
	k := w.open("Bonjour", "J'ai peur de rentrer")
	w.join(amal, k)
	for _, c := range []order.Caller{amal.caller(), k.caller()} {
		texts, session, err := w.read(c, k)
		w.must(err)
		if strings.Join(texts, "|") != "35000|Bonjour|J'ai peur de rentrer" || session.Messages != 3 {
			t.Errorf("read %q, %d messages", texts, session.Messages)
		}
	}
	if got := w.actions(k, audit.ActionConversationJoined); got != "conversation.joined conversation.read conversation.read" {
		t.Errorf("the log says %s", got)
	}
	if reads := w.vaultReads(k); len(reads) != 2 || reads[0] == "" || reads[0] == reads[1] {
		t.Errorf("Vault says %q", reads)
	}
}

func TestNewMessagesOpenInTheSameSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	amal := w.hire("amal", "P-A", "agent")
	k := w.open("Bonjour")
	w.join(amal, k)
	_, session, err := w.read(amal.caller(), k)
	w.must(err)
	for _, text := range []string{"un", "deux", "trois"} {
		_, err := w.public.WriteAsMinor(ctx, k.id, key(), text)
		w.must(err)
	}
	// The last alone: those before it are verified on the way.
	texts, err := w.unwrap(amal.caller(), k, session.Session, 4, 5)
	w.must(err)
	if strings.Join(texts, "|") != "trois" {
		t.Errorf("read %q", texts)
	}
	texts, err = w.unwrap(amal.caller(), k, session.Session, 0, 100)
	w.must(err)
	if strings.Join(texts, "|") != "35000|Bonjour|un|deux|trois" {
		t.Errorf("read %q", texts)
	}
	if reads := w.vaultReads(k); len(reads) != 1 {
		t.Errorf("Vault was read %d times", len(reads))
	}
}

func TestWhoMayNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	amal, bruno := w.hire("amal", "P-A", "agent"), w.hire("bruno", "P-B", "agent")
	diane := w.hire("diane", "P-D", "supervisor")
	k, other := w.open("Bonjour"), w.open("Une autre")
	w.join(amal, k)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)

	minutes := func(n int) int64 { return time.Now().Add(time.Duration(n) * time.Minute).Unix() }
	for _, s := range []struct {
		who  string
		as   order.Caller
		code string
	}{
		{"nobody", order.Caller{}, order.CodeTokenInvalid},
		{"a word", order.Caller{StaffToken: "amal"}, order.CodeTokenInvalid},
		{"a token of another key", order.Caller{StaffToken: order.Secret(signWith(t, stranger, amal.claims))}, order.CodeTokenInvalid},
		{"a token for the staff face only", w.changed(amal, func(c map[string]any) { c["aud"] = "sceau-staff" }), order.CodeTokenInvalid},
		{"a token of another issuer", w.changed(amal, func(c map[string]any) { c["iss"] = "https://elsewhere" }), order.CodeTokenInvalid},
		{"a token without person", w.changed(amal, func(c map[string]any) { delete(c, "person") }), order.CodeTokenInvalid},
		{"an expired token", w.changed(amal, func(c map[string]any) { c["exp"] = minutes(-1) }), order.CodeTokenExpired},
		{"a session that never signed in", w.changed(amal, func(c map[string]any) { c["sid"] = "another" }), order.CodeTokenInvalid},
		{"the account of another in amal's session", w.changed(amal, func(c map[string]any) { c["sub"] = "bruno" }), order.CodeTokenInvalid},
		{"amal as another person", w.changed(amal, func(c map[string]any) { c["person"] = "P-B" }), order.CodeTokenInvalid},
		{"amal without her role", w.changed(amal, func(c map[string]any) { c["groups"] = []string{"inspector"} }), order.CodeRoleInvalid},
		{"amal in a role that her session does not have", w.changed(amal, func(c map[string]any) { c["groups"] = []string{"supervisor"} }), order.CodeRoleInvalid},
		{"two callers at once", order.Caller{StaffToken: amal.caller().StaffToken, MinorToken: k.caller().MinorToken}, order.CodeTokenInvalid},
		{"a minor with a role", order.Caller{MinorToken: k.caller().MinorToken, Role: "agent"}, order.CodeTokenInvalid},
		{"another agent", bruno.caller(), order.CodeConversation},
		{"a supervisor", diane.caller(), order.CodeConversation},
		{"another minor", other.caller(), order.CodeConversation},
		{"a minor's token that nobody has", order.Caller{MinorToken: order.Secret(strings.Repeat("A", 43))}, order.CodeTokenInvalid},
	} {
		_, err := w.client.OpenSession(ctx, order.OpenSession{Caller: s.as, Case: k.id})
		w.refused(s.who, err, s.code)
	}
	// What does not exist answers as what is not one's own.
	for _, id := range []string{"", "x", "00000000-0000-4000-8000-000000000000", k.id + "\n", strings.ToUpper(k.id)} {
		_, err := w.client.OpenSession(ctx, order.OpenSession{Caller: bruno.caller(), Case: id})
		w.refused("case "+id, err, order.CodeConversation)
	}
	if got := w.actions(k, audit.ActionConversationJoined); got != "conversation.joined" {
		t.Errorf("refusals left %s", got)
	}
	if reads := w.vaultReads(k); len(reads) != 0 {
		t.Errorf("refusals read Vault: %q", reads)
	}
}

func TestASessionIsItsOwners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	amal, bruno := w.hire("amal", "P-A", "agent"), w.hire("bruno", "P-B", "agent")
	k := w.open("Bonjour")
	w.join(amal, k)
	_, session, err := w.read(amal.caller(), k)
	w.must(err)
	for who, c := range map[string]order.Caller{"another agent": bruno.caller(), "the minor": k.caller()} {
		_, err := w.unwrap(c, k, session.Session, 0, 1)
		w.refused(who, err, order.CodeSession)
		w.refused(who, w.client.EndSession(ctx, session.Session, order.EndSession{Caller: c}), order.CodeSession)
	}
	_, err = w.unwrap(amal.caller(), k, "guess", 0, 1)
	w.refused("a guessed session", err, order.CodeSession)
	for _, span := range [][2]int{{-1, 1}, {2, 1}, {0, order.MaxUnwrap + 1}} {
		_, err := w.client.Unwrap(ctx, session.Session, order.Unwrap{Caller: amal.caller(), From: span[0], To: span[1]})
		w.refused("a strange span", err, order.CodeMalformed)
	}
	w.must(w.client.EndSession(ctx, session.Session, order.EndSession{Caller: amal.caller()}))
	_, err = w.unwrap(amal.caller(), k, session.Session, 0, 1)
	w.refused("an ended session", err, order.CodeSession)
}

func TestASessionEndsWithTheRightToIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	for _, s := range []struct {
		how  string
		end  func(person, talk)
		code string
	}{
		{"the conversation is handed over", func(p person, k talk) {
			to := w.hire("to-"+p.ID[2:], "P-to-"+p.ID[2:], "agent")
			w.must(w.staff.HandOver(ctx, p.Actor, k.id, to.ID, key()))
		}, "conversation.not_participant"},
		{"the agent leaves", func(p person, k talk) {
			w.must(w.staff.Leave(ctx, p.Actor, k.id, key()))
		}, "conversation.not_participant"},
		{"the staff session ends", func(p person, _ talk) {
			w.exec(`UPDATE sceau.staff_sessions SET ended_at = now() WHERE session_id = $1`, p.Session)
		}, order.CodeTokenExpired},
		{"a key is destroyed", func(_ person, k talk) {
			_, err := w.config.Log.Append(ctx, destroyed(k))
			w.must(err)
		}, "conversation.erased"},
		{"the custodian restarts", func(person, talk) { w.restart() }, order.CodeSession},
	} {
		name := strings.ReplaceAll(s.how, " ", "-")
		p, k := w.hire(name, "P-"+name, "agent"), w.open("Bonjour")
		w.join(p, k)
		_, session, err := w.read(p.caller(), k)
		w.must(err)
		s.end(p, k)
		_, err = w.unwrap(p.caller(), k, session.Session, 0, 1)
		w.refused(s.how, err, s.code)
	}
}

func TestASessionRunsOut(t *testing.T) {
	t.Parallel()
	clock := &clock{}
	w := newWorldOn(t, pgtest.New(t), func(c *custodian.Config) {
		c.Now, c.IdleTimeout, c.SessionLimit = clock.now, 10*time.Minute, time.Hour
	})
	k := w.open("Bonjour")
	_, idle, err := w.read(k.caller(), k)
	w.must(err)
	clock.advance(11 * time.Minute)
	_, err = w.unwrap(k.caller(), k, idle.Session, 0, 1)
	w.refused("idle", err, order.CodeSession)

	_, busy, err := w.read(k.caller(), k)
	w.must(err)
	for range 7 {
		clock.advance(8 * time.Minute)
		_, err = w.unwrap(k.caller(), k, busy.Session, 0, 1)
		w.must(err)
	}
	clock.advance(8 * time.Minute)
	_, err = w.unwrap(k.caller(), k, busy.Session, 0, 1)
	w.refused("for too long", err, order.CodeSession)
}

// What somebody with the whole database does to the messages of a case.
func TestAlteredMessagesOpenNothing(t *testing.T) {
	t.Parallel()
	for _, s := range []struct{ how, sql string }{
		{"one is dropped at the end", `DELETE FROM sceau.messages WHERE case_id = $1 AND position = 3`},
		{"one is dropped in between", `DELETE FROM sceau.messages WHERE case_id = $1 AND position = 2`},
		{"all are dropped", `DELETE FROM sceau.messages WHERE case_id = $1`},
		{"two change places", `UPDATE sceau.messages m SET ciphertext = o.ciphertext FROM sceau.messages o
			WHERE m.case_id = $1 AND o.case_id = $1 AND m.position IN (1, 2) AND o.position = 3 - m.position`},
		{"a bit of the text flips", `UPDATE sceau.messages SET ciphertext = set_bit(ciphertext, 8 * (length(ciphertext) - 1), 1 - get_bit(ciphertext, 8 * (length(ciphertext) - 1)))
			WHERE case_id = $1 AND position = 1`},
		{"another case's comes in", `UPDATE sceau.messages SET ciphertext = (SELECT ciphertext FROM sceau.messages WHERE case_id <> $1 AND position = 1)
			WHERE case_id = $1 AND position = 1`},
	} {
		t.Run(strings.ReplaceAll(s.how, " ", "-"), func(t *testing.T) {
			w := newWorld(t)
			ctx := context.Background()
			amal := w.hire("amal", "P-A", "agent")
			w.open("Bonjour d'ailleurs")
			k := w.open("un", "deux", "trois")
			w.join(amal, k) // records the head
			_, session, err := w.read(amal.caller(), k)
			w.must(err)
			w.exec(s.sql, k.id)
			_, err = w.client.Unwrap(ctx, session.Session, order.Unwrap{Caller: amal.caller(), From: 0, To: 4})
			w.refused("in a session", err, order.CodeAltered)
			before := len(w.vaultReads(k))
			_, err = w.client.OpenSession(ctx, order.OpenSession{Caller: amal.caller(), Case: k.id})
			w.refused("in a new session", err, order.CodeAltered)
			if after := len(w.vaultReads(k)); after != before {
				t.Errorf("the key was read all the same")
			}
		})
	}
}
