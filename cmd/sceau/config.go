package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/sceau-project/sceau/internal/config"
)

type configCommands struct {
	Check configCheck `cmd:"" help:"Say whether a process could start with this configuration."`
	Keys  configKeys  `cmd:"" help:"List every key and the variable that sets it."`
}

type configCheck struct {
	source
	Role string `enum:"public,staff,custodian,operator,owner" required:"" help:"Which process: public, staff, custodian, operator or owner."`
}

// Run checks a configuration. It connects to nothing.
func (c configCheck) Run(w *world) error {
	if _, err := c.load(w, config.Role(c.Role)); err != nil {
		return err
	}
	fmt.Fprintf(w.stdout, "The configuration serves %s.\n", c.Role)
	return nil
}

type configKeys struct{}

// Run lists the keys.
func (configKeys) Run(w *world) error {
	table := tabwriter.NewWriter(w.stdout, 0, 8, 2, ' ', 0)
	for _, key := range config.Keys() {
		fmt.Fprintf(table, "%s\t%s\n", key, config.EnvName(key))
	}
	return table.Flush()
}
