package minor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sceau-project/sceau/web/page"
)

// Config is what the pages of minors need besides their shell.
type Config struct {
	// Exit is where "leave quickly" leads: somewhere that a child might well be. An
	// https address; [DefaultExit] when empty.
	Exit string
}

// DefaultExit is the weather forecast: what anybody may have been looking at.
const DefaultExit = "https://meteofrance.com/"

// title is that of every page: it stays in a browser's list of visited pages, and
// tells nothing.
const title = "Notes"

// pages are the handlers.
type pages struct {
	*page.Shell
	content map[page.Lang]*library
	exit    string
}

// Pages returns what makes the pages with a face's shell.
func Pages(cfg Config) func(*page.Shell) ([]page.Route, error) {
	return func(shell *page.Shell) ([]page.Route, error) {
		p, err := newPages(cfg, shell)
		if err != nil {
			return nil, err
		}
		return p.table(), nil
	}
}

func newPages(cfg Config, shell *page.Shell) (*pages, error) {
	if cfg.Exit == "" {
		cfg.Exit = DefaultExit
	}
	if u, err := url.Parse(cfg.Exit); err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("the exit must be an https address, not %q", cfg.Exit)
	}
	all, err := readContent(contentFiles)
	if err != nil {
		return nil, err
	}
	p := &pages{Shell: shell, content: all, exit: cfg.Exit}
	shell.Dress = func(v *page.View) {
		v.Title = title // also of pages that the shell makes
		v.Banner = banner(*v, p.exit)
		v.Styles = append(v.Styles, "minor.css")
		v.Scripts = append(v.Scripts, "visit.js")
	}
	shell.SignedOut, shell.Failure = p.signedOut, failurePage
	return p, nil
}

// table is every page and who may open it.
func (p *pages) table() []page.Route {
	const get, post = http.MethodGet, http.MethodPost
	anyone, minor := []string{page.Anyone}, []string{page.Minor}
	line := func(method, path string, who []string, handle http.HandlerFunc) page.Route {
		return page.Route{Method: method, Path: path, Who: who, Handle: handle}
	}
	return []page.Route{
		line(get, "/", anyone, p.welcome),
		line(post, "/find", anyone, p.find),
		line(get, "/p/{number}", anyone, p.sheet),
		line(get, questionsPath, anyone, p.ask),
		line(post, questionsPath, anyone, p.assess),
		line(get, "/start", anyone, p.begin),
		line(post, "/start", anyone, p.start),
		line(get, "/return", anyone, p.comingBack),
		line(post, "/return", anyone, p.comeBack),
		line(post, "/leave", anyone, p.leave),

		line(get, "/chat", minor, p.chat),
		line(get, "/chat/status", minor, p.status),
		line(post, "/chat", minor, p.write),

		line(get, "/mine", minor, p.mine),
		line(get, "/mine/phrase", minor, p.phrase),
		line(post, "/mine/phrase", minor, p.newPhrase),
		line(get, "/mine/safe", minor, p.safe),
		line(post, "/mine/safe", minor, p.entrust),
		line(get, "/mine/consent", minor, p.consents),
		line(post, "/mine/consent", minor, p.consent),
		line(post, "/mine/consent/{id}/withdraw", minor, p.withdraw),
		line(get, "/mine/openings", minor, p.askOpenings),
		line(post, "/mine/openings", minor, p.openings),
		line(get, "/mine/copy", minor, p.copy),
		line(get, "/mine/copy/notes.txt", minor, p.copyFile),
		line(get, "/mine/erase", minor, p.erasures),
		line(post, "/mine/erase", minor, p.erase),
		line(get, "/mine/close", minor, p.closing),
		line(post, "/mine/close", minor, p.close),
	}
}

// talking says whether the browser holds a conversation.
func talking(r *http.Request) bool { return r.Header.Get("Authorization") != "" }

// seeOther answers a form that was done.
func seeOther(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// refused shows a form again with what was refused, unless there is nothing to
// show it to any more.
func (p *pages) refused(w http.ResponseWriter, r *http.Request, err error, again func(*page.Problem)) {
	problem := p.ProblemOf(r, err)
	if problem.Status == http.StatusUnauthorized {
		p.signedOut(w, r)
		return
	}
	if problem.RetryAfter != "" {
		w.Header().Set("Retry-After", problem.RetryAfter)
	}
	again(problem)
}

// failed answers where there is nothing to show but why. What was erased is told as
// such, and this browser forgets it.
func (p *pages) failed(w http.ResponseWriter, r *http.Request, err error) {
	if problem := p.ProblemOf(r, err); problem.Code == "conversation.erased" {
		http.SetCookie(w, p.Cookie(page.Chat, ""))
		p.Render(w, r, problem.Status, erasedPage(p.View(r, title)))
		return
	}
	p.Fail(w, r, err)
}

// signedOut answers whoever asks for a conversation that this browser does not hold
// or whose token opens nothing any more. A cookie that was not asked with stays: a link
// on another site, which leads here without it, must take no conversation from a child.
func (p *pages) signedOut(w http.ResponseWriter, r *http.Request) {
	if talking(r) {
		http.SetCookie(w, p.Cookie(page.Chat, ""))
	}
	v := p.View(r, title)
	p.Render(w, r, http.StatusUnauthorized, returnPage(v, returnForm{Lost: true}))
}

// leaveTime bounds how long leaving waits for the service: nobody who must leave has
// more. A token that could not be ended in it is gone from this browser all the same.
const leaveTime = 2 * time.Second

// leave ends what this browser holds of the visit, and its token for whoever copied it,
// and leads elsewhere. The answer is a page that sends on, and no redirection: the
// content policy binds where a form may lead, redirections included.
func (p *pages) leave(w http.ResponseWriter, r *http.Request) {
	if talking(r) {
		ctx, cancel := context.WithTimeout(r.Context(), leaveTime)
		defer cancel()
		// Whatever comes of it, the page must go: the API has noted what failed.
		_ = p.Send(r.WithContext(ctx), http.MethodDelete, talk+"/token", page.NewKey(), nil, nil)
	}
	http.SetCookie(w, p.Cookie(page.Chat, ""))
	http.SetCookie(w, p.Cookie("lang", ""))
	h := w.Header()
	// Not "cookies": both are ended by name, and that would sign the device out of every
	// site below the same domain, which somebody may notice.
	clear := `"storage"`
	if r.Header.Get("Sec-Fetch-Dest") == "empty" {
		// A script asks, and the page is gone already. To look for what is kept takes some
		// browsers seconds, which nobody has who waits for this answer to leave.
		clear += `, "cache"`
	}
	h.Set("Clear-Site-Data", clear)
	h.Set("Refresh", "0; url="+p.exit)
	p.Render(w, r, http.StatusOK, leftPage(p.Lang(r), p.exit))
}
