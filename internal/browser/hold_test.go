package browser

import (
	"fmt"
	"os"
	"os/signal"
	"testing"

	"github.com/sceau-project/sceau/internal/rig"
)

// Not a test: a stack that stays, for whoever writes stories. It prints how to tell them against it.
//
//	SCEAU_HOLD=1 go test ./internal/browser -run TestHold -v -timeout 0 -count=1
func TestHold(t *testing.T) {
	if os.Getenv("SCEAU_HOLD") == "" {
		t.Skip("skipped: SCEAU_HOLD is not set")
	}
	r := rig.Start(t, rig.Config{Policy: brisk(t)})
	for _, setting := range settings(t, r, r.Issuer.URL) {
		fmt.Println("export " + setting)
	}
	fmt.Println("node run.mjs stories   # in internal/browser; Ctrl-C here ends the stack")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
}
