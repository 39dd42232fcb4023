package main

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/inspection"
	"github.com/sceau-project/sceau/policy"
)

type verifyCmd struct {
	Dir     string   `arg:"" name:"dir" help:"${help_dir}"`
	Known   []string `name:"known" placeholder:"SEQ:HASH" help:"${help_known}"`
	Signers string   `name:"signers" placeholder:"FILE" help:"${help_signers}"`
}

func (c *verifyCmd) run(text catalog, streams streams) int {
	opt := audit.Options{}
	for _, k := range c.Known {
		known, err := parseKnown(k)
		if err != nil {
			fmt.Fprintf(streams.err, "sceau-inspect: --known: %s\n%s\n", text.badKnown(k), text.usageHint)
			return exitUsage
		}
		opt.Known = append(opt.Known, known)
	}
	signers, err := readSigners(c.Signers)
	if err != nil {
		fmt.Fprintf(streams.err, "sceau-inspect: %s\n%s\n", text.badSigners(err), text.usageHint)
		return exitUsage
	}
	done := func() {}
	if streams.terminal {
		opt.Progress, done = progress(streams.err, text.checking)
	}
	export := os.DirFS(c.Dir)
	report := audit.Verify(export, opt)
	done()
	found := findings{Report: report}
	if report.Damage == nil {
		if err := found.look(export, signers); err != nil {
			report.Damage = &audit.Damage{Seq: audit.NoSeq, Code: audit.CodeUnreadable, Detail: err.Error()}
		}
	}
	return tell(streams.out, text, found)
}

// findings are all that is known of an export.
type findings struct {
	*audit.Report
	lives *inspection.Life
	rules *inspection.Policies // nil when no signers were named
}

// look goes on where the chain holds: into the lives of its cases and, when signers
// were named, into whose rules it followed.
func (f *findings) look(export fs.FS, signers []policy.Signer) (err error) {
	if f.lives, err = inspection.Lives(export, f.Meta.First); err != nil {
		return err
	}
	f.Damage = f.lives.Damage
	f.Warnings = append(f.Warnings, f.lives.Warnings...)
	if signers != nil {
		pinned, err := policy.Pin(f.Meta.Origin, signers)
		if err != nil {
			return err
		}
		if f.rules, err = inspection.WhoseRules(export, f.Meta.First, pinned); err != nil {
			return err
		}
		f.Warnings = append(f.Warnings, f.rules.Warnings...)
		if d := f.rules.Damage; d != nil && (f.Damage == nil || d.Seq < f.Damage.Seq) {
			f.Damage = d
		}
	}
	slices.SortStableFunc(f.Warnings, func(a, b audit.Warning) int { return cmp.Compare(a.Seq, b.Seq) })
	return nil
}

// readSigners reads the file of --signers; nil when there is none. What cannot be
// pinned for any log is the caller's mistake, not the export's.
func readSigners(name string) ([]policy.Signer, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	signers, err := policy.ParseSigners(string(text))
	if err == nil {
		_, err = policy.Pin("any", signers)
	}
	return signers, err
}

// parseKnown reads SEQ:HASH.
func parseKnown(s string) (audit.Known, error) {
	seq, hash, _ := strings.Cut(s, ":")
	n, err := strconv.ParseUint(seq, 10, 53)
	if err != nil {
		return audit.Known{}, err
	}
	h, err := audit.ParseHash(hash)
	return audit.Known{Seq: int64(n), Hash: h}, err
}

// progress draws a bar that appears with the first news, so that short logs
// never show one, and that leaves no trace.
func progress(w io.Writer, label string) (update func(checked, total int64), done func()) {
	var bar *progressbar.ProgressBar
	update = func(checked, total int64) {
		if bar == nil {
			bar = progressbar.NewOptions64(total,
				progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(label),
				progressbar.OptionShowCount(),
				progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100e6))
		}
		// A bar that cannot be drawn must not stop the verification.
		_ = bar.Set64(checked)
	}
	done = func() {
		if bar != nil {
			_ = bar.Clear()
		}
	}
	return update, done
}

// tellRules prints who put which policy in force.
func tellRules(w io.Writer, text catalog, rules *inspection.Policies) {
	fmt.Fprintf(w, "%s%d\n", text.activated, len(rules.InForce))
	for _, p := range first(w, text, rules.InForce) {
		fmt.Fprintf(w, "  "+text.activatedSince+"\n", p.Seq, p.At.Format(time.RFC3339), p.Serial, p.Revision, strings.Join(p.Persons, ", "))
	}
	if rules.Unjudged > 0 {
		fmt.Fprintf(w, "%s%d\n", text.unjudged, rules.Unjudged)
	}
}

// maxTold bounds the warnings that are printed one by one.
const maxTold = 100

// tell prints the report and returns the exit status. Damage outranks warnings.
func tell(w io.Writer, text catalog, r findings) int {
	line := func(label, format string, args ...any) {
		fmt.Fprintf(w, "%s%s\n", label, fmt.Sprintf(format, args...))
	}
	if r.Meta.Origin != "" {
		line(text.origin, "%s", r.Meta.Origin)
		if r.Meta.First > 0 {
			line(text.pruned, "%d", r.Meta.First)
		}
	}
	if d := r.Damage; d != nil {
		line(text.heldBefore, "%d", r.Checked)
		if r.rules != nil {
			tellRules(w, text, r.rules)
		}
		if d.Seq == audit.NoSeq {
			line(text.damaged, "%s", text.reason(d))
		} else {
			line(text.damagedAt(d.Seq), "%s", text.reason(d))
		}
		return exitDamage
	}
	line(text.checked, "%d", r.Checked)
	line(text.head, "%s", r.Meta.Head)
	line(text.values, text.valuesSplit, r.Committed, r.Opened, r.Committed-r.Opened)
	line(text.bundles, text.bundlesSplit, r.Policies, r.Bundles)
	if r.Compared+r.Uncompared > 0 {
		line(text.compared, text.comparedSplit, r.Compared, r.Uncompared)
	}
	line(text.lives, text.livesSplit, r.lives.Cases, r.lives.Escalations)
	if r.lives.Beyond > 0 {
		line(text.beyond, "%d", r.lives.Beyond)
	}
	if r.lives.Disregarded > 0 {
		line(text.disregarded, "%d", r.lives.Disregarded)
	}
	if r.rules != nil {
		tellRules(w, text, r.rules)
	}
	if r.Unknown > 0 {
		line(text.unknown, "%d", r.Unknown)
	}
	for i, warning := range r.Warnings {
		if i == maxTold {
			line(text.more, "%d", len(r.Warnings)-maxTold)
			break
		}
		line(text.warning, "%s", text.warn(warning))
	}
	if len(r.Warnings) > 0 {
		line(text.holdsBut, "%d", len(r.Warnings))
		return exitWarnings
	}
	line(text.holds, "")
	return exitHolds
}
