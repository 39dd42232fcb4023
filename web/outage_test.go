package web_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/internal/devissuer"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// TestCustodianDown: what needs no key goes on, the rest says what is down, and
// everything heals without a restart of the faces.
func TestCustodianDown(t *testing.T) {
	w := newWorld(t)
	minor := w.open()
	minor.get("/api/v1/conversation/messages").wants("200")
	w.stopGate()
	minor.post("/api/v1/conversation/messages", object{"text": "tu es là ?"}).wants("201")
	p := minor.get("/api/v1/conversation/messages").wants("custodian.unavailable").problem()
	if p.Status != 503 || !strings.Contains(p.Detail, "17") {
		t.Errorf("a child is told %+v", p)
	}
	w.notReady("custodian")
	w.openGate()
	// The reading session is gone with the custodian's memory: another begins.
	var seen shownMessages
	minor.get("/api/v1/conversation/messages").into(&seen)
	if len(seen.Messages) != 2 {
		t.Errorf("read %+v", seen)
	}
}

// notReady waits until /readyz names what is down.
func (w *world) notReady(what string) {
	w.t.Helper()
	w.eventually(what+" is named by /readyz", func() bool {
		a := w.minor("").get("/readyz")
		return a.status == 503 && strings.Contains(string(a.raw), `"`+what+`"`)
	})
	if a := w.minor("").get("/healthz"); a.status != 200 {
		w.t.Errorf("/healthz: %d: the process itself lives", a.status)
	}
}

// TestVaultSealed: nothing is released, the use is given back, and the same
// request succeeds when Vault is open again.
func TestVaultSealed(t *testing.T) {
	w := newWorld(t)
	amal, diane := w.hire("amal"), w.hire("diane")
	minor, id := w.talk(amal)
	minor.post("/api/v1/conversation/messages", object{"text": "il arrive"}).wants("201")
	var read shownMessages
	amal.get("/api/v1/conversations/" + id + "/messages").into(&read)
	var esc struct{ ID, Request, State string }
	diane.get("/api/v1/me").wants("200") // on duty
	amal.post("/api/v1/conversations/"+id+"/escalations", object{
		"ground": "imminent_danger", "assessment": danger(), "facets": []string{"connection"}, "narrative": "Il arrive.",
		"evidence": []object{{"position": 1, "sha256": read.Messages[1].SHA256}},
	}).into(&esc)
	about := "/api/v1/escalations/" + esc.ID
	diane.post(about+"/evidence", object{}).wants("200")
	diane.post(about+"/approve", object{"request": esc.Request, "facets": []string{"connection"}}).wants("200")

	w.vault.Seal(t)
	open := object{"facets": []string{"connection"}}
	once := amal.with("Idempotency-Key", "the-same-key-both-times")
	once.post(about+"/identity", open).wants("vault.unavailable")
	w.notReady("vault")
	w.vault.Unseal(t)
	w.eventually("Vault serves again", func() bool { return w.minor("").get("/readyz").status == 200 })
	var opened struct {
		Facets []struct{ Connection *struct{ Address string } }
	}
	once.post(about+"/identity", open).into(&opened)
	if len(opened.Facets) != 1 || opened.Facets[0].Connection == nil || opened.Facets[0].Connection.Address != "127.0.0.1" {
		t.Errorf("opened: %+v", opened)
	}
}

// TestIssuerDown: an outage is not a refusal of the token, and minors, who have
// no account, do not notice it.
func TestIssuerDown(t *testing.T) {
	w := newWorld(t)
	amal := w.hire("amal")
	at := w.issuer.URL
	w.must(w.issuer.Close())
	amal.get("/api/v1/me").wants("issuer.unavailable")
	w.eventually("staff learn what is down", func() bool {
		a := amal.get("/readyz")
		return a.status == 503 && strings.Contains(string(a.raw), `"issuer"`)
	})
	w.minor("").get("/readyz").wants("200")
	minor := w.open()
	minor.post("/api/v1/conversation/messages", object{"text": "tu es là ?"}).wants("201")
	minor.get("/api/v1/conversation/messages").wants("200")
	u, err := url.Parse(at)
	w.must(err)
	w.issuer, err = devissuer.Start(devissuer.Config{Dir: w.secret, Listen: u.Host})
	w.must(err)
	w.eventually("tokens are checked again", func() bool { return amal.get("/api/v1/me").code() == "200" })
}

// TestPostgresDown: 503 that says so, nothing half-done, healing by itself.
func TestPostgresDown(t *testing.T) {
	server := pgtest.NewServer(t)
	w := newWorldOn(t, server.DB, generous)
	amal := w.hire("amal")
	minor, id := w.talk(amal)
	w.must(server.Postgres.Stop(context.Background()))
	minor.post("/api/v1/conversation/messages", object{"text": "encore"}).wants("postgres.unavailable")
	minor.get("/api/v1/conversation").wants("postgres.unavailable")
	w.minor("").post("/api/v1/conversations", object{"postal_code": "35000", "topic": "other"}).wants("postgres.unavailable")
	amal.get("/api/v1/conversations/" + id).wants("postgres.unavailable")
	w.notReady("postgres")
	w.must(server.Postgres.Restart(context.Background()))
	w.eventually("the database is back", func() bool {
		return minor.post("/api/v1/conversation/messages", object{"text": "encore"}).code() == "201"
	})
	w.eventually("the custodian is back", func() bool { return w.minor("").get("/readyz").status == 200 })
	var seen shownMessages
	minor.get("/api/v1/conversation/messages").into(&seen)
	if len(seen.Messages) != 2 {
		t.Errorf("after the outage: %+v", seen)
	}
}
