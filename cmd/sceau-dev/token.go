package main

import (
	"context"
	"fmt"

	"github.com/sceau-project/sceau/cmd/sceau-dev/internal/stack"
	"github.com/sceau-project/sceau/internal/devissuer"
)

type tokenCommand struct {
	As   string `required:"" placeholder:"NAME" help:"Account to sign in as; sceau-dev up lists them."`
	Data string `default:"build/dev" type:"path" placeholder:"DIR" help:"Directory of the running stack (${default})."`
}

// Run signs in as a browser would and prints the access token alone, for
// command substitution.
func (c *tokenCommand) Run(ctx context.Context, con *console) error {
	url, dir, err := stack.IssuerURL(c.Data)
	if err != nil {
		return err
	}
	password, err := devissuer.Password(dir, c.As)
	if err != nil {
		return fmt.Errorf("%w; sceau-dev up lists the accounts", err)
	}
	token, err := devissuer.Login(ctx, url, c.As, password)
	if err != nil {
		return fmt.Errorf("%w; is the stack in %s running?", err, c.Data)
	}
	_, err = fmt.Fprintln(con.out, token)
	return err
}
