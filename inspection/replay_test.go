package inspection_test

import (
	"bytes"
	"io/fs"
	"maps"
	"testing"
	"testing/fstest"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/inspection"
	"github.com/sceau-project/sceau/policy"
)

func replayed(t *testing.T, export fs.FS, opt inspection.Options) *inspection.Replayed {
	t.Helper()
	r, err := inspection.Replay(t.Context(), export, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReplay(t *testing.T) {
	n := happened(t)
	r := replayed(t, n.export, inspection.Options{})
	// Refused, requested, evidence read, approval given, release ordered.
	if r.Asked != 5 || r.Same != 5 || len(r.Different) > 0 || len(r.Missing) > 0 || len(r.Erased) > 0 || r.OtherEngine > 0 {
		t.Errorf("what really was decided: %+v", r)
	}

	t.Run("the leaf says otherwise", func(t *testing.T) {
		lie := copied(t, n.export)
		maps.Copy(lie, n.rewritten(t, func(es []audit.Entry) []audit.Entry {
			// A refusal that is passed off as allowed.
			es[find(t, es, audit.ActionEscalationRefused, 0)].Decision.Result = audit.ResultAllow
			return es
		}).(fstest.MapFS))
		lie[audit.OpeningsFile] = copied(t, n.export)[audit.OpeningsFile]
		r := replayed(t, lie, inspection.Options{})
		if len(r.Different) != 1 || r.Different[0].Point != policy.PointEscalationRequest || r.Different[0].Now.Allow {
			t.Errorf("%+v", r)
		}
	})

	t.Run("the input is missing", func(t *testing.T) {
		without := copied(t, n.export)
		without[audit.OpeningsFile] = &fstest.MapFile{}
		if r := replayed(t, without, inspection.Options{}); len(r.Missing) != 5 || r.Same != 0 {
			t.Errorf("%+v", r)
		}
	})

	t.Run("the input was erased", func(t *testing.T) {
		erased := copied(t, n.export)
		maps.Copy(erased, n.rewritten(t, func(es []audit.Entry) []audit.Entry {
			last := es[len(es)-1]
			return append(es, audit.Entry{
				V: audit.Version, Seq: last.Seq + 1, At: last.At, Via: audit.ViaCustodian, Actor: audit.Actor{ID: "custodian"},
				Action: audit.ActionOpeningsErased, Case: n.caseID, Details: audit.Details{"reason": "erasure"},
			})
		}).(fstest.MapFS))
		r := replayed(t, erased, inspection.Options{})
		if len(r.Erased) != 5 || len(r.Missing) > 0 {
			t.Fatalf("%+v", r)
		}
		if by := r.Erased[0].By; by <= r.Erased[4].Seq {
			t.Errorf("erased by entry %d", by)
		}
	})

	t.Run("a bundle is missing", func(t *testing.T) {
		without := copied(t, n.export)
		for name := range without {
			if bytes.HasPrefix([]byte(name), []byte(audit.BundlesDir)) {
				delete(without, name)
			}
		}
		if r := replayed(t, without, inspection.Options{}); len(r.Missing) != 5 || r.Same != 0 {
			t.Errorf("%+v", r)
		}
	})

	t.Run("about somebody else", func(t *testing.T) {
		// An honest input and result, beside an entry that is not theirs.
		borrowed := copied(t, n.export)
		maps.Copy(borrowed, n.rewritten(t, func(es []audit.Entry) []audit.Entry {
			es[find(t, es, audit.ActionEscalationApprovalGiven, 0)].Actor.Person = "p-somebody"
			return es
		}).(fstest.MapFS))
		borrowed[audit.OpeningsFile] = copied(t, n.export)[audit.OpeningsFile]
		if r := replayed(t, borrowed, inspection.Options{}); len(r.Unbound) != 1 || r.Same != 5 {
			t.Errorf("%+v", r)
		}
	})
}

// What would have been decided with rules that open no ground at all?
func TestReplayWithAnotherPolicy(t *testing.T) {
	n := happened(t)
	sources, err := policy.Embedded(policy.Production)
	if err != nil {
		t.Fatal(err)
	}
	numbers := sources.Data["sceau"].(map[string]any)["numbers"].(map[string]any)
	numbers["grounds_available"] = []any{"consent"}
	raw, err := policy.Build(sources)
	if err != nil {
		t.Fatal(err)
	}
	other, err := policy.Load(raw, policy.Revision(raw))
	if err != nil {
		t.Fatal(err)
	}
	r := replayed(t, n.export, inspection.Options{With: other})
	if len(r.Different) > 0 || r.Same != 5 {
		t.Errorf("the decisions themselves: %+v", r)
	}
	changed := map[policy.Point]bool{}
	for _, d := range r.Otherwise {
		changed[d.Point] = d.Recorded.Allow && !d.Now.Allow
	}
	if !changed[policy.PointIdentityRelease] || !changed[policy.PointEscalationRequest] || changed[policy.PointEvidenceRead] {
		t.Errorf("%+v", r.Otherwise)
	}
}

// copied is an export in memory, to be changed.
func copied(t *testing.T, export fs.FS) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(export, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(export, name)
		files[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
