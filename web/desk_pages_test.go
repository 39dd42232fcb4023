package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/devissuer"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
	retentionstore "github.com/sceau-project/sceau/retention/pgstore"
	staffstore "github.com/sceau-project/sceau/staff/pgstore"
	"github.com/sceau-project/sceau/web"
	"github.com/sceau-project/sceau/web/page"
	"github.com/sceau-project/sceau/web/privacy"
	"github.com/sceau-project/sceau/web/signin"
	"github.com/sceau-project/sceau/web/supervisor"
)

// serveDesks starts a staff face with the pages on which requests are answered, and with
// signing in, beside the world's.
func (w *world) serveDesks() string {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var behind sync.WaitGroup
	logger := slog.New(slog.NewTextHandler(w.logs, nil))
	public, err := w.vault.RecipientsPublicKey(ctx)
	w.must(err)
	keys, err := seal.ParseRecipientKeys([]string{public})
	w.must(err)
	pool, log := w.db.Pool(w.t, "sceau_staff"), w.log(audit.ViaStaff)
	recipients, err := conversationstore.NewRecipients(pool, keys, logger)
	w.must(err)
	conversations, err := conversationstore.NewStore(conversationstore.Config{Pool: pool, Log: log, Recipients: recipients})
	w.must(err)
	listener := conversationstore.NewListener(pool, time.Second)
	behind.Go(func() { _ = listener.Run(ctx) })
	active := policystore.NewActive(w.pinned())
	escalations, err := escalationstore.New(escalationstore.Config{Pool: pool, Log: log, Policy: active, Recipients: recipients})
	w.must(err)
	retained, err := retentionstore.New(retentionstore.Config{Pool: pool, Log: log, Policy: active})
	w.must(err)
	custodian, sessions, tokens := order.NewClient(w.socket), staffstore.NewSessions(pool, log), w.verifier("sceau-staff")
	server := httptest.NewUnstartedServer(nil)
	base := "http://" + server.Listener.Addr().String()
	signIn, err := signin.New(signin.Config{
		URL: base, Issuer: w.issuer.URL, ClientID: devissuer.ClientID, Prompt: "login", Idle: time.Hour, Limit: time.Hour,
		Tokens: tokens, Custodian: w.verifier("sceau-custodian"), Sessions: sessions, Store: staffstore.NewWebSessions(pool), Logger: logger,
	})
	w.must(err)
	face, err := web.NewStaff(web.StaffConfig{
		Config: web.Config{Logger: logger, Limits: generous, Session: signIn.Session, Pages: func(s *page.Shell) ([]page.Route, error) {
			return slices.Concat(signIn.Pages(s), supervisor.Pages(s), privacy.Pages(s)), nil
		}},
		Tokens: tokens, Sessions: sessions, Conversations: conversations, Listener: listener, Escalations: escalations, Retention: retained,
		Policy: active, Log: log, Reader: pool, Custodian: custodian, Stop: ctx.Done(),
	})
	w.must(err)
	server.Config.Handler = face
	server.Start()
	w.t.Cleanup(func() {
		cancel()
		server.CloseClientConnections()
		server.Close()
		face.Close(context.Background())
		behind.Wait()
		signIn.Close()
		custodian.Close()
	})
	return base
}

var loginForm = regexp.MustCompile(`name="form" value="([^"]+)"`)

// seat signs an account in with a browser at the given face.
func (w *world) seat(base, account string) *reader {
	w.t.Helper()
	b := newReader(w.t, base)
	form := loginForm.FindStringSubmatch(b.open("/signin?role=").raw)
	password, err := w.issuer.Password(account)
	w.must(err)
	if form == nil {
		w.t.Fatalf("no form of the provider: %s", b.raw)
	}
	res, err := b.http.PostForm(w.issuer.URL+"/login", url.Values{"form": {form[1]}, "account": {account}, "password": {password}})
	w.must(err)
	w.must(res.Body.Close())
	at, err := url.Parse(base)
	w.must(err)
	if !slices.ContainsFunc(b.http.Jar.Cookies(at), func(c *http.Cookie) bool { return c.Name == "staff" }) {
		w.t.Fatalf("%s is not signed in: %d at %s", account, res.StatusCode, res.Request.URL)
	}
	return b
}

