package web_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/web"
)

// TestMetricsNameNobody: labels are routes of the table, methods and statuses;
// no id, no address, and nothing that a client could invent.
func TestMetricsNameNobody(t *testing.T) {
	w := newWorld(t)
	amal := w.hire("amal")
	_, id := w.talk(amal)
	amal.get("/api/v1/conversations/" + id).wants("200")
	w.minor("").get("/api/v1/invented-by-a-client").wants("route.not_found")
	w.minor("").send("INVENTED", "/api/v1/topics", nil).wants("request.method")
	known := []string{"none", "/healthz", "/readyz", "/api/v1/openapi.json"}
	for _, route := range web.Table(nil, nil) {
		known = append(known, route.Path)
	}
	families, err := w.counts.Gather()
	w.must(err)
	requests := 0
	for _, family := range families {
		if family.GetName() != "sceau_http_request_seconds" {
			continue
		}
		for _, metric := range family.GetMetric() {
			requests++
			for _, label := range metric.GetLabel() {
				value := label.GetValue()
				switch label.GetName() {
				case "route":
					if !slices.Contains(known, value) {
						t.Errorf("a label of its own: %q", value)
					}
				case "method":
					if strings.Contains(value, "INVENTED") {
						t.Errorf("a method of its own: %q", value)
					}
				case "status", "face":
				default:
					t.Errorf("a label %s", label.GetName())
				}
			}
		}
	}
	if requests < 4 {
		t.Errorf("%d kinds of requests were measured", requests)
	}
}
