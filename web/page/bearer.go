package page

import (
	"net/http"
	"slices"
)

// Chat is the cookie of a minor's conversation: it holds its token.
const Chat = "chat"

// Bearer turns the named cookie into the token that the API asks for, where a
// request brings none of its own. What a cookie can do, other sites cannot make a
// browser do: it is sent to none of their requests (SameSite), and the face refuses
// changes that another origin asks for. A sibling below the same domain is the same site
// to a browser, and another origin: where the browser says who asks, what this origin's
// pages and the person at the address bar ask for alone is asked with the cookie.
func Bearer(name string, tls bool) func(http.Handler) http.Handler {
	name = (&Shell{TLS: tls}).CookieName(name)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := r.Cookie(name)
			if err == nil && c.Value != "" && r.Header.Get("Authorization") == "" && own(r) {
				r = r.Clone(r.Context())
				r.Header.Set("Authorization", "Bearer "+c.Value)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// own says whether this origin or a person asks; "" is a browser that does not tell.
func own(r *http.Request) bool {
	return slices.Contains([]string{"", "none", "same-origin"}, r.Header.Get("Sec-Fetch-Site"))
}
