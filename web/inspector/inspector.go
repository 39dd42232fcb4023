// Package inspector has the pages of those who trust nobody, at /inspector: how the
// chain is, the log and what follows from it, figures, and what can be taken away.
//
// They show ids, codes and times, as the log holds them; never a transcript, never an
// identity, and no name of staff that was not asked for with a reason. What is looked
// at is itself an entry, and every page says which.
package inspector

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sceau-project/sceau/web/page"
)

// base is where the pages are, journal where the API has the log.
const (
	base    = "/inspector"
	journal = "/api/v1/log"
	exports = journal + "/exports"
)

const role = "inspector"

type pages struct{ *page.Shell }

// Routes are the pages, with the staff face's shell.
func Routes(shell *page.Shell) []page.Route { return (&pages{shell}).table() }

// table is every page and who may open it.
func (p *pages) table() []page.Route {
	const get, post = http.MethodGet, http.MethodPost
	line := func(method, path string, handle http.HandlerFunc) page.Route {
		return page.Route{Method: method, Path: base + path, Who: []string{role}, Handle: handle}
	}
	named := func(r page.Route, fr, en string) page.Route {
		r.Nav = func(l page.Lang) string { return l.T(fr, en) }
		return r
	}
	return []page.Route{
		named(line(get, "", p.home), "La chaîne", "The chain"),
		named(line(get, "/entries", p.search), "Recherche", "Search"),
		named(line(get, "/figures", p.figures), "Chiffres", "Figures"),
		named(line(get, "/reviews", p.reviews), "Vitres brisées", "Broken glass"),
		named(line(get, "/exports", p.exports), "Exports", "Exports"),
		line(get, "/entries/{seq}", p.entry),
		line(get, "/cases/{id}", p.story),
		line(get, "/progress", p.progress),
		line(post, "/verify", p.verify),
		line(post, "/names", p.name),
	}
}

// view begins a page.
func (p *pages) view(r *http.Request, fr, en string) page.View {
	v := p.View(r, p.Lang(r).T(fr, en)+" · Sceau")
	v.Styles = append(v.Styles, "inspector.css")
	v.Scripts = append(v.Scripts, "idle.js", "watch.js")
	return v
}

// when reads a time of a form, which browsers send without its zone: French time. What is
// neither that nor a time with a zone goes on as it is, for the API to refuse.
func when(text string) string {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, page.Paris); err == nil {
			return at.UTC().Format(time.RFC3339)
		}
	}
	return text
}

// field is a time as a form's field takes it.
func field(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.In(page.Paris).Format("2006-01-02T15:04")
}

// query writes what is not empty as a query string, "?" included.
func query(values url.Values) string {
	kept := url.Values{}
	for name, list := range values {
		for _, v := range list {
			if v != "" {
				kept.Add(name, v)
			}
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return "?" + kept.Encode()
}

// stamp is a moment to the second, in French time.
func stamp(l page.Lang, at time.Time) string {
	return at.In(page.Paris).Format(l.T("02/01/2006 15:04:05", "2 Jan 2006 15:04:05"))
}

// num writes a number as people read it.
func num[N ~int | ~int64](l page.Lang, n N) string {
	text := strconv.FormatInt(int64(n), 10)
	var out strings.Builder
	for i, digit := range text {
		if left := len(text) - i; i > 0 && left%3 == 0 && text[i-1] != '-' {
			out.WriteString(l.T("\u202f", ","))
		}
		out.WriteRune(digit)
	}
	return out.String()
}

// secs says a number of seconds, finely: what is measured here is often short.
func secs(l page.Lang, s int64) string {
	switch d := time.Duration(s) * time.Second; {
	case d < time.Minute:
		return strconv.FormatInt(s, 10) + "\u00a0s"
	case d < time.Hour:
		return strconv.FormatInt(s/60, 10) + "\u00a0min" + rest(s%60, "s")
	case d < 48*time.Hour:
		return strconv.FormatInt(s/3600, 10) + "\u00a0h" + rest(s%3600/60, "min")
	default:
		return strconv.FormatInt(s/86400, 10) + "\u00a0" + l.T("jours", "days")
	}
}

func rest(n int64, unit string) string {
	if n == 0 {
		return ""
	}
	return "\u00a0" + strconv.FormatInt(n, 10) + "\u00a0" + unit
}

// short is the beginning of an id, enough to tell it from others beside it.
func short(id string) string {
	if len(id) > 13 {
		return id[:8] + "…"
	}
	return id
}
