package pgstore_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// Somebody with the database in hand puts a recipient of their own in a case's row,
// to read all that is written from then on.
func TestNothingIsSealedToASwappedRecipient(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	o := w.open()
	theirs := newKey(t).Recipient
	for _, column := range []string{"transcript_recipient", "identity_recipient"} {
		w.ready(1)
		w.exec(`UPDATE sceau.cases SET `+column+` = $1`, theirs)
		fresh := w.store(audit.ViaPublic) // which has not verified this case before
		_, err := fresh.Open(ctx, clientKey(), pgstore.Opening{PostalCode: "59000", Topic: conversation.TopicOther, From: somewhere})
		w.refused("opening with a swapped "+column, err, conversation.ErrNoReadyKey)
		_, err = fresh.WriteAsMinor(ctx, o.Case, clientKey(), "Bonjour")
		w.refused("writing to a swapped "+column, err, pgstore.ErrRecipient)
		w.refused("entrusting to a swapped "+column, fresh.Entrust(ctx, o.Case, clientKey(), "name", "Camille"), pgstore.ErrRecipient)
		w.refused("returning to a swapped "+column, fresh.Returned(ctx, o.Case, somewhere), pgstore.ErrRecipient)
	}
	if got := w.texts(o.Case); len(got) != 1 {
		t.Errorf("transcript %q", got)
	}
}

// Each face has only its own acts, whatever code runs in it: the database refuses
// the other's, and leaves nothing behind.
func TestFacesCannotActForEachOther(t *testing.T) {
	w := newWorld(t)
	w.hire(amal, bruno)
	ctx := t.Context()
	o := w.open()
	w.ok(w.staff.Join(ctx, amal, o.Case, clientKey()))
	w.ready(1)
	head := func() (seq int64) {
		w.ok(w.Super.QueryRow(ctx, `SELECT seq FROM sceau.log_head`).Scan(&seq))
		return seq
	}
	before := head()
	for what, act := range map[string]func() error{
		"staff opens": func() error {
			_, err := w.staff.Open(ctx, clientKey(), pgstore.Opening{PostalCode: "59000", Topic: conversation.TopicOther, From: somewhere})
			return err
		},
		"staff writes as the minor": func() error { _, err := w.staff.WriteAsMinor(ctx, o.Case, clientKey(), "oui"); return err },
		"staff entrusts":            func() error { return w.staff.Entrust(ctx, o.Case, clientKey(), conversation.FacetName, "Camille") },
		"staff seals a connection":  func() error { return w.staff.Returned(ctx, o.Case, somewhere) },
		"staff uses a token":        func() error { _, err := w.staff.ByToken(ctx, o.Token); return err },
		"public joins":              func() error { return w.public.Join(ctx, bruno, o.Case, clientKey()) },
		"public writes as an agent": func() error { _, err := w.public.WriteAsStaff(ctx, amal, o.Case, clientKey(), "oui"); return err },
		"public hands over":         func() error { return w.public.HandOver(ctx, amal, o.Case, bruno.ID, clientKey()) },
		"public leaves for one":     func() error { return w.public.Leave(ctx, amal, o.Case, clientKey()) },
	} {
		if err := act(); err == nil {
			t.Errorf("%s: allowed", what)
		}
	}
	if after := head(); after != before {
		t.Errorf("%d entries were written", after-before)
	}
	if got := w.texts(o.Case); len(got) != 1 {
		t.Errorf("transcript %q", got)
	}
	if c := w.fold(o.Case); len(c.Participants) != 1 || len(c.Sealed) != 1 {
		t.Errorf("the log says %+v", c)
	}
}