// asks has an agent ask, about a message that says so, and returns the request's id.
func (w *world) asks(agent *client, says string, change func(object)) (id string) {
	w.t.Helper()
	minor, talk := w.talk(agent)
	minor.post("/api/v1/conversation/messages", object{"text": says}).wants("201")
	minor.put("/api/v1/conversation/facets/name", object{"value": "Lina M."}).wants("204")
	var read shownMessages
	agent.get("/api/v1/conversations/" + talk + "/messages").into(&read)
	body := object{
		"ground": "imminent_danger", "facets": []string{"connection", "name"}, "narrative": "Raconté par l'agent : " + says,
		"evidence": []object{{"position": 1, "sha256": read.Messages[1].SHA256}}, "assessment": danger(),
	}
	change(body)
	var asked struct{ ID string }
	agent.post("/api/v1/conversations/"+talk+"/escalations", body).into(&asked)
	return asked.ID
}

func (w *world) recorded(action string) (n int) {
	w.t.Helper()
	w.must(w.db.Super.QueryRow(context.Background(), `SELECT count(*) FROM sceau.entries WHERE action = $1`, action).Scan(&n))
	return n
}

// TestSupervisorsDecide: the queue, the evidence once it was read, an approval in part, what
// another supervisor sees of it, a revocation; each by the pages.
func TestSupervisorsDecide(t *testing.T) {
	w := newWorld(t)
	amal, bruno := w.hire("amal"), w.hire("bruno")
	base := w.serveDesks()
	diane, etienne := w.seat(base, "diane"), w.seat(base, "etienne")
	diane.open("/supervisor").is(200, "/supervisor").says("Rien n'attend de décision.")

	const older, worse = "il a dit que demain il me frappe", "il est derriere la porte"
	first := w.asks(bruno, older, func(o object) {
		o["assessment"] = object{"immediacy": "hours", "violence": "threat", "suicide": "none", "perpetrator_present": "no", "captive": "no",
			"age_band": "13_15", "alone": "no", "location_known": "no"}
	})
	second := w.asks(amal, worse, func(o object) {
		o["assessment"] = object{"immediacy": "now", "violence": "weapon", "suicide": "none", "perpetrator_present": "yes", "captive": "yes",
			"age_band": "10_12", "alone": "yes", "location_known": "no"}
	})
	one := "/supervisor/requests/" + second
	diane.open("/supervisor").says("2 demandes attendent", "Danger en cours", "Violence : avec une arme", "Danger imminent", "attend depuis moins d'une minute", "Amal Haddad demande connexion, nom")
	if at := strings.Index(diane.text(), "Amal Haddad demande"); at > strings.Index(diane.text(), "Bruno Lemaire demande") {
		t.Error("the older one comes before the more dangerous one")
	}

	// Looking shows what is asked, and nothing of what was written.
	for _, b := range []*reader{diane, etienne} {
		b.open(one).is(200, one).says("Avec une arme", "Il faut l'accord de : un superviseur", "Lisez d'abord les pièces.", "1 message cité").saysNot(worse)
	}
	if n := w.recorded("evidence.read"); n != 0 {
		t.Fatalf("%d readings of who only looked", n)
	}
	if strings.Contains(diane.raw, `name="facet"`) {
		t.Error("who has read nothing can approve")
	}
	// A form of one's own making is refused, and told beside the forms.
	diane.do(http.MethodPost, one+"/approve", url.Values{"key": {page.NewKey()}, "facet": {"name"}, "request": {strings.Repeat("A", 43) + "="}}).
		is(409, one+"/approve").says("escalation.request_changed")

	for _, b := range []*reader{diane, etienne} {
		b.send(one+"/evidence", nil).is(200, one+"/evidence").says(worse, "Raconté par l'agent", "Aucun psychologue ne s'est prononcé.").saysNot("Lina M.")
	}
	if n := w.recorded("evidence.read"); n != 2 {
		t.Errorf("%d readings", n)
	}
	if b := diane.open(one).says("Vous les avez lues dans cette session."); strings.Contains(b.raw, worse) {
		t.Error("what was read stays in the page")
	}
	mark := regexp.MustCompile(`standing\?seen=([^"]+)"`).FindStringSubmatch(etienne.open(one).raw)[1]
	if etienne.open(one+"/standing?seen="+mark).status != http.StatusNoContent {
		t.Errorf("nothing has happened: %d", etienne.status)
	}
	etienne.open(one) // what is on his screen when she decides
	seen := *etienne
	diane.open(one).send(one+"/approve", url.Values{"facet": {"name"}}).is(200, "/supervisor?done="+second).says("C'est enregistré.", "Accordée par Diane Roussel (nom).", "1 demande attend")
	fragment := etienne.open(one + "/standing?seen=" + mark)
	if fragment.status != 200 || !strings.Contains(fragment.raw, "Accordée par Diane Roussel (nom)") || !strings.Contains(fragment.raw, `hx-swap-oob="true"`) || strings.Contains(fragment.raw, `name="facet"`) {
		t.Errorf("the other's page: %d %s", fragment.status, fragment.raw)
	}
	seen.send(one+"/deny", url.Values{"reason": {"other_means"}})
	if seen.status != http.StatusConflict && seen.status != http.StatusForbidden {
		t.Errorf("an answer that came second: %d %s", seen.status, seen.text())
	}
	seen.says("escalation.wrong_state")
	if part := etienne.open("/supervisor/queue?shown=" + first + "," + second); !strings.Contains(part.raw, "Vient d&#39;être décidé") || !strings.Contains(part.raw, "Diane Roussel") {
		t.Errorf("the queue of the other: %s", part.raw)
	}

	etienne.open(one).send(one+"/revoke", url.Values{"reason": {"granted_in_error"}}).is(200, "/supervisor?done="+second).says("Révoquée par Étienne Faure : accordée par erreur.")
	diane.open("/supervisor/requests/"+first).send("/supervisor/requests/"+first+"/evidence", nil).says(older)
	diane.send("/supervisor/requests/"+first+"/deny", url.Values{"reason": {"danger_not_imminent"}}).is(200, "/supervisor?done="+first).says("Refusée par Diane Roussel : le danger n'est pas imminent.", "Rien n'attend de décision.")
	amal.get("/api/v1/escalations/" + second).wants("200")
	if n := w.recorded("escalation.denied"); n != 1 {
		t.Errorf("%d denials", n)
	}

	diane.open("/supervisor").send("/supervisor/on-call", url.Values{"hours": {"24"}}).is(200, "/supervisor").says("D'astreinte jusqu'à")
	diane.send("/supervisor/off-call", nil).is(200, "/supervisor").saysNot("D'astreinte jusqu'à")
	for path, who := range map[string]*reader{"/privacy": diane, "/privacy/erasures": diane, "/supervisor": w.seat(base, "hana"), one: w.seat(base, "amal")} {
		if who.open(path).status != http.StatusForbidden {
			t.Errorf("%s for another role: %d", path, who.status)
		}
	}
}

