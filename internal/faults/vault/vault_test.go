package vault

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/faults/trial"
	"github.com/sceau-project/sceau/internal/faults/wire"
	"github.com/sceau-project/sceau/internal/rig"
)

// A fault takes Vault away and brings it back.
type fault struct {
	name     string
	on, off  func()
	harmless bool // the custodian heals it by itself, at once
}

// A house is a service whose Vault is about to fail.
type house struct {
	*rig.Rig
	trial      *trial.Trial
	wire       *wire.Wire
	role       devstack.AppRole
	agent, sup *rig.Person
	talk       *rig.Talk
}

// TestVaultTakenAway: while Vault is away, whatever needs a case key is refused
// with vault.unavailable and opens nothing, the intent of a release gets its
// failed outcome, and its use is given back; what needs no key goes on. Ten
// seconds after the cause has ended everything is served, by the same processes.
// At the end, Vault's own record is held against the log (see package rig).
func TestVaultTakenAway(t *testing.T) {
	t.Parallel()
	h := &house{trial: trial.Begin(t)}
	h.Rig = rig.Start(t, rig.Config{
		VaultTimeout: 700 * time.Millisecond,
		Vault: func(address string) string {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			h.wire = wire.New(t, "custodian–vault", "tcp", u.Host, "")
			u.Host = h.wire.Address()
			return u.String()
		},
		AppRole: func(role devstack.AppRole) devstack.AppRole { h.role = role; return role },
	})
	h.agent, h.sup = h.Hire("amal"), h.Hire("diane")
	h.talk = h.Talk(h.agent)
	h.talk.Minor.Wants("ok", http.MethodPost, "/conversation/messages", rig.Object{"text": "He is at the door."})
	faults := h.faults()
	h.trial.Rounds(func() {
		for _, f := range h.trial.Dice.Perm(len(faults)) {
			ok := t.Run(faults[f].name, func(t *testing.T) {
				outer := h.TB
				h.TB = t
				defer func() { h.TB = outer }()
				h.suffer(faults[f])
			})
			if !ok {
				return
			}
		}
	})
}

func (h *house) faults() []fault {
	ctx := h.Context()
	audit := h.block()
	return []fault{
		{name: "sealed", on: func() { h.Vault.Seal(h) }, off: func() { h.Vault.Unseal(h) }},
		{name: "killed", on: func() { h.Vault.Kill(h) }, off: func() { h.Vault.Restart(h) }},
		{name: "slow", on: func() { h.wire.Poison("latency", map[string]any{"latency": 1000}) }, off: h.wire.Mend},
		{name: "silent", on: func() { h.wire.PoisonAnswers("timeout", map[string]any{"timeout": 0}) }, off: h.wire.Mend},
		{name: "unreachable", on: h.wire.Cut, off: h.wire.Mend},
		{name: "token revoked", on: h.revoke, off: func() {}, harmless: true},
		{name: "credentials gone", on: func() {
			h.Must(os.Rename(h.role.SecretIDFile, h.role.SecretIDFile+".away"))
			h.revoke()
		}, off: func() { h.Must(os.Rename(h.role.SecretIDFile+".away", h.role.SecretIDFile)) }},
		{name: "policy narrowed", on: func() {
			h.Must(h.Vault.Root.Sys().PutPolicyWithContext(ctx, "sceau-custodian", `path "auth/token/renew-self" { capabilities = ["update"] }`))
		}, off: func() { h.Must(h.Vault.Provision(ctx)) }},
		audit,
	}
}

// revoke ends every token that an AppRole was given.
func (h *house) revoke() {
	h.Helper()
	_, err := h.Vault.Root.Logical().WriteWithContext(h.Context(), "sys/leases/revoke-force/auth/approle", nil)
	h.Must(err)
}

// A need is a request and whether it takes a key or the pepper.
type need struct {
	what         string
	p            *rig.Person
	method, path string
	body         any
}

// limited is how long a refusal may take: the custodian asks twice at most.
const limited = 12 * time.Second

