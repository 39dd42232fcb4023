package main

import (
	"errors"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/crypto/custody"
	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/internal/config"
)

type custodianCommand struct{ source }

// Run guards the case keys.
func (c custodianCommand) Run(w *world) (err error) {
	cfg, err := c.load(w, config.RoleCustodian)
	if err != nil {
		return err
	}
	logger, err := newLogger(w.stderr, cfg.Logging, "custodian")
	if err != nil {
		return err
	}
	pinned, err := cfg.Policy.Pinned(cfg.Log.Origin)
	if err != nil {
		return err
	}
	pool, err := newPool(w.ctx, cfg.Database, "custodian")
	if err != nil {
		return err
	}
	defer pool.Close()
	log, err := openLog(w.ctx, pool, audit.ViaCustodian, cfg.Log.Origin, logger)
	if err != nil {
		return err
	}
	defer log.Close()
	vault, err := custody.Open(custody.Config{
		Address: cfg.Vault.Address, CACertificate: cfg.Vault.CACertificate,
		RoleIDFile: cfg.Vault.RoleIDFile, SecretIDFile: cfg.Vault.SecretIDFile,
		CasesMount: cfg.Vault.CasesMount, TransitMount: cfg.Vault.TransitMount, PepperKey: cfg.Vault.PepperKey,
		RecipientsKey: cfg.Vault.RecipientsKey, Timeout: cfg.Vault.Timeout, Logger: logger,
	})
	if err != nil {
		return err
	}
	defer vault.Close()
	tokens, err := newVerifier(cfg.OIDC, cfg.OIDC.CustodianAudience)
	if err != nil {
		return err
	}
	defer tokens.Close()
	gate, err := custodian.New(custodian.Config{
		Log: log, Pool: pool, Vault: vault, Staff: tokens, Policy: pinned,
		StateDir: cfg.Custodian.StateDir, Classical: cfg.Seal.Classical, ReadyKeys: cfg.Custodian.ReadyKeys,
		IdleTimeout: cfg.Custodian.IdleTimeout, SessionLimit: cfg.Custodian.SessionLimit,
		PhraseRate: float64(cfg.Custodian.PhrasesPerSecond), PhraseBurst: cfg.Custodian.PhrasesAtOnce,
		ErasureEvery: cfg.Custodian.ErasureEvery, RetentionEvery: cfg.Custodian.RetentionEvery, Logger: logger,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, gate.Close()) }()
	logger.Info("guarding", "socket", cfg.Custodian.Socket, "pid", os.Getpid())
	group, ctx := errgroup.WithContext(w.ctx)
	group.Go(func() error { return gate.Serve(ctx, cfg.Custodian.Socket) })
	group.Go(func() error { return pruneAnswers(ctx, log, logger) })
	if cfg.Custodian.Metrics != "" {
		metrics := prometheus.NewRegistry()
		metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), gate)
		group.Go(func() error { return serveMetrics(ctx, cfg.Custodian.Metrics, metrics) })
	}
	err = group.Wait()
	logger.Info("stopped")
	return err
}
