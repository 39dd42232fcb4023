package web_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/policy"
)

// TestOnePersonChangesThePolicy: an operator alone, past the command, brings
// every decision to a stop that says so, and opens nothing; two people bring it
// back. No process is restarted.
func TestOnePersonChangesThePolicy(t *testing.T) {
	w := newWorld(t)
	amal, gilles := w.hire("amal"), w.hire("gilles")
	minor, id := w.talk(amal)
	minor.get("/api/v1/conversation/messages").wants("200")
	gilles.get("/api/v1/log/entries").wants("200")

	operator := w.log(audit.ViaOperator)
	latest, err := pglog.LatestPolicyActivated(context.Background(), w.db.Super)
	w.must(err)
	_, err = operator.Append(context.Background(), pglog.Draft{
		Actor: audit.Actor{ID: "operator"}, Action: audit.ActionPolicyActivated, Subject: latest.Subject, Details: latest.Details,
	})
	w.must(err)
	p := gilles.get("/api/v1/log/entries").wants("policy.unavailable").problem()
	if p.Status != 503 || !strings.Contains(p.Detail, "deux personnes") {
		t.Errorf("an inspector is told %+v", p)
	}
	amal.get("/api/v1/conversations/" + id + "/messages").wants("policy.unavailable")
	w.eventually("staff learn what is down", func() bool {
		a := amal.get("/readyz")
		return a.status == 503 && strings.Contains(string(a.raw), `"policy"`)
	})
	// A child still reads what they wrote: policy has no say in that.
	minor.get("/api/v1/conversation/messages").wants("200")

	w.activate(policy.Production)
	gilles.get("/api/v1/log/entries").wants("200")
	amal.get("/api/v1/conversations/" + id + "/messages").wants("200")
	w.eventually("all serves again", func() bool { return amal.get("/readyz").status == 200 })
}
