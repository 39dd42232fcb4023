// Command sceau-inspect is what an inspector runs on a laptop: it checks an
// export of the audit log with nothing but the export itself. It opens no
// network connection and no database, and writes no file.
//
//	sceau-inspect verify DIR   the chain, the openings, and the life of every escalation
//	sceau-inspect replay DIR   every decision, asked again of the policy that it names
//
// Exit status: 0 all holds, 1 damage, 2 wrong usage, 3 holds with warnings.
package main

import (
	"os"

	"golang.org/x/term"
)

func main() {
	os.Exit(run(os.Args[1:], streams{
		out: os.Stdout, err: os.Stderr,
		terminal: term.IsTerminal(int(os.Stderr.Fd())),
		env:      os.Getenv,
	}))
}
