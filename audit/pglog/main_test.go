package pglog_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Waits for the process that keeps the tests' server, which outlives them.
		goleak.IgnoreAnyFunction("github.com/sceau-project/sceau/internal/keeper.start.func1"))
}
