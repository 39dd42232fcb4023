package web

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/policy"
)

// Exports are views as files. Each is an entry before its first byte: log.read with as
// (csv, json, export) among its details, since log.exported is the operator's. They are
// written as they are read, in the memory of a page; one that cannot be ended is cut off,
// so that nobody takes a part for the whole.

// Format is that of an export.
type Format struct {
	As string `query:"as" enum:"csv,json" default:"csv"`
}

// maxExports bounds how many exports this process writes at once.
const maxExports = 3

// exports are those under way, one of a caller at most: whoever reads slowly keeps nobody
// else from theirs.
type exports struct {
	mu sync.Mutex
	of map[string]struct{}
}

func (x *exports) enter(caller string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, busy := x.of[caller]; busy || len(x.of) >= maxExports {
		return false
	}
	if x.of == nil {
		x.of = map[string]struct{}{}
	}
	x.of[caller] = struct{}{}
	return true
}

func (x *exports) leave(caller string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.of, caller)
}

// file is an export about to be written.
type file struct {
	name, media string
	write       func(ctx context.Context, to io.Writer) error
}

type download struct {
	Body func(huma.Context)
}

// download answers with a file. prepare decides and records first.
func (s *staff) download(ctx context.Context, prepare func() (file, error)) (*download, error) {
	who := callerOf(ctx).key
	if !s.exporting.enter(who) {
		return nil, refuse("rate.limited")
	}
	f, err := prepare()
	if err != nil {
		s.exporting.leave(who)
		return nil, err
	}
	return &download{Body: func(hc huma.Context) {
		defer s.exporting.leave(who)
		r, rw := humachi.Unwrap(hc)
		ctx, cancel := context.WithTimeout(r.Context(), exportTime)
		defer cancel()
		h := rw.Header()
		h.Set("Content-Type", f.media)
		h.Set("Content-Disposition", `attachment; filename="`+f.name+`"`)
		rw.WriteHeader(http.StatusOK)
		if err := f.write(ctx, patient{rw, http.NewResponseController(rw)}); err != nil {
			s.face.note(ctx, &Problem{Code: "export.cut"}, err)
			panic(http.ErrAbortHandler) // the client learns that this is not all
		}
	}}, nil
}

// exportTime bounds one export.
const exportTime = time.Hour

// patient is a client that takes its time, as long as it takes something.
type patient struct {
	io.Writer
	rc *http.ResponseController
}

func (p patient) Write(b []byte) (int, error) {
	if err := p.rc.SetWriteDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, err
	}
	return p.Writer.Write(b)
}

// downloads registers an export.
func downloads[I any](handler func(context.Context, *I) (*download, error)) func(huma.API, huma.Operation) {
	return func(api huma.API, op huma.Operation) {
		op.Responses = map[string]*huma.Response{"200": {Description: "A file. One that is cut off is not all."}}
		handle(handler)(api, op)
	}
}

const (
	mediaCSV  = "text/csv; charset=utf-8; header=present"
	mediaJSON = "application/json"
	mediaZip  = "application/zip"
)

func media(as string) string {
	if as == "json" {
		return mediaJSON
	}
	return mediaCSV
}

type exportEntriesInput struct {
	Search
	Format
}

// exportEntries writes all that a search finds, however much that is.
func (s *staff) exportEntries(ctx context.Context, in *exportEntriesInput) (*download, error) {
	return s.download(ctx, func() (file, error) {
		if err := in.known(); err != nil {
			return file{}, err
		}
		query, details := in.query(), in.details()
		details["as"] = in.As
		read, err := s.look(ctx, policy.ViewLog, details)
		if err != nil {
			return file{}, err
		}
		query.UpTo, query.Limit = read.Seq, 500
		each := func(ctx context.Context, do func(pglog.Found) error) error {
			for more := !query.none(); more; {
				page, err := pglog.Search(ctx, s.reader, query.Query, searchPatience)
				if err != nil {
					return err
				}
				for _, f := range page.Found {
					if err := do(f); err != nil {
						return err
					}
				}
				query.FromSeq, more = page.Next, page.More
			}
			return nil
		}
		write := func(ctx context.Context, to io.Writer) error { return entriesCSV(ctx, to, each) }
		if in.As == "json" {
			write = func(ctx context.Context, to io.Writer) error {
				return entriesJSON(ctx, to, s.journal.Origin(), read.Seq, each)
			}
		}
		return file{fmt.Sprintf("sceau-entries-%d.%s", read.Seq, in.As), media(in.As), write}, nil
	})
}

