package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/internal/devsigners"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/policy/activation"
)

// exportOf DIR WHAT…: writes an export of these entries, in this order: "signed" is an
// activation by two people, "replayed" that one again, "decided" a decision by it, "other"
// one by rules that nobody put in force. DIR.signers pins the two people, DIR.others
// two who signed nothing.
func exportOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: export DIR WHAT…")
	}
	const origin = "sceau.test/signers"
	dir := ts.MkAbs(args[0])
	people, err := devsigners.New()
	ts.Check(err)
	writeSigners(ts, dir+".signers", people)
	others, err := devsigners.New()
	ts.Check(err)
	writeSigners(ts, dir+".others", others)

	s := policy.Statement{Origin: origin, Serial: 3, Revision: "sha256:" + strings.Repeat("a", 64)}
	var note []byte
	for _, p := range people.Two {
		note, err = policy.Sign(s, note, p.Private)
		ts.Check(err)
	}
	pinned, err := people.Pin(origin)
	ts.Check(err)
	signed, err := pinned.Open(note)
	ts.Check(err)

	prev := audit.Genesis(origin)
	out, err := audit.NewExport(dir, audit.Meta{Origin: origin, Prev: prev})
	ts.Check(err)
	for i, what := range args[1:] {
		e := audit.Entry{
			V: audit.Version, Seq: int64(i), Prev: prev, At: time.Date(2026, 11, 20, 8, 0, i, 0, time.UTC),
			Via: audit.ViaOperator, Actor: audit.Actor{ID: "operator"}, Action: audit.ActionPolicyActivated,
			Subject: audit.Subject{Type: activation.SubjectType, ID: s.Revision}, Details: activation.Details(signed),
		}
		if what == "decided" || what == "other" {
			e.Via, e.Action, e.Subject, e.Details = audit.ViaCustodian, audit.ActionReceiptGiven, audit.Subject{}, nil
			e.Decision = &audit.Decision{Path: string(policy.PointMinorReceipt), Policy: s.Revision, Result: audit.ResultAllow}
			if what == "other" {
				e.Decision.Policy = "sha256:" + strings.Repeat("b", 64)
			}
		}
		leaf, err := audit.Marshal(e)
		ts.Check(err)
		ts.Check(out.Leaf(leaf))
		prev = audit.LeafHash(leaf)
	}
	ts.Check(out.Close(prev))
}

func writeSigners(ts *testscript.TestScript, name string, people *devsigners.People) {
	text := "# who changes policy\n"
	for _, s := range people.Signers() {
		text += s.Person + " " + s.Key + "\n"
	}
	ts.Check(os.WriteFile(filepath.Clean(name), []byte(text), 0o600))
}
