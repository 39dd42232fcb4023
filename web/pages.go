package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/sceau-project/sceau/web/page"
)

// mount adds the pages to the face's API. Each asks the API in turn, through the
// same handler as any client.
func (f *face) mount(r chi.Router, limits map[limit]func(http.Handler) http.Handler) error {
	if f.cfg.Pages == nil {
		return nil
	}
	f.pages = &page.Shell{
		API: r, Public: f.kind == Public, TLS: f.cfg.HSTS,
		Prefers: func(accept string) page.Lang { return page.Lang(contentLanguage(accept)) },
		Refuse: func(w http.ResponseWriter, r *http.Request, code string) {
			f.write(w, r, refuse(code))
		},
		Note: func(ctx context.Context, err error) {
			var told *page.Problem
			if !errors.As(err, &told) { // the API has noted its own
				f.note(ctx, &Problem{Code: "page.failed"}, err)
			}
		},
	}
	routes, err := f.cfg.Pages(f.pages)
	if err != nil {
		return err
	}
	f.pages.Mount(r, routes, limits[perMinute], f.form)
	return nil
}

// form bounds a page as [deadline] and [face.body] bound what it asks, and reads the
// form that was sent. Event streams are the API's.
func (f *face) form(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		defer cancel()
		r = r.WithContext(ctx)
		if changes(r.Method) {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			if err := r.ParseForm(); err != nil {
				f.write(w, r, refuse(formFault(err)))
				return
			}
		}
		_ = readNoMore(w)
		next.ServeHTTP(w, r)
	})
}

func formFault(err error) string {
	var tooLarge *http.MaxBytesError
	var late net.Error
	switch {
	case errors.As(err, &tooLarge):
		return "request.too_large"
	case errors.As(err, &late) && late.Timeout():
		return "request.timeout"
	}
	return "request.malformed"
}

// isPage says whether a person at a browser asked, and no program.
func isPage(r *http.Request) bool {
	return !page.InProcess(r.Context()) && !strings.HasPrefix(r.URL.Path, "/api/") &&
		r.URL.Path != "/healthz" && r.URL.Path != "/readyz"
}

// showProblem tells a refusal as a page.
func (f *face) showProblem(w http.ResponseWriter, r *http.Request, p *Problem) {
	shown := &page.Problem{Status: p.Status, Code: p.Code, Title: p.Title, Detail: p.Detail}
	// Also where no page was found: what is shown needs its styles.
	w.Header().Set("Content-Security-Policy", page.Policy)
	if p.retryAfter > 0 {
		shown.RetryAfter = strconv.Itoa(p.retryAfter)
	}
	f.pages.Fail(w, r, shown)
}
