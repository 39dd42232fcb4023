package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/config"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/policy/activation"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
)

type policyCommands struct {
	Keygen   policyKeygen   `cmd:"" help:"Make the key of one person who signs policy."`
	Build    policyBuild    `cmd:"" help:"Make a bundle of the policy in this binary. Equal binaries make equal bundles."`
	Sign     policySign     `cmd:"" help:"Sign a bundle for one log: begin a note, or add the second signature."`
	Activate policyActivate `cmd:"" help:"Put a bundle in force that two people have signed; an entry of the log."`
	Show     policyShow     `cmd:"" help:"Say which policy is in force, who signed it, and which serial comes next."`
}

type policyKeygen struct {
	Name string `arg:"" help:"What the key is called: letters, digits, dots, dashes, underscores and @."`
	Out  string `type:"path" placeholder:"FILE" help:"The private key to write, mode 0600. It must not exist. NAME.key when left out."`
}

// Run makes a key. Its private half is written, its public half printed.
func (k policyKeygen) Run(w *world) error {
	private, public, err := policy.GenerateKey(k.Name)
	if err != nil {
		return &usageError{err}
	}
	if k.Out == "" {
		k.Out = k.Name + ".key"
	}
	if err := writeNew(k.Out, []byte(private+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the private key: %w", err)
	}
	fmt.Fprintln(w.stdout, public)
	return nil
}

type policyBuild struct {
	Out  string `required:"" type:"path" help:"The bundle to write (.tar.gz). It must not exist."`
	Demo bool   `help:"With the demonstration's deadlines of seconds. Never for real conversations."`
}

// Run builds a bundle and prints its revision. Whoever signs can build it too,
// and compare.
func (b policyBuild) Run(w *world) error {
	variant := policy.Production
	if b.Demo {
		variant = policy.Demonstration
	}
	sources, err := policy.Embedded(variant)
	if err != nil {
		return err
	}
	bundle, err := policy.Build(sources)
	if err != nil {
		return err
	}
	if err := writeNew(b.Out, bundle, 0o644); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	fmt.Fprintln(w.stdout, policy.Revision(bundle))
	return nil
}

type policySign struct {
	Bundle string `required:"" type:"existingfile" help:"The bundle (.tar.gz)."`
	Serial int64  `required:"" help:"The number of this change, above those of all before: sceau policy show says which comes next."`
	Origin string `required:"" env:"SCEAU_LOG_ORIGIN" help:"The log it is for (log.origin)."`
	Key    string `required:"" type:"existingfile" help:"Your private key, as sceau policy keygen wrote it."`
	Note   string `required:"" type:"path" help:"The signed note: written when it does not exist, given your signature too when it does."`
}

// Run signs on the signer's own machine: it needs no configuration and no
// connection. What is signed is told first by what was read here, never by what
// the first signer wrote.
func (s policySign) Run(w *world) error {
	bundle, err := readBounded(s.Bundle)
	if err != nil {
		return fmt.Errorf("reading the bundle: %w", err)
	}
	loaded, err := policy.Load(bundle, policy.Revision(bundle))
	if err != nil {
		return err
	}
	private, err := readBounded(s.Key)
	if err != nil {
		return fmt.Errorf("reading the private key: %w", err)
	}
	there, err := readBounded(s.Note)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading the note: %w", err)
	}
	note, err := policy.Sign(policy.Statement{Origin: s.Origin, Serial: s.Serial, Revision: loaded.Revision()}, there, string(private))
	if err != nil {
		return err
	}
	if err := replace(s.Note, note); err != nil {
		return fmt.Errorf("writing the note: %w", err)
	}
	fmt.Fprintf(w.stdout, "Signed %s (%s) as change %d of the policy of %s.\n", loaded.Revision(), loaded.Variant(), s.Serial, s.Origin)
	return nil
}

type policyActivate struct {
	source
	Bundle string `required:"" type:"existingfile" help:"The bundle (.tar.gz)."`
	Note   string `required:"" type:"existingfile" help:"The note that two people have signed."`
}

// Run puts a bundle in force. It is verified first as every process will verify
// it: what they would refuse is not activated.
func (a policyActivate) Run(w *world) error {
	cfg, pinned, err := a.pinned(w)
	if err != nil {
		return err
	}
	bundle, err := readBounded(a.Bundle)
	if err != nil {
		return fmt.Errorf("reading the bundle: %w", err)
	}
	note, err := readBounded(a.Note)
	if err != nil {
		return fmt.Errorf("reading the note: %w", err)
	}
	return asOperator(w, cfg, func(log *pglog.Log) error {
		ref, err := policystore.Activate(w.ctx, log, bundle, note, pinned)
		if err != nil {
			return fmt.Errorf("not activated: %w", err)
		}
		fmt.Fprintf(w.stdout, "%s is in force since entry %d.\n", policy.Revision(bundle), ref.Seq)
		return nil
	})
}

type policyShow struct{ source }

// Run shows the policy in force as this configuration believes it.
func (s policyShow) Run(w *world) error {
	cfg, pinned, err := s.pinned(w)
	if err != nil {
		return err
	}
	pool, err := newPool(w.ctx, cfg.Database, "operator")
	if err != nil {
		return err
	}
	defer pool.Close()
	history, err := policystore.History(w.ctx, pool, pinned)
	if err != nil {
		return err
	}
	if err := showInForce(w, pool, pinned, history); err != nil {
		return err
	}
	fmt.Fprintf(w.stdout, "The next serial is %d.\n", history.Next())
	return nil
}

// showInForce says what is in force, or why nothing is, and what this version asks
// that the policy has no rule for.
func showInForce(w *world, q policystore.Querier, pinned policy.Verification, history activation.History) error {
	inForce, err := history.InForce()
	if err != nil {
		fmt.Fprintf(w.stdout, "%v.\n", err)
		return nil
	}
	p, err := policystore.NewActive(pinned).Of(w.ctx, q, inForce)
	if errors.Is(err, policystore.ErrNone) {
		fmt.Fprintf(w.stdout, "%v.\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(w.stdout, "%s (%s) is in force since entry %d: change %d, signed by %s.\n",
		inForce.Revision, p.Variant(), inForce.Seq, inForce.Serial, inForce.Signers())
	if silent := p.Silent(); len(silent) > 0 {
		fmt.Fprintf(w.stdout, "It has no rule for %v: everything there is refused until a newer policy is in force.\n", silent)
	}
	return nil
}

// pinned loads the operator's configuration, and whom it believes.
func (s source) pinned(w *world) (*config.Config, policy.Verification, error) {
	cfg, err := s.load(w, config.RoleOperator)
	if err != nil {
		return nil, policy.Verification{}, err
	}
	pinned, err := cfg.Policy.Pinned(cfg.Log.Origin)
	return cfg, pinned, err
}

// maxRead bounds what is read of a file, bytes: what the largest bundle may have.
const maxRead = 1 << 20

func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxRead+1))
	if err == nil && len(content) > maxRead {
		err = errors.New("larger than 1 MiB")
	}
	return content, err
}

// writeNew writes a file that must not exist.
func writeNew(path string, content []byte, mode os.FileMode) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = file.Write(content)
	return err
}

// replace writes a file whole: a signature that is there is not lost by a crash.
func replace(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".note-")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(0o644), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}
