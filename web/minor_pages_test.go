package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/web/minor"
	"github.com/sceau-project/sceau/web/page"
)

// TestAChildWithoutScripts plays all that a child may do, with plain forms alone.
func TestAChildWithoutScripts(t *testing.T) {
	w := newWorld(t)
	base := w.servePages()
	lina := newReader(t, base)
	amal := w.hire("amal")

	// From where and what to the sheet, from the sheet to the conversation.
	lina.open("/").is(http.StatusOK, "/").says("code postal", "lever l'anonymat")
	lina.send("/find", url.Values{"place": {"online"}, "topic": {"sextortion"}}).is(http.StatusOK, "/p/18?t=8").says("Ne paie pas")
	lina.send("/start", url.Values{"postal_code": {"99999"}}).is(http.StatusUnprocessableEntity, "/start").says("Code postal inconnu")
	if v := attr(lina.byID("postal"), "value"); v != "99999" {
		t.Errorf("what was typed is gone: %q", v)
	}
	w.eventually("a case is ready", func() bool {
		return lina.open("/start").send("/start", url.Values{"postal_code": {"75011"}, "topic": {"sextortion"}}).status == http.StatusOK
	})
	lina.is(http.StatusOK, "/chat").says("Personne n'est encore libre", "Tu attends depuis", "Voir les nouvelles réponses")
	if lina.cookie() == "" {
		t.Fatal("no cookie holds the conversation")
	}

	// A form that is sent twice is one message.
	form := url.Values{"key": {lina.key("/chat")}, "text": {"On me menace."}}
	lina.do(http.MethodPost, "/chat", form).is(http.StatusOK, "/chat")
	lina.do(http.MethodPost, "/chat", form).is(http.StatusOK, "/chat")
	if n := strings.Count(lina.text(), "On me menace."); n != 1 {
		t.Fatalf("sent twice, the message is there %d times:\n%s", n, lina.text())
	}
	long := strings.Repeat("a", 4001)
	lina.send("/chat", url.Values{"text": {long}}).is(http.StatusUnprocessableEntity, "/chat")
	if !strings.Contains(lina.raw, long) || len(within(lina.doc, "textarea")) != 1 {
		t.Fatal("a message that was refused is lost")
	}

	var queue struct {
		Waiting []struct{ ID string }
	}
	amal.get("/api/v1/conversations").into(&queue)
	talk := "/api/v1/conversations/" + queue.Waiting[len(queue.Waiting)-1].ID
	amal.post(talk+"/join", object{}).wants("200")
	amal.post(talk+"/messages", object{"text": "Je te lis."}).wants("201")
	lina.open("/chat").says("Tu parles avec un agent", "Je te lis.").saysNot("75011")
	amal.post(talk+"/leave", object{}).wants("204")
	lina.open("/chat").says("L'agent a dû partir").saysNot("Tu attends depuis")
	amal.post(talk+"/join", object{}).wants("200")

	// What is hers.
	lina.open("/mine/safe").send("/mine/safe", url.Values{"facet": {"name"}, "value": {"Lina"}}).is(http.StatusOK, "/mine/safe?done").says("C'est dans le coffre")
	lina.open("/mine/consent").send("/mine/consent", url.Values{"words": {"Je veux bien."}}).is(http.StatusUnprocessableEntity, "/mine/consent")
	lina.send("/mine/consent", url.Values{"facet": {"name", "contact"}, "words": {"Je veux bien."}}).is(http.StatusOK, "/mine/consent?done=given").says("tu as dit oui", "Mon nom")
	withdraw := ""
	for _, f := range lina.all("form") {
		if strings.HasSuffix(attr(f, "action"), "/withdraw") {
			withdraw = attr(f, "action")
		}
	}
	lina.send(withdraw, nil).is(http.StatusOK, "/mine/consent?done=back").says("C'est repris")
	lina.open("/mine/openings").send("/mine/openings", nil).is(http.StatusOK, "/mine/openings").says("Aucune ouverture dont nous puissions te parler")
	lina.open("/mine/copy").says("On me menace.", "Je veux bien.", "Mon nom").saysNot("Je te lis.")
	lina.open("/mine/copy/notes.txt")
	if h := lina.header.Get("Content-Disposition"); h != `attachment; filename="notes.txt"` || !strings.Contains(lina.raw, "On me menace.") {
		t.Errorf("the copy is %q: %s", h, lina.raw)
	}

	// She leaves, and comes back with her words.
	lina.open("/mine/phrase").send("/mine/phrase", nil).is(http.StatusOK, "/mine/phrase").says("Écris-les sur un papier")
	phrase := textOf(lina.byID("phrase"))
	copied := w.minor(lina.cookie()) // by who has the device, too
	copied.get("/api/v1/conversation").wants("200")
	lina.open("/chat").send("/leave", nil).is(http.StatusOK, "/leave")
	copied.get("/api/v1/conversation").wants("token.invalid")
	if refresh := lina.header.Get("Refresh"); refresh != "0; url="+minor.DefaultExit || lina.cookie() != "" {
		t.Errorf("left with cookie %q towards %q", lina.cookie(), refresh)
	}
	if clear := lina.header.Get("Clear-Site-Data"); clear != `"storage"` { // a form waits for it
		t.Errorf("left with Clear-Site-Data %q", clear)
	}
	lina.open("/chat").is(http.StatusUnauthorized, "/chat").says("Tes huit mots").saysNot("On me menace.")
	lina.send("/return", url.Values{"phrase": {"un deux trois quatre cinq six sept huit"}})
	lina.is(http.StatusNotFound, "/return").says("Phrase non reconnue")
	if strings.Contains(lina.raw, "sept huit") {
		t.Error("a phrase that was typed is shown again")
	}
	lina.open("/return").send("/return", url.Values{"phrase": {strings.ToUpper(phrase)}}).is(http.StatusOK, "/chat").says("On me menace.", "Je te lis.")

	// Erasing and closing take more than one tap.
	lina.open("/mine/erase").send("/mine/erase", nil).is(http.StatusOK, "/mine/erase").saysNot("Demandé le")
	lina.send("/mine/erase", url.Values{"sure": {"yes"}}).is(http.StatusOK, "/mine/erase").says("Demandé le")
	lina.open("/mine/close").send("/mine/close", nil).is(http.StatusOK, "/mine/close")
	lina.send("/mine/close", url.Values{"sure": {"yes"}}).is(http.StatusOK, "/chat").says("Cette conversation est fermée", "On me menace.")
	if len(within(lina.doc, "textarea")) != 0 {
		t.Error("one can write in a closed conversation")
	}
	for _, text := range []string{"On me menace", "Je veux bien", "Lina", phrase} {
		if strings.Contains(w.logs.String(), text) {
			t.Errorf("a log says %q", text)
		}
	}
}

