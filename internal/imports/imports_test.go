// Package imports holds the lines between the rooms of the tree: who may import
// whom, checked against what the compiler sees. A new package has to be given
// its place here before the tests pass.
package imports

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sceau-project/sceau"

// rooms says which of our packages each package may import in what it ships;
// its own subfolders under internal/ always. A trailing /... stands for a
// folder and everything below it. Imports flow one way:
// cmd → web → conversation, escalation → policy, crypto/seal, audit/pglog → audit.
var rooms = map[string][]string{
	// Pure: values in, values out.
	"audit":               nil,
	"policy":              nil,
	"policy/activation":   {"audit", "policy"},
	"crypto/seal":         nil,
	"conversation":        {"audit", "crypto/seal", "policy"},
	"escalation":          {"audit", "conversation", "policy"},
	"retention":           {"audit", "escalation", "policy"},
	"inspection":          {"audit", "escalation", "policy", "policy/activation"},
	"conversation/phrase": nil,
	"conversation/postal": nil,

	// Who a member of staff is, as the identity provider says.
	"staff": {"policy"},

	// The only code that speaks to Vault about case keys.
	"crypto/custody": nil,

	// What lies in PostgreSQL.
	"migrations":           nil,
	"audit/pglog":          {"audit"},
	"policy/pgstore":       {"audit", "audit/pglog", "policy", "policy/activation"},
	"staff/pgstore":        {"audit", "audit/pglog", "staff"},
	"conversation/pgstore": {"audit", "audit/pglog", "conversation", "conversation/postal", "crypto/seal", "notice", "policy"},
	"escalation/pgstore":   {"audit", "audit/pglog", "conversation/...", "crypto/seal", "escalation", "notice", "policy", "policy/pgstore"},
	"retention/pgstore":    {"audit", "audit/pglog", "conversation", "escalation/...", "policy/...", "retention"},

	// Calling staff to look: ids only; what goes out knows nothing of what is stored.
	"notice":         nil,
	"notice/mail":    {"notice"},
	"notice/pgstore": {"notice"},
	"notice/webhook": {"notice"},

	// The gate: the one importer of crypto/custody.
	"custodian/order": nil,
	"custodian": {"audit", "audit/pglog", "conversation/...", "crypto/custody", "crypto/seal", "custodian/order",
		"escalation/...", "internal/pgfault", "policy/...", "retention/...", "staff/..."},

	// What faces people: orders, never the gate itself.
	"web": {"audit", "audit/pglog", "conversation/...", "crypto/seal", "custodian/order", "escalation/...",
		"inspection", "internal/pgfault", "policy/...", "retention/...", "staff/...", "web/page"},
	// Pages are clients of the API above: they import nothing of ours but their shell.
	"web/page":       nil,
	"web/agent":      {"web/page"},
	"web/answer":     {"web/page"},
	"web/supervisor": {"web/answer", "web/page"},
	"web/privacy":    {"web/answer", "web/page"},
	"web/signin":     {"audit", "policy", "staff/...", "web/page"},
	"web/inspector":  {"web/page"},
	"web/minor":      {"conversation", "web/page"}, // the list of topics, a pure one

	"internal/config":    {"audit", "crypto/seal", "policy"},
	"internal/hardening": nil,
	"internal/pgfault":   nil,

	// Programs. The inspector's works on a laptop without database or network.
	"cmd/sceau": {"audit/...", "conversation/...", "crypto/...", "custodian/...", "escalation/...", "internal/config",
		"internal/hardening", "migrations", "notice/...", "policy/...", "retention/...", "staff/...", "web/..."},
	"cmd/sceau-inspect": {"audit", "inspection", "policy", "policy/activation"},
	"cmd/sceau-dev":     {"..."},

	// For tests and development only: no room above names them.
	"deploy/vault":            nil,
	"internal/bench":          {"audit/...", "crypto/seal", "policy"},
	"internal/casetest":       {"audit/...", "conversation/...", "crypto/seal", "escalation/...", "internal/devsigners", "internal/pgtest", "policy/...", "retention/..."},
	"internal/devissuer":      nil,
	"internal/devsigners":     {"audit/pglog", "policy/..."},
	"internal/devstack":       {"deploy/vault", "migrations"},
	"internal/attacks":        nil,
	"internal/browser":        nil,
	"internal/faults":         nil,
	"internal/faults/network": nil,
	"internal/faults/trial":   nil,
	"internal/faults/runbook": nil,
	"internal/faults/vault":   nil,
	"internal/faults/wire":    nil,
	"internal/imports":        nil,
	"internal/keeper":         nil,
	"internal/pgtest":         {"audit", "audit/pglog", "internal/devstack", "internal/keeper", "migrations"},
	"internal/rig": {"audit", "audit/pglog", "internal/devissuer", "internal/devsigners", "internal/devstack", "internal/pgtest",
		"internal/vaulttest", "policy"},
	"internal/vaulttest": {"internal/devstack", "internal/keeper"},
	"tools/postalcodes":  nil,
	"tools/prepare":      {"internal/devstack"},
}

