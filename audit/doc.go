// Package audit is the log that nobody, its operator included, can change
// without being found out: what an entry is, how entries are chained, and how
// an export is verified. It is pure: values in, values out, no database, no
// clock, no network. Package audit/pglog keeps such a log in PostgreSQL;
// cmd/sceau-inspect runs [Verify] on an inspector's laptop.
//
// A leaf is one entry as one line of JSON with exactly one spelling:
//
//	{"v":1,"seq":4,"at":"2026-11-20T08:00:09.999999Z","prev":"WfDM…ooM=","via":"staff","actor":{"id":"s-1f3a"},"action":"staff.signed_in"}
//
// Its hash is RFC 6962's leaf hash of these bytes, and the next entry's prev is
// that hash; entry 0's prev hashes the log's origin. So whoever holds the hash
// of one entry can tell whether anything before it was changed. docs/log-format.md
// says all of it for other languages.
//
// [Marshal] writes leaves, [Parse] reads them as strictly as Marshal writes,
// [Chain] follows them one by one, [Export] and [Verify] write and check a
// folder of them.
package audit
