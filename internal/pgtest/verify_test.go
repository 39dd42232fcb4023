package pgtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
)

// A check that cannot fail proves nothing: each way of rewriting the log behind
// its back must be found when a test ends.
func TestTheCheckAtTheEndFindsEveryRewriting(t *testing.T) {
	for name, attack := range map[string]string{
		"an entry is removed":            `DELETE FROM sceau.entries WHERE seq = 1`,
		"the last entry is removed":      `DELETE FROM sceau.entries WHERE seq = 2`,
		"all entries are removed":        `TRUNCATE sceau.entries`,
		"a leaf is changed":              `UPDATE sceau.entries SET leaf = overlay(leaf placing 'X' from position('s-1' in leaf)) WHERE seq = 1`,
		"a leaf is changed and rehashed": `UPDATE sceau.entries SET leaf = replace(encode(leaf, 'escape'), 's-1', 's-9')::bytea, actor_id = 's-9', hash = sha256('\x00' || replace(encode(leaf, 'escape'), 's-1', 's-9')::bytea) WHERE seq = 1`,
		"a hash is changed":              `UPDATE sceau.entries SET hash = sha256('x') WHERE seq = 1`,
		"a column is changed":            `UPDATE sceau.entries SET actor_id = 's-9' WHERE seq = 1`,
		"a time column is changed":       `UPDATE sceau.entries SET at = at + interval '1 microsecond' WHERE seq = 1`,
		"an entry is copied to the end":  `INSERT INTO sceau.entries SELECT 3, at, case_id, hash, leaf, via, action, actor_id, person_id, subject_type, subject_id FROM sceau.entries WHERE seq = 1`,
		"the head is moved":              `UPDATE sceau.log_head SET seq = 2`,
		"the head's hash is changed":     `UPDATE sceau.log_head SET hash = sha256('x')`,
		"the origin is changed":          `UPDATE sceau.log_head SET origin = 'sceau.test/other'`,
	} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			d := New(t)
			log, err := pglog.Open(ctx, pglog.Config{Pool: d.Pool(t, "sceau_staff"), Via: audit.ViaStaff})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				draft := pglog.Draft{Action: audit.ActionLogRead, Actor: audit.Actor{ID: fmt.Sprint("s-", i), Person: "p-1", Role: "inspector"}}
				if _, err := log.Append(ctx, draft); err != nil {
					t.Fatal(err)
				}
			}
			log.Close()
			if err := verify(ctx, d.URL("postgres")); err != nil {
				t.Fatalf("before the attack: %v", err)
			}
			d.Tampered()
			conn, err := d.Super.Acquire(ctx)
			if err != nil {
				t.Fatal(err)
			}
			// ENABLE ALWAYS triggers fire even for a replica: a superuser has to
			// drop them first.
			_, err = conn.Exec(ctx, `DO $$ DECLARE r record; BEGIN
				FOR r IN SELECT tgname, tgrelid::regclass AS of FROM pg_trigger
					WHERE NOT tgisinternal AND tgparentid = 0 AND tgrelid::regclass::text ~ '^sceau\.(entries|log_head)' LOOP
					EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', r.of, r.tgname);
				END LOOP; END $$`)
			if err != nil {
				t.Fatal(err)
			}
			tag, err := conn.Exec(ctx, attack)
			conn.Release()
			if err != nil || tag.RowsAffected() == 0 && tag.String() != "TRUNCATE TABLE" {
				t.Fatalf("the attack failed: %v %v", tag, err)
			}
			if err := verify(ctx, d.URL("postgres")); err == nil {
				t.Error("not found")
			} else {
				t.Log(err)
			}
		})
	}
}
