package web

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/httprate"

	"github.com/sceau-project/sceau/web/page"
)

// limit names a bound on what one client may ask.
type limit int

const (
	none          limit = iota
	perMinute           // all requests of a network prefix
	perSession          // all requests of a conversation's token or a session of staff
	conversations       // new conversations of a prefix
	returns             // tries of a recovery phrase from a prefix
	receipts            // questions of a conversation's token who opened the identity
)

// receiptsPerHour bounds a question whose every answer is an entry for good: nobody asks
// as often to know, and a log that is written full is nobody's to read.
const receiptsPerHour = 20

// sharedPrefix is how many sessions may share one prefix before it is slowed
// down as a whole: a school, a mobile operator, a police office.
const sharedPrefix = 20

// limiters makes the face's limiters: counters in this process's memory, keyed
// by a hash of the client's prefix or session, forgotten when their window ends.
func (f *face) limiters() map[limit]func(http.Handler) http.Handler {
	l := f.cfg.Limits
	return map[limit]func(http.Handler) http.Handler{
		perMinute:     fromOutside(f.limiter(l.RequestsPerMinute*sharedPrefix, time.Minute, prefix)),
		perSession:    f.limiter(l.RequestsPerMinute, time.Minute, session),
		conversations: f.limiter(l.ConversationsPerHour, time.Hour, prefix),
		returns:       f.limiter(l.ReturnsPerHour, time.Hour, prefix),
		receipts:      f.limiter(receiptsPerHour, time.Hour, session),
	}
}

// fromOutside limits clients, and not the pages that ask for them: what a page asks
// has been counted when the page was asked for.
func fromOutside(limit func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		limited := limit(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if page.InProcess(r.Context()) {
				next.ServeHTTP(w, r)
				return
			}
			limited.ServeHTTP(w, r)
		})
	}
}

// prefix is an IPv4 address or an IPv6 /64, which is what one client controls.
func prefix(r *http.Request) (string, error) {
	return httprate.CanonicalizeIP(middleware.GetClientIP(r.Context())), nil
}

// session is the authenticated caller, or the prefix where there is none.
func session(r *http.Request) (string, error) {
	if c, ok := r.Context().Value(callerKey{}).(caller); ok {
		return c.key, nil
	}
	return prefix(r)
}

func (f *face) limiter(count int, window time.Duration, key httprate.KeyFunc) func(http.Handler) http.Handler {
	return httprate.LimitBy(count, window, key,
		httprate.WithResponseHeaders(httprate.ResponseHeaders{RetryAfter: "Retry-After"}),
		httprate.WithLimitHandler(func(w http.ResponseWriter, r *http.Request) { f.write(w, r, refuse("rate.limited")) }),
		httprate.WithErrorHandler(func(w http.ResponseWriter, r *http.Request, err error) { f.write(w, r, err) }),
	)
}
