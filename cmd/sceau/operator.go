package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/config"
	"github.com/sceau-project/sceau/migrations"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
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

type policyCommands struct {
	Build    policyBuild    `cmd:"" help:"Make a signed bundle of the policy in this binary."`
	Activate policyActivate `cmd:"" help:"Put a signed bundle in force; an entry of the log."`
}

type policyBuild struct {
	Out   string `required:"" type:"path" help:"The bundle to write (.tar.gz). It must not exist."`
	Key   string `required:"" type:"existingfile" help:"The private key that signs it: PKCS #8 PEM, Ed25519 or ECDSA P-256."`
	KeyID string `name:"key-id" required:"" help:"The key's id, as policy.key_id pins it."`
	Demo  bool   `help:"With the demonstration's deadlines of seconds. Never for real conversations."`
}

// Run builds a bundle. The signing key is read here and by no process of the
// service.
func (b policyBuild) Run(w *world) (err error) {
	variant := policy.Production
	if b.Demo {
		variant = policy.Demonstration
	}
	sources, err := policy.Embedded(variant)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(b.Key)
	if err != nil {
		return fmt.Errorf("reading the signing key: %w", err)
	}
	bundle, err := policy.Build(sources, b.KeyID, key)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(b.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(bundle); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	fmt.Fprintf(w.stdout, "%s\n", policy.Revision(bundle))
	return nil
}

type policyActivate struct {
	source
	Bundle string `arg:"" type:"existingfile" help:"The signed bundle (.tar.gz)."`
}

// maxBundle bounds what is read of a file, bytes.
const maxBundle = 1 << 20

// Run puts a bundle in force. It is loaded first, as every process will load
// it: what they would refuse is not activated.
func (a policyActivate) Run(w *world) error {
	cfg, err := a.load(w, config.RoleOperator)
	if err != nil {
		return err
	}
	pinned, err := pinnedKey(cfg.Policy)
	if err != nil {
		return err
	}
	file, err := os.Open(a.Bundle)
	if err != nil {
		return fmt.Errorf("reading the bundle: %w", err)
	}
	defer file.Close()
	bundle, err := io.ReadAll(io.LimitReader(file, maxBundle+1))
	if err != nil {
		return fmt.Errorf("reading the bundle: %w", err)
	}
	if len(bundle) > maxBundle {
		return errors.New("the bundle is larger than 1 MiB")
	}
	return asOperator(w, cfg, func(log *pglog.Log) error {
		ref, err := policystore.Activate(w.ctx, log, bundle, pinned)
		if err != nil {
			return err
		}
		fmt.Fprintf(w.stdout, "%s is in force since entry %d.\n", policy.Revision(bundle), ref.Seq)
		return nil
	})
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
