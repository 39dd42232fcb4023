package stack

import (
	"fmt"

	"github.com/sceau-project/sceau/internal/devstack"
)

// service lists the service's own processes in the order they start, by the
// name of their configuration and of their log.
var service = []struct {
	name string
	args []string
}{
	{"custodian", []string{"custodian"}},
	{"public", []string{"serve", "--face", "public"}},
	{"staff", []string{"serve", "--face", "staff"}},
}

// StartProcess starts one of the service's own processes ("custodian",
// "public" or "staff"), again when it has ended. It does not wait until the
// process is ready.
func (s *Stack) StartProcess(name string) error {
	for _, p := range service {
		if p.name != name {
			continue
		}
		started, err := s.supervisor.Start(devstack.Command{
			Name: p.name, Path: s.cfg.Sceau, Args: append(p.args[:len(p.args):len(p.args)], "--config", s.config(p.name)),
			Env: environment(), Dir: s.cfg.Dir, Log: s.path("log", p.name+".log"),
		})
		if err == nil {
			s.processes[name] = started
		}
		return err
	}
	return fmt.Errorf("the service has no process %q", name)
}

// Process is one of the service's own processes, as it was started last. To
// kill it is to see what the others make of it; [Stack.Ended] tells of it.
func (s *Stack) Process(name string) *devstack.Process { return s.processes[name] }