// TestABrokenGlassIsReviewed: with the demonstration's policy, whose times are seconds.
func TestABrokenGlassIsReviewed(t *testing.T) {
	w := newWorld(t)
	w.activate(policy.Demonstration)
	amal, bruno := w.hire("amal"), w.hire("bruno")
	base := w.serveDesks()
	diane := w.seat(base, "diane")
	diane.open("/supervisor")
	id := w.asks(amal, "il est derriere la porte", func(o object) {})
	var asked struct{ Request string }
	amal.get("/api/v1/escalations/" + id).into(&asked)
	bruno.post("/api/v1/escalations/"+id+"/confirm", object{"request": asked.Request}).wants("200")
	diane.open("/supervisor").says("Un second agent a confirmé : la vitre peut être brisée")
	w.eventually("the glass may be broken", func() bool {
		return amal.post("/api/v1/escalations/"+id+"/break-glass", object{"request": asked.Request}).code() == "200"
	})
	one := "/supervisor/requests/" + id
	diane.open("/supervisor").says("Vitres brisées à revoir", "Amal Haddad a brisé la vitre pour connexion, nom", "confirmé par Bruno Lemaire")
	diane.open(one).says("Revoir la vitre brisée", "Lisez d'abord les pièces.")
	diane.send(one+"/evidence", nil).is(200, one+"/evidence").says("il est derriere la porte", "C'était justifié")
	diane.send(one+"/review", url.Values{"verdict": {"abusive"}}).is(200, "/supervisor?done="+id).says("Revue : c'était abusif.").saysNot("Vitres brisées à revoir")
	if n := w.recorded("escalation.reviewed"); n != 1 {
		t.Errorf("%d reviews", n)
	}
}

