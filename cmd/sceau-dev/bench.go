package main

import "context"

type benchCommand struct {
	Out string `default:"build/bench.json" type:"path" placeholder:"FILE" help:"Where the figures are written (${default})."`
}

func (c *benchCommand) Run(ctx context.Context, con *console) error { return nil }