// byID is the element with that id.
func (b *reader) byID(id string) *html.Node {
	b.t.Helper()
	for _, n := range b.all("*") {
		if attr(n, "id") == id {
			return n
		}
	}
	b.t.Fatalf("%s has no #%s", b.at, id)
	return nil
}

// key is the one that the form with that action carries.
func (b *reader) key(action string) string {
	b.t.Helper()
	for _, f := range b.all("form") {
		for _, in := range within(f, "input") {
			if attr(f, "action") == action && attr(in, "name") == "key" {
				return attr(in, "value")
			}
		}
	}
	b.t.Fatalf("%s has no key for %s", b.at, action)
	return ""
}

// The answers to the questions are in no address, no cookie, no entry and no log.
func TestQuestionsAreNotKept(t *testing.T) {
	w := newWorld(t)
	b := newReader(t, w.servePages())
	before := w.entries()
	b.open("/questions").send("/questions", url.Values{"die": {"often"}, "hit": {"daily"}}).is(http.StatusOK, "/questions").says("3114")
	if set := b.header.Values("Set-Cookie"); len(set) != 0 {
		t.Errorf("cookies: %q", set)
	}
	if b.header.Get("Cache-Control") != "no-store" || w.entries() != before || strings.Contains(w.logs.String(), "daily") {
		t.Error("something of the answers is kept")
	}
	b.open("/questions").send("/questions", nil).is(http.StatusUnprocessableEntity, "/questions").says("Réponds au moins à une question")
}

var (
	inThePage = regexp.MustCompile(`(?i)<script(?:\s+[^>]*)?>[^<]|\sstyle=|\son[a-z]+=|javascript:`)
	elsewhere = regexp.MustCompile(`(?:href|src|action|data-[a-z]+)="(https?:)?//[^"]*"`)
)