// A process that skips the log finds that state does not move without its entry.
func TestStateDoesNotMoveWithoutItsEntry(t *testing.T) {
	w := newWorld(t)
	w.hire(amal, bruno)
	o := w.open()
	w.ok(w.staff.Join(t.Context(), amal, o.Case, clientKey()))
	for role, statements := range map[string][]string{
		"sceau_staff": {
			`INSERT INTO sceau.participants (case_id, staff_id, person_id, role, joined_seq) VALUES ($1, 's-bruno', 'p-bruno', 'psychologist', 0)`,
			`INSERT INTO sceau.participants (case_id, staff_id, person_id, role, joined_seq)
				SELECT $1, 's-bruno', 'p-bruno', 'psychologist', joined_seq FROM sceau.participants`, // an entry that is somebody else's
			`UPDATE sceau.participants SET left_seq = joined_seq + 1 WHERE case_id = $1`,
			`UPDATE sceau.conversations SET state = 'closed', closed_at = now(), closed_seq = opened_seq WHERE case_id = $1`,
			`UPDATE sceau.conversations SET token_sha256 = sha256('mine') WHERE case_id = $1`,
			`UPDATE sceau.messages SET ciphertext = ciphertext WHERE case_id = $1`,
			`DELETE FROM sceau.messages WHERE case_id = $1`,
			`INSERT INTO sceau.tokens VALUES (sha256('mine'), $1, now())`,
			`UPDATE sceau.cases SET transcript_recipient = 'age1mine' WHERE case_id = $1`,
			`INSERT INTO sceau.ended_tokens SELECT token_sha256 FROM sceau.conversations WHERE case_id = $1`, // and a child would be shut out
		},
		"sceau_public": {
			`DELETE FROM sceau.ended_tokens WHERE $1::uuid IS NOT NULL`, // and who copied a token would be back
			`UPDATE sceau.ended_tokens SET token_sha256 = sha256('none') WHERE $1::uuid IS NOT NULL`,
			`UPDATE sceau.conversations SET state = 'closed', closed_at = now(), closed_seq = opened_seq WHERE case_id = $1`,
			`UPDATE sceau.conversations SET token_sha256 = sha256('mine') WHERE case_id = $1`,
			`INSERT INTO sceau.tokens VALUES (sha256('mine'), $1, now())`,
			`DELETE FROM sceau.facets WHERE case_id = $1`,
			`UPDATE sceau.facets SET ciphertext = ciphertext WHERE case_id = $1`,
			`INSERT INTO sceau.facets SELECT case_id, facet, number + 1, ciphertext, sealed_seq FROM sceau.facets WHERE case_id = $1`,
			`UPDATE sceau.cases SET transcript_recipient = 'age1mine' WHERE case_id = $1`,
			`UPDATE sceau.cases SET opened = false WHERE case_id = $1`, // and children would be given a case that is taken
			`UPDATE sceau.cases SET reserved_until = now() WHERE case_id = $1`,
			`SELECT sceau.entries_of_case($1, 0)`,
		},
	} {
		pool := w.Pool(t, role)
		for _, sql := range statements {
			if _, err := pool.Exec(t.Context(), sql, o.Case); err == nil {
				t.Errorf("%s may: %s", role, sql)
			}
		}
	}
}

