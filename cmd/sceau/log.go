package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/config"
)

type logCommands struct {
	Export logExport `cmd:"" help:"Write the log, its openings and its policy bundles into a new directory; an entry of the log."`
}

type logExport struct {
	source
	To     string `required:"" type:"path" help:"The directory. It must not exist, or be empty."`
	Reason string `required:"" help:"Why: kept with the export's own entry, where an inspector can read it."`
}

// Run exports the log. The last entry of an export is its own.
func (e logExport) Run(w *world) error {
	if strings.TrimSpace(e.Reason) == "" || len(e.Reason) > 1000 {
		return &usageError{errors.New("--reason says why the log leaves the service, in at most 1,000 bytes")}
	}
	cfg, err := e.load(w, config.RoleOperator)
	if err != nil {
		return err
	}
	return asOperator(w, cfg, func(log *pglog.Log) error {
		progress := newProgress(w.stderr)
		last, err := log.Export(w.ctx, pglog.ExportRequest{
			Dir: e.To, Actor: audit.Actor{ID: "operator"}, Reason: e.Reason, Told: progress.told,
		})
		progress.end()
		if err != nil {
			return err
		}
		fmt.Fprintf(w.stdout, "The log up to entry %d is in %s. Check it with: sceau-inspect verify %s\n", last.Seq, e.To, e.To)
		return nil
	})
}

// progress shows how far a long step is, on a terminal only.
type progress struct {
	bar *progressbar.ProgressBar
	out io.Writer
}

func newProgress(out io.Writer) *progress {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		out = nil
	}
	return &progress{out: out}
}

func (p *progress) told(done, of int64) {
	if p.out == nil {
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(of, progressbar.OptionSetWriter(p.out), progressbar.OptionShowCount(),
			progressbar.OptionSetDescription("entries"), progressbar.OptionClearOnFinish())
	}
	_ = p.bar.Set64(done) // a terminal that is gone shows nothing
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
