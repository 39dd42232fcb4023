// Package web serves the JSON API of the two faces under /api/v1: the public
// one to minors, the staff one to those who answer them. Each face is a process
// of its own with a PostgreSQL role of its own; neither holds a key.
//
// Table is the whole surface: every route, and who may call it. What is not in
// it is not served. Pages for people (page and the rooms beside it) are mounted
// on a face and ask this API like any client, in the same process.
//
// Every refusal is a Problem (RFC 9457) with a stable code, told in French or
// English by Accept-Language; docs/errors.md lists them. One function turns
// errors into problems, so that nothing of the service's inside and nothing
// that was submitted reaches a client or a log by accident.
package web
