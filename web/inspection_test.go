package web_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/inspection"
)

// secrets are what stays under seal, whoever inspects.
var secrets = []string{
	"Il a un couteau", "Où es-tu", "Lina M.", "0612345678", "Une arme, ce soir", "Tu peux regarder", "Propos suicidaires", "35000", "127.0.0.1",
}

// inspected is a world in which something happened that an inspector looks at.
type inspected struct {
	*world
	gilles, amal, diane *client
	minor               *client
	id, escalation      string
}

func newInspected(t *testing.T) inspected {
	t.Helper()
	w := newWorld(t)
	i := inspected{world: w, gilles: w.hire("gilles"), amal: w.hire("amal"), diane: w.hire("diane")}
	i.diane.get("/api/v1/me").wants("200")
	i.gilles.get("/api/v1/me").wants("200")
	minor, id := w.talk(i.amal)
	i.id, i.minor = id, minor
	talk := "/api/v1/conversations/" + id
	minor.post("/api/v1/conversation/messages", object{"text": "Il a un couteau."}).wants("201")
	i.amal.post(talk+"/messages", object{"text": "Où es-tu ?"}).wants("201")
	minor.put("/api/v1/conversation/facets/name", object{"value": "Lina M."}).wants("204")
	minor.put("/api/v1/conversation/facets/contact", object{"value": "0612345678"}).wants("204")
	minor.post("/api/v1/conversation/consents", object{"facets": []string{"contact"}, "words": "Tu peux regarder."}).wants("201")
	farah := w.hire("farah")
	farah.post(talk+"/join", object{}).wants("200")
	farah.post(talk+"/opinions", object{"opinion": "danger", "note": "Propos suicidaires répétés."}).wants("201")

	var read shownMessages
	i.amal.get(talk + "/messages").into(&read)
	ask := object{
		"ground": "imminent_danger", "assessment": danger(), "facets": []string{"connection", "name"}, "narrative": "Une arme, ce soir.",
		"evidence": []object{{"position": 1, "sha256": read.Messages[1].SHA256}},
	}
	var esc struct{ ID, Request string }
	i.amal.post(talk+"/escalations", ask).into(&esc)
	i.escalation = esc.ID
	about := "/api/v1/escalations/" + esc.ID
	i.diane.post(about+"/evidence", object{}).wants("200")
	i.diane.post(about+"/approve", object{"request": esc.Request, "facets": []string{"name"}}).wants("200")
	i.amal.post(about+"/identity", object{"facets": []string{"name"}}).wants("200")
	return i
}

// forge writes around the rules, as whoever breaks into the staff face can.
func (i inspected) forge() int64 {
	i.t.Helper()
	ref, err := i.log(audit.ViaStaff).Append(context.Background(), pglog.Draft{
		Actor: audit.Actor{ID: "s-0", Person: "p-0", Role: "supervisor"}, Action: audit.ActionEscalationRevoked, Case: i.id,
		Subject: audit.Subject{Type: "escalation", ID: i.id}, Ground: "imminent_danger", Details: audit.Details{"reason": "misuse"},
	})
	i.must(err)
	return ref.Seq
}

// looked is the last entry of a look, by gilles.
func (i inspected) looked() audit.Entry {
	i.t.Helper()
	page, err := pglog.Search(context.Background(), i.db.Super, pglog.Query{Newest: true, Filter: pglog.Filter{
		Actions: []audit.Action{audit.ActionLogRead}, Limit: 1,
	}}, time.Minute)
	i.must(err)
	if len(page.Found) == 0 {
		i.t.Fatal("nobody looked")
	}
	return page.Found[0].Entry
}