// TestEveryPageOfAMinor holds what is true of each page in each language, to whoever
// asks for it.
func TestEveryPageOfAMinor(t *testing.T) {
	w := newWorld(t)
	base := w.servePages()
	stranger, child := newReader(t, base), newReader(t, base)
	w.eventually("a case is ready", func() bool {
		return child.open("/start").send("/start", url.Values{"postal_code": {"75011"}, "topic": {"threats"}}).status == http.StatusOK
	})
	public := []string{"/", "/questions", "/start", "/return", "/nowhere", "/p/999"}
	for n := range 22 {
		if n+1 < 4 && n > 0 || n+1 >= 10 {
			public = append(public, "/p/"+strconv.Itoa(n+1))
		}
	}
	own := []string{"/chat", "/mine", "/mine/phrase", "/mine/safe", "/mine/consent", "/mine/openings", "/mine/copy", "/mine/erase", "/mine/close"}
	stranger.open("/nowhere").says("Cette page n'existe pas").saysNot("route.not_found")
	links := map[string]string{} // and a page that has it
	for _, lang := range []string{"fr", "en"} {
		for _, b := range []*reader{stranger, child} {
			b.open("/lang/"+lang+"?back=/start").is(http.StatusOK, "/start")
		}
		for _, path := range append(append([]string{}, public...), own...) {
			for _, b := range []*reader{stranger, child} {
				want := http.StatusOK
				switch {
				case path == "/nowhere", path == "/p/999":
					want = http.StatusNotFound
				case b == stranger && (strings.HasPrefix(path, "/mine") || path == "/chat"):
					want = http.StatusUnauthorized
				}
				b.open(path).is(want, path)
				b.decent(lang)
				for _, a := range b.all("a") {
					if to, _, _ := strings.Cut(attr(a, "href"), "#"); strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "/lang/") {
						links[to] = path
					}
				}
			}
		}
	}
	for to, from := range links {
		if child.open(to).status != http.StatusOK {
			t.Errorf("%s leads to %s, which answers %d", from, to, child.status)
		}
	}
}

// decent holds a page to what all of them promise.
func (b *reader) decent(lang string) {
	b.t.Helper()
	for name, want := range map[string]string{"Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8", "Referrer-Policy": "no-referrer"} {
		if got := b.header.Get(name); got != want {
			b.t.Errorf("%s: %s is %q", b.at, name, got)
		}
	}
	if !strings.Contains(b.header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'") {
		b.t.Errorf("%s: policy %q", b.at, b.header.Get("Content-Security-Policy"))
	}
	if got := textOf(b.all("title")[0]); strings.TrimSpace(got) != "Notes" {
		b.t.Errorf("%s: the title %q tells something", b.at, got)
	}
	if got := attr(b.all("html")[0], "lang"); got != lang {
		b.t.Errorf("%s: in %q, not in %q", b.at, got, lang)
	}
	if n := len(b.all("h1")); n != 1 {
		b.t.Errorf("%s: %d first headings", b.at, n)
	}
	if found := inThePage.FindString(b.raw); found != "" {
		b.t.Errorf("%s: %q stands in the page itself", b.at, found)
	}
	for _, found := range elsewhere.FindAllString(b.raw, -1) {
		if found != `data-exit="`+minor.DefaultExit+`"` {
			b.t.Errorf("%s: leads elsewhere: %s", b.at, found)
		}
	}
	for _, number := range []string{"tel:17", "tel:119", "tel:3018"} {
		if !strings.Contains(b.raw, `href="`+number+`"`) {
			b.t.Errorf("%s: %s is not there", b.at, number)
		}
	}
	ways := 0
	for _, f := range b.all("form") {
		action := attr(f, "action")
		if action == "/leave" {
			ways++
		}
		keyed := false
		for _, in := range within(f, "input") {
			keyed = keyed || attr(in, "name") == "key" && len(attr(in, "value")) >= 16
		}
		if !keyed && action != "/leave" && action != "/find" && action != "/questions" {
			b.t.Errorf("%s: sent twice, the form for %s acts twice", b.at, action)
		}
	}
	if ways != 1 {
		b.t.Errorf("%s: %d ways out", b.at, ways)
	}
	// Addresses stay in the list of visited pages.
	for _, a := range b.all("a") {
		for _, topic := range conversation.Topics {
			if topic != conversation.TopicOther && strings.Contains(attr(a, "href"), string(topic)) {
				b.t.Errorf("%s: the address %s tells what it is about", b.at, attr(a, "href"))
			}
		}
	}
}

// TestWhoOpenedInWords: the page tells what may be told, and until then is the same, to
// the byte, as that of a child whose identity nobody opened.
func TestWhoOpenedInWords(t *testing.T) {
	w := newWorld(t)
	base := w.servePages()
	amal, diane := w.hire("amal"), w.hire("diane")
	diane.get("/api/v1/me").wants("200")
	minor, about := w.opened(amal, diane)
	opened, never := newReader(t, base).holding(minor), newReader(t, base).holding(w.open())
	entries := w.entries()
	for range 3 { // a reload, a browser that fetches ahead
		opened.open("/mine/openings").is(http.StatusOK, "/mine/openings").saysNot("ouverture dont nous")
	}
	if n := w.entries(); n != entries {
		t.Errorf("offering the question wrote %d entries", n-entries)
	}
	never.open("/mine/openings")
	ask := func(b *reader) string {
		// The hidden key is drawn anew for each form.
		raw := b.send("/mine/openings", nil).is(http.StatusOK, "/mine/openings").raw
		b.open("/mine/openings")
		return raw
	}
	if a, b := ask(opened), ask(never); a != b {
		t.Errorf("opened and not tellable:\n%s\nnever opened:\n%s", a, b)
	}
	if n := w.entries(); n != entries+2 {
		t.Errorf("asked twice, and there are %d more entries", n-entries)
	}
	amal.post(about+"/tellings", object{"outcome": "told"}).wants("200")
	opened.send("/mine/openings", nil).says("Parce que tu étais en grand danger.", "L'adresse internet de ton appareil", "à la date du "+page.Day(page.French, time.Now().UTC()))
}

