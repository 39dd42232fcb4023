package devstack

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// ErrNoVault means that no Vault binary was found and none could be built.
var ErrNoVault = errors.New("no Vault: put vault or bao in PATH, name one in SCEAU_VAULT_BIN, " +
	"or run inside the source tree with Go and access to its module proxy, so that tools/devvault can be built")

// vaultPackages is about how many packages a build from empty caches compiles:
// only for showing progress.
const vaultPackages = 1180

// Progress is told how far a long step is. total is an estimate.
type Progress func(step string, done, total int)

// VaultBinary finds a Vault server: SCEAU_VAULT_BIN, vault or bao in PATH, or
// tools/devvault, which is built into the user's cache directory the first
// time (about three minutes from empty caches) and whenever its sources change.
func VaultBinary(ctx context.Context, progress Progress) (string, error) {
	if path := os.Getenv("SCEAU_VAULT_BIN"); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("SCEAU_VAULT_BIN: %w", err)
		}
		return path, nil
	}
	for _, name := range []string{"vault", "bao"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	root, err := sourceTree()
	if err != nil {
		return "", err
	}
	if _, err := exec.LookPath("go"); err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoVault, err)
	}
	return buildVault(ctx, filepath.Join(root, "tools", "devvault"), progress)
}

// buildVault builds the module in src unless the cache has a build of exactly
// these sources by this Go release.
func buildVault(ctx context.Context, src string, progress Progress) (string, error) {
	digest, err := treeDigest(src)
	if err != nil {
		return "", fmt.Errorf("hash the development Vault's sources: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil { // no HOME, as in some containers
		cache = filepath.Join(os.TempDir(), fmt.Sprintf("sceau-cache-%d", os.Geteuid()))
	}
	dir := filepath.Join(cache, "sceau")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the cache directory: %w", err)
	}
	bin := filepath.Join(dir, "devvault-"+digest)
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	// Two test binaries that both find nothing shall not both build.
	lock, err := os.OpenFile(filepath.Join(dir, "devvault.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("lock the cache: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock the cache: %w", err)
	}
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	fresh := bin + ".new"
	cmd := exec.CommandContext(ctx, "go", "build", "-C", src, "-v", "-trimpath", "-buildvcs=false", "-mod=readonly",
		"-ldflags", "-s -w", "-o", fresh, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := cmd.StderrPipe()
	if err != nil {
		return "", fmt.Errorf("build the development Vault: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("build the development Vault: %w", err)
	}
	said := watchBuild(out, progress)
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("%w: building tools/devvault: %w\n%s", ErrNoVault, err, said)
	}
	if err := os.Rename(fresh, bin); err != nil {
		return "", fmt.Errorf("keep the development Vault: %w", err)
	}
	return bin, nil
}

// watchBuild reports each package that go build -v names, and returns the last
// lines of anything else it says.
func watchBuild(out io.Reader, progress Progress) string {
	var done int
	var said []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "go: downloading"):
			if progress != nil {
				progress("downloading the development Vault's modules", done, vaultPackages)
			}
		case strings.ContainsAny(line, " \t:"):
			if said = append(said, line); len(said) > 20 {
				said = said[1:]
			}
		default:
			done++
			if progress != nil {
				progress("building the development Vault (once)", min(done, vaultPackages), vaultPackages)
			}
		}
	}
	return strings.Join(said, "\n")
}

// treeDigest names the contents of a source folder together with the Go
// release and platform that would build it.
func treeDigest(dir string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if name := d.Name(); !strings.HasSuffix(name, ".go") && name != "go.mod" && name != "go.sum" {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", filepath.ToSlash(rel), len(b))
		h.Write(b)
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)[:8]), err
}

// sourceTree finds Sceau's own source tree: above the working directory (tests
// run in their package's folder) or above the executable (bin/ lies in it).
func sourceTree() (string, error) {
	var starts []string
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	if exe, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(exe))
	}
	for _, dir := range starts {
		for {
			b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
			if err == nil && strings.HasPrefix(string(b), "module github.com/sceau-project/sceau\n") {
				return dir, nil
			}
			up := filepath.Dir(dir)
			if up == dir {
				break
			}
			dir = up
		}
	}
	return "", ErrNoVault
}