// TestInspectorsSeeNoSecret: whatever an inspector asks for, nothing that is sealed is in
// the answer; each look is one entry that says what was looked at, and one decision.
func TestInspectorsSeeNoSecret(t *testing.T) {
	i := newInspected(t)
	i.forge()
	begun := i.entries()
	paths := []string{
		"/api/v1/log/health", "/api/v1/log/figures", "/api/v1/log/entries", "/api/v1/log/entries?order=newest&role=agent&limit=3",
		"/api/v1/log/cases/" + i.id, "/api/v1/reviews",
		"/api/v1/log/exports/entries", "/api/v1/log/exports/entries?as=json&case=" + i.id, "/api/v1/log/exports/cases/" + i.id,
		"/api/v1/log/exports/cases/" + i.id + "?as=json", "/api/v1/log/exports/figures", "/api/v1/log/exports/figures?as=json",
		"/api/v1/log/exports/reviews?as=csv", "/api/v1/log/exports/reviews?as=json", "/api/v1/log/exports/log",
	}
	for seq := range begun {
		paths = append(paths, fmt.Sprintf("/api/v1/log/entries/%d", seq))
	}
	for _, path := range paths {
		before := i.entries()
		a := i.gilles.get(path).wants("200")
		if n := i.entries() - before; n != 1 {
			t.Errorf("%s wrote %d entries", path, n)
		}
		e := i.looked()
		if e.Actor.Role != "inspector" || e.Decision == nil || e.Decision.Result != audit.ResultAllow || e.Case != "" {
			t.Errorf("%s is recorded as %+v", path, e)
		}
		raw := string(a.raw)
		if strings.HasSuffix(path, "/log") {
			raw = unzipped(t, a.raw)
		}
		for _, secret := range secrets {
			if strings.Contains(raw, secret) {
				t.Errorf("%s shows %q", path, secret)
			}
		}
		for _, name := range []string{"Amal", "Diane", "Farah"} {
			if strings.Contains(raw, name) {
				t.Errorf("%s names %s", path, name)
			}
		}
	}
	for details, path := range map[string]string{
		"map[as:case by_case:" + i.id + " limit:200 view:log]": "/api/v1/log/cases/" + i.id,
		"map[as:entry entry:3 view:log]":                       "/api/v1/log/entries/3",
		"map[as:csv by_role:agent view:log]":                   "/api/v1/log/exports/entries?role=agent",
		"map[as:csv by_case:" + i.id + " story:true view:log]": "/api/v1/log/exports/cases/" + i.id,
		"map[as:export view:log]":                              "/api/v1/log/exports/log",
		"map[as:health view:log]":                              "/api/v1/log/health",
		"map[as:json view:reviews]":                            "/api/v1/log/exports/reviews?as=json",
		"map[before:9 by_ground:consent limit:2 view:log]":     "/api/v1/log/entries?order=newest&before=9&ground=consent&limit=2",
	} {
		i.gilles.get(path).wants("200")
		if got := fmt.Sprint(map[string]any(i.looked().Details)); got != details {
			t.Errorf("%s is recorded as %s, want %s", path, got, details)
		}
	}
	i.gilles.get("/api/v1/log/entries/999999").wants("entry.not_found")
	i.gilles.get("/api/v1/log/cases/" + i.escalation).wants("entry.not_found")
	// What is to be recorded holds ids and codes: nobody's words.
	i.gilles.get("/api/v1/log/entries?actor=Lina%20M.").wants("request.invalid")
	i.gilles.get("/api/v1/log/entries?subject=Lina%20M.").wants("request.invalid")
	if strings.Contains(i.logs.String(), "Lina") {
		t.Error("a log names her")
	}
}

func unzipped(t *testing.T, raw []byte) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// TestExportOfAll: what an inspector takes away is verified, folded and replayed on a
// laptop as the operator's own export is.
func TestExportOfAll(t *testing.T) {
	i := newInspected(t)
	a := i.gilles.get("/api/v1/log/exports/log").wants("200")
	z, err := zip.NewReader(bytes.NewReader(a.raw), int64(len(a.raw)))
	i.must(err)
	if r := audit.Verify(z, audit.Options{}); r.Damage != nil || r.Bundles != 1 || r.Checked < 10 || r.Opened == 0 {
		t.Fatalf("%+v, %v", r, r.Damage)
	}
	l, err := inspection.Lives(z, 0)
	if err != nil || l.Damage != nil || l.Escalations != 1 {
		t.Errorf("%+v, %v", l, err)
	}
	r, err := inspection.Replay(t.Context(), z, inspection.Options{})
	if err != nil || r.Asked == 0 || r.Same != r.Asked {
		t.Errorf("%+v, %v", r, err)
	}
}

