package custodian_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/custodian/order"
)

// tamper runs sql as a superuser with every trigger of the log taken off, and
// puts them back.
func (w *world) tamper(sql string) {
	w.t.Helper()
	w.lost = true
	w.Tampered()
	const each = `
		FOR t IN SELECT tgname, tgrelid::regclass AS of FROM pg_trigger
			WHERE NOT tgisinternal AND tgrelid::regclass::text ~ '^sceau[.](entries|log_head|conversations)'
		LOOP EXECUTE format('ALTER TABLE %s `
	_, err := w.Super.Exec(context.Background(), `DO $$ DECLARE t record; BEGIN `+
		each+`DISABLE TRIGGER %I', t.of, t.tgname); END LOOP; `+sql+
		each+`ENABLE ALWAYS TRIGGER %I', t.of, t.tgname); END LOOP; END $$`)
	w.must(err)
}

// full waits until the custodian has its ready cases, and writes no more entries
// of its own accord.
func (w *world) full() {
	w.t.Helper()
	w.eventually("the cases are ready", func() bool {
		var n int
		w.must(w.Super.QueryRow(context.Background(), `SELECT count(*) FROM sceau.cases WHERE NOT opened`).Scan(&n))
		return n >= w.config.ReadyKeys
	})
}

// Somebody with the database gives a child's conversation a token of their own,
// in the row and in the entry, whose hash they make fit.
func TestARewrittenOpeningLetsNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	amal := w.hire("amal", "P-A", "agent")
	k := w.open("Il va me tuer", "secret")
	w.join(amal, k)
	_, _, err := w.read(amal.caller(), k)
	w.must(err)
	token, hash, err := conversation.NewToken(rand.Reader)
	w.must(err)
	w.full()
	w.tamper(fmt.Sprintf(`
		UPDATE sceau.entries SET leaf = convert_to(regexp_replace(convert_from(leaf, 'UTF8'),
			'"token":"sha256:[0-9a-f]{64}"', '"token":"sha256:%[1]x"'), 'UTF8') WHERE case_id = '%[2]s' AND action = 'conversation.opened';
		UPDATE sceau.entries SET hash = sha256('\x00'::bytea || leaf) WHERE case_id = '%[2]s' AND action = 'conversation.opened';
		UPDATE sceau.conversations SET token_sha256 = '\x%[1]x' WHERE case_id = '%[2]s';`, hash, k.id))
	forged := talk{id: k.id, token: token, texts: k.texts}
	_, _, err = w.read(forged.caller(), forged)
	w.refused("with a token of one's own", err, order.CodeLogAltered)
	w.restart()
	_, _, err = w.read(forged.caller(), forged)
	w.refused("after a restart", err, order.CodeLogAltered)
	if got := w.down(); got != "head" {
		t.Errorf("down: %s", got)
	}
}

// What ended a grant cannot be hidden, removed, nor told otherwise.
func TestAHiddenClosingOpensNothing(t *testing.T) {
	t.Parallel()
	const closing = ` WHERE action = 'escalation.closed';`
	for name, sql := range map[string]string{
		"another case":   `UPDATE sceau.entries SET case_id = gen_random_uuid()` + closing,
		"of no case":     `UPDATE sceau.entries SET case_id = NULL` + closing,
		"gone":           `DELETE FROM sceau.entries` + closing,
		"another number": `UPDATE sceau.entries SET seq = 1000` + closing,
		"another text":   `UPDATE sceau.entries SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), 'closed', 'denied'), 'UTF8')` + closing,
		"its hash too": `UPDATE sceau.entries SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), 'escalation.closed', 'staff.signed_in'), 'UTF8'),
			action = 'staff.signed_in'` + closing + `UPDATE sceau.entries SET hash = sha256('\x00'::bytea || leaf) WHERE action = 'staff.signed_in';`,
		"no index of cases": `CREATE OR REPLACE FUNCTION sceau.entries_of_case(of uuid, first bigint) RETURNS SETOF sceau.entries
			LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT * FROM sceau.entries WHERE case_id = of AND action <> ''escalation.closed'' ORDER BY seq';`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			agent, _, k, r := w.granted("name")
			_, err := w.escalations.Close(context.Background(), pglog.Idempotency{}, agent.Actor, r.ID)
			w.must(err)
			w.full()
			_, _, err = w.read(agent.caller(), k)
			w.must(err)
			w.tamper(sql)
			got, err := w.release(agent.caller(), r.ID, "name")
			if code := refusalCode(err); code != order.CodeLogAltered && code != order.CodeRolledBack || len(got.Keys) != 0 {
				t.Errorf("released %d keys: %v", len(got.Keys), err)
			}
			w.restart()
			if name == "no index of cases" || name == "of no case" || name == "another case" {
				// The chain is whole, and is held by what the leaves say.
				_, err = w.release(agent.caller(), r.ID, "name")
				w.refused("after a restart", err, order.CodeLogAltered)
				return
			}
			_, err = w.release(agent.caller(), r.ID, "name")
			if code := refusalCode(err); code != order.CodeLogAltered && code != order.CodeRolledBack {
				t.Errorf("after a restart: %v", err)
			}
			if got := w.down(); got != "head" {
				t.Errorf("down: %s", got)
			}
		})
	}
}

