// Command sceau is the service and what its operator needs:
//
//	sceau serve --face public|staff   a face, for minors or for staff
//	sceau custodian                   the gate to case keys
//	sceau migrate                     bring the database's schema up to date
//	sceau policy build | activate     make a signed policy bundle; put it in force
//	sceau staff list|suspend|restore  see who works here; take a person out of service
//	sceau log export                  hand the log to an inspector
//	sceau config check | keys         look at a configuration before it is used
//
// Every process reads one YAML file (--config, or SCEAU_CONFIG) and SCEAU_*
// variables over it, and ends on SIGTERM when what is under way has ended.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/sceau-project/sceau/internal/config"
	"github.com/sceau-project/sceau/internal/hardening"
)

type commands struct {
	Serve     serveCommand     `cmd:"" help:"Serve one face until SIGTERM."`
	Custodian custodianCommand `cmd:"" help:"Guard the case keys until SIGTERM."`
	Migrate   migrateCommand   `cmd:"" help:"Bring the database's schema up to date and name its log."`
	Policy    policyCommands   `cmd:"" help:"Make and activate policy bundles."`
	Staff     staffCommands    `cmd:"" help:"See who works here; suspend and restore."`
	Log       logCommands      `cmd:"" help:"Hand out the log."`
	Config    configCommands   `cmd:"" help:"Look at a configuration."`
}

// world is what a command may touch of the process around it.
type world struct {
	ctx            context.Context
	stdout, stderr io.Writer
	environ        []string
}

// source says where a command's configuration is.
type source struct {
	File string `name:"config" short:"c" env:"SCEAU_CONFIG" help:"The configuration's YAML file. Without one the environment must hold everything."`
}

// load reads the configuration as the process in role would.
func (s source) load(w *world, role config.Role) (*config.Config, error) {
	return config.Load(s.File, w.environ, role)
}

func main() {
	if err := hardening.Process(); err != nil {
		fmt.Fprintln(os.Stderr, "sceau:", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(Run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// Run runs one command and returns its exit status: 0 done, 1 failed, 2 wrong
// usage or configuration.
func Run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	var c commands
	shown := -1
	parser, err := kong.New(&c,
		kong.Name("sceau"),
		kong.Description("A service that keeps what anonymous minors write under seal, and breaks the seal only by policy, with a second pair of eyes, and on the record."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(status int) { shown = status }),
		kong.Bind(&world{ctx: ctx, stdout: stdout, stderr: stderr, environ: environ}),
	)
	if err != nil {
		panic(err) // the grammar above is wrong: every call would fail
	}
	parsed, err := parser.Parse(args)
	if shown >= 0 { // help was asked for
		return shown
	}
	if err == nil {
		err = parsed.Run()
	} else {
		err = &usageError{err}
	}
	var usage *usageError
	var fault *config.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "sceau: %v\nTry sceau --help.\n", err)
		return 2
	case errors.As(err, &fault):
		fmt.Fprintf(stderr, "The configuration cannot be used:\n%v\n", fault)
		return 2
	default:
		fmt.Fprintf(stderr, "sceau: %v\n", err)
		return 1
	}
}

type usageError struct{ error }