// Whoever has the staff face's password can write entries, and so can point rows at
// them; but at none that says something else, or nothing, of the row.
func TestARowSaysWhatItsEntrySays(t *testing.T) {
	w := newWorld(t)
	w.hire(amal, bruno, farah)
	ctx := t.Context()
	o, left, closed := w.open(), w.open(), w.open()
	w.ok(w.staff.Join(ctx, amal, o.Case, clientKey()))
	w.ok(w.staff.Join(ctx, amal, left.Case, clientKey()))
	w.ok(w.staff.Leave(ctx, amal, left.Case, clientKey()))
	w.ok(w.public.CloseAsMinor(ctx, closed.Case, clientKey()))
	staff, public := w.log(audit.ViaStaff), w.log(audit.ViaPublic)
	entry := func(action audit.Action, who audit.Actor, caseID string, details audit.Details) pglog.Draft {
		return pglog.Draft{Actor: who, Action: action, Case: caseID, Details: details}
	}
	const join = `INSERT INTO sceau.participants (case_id, staff_id, person_id, role, joined_seq) VALUES ($1, 's-bruno', 'p-bruno', 'agent', $2)`
	const callID = "3c1f0e52-0c0e-4a56-9a42-0d8f3f2f6f77"
	const call = `INSERT INTO sceau.psychologist_calls (call_id, case_id, staff_id, asked_at, asked_seq) VALUES ('` + callID + `', $1, 's-amal', now(), $2)`
	for what, c := range map[string]struct {
		log    *pglog.Log
		caseID string
		d      *pglog.Draft
		sql    string
	}{
		"comes back after leaving":        {staff, left.Case, nil, `UPDATE sceau.participants SET left_seq = NULL WHERE case_id = $1 AND $2 >= 0`},
		"reopens":                         {staff, closed.Case, nil, `UPDATE sceau.conversations SET state = 'waiting', closed_at = NULL, closed_seq = NULL WHERE case_id = $1 AND $2 >= 0`},
		"takes out of the queue":          {staff, left.Case, nil, `UPDATE sceau.conversations SET state = 'active' WHERE case_id = $1 AND $2 >= 0`},
		"the minor's face does":           {public, left.Case, nil, `UPDATE sceau.conversations SET state = 'active' WHERE case_id = $1 AND $2 >= 0`},
		"puts into the queue":             {staff, o.Case, nil, `UPDATE sceau.conversations SET state = 'waiting' WHERE case_id = $1 AND $2 >= 0`},
		"another joined":                  {staff, left.Case, ptr(entry(audit.ActionConversationJoined, farah, left.Case, nil)), join},
		"joined in another role":          {staff, left.Case, ptr(entry(audit.ActionConversationJoined, audit.Actor{ID: bruno.ID, Person: bruno.Person, Role: "psychologist"}, left.Case, nil)), join},
		"handed over to another":          {staff, left.Case, ptr(entry(audit.ActionConversationHandedOver, amal, left.Case, audit.Details{"to": "s-farah", "to_person": "p-farah"})), join},
		"an agent and still in the queue": {staff, left.Case, ptr(entry(audit.ActionConversationJoined, bruno, left.Case, nil)), join},
		"another left": {staff, o.Case, ptr(entry(audit.ActionConversationHandedOver, bruno, o.Case, nil)),
			`WITH gone AS (UPDATE sceau.participants SET left_seq = $2 WHERE case_id = $1) UPDATE sceau.conversations SET state = 'waiting' WHERE case_id = $1`},
		"left and still not in the queue": {staff, o.Case, ptr(entry(audit.ActionConversationHandedOver, amal, o.Case, nil)),
			`UPDATE sceau.participants SET left_seq = $2 WHERE case_id = $1`},
		"a psychologist whom nobody asked for": {staff, o.Case, ptr(entry(audit.ActionConversationJoined, bruno, o.Case, nil)), call},
		"a psychologist whom another asked for": {staff, o.Case, ptr(pglog.Draft{Actor: bruno, Action: audit.ActionPsychologistAsked, Case: o.Case,
			Subject: audit.Subject{Type: "psychologist_call", ID: callID}}), call},
		"a psychologist asked into another conversation": {staff, left.Case, ptr(pglog.Draft{Actor: amal, Action: audit.ActionPsychologistAsked, Case: o.Case,
			Subject: audit.Subject{Type: "psychologist_call", ID: callID}}), call},
		"another facet": {public, o.Case, ptr(pglog.Draft{Actor: audit.Actor{ID: "minor"}, Action: audit.ActionIdentitySealed, Case: o.Case,
			Subject: audit.Subject{Type: "facet", ID: "name"}, Details: audit.Details{"number": int64(0)}}),
			`INSERT INTO sceau.facets SELECT case_id, 'contact', 0, ciphertext, $2 FROM sceau.facets WHERE case_id = $1`},
	} {
		_, err := c.log.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
			d := entry(audit.ActionConversationClosed, amal, other, nil)
			if c.d != nil {
				d = *c.d
			}
			ref, err := turn.Append(d)
			if err != nil {
				return nil, err
			}
			tag, err := turn.Tx.Exec(ctx, c.sql, c.caseID, ref.Seq)
			if err == nil && tag.RowsAffected() == 0 {
				t.Errorf("%s: touched nothing", what)
			}
			return nil, err
		})
		var pe *pgconn.PgError
		if !errors.As(err, &pe) || pe.Code != "23000" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Whoever has a face's password may write messages, and none that spoils the
