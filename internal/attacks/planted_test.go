package attacks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sceau-project/sceau/internal/rig"
)

// A tale is a service that was told things.
type tale struct {
	*rig.Rig
	talk       *rig.Talk
	escalation rig.Escalation // granted, and opened
	plants     []plant
	refused    []byte // every refusal's body
}

// sentences that nobody writes by chance.
const (
	said      = "Le hérisson mauve récite l’alphabet à l’envers sous la véranda."
	answered  = "Garde ton parapluie cramoisi près de l’armoire normande, j’arrive."
	named     = "Zéphyrine Kowalczyk-Oudéna"
	contact   = "zephyrine.koudena.7781@exemple.invalid"
	place     = "23 impasse du Tilleul Argenté, escalier Ω"
	told      = "Récit : le grand-oncle cache la hache derrière le buffet Henri II."
	malformed = "Une bêtise écrite au mauvais endroit, 48°07′N."
)

func newTale(t *testing.T) *tale {
	t.Helper()
	s := &tale{Rig: rig.Start(t, rig.Config{})}
	agent, supervisor := s.Hire("amal"), s.Hire("diane")
	s.talk = s.Talk(agent)
	minor := s.talk.Minor
	s.plants = []plant{{"a message", said}, {"an answer", answered}, {"a name", named}, {"a contact", contact}, {"a location", place},
		{"a narrative", told}, {"what was refused", malformed}, {"a minor's token", minor.Token()},
		{"the agent's token", agent.Token()}, {"the supervisor's token", supervisor.Token()}}

	minor.Wants("ok", http.MethodPost, "/conversation/messages", rig.Object{"text": said})
	agent.Wants("ok", http.MethodPost, "/conversations/"+s.talk.ID+"/messages", rig.Object{"text": answered})
	for facet, value := range map[string]string{"name": named, "contact": contact, "location": place} {
		minor.Wants("ok", http.MethodPut, "/conversation/facets/"+facet, rig.Object{"value": value})
	}
	for _, p := range []*rig.Person{minor, agent} {
		path := map[*rig.Person]string{minor: "/conversation", agent: "/conversations/" + s.talk.ID}[p]
		if r := p.Wants("ok", http.MethodGet, path+"/messages?from=0", nil); !strings.Contains(string(r.Body), said) {
			t.Fatal("what was planted cannot be read")
		}
	}
	s.escalation = s.Ask(s.talk, 1, told, "connection", "name", "contact", "location")
	s.Approve(supervisor, s.escalation, "connection", "name", "contact", "location")
	method, path, body := s.escalation.Identity("connection", "name", "contact", "location")
	if r := agent.Wants("ok", method, path, body); !strings.Contains(string(r.Body), named) {
		t.Fatal("the identity cannot be read")
	}
	var phrase struct{ Phrase string }
	minor.Into(&phrase, http.MethodPost, "/conversation/phrase", nil)
	var back struct{ Token string }
	s.Minor("").Into(&back, http.MethodPost, "/conversation/return", rig.Object{"phrase": phrase.Phrase})
	s.talk.Minor = s.Minor(back.Token) // which ended the one before
	s.plants = append(s.plants, plant{"a recovery phrase", phrase.Phrase}, plant{"the token of a return", back.Token})
	s.refuse(agent, supervisor)
	return s
}

// refuse puts planted text where it is refused, and keeps what was answered.
func (s *tale) refuse(agent, supervisor *rig.Person) {
	s.Helper()
	theirs := "/conversations/" + s.talk.ID
	raw := func(text string) []byte { return []byte(text) }
	quoted, _ := json.Marshal(malformed)
	for _, try := range []struct {
		p            *rig.Person
		method, path string
		body         any
	}{
		{s.Minor(""), http.MethodPost, "/conversations", rig.Object{"postal_code": malformed, "topic": "threats"}},
		{s.Minor(""), http.MethodPost, "/conversations", rig.Object{"postal_code": "35000", "topic": malformed}},
		{s.Minor(""), http.MethodPost, "/conversation/return", rig.Object{"phrase": malformed}},
		{s.Minor(malformed[:10]), http.MethodGet, "/conversation", nil},
		{s.talk.Minor, http.MethodPost, "/conversation/messages", rig.Object{"text": strings.Repeat(malformed, 500)}},
		{s.talk.Minor, http.MethodPost, "/conversation/messages", rig.Object{malformed: malformed}},
		{s.talk.Minor, http.MethodPost, "/conversation/messages", raw(`{"text":` + string(quoted))},
		{s.talk.Minor, http.MethodPut, "/conversation/facets/name", rig.Object{"value": strings.Repeat(named, 100)}},
		{s.talk.Minor, http.MethodPut, "/conversation/facets/connection", rig.Object{"value": named}},
		{s.talk.Minor, http.MethodGet, "/conversation/messages?from=" + strings.ReplaceAll(malformed, " ", "+"), nil},
		{agent, http.MethodPost, theirs + "/messages", raw(string(quoted))},
		{agent, http.MethodPost, theirs + "/escalations", rig.Object{"ground": malformed, "narrative": told, "facets": []string{named}}},
		{agent, http.MethodGet, "/escalations/" + strings.ReplaceAll(malformed, " ", "+"), nil},
		{supervisor, http.MethodGet, theirs + "/messages", nil},
	} {
		r := try.p.Send("", try.method, try.path, try.body)
		if r.Status < 400 || r.Status >= 500 || r.Code == "" {
			s.Errorf("%s %.60s: %d %s", try.method, try.path, r.Status, r.Outcome())
		}
		s.refused = append(append(s.refused, r.Body...), '\n')
	}
}

