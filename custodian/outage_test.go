package custodian_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/policy"
)

func (w *world) down() string {
	w.t.Helper()
	ready, err := w.client.Ready(context.Background())
	w.must(err)
	if ready.Ready != (len(ready.Down) == 0) {
		w.t.Errorf("ready is %v with %v down", ready.Ready, ready.Down)
	}
	return strings.Join(ready.Down, ",")
}

func TestVaultDownReleasesNothingAndHeals(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	agent, supervisor, k, r := w.granted("name")
	if got := w.down(); got != "" {
		t.Fatalf("down: %s", got)
	}
	phrase := w.phrase(k)
	_, session, err := w.read(agent.caller(), k)
	w.must(err)

	w.vault.Kill(t)
	_, err = w.release(agent.caller(), r.ID, "name")
	w.refused("a release", err, order.CodeVaultDown)
	_, err = w.client.OpenSession(ctx, order.OpenSession{Caller: agent.caller(), Case: k.id})
	w.refused("a reading", err, order.CodeVaultDown)
	_, err = w.client.Evidence(ctx, order.ReadEvidence{Caller: supervisor.caller(), Escalation: r.ID})
	w.refused("evidence", err, order.CodeVaultDown)
	_, err = w.client.Return(ctx, order.Return{Phrase: phrase})
	w.refused("a return", err, order.CodeVaultDown)
	if got := w.down(); got != "vault" {
		t.Errorf("down: %s", got)
	}
	// What was being read can be read on.
	_, err = w.unwrap(agent.caller(), k, session.Session, 0, 2)
	w.must(err)

	w.vault.Restart(t)
	got, err := w.release(agent.caller(), r.ID, "name")
	w.must(err)
	if w.values(k, got) != "name=Camille" {
		t.Errorf("released %s", w.values(k, got))
	}
	if got := w.down(); got != "" {
		t.Errorf("down: %s", got)
	}
}

func TestPostgresDownReleasesNothingAndHeals(t *testing.T) {
	server := pgtest.NewServer(t)
	w := newWorldOn(t, server.DB, nil)
	ctx := context.Background()
	agent, _, k, r := w.granted("name")
	_, session, err := w.read(agent.caller(), k)
	w.must(err)
	before := len(w.vaultReads(k))

	server.Postgres.Kill()
	_, err = w.release(agent.caller(), r.ID, "name")
	w.refused("a release", err, order.CodePostgresDown)
	_, err = w.client.OpenSession(ctx, order.OpenSession{Caller: agent.caller(), Case: k.id})
	w.refused("a reading", err, order.CodePostgresDown)
	_, err = w.client.Unwrap(ctx, session.Session, order.Unwrap{Caller: agent.caller(), From: 0, To: 1})
	w.refused("reading on", err, order.CodePostgresDown)
	if got := w.down(); got != "postgres" {
		t.Errorf("down: %s", got)
	}
	if after := len(w.vaultReads(k)); after != before {
		t.Error("Vault was read without a log")
	}

	w.must(server.Postgres.Restart(ctx))
	w.eventually("a release succeeds again", func() bool {
		_, err := w.release(agent.caller(), r.ID, "name")
		return err == nil
	})
	w.eventually("the reading goes on", func() bool {
		// By the order alone: the test's own connections may be broken still.
		_, err := w.client.Unwrap(ctx, session.Session, order.Unwrap{Caller: agent.caller(), From: 0, To: 1})
		return err == nil
	})
}

// Connections that break in use say that PostgreSQL is away, and nothing else.
func TestBrokenConnectionsSayThatPostgresIsDown(t *testing.T) {
	server := pgtest.NewServer(t)
	w := newWorldOn(t, server.DB, nil)
	ctx := context.Background()
	agent, _, k, _ := w.granted("name")
	_, session, err := w.read(agent.caller(), k)
	w.must(err)
	var idle []*pgxpool.Conn
	for range w.config.Pool.Config().MaxConns {
		conn, err := w.config.Pool.Acquire(ctx)
		w.must(err)
		idle = append(idle, conn)
	}
	for _, conn := range idle {
		conn.Release()
	}
	server.Postgres.Kill()
	if got := w.down(); got != "postgres" {
		t.Errorf("down: %s", got)
	}
	on := func() error {
		_, err := w.client.Unwrap(ctx, session.Session, order.Unwrap{Caller: agent.caller(), From: 0, To: 1})
		return err
	}
	w.refused("reading on", on(), order.CodePostgresDown)
	w.must(server.Postgres.Restart(ctx))
	w.eventually("the reading goes on", func() bool { return on() == nil })
}