// entriesJSON writes one object. Leaves stand in it byte for byte as they are stored.
func entriesJSON(ctx context.Context, to io.Writer, origin string, read int64, each eachFound) error {
	if _, err := fmt.Fprintf(to, `{"origin":%q,"read":%d,"entries":[`, origin, read); err != nil {
		return err
	}
	between := "\n"
	if err := each(ctx, func(f pglog.Found) error {
		e := entryOf(f)
		leaf := "null"
		if e.Leaf != nil {
			leaf = string(e.Leaf)
		}
		damage, err := json.Marshal(e.Damage)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(to, `%s{"seq":%d,"hash":%q,"leaf":%s,"damage":%s}`, between, e.Seq, e.Hash, leaf, damage)
		between = ",\n"
		return err
	}); err != nil {
		return err
	}
	_, err := io.WriteString(to, "\n]}\n")
	return err
}

type exportCaseInput struct {
	CasePath
	Format
}

// exportCase writes a case's whole story.
func (s *staff) exportCase(ctx context.Context, in *exportCaseInput) (*download, error) {
	return s.download(ctx, func() (file, error) {
		body, err := s.tellCase(ctx, in.ID, audit.Details{"as": in.As, "by_case": in.ID, "story": true}, 0, keepSteps)
		if err != nil {
			return file{}, err
		}
		write := asJSON(body)
		if in.As == "csv" {
			write = func(_ context.Context, to io.Writer) error { return caseCSV(to, body) }
		}
		return file{"sceau-case-" + in.ID + "." + in.As, media(in.As), write}, nil
	})
}

func asJSON(body any) func(context.Context, io.Writer) error {
	return func(_ context.Context, to io.Writer) error { return json.NewEncoder(to).Encode(body) }
}

type exportFiguresInput struct {
	Period
	Format
}

// exportFigures writes the figures of a period, people under their pseudonyms.
func (s *staff) exportFigures(ctx context.Context, in *exportFiguresInput) (*download, error) {
	return s.download(ctx, func() (file, error) {
		body, err := s.compute(ctx, &in.Period, audit.Details{"as": in.As})
		if err != nil {
			return file{}, err
		}
		write := asJSON(body)
		if in.As == "csv" {
			write = func(_ context.Context, to io.Writer) error { return figuresCSV(to, body) }
		}
		return file{fmt.Sprintf("sceau-figures-%d.%s", body.Read, in.As), media(in.As), write}, nil
	})
}

// exportReviews writes the broken glasses.
func (s *staff) exportReviews(ctx context.Context, in *Format) (*download, error) {
	return s.download(ctx, func() (file, error) {
		out, err := s.reviewsAs(ctx, audit.Details{"as": in.As})
		if err != nil {
			return file{}, err
		}
		write := asJSON(out.Body)
		if in.As == "csv" {
			write = func(_ context.Context, to io.Writer) error { return reviewsCSV(to, out.Body.Reviews) }
		}
		return file{"sceau-reviews." + in.As, media(in.As), write}, nil
	})
}

// exportLog writes the whole log, as the operator's command does: a folder that
// sceau-inspect verifies on a laptop, in a zip. It ends with the entry that records it.
func (s *staff) exportLog(ctx context.Context, _ *struct{}) (*download, error) {
	return s.download(ctx, func() (file, error) {
		read, err := s.look(ctx, policy.ViewLog, audit.Details{"as": "export"})
		if err != nil {
			return file{}, err
		}
		write := func(ctx context.Context, to io.Writer) error {
			live, err := pglog.OpenLive(ctx, s.reader, read.Seq)
			if err != nil {
				return err
			}
			return zipped(to, live)
		}
		return file{fmt.Sprintf("sceau-log-%d.zip", read.Seq), mediaZip, write}, nil
	})
}

// zipped packs an export. meta.json comes last: without it no verifier takes it for whole.
func zipped(to io.Writer, live *pglog.Live) error {
	z := zip.NewWriter(to)
	bundles, err := fs.ReadDir(live, audit.BundlesDir)
	if err != nil {
		return err
	}
	names := []string{audit.LogFile, audit.OpeningsFile}
	for _, b := range bundles {
		names = append(names, path.Join(audit.BundlesDir, b.Name()))
	}
	for _, name := range append(names, audit.MetaFile) {
		from, err := live.Open(name)
		if err != nil {
			return err
		}
		into, err := z.Create(name)
		if err == nil {
			_, err = io.Copy(into, from)
		}
		if err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
	}
	return z.Close()
}
