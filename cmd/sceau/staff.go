package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/config"
	"github.com/sceau-project/sceau/staff"
	staffstore "github.com/sceau-project/sceau/staff/pgstore"
)

type staffCommands struct {
	List    staffList    `cmd:"" help:"Show accounts, the person behind each, and how many of their sessions were used within a quarter of an hour."`
	Suspend staffSuspend `cmd:"" help:"Take a person out of service at once, under all their accounts; an entry of the log."`
	Restore staffRestore `cmd:"" help:"Let a suspended person sign in again; an entry of the log."`
}

type staffList struct{ source }

// Run prints one line an account. Names are personal data: they go to the terminal
// and nowhere else.
func (l staffList) Run(w *world) error {
	cfg, err := l.load(w, config.RoleOperator)
	if err != nil {
		return err
	}
	pool, err := newPool(w.ctx, cfg.Database, "operator")
	if err != nil {
		return err
	}
	defer pool.Close()
	colleagues, err := staffstore.Colleagues(w.ctx, pool)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PERSON\tACCOUNT\tSUBJECT\tNAME\tSESSIONS\tSTATE")
	for _, c := range colleagues {
		state := "in service"
		if c.Suspended {
			state = "suspended"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", c.Person, c.ID, c.Subject, c.Name, c.Sessions, state)
	}
	return table.Flush()
}

type staffSuspend struct {
	source
	Person string `arg:"" help:"The person's id, as sceau staff list shows it."`
	Reason string `required:"" help:"left, misconduct, device_lost or other."`
}

// Run suspends a person.
func (s staffSuspend) Run(w *world) error {
	if !slices.Contains(staff.SuspensionReasons, s.Reason) {
		return &usageError{fmt.Errorf("--reason is one of %s", strings.Join(staff.SuspensionReasons, ", "))}
	}
	cfg, err := s.load(w, config.RoleOperator)
	if err != nil {
		return err
	}
	return asOperator(w, cfg, func(log *pglog.Log) error {
		ref, err := staffstore.Suspend(w.ctx, log, s.Person, s.Reason)
		if err != nil {
			return explain(err)
		}
		fmt.Fprintf(w.stdout, "%s is suspended since entry %d: every session has ended, and nothing opens for that person any more.\n", s.Person, ref.Seq)
		return nil
	})
}

type staffRestore struct {
	source
	Person string `arg:"" help:"The person's id, as sceau staff list shows it."`
}

// Run restores a person.
func (s staffRestore) Run(w *world) error {
	cfg, err := s.load(w, config.RoleOperator)
	if err != nil {
		return err
	}
	return asOperator(w, cfg, func(log *pglog.Log) error {
		ref, err := staffstore.Restore(w.ctx, log, s.Person)
		if err != nil {
			return explain(err)
		}
		fmt.Fprintf(w.stdout, "%s may sign in again, since entry %d. What was granted before stays ended.\n", s.Person, ref.Seq)
		return nil
	})
}

// explain says what to do next.
func explain(err error) error {
	switch {
	case errors.Is(err, staffstore.ErrNoPerson):
		return fmt.Errorf("%w: sceau staff list shows who there is", err)
	case errors.Is(err, staffstore.ErrSuspended):
		return errors.New("the person is suspended already")
	}
	return err
}
