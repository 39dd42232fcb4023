// Command postalcodes writes conversation/postal/codes.txt, the table of the
// French postal codes that exist, from the open data of the npm package
// @etalab/decoupage-administratif. Node and npm are needed for this alone, once
// a year, when the communes of the new year are published:
//
//	cd "$(mktemp -d)"
//	npm pack @etalab/decoupage-administratif@6.0.0
//	tar xzf etalab-decoupage-administratif-6.0.0.tgz
//	cd -
//	go run ./tools/postalcodes -release 6.0.0 "$OLDPWD/package/data/communes.json" > conversation/postal/codes.txt
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// fewest is a bound that the real table (some 6,300 codes) never falls under: a
// truncated download must not shut children out.
const fewest = 6000

func main() {
	release := flag.String("release", "", "release of the package, for the header of the table")
	flag.Parse()
	if *release == "" || flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: postalcodes -release VERSION communes.json > codes.txt")
		os.Exit(2)
	}
	if err := run(os.Stdout, *release, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "postalcodes:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, release, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	codes, err := collect(text)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	out := bufio.NewWriter(w) // keeps the first error for Flush
	fmt.Fprintf(out, "# French postal codes, from @etalab/decoupage-administratif %s (data/communes.json).\n", release)
	fmt.Fprintln(out, "# Etalab, from INSEE and La Poste; Licence Ouverte / Open Licence 2.0. Written by tools/postalcodes.")
	for _, code := range codes {
		fmt.Fprintln(out, code)
	}
	return out.Flush()
}

// collect gathers the codes of every commune, sorted and each once. Communes
// that were merged into another have none, and lend theirs to the new one.
func collect(text []byte) ([]string, error) {
	var communes []struct {
		PostalCodes []string `json:"codesPostaux"`
	}
	if err := json.Unmarshal(text, &communes); err != nil {
		return nil, err
	}
	set := map[string]struct{}{}
	for _, c := range communes {
		for _, code := range c.PostalCodes {
			if !fiveDigits(code) {
				return nil, fmt.Errorf("%q is not a postal code", code)
			}
			set[code] = struct{}{}
		}
	}
	if len(set) < fewest {
		return nil, errors.New("too few postal codes: is the file complete?")
	}
	return slices.Sorted(maps.Keys(set)), nil
}

func fiveDigits(s string) bool {
	if len(s) != 5 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
