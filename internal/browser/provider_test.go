package browser

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sceau-project/sceau/internal/devissuer"
	"github.com/sceau-project/sceau/internal/rig"
)

// The pages of staff who sign in at a provider that nobody here wrote, and whose
// tokens the custodian believes.
func TestAnotherProvider(t *testing.T) {
	need(t)
	var issuer string
	r := rig.Start(t, rig.Config{Policy: brisk(t), Issuer: func(pages string) (string, string) {
		issuer = provider(t, pages)
		return issuer, "sceau-staff-pages"
	}})
	tell(t, "elsewhere", r, issuer)
}

// provider runs npm's oidc-provider until the test ends, and returns its issuer.
func provider(t *testing.T, pages string) string {
	t.Helper()
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(held.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := json.Marshal(devissuer.Accounts())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "provider.mjs", port, pages)
	cmd.Env = append(os.Environ(), "SCEAU_ACCOUNTS="+string(accounts))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Close(); err != nil { // only now, so that nobody else was given the port
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // of a signal
		if t.Failed() {
			t.Logf("the provider:\n%s", said.String())
		}
	})
	began := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		lines.Scan()
		began <- lines.Text()
		for lines.Scan() { // so that it never waits for us
		}
	}()
	select {
	case url := <-began:
		if strings.HasPrefix(url, "http://") {
			return url
		}
	case <-time.After(30 * time.Second):
	}
	t.Fatal("the provider did not start")
	return ""
}
