package custodian_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/policy"
)

// tracer notes the statements of marked contexts, with how many arguments each has.
type tracer struct {
	mu  sync.Mutex
	all []string
}

type marked struct{}

func (t *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if ctx.Value(marked{}) != nil {
		t.mu.Lock()
		t.all = append(t.all, q.SQL)
		t.mu.Unlock()
	}
	return ctx
}

func (t *tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// newTracedWorld is a world whose custodian's statements can be listed.
func newTracedWorld(t *testing.T) (*world, *tracer) {
	t.Helper()
	traced, db := &tracer{}, pgtest.New(t)
	return newWorldOn(t, db, func(c *custodian.Config) {
		cfg, err := pgxpool.ParseConfig(db.URL("sceau_custodian"))
		if err != nil {
			t.Fatal(err)
		}
		cfg.ConnConfig.Tracer = traced
		if c.Pool, err = pgxpool.NewWithConfig(context.Background(), cfg); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Pool.Close)
		if c.Log, err = pglog.Open(context.Background(), pglog.Config{Pool: c.Pool, Via: audit.ViaCustodian}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Log.Close)
	}), traced
}

var asOf = regexp.MustCompile(`"as_of":"[^"]+"`)

// receipt asks for one, and returns the answer's bytes but for its time, and the
// statements that it took.
func (w *world) receipt(traced *tracer, k talk) (body string, statements []string) {
	w.t.Helper()
	raw, err := json.Marshal(order.AskReceipt{Caller: k.caller()})
	w.must(err)
	for {
		r := httptest.NewRequest(http.MethodPost, "/v1/receipts", bytes.NewReader(raw))
		answer := httptest.NewRecorder()
		traced.mu.Lock()
		traced.all = nil
		traced.mu.Unlock()
		w.gate.Handler().ServeHTTP(answer, r.WithContext(context.WithValue(r.Context(), marked{}, true)))
		traced.mu.Lock()
		statements = slices.Clone(traced.all)
		traced.mu.Unlock()
		// The log moved between looking and deciding: others write too, not this one.
		if !slices.ContainsFunc(statements, func(sql string) bool { return strings.Contains(sql, "seq, leaf") }) {
			return http.StatusText(answer.Code) + " " + asOf.ReplaceAllString(answer.Body.String(), `"as_of":""`), statements
		}
	}
}

// lastReceipt is the entry of the last one, without what is another in every entry.
func (w *world) lastReceipt(k talk) (e audit.Entry, leaf int) {
	w.t.Helper()
	records, err := pglog.ByCase(context.Background(), w.Super, k.id, 0)
	w.must(err)
	r := records[len(records)-1]
	e = r.Entry
	e.Seq, e.At, e.Prev, e.Case = 0, time.Time{}, audit.Hash{}, ""
	d := *e.Decision
	d.ID, d.Input = "", ""
	e.Decision = &d
	names := audit.Commitments{}
	for name := range e.Commitments {
		names[name] = ""
	}
	e.Commitments = names
	return e, len(r.Leaf)
}

// Whoever looks over a child's shoulder learns nothing from the answer while it may
// not be told: it is the one of a child whose identity nobody opened, and it took
// the same queries and wrote the same entry.
func TestNeverOpenedAndNotYetTellableAreOne(t *testing.T) {
	t.Parallel()
	w, traced := newTracedWorld(t)
	ctx := context.Background()
	agent, supervisor, k, r := w.granted("name")
	never, asked, failed := w.open("Bonjour"), w.open("Il va me tuer"), w.open("Au secours")
	w.join(agent, asked)
	w.request(agent, asked, "name")
	bruno := w.hire("bruno", "P-B", "agent")
	w.join(bruno, failed)
	lost := w.request(bruno, failed, "name")
	w.approve(supervisor, lost, "name")
	w.exec(`UPDATE sceau.facets SET number = 7 WHERE facet = 'name' AND case_id = $1`, failed.id)
	_, err := w.release(bruno.caller(), lost.ID, "name")
	w.refused("a release that fails", err, order.CodeAltered)
	_, err = w.release(agent.caller(), r.ID, "name")
	w.must(err)
	w.full()

	want, queries := w.receipt(traced, never)
	if want != `OK {"as_of":"","openings":[]}` {
		t.Errorf("never opened: %s", want)
	}
	entry, size := w.lastReceipt(never)
	if entry.Action != audit.ActionReceiptGiven || entry.Details != nil {
		t.Errorf("the entry is %+v", entry)
	}
	for what, other := range map[string]talk{"opened, not tellable yet": k, "asked for": asked, "tried in vain": failed} {
		body, statements := w.receipt(traced, other)
		if body != want {
			t.Errorf("%s: %s", what, body)
		}
		if !slices.Equal(statements, queries) {
			t.Errorf("%s took %d statements, never opened %d:\n%s", what, len(statements), len(queries), strings.Join(statements, "\n"))
		}
		got, leaf := w.lastReceipt(other)
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(entry)
		if !bytes.Equal(a, b) || leaf-size > 2 || size-leaf > 2 { // the number of digits of seq
			t.Errorf("%s: the entry, of %d bytes, is\n%s\nnot the %d bytes of\n%s", what, leaf, a, size, b)
		}
	}

	// Told, it is in the answer.
	_, err = w.escalations.Tell(ctx, pglog.Idempotency{}, agent.Actor, r.ID, policy.Told, "", time.Time{})
	w.must(err)
	got, err := w.client.Receipt(ctx, order.AskReceipt{Caller: k.caller()})
	w.must(err)
	if len(got.Openings) != 1 {
		t.Fatalf("openings %+v", got.Openings)
	}
	o := got.Openings[0]
	if o.Ground != "imminent_danger" || strings.Join(o.Facets, ",") != "name" || o.How != order.OpenedApproved || o.Review != "" || !o.Told ||
		o.OpenedAt.After(got.AsOf) || time.Since(o.OpenedAt) > time.Minute {
		t.Errorf("the opening is %+v", o)
	}
	raw, err := json.Marshal(got)
	w.must(err)
	for _, secret := range []string{agent.ID, agent.Person, supervisor.ID, r.ID} {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("the minor is told %s", secret)
		}
	}
	// And nobody else can ask.
	_, err = w.client.Receipt(ctx, order.AskReceipt{Caller: agent.caller()})
	w.refused("an agent", err, order.CodeTokenInvalid)
	_, err = w.client.Receipt(ctx, order.AskReceipt{Caller: order.Caller{MinorToken: order.Secret(strings.Repeat("A", 43))}})
	w.refused("a token of nobody", err, order.CodeTokenInvalid)
}
