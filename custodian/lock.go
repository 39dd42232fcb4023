package custodian

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockDir claims the state directory for this process alone: two custodians
// with one file would overwrite what the other remembered.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the custodian's state directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("another custodian uses %s: %w", dir, err)
	}
	return f, nil
}
