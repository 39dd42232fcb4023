package custodian_test

import (
	"math"
	"regexp"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// metric is one of the custodian's figures.
func (w *world) metric(name string) float64 {
	w.t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(w.gate)
	families, err := r.Gather()
	w.must(err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	w.t.Fatalf("no metric is called %s", name)
	return 0
}

func TestMetricsTellAndNameNobody(t *testing.T) {
	w := newWorld(t)
	agent, _, k, _ := w.granted("name")
	_, _, err := w.read(agent.caller(), k)
	w.must(err)
	w.full()
	for name, want := range map[string]float64{
		"sceau_custodian_ready_cases": 3, "sceau_custodian_reading_sessions": 1, "sceau_custodian_serving": 1,
		"sceau_custodian_vault_up": 1, "sceau_custodian_postgres_up": 1, "sceau_custodian_destruction_backlog": 0,
		"sceau_custodian_possibly_opened": 0, "sceau_custodian_log_behind": 0,
	} {
		if got := w.metric(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	r := prometheus.NewRegistry()
	r.MustRegister(w.gate)
	families, err := r.Gather()
	w.must(err)
	named := regexp.MustCompile(`^sceau_custodian_[a-z_]+$`)
	for _, f := range families {
		if !named.MatchString(f.GetName()) || len(f.GetMetric()) != 1 || len(f.GetMetric()[0].GetLabel()) != 0 {
			t.Errorf("%s has labels", f)
		}
	}
	w.vault.Seal(t)
	if got := w.metric("sceau_custodian_vault_up"); got != 0 {
		t.Errorf("a sealed Vault is up: %v", got)
	}
	w.config.Pool.Close()
	if got := w.metric("sceau_custodian_ready_cases"); !math.IsNaN(got) {
		t.Errorf("%v cases are ready in a database that is gone", got)
	}
}