// The outcome cannot be written, so nothing is answered, and the log says
// "possibly opened".
func TestNoOutcomeNoAnswer(t *testing.T) {
	var at custodian.Step
	var hit func()
	server := pgtest.NewServer(t)
	w := newWorldOn(t, server.DB, func(c *custodian.Config) {
		c.Reached = func(s custodian.Step) {
			if s == at {
				at = ""
				hit()
			}
		}
	})
	ctx := context.Background()
	agent, _, k, r := w.granted("name")
	at, hit = custodian.StepUnwrapped, server.Postgres.Kill
	got, err := w.release(agent.caller(), r.ID, "name")
	w.refused("a release", err, order.CodePostgresDown)
	if len(got.Keys) != 0 {
		t.Error("keys were answered")
	}
	w.must(server.Postgres.Restart(ctx))
	if got := w.actions(k, audit.ActionIdentityReleaseOrdered); got != "identity.release_ordered" {
		t.Errorf("the log says %s", got)
	}
	var later order.Released
	w.eventually("a release succeeds again", func() bool {
		later, err = w.release(agent.caller(), r.ID, "name")
		return err == nil
	})
	// It may have been opened, so the window is the first one's.
	records, err := pglog.ByCase(ctx, w.Super, k.id, 0)
	w.must(err)
	i := slices.IndexFunc(records, func(r pglog.Record) bool { return r.Action == audit.ActionIdentityReleaseOrdered })
	if until := records[i].Details["read_until"]; until != audit.FormatTime(later.ReadUntil) {
		t.Errorf("the windows end at %v and %v", until, later.ReadUntil)
	}
}

// The custodian dies at each step; the retry carries on with the same use.
func TestDyingAtEachStepCostsNothing(t *testing.T) {
	for _, step := range []custodian.Step{
		custodian.StepIntentDurable, custodian.StepKeyRead, custodian.StepUnwrapped, custodian.StepOutcomeDurable,
	} {
		t.Run(strings.ReplaceAll(string(step), " ", "-"), func(t *testing.T) {
			var die custodian.Step
			w := newWorldOn(t, pgtest.New(t), func(c *custodian.Config) {
				c.Reached = func(s custodian.Step) {
					if s == die {
						panic(http.ErrAbortHandler) // nothing more of this order happens
					}
				}
			})
			agent, _, k, r := w.granted("name")
			o := order.Release{Caller: agent.caller(), Escalation: r.ID, Facets: []string{"name"}, IdempotencyKey: order.Secret(key())}
			die = step
			if _, err := w.client.Release(context.Background(), o); !errors.Is(err, order.ErrDown) {
				t.Fatalf("the order that died answered %v", err)
			}
			w.restart()
			die = ""
			got, err := w.client.Release(context.Background(), o)
			w.must(err)
			if w.values(k, got) != "name=Camille" {
				t.Errorf("released %s", w.values(k, got))
			}
			log := w.actions(k, audit.ActionIdentityReleaseOrdered)
			if strings.Count(log, "release_ordered") != 2 || !strings.HasSuffix(log, "identity.release_ordered identity.released") {
				t.Errorf("the log says %s", log)
			}
		})
	}
}

