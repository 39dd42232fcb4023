package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sceau-project/sceau/audit/pglog"
)

// maxBody bounds a request's body in bytes: the longest message (4,000 runes)
// with every rune escaped, and some room.
const maxBody = 64 << 10

const idempotencyHeader = "Idempotency-Key"

// idempotencyForm tells clients what pglog.CheckKey wants of a key.
const idempotencyForm = `^[ -~]{16,255}$`

type (
	frenchKey struct{}
	actKey    struct{}
)

// act is what makes a request repeatable: its key, and what it asked for.
type act struct {
	key  string
	body [sha256.Size]byte // of method, path and the exact body
}

func actOf(ctx context.Context) act {
	a, _ := ctx.Value(actKey{}).(act)
	return a
}

// body reads a request's body whole and refuses, before any handler sees it,
// what is not one strict JSON value. Whatever changes something must carry an
// Idempotency-Key.
func (f *face) body(route Route) func(http.Handler) http.Handler {
	writes := changes(route.Method)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := context.WithValue(r.Context(), frenchKey{}, french(r.Header.Get("Accept-Language")))
			w.Header().Set("Content-Language", contentLanguage(r.Header.Get("Accept-Language")))
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
			raw, err := readBody(w, r, writes)
			if err != nil {
				f.write(w, r, err)
				return
			}
			if writes {
				key := r.Header.Get(idempotencyHeader)
				if pglog.CheckKey(key) != nil {
					f.write(w, r, refuse("idempotency.key_missing"))
					return
				}
				a := act{key: key, body: sum(r.Method, r.URL.EscapedPath(), raw)}
				if f.used.elsewhere(ctx, a) {
					f.write(w, r, refuse("idempotency.mismatch"))
					return
				}
				ctx = context.WithValue(ctx, actKey{}, a)
				defer func() {
					if statusOf(w) < 300 {
						f.used.remember(ctx, a)
						if recorded(route) {
							f.nudge()
						}
					}
				}()
			}
			_ = readNoMore(w)
			r = r.WithContext(ctx)
			r.Body = io.NopCloser(bytes.NewReader(raw))
			next.ServeHTTP(w, r)
		})
	}
}

// recorded says whether what changed is an entry, which others may wait for. Messages
// and typing are none.
func recorded(route Route) bool {
	return !strings.HasSuffix(route.Path, "/messages") && !strings.HasSuffix(route.Path, "/typing")
}

// bodyTime is how long the body of a request may take, from when it is wanted.
const bodyTime = 10 * time.Second

// readNoMore ends the deadline of reading: all of the request is here. From now
// on net/http reads only to learn that the client left; a deadline would count as
// that, and take the context of somebody who waits for an answer.
func readNoMore(w http.ResponseWriter) error {
	return http.NewResponseController(w).SetReadDeadline(time.Time{})
}

// changes says whether a method does anything: then it must be repeatable.
func changes(method string) bool { return method == http.MethodPost || method == http.MethodPut }

func sum(method, path string, body []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(method + "\n" + path + "\n"))
	h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}

func readBody(w http.ResponseWriter, r *http.Request, writes bool) ([]byte, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, refuse("request.too_large")
	case err != nil:
		return nil, refuse("request.timeout")
	case !writes && len(raw) > 0:
		return nil, refuse("request.malformed") // servers and proxies disagree about what a GET with a body means
	case len(raw) == 0:
		return nil, nil
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	if err != nil || media != "application/json" || (charset != "" && charset != "utf-8") || r.Header.Get("Content-Encoding") != "" {
		return nil, refuse("request.media_type")
	}
	if !strictJSON(raw) {
		return nil, refuse("request.malformed")
	}
	return raw, nil
}

// maxDepth bounds the nesting of a body.
const maxDepth = 8

// strictJSON says whether raw is exactly one JSON value that every reader reads
// alike: valid UTF-8, no NUL and no lone surrogate even when escaped (Go would
// replace one silently), no name twice in an object, not deeply nested.
func strictJSON(raw []byte) bool {
	if !utf8.Valid(raw) || !json.Valid(raw) || !wholeEscapes(raw) {
		return false
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return noDuplicates(decoder, 0)
}

func noDuplicates(decoder *json.Decoder, depth int) bool {
	token, err := decoder.Token()
	if err != nil || depth > maxDepth {
		return false
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return true
	}
	names := map[string]bool{}
	for decoder.More() {
		if delim == '{' {
			name, err := decoder.Token()
			text, ok := name.(string)
			if err != nil || !ok || names[text] {
				return false
			}
			names[text] = true
		}
		if !noDuplicates(decoder, depth+1) {
			return false
		}
	}
	_, err = decoder.Token()
	return err == nil
}

// wholeEscapes looks at every \u escape of valid JSON.
func wholeEscapes(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++ // the escaped byte
		if raw[i] != 'u' {
			continue
		}
		unit := codeUnit(raw[i+1 : i+5])
		i += 4
		switch {
		case unit == 0, 0xDC00 <= unit && unit <= 0xDFFF:
			return false
		case 0xD800 <= unit && unit <= 0xDBFF:
			if i+6 >= len(raw) || raw[i+1] != '\\' || raw[i+2] != 'u' {
				return false
			}
			if low := codeUnit(raw[i+3 : i+7]); low < 0xDC00 || low > 0xDFFF {
				return false
			}
			i += 6
		}
	}
	return true
}

func codeUnit(hex []byte) uint64 {
	unit, err := strconv.ParseUint(string(hex), 16, 16)
	if err != nil {
		return 0 // refused like NUL
	}
	return unit
}
