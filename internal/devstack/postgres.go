package devstack

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNoPostgres means that the machine has no PostgreSQL binaries.
var ErrNoPostgres = errors.New("no PostgreSQL found: install it (Debian, Ubuntu: " +
	"apt-get install postgresql; its own cluster is not used) or put initdb and postgres, 15 or later, in PATH")

// Superuser is the name of the cluster's superuser: only for provisioning and
// for tests that attack from behind the service's back.
const Superuser = "postgres"

// PostgresConfig says where a private PostgreSQL lives.
type PostgresConfig struct {
	// Dir holds the cluster (data/), its log and the superuser's password. It
	// is created when absent; an existing one is started again.
	Dir string
	// SocketDir is where the unix socket lies. Its path must leave room within
	// the kernel's 107 bytes. Empty: a short directory below the system's
	// temporary directory, named after Dir.
	SocketDir string
	// Settings are added to or replace the production-like defaults.
	Settings map[string]string
	// Env is added to the server's environment ("NAME=value"): for tests that
	// preload a clock of their own.
	Env []string
	// Disposable skips initdb's own fsync: for clusters that never outlive
	// their test. The server still runs with fsync on.
	Disposable bool
}

// Postgres is a running private cluster that listens on a unix socket only.
type Postgres struct {
	Dir       string
	SocketDir string

	proc     *Process
	cfg      PostgresConfig
	password string
}

// settings are what a production server of Sceau runs with, apart from sizes.
// Error texts are terse because DETAIL quotes whole rows, and parameters are
// never logged: a server log must hold nothing that the tables hold.
func settings(socketDir string) map[string]string {
	return map[string]string{
		"listen_addresses":                    "",
		"unix_socket_directories":             socketDir,
		"unix_socket_permissions":             "0700",
		"max_connections":                     "300",
		"shared_buffers":                      "128MB",
		"fsync":                               "on",
		"synchronous_commit":                  "on",
		"full_page_writes":                    "on",
		"password_encryption":                 "scram-sha-256",
		"log_error_verbosity":                 "terse",
		"log_parameter_max_length":            "0",
		"log_parameter_max_length_on_error":   "0",
		"log_min_error_statement":             "panic",
		"log_line_prefix":                     "%m [%p] %u@%d ",
		"idle_in_transaction_session_timeout": "60s",
	}
}

// FindPostgres returns the folder of initdb and postgres: of those in PATH, or
// else the newest below /usr/lib/postgresql, where Debian keeps them out of PATH.
func FindPostgres() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		dir := filepath.Dir(path)
		if _, err := os.Stat(filepath.Join(dir, "postgres")); err == nil {
			return dir, nil
		}
	}
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", fmt.Errorf("look for PostgreSQL: %w", err)
	}
	slices.SortFunc(dirs, func(a, b string) int { return len(b) - len(a) + strings.Compare(b, a) })
	for _, dir := range dirs {
		_, err1 := os.Stat(filepath.Join(dir, "initdb"))
		_, err2 := os.Stat(filepath.Join(dir, "postgres"))
		if err1 == nil && err2 == nil {
			return dir, nil
		}
	}
	return "", ErrNoPostgres
}

// StartPostgres starts the cluster in cfg.Dir, creating it first when there is
// none, and returns when it answers. The server ends with the calling process.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	bin, err := FindPostgres()
	if err != nil {
		return nil, err
	}
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	if cfg.SocketDir == "" {
		cfg.SocketDir = shortDir("sceau-pg", cfg.Dir)
	}
	if n := len(filepath.Join(cfg.SocketDir, ".s.PGSQL.5432")); n > 107 {
		return nil, fmt.Errorf("start PostgreSQL: the socket's path below %s has %d bytes, the kernel allows 107", cfg.SocketDir, n)
	}
	as, err := asUnprivileged()
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{cfg.Dir, cfg.SocketDir} {
		if err := privateDir(dir, as); err != nil {
			return nil, err
		}
		if err := as.give(dir); err != nil {
			return nil, fmt.Errorf("give %s to PostgreSQL's user: %w", dir, err)
		}
		if err := as.reaches(dir); err != nil {
			return nil, err
		}
	}
	p := &Postgres{Dir: cfg.Dir, SocketDir: cfg.SocketDir, cfg: cfg}
	if err := p.init(ctx, bin, as); err != nil {
		return nil, err
	}
	if err := p.start(ctx, bin, as); err != nil {
		return nil, err
	}
	return p, nil
}

