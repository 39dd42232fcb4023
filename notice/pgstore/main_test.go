package pgstore_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// This binary is also the process that a test kills: see TestKilled.
	if url := os.Getenv(childURL); url != "" {
		child(url, os.Getenv(childReceiver))
		return
	}
	goleak.VerifyTestMain(m,
		// Waits for the keeper of the shared PostgreSQL, if this binary started it.
		goleak.IgnoreAnyFunction("github.com/sceau-project/sceau/internal/keeper.start.func1"))
}
