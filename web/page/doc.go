// Package page is the shell of the pages that people live in: the layout, the
// two languages, the static files, and the client with which a page asks.
//
// A page is a client of its own face's JSON API, in the same process and as
// whoever sits at the browser. It holds no store and no key. So a page can show
// and do nothing that the API refuses, and who may do what, how often, and how a
// refusal is told are decided in one place.
//
// Pages are made on the server. They work as plain forms; scripts only make them
// livelier. No script, style or image comes from elsewhere or stands in the page
// itself (see Policy).
package page
