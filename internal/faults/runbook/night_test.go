package runbook

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.yaml.in/yaml/v3"

	"github.com/sceau-project/sceau/internal/rig"
)

// TestANight goes through the rest of the runbook on one service: what it tells the
// operator to look at shows what it says, and what it tells them to do helps.
func TestANight(t *testing.T) {
	d := begin(t)
	d.Eventually(rig.Recovery, "the custodian is ready", func() bool { _, ready := d.said(); return ready })
	talk := d.Talk(d.amal)
	write(talk.Minor, arrived)
	if said := d.follow("look"); strings.Count(said, `"ready":true`) != 3 {
		t.Errorf("not everything is ready, or not everything was asked:\n%s", said)
	}
	d.follow("check-config")
	d.follow("migrate")
	d.follow("clock")
	d.follow("undelivered")
	d.metricsAreThere()

	t.Run("a sealed Vault", func(t *testing.T) {
		d := d.in(t)
		d.Vault.Seal(d)
		d.Eventually(rig.Recovery, "vault is down", func() bool { down, _ := d.said(); return down == "vault" })
		if said := d.follow("seal-status"); said != "true\n" {
			t.Errorf("sealed: %s", said)
		}
		if said := d.follow("backlog"); !strings.Contains(said, "sceau_custodian_vault_up 0\n") {
			t.Errorf("Vault is sealed, and the metrics say\n%s", said)
		}
		d.Open().Wants("ok", http.MethodPost, "/conversation/close", nil)
		d.Vault.Unseal(d)
		d.Eventually(rig.Recovery, "the custodian is ready", func() bool { _, ready := d.said(); return ready })
	})
	t.Run("the head is held", d.headHeld)
	t.Run("the custodian cannot remember", func(t *testing.T) {
		d := d.in(t)
		talk := d.Talk(d.amal)
		write(talk.Minor, arrived)
		// What a full disk does to the file, whoever runs the test.
		inTheWay := filepath.Join(d.Dir, "state", "head.json.new")
		d.Must(os.Mkdir(inTheWay, 0o700))
		if r := d.amal.Send("", http.MethodGet, "/conversations/"+talk.ID+"/messages?from=1", nil); r.Outcome() != "custodian.failed" {
			t.Errorf("%s, want custodian.failed", r.Outcome())
		}
		if !strings.Contains(d.Logged(rig.Custodian), "remembering the head") {
			t.Error("the custodian does not say why")
		}
		d.Must(os.Remove(inTheWay))
		if !reads(d.amal, "/conversations/"+talk.ID+"/messages?from=1", arrived) {
			t.Error("it does not go on by itself")
		}
	})
	t.Run("possibly opened", func(t *testing.T) {
		d := d.in(t)
		if said := d.follow("possibly-opened"); !strings.Contains(said, "(0 rows)") {
			t.Errorf("before anything was opened:\n%s", said)
		}
	})
	t.Run("a suspected tampering", func(t *testing.T) {
		d := d.in(t)
		d.signersOfTheInspector()
		if said := d.follow("suspect"); !strings.Contains(said, "serial 1") || !strings.Contains(said, "still agree: 1") {
			t.Errorf("whose policy, and whether the head is the one that was seen, is not told:\n%s", said)
		}
		d.Must(os.MkdirAll(filepath.Join(d.backup, "incident"), 0o700))
		if said := d.follow("lost-reads"); said != "" {
			t.Errorf("every reading has its entry, and the operator is told of\n%s", said)
		}
	})
	t.Run("a colleague must be stopped", func(t *testing.T) {
		d := d.in(t)
		person := d.ask(`SELECT person_id FROM sceau.staff WHERE staff_id = (SELECT actor_id FROM (
			SELECT convert_from(leaf, 'UTF8')::jsonb #>> '{actor,id}' AS actor_id FROM sceau.entries WHERE action = 'conversation.joined' LIMIT 1) j)`)
		said := d.follow("suspend", "PERSON="+person)
		if !strings.Contains(said, person) || !strings.Contains(said, "is suspended since entry") {
			t.Errorf("%s", said)
		}
		if r := d.amal.Send("", http.MethodGet, "/conversations/"+talk.ID+"/messages", nil); r.Outcome() == "ok" {
			t.Error("who is suspended reads on")
		}
	})
}

// in is the same service in a part of the test.
func (d *duty) in(t *testing.T) *duty {
	copied, service := *d, *d.Rig
	service.TB = t
	copied.Rig = &service
	return &copied
}

// headHeld: a session holds the head of the log, as a compromised process can.
func (d *duty) headHeld(t *testing.T) {
	d = d.in(t)
	conn, err := pgx.Connect(t.Context(), d.DB.URL("sceau_staff"))
	d.Must(err)
	defer conn.Close(t.Context())
	for _, sql := range []string{`SET idle_in_transaction_session_timeout = 0`, `BEGIN`, `SELECT sceau.lock_head()`} {
		_, err := conn.Exec(t.Context(), sql)
		d.Must(err)
	}
	pid := d.ask(`SELECT pid::text FROM pg_stat_activity WHERE query LIKE '%lock_head%' AND state = 'idle in transaction'`)
	d.Eventually(rig.Recovery, "the custodian says log", func() bool { down, _ := d.said(); return down == "log" })
	d.Eventually(30*time.Second, "the operator is shown who holds the head", func() bool {
		ask := exec.Command("curl", "-s", "http://"+d.Address(rig.Staff)+"/readyz") // so that somebody waits for it
		_ = ask.Start()
		defer func() { _ = ask.Wait() }()
		return strings.Contains(d.follow("who-holds"), " "+pid+" ")
	})
	d.follow("end-holder", "PID="+pid)
	d.Eventually(rig.Recovery, "the custodian is ready", func() bool { _, ready := d.said(); return ready })
}

// signersOfTheInspector writes the file that verify wants: here, what the custodian pins.
func (d *duty) signersOfTheInspector() {
	d.Helper()
	raw, err := os.ReadFile(filepath.Join(d.Dir, "custodian.yaml"))
	d.Must(err)
	var pinned struct {
		Policy struct {
			Signers []struct{ Person, Key string }
		}
	}
	d.Must(yaml.Unmarshal(raw, &pinned))
	var text string
	for _, s := range pinned.Policy.Signers {
		text += s.Person + " " + s.Key + "\n"
	}
	d.Must(os.WriteFile(filepath.Join(d.Dir, "signers"), []byte(text), 0o600))
}

// metricsAreThere: every metric that operators are told to look at is published.
func (d *duty) metricsAreThere() {
	d.Helper()
	all := d.Metrics(rig.Public) + d.Metrics(rig.Staff) + d.follow("backlog")
	for _, name := range documents(d, regexp.MustCompile(`\bsceau_[a-z_]*[a-z]\b`)) {
		if slices.Contains([]string{"sceau_owner", "sceau_public", "sceau_staff", "sceau_custodian", "sceau_operator", "sceau_queue",
			// Counters that appear with the first request or try.
			"sceau_http_request_seconds_count", "sceau_notices_total"}, name) {
			continue
		}
		if !strings.Contains(all, "\n"+name) && !strings.HasPrefix(all, name) {
			d.Errorf("nobody publishes %s", name)
		}
	}
}

// documents lists what the operator's documents say, by a form.
func documents(t testing.TB, form *regexp.Regexp) (found []string) {
	t.Helper()
	for _, name := range []string{"runbook.md", "operate.md"} {
		text, err := os.ReadFile(filepath.Join(root, "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range form.FindAllStringSubmatch(string(text), -1) {
			found = append(found, m[len(m)-1])
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s is found nowhere", form)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
