// Package devissuer is a small OpenID Connect issuer for development, the
// demonstration and tests. It is no identity provider: accounts are a fixed
// list, passwords lie readable in a file of mode 0600, and it answers on
// loopback addresses only.
//
// What it does, it does as a real provider would, so that the services that
// trust it are exercised for real: discovery, a key set, the authorization code
// flow with PKCE S256 required (RFC 7636), a login form, access tokens that are
// signed JWTs (RFC 9068) with the claims Sceau reads:
//
//	sub     the account
//	person  the human behind the account; two accounts of one human share it
//	groups  Sceau roles of the account
//	unit    where the person works
//	name    what colleagues see
//	sid     one sign-in; every token of that sign-in carries it
//	jti     one token
//
// The scope offline_access gives a refresh token that is replaced at each use; one
// that is used twice was stolen, and ends its sign-in.
//
// [Login] is the other side of the flow, for commands and tests that want a
// token as a browser would get one.
package devissuer
