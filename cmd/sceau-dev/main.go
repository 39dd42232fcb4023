// Command sceau-dev runs Sceau on one machine: the whole stack, the
// demonstration, tokens for curl, and the figures. It is for development; no
// production machine needs it.
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
)

// commands is the command line.
type commands struct {
	Up    upCommand    `cmd:"" help:"Start everything on this machine and stay until Ctrl-C."`
	Demo  demoCommand  `cmd:"" help:"Play the demonstration in a fresh directory, check every step, stop."`
	Token tokenCommand `cmd:"" help:"Print a bearer token of an account of a running stack."`
	Bench benchCommand `cmd:"" help:"Measure the figures and write them down."`
}

func main() {
	// A second Ctrl-C ends the process at once; the kernel then ends its children.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(Run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// errUsage marks errors of the command line: exit status 2.
var errUsage = errors.New("usage")

// Run runs one command and returns its exit status.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c commands
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("sceau-dev"),
		kong.Description("Sceau on one machine, for development."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&console{out: stdout, err: stderr}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "sceau-dev:", err)
		return 1
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // help was shown
		return exit
	}
	if err != nil {
		fmt.Fprintf(stderr, "sceau-dev: %v\nTry sceau-dev --help.\n", err)
		return 2
	}
	switch err := parsed.Run(); {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(stderr, "sceau-dev:", err)
		return 2
	default:
		fmt.Fprintln(stderr, "sceau-dev:", err)
		return 1
	}
}