func (h *house) suffer(f fault) {
	h.Helper()
	e := h.Ask(h.talk, 1, "Narrative.", "connection")
	h.Approve(h.sup, e, "connection")
	other := h.Talk(h.agent) // nobody has read in it: no reading session holds its key
	method, path, body := e.Identity("connection")
	before := h.Actions(h.talk.ID)
	reads := len(h.Reads(h.talk.ID)) + len(h.Reads(other.ID))
	ready := h.ready()

	f.on()
	needs := []need{
		{"identity", h.agent, method, path, body},
		{"evidence", h.sup, http.MethodPost, "/escalations/" + e.ID + "/evidence", nil},
		{"transcript", h.agent, http.MethodGet, "/conversations/" + other.ID + "/messages?from=0", nil},
		{"phrase", other.Minor, http.MethodPost, "/conversation/phrase", nil},
	}
	for _, n := range needs {
		if f.harmless {
			break
		}
		r := n.p.Send("", n.method, n.path, n.body)
		if r.Outcome() != "vault.unavailable" || r.Status != http.StatusServiceUnavailable || r.Took > limited {
			h.Errorf("%s: %d %s after %v: %s", n.what, r.Status, r.Outcome(), r.Took, r.Body)
		}
	}
	// Failures seen for longer than a moment make the custodian patient: the dice
	// say for how long, so that its tries meet the end anywhere.
	time.Sleep(time.Duration(h.trial.Dice.IntN(500)) * time.Millisecond)
	if !f.harmless {
		h.goesOn(other)
		h.checkFailed(strings.TrimPrefix(h.Actions(h.talk.ID), before), e)
	}
	f.off()
	ended := time.Now()
	for _, n := range needs {
		h.Eventually(rig.Recovery-time.Since(ended), n.what+" is served again", func() bool {
			r := n.p.Send("", n.method, n.path, n.body)
			return r.Outcome() == "ok" || n.what == "phrase" && r.Status == http.StatusTooManyRequests
		})
	}
	for _, face := range []string{rig.Public, rig.Staff} {
		h.Eventually(rig.Recovery-time.Since(ended), "the "+face+" face is ready", func() bool { return h.Down(face) == "" })
	}
	served := time.Since(ended).Milliseconds()
	h.Eventually(rig.Recovery-time.Since(ended), "as many cases are ready as before", func() bool { return h.ready() >= ready })
	read := len(h.Reads(h.talk.ID)) + len(h.Reads(other.ID)) - reads
	h.Logf("everything served %d ms after, cases ready %d ms after; %d keys read", served, time.Since(ended).Milliseconds(), read)
	h.trial.Most("served_after_ms", served)
	h.trial.Count("keys_read", int64(read))
	h.trial.Count(f.name, 1)
	other.Minor.Wants("ok", http.MethodPost, "/conversation/close", nil)
	h.agent.Wants("ok", http.MethodPost, "/escalations/"+e.ID+"/close", nil)
}

// ready is how many cases a conversation could open with. An outage that outlasts
// them keeps children out.
func (h *house) ready() (n int) {
	h.Helper()
	h.Must(h.DB.Super.QueryRow(h.Context(), `SELECT count(*) FROM sceau.cases WHERE NOT opened`).Scan(&n))
	return n
}

// goesOn: what needs no case key needs no Vault.
func (h *house) goesOn(other *rig.Talk) {
	h.Helper()
	other.Minor.Wants("ok", http.MethodPost, "/conversation/messages", rig.Object{"text": "Are you still there?"})
	h.agent.Wants("ok", http.MethodGet, "/conversations", nil)
	var opened struct{ Token string }
	r := h.Minor("").Wants("ok", http.MethodPost, "/conversations", rig.Object{"postal_code": "29200", "topic": "other"})
	h.Must(json.Unmarshal(r.Body, &opened))
	h.Minor(opened.Token).Wants("ok", http.MethodPost, "/conversation/close", nil)
	for _, face := range []string{rig.Public, rig.Staff} {
		h.Eventually(5*time.Second, "the "+face+" face says that Vault is down", func() bool { return h.Down(face) == "vault" })
	}
}

// checkFailed: the refused release left an intent and its failed outcome, and the
// grant is as it was.
func (h *house) checkFailed(actions string, e rig.Escalation) {
	h.Helper()
	if strings.Count(actions, "identity.release_ordered") != strings.Count(actions, "identity.release_failed") || strings.Contains(actions, "identity.released") {
		h.Errorf("the refused release left%s", actions)
	}
	var now struct{ State string }
	h.agent.Into(&now, http.MethodGet, "/escalations/"+e.ID, nil)
	if now.State != "approved" {
		h.Errorf("nothing was opened, and the escalation is %s", now.State)
	}
}
