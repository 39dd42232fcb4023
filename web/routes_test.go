package web_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/web"
)

// TestEveryRouteForEveryRole walks the table: whoever is not named is turned
// away at the door, and whoever is named is let in (to be told something else,
// since what is asked about does not exist).
func TestEveryRouteForEveryRole(t *testing.T) {
	w := newWorld(t)
	callers := map[string]*client{
		"agent": w.hire("amal"), "psychologist": w.hire("farah"), "supervisor": w.hire("diane"),
		"inspector": w.hire("gilles"), "privacy_officer": w.hire("hana"),
	}
	table := web.Table(nil, nil)
	if len(table) < 30 {
		t.Fatalf("only %d routes", len(table))
	}
	for _, route := range table {
		name := fmt.Sprintf("%s %s %s", route.Face, route.Method, route.Path)
		base := w.public
		if route.Face == web.Staff {
			base = w.staff
		}
		path := strings.NewReplacer("{id}", uuid.NewString(), "{facet}", "name").Replace(route.Path)
		call := func(c *client) answer {
			there := &client{w: w, base: base, header: c.header}
			return there.send(route.Method, path, bodyFor(route.Method))
		}
		anyone := slices.Contains(route.Who, "anyone")
		if got := call(w.client(base, "")).code(); (got == "token.missing") == anyone {
			t.Errorf("%s without a token: %s", name, got)
		}
		if got := call(w.client(base, "made-up")).code(); (got == "token.invalid") == anyone {
			t.Errorf("%s with a made-up token: %s", name, got)
		}
		for role, c := range callers {
			got := call(c).code()
			switch {
			case anyone:
			case route.Face == web.Public && got != "token.invalid":
				t.Errorf("%s with the token of staff: %s", name, got)
			case route.Face == web.Staff && slices.Contains(route.Who, role) == (got == "role.not_allowed" || strings.HasPrefix(got, "token.")):
				t.Errorf("%s as %s: %s, and the table names %v", name, role, got, route.Who)
			}
		}
		minor := w.open()
		got := call(minor).code()
		if route.Face == web.Staff && got != "token.invalid" {
			t.Errorf("%s with a minor's token: %s", name, got)
		}
		if slices.Contains(route.Who, "minor") && strings.HasPrefix(got, "token.") {
			t.Errorf("%s as a minor: %s", name, got)
		}
	}
}

func bodyFor(method string) []byte {
	if method == http.MethodGet {
		return nil
	}
	return []byte(`{}`)
}

// TestTheTableKeepsItsPromises: what no edit of the table may give away.
func TestTheTableKeepsItsPromises(t *testing.T) {
	only := map[string][]string{
		"POST /api/v1/escalations/{id}/identity":      {"agent"},
		"POST /api/v1/escalations/{id}/approve":       {"supervisor", "privacy_officer"}, // on a magistrate's order; a privacy officer reads no message
		"POST /api/v1/escalations/{id}/deny":          {"supervisor", "privacy_officer"},
		"POST /api/v1/escalations/{id}/evidence":      {"supervisor", "privacy_officer"},
		"POST /api/v1/escalations/{id}/confirm":       {"agent"},
		"POST /api/v1/escalations/{id}/break-glass":   {"agent"},
		"POST /api/v1/escalations/{id}/revoke":        {"supervisor"},
		"POST /api/v1/escalations/{id}/review":        {"supervisor"},
		"POST /api/v1/privacy/erasures/{id}/decide":   {"privacy_officer"},
		"POST /api/v1/conversations/{id}/escalations": {"agent"},
		"GET /api/v1/log/entries":                     {"inspector"},
	}
	for _, route := range web.Table(nil, nil) {
		name := route.Method + " " + route.Path
		if who, ok := only[name]; ok && route.Face == web.Staff {
			if !slices.Equal(route.Who, who) {
				t.Errorf("%s is for %v", name, route.Who)
			}
			delete(only, name)
		}
		transcript := strings.Contains(route.Path, "/conversation")
		for _, role := range []string{"supervisor", "inspector", "privacy_officer"} {
			if transcript && slices.Contains(route.Who, role) {
				t.Errorf("%s shows a conversation to a %s", name, role)
			}
		}
		if route.Face == web.Staff && slices.Contains(route.Who, "anyone") {
			t.Errorf("%s is open to anyone", name)
		}
	}
	for name := range only {
		t.Errorf("%s is not served", name)
	}
}

// TestDocument: the OpenAPI document names every route, and no page of it loads
// anything from elsewhere.
func TestDocument(t *testing.T) {
	w := newWorld(t)
	for face, base := range map[web.Kind]string{web.Public: w.public, web.Staff: w.staff} {
		var doc struct {
			OpenAPI string
			Paths   map[string]map[string]any
		}
		w.client(base, "").get("/api/v1/openapi.json").into(&doc)
		if !strings.HasPrefix(doc.OpenAPI, "3.1") {
			t.Errorf("OpenAPI %q", doc.OpenAPI)
		}
		routes := 0
		for _, route := range web.Table(nil, nil) {
			if route.Face == face {
				routes++
				if doc.Paths[route.Path][strings.ToLower(route.Method)] == nil {
					t.Errorf("%s: %s %s is not documented", face, route.Method, route.Path)
				}
			}
		}
		documented := 0
		for _, methods := range doc.Paths {
			documented += len(methods)
		}
		if documented != routes {
			t.Errorf("%s: %d operations documented, %d routes", face, documented, routes)
		}
		w.client(base, "").get("/docs").wants("route.not_found")
		w.client(base, "").get("/schemas/Problem.json").wants("route.not_found")
	}
}