func TestALogThatLostEntriesOpensNothing(t *testing.T) {
	w := newWorld(t)
	w.lost = true
	ctx := context.Background()
	agent, _, k, r := w.granted("name")
	_, session, err := w.read(agent.caller(), k)
	w.must(err)
	_, err = w.escalations.Close(ctx, pglog.Idempotency{}, agent.Actor, r.ID)
	w.must(err)
	_, err = w.release(agent.caller(), r.ID, "name")
	w.refused("after closing", err, "escalation.wrong_state")
	_, _, err = w.read(agent.caller(), k) // the custodian has seen the closing
	w.must(err)

	// The operator restores a backup of before, in which the grant is open.
	var seq int64
	w.must(w.Super.QueryRow(ctx, `SELECT seq FROM sceau.entries WHERE action = 'escalation.closed'`).Scan(&seq))
	w.exec(`DO $$ DECLARE t record; BEGIN
		FOR t IN SELECT tgname, tgrelid::regclass AS of FROM pg_trigger
			WHERE NOT tgisinternal AND tgrelid IN ('sceau.entries'::regclass, 'sceau.entries_0000000'::regclass, 'sceau.log_head'::regclass)
		LOOP EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', t.of, t.tgname); END LOOP;
		DELETE FROM sceau.entries WHERE seq >= ` + strconv.FormatInt(seq, 10) + `;
		UPDATE sceau.log_head SET (seq, hash, at) = (SELECT seq + 1, hash, at FROM sceau.entries ORDER BY seq DESC LIMIT 1);
		FOR t IN SELECT tgname, tgrelid::regclass AS of FROM pg_trigger
			WHERE NOT tgisinternal AND tgrelid IN ('sceau.entries'::regclass, 'sceau.entries_0000000'::regclass, 'sceau.log_head'::regclass)
		LOOP EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', t.of, t.tgname); END LOOP;
	END $$`)

	all := func(when string) {
		t.Helper()
		_, err := w.release(agent.caller(), r.ID, "name")
		w.refused(when+": a release", err, order.CodeRolledBack)
		_, err = w.client.OpenSession(ctx, order.OpenSession{Caller: agent.caller(), Case: k.id})
		w.refused(when+": a reading", err, order.CodeRolledBack)
		_, err = w.client.Unwrap(ctx, session.Session, order.Unwrap{Caller: agent.caller(), From: 0, To: 1})
		if code := refusalCode(err); code != order.CodeRolledBack && code != order.CodeSession {
			t.Errorf("%s: reading on: %v", when, err)
		}
		_, err = w.client.Phrase(ctx, order.NewPhrase{Caller: k.caller()})
		w.refused(when+": a phrase", err, order.CodeRolledBack)
		if got := w.down(); got != "head" {
			t.Errorf("%s: down: %s", when, got)
		}
	}
	all("at once")
	w.restart()
	all("after a restart")

	// The log grows again beyond where it was: it is another log all the same.
	for i := range 12 {
		w.hire("new-"+string(rune('a'+i)), "P-new-"+string(rune('a'+i)), "agent")
	}
	all("grown again")

	// The operator has looked into it and decides to go on.
	w.stop()
	w.must(os.Remove(filepath.Join(w.config.StateDir, "head.json")))
	w.start()
	_, _, err = w.read(agent.caller(), k)
	w.must(err)
}