// conversation: the database extends the chain itself.
func TestAFaceCannotSpoilTheChainOfMessages(t *testing.T) {
	w := newWorld(t)
	w.hire(amal, bruno)
	ctx := t.Context()
	o, closed := w.open(), w.open()
	w.ok(w.staff.Join(ctx, amal, o.Case, clientKey()))
	_, err := w.public.WriteAsMinor(ctx, o.Case, clientKey(), "Bonjour")
	w.ok(err)
	w.ok(w.public.CloseAsMinor(ctx, closed.Case, clientKey()))
	const good = "age-encryption.org/v1\n"
	sealed := func(start string) []byte { return []byte(start + strings.Repeat("x", 100)) }
	type message struct {
		caseID        string
		position      int
		author, staff string
		text          []byte
		link          *[32]byte
	}
	for what, c := range map[string]struct {
		role string
		m    message
		code string
	}{
		"nothing wrong":             {"sceau_public", message{o.Case, 2, "minor", "", sealed(good), nil}, ""},
		"nothing wrong, staff":      {"sceau_staff", message{o.Case, 2, "agent", amal.ID, sealed(good), nil}, ""},
		"a place skipped":           {"sceau_public", message{o.Case, 3, "minor", "", sealed(good), nil}, "23000"},
		"a place taken":             {"sceau_public", message{o.Case, 1, "minor", "", sealed(good), nil}, "23000"},
		"before the first":          {"sceau_public", message{o.Case, -1, "minor", "", sealed(good), nil}, "23000"},
		"another link":              {"sceau_public", message{o.Case, 2, "minor", "", sealed(good), &[32]byte{1}}, "23000"},
		"no age file":               {"sceau_public", message{o.Case, 2, "minor", "", sealed("age-encryption.org/v2\n"), nil}, "23000"},
		"a closed conversation":     {"sceau_public", message{closed.Case, 1, "minor", "", sealed(good), nil}, "23000"},
		"no conversation":           {"sceau_public", message{other, 0, "service", "", sealed(good), nil}, "23000"},
		"the service speaks again":  {"sceau_public", message{o.Case, 2, "service", "", sealed(good), nil}, "42501"},
		"the minor's as an agent":   {"sceau_public", message{o.Case, 2, "agent", amal.ID, sealed(good), nil}, "42501"},
		"staff as the minor":        {"sceau_staff", message{o.Case, 2, "minor", "", sealed(good), nil}, "42501"},
		"staff who is not there":    {"sceau_staff", message{o.Case, 2, "agent", bruno.ID, sealed(good), nil}, "42501"},
		"staff in another's role":   {"sceau_staff", message{o.Case, 2, "psychologist", amal.ID, sealed(good), nil}, "42501"},
		"the custodian's as anyone": {"sceau_custodian", message{o.Case, 2, "minor", "", sealed(good), nil}, "42501"},
	} {
		tx, err := w.Pool(t, c.role).Begin(ctx)
		w.ok(err)
		_, head, err := pgstore.LastHead(ctx, tx, c.m.caseID)
		if err != nil {
			head = conversation.ChainStart(c.m.caseID)
		}
		link := conversation.ChainNext(head, c.m.position, sha256.Sum256(c.m.text))
		if c.m.link != nil {
			link = *c.m.link
		}
		_, err = tx.Exec(ctx, `INSERT INTO sceau.messages (case_id, position, author, staff_id, at, ciphertext, chain)
			VALUES ($1, $2, $3, nullif($4, ''), 'epoch', $5, $6)`, c.m.caseID, c.m.position, c.m.author, c.m.staff, c.m.text, link[:])
		if got := code(err); got != c.code {
			t.Errorf("%s: %v, want %q", what, err, c.code)
		}
		if c.code == "" {
			var recent bool
			w.ok(tx.QueryRow(ctx, `SELECT m.at > now() - interval '1 minute' AND c.messages = 3 AND c.head = m.chain
				FROM sceau.messages m JOIN sceau.conversations c USING (case_id) WHERE case_id = $1 AND position = 2`, o.Case).Scan(&recent))
			if !recent {
				t.Errorf("%s: written with a time of its own, or the head did not move", what)
			}
		}
		_ = tx.Rollback(ctx)
	}
	for _, role := range []string{"sceau_public", "sceau_staff"} {
		for _, sql := range []string{
			`UPDATE sceau.conversations SET messages = 1 WHERE case_id = $1`,
			`UPDATE sceau.conversations SET head = sha256('') WHERE case_id = $1`,
		} {
			if _, err := w.Pool(t, role).Exec(ctx, sql, o.Case); code(err) != "42501" {
				t.Errorf("%s: %s: %v", role, sql, err)
			}
		}
	}
}

