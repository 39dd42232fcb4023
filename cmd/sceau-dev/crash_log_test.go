package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/vaulttest"
)

// A ledger is the whole log, and the rows beside it, as a superuser sees them.
// Both sides of a comparison are told as text by what they are about.
type ledger struct {
	*crashTest
	conn    *pgx.Conn
	entries []pglog.Record
	said    map[string]string // by the entries
	stored  map[string]string // by the rows
}

// checkLog compares the log with what people were told, with the rows, and with
// Vault's own record.
func (c *crashTest) checkLog() {
	c.Helper()
	conn, err := pgx.Connect(c.Context(), c.stack.SuperuserURL())
	if err != nil {
		c.Fatal(err)
	}
	defer conn.Close(c.Context())
	// Entries and rows as of one moment: the custodian goes on making cases ready.
	if _, err := conn.Exec(c.Context(), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		c.Fatal(err)
	}
	l := &ledger{crashTest: c, conn: conn, said: map[string]string{}, stored: map[string]string{}}
	for record, err := range pglog.Entries(c.Context(), conn, pglog.Filter{}) {
		if err != nil {
			c.Fatal(err)
		}
		l.entries = append(l.entries, record)
	}
	l.checkTold()
	l.checkRows()
	l.checkVault()
}

// checkTold: whatever entry somebody was shown is there, unchanged.
func (l *ledger) checkTold() {
	l.Helper()
	escalations := map[string]*tracked{}
	for _, t := range l.crowd.talks {
		for _, one := range t.escalations {
			escalations[one.id] = one
		}
	}
	requested, opened := 0, 0
	for seq, hash := range l.crowd.entries {
		if seq >= int64(len(l.entries)) || l.entries[seq].Hash.String() != hash {
			l.Errorf("entry %d was shown with hash %s and is missing or another", seq, hash)
		}
	}
	l.checkRights()
	for _, e := range l.entries {
		if e.Action == audit.ActionConversationOpened {
			opened++
		}
		if e.Action != audit.ActionEscalationRequested {
			continue
		}
		requested++
		if one := escalations[e.Subject.ID]; one == nil || one.request != e.Hash.String() {
			l.Errorf("entry %d requests a lift that nobody was told of", e.Seq)
		}
	}
	if requested != len(escalations) || opened != len(l.crowd.talks) {
		l.Errorf("%d lifts and %d conversations were acknowledged, %d and %d recorded", len(escalations), len(l.crowd.talks), requested, opened)
	}
	for _, one := range escalations {
		for _, seq := range one.openings {
			if seq >= int64(len(l.entries)) || l.entries[seq].Action != audit.ActionIdentityReleaseOrdered || l.entries[seq].Subject.ID != one.id {
				l.Errorf("an identity was opened under entry %d, which is none of lift %s", seq, one.id)
			}
		}
	}
	l.Count("entries", int64(len(l.entries)))
	l.Logf("%d entries, %d of them had been shown", len(l.entries), len(l.crowd.entries))
}

// checkRights: every consent and every erasure that was acknowledged is there, once,
// and no other.
func (l *ledger) checkRights() {
	l.Helper()
	told := map[string]int{}
	for _, t := range l.crowd.talks {
		for _, one := range t.consents {
			told["consent.given "+one.id] = 1
			if one.taken {
				told["consent.withdrawn "+one.id] = 1
			}
		}
		if t.erasure != "" {
			told["erasure.requested "+t.erasure], told["erasure.decided "+t.erasure] = 1, 1
			told["key.destroyed transcript "+t.id], told["key.destroyed identity "+t.id] = 1, 1
		}
	}
	recorded := map[string]int{}
	for _, e := range l.entries {
		switch e.Action {
		case audit.ActionConsentGiven, audit.ActionConsentWithdrawn, audit.ActionErasureRequested, audit.ActionErasureDecided:
			recorded[string(e.Action)+" "+e.Subject.ID]++
		case audit.ActionKeyDestroyed:
			recorded[string(e.Action)+" "+e.Subject.ID+" "+e.Case]++
		}
	}
	for what, n := range told {
		if recorded[what] != n {
			l.Errorf("%s was acknowledged, and is recorded %d times", what, recorded[what])
		}
	}
	for what := range recorded {
		if told[what] == 0 {
			l.Errorf("%s is recorded, and nobody was told", what)
		}
	}
}

