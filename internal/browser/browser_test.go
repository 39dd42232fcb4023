package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sceau-project/sceau/internal/rig"
	"github.com/sceau-project/sceau/policy"
)

// limit is how long all stories may take together on a busy machine.
const limit = 15 * time.Minute

// The pages of both faces, as minors and as staff who sign in at the development
// issuer use them.
func TestStories(t *testing.T) {
	need(t)
	r := rig.Start(t, rig.Config{Policy: brisk(t)})
	tell(t, "stories", r, r.Issuer.URL)
}

// need skips where there is no browser and nobody insists.
func need(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	missing := ""
	for _, tool := range []string{"node", "chromium"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = tool + " is not installed"
		}
	}
	if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		missing = "the Node packages are not installed"
	}
	if missing == "" {
		return
	}
	missing += "; tools/script/browser installs what the browser tests need"
	if os.Getenv("CI") == "" {
		t.Skip("skipped: ", missing)
	}
	t.Fatal(missing)
}

// brisk is the production policy with deadlines that a story can wait for, and no
// shorter than a slow machine needs to click through what comes before them.
func brisk(t *testing.T) *policy.Sources {
	t.Helper()
	sources, err := policy.Embedded(policy.Production)
	if err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	numbers := sources.Data["sceau"].(object)["numbers"].(object)
	numbers["on_duty_seen_s"] = 3600
	grounds := numbers["grounds"].(object)
	for _, name := range []string{"imminent_danger", "consent", "judicial_requisition"} {
		ground := grounds[name].(object)
		ground["answer_within_s"], ground["remind_after_s"], ground["widen_after_s"] = 180, 60, 120
		ground["use_within_s"], ground["read_for_s"], ground["tell_within_s"] = 90, 30, 120
	}
	grounds["imminent_danger"].(object)["break_glass"] = object{"after_s": 3}
	return &sources
}

// settings are what the runner has to know.
func settings(t *testing.T, r *rig.Rig, issuer string) []string {
	build, err := filepath.Abs("../../build")
	r.Must(err)
	return []string{
		"SCEAU_PUBLIC=http://" + r.Address(rig.Public), "SCEAU_STAFF=http://" + r.Address(rig.Staff),
		"SCEAU_ISSUER=" + issuer, "SCEAU_CONTROL=" + serveControl(t, r), "SCEAU_BUILD=" + build, "SCEAU_RUN=" + chosen(),
	}
}

// chosen is what -run says of the stories, "" for all: -run 'TestStories/quit' tells
// one of them only.
func chosen() string {
	_, part, _ := strings.Cut(flag.Lookup("test.run").Value.String(), "/")
	return part
}

// A report is one line of what the runner says.
type report struct {
	Story  string
	Step   string
	OK     bool
	MS     int64
	Faults []string
	Total  int
}

// tell runs the stories of a folder, each a subtest.
func tell(t *testing.T, folder string, r *rig.Rig, issuer string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "run.mjs", folder)
	cmd.Env = append(os.Environ(), settings(t, r, issuer)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// The whole group: chromium's processes too.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	r.Must(err)
	r.Must(cmd.Start())
	timer := time.AfterFunc(limit, func() { cmd.Cancel() })
	defer timer.Stop()
	told, total := 0, -1
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var one report
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Errorf("the runner said what is no report: %s", lines.Bytes())
			continue
		}
		switch {
		case one.Total > 0:
			total = one.Total
		case one.Step != "":
			t.Logf("%s: %s (%d ms)", one.Story, one.Step, one.MS)
		default:
			told++
			t.Run(one.Story, func(t *testing.T) {
				t.Logf("%.1f s", float64(one.MS)/1000)
				for _, fault := range one.Faults {
					t.Error(fault)
				}
				if !one.OK {
					t.Fail()
				}
			})
		}
	}
	err = errors.Join(lines.Err(), cmd.Wait())
	if err != nil || told != total || total == 0 {
		t.Errorf("%d of %d stories were told: %v\n%s", told, total, err, said.Bytes())
	}
}
