package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// binary builds bin/sceau once for all test binaries of this user: the linker
// is skipped when nothing changed since the last build of the same path.
var binary = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(os.TempDir(), "sceau-test-bin-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("building sceau: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("building sceau: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("building sceau: %w", err)
	}
	path := filepath.Join(dir, "sceau")
	out, err := exec.Command("go", "build", "-o", path, "github.com/sceau-project/sceau/cmd/sceau").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building sceau: %w\n%s", err, out)
	}
	return path, nil
})