// checkRows: what the rows say is what the entries amount to, and nothing else.
func (l *ledger) checkRows() {
	l.Helper()
	cases := map[string][]pglog.Record{}
	for _, e := range l.entries {
		if e.Case != "" {
			cases[e.Case] = append(cases[e.Case], e)
		}
		if e.Action == audit.ActionStaffSignedIn {
			l.say("session "+e.Actor.Session, e.Actor.ID, e.Actor.Person, e.Actor.Role, e.Seq)
		}
	}
	for id, entries := range cases {
		l.sayCase(id, entries)
	}
	l.rows("session", `SELECT session_id, staff_id, person_id, role, signed_in_seq FROM sceau.staff_sessions JOIN sceau.staff USING (staff_id)`)
	l.rows("case", `SELECT c.case_id::text, transcript_recipient, identity_recipient, transcript_seq, identity_seq, opened,
		coalesce(transcript_destroyed_seq, 0), coalesce(identity_destroyed_seq, 0) FROM sceau.cases c`)
	l.rows("consent", `SELECT consent_id::text, case_id::text, facets, given_at, given_seq, coalesce(withdrawn_seq, 0), words FROM sceau.consents`)
	l.rows("erasure", `SELECT erasure_id::text, case_id::text, requested_at, requested_seq, verdict, decided_at, coalesce(decided_seq, 0) FROM sceau.erasures`)
	l.rows("conversation", `SELECT case_id::text, topic, state, opened_at, opened_seq, closed_at, coalesce(closed_seq, 0), messages, head FROM sceau.conversations`)
	l.rows("participants of", `SELECT case_id::text, array_agg(format('%s %s %s %s-%s', staff_id, person_id, role, joined_seq, coalesce(left_seq, 0))
		ORDER BY joined_seq) FROM sceau.participants GROUP BY case_id`)
	l.rows("facet", `SELECT format('%s %s of %s', facet, number, case_id), sealed_seq, ciphertext FROM sceau.facets`)
	l.rows("escalation", `SELECT escalation_id::text, case_id::text, requester_id, requester_person, ground, state, requested_at, deadline, last_seq FROM sceau.escalations`)
	l.rows("narrative", `SELECT escalation_id::text, case_id::text, ciphertext FROM sceau.narratives`)
	for _, about := range slices.Sorted(maps.Keys(l.said)) {
		if l.said[about] != l.stored[about] {
			l.Errorf("%s:\nthe entries say %s\nthe rows say    %s", about, l.said[about], l.stored[about])
		}
	}
	for about, stored := range l.stored {
		if _, known := l.said[about]; !known {
			l.Errorf("%s has no entry: %s", about, stored)
		}
	}
}

// say notes what entries amount to.
func (l *ledger) say(about string, values ...any) { l.said[about] = tell(values) }

// rows notes what rows say; their first column is what they are about.
func (l *ledger) rows(kind, query string) {
	l.Helper()
	rows, err := l.conn.Query(l.Context(), query)
	if err != nil {
		l.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			l.Fatal(err)
		}
		l.stored[fmt.Sprintf("%s %s", kind, values[0])] = tell(values[1:])
	}
	if err := rows.Err(); err != nil {
		l.Fatal(err)
	}
}

// tell writes values alike, wherever they come from: times as entries do,
// recipients and sealed bytes by what an entry says of them.
func tell(values []any) string {
	words := make([]string, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case time.Time:
			words[i] = "-"
			if !v.IsZero() {
				words[i] = audit.FormatTime(v)
			}
		case nil:
			words[i] = "-"
		case []byte:
			if len(v) == sha256.Size {
				words[i] = conversation.FormatHead([32]byte(v))
			} else if header, err := seal.Header(v); err == nil {
				words[i] = seal.HeaderSum(header)
			}
		case string:
			if words[i] = v; strings.HasPrefix(v, "age1") {
				words[i] = seal.Fingerprint(v)
			}
		default:
			words[i] = fmt.Sprint(v)
		}
	}
	return strings.Join(words, " ")
}

