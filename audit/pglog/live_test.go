package pglog_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// The log in the database reads, byte for byte, as its export does.
func TestLiveIsTheExport(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	for n := range 700 { // more than a page
		d := signedIn(n)
		if n%50 == 0 {
			salt := pglog.NewSalt()
			d.Commitments = audit.Commitments{"reason": audit.Commit(salt, "reason", "", []byte("so"))}
			d.Openings = []pglog.Opening{{Field: "reason", Salt: salt, Value: []byte("so")}}
		}
		if _, err := l.Append(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "export")
	last, err := open(t, db, audit.ViaOperator).Export(t.Context(), pglog.ExportRequest{Dir: dir, Actor: audit.Actor{ID: "operator"}, Reason: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), signedIn(1)); err != nil { // what comes after is not looked at
		t.Fatal(err)
	}
	live, err := pglog.OpenLive(t.Context(), db.Pool(t, "sceau_staff"), last.Seq)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{audit.MetaFile, audit.LogFile, audit.OpeningsFile} {
		exported, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		read, err := fs.ReadFile(live, name)
		if err != nil || string(read) != string(exported) {
			t.Errorf("%s differs: %d bytes, %d exported, %v", name, len(read), len(exported), err)
		}
	}
	if r := audit.Verify(live, audit.Options{}); r.Damage != nil || r.Checked != last.Seq+1 || r.Opened != 15 {
		t.Errorf("%+v, %v", r, r.Damage)
	}
	whole, err := pglog.OpenLive(t.Context(), db.Super, -1)
	if err != nil {
		t.Fatal(err)
	}
	if r := audit.Verify(whole, audit.Options{Known: []audit.Known{{Seq: last.Seq, Hash: last.Hash}}}); r.Damage != nil || r.Compared != 1 || r.Checked != last.Seq+2 {
		t.Errorf("%+v, %v", r, r.Damage)
	}
	if _, err := whole.Open("bundles/none.tar.gz"); !os.IsNotExist(err) {
		t.Errorf("a bundle that is not there: %v", err)
	}

	db.Tampered()
	conn, err := db.Super.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, sql := range []string{
		`SET session_replication_role = replica`,
		`ALTER TABLE sceau.entries DISABLE TRIGGER ALL`, `ALTER TABLE sceau.entries_0000000 DISABLE TRIGGER ALL`,
		`UPDATE sceau.entries SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '"s-', '"t-'), 'UTF8') WHERE seq = 600`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	altered, err := pglog.OpenLive(t.Context(), db.Super, -1)
	if err != nil {
		t.Fatal(err)
	}
	// The chain alone shows a changed leaf at the entry after; its own column at itself.
	if r := audit.Verify(altered, audit.Options{}); r.Damage == nil || r.Damage.Seq != 601 {
		t.Errorf("%+v, %v", r, r.Damage)
	}
	if d := altered.Damage(); d == nil || d.Seq != 600 {
		t.Errorf("of its columns: %v", d)
	}
}
