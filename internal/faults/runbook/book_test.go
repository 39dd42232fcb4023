package runbook

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sceau-project/sceau/internal/devstack"
)

const root = "../../.."

// A block is a fenced block of the runbook that is tried here: one that follows a
// comment "run: NAME", or "run: NAME, as postgres" when the system user of
// PostgreSQL runs it.
type block struct {
	text     string
	postgres bool
}

var blockForm = regexp.MustCompile("<!-- run: ([a-z.-]+)(, as postgres)? -->\n```[a-z]+\n((?s:.*?))```\n")

// book is the runbook's blocks, by name.
var book = sync.OnceValue(func() map[string]block {
	text, err := os.ReadFile(filepath.Join(root, "docs", "runbook.md"))
	if err != nil {
		panic(err)
	}
	blocks := map[string]block{}
	for _, m := range blockForm.FindAllStringSubmatch(string(text), -1) {
		if _, twice := blocks[m[1]]; twice {
			panic("the runbook has two blocks " + m[1])
		}
		blocks[m[1]] = block{text: m[3], postgres: m[2] != ""}
	}
	if n := strings.Count(string(text), "<!-- run:"); n != len(blocks) {
		panic(fmt.Sprintf("%d blocks of the runbook are marked, %d can be read", n, len(blocks)))
	}
	return blocks
})

// follow runs a block of the runbook, which must succeed, and returns what it said.
func (d *duty) follow(name string, more ...string) string {
	d.Helper()
	b, ok := book()[name]
	if !ok {
		d.Fatalf("the runbook has no block %q", name)
	}
	args := []string{"-euo", "pipefail", "-c", b.text}
	cmd := exec.CommandContext(d.Context(), "/bin/bash", args...)
	if b.postgres {
		var err error
		cmd, err = devstack.Tool(d.Context(), "/bin/bash", args...)
		d.Must(err)
	}
	cmd.Env = append(d.environment(), more...)
	cmd.Dir = d.desk
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.Fatalf("%s: %v\n%s\n%s", name, err, b.text, out)
	}
	if testing.Verbose() {
		d.Logf("%s:\n%s", name, out)
	}
	return string(out)
}

// environment is what the runbook says that an operator sets.
func (d *duty) environment() []string {
	names := map[string]string{
		"ETC": d.Dir, "STATE_DIR": filepath.Join(d.Dir, "state"), "SOCKET": d.Socket, "METRICS": filepath.Join(d.Dir, "custodian-metrics.sock"),
		"PUBLIC": "http://" + d.Address("public"), "STAFF": "http://" + d.Address("staff"),
		"PGHOST": d.server.Postgres.SocketDir, "PGUSER": devstack.Superuser, "PGDATABASE": d.DB.Name, "PGDATA": d.data(),
		"BACKUP": d.backup, "WAL": d.wal, "VAULT_ADDR": d.Vault.Address, "VAULT_AUDIT": d.Vault.AuditFile,
		// A password file's place.
		"PGPASSWORD": d.server.Postgres.Password(), "VAULT_TOKEN": d.Vault.Root.Token(),
		"PATH": d.bin + ":" + d.pgbin + ":" + os.Getenv("PATH"), "LANG": "C.UTF-8", "HOME": d.desk,
	}
	var env []string
	for name, value := range names {
		env = append(env, name+"="+value)
	}
	return env
}