// libraries says who may import what decides much: the database, Vault, age,
// OPA, the web. Everybody else reaches them through the room that owns them.
var libraries = map[string][]string{
	"github.com/jackc/pgx/v5": {"audit/pglog", "policy/pgstore", "staff/pgstore", "escalation/pgstore",
		"conversation/pgstore", "notice/pgstore", "retention/pgstore", "custodian", "migrations", "internal/...", "cmd/sceau", "cmd/sceau-dev/..."},
	"github.com/riverqueue/river":       {"notice/pgstore", "migrations"},
	"github.com/hashicorp/vault/api":    {"crypto/custody", "internal/devstack", "internal/vaulttest"},
	"filippo.io/age":                    {"crypto/seal", "internal/bench"},
	"github.com/open-policy-agent/opa":  {"policy"},
	"github.com/pressly/goose/v3":       {"migrations"},
	"github.com/go-chi/chi/v5":          {"web", "web/page"},
	"github.com/a-h/templ":              {"web/..."},
	"github.com/danielgtaylor/huma/v2":  {"web"},
	"github.com/unrolled/secure":        {"web"},
	"html/template":                     {"web", "internal/devissuer"},
	"testing":                           {"internal/casetest", "internal/faults/trial", "internal/faults/wire", "internal/pgtest", "internal/rig", "internal/vaulttest"},
	"github.com/coreos/go-oidc/v3/oidc": {"staff", "web/signin", "internal/devissuer"},
	"database/sql":                      {"migrations"},
	"math/rand":                         nil, // randomness here is for secrets or for tests
}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestImportsFlowOneWay(t *testing.T) {
	for _, p := range list(t) {
		room := strings.TrimPrefix(p.ImportPath, module+"/")
		allowed, known := rooms[roomOf(room)]
		if !known {
			t.Errorf("%s has no place in the table of rooms", room)
			continue
		}
		for _, imported := range p.Imports {
			ours, is := strings.CutPrefix(imported, module+"/")
			if is && !within(ours, roomOf(room)+"/internal/...") && !matches(ours, allowed) {
				t.Errorf("%s imports %s", room, ours)
			}
			for library, importers := range libraries {
				if within(imported, library+"/...") && !matches(room, importers) && !libraryBelow(imported, library) {
					t.Errorf("%s imports %s, which is for %v only", room, imported, importers)
				}
			}
		}
	}
}

func TestTheInspectorNeedsNoServer(t *testing.T) {
	for _, p := range list(t) {
		if p.ImportPath != module+"/cmd/sceau-inspect" {
			continue
		}
		for _, dep := range p.Deps {
			for _, server := range []string{"github.com/jackc/pgx/v5/...", "github.com/hashicorp/vault/api/..."} {
				if within(dep, server) {
					t.Errorf("sceau-inspect depends on %s", dep)
				}
			}
			// database/sql/driver only describes values, for the UUIDs that the policy engine makes.
			if dep == "database/sql" {
				t.Errorf("sceau-inspect depends on %s", dep)
			}
		}
	}
}

func TestNoPackageIsNamedCrypto(t *testing.T) {
	for _, p := range list(t) {
		if path.Base(p.ImportPath) == "crypto" {
			t.Errorf("%s shadows the standard library's crypto", p.ImportPath)
		}
	}
}

// The table is of use only while it names what exists.
func TestEveryRoomExists(t *testing.T) {
	var there []string
	for _, p := range list(t) {
		there = append(there, strings.TrimPrefix(p.ImportPath, module+"/"))
	}
	for room := range rooms {
		if !slices.Contains(there, room) {
			t.Errorf("the table names %s, which does not exist", room)
		}
	}
}

// roomOf is the package a private subfolder belongs to.
func roomOf(p string) string {
	if room, _, nested := strings.Cut(p, "/internal/"); nested {
		return room
	}
	return p
}

func matches(p string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return within(p, pattern) })
}

func within(p, pattern string) bool {
	folder, whole := strings.CutSuffix(pattern, "...")
	if !whole {
		return p == pattern
	}
	return p == strings.TrimSuffix(folder, "/") || strings.HasPrefix(p, folder)
}

// libraryBelow tells whether an import falls under a longer entry of the table,
// or is a different package of the standard library ("testing/fstest").
func libraryBelow(imported, library string) bool {
	if imported == library {
		return false
	}
	if !strings.Contains(library, ".") {
		return true
	}
	for other := range libraries {
		if len(other) > len(library) && within(imported, other+"/...") {
			return true
		}
	}
	return false
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = "../.."
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &problems)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
