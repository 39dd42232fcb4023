// Command prepare makes sure, before the tests or the stack need them, that a
// PostgreSQL and a Vault can be started: it says which binaries will be used and
// builds the development Vault when there is none. Exit status 3 means that
// PostgreSQL's binaries have to be installed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sceau-project/sceau/internal/devstack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	postgres, err := devstack.FindPostgres()
	if errors.Is(err, devstack.ErrNoPostgres) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("PostgreSQL:", postgres)
	vault, err := devstack.VaultBinary(ctx, show())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("Vault:     ", vault)
}

// show prints a line when a step begins and every ten seconds of it.
func show() devstack.Progress {
	var step string
	var said time.Time
	return func(now string, done, total int) {
		if now == step && time.Since(said) < 10*time.Second {
			return
		}
		step, said = now, time.Now()
		fmt.Printf("%s: %d of about %d packages\n", now, done, total)
	}
}
