package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/sceau-project/sceau/cmd/sceau-dev/internal/stack"
	"github.com/sceau-project/sceau/cmd/sceau-dev/internal/story"
	"github.com/sceau-project/sceau/policy"
)

// operator is what the story's operator does: the service's own commands.
func operator(s *stack.Stack) *story.Operator {
	return &story.Operator{
		Suspend: func(ctx context.Context, account string) error { return said(s.Suspend(ctx, account, "other")) },
		Restore: func(ctx context.Context, account string) error { return said(s.Restore(ctx, account)) },
		Sign: func(ctx context.Context, stricter bool, people int) (story.Change, error) {
			sources, err := policy.Embedded(policy.Demonstration)
			if err == nil && stricter {
				err = halve(sources, "read_for_s")
			}
			if err != nil {
				return story.Change{}, err
			}
			c, err := s.Sign(ctx, sources, people)
			return story.Change(c), err
		},
		Activate: func(ctx context.Context, c story.Change) error { return said(s.Enact(ctx, stack.Change(c))) },
	}
}

// refusals are the words of commands that refuse, as far as the story knows them.
var refusals = []string{"1 of 2 different persons have signed", "is the lowest that is left", "the person is not suspended"}

// said turns a command's refusal into one of the story's; what failed in another way
// stays a failure.
func said(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	for _, words := range refusals {
		if strings.Contains(err.Error(), words) {
			return &story.Problem{Code: words}
		}
	}
	return err
}

// halve halves a number of every ground.
func halve(s policy.Sources, number string) error {
	var at any = s.Data
	for _, key := range []string{"sceau", "numbers", "grounds"} {
		level, is := at.(map[string]any)
		if !is {
			return fmt.Errorf("the numbers of policy have no %q", key)
		}
		at = level[key]
	}
	grounds, _ := at.(map[string]any)
	for name, g := range grounds {
		terms, _ := g.(map[string]any)
		n, is := terms[number].(float64)
		if !is || int64(n) < 2 {
			return fmt.Errorf("the ground %s has no %s that could be halved", name, number)
		}
		terms[number] = float64(int64(n) / 2)
	}
	return nil
}
