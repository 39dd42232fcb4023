// Package postal knows which French postal codes exist, overseas included. The
// postal code is the one thing that a minor is asked for; a mistyped one would
// send help to the wrong place.
//
// The table holds every code of every commune, overseas departments and
// collectivities included, and none of the codes that La Poste gives to
// companies (CEDEX): nobody lives there. It is open data of Etalab, from INSEE and
// La Poste, under the Licence Ouverte / Open Licence 2.0; tools/postalcodes writes
// it anew.
package postal

import (
	_ "embed"
	"strings"
)

//go:embed codes.txt
var text string

// table has one bit for each number of five digits: a lookup takes the same few
// nanoseconds for a code that exists and for one that does not.
var table = load(text)

type bitset [(100_000 + 63) / 64]uint64

func load(text string) *bitset {
	var set bitset
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		n, ok := number(strings.TrimSuffix(line, "\n"))
		if !ok {
			panic("postal: codes.txt holds a line that is no postal code")
		}
		set[n/64] |= 1 << (n % 64)
	}
	return &set
}

// Exists tells whether code, exactly five ASCII digits, is the postal code of a
// French commune.
func Exists(code string) bool {
	n, ok := number(code)
	return ok && table[n/64]&(1<<(n%64)) != 0
}

func number(code string) (n int, ok bool) {
	if len(code) != 5 {
		return 0, false
	}
	for i := range len(code) {
		if code[i] < '0' || code[i] > '9' {
			return 0, false
		}
		n = 10*n + int(code[i]-'0')
	}
	return n, true
}
