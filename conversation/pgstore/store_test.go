package pgstore_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/internal/pgtest"
)

var (
	custodian = audit.Actor{ID: "custodian"}
	amal      = audit.Actor{ID: "s-amal", Person: "p-amal", Role: "agent"}
	bruno     = audit.Actor{ID: "s-bruno", Person: "p-bruno", Role: "agent"}
	farah     = audit.Actor{ID: "s-farah", Person: "p-farah", Role: "psychologist"}
	diane     = audit.Actor{ID: "s-diane", Person: "p-diane", Role: "supervisor"}
)

// A world has both faces on one database, and a custodian's hands.
type world struct {
	*pgtest.DB
	t             testing.TB
	public, staff *pgstore.Store
	custodianLog  *pglog.Log
	keys          map[string]keys // by case
}

// vouching signs recipients, as Vault would.
var vouching = ed25519.NewKeyFromSeed([]byte("every world of this test has one."[:ed25519.SeedSize]))

type keys struct{ transcript, identity *seal.Key }

func newWorld(t testing.TB) *world {
	t.Helper()
	if t, ok := t.(*testing.T); ok {
		t.Parallel() // each has a database of its own, and mostly waits for it
	}
	w := &world{DB: pgtest.New(t), t: t, keys: map[string]keys{}}
	w.custodianLog = w.log(audit.ViaCustodian)
	w.public, w.staff = w.store(audit.ViaPublic), w.store(audit.ViaStaff)
	return w
}

func (w *world) log(via audit.Via) *pglog.Log {
	w.t.Helper()
	l, err := pglog.Open(w.t.Context(), pglog.Config{Pool: w.Pool(w.t, "sceau_"+string(via)), Via: via})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(l.Close)
	return l
}