// sayCase folds the entries of a case, and checks its messages against the heads
// that they recorded.
func (l *ledger) sayCase(id string, entries []pglog.Record) {
	l.Helper()
	leaves := make([]escalation.Leaf, len(entries))
	for i, e := range entries {
		leaves[i] = escalation.Leaf{Entry: e.Entry, Hash: e.Hash}
	}
	file, err := escalation.Fold(leaves)
	if err != nil {
		l.Errorf("case %s: %v", id, err)
		return
	}
	talk := file.Conversation
	transcript, identity := talk.Key(seal.Transcript), talk.Key(seal.Identity)
	if transcript == nil || identity == nil {
		l.Errorf("case %s has not both its keys", id)
		return
	}
	l.say("case "+id, transcript.Recipient, identity.Recipient, transcript.CreatedSeq, identity.CreatedSeq, talk.State != "",
		transcript.DestroyedSeq, identity.DestroyedSeq)
	if talk.State == "" {
		return
	}
	messages, head := l.messages(talk)
	l.say("conversation "+id, string(talk.Topic), string(talk.State), talk.OpenedAt, talk.OpenedSeq, talk.ClosedAt, talk.ClosedSeq, messages, head)
	if len(talk.Participants) > 0 {
		var list []string
		for _, p := range talk.Participants {
			list = append(list, fmt.Sprintf("%s %s %s %d-%d", p.ID, p.Person, p.Role, p.JoinedSeq, p.LeftSeq))
		}
		l.say("participants of "+id, list)
	}
	for _, one := range talk.Consents {
		l.say("consent "+one.ID, id, strings.Join(one.Facets, ","), one.GivenAt, one.GivenSeq, one.WithdrawnSeq, one.Words)
	}
	for _, one := range talk.Erasures {
		l.say("erasure "+one.ID, id, one.RequestedAt, one.RequestedSeq, one.Verdict, one.DecidedAt, one.DecidedSeq)
	}
	for _, f := range talk.Sealed {
		l.say(fmt.Sprintf("facet %s %d of %s", f.Facet, f.Number, id), f.Seq, f.Header)
	}
	for _, e := range file.Escalations {
		deadline, _ := e.Deadline()
		l.say("escalation "+e.ID, id, e.Requester.ID, e.Requester.Person, e.Ground, string(e.State), e.RequestedAt, deadline, e.LastSeq)
		if e.State != escalation.Refused {
			l.say("narrative "+e.ID, id, e.Narrative)
		}
	}
}

// messages recomputes the chain of a conversation's messages.
func (l *ledger) messages(talk conversation.Conversation) (count int, head []byte) {
	l.Helper()
	rows, err := l.conn.Query(l.Context(), `SELECT position, sha256(ciphertext) FROM sceau.messages WHERE case_id = $1 ORDER BY position`, talk.Case)
	if err != nil {
		l.Fatal(err)
	}
	var sums [][32]byte
	var position int
	var sum []byte
	if _, err := pgx.ForEachRow(rows, []any{&position, &sum}, func() error {
		if position != len(sums) {
			return fmt.Errorf("message %d follows message %d", position, len(sums)-1)
		}
		sums = append(sums, [32]byte(sum))
		return nil
	}); err != nil {
		l.Errorf("case %s: %v", talk.Case, err)
		return 0, nil
	}
	link, err := conversation.CheckChain(talk.Case, sums, talk.Heads)
	if err != nil {
		l.Errorf("case %s: %v", talk.Case, err)
	}
	return len(sums), link[:]
}

// allows says which case key an entry lets the custodian read.
var allows = map[audit.Action]string{
	audit.ActionConversationRead:       seal.Transcript,
	audit.ActionEvidenceRead:           seal.Transcript,
	audit.ActionIdentityReleaseOrdered: seal.Identity,
}

// tooLate is how long after its entry a case key may be read, and some more for
// Vault to write it down on a busy machine.
const tooLate = 5*time.Second + 2*time.Second

