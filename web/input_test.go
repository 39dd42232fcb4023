package web_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sceau-project/sceau/web"
)

// TestBadInput: a stable code, nothing changed, nothing repeated.
func TestBadInput(t *testing.T) {
	w := newWorld(t)
	amal := w.hire("amal")
	minor, id := w.talk(amal)
	stranger := w.minor("")
	const open, write = "/api/v1/conversations", "/api/v1/conversation/messages"
	escalations := "/api/v1/conversations/" + id + "/escalations"
	asked := `"assessment":{},"facets":["name"],"evidence":[],"narrative":"s3cret"`
	tests := []struct {
		name         string
		as           *client
		method, path string
		body, code   string
	}{
		{"nothing", stranger, "POST", open, ``, "request.malformed"},
		{"no object", stranger, "POST", open, `["s3cret"]`, "request.invalid"},
		{"broken off", stranger, "POST", open, `{"postal_code":"s3cret`, "request.malformed"},
		{"two values", stranger, "POST", open, `{"postal_code":"35000","topic":"other"}{"s3cret":1}`, "request.malformed"},
		{"unknown field", stranger, "POST", open, `{"postal_code":"35000","topic":"other","s3cret":"s3cret"}`, "request.invalid"},
		{"a field twice", stranger, "POST", open, `{"postal_code":"s3cret","topic":"other","postal_code":"35000"}`, "request.malformed"},
		{"other case", stranger, "POST", open, `{"POSTAL_CODE":"s3cret","topic":"other"}`, "request.invalid"},
		{"missing field", stranger, "POST", open, `{"postal_code":"35000"}`, "request.invalid"},
		{"wrong type", stranger, "POST", open, `{"postal_code":35000,"topic":"other"}`, "request.invalid"},
		{"null", stranger, "POST", open, `{"postal_code":null,"topic":"other"}`, "request.invalid"},
		{"NUL", stranger, "POST", open, `{"postal_code":"s3cret\u0000","topic":"other"}`, "request.malformed"},
		{"raw NUL", stranger, "POST", open, "{\"postal_code\":\"s3cret\x00\",\"topic\":\"other\"}", "request.malformed"},
		{"invalid UTF-8", stranger, "POST", open, "{\"postal_code\":\"s3cret\xff\",\"topic\":\"other\"}", "request.malformed"},
		{"lone surrogate", stranger, "POST", open, `{"postal_code":"s3cret\ud800","topic":"other"}`, "request.malformed"},
		{"too deep", stranger, "POST", open, `{"postal_code":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `,"topic":"other"}`, "request.malformed"},
		{"oversize", stranger, "POST", open, `{"postal_code":"` + strings.Repeat("s3cret", 20_000) + `","topic":"other"}`, "request.too_large"},
		{"no such postal code", stranger, "POST", open, `{"postal_code":"00000","topic":"other"}`, "postal_code.unknown"},
		{"no postal code at all", stranger, "POST", open, `{"postal_code":"s3cret","topic":"other"}`, "postal_code.unknown"},
		{"no such topic", stranger, "POST", open, `{"postal_code":"35000","topic":"s3cret"}`, "topic.unknown"},
		{"phrase of another kind", stranger, "POST", "/api/v1/conversation/return", `{"phrase":["s3cret"]}`, "request.invalid"},
		{"token of nobody", w.minor(strings.Repeat("A", 43)), "GET", "/api/v1/conversation", ``, "token.invalid"},
		{"token of another form", w.minor("s3cret"), "GET", "/api/v1/conversation", ``, "token.invalid"},
		{"another scheme", stranger.with("Authorization", "Basic s3cret"), "GET", "/api/v1/conversation", ``, "token.invalid"},
		{"empty message", minor, "POST", write, `{"text":" "}`, "message.empty"},
		{"long message", minor, "POST", write, `{"text":"` + strings.Repeat("é", 4001) + `"}`, "message.too_long"},
		{"long facet", minor, "PUT", "/api/v1/conversation/facets/name", `{"value":"` + strings.Repeat("s3cret", 100) + `"}`, "facet.too_long"},
		{"escape character", minor, "POST", write, `{"text":"s3cret\u001b[2J"}`, "message.not_text"},
		{"a body where none belongs", minor, "POST", "/api/v1/conversation/close", `{"s3cret":1}`, "request.invalid"},
		{"a body on GET", minor, "GET", "/api/v1/conversation", `{"s3cret":1}`, "request.malformed"},
		{"unknown query", minor, "GET", write + "?s3cret=1", ``, "request.invalid"},
		{"negative position", minor, "GET", write + "?from=-1", ``, "request.invalid"},
		{"no number", minor, "GET", write + "?from=s3cret", ``, "request.invalid"},
		{"no such facet", minor, "PUT", "/api/v1/conversation/facets/s3cret", `{"value":"x"}`, "facet.unknown"},
		{"no such address", stranger, "GET", "/api/v1/s3cret", ``, "route.not_found"},
		{"another method", stranger, "DELETE", open, ``, "request.method"},
		{"no id", amal, "GET", "/api/v1/conversations/s3cret", ``, "conversation.not_found"},
		{"no id in a write", amal, "POST", "/api/v1/conversations/s3cret/messages", `{"text":"x"}`, "conversation.not_found"},
		{"an id in capitals", amal, "GET", "/api/v1/conversations/" + strings.ToUpper(id), ``, "conversation.not_found"},
		{"no escalation", amal, "GET", "/api/v1/escalations/s3cret", ``, "escalation.not_found"},
		{"no ground", amal, "POST", escalations, `{"ground":"",` + asked + `}`, "danger.not_coded"},
		{"prose as ground", amal, "POST", escalations, `{"ground":"S3cret de Lina",` + asked + `}`, "request.invalid"},
		{"prose as facet", amal, "POST", escalations, `{"ground":"consent","assessment":{},"facets":["S3cret"],"evidence":[],"narrative":"x"}`, "request.invalid"},
		{"prose as answer", amal, "POST", escalations, `{"ground":"consent","assessment":{"violence":"S3cret prose"},"facets":["name"],"evidence":[],"narrative":"x"}`, "request.invalid"},
		{"no narrative", amal, "POST", escalations, `{"ground":"consent","assessment":{},"facets":["name"],"evidence":[],"narrative":""}`, "request.invalid"},
		{"forged evidence", amal, "POST", escalations, `{"ground":"imminent_danger","assessment":{},"facets":["name"],"evidence":[{"position":0,"sha256":"sha256:` + strings.Repeat("0", 64) + `"}],"narrative":"x"}`, "evidence.unknown"},
		{"nobody to hand over to", amal, "POST", "/api/v1/conversations/" + id + "/hand-over", `{"to":"s-s3cret"}`, "colleague.not_available"},
	}
	records := map[string]bool{"no ground": true} // a request that policy refuses is an entry
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := w.entries()
			a := tt.as.send(tt.method, tt.path, []byte(tt.body))
			a.t = t
			a.wants(tt.code)
			if strings.Contains(strings.ToLower(string(a.raw)), "s3cret") {
				t.Errorf("the answer repeats what was sent: %s", a.raw)
			}
			if after := w.entries(); after != before && !records[tt.name] {
				t.Errorf("%d entries were written", after-before)
			}
		})
	}
	if strings.Contains(strings.ToLower(w.logs.String()), "s3cret") {
		t.Error("a log holds what was sent")
	}
}

// TestMediaTypes: only JSON in UTF-8, as it stands.
func TestMediaTypes(t *testing.T) {
	w := newWorld(t)
	body := []byte(`{"postal_code":"35000","topic":"other"}`)
	for _, tt := range []struct{ name, value, code string }{
		{"Content-Type", "text/plain", "request.media_type"},
		{"Content-Type", "application/json; charset=latin-1", "request.media_type"},
		{"Content-Type", "application/json; charset=UTF-8", "201"},
		{"Content-Type", "application/cbor", "request.media_type"},
		{"Content-Encoding", "gzip", "request.media_type"},
	} {
		if got := w.minor("").with(tt.name, tt.value).send(http.MethodPost, "/api/v1/conversations", body).code(); got != tt.code {
			t.Errorf("%s %s: got %s, want %s", tt.name, tt.value, got, tt.code)
		}
	}
}

// TestStaffTokens: forged, expired, for others; and never a session for them.
func TestStaffTokens(t *testing.T) {
	w := newWorld(t)
	token := func(audience ...string) string {
		raw, err := w.issuer.Token(t.Context(), "amal", audience...)
		w.must(err)
		return raw
	}
	good := token()
	middle := len(good) - 20
	forged := good[:middle] + string('A'+(good[middle]-'A'+1)%26) + good[middle+1:]
	w.late.Store(-(15*60 - 2)) // two seconds before a token's end
	expired := token()
	w.late.Store(0)
	w.eventually("a token has expired", func() bool { return time.Now().Unix() > expiry(t, expired) })
	for name, tt := range map[string]struct{ token, code string }{
		"forged":              {forged, "token.invalid"},
		"expired":             {expired, "token.expired"},
		"for the custodian":   {token("sceau-custodian"), "token.invalid"},
		"of no algorithm":     {"eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + ".", "token.invalid"},
		"of the other face":   {strings.Repeat("A", 43), "token.invalid"},
		"longer than allowed": {good + strings.Repeat("A", 40_000), "token.invalid"},
	} {
		if got := w.client(w.staff, tt.token).get("/api/v1/me").code(); got != tt.code {
			t.Errorf("%s: got %s, want %s", name, got, tt.code)
		}
	}
	var sessions int
	w.must(w.db.Super.QueryRow(t.Context(), `SELECT count(*) FROM sceau.staff_sessions`).Scan(&sessions))
	if sessions != 0 {
		t.Errorf("%d sessions were bound", sessions)
	}
	// A token for the staff face alone signs in, and opens nothing: the
	// custodian wants to be named itself.
	narrow := w.client(w.staff, token("sceau-staff"))
	_, id := w.talk(w.hire("bruno"))
	narrow.get("/api/v1/me").wants("200")
	narrow.post("/api/v1/conversations/"+id+"/join", object{}).wants("conversation.taken")
	minor := w.open()
	_ = minor
	var queue struct{ Waiting []struct{ ID string } }
	narrow.get("/api/v1/conversations").into(&queue)
	mine := "/api/v1/conversations/" + queue.Waiting[0].ID
	narrow.post(mine+"/join", object{}).wants("200")
	narrow.get(mine + "/messages").wants("token.invalid")
}

// expiry reads the end of a token, in Unix seconds.
func expiry(t *testing.T, token string) int64 {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Exp int64 }
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims.Exp
}

// TestIdempotency: a repeat gets the first answer, a reuse gets 409.
func TestIdempotency(t *testing.T) {
	w := newWorld(t)
	keyed := w.minor("").with("Idempotency-Key", "0123456789abcdef-one")
	var first, second struct{ Token string }
	w.eventually("a case is ready", func() bool {
		return keyed.post("/api/v1/conversations", object{"postal_code": "35000", "topic": "threats"}).into(&first).code() == "201"
	})
	before := w.entries()
	keyed.post("/api/v1/conversations", object{"postal_code": "35000", "topic": "threats"}).into(&second)
	if first.Token != second.Token || w.entries() != before {
		t.Error("a repeat opened another conversation")
	}
	keyed.post("/api/v1/conversations", object{"postal_code": "29200", "topic": "threats"}).wants("idempotency.mismatch")

	minor := w.minor(first.Token).with("Idempotency-Key", "0123456789abcdef-two")
	var a, b struct{ Position int }
	minor.post("/api/v1/conversation/messages", object{"text": "une fois"}).into(&a)
	minor.post("/api/v1/conversation/messages", object{"text": "une fois"}).into(&b)
	if a != b {
		t.Errorf("a repeat wrote %d and %d", a.Position, b.Position)
	}
	minor.post("/api/v1/conversation/messages", object{"text": "autre chose"}).wants("idempotency.mismatch")
	// A request that was refused leaves its key free; one that was not does not,
	// whatever it was.
	fixed := w.minor(first.Token).with("Idempotency-Key", "0123456789abcdef-three")
	fixed.post("/api/v1/conversation/messages", object{"texte": "oups"}).wants("request.invalid")
	fixed.post("/api/v1/conversation/messages", object{"text": "voilà"}).wants("201")
	phrase := w.minor(first.Token).with("Idempotency-Key", "0123456789abcdef-four")
	phrase.post("/api/v1/conversation/phrase", object{}).wants("201")
	phrase.post("/api/v1/conversation/close", object{}).wants("idempotency.mismatch")
	for _, key := range []string{"short", "0123456789abcde", strings.Repeat("k", 256), "0123456789abcdef é", "0123456789ab\tcdef"} {
		w.minor(first.Token).with("Idempotency-Key", key).post("/api/v1/conversation/messages", object{"text": "x"}).wants("idempotency.key_missing")
	}
	req := w.minor(first.Token)
	req.header["Idempotency-Key"] = []string{}
	req.post("/api/v1/conversation/messages", object{"text": "x"}).wants("idempotency.key_missing")
}

// TestLimits: one client is slowed down, and told when to come back.
func TestLimits(t *testing.T) {
	w := newWorldOn(t, newWorldDB(t), web.Limits{RequestsPerMinute: 5, ConversationsPerHour: 1000, ReturnsPerHour: 2})
	lost := w.minor("")
	for range 2 {
		lost.post("/api/v1/conversation/return", object{"phrase": "pas une phrase"}).wants("phrase.unknown")
	}
	a := lost.post("/api/v1/conversation/return", object{"phrase": "pas une phrase"}).wants("rate.limited")
	if a.header.Get("Retry-After") == "" || !strings.Contains(a.problem().Detail, "17") {
		t.Errorf("a child is told %q, and to come back after %q", a.problem().Detail, a.header.Get("Retry-After"))
	}
	minor := w.open()
	for range 5 {
		minor.get("/api/v1/conversation").wants("200")
	}
	minor.get("/api/v1/conversation").wants("rate.limited")
	w.open().get("/api/v1/conversation").wants("200") // another conversation is another client
}

// TestStreamsAreBounded: nobody holds more connections than windows.
func TestStreamsAreBounded(t *testing.T) {
	w := newWorld(t)
	minor := w.open()
	for range 8 {
		w.listen(minor, "/api/v1/conversation/events")
	}
	minor.get("/api/v1/conversation/events").wants("rate.limited")
	w.listen(w.open(), "/api/v1/conversation/events")
}

// TestARowWithoutAnEntry: the owner of the tables can write a row, but not the
// entry that belongs to it.
func TestARowWithoutAnEntry(t *testing.T) {
	w := newWorld(t)
	amal := w.hire("amal")
	_, id := w.talk(amal)
	const forged = "0d9b3a52-5a0c-4ee2-8a53-1d6a3cf0a7be"
	for _, act := range []string{
		`ALTER TABLE sceau.escalations DISABLE TRIGGER USER`,
		`INSERT INTO sceau.escalations SELECT '` + forged + `', '` + id + `', staff_id, person_id, 'consent', 'denied', now(), NULL, 1 FROM sceau.staff`,
	} {
		_, err := w.db.Super.Exec(t.Context(), act)
		w.must(err)
	}
	amal.get("/api/v1/escalations/" + forged).wants("log.altered")
	amal.post("/api/v1/escalations/"+forged+"/withdraw", object{}).wants("log.altered")
}

// TestHeaders: nothing stays in a browser, and no page may use this one.
func TestHeaders(t *testing.T) {
	w := newWorld(t)
	a := w.minor("").get("/api/v1/topics")
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if csp := a.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") {
		t.Errorf("Content-Security-Policy: %q", csp)
	}
	foreign := w.minor("").with("Sec-Fetch-Site", "cross-site").with("Origin", "https://evil.example")
	foreign.post("/api/v1/conversations", object{"postal_code": "35000", "topic": "other"}).wants("request.cross_origin")
	var opened int
	w.must(w.db.Super.QueryRow(t.Context(), `SELECT count(*) FROM sceau.conversations`).Scan(&opened))
	if opened != 0 {
		t.Error("another site's page opened a conversation")
	}
}

// TestLanguages: the reader's, French when neither is asked for.
func TestLanguages(t *testing.T) {
	w := newWorld(t)
	for accept, want := range map[string]string{
		"": "Jeton absent", "fr-FR,fr;q=0.9": "Jeton absent", "en": "Token missing", "en-GB,en;q=0.9,fr;q=0.5": "Token missing",
		"de": "Jeton absent", "br, fr;q=0.8, en;q=0.5": "Jeton absent", strings.Repeat("en,", 1000): "Jeton absent", ";;;": "Jeton absent",
	} {
		p := w.minor("").with("Accept-Language", accept).get("/api/v1/conversation").problem()
		if p.Title != want {
			t.Errorf("Accept-Language %.20q: got %q, want %q", accept, p.Title, want)
		}
	}
}
