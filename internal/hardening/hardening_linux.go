package hardening

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Process turns core dumps off, makes the process non-dumpable (which also
// refuses ptrace and /proc/<pid>/mem to other processes of the same user), and
// makes the files it creates its own. Call it first in main; an error means
// that the process must not start.
func Process() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("turning core dumps off: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("making the process non-dumpable: %w", err)
	}
	unix.Umask(0o077)
	return nil
}