// TestWhoAsksWithTheCookie: another site, a sibling below the same domain included, gets
// no page of a conversation by a child's cookie, and takes the cookie from nobody.
func TestWhoAsksWithTheCookie(t *testing.T) {
	w := newWorld(t)
	child := w.open()
	base := w.servePages()
	for from, want := range map[string]int{
		"": http.StatusOK, "none": http.StatusOK, "same-origin": http.StatusOK,
		"same-site": http.StatusUnauthorized, "cross-site": http.StatusUnauthorized, "made-up": http.StatusUnauthorized,
	} {
		for _, path := range []string{"/chat?x=guess", "/mine/copy", "/api/v1/conversation/messages"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
			w.must(err)
			req.AddCookie(&http.Cookie{Name: page.Chat, Value: strings.TrimPrefix(child.header.Get("Authorization"), "Bearer ")})
			if from != "" {
				req.Header.Set("Sec-Fetch-Site", from)
			}
			res, err := http.DefaultClient.Do(req)
			w.must(err)
			_ = res.Body.Close()
			if res.StatusCode != want || res.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s from %q: %d, Set-Cookie %q", path, from, res.StatusCode, res.Header.Get("Set-Cookie"))
			}
		}
	}
}

// TestErasedIsTold: what was erased is told as such, and the browser forgets it.
func TestErasedIsTold(t *testing.T) {
	w := newWorld(t)
	hana, minor := w.hire("hana"), w.open()
	lina := newReader(t, w.servePages()).holding(minor)
	lina.open("/chat").send("/chat", url.Values{"text": {"effacez tout"}}).is(http.StatusOK, "/chat")
	lina.open("/mine/erase").send("/mine/erase", url.Values{"sure": {"yes"}}).is(http.StatusOK, "/mine/erase")
	var waiting struct{ Erasures []struct{ ID string } }
	hana.get("/api/v1/privacy/erasures").into(&waiting)
	hana.post("/api/v1/privacy/erasures/"+waiting.Erasures[0].ID+"/decide", object{"verdict": "granted"}).wants("200")
	lina.open("/mine/erase").says("Accepté").saysNot("Oui, je veux que tout soit effacé")
	w.eventually("it is erased", func() bool { return minor.get("/api/v1/conversation/messages").status == http.StatusGone })
	lina.open("/chat").is(http.StatusGone, "/chat").says("C'est effacé").saysNot("effacez tout")
	if lina.cookie() != "" {
		t.Error("the browser holds what is no more")
	}
	lina.open("/").saysNot("Ta conversation est ouverte")
}

// holding puts a conversation into the reader's browser.
func (b *reader) holding(c *client) *reader {
	b.t.Helper()
	at, err := url.Parse(b.base)
	if err != nil {
		b.t.Fatal(err)
	}
	token := strings.TrimPrefix(c.header.Get("Authorization"), "Bearer ")
	b.http.Jar.SetCookies(at, []*http.Cookie{{Name: page.Chat, Value: token}})
	return b
}

// The first page and the conversation together, with all they load, are light enough
// for an old phone.
func TestTheFirstPageIsLight(t *testing.T) {
	const limit = 60 << 10
	w := newWorld(t)
	b := newReader(t, w.servePages())
	w.eventually("a case is ready", func() bool {
		return b.open("/start").send("/start", url.Values{"postal_code": {"75011"}, "topic": {"threats"}}).status == http.StatusOK
	})
	total, files := 0, map[string]bool{}
	for _, path := range []string{"/", "/chat"} {
		total += b.open(path).is(http.StatusOK, path).bytes
		for _, n := range b.all("*") {
			for _, name := range []string{attr(n, "src"), attr(n, "href")} {
				if strings.HasPrefix(name, "/static/") {
					files[name] = true
				}
			}
		}
	}
	for name := range files {
		b.open(name).is(http.StatusOK, name)
		total += b.bytes
		t.Logf("%6d %s", b.bytes, name)
		want := "private, max-age=600" // while a visit lasts
		if strings.HasSuffix(name, "/chat.js") {
			want = "no-store" // it tells that somebody talked here
		}
		if got := b.header.Get("Cache-Control"); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	t.Logf("%6d bytes in all", total)
	if total >= limit || len(files) < 5 {
		t.Errorf("%d bytes in %d files, not under %d", total, len(files), limit)
	}
}
