package main

import (
	"fmt"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/config"
	"github.com/sceau-project/sceau/migrations"
)

type migrateCommand struct{ source }

// Run migrates as the schema's owner and gives the log its name, once.
func (m migrateCommand) Run(w *world) error {
	cfg, err := m.load(w, config.RoleOwner)
	if err != nil {
		return err
	}
	if err := migrations.Up(w.ctx, cfg.Database.URL); err != nil {
		return err
	}
	if err := migrations.InitLog(w.ctx, cfg.Database.URL, cfg.Log.Origin); err != nil {
		return err
	}
	fmt.Fprintf(w.stdout, "The schema is up to date; the log is %s.\n", cfg.Log.Origin)
	return nil
}

// asOperator opens the log for one command.
func asOperator(w *world, cfg *config.Config, do func(*pglog.Log) error) error {
	logger, err := newLogger(w.stderr, cfg.Logging, "operator")
	if err != nil {
		return err
	}
	pool, err := newPool(w.ctx, cfg.Database, "operator")
	if err != nil {
		return err
	}
	defer pool.Close()
	log, err := openLog(w.ctx, pool, audit.ViaOperator, cfg.Log.Origin, logger)
	if err != nil {
		return err
	}
	defer log.Close()
	return do(log)
}