func code(err error) string {
	var pe *pgconn.PgError
	if err == nil {
		return ""
	}
	if !errors.As(err, &pe) {
		return err.Error()
	}
	return pe.Code
}

// A stranger is told the same of a conversation that is closed, of one that is a
// colleague's, and of one that never was.
func TestStrangersLearnNothing(t *testing.T) {
	w := newWorld(t)
	w.hire(amal, bruno)
	ctx := t.Context()
	theirs, closed := w.open(), w.open()
	for _, o := range []pgstore.Opened{theirs, closed} {
		w.ok(w.staff.Join(ctx, amal, o.Case, clientKey()))
	}
	w.ok(w.public.CloseAsMinor(ctx, closed.Case, clientKey()))
	for what, caseID := range map[string]string{"a colleague's": theirs.Case, "a closed one": closed.Case, "none": other} {
		_, err := w.staff.WriteAsStaff(ctx, bruno, caseID, clientKey(), "Bonjour")
		w.refused("writing in "+what, err, conversation.ErrNotFound)
		w.refused("closing "+what, w.staff.CloseAsAgent(ctx, bruno, caseID, clientKey()), conversation.ErrNotFound)
		w.refused("leaving "+what, w.staff.Leave(ctx, bruno, caseID, clientKey()), conversation.ErrNotFound)
		w.refused("handing over "+what, w.staff.HandOver(ctx, bruno, caseID, amal.ID, clientKey()), conversation.ErrNotFound)
		if caseID != theirs.Case { // of two who take one from the queue at once, the second is told so
			w.refused("joining "+what, w.staff.Join(ctx, bruno, caseID, clientKey()), conversation.ErrNotFound)
		}
	}
	// Who was in it when it was closed knows it.
	w.refused("leaving one's own", w.staff.Leave(ctx, amal, closed.Case, clientKey()), conversation.ErrClosed)
	w.refused("joining one's own", w.staff.Join(ctx, amal, closed.Case, clientKey()), conversation.ErrClosed)
}

// other is a case that nobody knows.
const other = "7f1cce14-0000-4000-8000-00000000000c"

func ptr[T any](v T) *T { return &v }

// Words put into another's mouth, or moved, do not open, though the key is right.
func TestMessagesOpenOnlyWhereTheyWereWritten(t *testing.T) {
	w := newWorld(t)
	w.hire(amal)
	ctx := t.Context()
	o := w.open()
	w.ok(w.staff.Join(ctx, amal, o.Case, clientKey()))
	_, err := w.public.WriteAsMinor(ctx, o.Case, clientKey(), "agent s-amal\nJe vais mieux.")
	w.ok(err)
	_, err = w.staff.WriteAsStaff(ctx, amal, o.Case, clientKey(), "Bonjour")
	w.ok(err)
	list, err := w.public.Messages(ctx, o.Case, 1, 3)
	w.ok(err)
	childs, agents := list[0], list[1]
	open := func(m conversation.SealedMessage, caseID string) error {
		_, err := m.Open(caseID, w.fileKey(w.keys[o.Case].transcript, m.Ciphertext))
		return err
	}
	w.ok(open(childs, o.Case))
	for what, change := range map[string]func(m *conversation.SealedMessage){
		"the child's as the agent's": func(m *conversation.SealedMessage) { m.Author = agents.Author },
		"the agent's as the child's": func(m *conversation.SealedMessage) { *m = agents; m.Author = childs.Author },
		"of another agent":           func(m *conversation.SealedMessage) { *m = agents; m.Author.Staff = "s-bruno" },
		"of a psychologist":          func(m *conversation.SealedMessage) { *m = agents; m.Author.Role = "psychologist" },
		"moved":                      func(m *conversation.SealedMessage) { m.Position++ },
		"the agent's in its place":   func(m *conversation.SealedMessage) { m.Ciphertext = agents.Ciphertext },
	} {
		m := childs
		change(&m)
		w.refused(what, open(m, o.Case), seal.ErrContext)
	}
	w.refused("of another case", open(childs, "7f1cce14-0000-4000-8000-00000000000b"), seal.ErrContext)
	damaged := childs
	damaged.Ciphertext = append([]byte(nil), childs.Ciphertext...)
	damaged.Ciphertext[len(damaged.Ciphertext)-1] ^= 1
	w.refused("damaged", open(damaged, o.Case), seal.ErrDamaged)
	_, err = (conversation.SealedFacet{Facet: conversation.FacetName}).OpenConnection(o.Case, make([]byte, 16))
	if err == nil {
		t.Error("a name opens as a connection")
	}
}

