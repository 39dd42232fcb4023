// Package signin signs members of staff in with a browser: OpenID Connect, the
// authorization code with PKCE, and a session of the browser that stays on the server.
//
// The cookie is a random id. What it stands for (the access token, the refresh token)
// lies in PostgreSQL under the id's SHA-256, sealed under a key derived from the id
// itself: who reads the database, or steals its backup, has no token, and nobody
// finds a session but the browser that has the cookie.
//
// [SignIn.Session] turns the cookie into what the API asks for, the bearer token and the
// role. Nothing is decided here: whether a token is good, a session has been ended,
// or a person is suspended is asked anew at every request, where the API asks it.
// What cannot be asked is refused.
//
// One session has one role. Another role is another sign-in, at the provider, with the
// password: a desk is shared.
package signin
