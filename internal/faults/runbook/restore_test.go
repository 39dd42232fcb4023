package runbook

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/internal/rig"
)

const arrived = "He has found out where I live."

// TestBothRestored: PostgreSQL and Vault are restored from a backup that was taken
// under load. Since then a conversation was begun, an identity opened and two cases
// erased, one of them on keys that were only ready when the backup was made. The
// custodian refuses, and says why; the operator does what the runbook says;
// afterwards the log holds, what was erased stays unreadable, and people talk.
func TestBothRestored(t *testing.T) {
	d := begin(t)
	d.Spoiled() // what was read under the lost entries is what this is about
	kept, gone := d.Talk(d.amal), d.Talk(d.amal)
	write(kept.Minor, arrived)
	write(gone.Minor, "Forget that I wrote.")
	end := d.load(kept)
	d.takeBackup()
	if end() == 0 {
		t.Error("nothing was going on while the backup was taken")
	}

	// More happens.
	ready := d.Talk(d.amal)
	write(ready.Minor, "Forget this too.")
	e := d.Ask(kept, 1, "At the door.", "connection")
	d.Approve(d.diane, e, "connection")
	method, path, body := e.Identity("connection")
	d.amal.Wants("ok", method, path, body)
	d.erase(gone)
	d.erase(ready)

	// Both are lost, with all that was archived.
	d.stop(rig.Staff, rig.Public, rig.Custodian)
	d.Must(d.server.Postgres.Stop(t.Context()))
	d.Must(os.Rename(d.wal, d.wal+".burnt"))
	d.follow("restore-postgresql")
	d.restoreVault()
	d.startPostgres()
	if d.destroyed(gone.ID) || d.destroyed(ready.ID) {
		t.Fatal("the backup of Vault is of after the erasures: nothing is tried here")
	}
	if d.ask(`SELECT opened::text FROM sceau.cases WHERE case_id = $1`, ready.ID) != "false" {
		t.Fatal("the second erased case was not ready in the backup: nothing is tried here")
	}
	found, seen := d.ends()
	if found > seen {
		t.Errorf("the log goes on at %d, and entry %d was seen: the operator is not shown the loss", found, seen)
	}

	// The custodian refuses.
	d.startCustodian("head")
	if !strings.Contains(d.Logged(rig.Custodian), "PostgreSQL lost or replaced entries") {
		t.Error("the custodian does not say why it refuses")
	}
	d.StartProcess(rig.Staff)
	d.Eventually(rig.Recovery, "the staff face says head", func() bool { return d.Down(rig.Staff) == "head" })
	d.signIn()
	d.amal.Wants("log.rolled_back", http.MethodGet, "/conversations/"+kept.ID+"/messages?from=1", nil)
	d.stop(rig.Staff, rig.Custodian)

	// The operator goes on without what was lost.
	d.follow("keep-evidence")
	lost := d.follow("lost-reads")
	if !strings.Contains(lost, kept.ID+"/identity") {
		t.Errorf("the opening whose entries are lost is not told:\n%s", lost)
	}
	if strings.Contains(lost, "none\t") {
		t.Errorf("a reading without any entry:\n%s", lost)
	}
	d.follow("ready-aside")
	d.StartProcess(rig.Staff)
	d.Eventually(rig.Recovery, "the staff face answers", func() bool { return d.Down(rig.Staff) == "custodian" })
	d.signIn()
	d.hana.Wants("ok", http.MethodPost, "/privacy/holds", rig.Object{"conversation": kept.ID, "reason": "proceedings"})
	d.follow("forget-head")
	d.startCustodian("ready")
	for _, erased := range []*rig.Talk{gone, ready} {
		if !d.destroyed(erased.ID) {
			t.Errorf("the custodian is ready, and the key of case %s is there again", erased.ID)
		}
	}
	d.startFaces(rig.Public)
	d.Eventually(rig.Recovery, "the staff face is ready", func() bool { return d.Down(rig.Staff) == "" })
	d.follow("tell")

	var left struct{ Waiting []struct{ ID string } }
	d.amal.Into(&left, http.MethodGet, "/conversations", nil)
	for _, w := range left.Waiting { // begun while the backup was taken
		d.amal.Wants("ok", http.MethodPost, "/conversations/"+w.ID+"/join", nil)
	}
	d.peopleTalk(kept, ready.ID)
	for who, p := range map[string]*rig.Person{"the minor": gone.Minor, "the minor of the lost conversation": ready.Minor} {
		if reads(p, "/conversation/messages", "Forget") {
			t.Errorf("%s reads what was erased", who)
		}
	}
	if reads(d.amal, "/conversations/"+gone.ID+"/messages", "Forget") {
		t.Error("the agent reads what was erased")
	}
}

