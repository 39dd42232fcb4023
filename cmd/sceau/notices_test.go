package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.yaml.in/yaml/v3"

	"github.com/sceau-project/sceau/policy"
)

const pagerSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G"

// pager listens at an address from the moment it is started, and verifies what comes.
type pager struct {
	t       *testing.T
	address string

	mu  sync.Mutex
	got []string // bodies
}

func (p *pager) start() {
	p.t.Helper()
	verifier, err := standardwebhooks.NewWebhook(pagerSecret)
	if err != nil {
		p.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = verifier.Verify(body, r.Header)
		}
		if err != nil {
			p.t.Errorf("a notice that does not verify: %v", err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.got = append(p.got, string(body))
	})}
	go func() { _ = server.Serve(listener) }()
	p.t.Cleanup(func() { _ = server.Close() })
}

// wait returns the notice that mentions all of these, when it has come.
func (p *pager) wait(mentions ...string) string {
	p.t.Helper()
	lacks := func(body string) bool {
		return slices.ContainsFunc(mentions, func(m string) bool { return !strings.Contains(body, m) })
	}
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		p.mu.Lock()
		for _, body := range p.got {
			if !lacks(body) {
				p.mu.Unlock()
				return body
			}
		}
		p.mu.Unlock()
	}
	p.t.Fatalf("no notice of %v came", mentions)
	return ""
}

// configure changes the configuration of a process before it starts.
func (s *stack) configure(name string, change func(map[string]any)) {
	s.t.Helper()
	text, err := os.ReadFile(s.path(name + ".yaml"))
	s.must(err)
	doc := map[string]any{}
	s.must(yaml.Unmarshal(text, &doc))
	change(doc)
	text, err = yaml.Marshal(doc)
	s.must(err)
	s.file(name+".yaml", text)
}

// TestNoticesReachPeople: an agent asks, the staff face is killed at once, the
// pager is down. When both are back, people are called, by ids only; and the
// alarms are about metrics that exist.
func TestNoticesReachPeople(t *testing.T) {
	const planted = "PLANTED cachée chez ma tante Odile"
	s := newStack(t)
	p := &pager{t: t, address: freeAddress(t)}
	metrics := map[string]string{"public": freeAddress(t), "staff": freeAddress(t), "custodian": freeAddress(t)}
	s.configure("custodian", func(doc map[string]any) { doc["custodian"].(map[string]any)["metrics"] = metrics["custodian"] })
	s.configure("public", func(doc map[string]any) { doc["public"].(map[string]any)["metrics"] = metrics["public"] })
	s.configure("staff", func(doc map[string]any) {
		doc["staff"].(map[string]any)["metrics"] = metrics["staff"]
		doc["notices"] = map[string]any{"webhooks": []any{map[string]any{
			"name": "pager", "url": "http://" + p.address + "/notices", "secret_file": s.file("pager.secret", []byte(pagerSecret+"\n")),
			"roles": policy.StaffRoles,
		}}}
	})
	for _, name := range []string{"custodian", "public", "staff"} {
		s.start(name)
	}
	s.ready()
	id := s.ask(planted)
	s.kill("staff")
	s.start("staff")
	s.ready()
	time.Sleep(2 * time.Second) // a try or two, in vain
	p.start()
	if body := p.wait(`"request_waiting"`, id); strings.Contains(body, "PLANTED") || len(body) > 250 {
		t.Errorf("the notice is %s", body)
	}
	p.wait(`"policy_changed"`)

	var queue string
	s.must(s.server.Super.QueryRow(context.Background(), `SELECT string_agg(j::text, ' ') FROM sceau_queue.river_job j`).Scan(&queue))
	for _, secret := range []string{"PLANTED", "Odile", "whsec_", p.address, "Amal"} {
		if strings.Contains(queue, secret) {
			t.Errorf("the queue holds %q:\n%s", secret, queue)
		}
	}
	s.alarmsAreAbout(metrics)
}

