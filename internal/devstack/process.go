package devstack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Command says how to run one child process.
type Command struct {
	Name  string         // for messages: "postgres", "vault", "custodian"
	Path  string         // the executable
	Args  []string       // without the executable's own name
	Env   []string       // complete environment; nil means the parent's
	Dir   string         // working directory; "" means the parent's
	Log   string         // file that stdout and stderr are appended to (mode 0600); "" discards them
	Quit  syscall.Signal // what Stop sends first; 0 means SIGTERM
	Grace time.Duration  // how long Stop waits before SIGKILL; 0 means 15 s

	sys syscall.SysProcAttr // user namespace or credential, see asUnprivileged
}

// Process is a running child. It has a process group of its own, so that
// Ctrl-C in a terminal reaches only the parent, which then stops its children
// in the order it wants; the kernel ends it when the parent dies without
// having done so.
type Process struct {
	Name string

	cmd   *exec.Cmd
	quit  syscall.Signal
	grace time.Duration
	log   string
	done  chan struct{}
	err   error // of Wait; read after done is closed
}

// Start runs the command. The child is waited for in the background; Done
// tells when it has ended.
func Start(c Command) (*Process, error) {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env, cmd.Dir = c.Env, c.Dir
	if c.Quit == 0 {
		c.Quit = syscall.SIGTERM
	}
	if c.Grace == 0 {
		c.Grace = 15 * time.Second
	}
	sys := c.sys
	sys.Setpgid = true
	sys.Pdeathsig = c.Quit
	cmd.SysProcAttr = &sys
	if c.Log != "" {
		f, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open log of %s: %w", c.Name, err)
		}
		defer f.Close() // the child has its own copy
		cmd.Stdout, cmd.Stderr = f, f
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	p := &Process{Name: c.Name, cmd: cmd, quit: c.Quit, grace: c.Grace, log: c.Log, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID is the child's process id in the parent's namespace.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended and was reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells why the child ended, with the last lines of its log: for a parent
// that did not expect it to. It is nil while the child runs.
func (p *Process) Err() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	err := p.err
	if err == nil {
		err = errors.New("exit status 0")
	}
	if tail := lastLines(p.log, 6); tail != "" {
		return fmt.Errorf("%s ended: %w\n%s", p.Name, err, tail)
	}
	return fmt.Errorf("%s ended: %w", p.Name, err)
}

// Stop asks the child to end and waits. A child that outlives its grace, or
// the context, is killed together with its process group; that is an error,
// because what it was writing may be unfinished.
func (p *Process) Stop(ctx context.Context) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(p.quit); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.Name, err)
	}
	t := time.NewTimer(p.grace)
	defer t.Stop()
	select {
	case <-p.done:
		return nil
	case <-t.C:
	case <-ctx.Done():
	}
	p.Kill()
	return fmt.Errorf("%s did not stop within its grace and was killed", p.Name)
}

// Kill ends the child's whole process group at once, as a crash would, and
// waits until it is gone.
func (p *Process) Kill() {
	select {
	case <-p.done:
		return
	default:
	}
	// Not an error worth reporting: the only possible one is that the group
	// has gone already, and then done is about to be closed.
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// Supervisor holds children in the order they were started and stops them in
// the reverse order, so that a server outlives those who use it.
type Supervisor struct {
	mu       sync.Mutex
	children []*Process
	ended    chan *Process
	stopping bool
}

// NewSupervisor returns a supervisor without children.
func NewSupervisor() *Supervisor { return &Supervisor{ended: make(chan *Process, 64)} }

// Start runs a command under the supervisor.
func (s *Supervisor) Start(c Command) (*Process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil, fmt.Errorf("start %s: the stack is stopping", c.Name)
	}
	p, err := Start(c)
	if err != nil {
		return nil, err
	}
	s.children = append(s.children, p)
	go func() {
		<-p.done
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.stopping {
			select {
			case s.ended <- p:
			default: // nobody is listening to so many ends
			}
		}
	}()
	return p, nil
}

// Ended delivers children that ended although nobody stopped the stack.
func (s *Supervisor) Ended() <-chan *Process { return s.ended }

// Stop stops all children, last started first. It always tries all of them.
func (s *Supervisor) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	children := s.children
	s.children = nil
	s.mu.Unlock()
	var errs []error
	for i := len(children) - 1; i >= 0; i-- {
		errs = append(errs, children[i].Stop(ctx))
	}
	return errors.Join(errs...)
}

// childrenOf lists the processes whose parent is pid.
func childrenOf(pid int) []int {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var children []int
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		// pid (name) state ppid …; the name may hold spaces and parentheses.
		_, rest, _ := strings.Cut(string(b[bytes.LastIndexByte(b, ')')+1:]), " ")
		var state string
		var parent int
		if _, err := fmt.Sscan(rest, &state, &parent); err != nil || parent != pid {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// lastLines returns the end of a log file for an error message.
func lastLines(path string, n int) string {
	if path == "" {
		return ""
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
