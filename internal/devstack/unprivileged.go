package devstack

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// PostgreSQL refuses to run as root, yet containers and CI machines often have
// no other user, and a system user such as postgres cannot enter a directory
// below somebody's 0700 home. A user namespace that shows root as an ordinary
// user solves both: the files stay root's on the outside. Where namespaces are
// off, the process becomes the user postgres or nobody instead, and its
// directory must then be reachable for that user.
var asUnprivileged = sync.OnceValues(func() (unprivileged, error) {
	if os.Geteuid() != 0 {
		return unprivileged{}, nil
	}
	ns := syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: 0, Size: 1}},
	}
	probe := exec.Command("/bin/true")
	probe.SysProcAttr = &ns
	if probe.Run() == nil {
		return unprivileged{sys: ns}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 != nil || err2 != nil || uid == 0 {
			continue
		}
		cred := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return unprivileged{sys: syscall.SysProcAttr{Credential: cred}, owner: cred}, nil
	}
	return unprivileged{}, fmt.Errorf("PostgreSQL does not run as root, user namespaces are off here, and there is no user postgres or nobody: run as an ordinary user")
})

// unprivileged is how a child that refuses root is run.
type unprivileged struct {
	sys   syscall.SysProcAttr
	owner *syscall.Credential // set when directories must be given to another user
}

// give hands a directory tree to the user the child will run as.
func (u unprivileged) give(dir string) error {
	if u.owner == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(u.owner.Uid), int(u.owner.Gid))
	})
}

// reaches tells whether the user the child will run as can enter a directory:
// a folder above it may be closed to all but its owner.
func (u unprivileged) reaches(dir string) error {
	if u.owner == nil {
		return nil
	}
	probe := exec.Command("/bin/true")
	probe.Dir = dir
	probe.SysProcAttr = &syscall.SysProcAttr{Credential: u.owner}
	if err := probe.Run(); err != nil {
		return fmt.Errorf("PostgreSQL does not run as root, user namespaces are off here, and its user cannot enter %s: "+
			"open the folders above it for passing (chmod o+x), choose another, or run as an ordinary user", dir)
	}
	return nil
}