// An entry that stands beyond the head, for a case to count it in.
func TestAnEntryBesideTheChainCountsForNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	agent, _, k, r := w.granted("name")
	w.full()
	w.tamper(`INSERT INTO sceau.entries (seq, at, via, case_id, action, actor_id, person_id, subject_type, subject_id, hash, leaf)
		SELECT 900000, at, via, case_id, action, actor_id, person_id, subject_type, subject_id, hash, leaf
		FROM sceau.entries WHERE action = 'escalation.approved';`)
	got, err := w.release(agent.caller(), r.ID, "name")
	if err == nil && w.values(k, got) != "name=Camille" {
		t.Errorf("released %s", w.values(k, got))
	}
	if err != nil {
		w.refused("with a row beyond the head", err, order.CodeLogAltered)
	}
}

// The log is cut back to the custodian's last own entry. What it only saw was
// the end of a grant.
func TestWhatWasOnlySeenIsRemembered(t *testing.T) {
	t.Parallel()
	for _, restarted := range []bool{false, true} {
		w := newWorld(t)
		ctx := context.Background()
		agent, _, k, r := w.granted("name")
		_, session, err := w.read(agent.caller(), k)
		w.must(err)
		w.full()
		_, err = w.escalations.Close(ctx, pglog.Idempotency{}, agent.Actor, r.ID)
		w.must(err)
		_, err = w.client.Unwrap(ctx, session.Session, order.Unwrap{Caller: agent.caller(), From: 0, To: 1})
		w.must(err)
		w.cut("escalation.closed")
		if restarted {
			w.restart()
		}
		_, err = w.release(agent.caller(), r.ID, "name")
		w.refused("after the cut", err, order.CodeRolledBack)
		if got := w.down(); got != "head" {
			t.Errorf("down: %s", got)
		}
	}
}

// cut takes the first entry of an action out of the log, and all that follow.
func (w *world) cut(action string) {
	w.t.Helper()
	w.tamper(`DELETE FROM sceau.entries WHERE seq >= (SELECT min(seq) FROM sceau.entries WHERE action = '` + action + `');
		UPDATE sceau.log_head SET (seq, hash, at) = (SELECT seq + 1, hash, at FROM sceau.entries ORDER BY seq DESC LIMIT 1);`)
}

// The custodian looks even when nobody orders anything.
func TestWhatHappensMeanwhileIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	agent, _, _, r := w.granted("name")
	w.full()
	_, err := w.escalations.Close(context.Background(), pglog.Idempotency{}, agent.Actor, r.ID)
	w.must(err)
	var head []byte
	w.must(w.Super.QueryRow(context.Background(), `SELECT hash FROM sceau.log_head`).Scan(&head))
	w.eventually("the closing is remembered", func() bool {
		hash, err := rememberedHash(filepath.Join(w.config.StateDir, "head.json"))
		return err == nil && hash == hex.EncodeToString(head)
	})
	w.cut("escalation.closed")
	w.restart()
	_, err = w.release(agent.caller(), r.ID, "name")
	w.refused("after the cut", err, order.CodeRolledBack)
}

// rememberedHash is the hash in the custodian's file, in hexadecimal.
func rememberedHash(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var f struct{ Hash string }
	if err := json.Unmarshal(raw, &f); err != nil {
		return "", err
	}
	hash, err := audit.ParseHash(f.Hash)
	return hex.EncodeToString(hash[:]), err
}

// A long log is followed from its beginning, page by page.
func TestALongLogIsFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	agent, _, k, r := w.granted("name")
	w.stop()
	for range 2500 { // more than two pages
		go func() {
			_, _ = w.staffLog.Append(context.Background(), pglog.Draft{Actor: agent.Actor, Action: "log.read"})
		}()
	}
	w.eventually("the log is long", func() bool {
		var n int
		w.must(w.Super.QueryRow(context.Background(), `SELECT seq FROM sceau.log_head`).Scan(&n))
		return n > 2500
	})
	w.start()
	got, err := w.release(agent.caller(), r.ID, "name")
	w.must(err)
	if w.values(k, got) != "name=Camille" {
		t.Errorf("released %s", w.values(k, got))
	}
}