// TestPrivacyOfficersDecide: a requisition, a hold and an erasure by the pages, without a
// word of the child.
func TestPrivacyOfficersDecide(t *testing.T) {
	w := newWorld(t)
	amal := w.hire("amal")
	base := w.serveDesks()
	hana, leila, diane := w.seat(base, "hana"), w.seat(base, "leila"), w.seat(base, "diane")
	const says = "il est derriere la porte"
	danger := w.asks(w.hire("bruno"), says, func(object) {})
	id := w.asks(amal, says, func(o object) {
		o["ground"], o["facets"] = "judicial_requisition", []string{"name"}
		o["requisition"] = object{"authority": "prosecutor", "reference": "PR-2026-118", "facets": []string{"name"}}
	})
	one := "/privacy/requests/" + id
	hana.open("/privacy").says("1 réquisition attend", "Réquisition judiciaire", "Amal Haddad demande nom").saysNot("Bruno")
	if hana.open("/privacy/requests/"+danger).status != http.StatusNotFound {
		t.Errorf("a request that is none of theirs: %d", hana.status)
	}
	hana.open(one).says("une personne chargée de la protection des données", "L'ordre du magistrat, et aucun message.").saysNot("PR-2026-118")
	hana.send(one+"/evidence", nil).is(200, one+"/evidence").says("Procureur", "PR-2026-118").saysNot(says).saysNot("Raconté par l'agent")
	if strings.Contains(hana.raw, "/revoke") || strings.Contains(hana.raw, "/review") {
		t.Error("an officer is offered what supervisors do")
	}
	hana.send(one+"/approve", url.Values{"facet": {"name"}}).is(200, "/privacy?done="+id).says("Déjà accordé par Hana Novak. Il faut encore un accord.")
	hana.open(one).says("Vous avez donné votre accord.")
	diane.open("/supervisor/requests/" + id).says("accorde nom")

	var read shownMessages
	minor, talk := w.talk(amal)
	amal.get("/api/v1/conversations/" + talk + "/messages").into(&read)
	looked := w.recorded("log.read")
	hana.open("/privacy/holds?conversation="+talk).says("Geler une conversation", "Aucun.")
	if w.recorded("log.read") != looked+1 {
		t.Error("looking into the register is not one entry")
	}
	hana.send("/privacy/holds", url.Values{"conversation": {"nonsense"}, "reason": {"complaint"}}).is(404, "/privacy/holds").says("conversation.not_found")
	if !strings.Contains(hana.raw, `value="nonsense"`) {
		t.Error("what was typed is lost")
	}
	hana.send("/privacy/holds", url.Values{"conversation": {talk}, "reason": {"complaint"}}).is(200, "/privacy/holds?done=set").says("La conversation est gelée", talk)
	lift := regexp.MustCompile(`/privacy/holds/[0-9a-f-]+/lift`).FindString(hana.raw)
	hana.send(lift, url.Values{"reason": {"complaint"}}).is(403, lift).says("approver.same_person")

	minor.post("/api/v1/conversation/erasures", object{}).wants("201")
	leila.open("/privacy/erasures").says("attend depuis", talk, "Un gel protège cette conversation")
	leila.open("/privacy/holds").send(lift, url.Values{"reason": {"complaint"}}).is(200, "/privacy/holds?done=lifted").says("Le gel est levé.")
	leila.open("/privacy/erasures")
	decide := regexp.MustCompile(`/privacy/erasures/[0-9a-f-]+`).FindString(leila.raw)
	leila.send(decide, url.Values{"verdict": {"refused"}, "reason": {""}})
	if leila.status < 400 {
		t.Errorf("a refusal without a reason: %d", leila.status)
	}
	leila.says("erasure.not_coded").send(decide, url.Values{"verdict": {"granted"}}).is(200, "/privacy/erasures?done=granted").says("Effacement accordé.", "Aucune demande n'attend.")
	leila.open("/privacy/due?days=365").is(200, "/privacy/due?days=365").says("Bientôt détruit")
}