func (w *world) store(via audit.Via) *pgstore.Store {
	w.t.Helper()
	pool := w.Pool(w.t, "sceau_"+string(via))
	recipients, err := pgstore.NewRecipients(pool, seal.RecipientKeys{vouching.Public().(ed25519.PublicKey)}, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := pgstore.NewStore(pgstore.Config{Pool: pool, Log: w.log(via), Recipients: recipients})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// ready makes n ready cases as the custodian does, with X25519 keys for speed.
func (w *world) ready(n int) {
	w.t.Helper()
	for range n {
		id := uuid.NewString()
		k := keys{newKey(w.t), newKey(w.t)}
		w.do(func(ctx context.Context, turn *pglog.Turn) (any, error) {
			seqs := map[string]int64{}
			for class, key := range map[string]*seal.Key{seal.Transcript: k.transcript, seal.Identity: k.identity} {
				ref, err := turn.Append(pglog.Draft{Actor: custodian, Action: audit.ActionKeyCreated, Case: id,
					Subject: audit.Subject{Type: "key", ID: class}, Details: audit.Details{"recipient": seal.Fingerprint(key.Recipient)}})
				if err != nil {
					return nil, err
				}
				seqs[class] = ref.Seq
			}
			_, err := turn.Tx.Exec(ctx, `INSERT INTO sceau.cases (case_id, transcript_recipient, identity_recipient, transcript_seq, identity_seq,
					transcript_signature, identity_signature)
				VALUES ($1, $2, $3, $4, $5, $6, $7)`, id, k.transcript.Recipient, k.identity.Recipient, seqs[seal.Transcript], seqs[seal.Identity],
				vouch(w.t, vouching, id, seal.Transcript, k.transcript), vouch(w.t, vouching, id, seal.Identity, k.identity))
			return nil, err
		})
		w.keys[id] = k
	}
}

func (w *world) do(effect pglog.Effect) {
	w.t.Helper()
	if _, err := w.custodianLog.Do(w.t.Context(), pglog.Idempotency{}, effect); err != nil {
		w.t.Fatal(err)
	}
}

// vouch signs a recipient, as the custodian has Vault do.
func vouch(t testing.TB, key ed25519.PrivateKey, id, class string, k *seal.Key) []byte {
	t.Helper()
	statement, err := seal.RecipientStatement(id, class, k.Recipient)
	if err != nil {
		t.Fatal(err)
	}
	return ed25519.Sign(key, statement)
}

func newKey(t testing.TB) *seal.Key {
	t.Helper()
	k, err := seal.NewKey(false)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// hire makes accounts with a session in their role, as the staff face does.
func (w *world) hire(who ...audit.Actor) {
	w.t.Helper()
	for _, a := range who {
		w.exec(`INSERT INTO sceau.persons VALUES ($1, 'https://issuer', $1) ON CONFLICT DO NOTHING`, a.Person)
		w.exec(`INSERT INTO sceau.staff (staff_id, issuer, subject, person_id) VALUES ($1, 'https://issuer', $1, $2)`, a.ID, a.Person)
		w.exec(`INSERT INTO sceau.staff_sessions (session_id, issuer, sid_sha256, staff_id, role, signed_in_seq)
			VALUES ('x-' || $1, 'https://issuer', sha256(convert_to($1, 'UTF8')), $1, $2, 0)`, a.ID, a.Role)
	}
}

// exec does as a superuser what no role of the service may do.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.Super.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

func clientKey() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

var somewhere = conversation.Connection{Address: netip.MustParseAddr("2001:db8::7"), Port: 40123}

func (w *world) open() pgstore.Opened {
	w.t.Helper()
	w.ready(1)
	o, err := w.public.Open(w.t.Context(), clientKey(), pgstore.Opening{PostalCode: "59000", Topic: conversation.TopicThreats, From: somewhere})
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// ok fails the test when an act that should be allowed is not.
func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// refused fails the test unless err is the refusal wanted.
func (w *world) refused(what string, err, want error) {
	w.t.Helper()
	if !errors.Is(err, want) {
		w.t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// fold reads the case from the log.
func (w *world) fold(caseID string) conversation.Conversation {
	w.t.Helper()
	records, err := pglog.ByCase(w.t.Context(), w.Super, caseID, 0)
	w.ok(err)
	var entries []audit.Entry
	for _, r := range records {
		entries = append(entries, r.Entry)
	}
	c, err := conversation.Fold(entries)
	w.ok(err)
	return c
}

// texts opens every message with the case key, as custodian and face do together,
// and checks the chain up to every head in the log.
func (w *world) texts(caseID string) []string {
	w.t.Helper()
	view, err := w.public.View(w.t.Context(), caseID)
	w.ok(err)
	var texts []string
	var sums [][32]byte
	for from := 0; from < view.Messages; from += pgstore.Page {
		page, err := w.public.Messages(w.t.Context(), caseID, from, view.Messages)
		w.ok(err)
		for _, m := range page {
			text, err := m.Open(caseID, w.fileKey(w.keys[caseID].transcript, m.Ciphertext))
			w.ok(err)
			texts = append(texts, text)
			sums = append(sums, sha256.Sum256(m.Ciphertext))
		}
	}
	if len(texts) != view.Messages {
		w.t.Errorf("%d messages are there, %d are counted", len(texts), view.Messages)
	}
	link, err := conversation.CheckChain(caseID, sums, w.fold(caseID).Heads)
	w.ok(err)
	tx, err := w.Super.Begin(w.t.Context())
	w.ok(err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	messages, head, err := pgstore.LastHead(w.t.Context(), tx, caseID)
	w.ok(err)
	if messages != len(texts) || head != link {
		w.t.Errorf("the row's head is not that of its %d messages", len(texts))
	}
	return texts
}

func (w *world) fileKey(k *seal.Key, ciphertext []byte) []byte {
	w.t.Helper()
	header, err := seal.Header(ciphertext)
	w.ok(err)
	fileKey, err := k.FileKey(header)
	w.ok(err)
	return fileKey
}

func TestAConversation(t *testing.T) {
	w := newWorld(t)
	w.hire(amal, bruno, farah)
	ctx := t.Context()

	o := w.open()
	caseID, err := w.public.ByToken(ctx, o.Token)
	w.ok(err)
	if caseID != o.Case {
		t.Fatalf("the token opens %s, not %s", caseID, o.Case)
	}
	_, err = w.public.WriteAsMinor(ctx, caseID, clientKey(), "Bonjour, il y a quelqu'un ?")
	w.ok(err)
	queue, err := w.staff.Queue(ctx)
	w.ok(err)
	if len(queue) != 1 || queue[0].Case != caseID || queue[0].Topic != conversation.TopicThreats || queue[0].Age < 0 || queue[0].Age > time.Minute {
		t.Errorf("queue: %+v", queue)
	}

	w.ok(w.staff.Join(ctx, amal, caseID, clientKey()))
	w.ok(w.staff.Join(ctx, farah, caseID, clientKey()))
	_, err = w.staff.WriteAsStaff(ctx, amal, caseID, clientKey(), "Bonjour, je suis là.")
	w.ok(err)
	_, err = w.staff.WriteAsStaff(ctx, farah, caseID, clientKey(), "Moi aussi.")
	w.ok(err)
	w.ok(w.public.Entrust(ctx, caseID, clientKey(), conversation.FacetName, "Camille Exemple"))
	w.ok(w.public.Entrust(ctx, caseID, clientKey(), conversation.FacetName, "Camille, chez Dupont"))
	back := conversation.Connection{Address: netip.MustParseAddr("::ffff:192.0.2.9"), Port: 9}
	w.ok(w.public.Returned(ctx, caseID, back))
	w.ok(w.staff.HandOver(ctx, amal, caseID, bruno.ID, clientKey()))
	w.ok(w.staff.Leave(ctx, farah, caseID, clientKey()))
	last, err := w.staff.WriteAsStaff(ctx, bruno, caseID, clientKey(), "Je prends la suite.")
	w.ok(err)
	mine, err := w.staff.Mine(ctx, bruno.ID)
	w.ok(err)
	if len(mine) != 1 || mine[0].State != conversation.StateActive || mine[0].Messages != 5 || last.Position != 4 ||
		len(mine[0].Staff) != 1 || mine[0].Staff[0] != (pgstore.Present{Staff: bruno.ID, Role: "agent"}) {
		t.Errorf("bruno's: %+v", mine)
	}
	w.ok(w.public.CloseAsMinor(ctx, caseID, clientKey()))
	w.ok(w.public.CloseAsMinor(ctx, caseID, clientKey()))

	want := []string{"59000", "Bonjour, il y a quelqu'un ?", "Bonjour, je suis là.", "Moi aussi.", "Je prends la suite."}
	if got := w.texts(caseID); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("transcript %q", got)
	}
	c := w.fold(caseID)
	if c.State != conversation.StateClosed || c.Agent().ID != bruno.ID || c.Active(farah.ID) != nil || !c.TookPart(amal.Person) || c.Count(conversation.FacetName) != 2 {
		t.Errorf("the log says %+v", c)
	}
	view, err := w.staff.ViewAsStaff(ctx, caseID, bruno.ID)
	w.ok(err)
	if view.State != conversation.StateClosed || !view.ClosedAt.Equal(c.ClosedAt) || !view.OpenedAt.Equal(c.OpenedAt) {
		t.Errorf("view %+v", view)
	}

	facets, err := w.public.Sealed(ctx, caseID, conversation.Facets...)
	w.ok(err)
	var told []string
	for i, f := range facets {
		fileKey := w.fileKey(w.keys[caseID].identity, f.Ciphertext)
		if f.Facet == conversation.FacetConnection {
			conn, err := f.OpenConnection(caseID, fileKey)
			w.ok(err)
			told = append(told, netip.AddrPortFrom(conn.Address, conn.Port).String())
			if time.Since(conn.At) > time.Minute {
				t.Errorf("connection of %v", conn.At)
			}
		} else {
			text, err := f.Open(caseID, fileKey)
			w.ok(err)
			told = append(told, text)
		}
		header, err := seal.Header(f.Ciphertext)
		w.ok(err)
		logged := c.Sealed[map[int]int{0: 0, 1: 3, 2: 1, 3: 2}[i]] // the log has the order of time
		if logged.Header != seal.HeaderSum(header) || logged.Facet != f.Facet || logged.Number != f.Number || logged.Seq != f.Seq {
			t.Errorf("facet %s %d is not the one in the log: %+v", f.Facet, f.Number, logged)
		}
	}
	if got := strings.Join(told, "|"); got != "[2001:db8::7]:40123|192.0.2.9:9|Camille Exemple|Camille, chez Dupont" {
		t.Errorf("identity %s", got)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	ines := audit.Actor{ID: "s-ines", Person: "p-ines", Role: "agent"}
	w.hire(amal, bruno, farah, ines)
	w.exec(`UPDATE sceau.staff_sessions SET ended_at = now() WHERE staff_id = $1`, ines.ID)
	ctx := t.Context()
	opening := pgstore.Opening{PostalCode: "59000", Topic: conversation.TopicOther, From: somewhere}

	_, err := w.public.Open(ctx, clientKey(), opening)
	w.refused("opening without a ready key", err, conversation.ErrNoReadyKey)
	o, other := w.open(), w.open()
	for _, code := range []string{"", "00000", "5900", "59000 ", "２９０００"} {
		bad := opening
		bad.PostalCode = code
		_, err = w.public.Open(ctx, clientKey(), bad)
		w.refused("postal code "+code, err, conversation.ErrPostalCode)
	}
	bad := opening
	bad.Topic = "weather"
	_, err = w.public.Open(ctx, clientKey(), bad)
	w.refused("an unknown topic", err, conversation.ErrTopic)
	w.ready(1)
	for _, key := range []string{"short", strings.Repeat("k", 256), "clé-de-seize-octets"} {
		_, err = w.public.Open(ctx, key, opening)
		w.refused("a bad key", err, pglog.ErrIdempotencyKey)
		_, err = w.public.WriteAsMinor(ctx, o.Case, key, "oui")
		w.refused("a bad key", err, pglog.ErrIdempotencyKey)
	}
	_, err = w.public.WriteAsMinor(ctx, o.Case, "", "oui")
	w.refused("no key", err, pglog.ErrIdempotencyKey)

	for _, id := range []string{"", "x", uuid.NewString(), strings.ToUpper(o.Case), "{" + o.Case + "}", o.Case + "\x00"} {
		_, err = w.public.WriteAsMinor(ctx, id, clientKey(), "oui")
		w.refused("writing to "+id, err, conversation.ErrNotFound)
		w.refused("closing "+id, w.public.CloseAsMinor(ctx, id, clientKey()), conversation.ErrNotFound)
		w.refused("joining "+id, w.staff.Join(ctx, amal, id, clientKey()), conversation.ErrNotFound)
		w.refused("entrusting to "+id, w.public.Entrust(ctx, id, clientKey(), "name", "A"), conversation.ErrNotFound)
		w.refused("returning to "+id, w.public.Returned(ctx, id, somewhere), conversation.ErrNotFound)
		_, err = w.staff.ViewAsStaff(ctx, id, amal.ID)
		w.refused("viewing "+id, err, conversation.ErrNotFound)
	}
	for _, token := range []string{"", "x", other.Token + "A", strings.Repeat("A", 43)} {
		_, err = w.public.ByToken(ctx, token)
		w.refused("token", err, conversation.ErrNotFound)
	}
	_, err = w.public.WriteAsMinor(ctx, o.Case, clientKey(), "\x00")
	w.refused("NUL", err, conversation.ErrMessageNotText)
	w.refused("connection as a facet", w.public.Entrust(ctx, o.Case, clientKey(), conversation.FacetConnection, "A"), conversation.ErrFacet)
	w.refused("an empty facet", w.public.Entrust(ctx, o.Case, clientKey(), conversation.FacetName, " "), conversation.ErrFacetEmpty)

	w.refused("a supervisor joins", w.staff.Join(ctx, diane, o.Case, clientKey()), conversation.ErrRole)
	w.refused("a psychologist joins alone", w.staff.Join(ctx, farah, o.Case, clientKey()), conversation.ErrNoAgentYet)
	_, err = w.staff.WriteAsStaff(ctx, amal, o.Case, clientKey(), "sans avoir rejoint")
	w.refused("writing without having joined", err, conversation.ErrNotFound)
	w.refused("closing without having joined", w.staff.CloseAsAgent(ctx, amal, o.Case, clientKey()), conversation.ErrNotFound)
	w.ok(w.staff.Join(ctx, amal, o.Case, clientKey()))
	w.refused("joining twice", w.staff.Join(ctx, amal, o.Case, clientKey()), conversation.ErrAlreadyJoined)
	w.refused("a second agent", w.staff.Join(ctx, bruno, o.Case, clientKey()), conversation.ErrTaken)
	w.ok(w.staff.Join(ctx, farah, o.Case, clientKey()))
	_, err = w.staff.WriteAsStaff(ctx, diane, o.Case, clientKey(), "je supervise")
	w.refused("a supervisor writes", err, conversation.ErrRole)
	asPsychologist := amal
	asPsychologist.Role = "psychologist"
	_, err = w.staff.WriteAsStaff(ctx, asPsychologist, o.Case, clientKey(), "sous un autre rôle")
	w.refused("writing in another role than joined", err, conversation.ErrNotFound)
	w.refused("leaving in another role than joined", w.staff.Leave(ctx, asPsychologist, o.Case, clientKey()), conversation.ErrNotFound)

	w.refused("a stranger hands over", w.staff.HandOver(ctx, bruno, o.Case, bruno.ID, clientKey()), conversation.ErrNotFound)
	w.refused("a psychologist hands over", w.staff.HandOver(ctx, farah, o.Case, bruno.ID, clientKey()), conversation.ErrNotItsAgent)
	w.refused("to a psychologist", w.staff.HandOver(ctx, amal, o.Case, farah.ID, clientKey()), conversation.ErrAlreadyJoined)
	w.refused("to oneself", w.staff.HandOver(ctx, amal, o.Case, amal.ID, clientKey()), conversation.ErrAlreadyJoined)
	w.refused("to nobody", w.staff.HandOver(ctx, amal, o.Case, "s-nobody", clientKey()), conversation.ErrColleague)
	w.refused("to somebody who signed out", w.staff.HandOver(ctx, amal, o.Case, ines.ID, clientKey()), conversation.ErrColleague)
	w.refused("a psychologist closes", w.staff.CloseAsAgent(ctx, farah, o.Case, clientKey()), conversation.ErrNotItsAgent)
	_, err = w.staff.ViewAsStaff(ctx, o.Case, bruno.ID)
	w.refused("somebody else's conversation", err, conversation.ErrNotFound)
	_, err = w.staff.ViewAsStaff(ctx, other.Case, amal.ID)
	w.refused("another conversation", err, conversation.ErrNotFound)

	w.ok(w.staff.CloseAsAgent(ctx, amal, o.Case, clientKey()))
	_, err = w.public.WriteAsMinor(ctx, o.Case, clientKey(), "trop tard")
	w.refused("writing after closing", err, conversation.ErrClosed)
	_, err = w.staff.WriteAsStaff(ctx, amal, o.Case, clientKey(), "trop tard")
	w.refused("writing after closing", err, conversation.ErrClosed)
	w.refused("joining after closing", w.staff.Join(ctx, bruno, o.Case, clientKey()), conversation.ErrNotFound)
	w.refused("leaving after closing", w.staff.Leave(ctx, amal, o.Case, clientKey()), conversation.ErrClosed)
	w.refused("closing after closing", w.staff.CloseAsAgent(ctx, amal, o.Case, clientKey()), conversation.ErrClosed)
	w.refused("entrusting after closing", w.public.Entrust(ctx, o.Case, clientKey(), conversation.FacetName, "A"), conversation.ErrClosed)
	w.ok(w.public.Returned(ctx, o.Case, somewhere)) // to read

	if got := w.texts(o.Case); len(got) != 1 {
		t.Errorf("refused messages were written: %q", got)
	}
	if got := w.texts(other.Case); len(got) != 1 || w.fold(other.Case).State != conversation.StateWaiting {
		t.Errorf("the other conversation was touched: %q", got)
	}
}
