package pglog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// What the database takes for coded is what the verifier can read, to the letter,
// but for words of more than 255 characters, which it refuses outside of details: a
// leaf that PostgreSQL takes and nobody can parse would take its case, and every
// export, out of use.
func TestCodedIsWhatTheVerifierReads(t *testing.T) {
	db := pgtest.New(t)
	sum := strings.Repeat("A", 42) + "E="
	w := func(n int) string { return strings.Repeat("w", n) }
	decision := func(id, input string) string {
		return fmt.Sprintf(`,"decision":{"id":"%s","path":"p","policy":"sha256:00","engine":"opa","input":"%s","result":"allow"}`, id, input)
	}
	actors := []string{"", `,"role":"agent"`, `,"role":"` + w(255) + `"`, `,"role":"` + w(256) + `"`, `,"role":""`, `,"unit":"u","session":"s"`,
		`,"session":"s","role":"r"`, `,"role":"r","unit":"` + w(200) + `","session":"` + w(200) + `"`}
	grounds := []string{"", `,"ground":"consent"`, `,"ground":"` + w(255) + `"`, `,"ground":"` + w(256) + `"`}
	decisions := []string{"", decision("x", sum), decision(w(255), sum), decision(w(256), sum), decision("x", sum[1:]), decision("x", "A"+sum),
		decision("x", strings.Repeat("A", 43)+"=")}
	details := []string{"", `,"details":{"a":"x"}`, `,"details":{"a":"x","a":"y"}`, `,"details":{"b":1,"a":2}`, `,"details":{"a":1,"b":-12,"c":true}`,
		`,"details":{"a":"` + w(3000) + `"}`, `,"details":{"a":123456789012345}`, `,"details":{"a":0,"b":00}`, `,"details":{"a":-0}`, `,"details":{"` + w(64) + `":1}`,
		`,"details":{"` + w(65) + `":1}`, `,"details":{}`, `,"details":{"a":""}`, `,"details":{"a":":{","b":":"}`, `,"details":{"a":"},","b":"1234567890123456789"}`,
		`,"details":{"A":1}`, `,"details":{"a":null}`, `,"details":{"a":1.5}`, `,"details":{"commitments":1,"input":"x"}`}
	commitments := []string{"", `,"commitments":{"note":"` + sum + `"}`, `,"commitments":{"b":"` + sum + `","a":"` + sum + `"}`, `,"commitments":{"a":"` + sum + `","b":"` + sum + `"}`,
		`,"commitments":{"a":"x"}`, `,"commitments":{"a":"` + sum + `","a":"` + sum + `"}`, `,"commitments":{"` + w(65) + `":"` + sum + `"}`, `,"commitments":{"a":"A` + sum + `"}`}

	var leaves [][]byte
	var more, ends, rest []int32
	tooLong := map[string]bool{}
	add := func(actor, head, tail string) {
		start := `{"v":1,"seq":7,"at":"2026-01-02T03:04:05.000000Z","prev":"` + sum + `","via":"staff","actor":{"id":"s-1"`
		what := `},"action":"staff.signed_in"`
		leaves = append(leaves, []byte(start+actor+what+head+tail+"}"))
		tooLong[string(leaves[len(leaves)-1])] = strings.Contains(actor+head, w(256))
		more, ends, rest = append(more, int32(len(start)+1)), append(ends, int32(len(start+actor)+1)), append(rest, int32(len(start+actor+what)+1))
	}
	for _, a := range actors {
		add(a, "", "")
	}
	for _, g := range grounds {
		for _, d := range decisions {
			for _, e := range details {
				for _, c := range commitments {
					add("", g+d, e+c)
				}
			}
		}
	}
	rows, err := db.Super.Query(t.Context(), `SELECT leaf, sceau.is_coded(leaf, more, ends, rest)
		FROM unnest($1::bytea[], $2::int[], $3::int[], $4::int[]) AS x (leaf, more, ends, rest)`, leaves, more, ends, rest)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	count := map[bool]int{}
	for rows.Next() {
		var leaf []byte
		var coded bool
		if err := rows.Scan(&leaf, &coded); err != nil {
			t.Fatal(err)
		}
		count[coded]++
		if _, err := audit.Parse(leaf); (err == nil && !tooLong[string(leaf)]) != coded {
			t.Errorf("coded: %v, parsed: %v: %.300s", coded, err, leaf)
		}
	}
	if rows.Err() != nil || count[true] < 100 || count[false] < 1000 {
		t.Errorf("%v, %v", count, rows.Err())
	}
}