// Whoever changes a message in the database contradicts the head in the log.
func TestAlteredRowsBreakTheChain(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	o := w.open()
	for _, text := range []string{"un", "deux", "trois"} {
		_, err := w.public.WriteAsMinor(ctx, o.Case, clientKey(), text)
		w.ok(err)
	}
	w.ok(w.public.CloseAsMinor(ctx, o.Case, clientKey()))
	heads := w.fold(o.Case).Heads
	for what, sql := range map[string]string{
		"altered": `UPDATE sceau.messages SET ciphertext = set_byte(ciphertext, 50, (get_byte(ciphertext, 50) + 1) % 256) WHERE case_id = $1 AND position = 2`,
		"dropped": `DELETE FROM sceau.messages WHERE case_id = $1 AND position = 3`,
		"doubled": `UPDATE sceau.messages SET ciphertext = (SELECT ciphertext FROM sceau.messages WHERE case_id = $1 AND position = 1) WHERE case_id = $1 AND position = 2`,
	} {
		tx, err := w.Super.Begin(ctx)
		w.ok(err)
		_, err = tx.Exec(ctx, sql, o.Case)
		w.ok(err)
		rows, err := tx.Query(ctx, `SELECT ciphertext FROM sceau.messages WHERE case_id = $1 ORDER BY position`, o.Case)
		w.ok(err)
		var sums [][32]byte
		for rows.Next() {
			var ciphertext []byte
			w.ok(rows.Scan(&ciphertext))
			sums = append(sums, sha256.Sum256(ciphertext))
		}
		w.ok(rows.Err())
		_, err = conversation.CheckChain(o.Case, sums, heads)
		w.refused(what, err, conversation.ErrChain)
		w.ok(tx.Rollback(ctx))
	}
	w.texts(o.Case) // as it was, it holds
}

// PostgreSQL goes away and comes back: clear errors meanwhile, no restart after.
func TestDatabaseGoneAndBack(t *testing.T) {
	server := pgtest.NewServer(t)
	w := &world{DB: server.DB, t: t, keys: map[string]keys{}}
	w.custodianLog = w.log(audit.ViaCustodian)
	w.public = w.store(audit.ViaPublic)
	ctx := t.Context()
	o := w.open()
	w.ready(1)
	key := clientKey()
	w.ok(server.Postgres.Stop(ctx))
	began := time.Now()
	_, err := w.public.WriteAsMinor(ctx, o.Case, key, "il y a quelqu'un ?")
	var refusal *conversation.Refusal
	if err == nil || errors.As(err, &refusal) {
		t.Errorf("writing without a database: %v", err)
	}
	if err := w.public.CloseAsMinor(ctx, o.Case, clientKey()); !errors.Is(err, pglog.ErrUnavailable) {
		t.Errorf("closing without a database: %v", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the answers took %v", took)
	}
	w.ok(server.Postgres.Restart(ctx))
	w.eventually("writing works again", func() bool {
		_, err = w.public.WriteAsMinor(ctx, o.Case, key, "il y a quelqu'un ?")
		return err == nil
	})
	w.ok(w.public.CloseAsMinor(ctx, o.Case, clientKey()))
	if got := w.texts(o.Case); len(got) != 2 {
		t.Errorf("transcript %q", got)
	}
}
