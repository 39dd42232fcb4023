package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// The exit statuses, fixed so that scripts can rely on them.
const (
	exitHolds    = 0
	exitDamage   = 1
	exitUsage    = 2
	exitWarnings = 3
)

// streams are what the command may touch of the world around it.
type streams struct {
	out, err io.Writer
	terminal bool // err is a terminal: show progress there
	env      func(string) string
}

type cli struct {
	Lang   string    `enum:"auto,fr,en" default:"auto" placeholder:"fr|en" help:"${help_lang}"`
	Verify verifyCmd `cmd:"" help:"${help_verify}"`
	Replay replayCmd `cmd:"" help:"${help_replay}"`
}

// run is main without the process: arguments in, exit status out.
func run(args []string, io streams) int {
	text := messages[language(args, io.env)]
	var c cli
	parser, err := kong.New(&c,
		kong.Name("sceau-inspect"), kong.Description(text.about),
		kong.Writers(io.out, io.err), kong.Vars(text.help),
	)
	if err != nil {
		panic(err) // the grammar above is wrong: every call would fail
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(io.err, "sceau-inspect: %s\n%s\n", text.usage(err), text.usageHint)
		return exitUsage
	}
	switch ctx.Command() {
	case "verify <dir>":
		return c.Verify.run(text, io)
	case "replay <dir>":
		return c.Replay.run(text, io)
	default:
		panic("no such command: " + ctx.Command())
	}
}

// language is what --lang says, else what the environment says. It is needed
// before the arguments are parsed, so that mistakes in them are told in it too.
func language(args []string, env func(string) string) string {
	for i, arg := range args {
		value, ok := strings.CutPrefix(arg, "--lang=")
		if arg == "--lang" && i+1 < len(args) {
			value, ok = args[i+1], true
		}
		if ok && (value == "fr" || value == "en") {
			return value
		}
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := env(name); value != "" {
			if strings.HasPrefix(value, "fr") {
				return "fr"
			}
			return "en"
		}
	}
	return "en"
}