// checkVault holds every reading of a case key, by Vault's own record, against
// the log: an entry allows it, of that case, for that key, from before. And no
// release is recorded that Vault knows nothing of.
func (l *ledger) checkVault() {
	l.Helper()
	byHash := map[string]*pglog.Record{}
	for i, e := range l.entries {
		byHash[hex.EncodeToString(e.Hash[:])] = &l.entries[i]
	}
	destroyed := map[string]*pglog.Record{} // by case and class
	for i, e := range l.entries {
		if e.Action == audit.ActionKeyDestroyed {
			destroyed[e.Case+"/"+e.Subject.ID] = &l.entries[i]
		}
	}
	gone := map[string]bool{}
	read := map[string]string{} // Vault's id of the request → the entry's hash
	for _, a := range l.audited() {
		if path, is := strings.CutPrefix(a.Request.Path, devstack.CasesMount+"/destroy/"); is {
			at, err := time.Parse(time.RFC3339Nano, a.Time)
			if d := destroyed[path]; err != nil || d == nil || at.Before(d.At) {
				l.Errorf("Vault was told to destroy %s, and no entry from before says so", path)
			}
			gone[path] = gone[path] || a.Type == "response" && a.Error == ""
		}
		path, isKey := strings.CutPrefix(a.Request.Path, devstack.CasesMount+"/data/")
		if a.Type != "request" || a.Request.Operation != "read" || !isKey {
			continue
		}
		id, class, _ := strings.Cut(path, "/")
		at, err := time.Parse(time.RFC3339Nano, a.Time)
		e := byHash[a.CorrelationID()]
		switch {
		case err != nil:
			l.Errorf("Vault's record: %v", err)
		case e == nil:
			l.Errorf("the %s key of case %s was read under no entry", class, id)
		case e.Case != id || allows[e.Action] != class || e.Via != audit.ViaCustodian:
			l.Errorf("the %s key of case %s was read under entry %d, %s of case %s", class, id, e.Seq, e.Action, e.Case)
		case destroyed[path] != nil && destroyed[path].Seq < e.Seq:
			l.Errorf("the %s key of case %s was read under entry %d, after entry %d had destroyed it", class, id, e.Seq, destroyed[path].Seq)
		case at.Before(e.At) || at.After(e.At.Add(tooLate)):
			l.Errorf("the %s key of case %s was read %v after entry %d", class, id, at.Sub(e.At), e.Seq)
		default:
			read[a.Request.ID] = e.Hash.String()
		}
	}
	for path, d := range destroyed {
		if !gone[path] {
			l.Errorf("entry %d says that %s is destroyed, and Vault was not told", d.Seq, path)
		}
	}
	released := 0
	for _, e := range l.entries {
		if e.Action != audit.ActionIdentityReleased {
			continue
		}
		released++
		if request, _ := e.Details["vault_request"].(string); read[request] == "" || read[request] != e.Details["intent"] {
			l.Errorf("entry %d records a release that Vault knows nothing of", e.Seq)
		}
	}
	for what, n := range map[string]int{"keys_read": len(read), "releases": released, "keys_destroyed": len(gone)} {
		l.Count(what, int64(n))
	}
	l.Logf("Vault read %d case keys, each under its entry; %d releases; %d keys destroyed", len(read), released, len(gone))
}

// audited is Vault's own record.
func (l *ledger) audited() (all []vaulttest.Audited) {
	l.Helper()
	f, err := os.Open(l.stack.Vault.AuditFile)
	if err != nil {
		l.Fatal(err)
	}
	defer f.Close()
	torn := 0
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil { // the end; what has no newline is still being written
			break
		}
		var a vaulttest.Audited
		if json.Unmarshal(line, &a) != nil {
			torn++ // Vault was killed while it wrote it
			continue
		}
		all = append(all, a)
	}
	kills := 0
	for _, o := range l.outages {
		if o.has(victimVault) {
			kills++
		}
	}
	if torn > kills {
		l.Errorf("%d lines of Vault's record cannot be read", torn)
	}
	return all
}