func refusalCode(err error) string {
	var r *order.Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

func TestPolicyIsTheSignedOneInForce(t *testing.T) {
	w := newWorld(t)
	agent, _, _, r := w.granted("name")
	_, err := w.release(agent.caller(), r.ID, "name")
	w.must(err)
	// Somebody without the key activates a bundle, as if an operator had.
	w.activateSignedBy(policy.Demonstration, newSigners(t))
	_, err = w.release(agent.caller(), r.ID, "name")
	w.refused("under a forged bundle", err, order.CodePolicyDown)
	if got := w.down(); got != "policy" {
		t.Errorf("down: %s", got)
	}
	w.activate(policy.Production)
	_, err = w.release(agent.caller(), r.ID, "name")
	w.must(err)
}

func TestTheIssuerDownIsNoVerdict(t *testing.T) {
	w := newWorld(t)
	agent, k := w.hire("amal", "P-A", "agent"), w.open("Au secours")
	w.hire("diane", "P-D", "supervisor") // whom the request finds on duty
	w.join(agent, k)
	r := w.request(agent, k, "name")
	w.issuer.Close() // before the custodian ever saw its keys
	w.restart()
	if got := w.down(); got != "issuer" {
		t.Errorf("down: %s", got)
	}
	_, err := w.release(agent.caller(), r.ID, "name")
	w.refused("a release", err, order.CodeIssuerDown)
}

// TestAnIssuerThatHangsIsNamedInTime: a face that asks must not take the
// custodian itself for down.
func TestAnIssuerThatHangsIsNamedInTime(t *testing.T) {
	w := newWorld(t)
	at := w.issuer.Listener.Addr().String()
	w.issuer.Close()
	silent, err := net.Listen("tcp", at)
	w.must(err)
	defer silent.Close()
	w.restart()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	ready, err := w.client.Ready(ctx)
	w.must(err)
	if got := strings.Join(ready.Down, ","); got != "issuer" {
		t.Errorf("down: %s", got)
	}
}

func TestAGateNeedsAllItsParts(t *testing.T) {
	w := newWorld(t)
	for name, without := range map[string]func(*custodian.Config){
		"log":       func(c *custodian.Config) { c.Log = nil },
		"pool":      func(c *custodian.Config) { c.Pool = nil },
		"vault":     func(c *custodian.Config) { c.Vault = nil },
		"verifier":  func(c *custodian.Config) { c.Staff = nil },
		"logger":    func(c *custodian.Config) { c.Logger = nil },
		"policy":    func(c *custodian.Config) { c.Policy = policy.Verification{} },
		"state":     func(c *custodian.Config) { c.StateDir = "" },
		"idle":      func(c *custodian.Config) { c.IdleTimeout = 0 },
		"limit":     func(c *custodian.Config) { c.SessionLimit = 0 },
		"rate":      func(c *custodian.Config) { c.PhraseRate = 0 },
		"the state": func(*custodian.Config) {}, // another custodian has it
	} {
		c := w.config
		without(&c)
		if gate, err := custodian.New(c); err == nil {
			t.Errorf("a gate without %s", name)
			_ = gate.Close()
		}
	}
	// A memory that cannot be read is not forgotten.
	c := w.config
	c.StateDir = t.TempDir()
	for _, content := range []string{
		"", "{}", `{"v":1,"origin":"another","seq":1,"hash":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}`,
		`{"v":2,"origin":"sceau.test/pgtest","seq":1,"hash":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}`,
		`{"v":1,"origin":"sceau.test/pgtest","seq":1,"hash":"x"}`,
	} {
		w.must(os.WriteFile(filepath.Join(c.StateDir, "head.json"), []byte(content), 0o600))
		if gate, err := custodian.New(c); err == nil {
			t.Errorf("a gate that remembers %s", content)
			_ = gate.Close()
		}
	}
}

func TestTheSocketIsForItsGroupAlone(t *testing.T) {
	w := newWorld(t)
	for path, mode := range map[string]os.FileMode{w.socket: 0o660 | os.ModeSocket, filepath.Dir(w.socket): 0o750 | os.ModeDir} {
		info, err := os.Stat(path)
		w.must(err)
		if info.Mode() != mode {
			t.Errorf("%s is %v", path, info.Mode())
		}
	}
	head, err := os.Stat(filepath.Join(w.config.StateDir, "head.json"))
	w.eventually("the head is remembered", func() bool {
		head, err = os.Stat(filepath.Join(w.config.StateDir, "head.json"))
		return err == nil
	})
	if head.Mode() != 0o600 {
		t.Errorf("the memory is %v", head.Mode())
	}
	// A socket that somebody listens on is not taken over.
	if err := w.gate.Serve(context.Background(), w.socket); err == nil || !strings.Contains(err.Error(), "another custodian") {
		t.Errorf("a second custodian: %v", err)
	}
}

func TestWhatIsNoOrderIsRefused(t *testing.T) {
	w := newWorld(t)
	http := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", w.socket)
	}}}
	t.Cleanup(http.CloseIdleConnections)
	for _, s := range []struct{ name, path, body, code string }{
		{"nothing", "/v1/sessions", "", order.CodeMalformed},
		{"no JSON", "/v1/sessions", "case=1", order.CodeMalformed},
		{"cut", "/v1/sessions", `{"case":"`, order.CodeMalformed},
		{"a list", "/v1/sessions", `[]`, order.CodeMalformed},
		{"unknown field", "/v1/sessions", `{"caller":{},"case":"x","header":"age"}`, order.CodeMalformed},
		{"something after it", "/v1/sessions", `{"caller":{}} {}`, order.CodeMalformed},
		{"invalid UTF-8", "/v1/returns", "{\"phrase\":\"\xff\"}", order.CodeMalformed},
		{"too long", "/v1/returns", `{"phrase":"` + strings.Repeat("a", order.MaxBody) + `"}`, order.CodeMalformed},
		{"NUL", "/v1/sessions", `{"caller":{"minor_token":"\u0000"},"case":"\u0000"}`, order.CodeTokenInvalid},
		{"no such order", "/v1/keys", `{}`, order.CodeNotFound},
		{"another method", "/v1/sessions/x", `{}`, order.CodeNotFound},
	} {
		res, err := http.Post("http://custodian"+s.path, "application/json", strings.NewReader(s.body))
		w.must(err)
		raw, err := io.ReadAll(res.Body)
		w.must(err)
		_ = res.Body.Close()
		var got order.Refusal
		if json.Unmarshal(raw, &got) != nil || got.Code != s.code || res.StatusCode != order.Codes[s.code] {
			t.Errorf("%s: %d %s, want %s", s.name, res.StatusCode, raw, s.code)
		}
	}
}