type storyBody struct {
	Entries, Disregarded int
	Escalations          []struct {
		ID, State string
		Openings  []struct{ Outcome string }
	}
	Steps []struct {
		Seq                             int64
		Action, Disregarded, Impossible string
		Changes                         []struct{ Escalation, Before, After string }
	}
	Next *int64
}

func TestCaseStory(t *testing.T) {
	i := newInspected(t)
	forged := i.forge()
	var b storyBody
	i.gilles.get("/api/v1/log/cases/" + i.id).into(&b)
	if len(b.Escalations) != 1 || b.Escalations[0].State != "released" || b.Escalations[0].Openings[0].Outcome != "opened" ||
		b.Disregarded != 1 || b.Entries != len(b.Steps) {
		t.Fatalf("%+v", b)
	}
	last := b.Steps[len(b.Steps)-1]
	if last.Seq != forged || last.Disregarded == "" || len(last.Changes) > 0 {
		t.Errorf("what was written around the rules reads %+v", last)
	}
	var states []string
	for _, s := range b.Steps {
		for _, c := range s.Changes {
			if c.Before != c.After {
				states = append(states, c.After)
			}
		}
	}
	if got := strings.Join(states, " "); got != "requested approved released" {
		t.Errorf("it went through %s", got)
	}
	var page storyBody
	i.gilles.get("/api/v1/log/cases/" + i.id + "?limit=4").into(&page)
	if len(page.Steps) != 4 || page.Next == nil || *page.Next != b.Steps[4].Seq || page.Disregarded != 1 {
		t.Errorf("a page of it: %+v", page)
	}
}

type foundBody struct {
	Read    int64
	Entries []struct {
		Seq  int64
		Hash string
		Leaf struct {
			Action, Ground string
			Actor          struct{ Role string }
		}
	}
	More bool
	Next *int64
}

