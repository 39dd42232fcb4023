package rig

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/vaulttest"
)

// tooLate is how long after its entry a case key may be read, and some more
// for Vault to write it down on a busy machine.
const tooLate = 5*time.Second + 2*time.Second

// everyReadHasItsEntry holds Vault's own record against the log: no case key
// was read but under the hash of an entry of that case that allows it.
func (r *Rig) everyReadHasItsEntry() {
	for _, a := range r.Reads("") {
		path := strings.TrimPrefix(a.Request.Path, devstack.CasesMount+"/data/")
		id, class, _ := strings.Cut(path, "/")
		at, err := time.Parse(time.RFC3339Nano, a.Time)
		if err != nil {
			r.Errorf("Vault's record: %v", err)
			return
		}
		hash, _ := hex.DecodeString(a.CorrelationID()) // what is no hash is no entry's
		var ours, allowed bool
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err = r.DB.Super.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sceau.cases WHERE case_id = $1),
			EXISTS (SELECT FROM sceau.entries WHERE case_id = $1 AND hash = $2 AND via = 'custodian'
				AND action = ANY (CASE $3 WHEN 'identity' THEN ARRAY['identity.release_ordered'] ELSE ARRAY['conversation.read', 'evidence.read'] END)
				AND at <= $4 AND $4 <= at + $5::interval)`, id, hash, class, at, tooLate).Scan(&ours, &allowed)
		cancel()
		switch {
		case err != nil:
			r.Errorf("comparing with Vault's record: %v", err)
			return
		case ours && !allowed:
			r.Errorf("the %s key of case %s was read under %q, which is no entry that allows it", class, id, a.CorrelationID())
		}
	}
}

// Reads are the requests for case keys in Vault's own record, of one case or
// of all.
func (r *Rig) Reads(id string) (reads []vaulttest.Audited) {
	r.Helper()
	for _, line := range r.Vault.AuditLines(r.TB) {
		var a vaulttest.Audited
		if json.Unmarshal([]byte(line), &a) != nil {
			continue // Vault was killed while it wrote it
		}
		if a.Type == "request" && a.Request.Operation == "read" && strings.HasPrefix(a.Request.Path, devstack.CasesMount+"/data/"+id) {
			reads = append(reads, a)
		}
	}
	return reads
}

// Actions are the actions of a case's entries, in order.
func (r *Rig) Actions(id string) string {
	r.Helper()
	var all []string
	err := r.DB.Super.QueryRow(context.Background(),
		`SELECT coalesce(array_agg(action ORDER BY seq), '{}') FROM sceau.entries WHERE case_id = $1`, id).Scan(&all)
	r.Must(err)
	return strings.Join(all, " ")
}

func join(list []string) string { return strings.Join(list, " ") }

// tail is the end of a process's log, without what every request leaves there.
func tail(text string, lines int) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, `"level":"DEBUG"`) {
			kept = append(kept, strings.TrimRight(line, "\n"))
		}
	}
	return strings.Join(kept[max(0, len(kept)-lines):], "\n")
}
