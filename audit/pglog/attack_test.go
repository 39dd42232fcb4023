package pglog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// attack does what must succeed for the attack to begin.
func attack(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

var services = []string{"sceau_public", "sceau_staff", "sceau_custodian", "sceau_operator"}

const (
	denied   = "42501" // insufficient_privilege
	refused  = "SC002" // by the triggers that keep the log append-only
	notMine  = "SC003"
	unlinked = "SC001"
)

// Who may do what to the log, behind the service's back, with the password of a
// role: nobody anything but append.
func TestWhatEachRoleCannotDo(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	for n := range 3 {
		if _, err := l.Append(t.Context(), signedIn(n)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		sql      string
		services string // answer to the service's roles
		owner    string // and to the owner of the tables; empty: allowed
	}{
		{`UPDATE sceau.entries SET leaf = leaf`, denied, refused},
		{`UPDATE sceau.entries_0000000 SET leaf = leaf`, denied, refused},
		{`UPDATE sceau.entries SET leaf = leaf WHERE false`, denied, refused},
		{`DELETE FROM sceau.entries`, denied, refused},
		{`DELETE FROM sceau.entries_0000000`, denied, refused},
		{`TRUNCATE sceau.entries`, denied, refused},
		{`TRUNCATE sceau.entries_0000000`, denied, refused},
		{`TRUNCATE sceau.entries_0000001`, denied, refused},
		{`INSERT INTO sceau.entries_0000000 SELECT * FROM sceau.entries_0000000 ON CONFLICT DO NOTHING`, denied, refused},
		{`INSERT INTO sceau.entries (seq, at, hash, leaf, via, action, actor_id) VALUES (0, now(), '', '', 'staff', 'staff.signed_in', 'x')
			ON CONFLICT (seq) DO UPDATE SET leaf = ''`, denied, refused},
		{`MERGE INTO sceau.entries e USING (SELECT 0 AS seq) s ON e.seq = s.seq WHEN MATCHED THEN DELETE`, denied, refused},
		{`COPY sceau.entries_0000000 FROM PROGRAM 'true'`, denied, denied},
		{`UPDATE sceau.log_head SET seq = 0`, denied, refused},
		{`UPDATE sceau.log_head SET hash = sha256('')`, denied, refused},
		{`DELETE FROM sceau.log_head`, denied, refused},
		{`TRUNCATE sceau.log_head`, denied, refused},
		{`SELECT sceau.init_log('another')`, denied, "SC004"},
		{`ALTER TABLE sceau.entries DISABLE TRIGGER continue_chain`, denied, ""},
		{`ALTER TABLE sceau.entries_0000000 DISABLE TRIGGER ALL`, denied, ""},
		{`SET session_replication_role = replica`, denied, denied},
		{`DROP TABLE sceau.entries CASCADE`, denied, ""},
		{`ALTER TABLE sceau.entries DETACH PARTITION sceau.entries_0000000`, denied, ""},
		{`CREATE TABLE sceau.mine ()`, denied, ""},
		{`CREATE FUNCTION sceau.via() RETURNS text LANGUAGE sql RETURN 'custodian'`, denied, "42723"},
		{`DELETE FROM sceau.openings`, denied, ""},
		{`UPDATE sceau.openings SET value = ''`, denied, ""},
		{`UPDATE sceau.idempotency SET answer = ''`, denied, ""},
		{`SELECT sceau.continue_chain()`, denied, "0A000"},
		{`SET ROLE sceau_custodian`, denied, denied},
		{`SET SESSION AUTHORIZATION sceau_custodian`, denied, denied},
	} {
		for _, role := range append(slices.Clone(services), "sceau_owner") {
			want := c.services
			if role == "sceau_owner" {
				want = c.owner
			} else if c.sql == "SET ROLE "+role || c.sql == "SET SESSION AUTHORIZATION "+role {
				want = ""
			} else if c.sql == `DELETE FROM sceau.openings` && role == "sceau_custodian" {
				want = "" // at COMMIT it takes an entry: see TestOpeningsAreErasedWithAnEntry
			}
			t.Run(role+": "+strings.Join(strings.Fields(c.sql), " "), func(t *testing.T) {
				conn, err := pgx.Connect(t.Context(), db.URL(role))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close(context.Background())
				tx, err := conn.Begin(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				// What the owner may do is undone: the next line attacks a whole log.
				defer func() { _ = tx.Rollback(context.Background()) }()
				_, err = tx.Exec(t.Context(), c.sql)
				if got := code(err); got != want {
					t.Errorf("answered %q (%v), want %q", got, err, want)
				}
			})
		}
	}
}

func code(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// Who may read what. The public face may know that entries exist, and one case
// at a time.
func TestWhoReads(t *testing.T) {
	db := pgtest.New(t)
	for _, c := range []struct {
		sql  string
		may  []string
		code string
	}{
		{`SELECT leaf FROM sceau.entries`, []string{"sceau_staff", "sceau_custodian", "sceau_operator"}, denied},
		{`SELECT seq, hash FROM sceau.entries`, services, denied},
		{`SELECT * FROM sceau.entries_0000000`, nil, denied},
		{`SELECT * FROM sceau.entries_of_case('` + caseA + `', 0)`, []string{"sceau_staff", "sceau_custodian", "sceau_operator"}, denied},
		{`SELECT * FROM sceau.keys_of_case('` + caseA + `')`, []string{"sceau_public", "sceau_staff", "sceau_custodian"}, denied},
		{`SELECT value FROM sceau.openings`, []string{"sceau_staff", "sceau_custodian", "sceau_operator"}, denied},
		{`SELECT seq, hash FROM sceau.log_head`, services, denied},
	} {
		for _, role := range services {
			t.Run(role+": "+c.sql, func(t *testing.T) {
				conn, err := pgx.Connect(t.Context(), db.URL(role))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close(context.Background())
				want := c.code
				if slices.Contains(c.may, role) {
					want = ""
				}
				_, err = conn.Exec(t.Context(), c.sql)
				if got := code(err); got != want {
					t.Errorf("answered %q (%v), want %q", got, err, want)
				}
			})
		}
	}
}

// The database and the verifier must agree on who writes what: an entry that one
// lets in and the other calls damage would break a log for good.
func TestDatabaseAndVerifierAgreeOnWriters(t *testing.T) {
	db := pgtest.New(t)
	for _, action := range actions(t) {
		for _, via := range []audit.Via{audit.ViaPublic, audit.ViaStaff, audit.ViaCustodian, audit.ViaOperator, audit.ViaPublisher} {
			var may bool
			if err := db.Super.QueryRow(t.Context(), `SELECT sceau.may_append($1, $2)`, string(via), string(action)).Scan(&may); err != nil {
				t.Fatal(err)
			}
			verifier, known := audit.MayRecord(via, action)
			if !known {
				t.Fatalf("the verifier does not know %s", action)
			}
			if may != verifier {
				t.Errorf("%s by %s: the database says %v, the verifier %v", action, via, may, verifier)
			}
		}
	}
}

// actions are those that the audit package declares, read from its source so
// that a new one cannot be forgotten here.
func actions(t *testing.T) []audit.Action {
	t.Helper()
	src, err := os.ReadFile("../entry.go")
	if err != nil {
		t.Fatal(err)
	}
	var out []audit.Action
	for line := range strings.Lines(string(src)) {
		if f := strings.Fields(line); len(f) >= 4 && strings.HasPrefix(f[0], "Action") && f[1] == "Action" && f[2] == "=" {
			out = append(out, audit.Action(strings.Trim(f[3], `"`)))
		}
	}
	if len(out) < 40 {
		t.Fatalf("found %d actions only", len(out))
	}
	return out
}

// A forged row: what an attacker with a service's password would insert.
type forged struct {
	entry audit.Entry
	row   map[string]any // columns that do not repeat the leaf
	leaf  func(string) string
}

func TestForgedRowsAreRefused(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	for n := range 2 {
		if _, err := l.Append(t.Context(), signedIn(n)); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	replace := func(old, new string) func(string) string {
		return func(leaf string) string {
			if !strings.Contains(leaf, old) {
				t.Errorf("%s holds no %s", leaf, old)
			}
			return strings.Replace(leaf, old, new, 1)
		}
	}
	for name, c := range map[string]struct {
		forge func(*forged)
		want  string
	}{
		"nothing wrong":            {func(*forged) {}, ""},
		"with case and subject":    {func(f *forged) { f.entry.Case, f.entry.Subject = caseA, audit.Subject{Type: "a", ID: "b"} }, ""},
		"with all that may follow": {func(f *forged) { f.entry.Ground = "consent"; f.entry.Details = audit.Details{"a": true} }, ""},
		"with a commitment": {func(f *forged) {
			f.entry.Commitments = audit.Commitments{"a": audit.Commit(make([]byte, 32), "a", "", nil)}
		}, ""},
		"a number skipped":          {func(f *forged) { f.entry.Seq++ }, unlinked},
		"a number of the past":      {func(f *forged) { f.entry.Seq-- }, "23505"},
		"a negative number":         {func(f *forged) { f.row["seq"] = -1 }, "23514"},
		"number only in the column": {func(f *forged) { f.row["seq"] = f.entry.Seq + 1 }, unlinked},
		"another previous hash":     {func(f *forged) { f.entry.Prev[3]++ }, unlinked},
		"another hash":              {func(f *forged) { f.row["hash"] = make([]byte, 32) }, unlinked},
		"hash without its prefix":   {func(f *forged) { f.row["hash"] = "plain" }, unlinked},
		"another's via":             {func(f *forged) { f.entry.Via = audit.ViaCustodian }, unlinked},
		"another's via and action":  {func(f *forged) { f.entry.Via = audit.ViaCustodian; f.entry.Action = audit.ActionKeyDestroyed }, notMine},
		"another's action":          {func(f *forged) { f.entry.Action = audit.ActionIdentityReleased }, notMine},
		"another's action in leaf":  {func(f *forged) { f.leaf = replace(`staff.signed_in`, `identity.released`) }, unlinked},
		"another's via in leaf":     {func(f *forged) { f.leaf = replace(`"via":"staff"`, `"via":"operator"`) }, unlinked},
		"an unknown action":         {func(f *forged) { f.entry.Action = "staff.promoted" }, notMine},
		"of yesterday":              {func(f *forged) { f.entry.At = f.entry.At.AddDate(0, 0, -1) }, unlinked},
		"of tomorrow":               {func(f *forged) { f.entry.At = f.entry.At.AddDate(0, 0, 1) }, unlinked},
		"of yesterday in the leaf":  {func(f *forged) { f.leaf = replace(`"at":"20`, `"at":"19`) }, unlinked},
		"another actor beside":      {func(f *forged) { f.row["actor_id"] = "s-other" }, unlinked},
		"part of the actor beside":  {func(f *forged) { f.row["actor_id"] = "s-" }, unlinked},
		"another person beside":     {func(f *forged) { f.row["person_id"] = "p-other" }, unlinked},
		"no person beside":          {func(f *forged) { f.row["person_id"] = nil }, unlinked},
		"person inside the actor":   {func(f *forged) { f.row["actor_id"] = `s-0001","person":"p-0001`; f.row["person_id"] = nil }, unlinked},
		"no case beside":            {func(f *forged) { f.entry.Case = caseA; f.row["case_id"] = nil }, unlinked},
		"a case only beside":        {func(f *forged) { f.row["case_id"] = caseA }, unlinked},
		"another case beside":       {func(f *forged) { f.entry.Case = caseA; f.row["case_id"] = caseB }, unlinked},
		"no subject beside": {func(f *forged) {
			f.entry.Subject = audit.Subject{Type: "a", ID: "b"}
			f.row["subject_type"], f.row["subject_id"] = nil, nil
		}, unlinked},
		"half a subject beside":     {func(f *forged) { f.row["subject_type"] = "a" }, "23514"},
		"a quote in an id":          {func(f *forged) { f.leaf = replace(`"s-0001"`, `"s"1"`); f.row["actor_id"] = `s"1` }, unlinked},
		"two lines":                 {func(f *forged) { f.leaf = replace(`signed_in"}`, "signed_in\"\n}") }, unlinked},
		"a line after":              {func(f *forged) { f.leaf = func(s string) string { return s + "\n" } }, unlinked},
		"another version":           {func(f *forged) { f.leaf = replace(`"v":1`, `"v":2`) }, unlinked},
		"a space":                   {func(f *forged) { f.leaf = replace(`"v":1,`, `"v":1, `) }, unlinked},
		"an action told twice":      {func(f *forged) { f.leaf = replace(`signed_in"}`, `signed_in","action":"identity.released"}`) }, unlinked},
		"a case told after the end": {func(f *forged) { f.leaf = replace(`signed_in"}`, `signed_in","case":"`+caseA+`"}`) }, unlinked},
		"garbage after the subject": {func(f *forged) { f.leaf = replace(`signed_in"}`, `signed_in","details":{"a":garbage}}`) }, unlinked},
		"an object left open":       {func(f *forged) { f.leaf = replace(`signed_in"}`, `signed_in","details":{"a":1}`) }, unlinked},
		"something after the end":   {func(f *forged) { f.leaf = replace(`signed_in"}`, `signed_in","details":{"a":1}}{}`) }, unlinked},
		"bytes that are no text":    {func(f *forged) { f.leaf = replace(`signed_in"}`, "signed_in\",\"details\":{\"a\":\"\xff\"}}") }, unlinked},
		"a zero byte":               {func(f *forged) { f.leaf = replace(`signed_in"}`, "signed_in\",\"details\":{\"a\":\"\x00\"}}") }, unlinked},
		"a decision nobody asked": {func(f *forged) {
			f.entry.Decision = &audit.Decision{ID: "d", Path: "escalation.approve", Result: "allow"}
		}, unlinked},
		"words in an id": {func(f *forged) {
			f.leaf = replace(`"s-0001"`, `"Camille Martin"`)
			f.row["actor_id"] = "Camille Martin"
		}, unlinked},
		"an empty id": {func(f *forged) { f.leaf = replace(`"s-0001"`, `""`); f.row["actor_id"] = "" }, unlinked},
		"a leaf that is too long": {func(f *forged) {
			f.leaf = replace(`signed_in"}`, `signed_in","details":{"a":"`+strings.Repeat("x", 1<<16)+`"}}`)
		}, "23514"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := pgx.Connect(t.Context(), db.URL("sceau_staff"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.Background())
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(context.Background()) }()
			_, err = insertForged(t.Context(), tx, c.forge)
			if got := code(err); got != c.want {
				t.Errorf("answered %q (%v), want %q", got, err, c.want)
			}
		})
	}
}

// insertForged continues the head honestly, but for what forge changes.
func insertForged(ctx context.Context, tx pgx.Tx, forge func(*forged)) (pgconn.CommandTag, error) {
	f := &forged{row: make(map[string]any), entry: audit.Entry{
		V: audit.Version, Via: audit.ViaStaff, Action: audit.ActionStaffSignedIn, Actor: audit.Actor{ID: "s-0001", Person: "p-0001"},
	}}
	var prev []byte
	if err := tx.QueryRow(ctx, `SELECT seq, hash, clock FROM sceau.lock_head()`).Scan(&f.entry.Seq, &prev, &f.entry.At); err != nil {
		return pgconn.CommandTag{}, err
	}
	copy(f.entry.Prev[:], prev)
	forge(f)
	text, err := audit.Marshal(f.entry)
	if err != nil {
		return pgconn.CommandTag{}, fmt.Errorf("marshal the forgery: %w", err)
	}
	leaf := string(text)
	if f.leaf != nil {
		leaf = f.leaf(leaf)
	}
	e := f.entry
	hash := audit.LeafHash([]byte(leaf))
	orNil := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	row := map[string]any{
		"seq": e.Seq, "at": e.At, "case_id": orNil(e.Case), "hash": hash[:], "leaf": []byte(leaf), "via": string(e.Via),
		"action": string(e.Action), "actor_id": e.Actor.ID, "person_id": orNil(e.Actor.Person),
		"subject_type": orNil(e.Subject.Type), "subject_id": orNil(e.Subject.ID),
	}
	for column, v := range f.row {
		if v == "plain" {
			tx.QueryRow(ctx, `SELECT sha256($1::bytea)`, []byte(leaf)).Scan(&v)
		}
		row[column] = v
	}
	return tx.Exec(ctx, `INSERT INTO sceau.entries (seq, at, case_id, hash, leaf, via, action, actor_id, person_id, subject_type, subject_id)
		VALUES (@seq, @at, @case_id, @hash, @leaf, @via, @action, @actor_id, @person_id, @subject_type, @subject_id)`, pgx.NamedArgs(row))
}

// The public face can be made to write anything a role may, and the custodian's
// entries are about children: neither has room for words, nor for a leaf that the
// verifier would call damage.
func TestNoWordsFromThePublicFaceOrTheCustodian(t *testing.T) {
	db := pgtest.New(t)
	for role, honest := range map[string]audit.Entry{
		"sceau_public": {Via: audit.ViaPublic, Action: audit.ActionIdentitySealed, Case: caseA, Actor: audit.Actor{ID: "minor", Role: "minor"},
			Subject: audit.Subject{Type: "facet", ID: "name"}, Details: audit.Details{"header": "sha256:00", "number": int64(0)}},
		"sceau_custodian": {Via: audit.ViaCustodian, Action: audit.ActionConversationRead, Case: caseA,
			Actor:       audit.Actor{ID: "s-1", Person: "p-1", Role: "agent", Unit: "u-1", Session: "x-1"},
			Decision:    &audit.Decision{ID: "d-1", Path: "conversation.read", Policy: "sha256:00", Engine: "opa/1", Input: audit.Commit(nil, "input", caseA, nil), Result: "allow"},
			Details:     audit.Details{"head": "sha256:00", "messages": int64(12), "empty": "", "minus": int64(-3), "yes": true},
			Commitments: audit.Commitments{"result": audit.Commit(nil, "result", caseA, nil), "other": audit.Commit(nil, "other", caseA, nil)}},
	} {
		details := `"details":{`
		for name, forge := range map[string]struct {
			old, new string
			ok       bool
		}{
			"nothing wrong":        {"", "", true},
			"words":                {details, details + `"a":"je suis Camille",`, false},
			"an accent":            {details, details + `"a":"é",`, false},
			"an escape":            {details, details + `"a":"je\u0020suis",`, false},
			"a line break":         {details, details + `"a":"je\nsuis",`, false},
			"a fraction":           {details, details + `"a":1.5,`, false},
			"a number too large":   {details, details + `"a":9007199254740993,`, false},
			"a null":               {details, details + `"a":null,`, false},
			"an object":            {details, details + `"a":{},`, false},
			"a key of words":       {details, details + `"A-b":1,`, false},
			"a long key":           {details, details + `"` + strings.Repeat("a", 65) + `":1,`, false},
			"keys out of order":    {details, details + `"zz":1,`, false},
			"a key twice":          {details, details + `"head":"x","header":"x",`, false},
			"a space":              {details, `"details": {`, false},
			"an unknown field":     {details, `"note":{},` + details, false},
			"details twice":        {details, `"details":{"a":1},` + details, false},
			"words in the role":    {`"role":"`, `"role":"une enfant de `, false},
			"an unknown actor key": {`"role":"`, `"nick":"x","role":"`, false},
			"a long role":          {`"role":"`, `"role":"` + strings.Repeat("r", 260), false},
		} {
			t.Run(role+": "+name, func(t *testing.T) {
				conn, err := pgx.Connect(t.Context(), db.URL(role))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close(context.Background())
				tx, err := conn.Begin(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = tx.Rollback(context.Background()) }()
				want := unlinked
				if forge.ok {
					want = ""
				}
				_, err = insertForged(t.Context(), tx, func(f *forged) {
					e := honest
					e.V, e.Seq, e.At, e.Prev = f.entry.V, f.entry.Seq, f.entry.At, f.entry.Prev
					f.entry = e
					f.leaf = func(leaf string) string { return strings.Replace(leaf, forge.old, forge.new, 1) }
				})
				if got := code(err); got != want {
					t.Errorf("answered %q (%v), want %q", got, err, want)
				}
			})
		}
	}
}

// A second opening, or a second key, would make the history of a case impossible
// for good; one row of whoever has a face's password must not do that.
func TestWhatHappensOnceToACaseCannotBeWrittenTwice(t *testing.T) {
	db := pgtest.New(t)
	custodian, public := open(t, db, audit.ViaCustodian), open(t, db, audit.ViaPublic)
	key := func(caseID, class string) pglog.Draft {
		return pglog.Draft{Actor: audit.Actor{ID: "custodian"}, Action: audit.ActionKeyCreated, Case: caseID, Subject: audit.Subject{Type: "key", ID: class}}
	}
	opened := func(caseID string) pglog.Draft {
		return pglog.Draft{Actor: audit.Actor{ID: "minor"}, Action: audit.ActionConversationOpened, Case: caseID}
	}
	for _, c := range []struct {
		log  *pglog.Log
		d    pglog.Draft
		want string
	}{
		{custodian, key(caseA, "transcript"), ""},
		{custodian, key(caseA, "identity"), ""},
		{custodian, key(caseB, "transcript"), ""},
		{public, opened(caseA), ""},
		{public, opened(caseB), ""},
		{public, opened(caseA), unlinked},
		{public, opened(""), unlinked},
		{custodian, key(caseA, "transcript"), unlinked},
		{custodian, key(caseB, "identity"), ""},
	} {
		if _, err := c.log.Append(t.Context(), c.d); code(err) != c.want {
			t.Errorf("%s of %s %s: answered %v, want %q", c.d.Action, c.d.Case, c.d.Subject.ID, err, c.want)
		}
	}
	// Nor within one statement.
	_, err := public.Do(t.Context(), pglog.Idempotency{}, func(_ context.Context, turn *pglog.Turn) (any, error) {
		for range 2 {
			if _, err := turn.Append(opened("7f1cce14-0000-4000-8000-00000000000c")); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	if code(err) != unlinked {
		t.Errorf("twice in one turn: %v", err)
	}
}

// Rows of one statement are checked against each other too, and a transaction
// that inserts twice continues its own.
func TestForgedBatches(t *testing.T) {
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.URL("sceau_staff"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := insertForged(t.Context(), tx, func(*forged) {}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The three rows once more, as one statement, renumbered but not chained anew.
	_, err = db.Pool(t, "sceau_staff").Exec(t.Context(), `INSERT INTO sceau.entries SELECT seq + 3, now(), case_id, hash, leaf, via, action, actor_id FROM sceau.entries`)
	if got := code(err); got != unlinked && got != "42804" {
		t.Errorf("answered %q (%v)", got, err)
	}
}

// The opening of an old entry cannot be slipped in later.
func TestOpeningsComeWithTheirEntry(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	salt := pglog.NewSalt()
	d := signedIn(1)
	d.Commitments = audit.Commitments{"why": audit.Commit(salt, "why", "", []byte("a reason"))}
	for name, o := range map[string]pglog.Opening{
		"another value": {Field: "why", Salt: salt, Value: []byte("another")},
		"another field": {Field: "how", Salt: salt, Value: []byte("a reason")},
		"another case":  {Field: "why", Salt: salt, Value: []byte("a reason"), Case: caseA},
		"a short salt":  {Field: "why", Salt: salt[:31], Value: []byte("a reason")},
		"no decision":   {Field: "input", Salt: salt, Value: []byte("a reason")},
	} {
		d.Openings = []pglog.Opening{o}
		if _, err := l.Append(t.Context(), d); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	d.Openings = []pglog.Opening{{Field: "why", Salt: salt, Value: []byte("a reason")}}
	ref, err := l.Append(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	var value string
	if err := db.Super.QueryRow(t.Context(), `SELECT convert_from(value, 'UTF8') FROM sceau.openings WHERE seq = $1`, ref.Seq).Scan(&value); err != nil || value != "a reason" {
		t.Errorf("opening %q, %v", value, err)
	}
	for _, role := range services {
		_, err := db.Pool(t, role).Exec(t.Context(), `INSERT INTO sceau.openings (seq, field, salt, value) VALUES ($1, 'later', $2, '')`, ref.Seq, salt)
		if got := code(err); got != unlinked {
			t.Errorf("%s put an opening beside an old entry: %q (%v)", role, got, err)
		}
	}
}

// A superuser can write the whole log anew, and the export holds. Whoever kept a
// hash of before finds out.
func TestARewrittenLogIsFoundByWhoKeptAHash(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	var kept pglog.Ref
	for n := range 5 {
		ref, err := l.Append(t.Context(), signedIn(n))
		if err != nil {
			t.Fatal(err)
		}
		if n == 3 {
			kept = ref
		}
	}
	l.Close()
	db.Tampered()
	for _, sql := range []string{
		`ALTER TABLE sceau.entries DISABLE TRIGGER ALL`,
		`ALTER TABLE sceau.entries_0000000 DISABLE TRIGGER ALL`,
		`ALTER TABLE sceau.log_head DISABLE TRIGGER ALL`,
	} {
		attack(t, db.Super, sql)
	}
	// Entry 1 is made another agent's, and all after it are chained anew.
	var prev audit.Hash
	for seq := range int64(5) {
		r, err := pglog.At(t.Context(), db.Super, seq)
		if err != nil {
			t.Fatal(err)
		}
		e := r.Entry
		if seq == 0 {
			prev = e.Prev
		}
		if e.Prev = prev; seq == 1 {
			e.Actor.ID = "s-scapegoat"
		}
		leaf, err := audit.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		prev = audit.LeafHash(leaf)
		attack(t, db.Super, `UPDATE sceau.entries SET leaf = $2, hash = $3, actor_id = $4 WHERE seq = $1`, seq, leaf, prev[:], e.Actor.ID)
	}
	attack(t, db.Super, `UPDATE sceau.log_head SET hash = $1`, prev[:])
	for _, sql := range []string{
		`ALTER TABLE sceau.entries ENABLE ALWAYS TRIGGER continue_chain`,
	} {
		attack(t, db.Super, sql)
	}
	attack(t, db.Super, `ALTER TABLE sceau.log_head ENABLE TRIGGER ALL`)

	dir, _, err := export(t, open(t, db, audit.ViaOperator))
	if err != nil {
		t.Fatal(err)
	}
	if r := audit.Verify(os.DirFS(dir), audit.Options{}); r.Damage != nil {
		t.Fatalf("the forger was clumsy: %v", r.Damage)
	}
	r := audit.Verify(os.DirFS(dir), audit.Options{Known: []audit.Known{{Seq: kept.Seq, Hash: kept.Hash}}})
	if r.Damage == nil {
		t.Error("the rewritten log passes before a hash kept from the old one")
	}
}

// A superuser's clumsy change is found by everyone who reads the entry.
func TestReadersRefuseADamagedEntry(t *testing.T) {
	for name, sql := range map[string]string{
		"a bit of the leaf":     `UPDATE sceau.entries SET leaf = set_byte(leaf, 200, get_byte(leaf, 200) # 1) WHERE seq = 1`,
		"the hash":              `UPDATE sceau.entries SET hash = sha256('') WHERE seq = 1`,
		"a column":              `UPDATE sceau.entries SET actor_id = 's-scapegoat' WHERE seq = 1`,
		"the time beside":       `UPDATE sceau.entries SET at = at - interval '1 second' WHERE seq = 1`,
		"leaf and hash in tune": `UPDATE sceau.entries SET leaf = '{}', hash = sha256('\x007b7d') WHERE seq = 1`,
	} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.New(t)
			l := open(t, db, audit.ViaStaff)
			for n := range 3 {
				if _, err := l.Append(t.Context(), signedIn(n)); err != nil {
					t.Fatal(err)
				}
			}
			db.Tampered()
			attack(t, db.Super, `ALTER TABLE sceau.entries DISABLE TRIGGER ALL`)
			attack(t, db.Super, sql)
			attack(t, db.Super, `ALTER TABLE sceau.entries ENABLE ALWAYS TRIGGER continue_chain`)

			_, err := pglog.At(t.Context(), db.Super, 1)
			var d *pglog.Damage
			if !errors.As(err, &d) || d.Seq != 1 {
				t.Errorf("reading entry 1: %v", err)
			}
			read := 0
			for _, err = range pglog.Entries(t.Context(), db.Super, pglog.Filter{}) {
				if err == nil {
					read++
				}
			}
			if !errors.Is(err, pglog.ErrDamaged) {
				t.Errorf("reading on: %v after %d entries", err, read)
			}
			// The export must still be had, for an inspector to see.
			dir, _, err := export(t, open(t, db, audit.ViaOperator))
			if !errors.Is(err, pglog.ErrDamaged) {
				t.Errorf("export: %v", err)
			}
			if _, err := os.Stat(dir + "/" + audit.MetaFile); err != nil {
				t.Error(err)
			}
		})
	}
}