func TestSearchByAll(t *testing.T) {
	i := newInspected(t)
	find := func(query string) (found []string) {
		t.Helper()
		var b foundBody
		i.gilles.get("/api/v1/log/entries?" + query).into(&b)
		for _, e := range b.Entries {
			found = append(found, e.Leaf.Action)
		}
		return found
	}
	for query, want := range map[string]string{
		"role=supervisor&subject=" + i.escalation:           "evidence.read escalation.approval_given escalation.approved",
		"state=released&case=" + i.id:                       "identity.release_ordered",
		"state=approved&action=escalation.denied":           "",
		"ground=imminent_danger&via=custodian&case=" + i.id: "evidence.read identity.release_ordered identity.released",
		"result=allow&role=agent&ground=imminent_danger":    "escalation.requested identity.release_ordered",
		"result=refuse":                                       "",
		"action=opinion.recorded":                             "opinion.recorded",
		"looks=hide&action=log.read":                          "",
		"looks=hide&role=inspector":                           "staff.signed_in",
		"to=2020-01-01T00:00:00Z":                             "",
		"order=newest&limit=1&state=approved&role=supervisor": "escalation.approved",
	} {
		if got := strings.Join(find(query), " "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	// Nothing that is no id and no code of the log is searched for: it would stay in it.
	before := i.entries()
	for _, query := range []string{
		"person=marie-dupont", "person=p-1", "person=p-00112233445566778", "actor=marie-dupont-0612345678", "actor=x-0011223344556677", "subject=12-rue-des-lilas",
		"subject=sha256:marie", "subject=0612345678", "case=marie", "action=marie.dupont", "role=marie_dupont", "via=marie", "ground=marie_dupont", "state=marie_dupont",
		"result=marie", "looks=marie", "from=marie",
	} {
		i.gilles.get("/api/v1/log/entries?" + query).wants("request.invalid")
		i.gilles.get("/api/v1/log/exports/entries?as=csv&" + query).wants("request.invalid")
	}
	if n := i.entries() - before; n != 0 {
		t.Errorf("%d entries for what was refused", n)
	}
	// Page after page, both ways, everything once: of what was before these searches.
	begun := time.Now()
	var all, newest []int64
	for query := "limit=7"; query != ""; {
		var b foundBody
		i.gilles.get("/api/v1/log/entries?to=" + url.QueryEscape(begun.UTC().Format(time.RFC3339Nano)) + "&" + query).into(&b)
		for _, e := range b.Entries {
			all = append(all, e.Seq)
		}
		if query = ""; b.More {
			query = fmt.Sprintf("limit=7&from_seq=%d", *b.Next)
		}
	}
	for query := "limit=7"; query != ""; {
		var b foundBody
		i.gilles.get("/api/v1/log/entries?order=newest&" + query).into(&b)
		for _, e := range b.Entries {
			newest = append(newest, e.Seq)
		}
		if query = ""; b.More {
			query = fmt.Sprintf("limit=7&before=%d", *b.Next)
		}
	}
	slices.Reverse(newest)
	if len(all) < 15 || !slices.Equal(newest[:len(all)], all) || all[0] != 0 || all[len(all)-1] != int64(len(all)-1) {
		t.Errorf("oldest first %v, newest first %v", all, newest)
	}
}

// TestEntry: the commands that the entry comes with, in a shell, give its hash and those
// of its commitments; and its decision is asked again.
func TestEntry(t *testing.T) {
	i := newInspected(t)
	var found foundBody
	i.gilles.get("/api/v1/log/entries?state=approved").into(&found)
	i.gilles.get("/api/v1/log/entries?action=escalation.approval_given").into(&found)
	type body struct {
		Hash, Prev, Continues, Raw, Base64 string
		Check                              []string
		Commitments                        []struct {
			Field, Hash, State, Value string
			Check                     []string
		}
		Decision struct {
			Replay, Result string
			Input          struct{ Verdict string }
			InForce        bool `json:"in_force"`
			Activated      *int64
			Now            struct{ Allow bool }
			Rules          []struct{ Code, File, Text string }
		}
	}
	var b body
	i.gilles.get(fmt.Sprintf("/api/v1/log/entries/%d", found.Entries[0].Seq)).into(&b)
	if b.Hash != found.Entries[0].Hash || b.Continues != "yes" || !strings.HasPrefix(b.Raw, `{"v":1,`) {
		t.Errorf("%+v", b)
	}
	if got := shell(t, b.Check); got != b.Hash {
		t.Errorf("the shell finds %s, want %s", got, b.Hash)
	}
	open := 0
	for _, c := range b.Commitments {
		if c.State == "open" {
			open++
			if got := shell(t, c.Check); got != c.Hash {
				t.Errorf("%s: the shell finds %s, want %s", c.Field, got, c.Hash)
			}
		}
	}
	d := b.Decision
	if open != 2 || d.Replay != "same" || !d.Now.Allow || d.Input.Verdict != "approve" || !d.InForce || d.Activated == nil || *d.Activated != 0 || len(d.Rules) < 9 {
		t.Errorf("%d open; %+v", open, d)
	}

	// A child's words are committed to, and stay under seal.
	i.gilles.get("/api/v1/log/entries?action=consent.given").into(&found)
	b = body{}
	i.gilles.get(fmt.Sprintf("/api/v1/log/entries/%d", found.Entries[0].Seq)).into(&b)
	sealed := slices.IndexFunc(b.Commitments, func(c struct {
		Field, Hash, State, Value string
		Check                     []string
	}) bool {
		return c.Field == "words"
	})
	if sealed < 0 || b.Commitments[sealed].State != "sealed" || b.Commitments[sealed].Value != "" {
		t.Errorf("%+v", b.Commitments)
	}

	// The first entry continues the origin. An altered one is shown with its damage.
	i.gilles.get("/api/v1/log/entries/0").into(&b)
	if b.Continues != "first" {
		t.Errorf("the first entry continues: %s", b.Continues)
	}
	i.alter(3)
	var damaged struct{ Damage, Continues, Hash string }
	i.gilles.get("/api/v1/log/entries/3").into(&damaged)
	if damaged.Damage == "" {
		t.Errorf("altered, it reads %+v", damaged)
	}
	i.gilles.get("/api/v1/log/entries/4").into(&damaged)
	if damaged.Continues != "no" {
		t.Errorf("after an altered one: %+v", damaged)
	}
}

// TestErasedEntry: of an erased case the entries remain, and say which erased what they
// were decided on.
func TestErasedEntry(t *testing.T) {
	i := newInspected(t)
	i.amal.post("/api/v1/escalations/"+i.escalation+"/close", object{}).wants("200")
	var erasure struct{ ID string }
	i.minor.post("/api/v1/conversation/erasures", object{}).into(&erasure)
	i.hire("hana").post("/api/v1/privacy/erasures/"+erasure.ID+"/decide", object{"verdict": "granted"}).wants("200")
	var found foundBody
	find := func(query string) int64 {
		t.Helper()
		i.gilles.get("/api/v1/log/entries?case=" + i.id + "&" + query).into(&found)
		if len(found.Entries) != 1 {
			t.Fatalf("%s: %+v", query, found)
		}
		return found.Entries[0].Seq
	}
	i.eventually("the custodian has erased it", func() bool {
		i.gilles.get("/api/v1/log/entries?case=" + i.id + "&action=openings.erased").into(&found)
		return len(found.Entries) == 1
	})
	by := find("action=openings.erased")
	var b struct {
		Commitments []struct {
			Field, State, Value string
			ErasedBy            int64 `json:"erased_by"`
		}
		Decision struct {
			Replay   string
			Input    any
			ErasedBy int64 `json:"erased_by"`
		}
	}
	i.gilles.get(fmt.Sprintf("/api/v1/log/entries/%d", find("action=escalation.requested"))).into(&b)
	if b.Decision.Replay != "erased" || b.Decision.ErasedBy != by || b.Decision.Input != nil {
		t.Errorf("%+v", b.Decision)
	}
	for _, c := range b.Commitments {
		sealed := c.Field == "narrative" && c.State == "sealed" // whose opening nobody but the case key ever had
		if !sealed && (c.State != "erased" || c.ErasedBy != by) || c.Value != "" {
			t.Errorf("%+v", c)
		}
	}
	var story storyBody
	i.gilles.get("/api/v1/log/cases/" + i.id).into(&story)
	if len(story.Steps) == 0 || story.Disregarded > 0 || story.Escalations[0].State != "closed" {
		t.Errorf("%+v", story)
	}
}

func shell(t *testing.T, commands []string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-ec", strings.Join(commands, "\n")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// alter changes a stored leaf, as only a superuser can.
func (i inspected) alter(seq int64) {
	i.t.Helper()
	i.db.Tampered()
	conn, err := i.db.Super.Acquire(context.Background())
	i.must(err)
	defer conn.Release()
	for _, sql := range []string{
		`ALTER TABLE sceau.entries DISABLE TRIGGER append_only`, `ALTER TABLE sceau.entries_0000000 DISABLE TRIGGER append_only`,
		fmt.Sprintf(`UPDATE sceau.entries SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '"via"', '"vib"'), 'UTF8') WHERE seq = %d`, seq),
		`ALTER TABLE sceau.entries ENABLE ALWAYS TRIGGER append_only`, `ALTER TABLE sceau.entries_0000000 ENABLE ALWAYS TRIGGER append_only`,
	} {
		_, err := conn.Exec(context.Background(), sql)
		i.must(err)
	}
}

type healthBody struct {
	Size int64
	Head string
	Last *struct {
		Holds    bool
		Entries  int64
		Head     string
		By       string
		Damage   string
		DamageAt *int64 `json:"damage_at"`
	}
	Since        int64
	Verification struct{ Running bool }
	Waiting      []struct {
		What  string
		Count int
	}
}

// TestVerification: on demand, over the whole log, by nobody but inspectors; the result is
// an entry that whoever looks later finds.
func TestVerification(t *testing.T) {
	i := newInspected(t)
	var h healthBody
	i.gilles.get("/api/v1/log/health").into(&h)
	if h.Last != nil || h.Size < 10 || h.Since != h.Size || len(h.Waiting) != 5 {
		t.Fatalf("%+v", h)
	}
	verify := func() healthBody {
		t.Helper()
		i.gilles.post("/api/v1/log/verification", object{}).wants("200")
		var now struct {
			Running        bool
			Checked, Total int64
			Failed         string
		}
		i.eventually("the verification ends", func() bool {
			i.gilles.get("/api/v1/log/verification").into(&now)
			return !now.Running
		})
		if now.Failed != "" {
			t.Fatalf("it failed: %s", now.Failed)
		}
		var h healthBody
		i.gilles.get("/api/v1/log/health").into(&h)
		return h
	}
	h = verify()
	if h.Last == nil || !h.Last.Holds || h.Last.Entries < 10 || h.Last.Head == "" || h.Since != 2 {
		t.Fatalf("%+v, %+v", h, h.Last)
	}
	i.alter(3)
	if h = verify(); h.Last.Holds || h.Last.DamageAt == nil || *h.Last.DamageAt != 3 || h.Last.Damage != "stored" && h.Last.Damage != "leaf" {
		t.Errorf("altered: %+v", h.Last)
	}
	i.amal.post("/api/v1/log/verification", object{}).wants("role.not_allowed")
}

type figuresBody struct {
	From, To time.Time
	Requests int
	Grounds  []struct {
		Ground           string
		Opened, Approved int
	}
	Answers []struct {
		Who             string
		Approved, Quick int
	}
}

// TestNamesTakeAReason: figures show pseudonyms, and whom one stands for is an entry of its
// own that names the human looked up, and why.
func TestNamesTakeAReason(t *testing.T) {
	i := newInspected(t)
	var f, again, other figuresBody
	i.gilles.get("/api/v1/log/figures").into(&f)
	if f.Requests != 1 || f.Grounds[1].Opened != 1 || len(f.Answers) != 1 || f.Answers[0].Approved != 1 || f.Answers[0].Quick != 1 {
		t.Fatalf("%+v", f)
	}
	i.gilles.get("/api/v1/log/figures").into(&again)
	i.gilles.get("/api/v1/log/figures?from=2026-01-01T00:00:00Z&to=2036-01-01T00:00:00Z").into(&other)
	who := f.Answers[0].Who
	if again.Answers[0].Who != who || other.Answers[0].Who == who {
		t.Errorf("%s, again %s, in another period %s", who, again.Answers[0].Who, other.Answers[0].Who)
	}
	ask := func(who, reason string) answer {
		return i.gilles.post("/api/v1/log/names", object{"who": who, "from": f.From, "to": f.To, "reason": reason})
	}
	before := i.entries()
	ask(who, "").wants("naming.not_coded")
	ask(who, "performance").wants("naming.not_coded")
	if i.entries() != before {
		t.Error("what was refused was recorded as seen")
	}
	var named struct {
		Person   string
		Accounts []struct{ ID, Name string }
	}
	ask(who, "misuse").into(&named)
	if len(named.Accounts) == 0 || !strings.Contains(named.Accounts[0].Name, "Diane") {
		t.Errorf("%+v", named)
	}
	e := i.looked()
	if e.Subject != (audit.Subject{Type: "person", ID: named.Person}) || e.Details["reason"] != "misuse" || e.Details["view"] != "names" {
		t.Errorf("recorded as %+v", e)
	}
	before = i.entries()
	ask("MARI-EDUP", "misuse").wants("pseudonym.unknown")
	if n := i.entries() - before; n != 0 {
		t.Errorf("%d entries hold what was typed", n)
	}
	i.diane.post("/api/v1/log/names", object{"who": who, "from": f.From, "to": f.To, "reason": "misuse"}).wants("role.not_allowed")
	i.gilles.get("/api/v1/log/figures?from=2036-01-01T00:00:00Z&to=2026-01-01T00:00:00Z").wants("request.invalid")
	// The key is nowhere to be seen.
	var key []byte
	i.must(i.db.Super.QueryRow(context.Background(), `SELECT key FROM sceau.pseudonyms`).Scan(&key))
	if raw := i.gilles.get("/api/v1/log/figures").raw; bytes.Contains(raw, key) || bytes.Contains(raw, []byte(named.Person)) {
		t.Error("the figures hold what undoes the pseudonyms")
	}
}

// TestCSV: rows that a spreadsheet cannot take for formulas.
func TestCSV(t *testing.T) {
	i := newInspected(t)
	rows, err := csv.NewReader(bytes.NewReader(i.gilles.get("/api/v1/log/exports/entries?case=" + i.id).wants("200").raw)).ReadAll()
	i.must(err)
	if len(rows) < 8 || rows[0][0] != "seq" || rows[1][0] == "" {
		t.Fatalf("%v", rows)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("a cell begins a formula: %q", cell)
			}
		}
	}
}
