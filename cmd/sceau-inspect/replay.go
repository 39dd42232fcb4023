package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/inspection"
	"github.com/sceau-project/sceau/policy"
)

type replayCmd struct {
	Dir  string `arg:"" name:"dir" help:"${help_dir}"`
	With string `name:"with" placeholder:"BUNDLE" help:"${help_with}"`
}

// run verifies the export first: what is replayed must be what was committed to.
func (c *replayCmd) run(text catalog, streams streams) int {
	opt := inspection.Options{}
	if c.With != "" {
		raw, err := os.ReadFile(c.With)
		if err == nil {
			opt.With, err = policy.Load(raw, policy.Revision(raw))
		}
		if err != nil {
			fmt.Fprintf(streams.err, "sceau-inspect: %s\n%s\n", text.badBundle(err), text.usageHint)
			return exitUsage
		}
	}
	verify, done := audit.Options{}, func() {}
	if streams.terminal {
		verify.Progress, done = progress(streams.err, text.checking)
	}
	export := os.DirFS(c.Dir)
	report := audit.Verify(export, verify)
	done()
	if report.Damage != nil {
		return tell(streams.out, text, findings{Report: report})
	}
	if streams.terminal {
		var update func(done, total int64)
		update, done = progress(streams.err, text.checking)
		opt.Progress = func(read int64) { update(read, report.Meta.Count) }
	}
	replayed, err := inspection.Replay(context.Background(), export, opt)
	done()
	if err != nil {
		report.Damage = &audit.Damage{Seq: audit.NoSeq, Code: audit.CodeUnreadable, Detail: err.Error()}
		return tell(streams.out, text, findings{Report: report})
	}
	return tellReplay(streams.out, text, replayed, opt.With != nil)
}

// tellReplay prints what a replay found and returns the exit status.
func tellReplay(w io.Writer, text catalog, r *inspection.Replayed, with bool) int {
	line := func(label, format string, args ...any) {
		fmt.Fprintf(w, "%s%s\n", label, fmt.Sprintf(format, args...))
	}
	line(text.asked, "%d", r.Asked)
	line(text.same, "%d", r.Same)
	if r.OtherEngine > 0 {
		line(text.otherEngine, "%d", r.OtherEngine)
	}
	line(text.erased, "%d", len(r.Erased))
	for _, e := range first(w, text, r.Erased) {
		line("  ", text.erasedBy, e.Seq, e.By)
	}
	if len(r.Missing) > 0 {
		line(text.missing, "%d", len(r.Missing))
		for _, seq := range first(w, text, r.Missing) {
			line(text.warning, text.missingOf, seq)
		}
	}
	for _, seq := range first(w, text, r.Unbound) {
		line(text.different, text.unbound, seq)
	}
	for _, d := range first(w, text, r.Different) {
		line(text.different, text.change, d.Seq, d.Point, d.Recorded, d.Now)
	}
	for _, d := range first(w, text, r.Otherwise) {
		line(text.otherwise, text.change, d.Seq, d.Point, d.Recorded, d.Now)
	}
	if with && len(r.Otherwise) == 0 {
		line(text.otherwiseNone, "")
	}
	switch {
	case len(r.Different)+len(r.Unbound) > 0:
		line(text.replayDamaged, "%d", len(r.Different)+len(r.Unbound))
		return exitDamage
	case len(r.Missing) > 0:
		line(text.replayBut, "%d", len(r.Missing))
		return exitWarnings
	}
	line(text.replayHolds, "")
	return exitHolds
}

// first is the part of a long list that is printed; of the rest, how many there are.
func first[T any](w io.Writer, text catalog, all []T) []T {
	if len(all) <= maxTold {
		return all
	}
	fmt.Fprintf(w, "%s%d\n", text.more, len(all)-maxTold)
	return all[:maxTold]
}