// TestPlantedTextIsNowhere: sentences, names, phrases and tokens that went through
// every part are looked for wherever a thief could look without a case key.
func TestPlantedTextIsNowhere(t *testing.T) {
	s := newTale(t)
	nowhere(t, "a refusal", s.refused, s.plants)
	for _, face := range []string{rig.Public, rig.Staff} {
		nowhere(t, "the metrics of the "+face+" face", []byte(s.Metrics(face)), s.plants)
	}
	for _, process := range []string{rig.Public, rig.Staff, rig.Custodian} {
		nowhere(t, "the log of "+process, []byte(s.Logged(process)), s.plants)
		s.searchProcess(process)
	}
	// Configuration, logs, state, working and temporary directories. The issuer's
	// own files are another organisation's.
	for _, dir := range []string{"state", "tmp-custodian", "tmp-public", "tmp-staff", "work-custodian", "work-public", "work-staff"} {
		nowhereBelow(t, filepath.Join(s.Dir, dir), s.plants)
	}
	dump := s.dump()
	if !strings.Contains(string(dump), s.talk.ID) {
		t.Error("the dump does not even hold the case's id: it is no dump")
	}
	nowhere(t, "pg_dump", dump, append(s.plants, plant{"a case key", "AGE-SECRET-KEY-"}))
	nowhere(t, "Vault's own record", []byte(strings.Join(s.Vault.AuditLines(t), "\n")), append(s.plants, plant{"a case key", "AGE-SECRET-KEY-"}))
	if n := nowhereBelow(t, filepath.Join(s.Vault.Dir, "storage"), append(s.plants, plant{"a case key", "AGE-SECRET-KEY-"})); n == 0 {
		t.Error("Vault has no storage")
	}
	s.crash()
}

// searchProcess looks into whatever files a process has open, deleted ones too,
// and into what it was started with.
func (s *tale) searchProcess(name string) {
	s.Helper()
	pid := s.Process(name).PID()
	for _, file := range []string{"environ", "cmdline"} {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err == nil {
			nowhere(s, name+"'s "+file, content, s.plants)
		}
	}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	s.Must(err)
	for _, fd := range fds {
		info, err := os.Stat(fd)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		content, err := os.ReadFile(fd)
		if err != nil {
			continue // closed meanwhile, or another file's number by now
		}
		nowhere(s, name+"'s open file "+fd, content, s.plants)
	}
}

// dump is a backup of the whole database, whatever schemas it has.
func (s *tale) dump() []byte {
	s.Helper()
	out, err := exec.Command("pg_dump", s.DB.URL("postgres")).Output()
	s.Must(err)
	return out
}

// crash ends each process as a fault in it would. It leaves no core, whatever the
// system is configured to do with cores, and no text in what it prints at its end.
func (s *tale) crash() {
	s.Helper()
	for name, signals := range map[string][]syscall.Signal{
		rig.Custodian: {syscall.SIGABRT, syscall.SIGSEGV}, rig.Public: {syscall.SIGSEGV}, rig.Staff: {syscall.SIGABRT},
	} {
		for _, signal := range signals {
			p := s.Process(name)
			// The faces may call a custodian ready that they asked before its end: this one
			// may have just begun.
			s.Eventually(rig.Recovery, name+" may write no core", func() bool {
				limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.PID()))
				return err == nil && coreForbidden(string(limits))
			})
			s.Must(syscall.Kill(p.PID(), signal))
			select {
			case <-p.Done():
			case <-time.After(10 * time.Second):
				s.Errorf("%s survives %v", name, signal)
				continue
			}
			for _, dir := range []string{"tmp-" + name, "work-" + name} {
				left, err := os.ReadDir(filepath.Join(s.Dir, dir))
				if err != nil || len(left) > 0 {
					s.Errorf("%s left %v after %v: %v", name, left, signal, err)
				}
			}
			printed := s.Logged(name)
			if !strings.Contains(printed, "goroutine ") {
				s.Errorf("%s printed nothing at its end: what it could print is not tried", name)
			}
			nowhere(s, "what "+name+" printed at its end", []byte(printed), append(s.plants, plant{"a case key", "AGE-SECRET-KEY-"}))
			s.StartProcess(name)
			for _, face := range []string{rig.Public, rig.Staff} {
				s.Eventually(rig.Recovery, "the "+face+" face is back", func() bool { return s.Down(face) == "" })
			}
		}
	}
}

func coreForbidden(limits string) bool {
	for line := range strings.Lines(limits) {
		if rest, is := strings.CutPrefix(line, "Max core file size"); is {
			return strings.Join(strings.Fields(rest), " ") == "0 0 bytes"
		}
	}
	return false
}
