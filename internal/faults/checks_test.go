package faults_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/devstack"
)

// check holds the log, the rows and Vault's own record to what people were told.
func (c *crowd) check() {
	c.Helper()
	c.leave()
	report := c.verify()
	conn, err := pgx.Connect(c.Context(), c.url(devstack.Superuser))
	c.must(err)
	defer conn.Close(context.Background())
	var entries []pglog.Record
	for e, err := range pglog.Entries(c.Context(), conn, pglog.Filter{}) {
		c.must(err)
		entries = append(entries, e)
	}
	// The custodian makes keys ready meanwhile.
	if int64(len(entries)) < report.Checked {
		c.Errorf("%d entries are there, %d were verified", len(entries), report.Checked)
	}
	c.most("entries", int64(len(entries)))
	c.checkMarks(entries)
	c.checkStories(conn, entries)
	c.checkVault(entries)
}

// verify exports the log as an operator does, and has it verified as an inspector
// would.
func (w *world) verify() *audit.Report {
	w.Helper()
	parent, err := os.MkdirTemp(w.TempDir(), "export")
	w.must(err)
	dir := filepath.Join(parent, "export")
	_, err = w.log(audit.ViaOperator).Export(w.Context(), pglog.ExportRequest{Dir: dir, Actor: audit.Actor{ID: "operator", Role: "operator"}, Reason: "after a fault"})
	w.must(err)
	report := audit.Verify(os.DirFS(dir), audit.Options{})
	if report.Damage != nil {
		w.Errorf("the export does not verify: %v", report.Damage)
	}
	w.count("possibly_opened", int64(len(report.Warnings)))
	for _, warning := range report.Warnings {
		if !strings.Contains(string(warning.Code), "possibly_opened") {
			w.Errorf("the verifier warns of something else: %+v", warning)
		}
	}
	return report
}

// checkMarks: what was acknowledged is there, once, where it was said to be; what
// was refused for certain is not.
func (c *crowd) checkMarks(entries []pglog.Record) {
	c.Helper()
	stored := map[string]pglog.Record{}
	for _, e := range entries {
		name, _ := e.Details["mark"].(string)
		if name == "" {
			continue
		}
		if _, twice := stored[name]; twice {
			c.Errorf("mark %s is in the log twice", name)
		}
		if _, written := c.marks[name]; !written {
			c.Errorf("mark %s is in the log and nobody wrote it", name)
		}
		stored[name] = e
	}
	unknown := 0
	for name, m := range c.marks {
		e, there := stored[name]
		switch {
		case m.err == nil && (!there || e.Hash != m.ref.Hash || e.Seq != m.ref.Seq):
			c.Errorf("mark %s was acknowledged as entry %d and is not there", name, m.ref.Seq)
		case errors.Is(m.err, pglog.ErrUnknownOutcome):
			unknown++
		case m.err != nil && there:
			c.Errorf("mark %s was refused (%v) and is there", name, m.err)
		}
	}
	c.count("marks", int64(len(c.marks)))
	c.count("unknown_outcomes", int64(unknown))
}

// checkStories: each conversation is as its people were told, its rows say what
// its entries amount to, and there are no others.
func (c *crowd) checkStories(conn *pgx.Conn, entries []pglog.Record) {
	c.Helper()
	cases := map[string][]pglog.Record{}
	opened, requested, orders := 0, 0, map[int64]string{}
	for _, e := range entries {
		if e.Case != "" {
			cases[e.Case] = append(cases[e.Case], e)
		}
		switch e.Action {
		case audit.ActionConversationOpened:
			opened++
		case audit.ActionEscalationRequested:
			requested++
		case audit.ActionIdentityReleaseOrdered:
			orders[e.Seq] = e.Subject.ID
		}
	}
	asked := 0
	for _, s := range c.stories {
		if s.esc != "" {
			asked++
		}
		for _, seq := range s.openings {
			if orders[seq] != s.esc {
				c.Errorf("an identity was opened under entry %d, which orders no release of %s", seq, s.esc)
			}
		}
		c.checkStory(conn, s, cases[s.id])
	}
	if opened != len(c.stories) || requested != asked {
		c.Errorf("%d conversations and %d escalations were acknowledged, %d and %d recorded", len(c.stories), asked, opened, requested)
	}
	c.count("escalations", int64(asked))
	c.checkNoRowWithoutEntry(conn)
}

func (c *crowd) checkStory(conn *pgx.Conn, s *story, entries []pglog.Record) {
	c.Helper()
	file, err := escalationstore.FoldRecords(entries)
	if err != nil {
		c.Errorf("conversation %s: %v", s.id, err)
		return
	}
	talk := file.Conversation
	var state string
	var openedSeq, closedSeq int64
	var messages int
	var head []byte
	if err := conn.QueryRow(c.Context(), `SELECT state, opened_seq, coalesce(closed_seq, 0), messages, head FROM sceau.conversations WHERE case_id = $1`, s.id).
		Scan(&state, &openedSeq, &closedSeq, &messages, &head); err != nil {
		c.Errorf("conversation %s: %v", s.id, err)
		return
	}
	if state != string(talk.State) || openedSeq != talk.OpenedSeq || closedSeq != talk.ClosedSeq || s.closed != (talk.State == conversation.StateClosed) {
		c.Errorf("conversation %s: the row says %s %d %d, the entries %s %d %d, closed was acknowledged: %v",
			s.id, state, openedSeq, closedSeq, talk.State, talk.OpenedSeq, talk.ClosedSeq, s.closed)
	}
	if s.joined != (len(talk.Participants) == 1) {
		c.Errorf("conversation %s: %d took part, joining was acknowledged: %v", s.id, len(talk.Participants), s.joined)
	}
	c.checkMessages(conn, s, talk, messages, head)
	if s.esc == "" {
		return
	}
	e, ok := file.Escalation(s.esc)
	if !ok {
		c.Errorf("escalation %s was acknowledged and has no entry", s.esc)
		return
	}
	var row string
	var last int64
	if err := conn.QueryRow(c.Context(), `SELECT state, last_seq FROM sceau.escalations WHERE escalation_id = $1`, s.esc).Scan(&row, &last); err != nil {
		c.Errorf("escalation %s: %v", s.esc, err)
		return
	}
	if row != string(e.State) || last != e.LastSeq || e.State != s.state {
		c.Errorf("escalation %s: the row says %s by %d, the entries %s by %d, acknowledged was %s", s.esc, row, last, e.State, e.LastSeq, s.state)
	}
	if len(file.Escalations) != 1 {
		c.Errorf("conversation %s has %d escalations, one was asked for", s.id, len(file.Escalations))
	}
}

