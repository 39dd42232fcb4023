package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/inspection"
)

type verifyCmd struct {
	Dir   string   `arg:"" name:"dir" help:"${help_dir}"`
	Known []string `name:"known" placeholder:"SEQ:HASH" help:"${help_known}"`
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
	done := func() {}
	if streams.terminal {
		opt.Progress, done = progress(streams.err, text.checking)
	}
	export := os.DirFS(c.Dir)
	report := audit.Verify(export, opt)
	done()
	var lives *inspection.Life
	if report.Damage == nil {
		var err error
		if lives, err = inspection.Lives(export, report.Meta.First); err != nil {
			report.Damage = &audit.Damage{Seq: audit.NoSeq, Code: audit.CodeUnreadable, Detail: err.Error()}
		} else {
			report.Damage = lives.Damage
			report.Warnings = append(report.Warnings, lives.Warnings...)
			slices.SortStableFunc(report.Warnings, func(a, b audit.Warning) int { return cmp.Compare(a.Seq, b.Seq) })
		}
	}
	return tell(streams.out, text, report, lives)
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

// maxTold bounds the warnings that are printed one by one.
const maxTold = 100

// tell prints the report and returns the exit status. Damage outranks warnings.
func tell(w io.Writer, text catalog, r *audit.Report, lives *inspection.Life) int {
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
	line(text.lives, text.livesSplit, lives.Cases, lives.Escalations)
	if lives.Beyond > 0 {
		line(text.beyond, "%d", lives.Beyond)
	}
	if lives.Disregarded > 0 {
		line(text.disregarded, "%d", lives.Disregarded)
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