// init creates the cluster unless it exists. It works in a folder beside the
// final one and renames it at the end: an interrupted initdb leaves nothing
// that looks like a cluster.
func (p *Postgres) init(ctx context.Context, bin string, as unprivileged) error {
	data, secret := filepath.Join(p.Dir, "data"), filepath.Join(p.Dir, "superuser.password")
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		b, err := os.ReadFile(secret)
		if err != nil {
			return fmt.Errorf("read the development superuser's password: %w", err)
		}
		p.password = strings.TrimSpace(string(b))
		return nil
	}
	fresh := filepath.Join(p.Dir, "data.new")
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("remove an unfinished cluster: %w", err)
	}
	p.password = rand.Text()
	if err := os.WriteFile(secret, []byte(p.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep the development superuser's password: %w", err)
	}
	if err := as.give(p.Dir); err != nil {
		return fmt.Errorf("give %s to PostgreSQL's user: %w", p.Dir, err)
	}
	args := []string{"--pgdata", fresh, "--username", Superuser, "--pwfile", secret, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", "C.UTF-8", "--data-checksums"}
	if p.cfg.Disposable {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), args...)
	sys := as.sys
	sys.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr, cmd.Dir = &sys, p.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	hba := "# Only the unix socket, only with a password: the roles are told apart by it.\nlocal all all scram-sha-256\n"
	if err := os.WriteFile(filepath.Join(fresh, "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		return fmt.Errorf("write pg_hba.conf: %w", err)
	}
	if err := as.give(fresh); err != nil {
		return fmt.Errorf("give %s to PostgreSQL's user: %w", fresh, err)
	}
	if err := os.Rename(fresh, data); err != nil {
		return fmt.Errorf("put the new cluster in place: %w", err)
	}
	return nil
}

func (p *Postgres) start(ctx context.Context, bin string, as unprivileged) error {
	all := settings(p.SocketDir)
	maps.Copy(all, p.cfg.Settings)
	args := append([]string{"-D", filepath.Join(p.Dir, "data")}, pairs(all)...)
	proc, err := Start(Command{
		Name: "postgres", Path: filepath.Join(bin, "postgres"), Args: args, Dir: p.Dir, Env: append(os.Environ(), p.cfg.Env...),
		Log: filepath.Join(p.Dir, "postgres.log"), Quit: syscall.SIGINT, Grace: 30 * time.Second, sys: as.sys,
	})
	if err != nil {
		return err
	}
	p.proc = proc
	if err := p.await(ctx); err != nil {
		proc.Kill()
		return err
	}
	return nil
}

// await returns when the server accepts the superuser's password.
func (p *Postgres) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.proc.Done():
			return p.proc.Err()
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer (log: %s): %w", filepath.Join(p.Dir, "postgres.log"), err)
		}
	}
}

// answers connects once the lock file names our own child: before that, another
// server on the same data could be the one that answers.
func (p *Postgres) answers(ctx context.Context) error {
	b, err := os.ReadFile(filepath.Join(p.Dir, "data", "postmaster.pid"))
	if err != nil {
		return err
	}
	if pid, _, _ := strings.Cut(string(b), "\n"); pid != strconv.Itoa(p.proc.PID()) {
		return fmt.Errorf("process %s holds the data", pid)
	}
	conn, err := pgx.Connect(ctx, p.URL(Superuser, p.password, "postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// URL is the connection string of a role.
func (p *Postgres) URL(role, password, database string) string {
	return SocketURL(p.SocketDir, role, password, database)
}

// SuperuserURL is the superuser's connection string.
func (p *Postgres) SuperuserURL(database string) string {
	return p.URL(Superuser, p.password, database)
}

// Process is the running server.
func (p *Postgres) Process() *Process { return p.proc }

// Stop shuts the server down ("fast": clients are disconnected, data is
// flushed) and removes its socket directory.
func (p *Postgres) Stop(ctx context.Context) error {
	if err := p.proc.Stop(ctx); err != nil {
		return err
	}
	// Left alone when somebody else's file is in it.
	_ = os.Remove(p.SocketDir)
	return nil
}

// Kill ends the server as a crash of the machine would: the backends, which are
// in sessions of their own and would finish what they are at, go with it.
// Restart brings it back.
func (p *Postgres) Kill() {
	backends := childrenOf(p.proc.PID())
	p.proc.Kill()
	for _, pid := range backends {
		// Already gone: they end by themselves when they notice.
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// Restart starts the server again after Stop or Kill, with the same address.
func (p *Postgres) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		again, err := StartPostgres(ctx, p.cfg)
		if err == nil {
			p.proc = again.proc
			return nil
		}
		// Backends notice a killed postmaster within moments; until the last
		// has gone, PostgreSQL refuses to start because of their shared memory.
		if !strings.Contains(err.Error(), "shared memory block") {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// SocketURL is the connection string for a server behind a unix socket.
func SocketURL(socketDir, role, password, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Path: "/" + database,
		RawQuery: url.Values{"host": {socketDir}, "sslmode": {"disable"}}.Encode()}
	return u.String()
}

// shortDir names a directory for sockets after what it belongs to, outside the
// tree: a socket's path has at most 107 bytes.
func shortDir(prefix, owner string) string {
	base := os.TempDir()
	if len(base) > 40 {
		base = "/tmp"
	}
	sum := sha256.Sum256([]byte(owner))
	return filepath.Join(base, fmt.Sprintf("%s-%d-%s", prefix, os.Geteuid(), hex.EncodeToString(sum[:6])))
}

// privateDir makes a directory that only its owner may enter, and refuses one
// that somebody else prepared in a shared temporary directory.
func privateDir(dir string, as unprivileged) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o711); err != nil {
		return fmt.Errorf("make the folders above %s: %w", dir, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	mine := ok && (int(st.Uid) == os.Geteuid() || as.owner != nil && st.Uid == as.owner.Uid)
	if !info.IsDir() || !mine {
		return fmt.Errorf("%s exists and belongs to somebody else: remove it", dir)
	}
	return os.Chmod(dir, 0o700)
}

// Tool is a command of PostgreSQL ("pg_ctl", "pg_basebackup"), or another by its
// absolute path, run as the user that the server runs as, so that each can read
// what the other wrote.
func Tool(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	bin, err := FindPostgres()
	if err != nil {
		return nil, err
	}
	as, err := asUnprivileged()
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(bin, name)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	sys := as.sys
	sys.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr = &sys
	return cmd, nil
}

// pairs turns settings into postgres's arguments, in a stable order.
func pairs(settings map[string]string) []string {
	var args []string
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", k+"="+settings[k])
	}
	return args
}

// SettingsDigest names the default settings: equal for equal settings.
func SettingsDigest() string {
	sum := sha256.Sum256([]byte(strings.Join(pairs(settings("")), "\n")))
	return hex.EncodeToString(sum[:6])
}

// Password is the superuser's.
func (p *Postgres) Password() string { return p.password }
