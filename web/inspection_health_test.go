package web

import (
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
)

// TestVerifiedIsNotNever: "never verified" is a reproach. It is made only when the log was
// searched whole, and nothing in it says otherwise.
func TestVerifiedIsNotNever(t *testing.T) {
	said := pglog.Found{Record: pglog.Record{Entry: audit.Entry{Seq: 7, Details: audit.Details{"holds": true, "entries": int64(7)}}}}
	damaged := said
	damaged.Damage = &pglog.Damage{}
	for what, c := range map[string]struct {
		page    pglog.Page
		last    bool
		unknown bool
	}{
		"searched whole":        {pglog.Page{}, false, false},
		"searched in part":      {pglog.Page{More: true}, false, true},
		"found":                 {pglog.Page{Found: []pglog.Found{said}, More: true}, true, false},
		"found, and unreadable": {pglog.Page{Found: []pglog.Found{damaged}}, false, true},
	} {
		last, unknown := verifiedIn(c.page)
		if (last != nil) != c.last || unknown != c.unknown || last != nil && (last.Seq != 7 || !last.Holds || last.Entries != 7) {
			t.Errorf("%s: %+v, unknown %t", what, last, unknown)
		}
	}
}
