package web

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/custodian/order"
)

// caller is who asks, once that is established.
type caller struct {
	actor audit.Actor  // as entries name them; a minor's is the same for all
	order order.Caller // the caller's own token, for the custodian
	key   string       // names the caller in idempotency keys and limits

	conversation string // of a minor: the case
	name         string // of staff: shown to colleagues
}

// authenticator says who sends a request by its bearer token. Its errors are
// this package's failures, or what a dependency answered.
type authenticator func(ctx context.Context, token, askedRole string) (caller, error)

type callerKey struct{}

// callerOf is the caller of a route that is not for anyone.
func callerOf(ctx context.Context) caller { return ctx.Value(callerKey{}).(caller) }

// authenticate admits whoever the table says may call the route.
func (f *face) authenticate(route Route, who authenticator) func(http.Handler) http.Handler {
	if slices.Contains(route.Who, anyone) {
		return func(next http.Handler) http.Handler { return next }
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, err := bearer(r)
			if err != nil {
				f.write(w, r, err)
				return
			}
			c, err := who(r.Context(), token, r.Header.Get("Sceau-Role"))
			if err != nil {
				f.write(w, r, err)
				return
			}
			if !slices.Contains(route.Who, c.actor.Role) {
				f.write(w, r, refuse("role.not_allowed"))
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
		})
	}
}

// bearer reads the one Authorization header.
func bearer(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", refuse("token.missing")
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if len(values) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", refuse("token.invalid")
	}
	return token, nil
}
