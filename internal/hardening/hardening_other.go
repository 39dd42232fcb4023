//go:build unix && !linux

package hardening

import (
	"fmt"
	"syscall"
)

// Process turns core dumps off and makes the files that the process creates
// its own. Systems other than Linux offer no way to refuse debuggers; they are
// for development.
func Process() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("turning core dumps off: %w", err)
	}
	syscall.Umask(0o077)
	return nil
}
