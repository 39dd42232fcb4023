package inspection_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/escalation"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/casetest"
	"github.com/sceau-project/sceau/policy"
)

// A night is an export of what really happened: a request that policy refused, one
// that was approved in part and opened, on a real log.
type night struct {
	export fs.FS
	caseID string
	pinned policy.Verification // what its two signers signed is believed
}

// happened plays the night once: what the tests change is a copy.
func happened(t *testing.T) night {
	t.Helper()
	ctx := t.Context()
	w := casetest.New(t, policy.Production)
	store, err := escalationstore.New(escalationstore.Config{
		Pool: w.Pool(t, "sceau_staff"), Log: w.Log(audit.ViaStaff), Policy: w.Policy, Recipients: w.Recipients(audit.ViaStaff),
	})
	if err != nil {
		t.Fatal(err)
	}
	amal, diane := w.Member("amal", "amal", "agent"), w.Member("diane", "diane", "supervisor")
	w.Member("amal2", "amal", "supervisor")
	caseID := w.Opened(amal, "Il a dit qu’il viendrait ce soir avec un couteau.")

	message, err := w.Staff.MessagesAt(ctx, caseID, []int{1})
	if err != nil {
		t.Fatal(err)
	}
	ask := escalationstore.Ask{
		Case: caseID, Ground: escalation.GroundImminentDanger, Facets: []string{"connection"},
		Evidence:  []escalationstore.Citation{{Position: 1, Sum: sha256.Sum256(message[0].Ciphertext)}},
		Narrative: "Une arme, ce soir.",
	}
	if r, err := store.Request(ctx, pglog.Idempotency{}, amal, ask); err != nil || r.State != escalation.Refused {
		t.Fatalf("a request without an assessment: %+v, %v", r, err)
	}
	ask.Danger = policy.Assessment{
		Immediacy: "now", Violence: "weapon", Suicide: "none", PerpetratorPresent: "yes", Captive: "unknown",
		AgeBand: "10_12", Alone: "no", LocationKnown: "no",
	}
	r, err := store.Request(ctx, pglog.Idempotency{}, amal, ask)
	if err != nil || r.State != escalation.Requested {
		t.Fatalf("%+v, %v", r, err)
	}
	w.Read(diane, caseID, r.ID)
	request, err := audit.ParseHash(r.Request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Approve(ctx, pglog.Idempotency{}, diane, r.ID, request, []string{"connection"}); err != nil {
		t.Fatal(err)
	}
	open(t, w, amal, caseID, r.ID)

	dir := filepath.Join(t.TempDir(), "export")
	if _, err := w.Log(audit.ViaOperator).Export(ctx, pglog.ExportRequest{Dir: dir, Actor: audit.Actor{ID: "operator"}, Reason: "a test"}); err != nil {
		t.Fatal(err)
	}
	return night{export: os.DirFS(dir), caseID: caseID, pinned: w.Pinned()}
}

// open writes what the custodian writes around an opening.
func open(t *testing.T, w *casetest.World, who audit.Actor, caseID, id string) {
	t.Helper()
	_, err := w.Log(audit.ViaCustodian).Do(t.Context(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		docket, err := escalationstore.OpenDocket(ctx, turn, audit.ViaCustodian, caseID)
		if err != nil {
			return nil, err
		}
		e, _ := docket.Case.Escalation(id)
		p, err := w.Policy.In(ctx, turn.Tx)
		if err != nil {
			return nil, err
		}
		facets := []string{string(conversation.FacetConnection)}
		d, err := p.Decide(ctx, docket.Case.ReleaseInput(turn.At, who, e, facets, false))
		if err != nil {
			return nil, err
		}
		intent, err := docket.Append(escalation.ReleaseOrderedEntry(e, facets, d.Obligations, turn.At), who, &d, nil)
		if err != nil {
			return nil, err
		}
		_, err = docket.Append(escalation.ReleasedEntry(e, intent.Hash, facets, "vault-request"), who, nil, nil)
		if err != nil {
			return nil, err
		}
		return nil, escalationstore.Project(ctx, turn.Tx, e)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// rewritten is the export after somebody with the whole database changed it and
// computed the chain anew: only its content can betray it. What is no longer
// committed to loses its opening.
func (n night) rewritten(t *testing.T, change func([]audit.Entry) []audit.Entry) fs.FS {
	t.Helper()
	var entries []audit.Entry
	was := []audit.Hash{}
	for leaf, err := range audit.Leaves(n.export) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := audit.Parse(bytes.Clone(leaf))
		if err != nil {
			t.Fatal(err)
		}
		entries, was = append(entries, e), append(was, audit.LeafHash(leaf))
	}
	originally := map[string]int{} // hash of a leaf → where it stood
	for i, h := range was {
		originally[h.String()] = i
	}
	var meta audit.Meta
	raw, err := fs.ReadFile(n.export, audit.MetaFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &struct{ Origin *string }{&meta.Origin}); err != nil {
		t.Fatal(err)
	}
	entries = change(entries)
	now := map[int]audit.Hash{}
	prev := audit.Genesis(meta.Origin)
	var log bytes.Buffer
	for i, e := range entries {
		place := int(e.Seq)
		e.Seq, e.Prev = int64(i), prev
		for _, key := range []string{"request", "intent"} {
			if text, ok := e.Details[key].(string); ok {
				if at, ok := originally[text]; ok {
					e.Details[key] = now[at].String()
				}
			}
		}
		leaf, err := audit.Marshal(e)
		if err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
		prev = audit.LeafHash(leaf)
		if _, taken := now[place]; !taken {
			now[place] = prev
		}
		log.Write(append(leaf, '\n'))
	}
	return fstest.MapFS{audit.LogFile: {Data: log.Bytes()}, audit.OpeningsFile: {}}
}

// find is the place of the n-th entry of an action, from 0.
func find(t *testing.T, entries []audit.Entry, action audit.Action, n int) int {
	t.Helper()
	for i, e := range entries {
		if e.Action == action {
			if n == 0 {
				return i
			}
			n--
		}
	}
	t.Fatalf("there is no %s", action)
	return -1
}

func has(details, want string) bool { return strings.Contains(details, want) }