// checkMessages: the messages are those that were acknowledged, in one chain that
// the entries agree with.
func (c *crowd) checkMessages(conn *pgx.Conn, s *story, talk conversation.Conversation, count int, head []byte) {
	c.Helper()
	rows, err := conn.Query(c.Context(), `SELECT ciphertext FROM sceau.messages WHERE case_id = $1 ORDER BY position`, s.id)
	c.must(err)
	texts, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	c.must(err)
	sums := make([][32]byte, len(texts))
	for i, text := range texts {
		sums[i] = sha256.Sum256(text)
	}
	link, err := conversation.CheckChain(s.id, sums, talk.Heads)
	if err != nil || string(link[:]) != string(head) {
		c.Errorf("conversation %s: its messages are no chain to its head: %v", s.id, err)
	}
	if len(texts) != count || len(texts) != len(s.said) {
		c.Errorf("conversation %s: %d messages are there, its row says %d, %d were acknowledged", s.id, len(texts), count, len(s.said))
	}
}

// checkNoRowWithoutEntry: each row that an entry must stand behind has one.
func (c *crowd) checkNoRowWithoutEntry(conn *pgx.Conn) {
	c.Helper()
	for what, query := range map[string]string{
		"conversations": `SELECT count(*) FROM sceau.conversations c WHERE NOT EXISTS (SELECT FROM sceau.entries e
			WHERE e.seq = c.opened_seq AND e.case_id = c.case_id AND e.action = 'conversation.opened')`,
		"escalations": `SELECT count(*) FROM sceau.escalations s WHERE NOT EXISTS (SELECT FROM sceau.entries e
			WHERE e.seq = s.last_seq AND e.case_id = s.case_id)`,
		"participants": `SELECT count(*) FROM sceau.participants p WHERE NOT EXISTS (SELECT FROM sceau.entries e
			WHERE e.seq = p.joined_seq AND e.case_id = p.case_id)`,
		"facets": `SELECT count(*) FROM sceau.facets f WHERE NOT EXISTS (SELECT FROM sceau.entries e
			WHERE e.seq = f.sealed_seq AND e.case_id = f.case_id AND e.action = 'identity.sealed')`,
		"openings": `SELECT count(*) FROM sceau.openings o WHERE NOT EXISTS (SELECT FROM sceau.entries e WHERE e.seq = o.seq)`,
	} {
		var n int
		if err := conn.QueryRow(c.Context(), query).Scan(&n); err != nil || n != 0 {
			c.Errorf("%d %s without an entry, %v", n, what, err)
		}
	}
}

// allows says which case key an entry lets the custodian read.
var allows = map[audit.Action]string{
	audit.ActionConversationRead:       seal.Transcript,
	audit.ActionEvidenceRead:           seal.Transcript,
	audit.ActionIdentityReleaseOrdered: seal.Identity,
}

// checkVault holds every reading of a case key, by Vault's own record, to the
// log: an entry allows it, of that case and for that key. Of times nothing is
// said here: some of these tests bend PostgreSQL's clock.
func (w *world) checkVault(entries []pglog.Record) {
	w.Helper()
	byHash, cases := map[string]pglog.Record{}, map[string]bool{}
	for _, e := range entries {
		byHash[hex.EncodeToString(e.Hash[:])] = e
		cases[e.Case] = true
	}
	reads := 0
	for _, a := range w.vault.Audit(w.T) {
		path, isKey := strings.CutPrefix(a.Request.Path, devstack.CasesMount+"/data/")
		if a.Type != "request" || a.Request.Operation != "read" || !isKey {
			continue
		}
		id, class, _ := strings.Cut(path, "/")
		if !cases[id] {
			continue // of another test's log
		}
		reads++
		if e, ok := byHash[a.CorrelationID()]; !ok || e.Case != id || allows[e.Action] != class || e.Via != audit.ViaCustodian {
			w.Errorf("the %s key of case %s was read under %q, which is no entry that allows it", class, id, a.CorrelationID())
		}
	}
	w.count("keys_read", int64(reads))
}

// recovers waits until everything is served again, and says how long that took.
func (c *crowd) recovers(f *face) {
	c.Helper()
	began := time.Now()
	s, err := c.granted(f)
	if err == nil {
		err = c.release(s, c.staff["amal"], "connection")
	}
	took := time.Since(began)
	if err != nil {
		c.Errorf("a whole escalation after the fault: %v", err)
	}
	if took > recovery {
		c.Errorf("a whole escalation took %v after the fault was over", took)
	}
	c.most("recovery_ms_max", took.Milliseconds())
}