// TestVaultRestored: Vault alone is restored, from a snapshot of before an erasure and of
// before some keys were made.
func TestVaultRestored(t *testing.T) {
	d := begin(t)
	kept, gone := d.Talk(d.amal), d.Talk(d.amal)
	write(kept.Minor, arrived)
	write(gone.Minor, "Forget that I wrote.")
	d.takeBackup()
	d.erase(gone)
	for range 26 { // more than were ready
		d.Open().Wants("ok", http.MethodPost, "/conversation/close", nil)
	}
	lost := d.Talk(d.amal) // its keys were made after the snapshot
	write(lost.Minor, "Nobody will read this.")

	d.stop(rig.Staff, rig.Public, rig.Custodian)
	d.restoreVault()
	d.follow("ready-aside")
	d.startCustodian("ready")
	if !d.destroyed(gone.ID) {
		t.Error("the custodian is ready, and the key of what was erased is there again")
	}
	d.startFaces(rig.Public, rig.Staff)
	told := d.follow("lost-keys")
	if !strings.Contains(told, lost.ID+"/transcript: 404\n") || strings.Contains(told, kept.ID) || strings.Contains(told, gone.ID) {
		t.Errorf("case %s lost its keys, and no other; the operator is told:\n%s", lost.ID, told)
	}
	d.signIn()
	d.peopleTalk(kept, "")
	if r := d.amal.Send("", http.MethodGet, "/conversations/"+gone.ID+"/messages", nil); r.Outcome() == "ok" {
		t.Error("the agent reads what was erased")
	}
	d.follow("holds")
}

// TestPostgresRestored: PostgreSQL alone is restored after a crash. With the archive
// alone the last minute is missing, and the custodian refuses; with what was left on
// the old disk nothing is lost, and nothing has to be forgotten.
func TestPostgresRestored(t *testing.T) {
	d := begin(t)
	kept, gone := d.Talk(d.amal), d.Talk(d.amal)
	write(kept.Minor, arrived)
	d.takeBackup()
	write(gone.Minor, "Forget that I wrote.")
	late := d.Talk(d.amal)
	write(late.Minor, "After the backup.")
	e := d.Ask(kept, 1, "At the door.", "connection")
	d.Approve(d.diane, e, "connection")
	method, path, body := e.Identity("connection")
	d.amal.Wants("ok", method, path, body)
	d.erase(gone)
	d.server.Postgres.Kill()
	d.stop(rig.Staff, rig.Public, rig.Custodian)

	d.follow("restore-postgresql")
	d.startPostgres()
	d.startCustodian("head")
	d.stop(rig.Custodian)
	d.Must(d.server.Postgres.Stop(t.Context()))

	// The operator looks for the entries, and finds the write-ahead log.
	d.Must(os.RemoveAll(d.data()))
	d.Must(os.Rename(d.data()+".lost", d.data()))
	d.follow("restore-postgresql")
	d.follow("rescue-wal")
	d.startPostgres()
	if found, seen := d.ends(); found <= seen {
		t.Fatalf("the log goes on at %d, and entry %d was seen", found, seen)
	}
	d.follow("ready-aside")
	d.startCustodian("ready")
	d.startFaces(rig.Public, rig.Staff)
	d.signIn()
	d.peopleTalk(kept, "")
	if !reads(d.amal, "/conversations/"+late.ID+"/messages", "After the backup.") {
		t.Error("what was written after the backup is lost")
	}
	if state := d.ask(`SELECT state FROM sceau.escalations WHERE escalation_id = $1`, e.ID); state != "released" {
		t.Errorf("the grant that was used is %s", state)
	}
	d.follow("holds")
	d.follow("archive-again")
	d.stop(rig.Staff, rig.Public, rig.Custodian)
	d.Must(d.server.Postgres.Stop(t.Context()))
	d.Must(d.server.Postgres.Restart(t.Context()))
	d.DB.Super.Reset()
	if mode := d.ask(`SHOW archive_mode`); mode != "on" {
		t.Errorf("archiving is %s", mode)
	}
}

// ends are where the log goes on, and the last entry that the custodian saw, as the
// runbook shows them.
func (d *duty) ends() (next, seen int64) {
	d.Helper()
	lines := strings.Split(d.follow("restored"), "\n")
	next, err := strconv.ParseInt(lines[1], 10, 64)
	d.Must(err)
	_, rest, _ := strings.Cut(lines[2], `"seq":`)
	rest, _, _ = strings.Cut(rest, ",")
	seen, err = strconv.ParseInt(rest, 10, 64)
	d.Must(err)
	return next, seen
}

// peopleTalk: what was written before is read, and a new conversation works, on keys
// that were made since.
func (d *duty) peopleTalk(kept *rig.Talk, never string) {
	d.Helper()
	if !reads(d.amal, "/conversations/"+kept.ID+"/messages?from=1", arrived) {
		d.Error("the agent cannot read what was written before")
	}
	if !reads(kept.Minor, "/conversation/messages?from=1", arrived) {
		d.Error("the minor cannot read what they wrote before")
	}
	fresh := d.Talk(d.amal)
	write(fresh.Minor, "Is somebody there?")
	if fresh.ID == never {
		d.Error("a new conversation was given keys that are destroyed")
	}
	if !reads(d.amal, "/conversations/"+fresh.ID+"/messages", "Is somebody there?") {
		d.Error("the agent cannot read a new conversation")
	}
	if _, err := os.Stat(filepath.Join(d.Dir, "state", "destroyed")); err != nil {
		d.Error(err)
	}
}