// ask has an agent ask to lift anonymity, in a conversation of its own, while a
// supervisor is on duty; and returns the escalation's id.
func (s *stack) ask(words string) string {
	s.t.Helper()
	public, staff := "http://"+s.public+"/api/v1", "http://"+s.staff+"/api/v1"
	token := func(name string) string {
		token, err := s.issuer.Token(context.Background(), name)
		s.must(err)
		return token
	}
	agent := token("amal")
	s.call(http.MethodGet, staff+"/escalations", token("diane"), nil, nil)
	var opened struct{ Token string }
	s.call(http.MethodPost, public+"/conversations", "", map[string]string{"postal_code": "35000", "topic": "threats"}, &opened)
	s.call(http.MethodPost, public+"/conversation/messages", opened.Token, map[string]string{"text": words}, nil)
	var waiting struct{ Waiting []struct{ ID string } }
	s.call(http.MethodGet, staff+"/conversations", agent, nil, &waiting)
	talk := staff + "/conversations/" + waiting.Waiting[0].ID
	s.call(http.MethodPost, talk+"/join", agent, struct{}{}, nil)
	var page struct {
		Messages []struct {
			Position int64
			SHA256   string
		}
	}
	s.call(http.MethodGet, talk+"/messages", agent, nil, &page)
	last := page.Messages[len(page.Messages)-1]
	var escalation struct{ ID, State string }
	s.call(http.MethodPost, talk+"/escalations", agent, map[string]any{
		"ground": "imminent_danger", "facets": []string{"connection"}, "narrative": words,
		"assessment": map[string]string{"immediacy": "now", "violence": "weapon", "perpetrator_present": "yes", "suicide": "none",
			"captive": "unknown", "age_band": "10_12", "alone": "no", "location_known": "no"},
		"evidence": []any{map[string]any{"position": last.Position, "sha256": last.SHA256}},
	}, &escalation)
	if escalation.State != "requested" {
		s.t.Fatalf("the request is %+v", escalation)
	}
	return escalation.ID
}

var (
	sampleForm   = regexp.MustCompile(`(?m)^(sceau_\w+)(?:\{([^}]*)\})? `)
	selectorForm = regexp.MustCompile(`(sceau_\w+)(?:\{([^}]*)\})?`)
	labelForm    = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// alarmsAreAbout holds deploy/alerts to what the processes publish: names and
// labels. An alarm on a name that does not exist never comes, and nobody knows.
func (s *stack) alarmsAreAbout(metrics map[string]string) {
	s.t.Helper()
	published := map[string][]string{} // name -> label sets
	for _, address := range metrics {
		res, err := http.Get("http://" + address + "/metrics")
		s.must(err)
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		s.must(err)
		for _, m := range sampleForm.FindAllStringSubmatch(string(text), -1) {
			published[m[1]] = append(published[m[1]], m[2])
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "alerts", "sceau.yaml"))
	s.must(err)
	s.must(yaml.Unmarshal(text, &rules))
	checked := 0
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			for _, selector := range selectorForm.FindAllStringSubmatch(rule.Expr, -1) {
				checked++
				if err := publishes(published[selector[1]], selector[2]); err != nil {
					s.t.Errorf("%s: %s: %v", rule.Alert, selector[1], err)
				}
			}
		}
	}
	if checked < 10 {
		s.t.Errorf("only %d metrics are alarmed on", checked)
	}
}

// publishes wants one sample with every label of the selector, and its value
// unless it is an HTTP status, which no test provokes.
func publishes(samples []string, selector string) error {
	if len(samples) == 0 {
		return fmt.Errorf("no such metric")
	}
	for _, sample := range samples {
		all := true
		for _, label := range labelForm.FindAllStringSubmatch(selector, -1) {
			want := label[0]
			if label[1] == "status" {
				want = `status="`
			}
			all = all && strings.Contains(sample, want)
		}
		if all {
			return nil
		}
	}
	return fmt.Errorf("no sample has %s, but %v", selector, samples)
}
