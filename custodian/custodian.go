// Package custodian is the gate: the only process that can read case keys.
//
// It takes orders (package order) over a unix socket. For each it verifies the
// caller's own token, reads what the log says of the case, asks the policy in
// force, writes the entry that says who, why, under which decision and for
// what, and only when that entry is durable, and not later than five seconds
// after, reads the case key from Vault. It unwraps file keys from headers
// whose hash the log holds, forgets the case key, and answers.
//
// It believes neither its caller (an order has no state, no header and no
// permission in it) nor the rows of PostgreSQL, except entries of the log. What
// it trusts is the chain of entries, Vault, bytes whose hash is in the chain,
// and tokens that it has verified itself.
//
// When any of these is missing it refuses every order.
package custodian

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/time/rate"

	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/crypto/custody"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
	"github.com/sceau-project/sceau/staff"
)

// freshness is how long after an entry a case key may be read: later, the
// state on which the entry rests may have changed, and a new intent is needed.
const freshness = 5 * time.Second

// Config is all that a custodian is made of.
type Config struct {
	Log   *pglog.Log      // opened via custodian
	Pool  *pgxpool.Pool   // of role sceau_custodian
	Vault *custody.Vault  // signed in with the custodian's AppRole
	Staff *staff.Verifier // for the custodian's own audience

	// Policy is the key that must have signed whatever policy is in force.
	Policy policy.Verification

	// StateDir is the custodian's own directory, mode 0700. It remembers the
	// highest head of the log seen, outside PostgreSQL.
	StateDir string

	// Classical generates X25519 case keys instead of post-quantum hybrid ones.
	Classical bool

	// ReadyKeys is how many cases with fresh keys are kept ready, so that a
	// conversation opens without waiting for Vault. 0 makes none.
	ReadyKeys int

	// IdleTimeout ends a reading session that unwrapped nothing for so long;
	// SessionLimit ends it in any case.
	IdleTimeout  time.Duration
	SessionLimit time.Duration

	// PhraseRate bounds how many recovery phrases a second are issued, and as many
	// are tried, by everybody together; PhraseBurst how many at once. PhraseEvery
	// is how often one conversation is issued one, a minute when 0.
	PhraseRate  float64
	PhraseBurst int
	PhraseEvery time.Duration

	// ErasureEvery is how often granted erasures are looked for, 3 s when 0.
	// RetentionEvery is how often is looked for what was kept long enough, and whether
	// what is destroyed is still destroyed in Vault; an hour when 0.
	ErasureEvery   time.Duration
	RetentionEvery time.Duration

	Logger *slog.Logger

	// Now is the clock of the process, with a monotonic reading; time.Now when
	// nil. Deadlines of grants are judged by the log's clock, never by this.
	Now func() time.Time

	// Reached is called, when not nil, as an order passes a step: the places
	// where a crash or a pause must leave the log telling the truth.
	Reached func(Step)
}

// A Step is a place in an order where being interrupted matters.
type Step string

// The steps, in order.
const (
	StepIntentDurable  Step = "intent durable"  // the entry is committed, nothing was read
	StepKeyRead        Step = "key read"        // the case key is in memory
	StepUnwrapped      Step = "unwrapped"       // file keys are in memory, the case key is forgotten
	StepOutcomeDurable Step = "outcome durable" // the outcome is committed, nothing was answered
	StepDestroying     Step = "destroying"      // Vault is about to be told, for each key that the log says is destroyed
	StepDestroyDurable Step = "destroy durable" // key.destroyed is committed, Vault still holds the key
)

// Custodian is the gate, open for orders.
type Custodian struct {
	config    Config
	log       *pglog.Log
	pool      *pgxpool.Pool
	vault     *custody.Vault
	staff     *staff.Verifier
	memory    *memory
	followed  *follower
	destroyed *destroyedKeys
	destroyer *destroyer
	rules     *policystore.Active
	reading   readings
	// Of phrases, apart: who asks for many stops nobody from coming back.
	issuing   *rate.Limiter
	returning *rate.Limiter
	random    io.Reader
	logger    *slog.Logger
	lock      *os.File

	stop   context.CancelFunc
	behind sync.WaitGroup // goroutines of the process itself
}

// New opens the gate. It refuses when a part is missing, and when another
// custodian uses the same state directory. It does not refuse when PostgreSQL
// lost entries that were seen: it then runs and refuses every order, so that
// the operator sees why.
func New(c Config) (*Custodian, error) {
	switch {
	case c.Log == nil, c.Pool == nil:
		return nil, errors.New("a custodian needs the log: what cannot be recorded must not be opened")
	case c.Vault == nil, c.Staff == nil, c.Logger == nil:
		return nil, errors.New("a custodian needs Vault, a verifier of staff tokens and a logger")
	case !c.Policy.Pinned():
		return nil, errors.New("a custodian needs the keys of those who sign policy")
	case c.StateDir == "":
		return nil, errors.New("a custodian needs a state directory, to remember the head of the log")
	case c.IdleTimeout <= 0, c.SessionLimit <= 0:
		return nil, errors.New("a custodian needs an idle timeout and a limit of reading sessions, both above 0")
	case c.PhraseRate <= 0, c.PhraseBurst <= 0:
		return nil, errors.New("a custodian needs a rate and a burst of recovery phrases, both above 0")
	case c.ReadyKeys < 0:
		return nil, errors.New("a custodian cannot keep fewer than 0 cases ready")
	}
	if c.PhraseEvery == 0 {
		c.PhraseEvery = phraseEvery
	}
	if c.ErasureEvery == 0 {
		c.ErasureEvery = erasureEvery
	}
	if c.RetentionEvery == 0 {
		c.RetentionEvery = retentionEvery
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Reached == nil {
		c.Reached = func(Step) {}
	}
	if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("making the custodian's state directory: %w", err)
	}
	lock, err := lockDir(c.StateDir)
	if err != nil {
		return nil, err
	}
	memory, err := openMemory(c.StateDir, c.Log.Origin())
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	destroyed, err := openDestroyed(c.StateDir, c.Log.Origin())
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	custodian := &Custodian{
		config: c, log: c.Log, pool: c.Pool, vault: c.Vault, staff: c.Staff, memory: memory,
		followed:  newFollower(c.Log.Origin(), c.Policy, memory, c.Logger),
		destroyed: destroyed,
		destroyer: newDestroyer(),
		rules:     policystore.NewActive(c.Policy),
		reading:   readings{open: map[string]*readingSession{}},
		issuing:   rate.NewLimiter(rate.Limit(c.PhraseRate), c.PhraseBurst),
		returning: rate.NewLimiter(rate.Limit(c.PhraseRate), c.PhraseBurst),
		random:    rand.Reader, logger: c.Logger, lock: lock, stop: stop,
	}
	custodian.behind.Go(func() { custodian.follow(ctx) })
	custodian.behind.Go(func() { custodian.keepReady(ctx) })
	custodian.behind.Go(func() { custodian.reap(ctx) })
	custodian.behind.Go(func() { custodian.keepDestroyed(ctx) })
	custodian.behind.Go(func() { custodian.lookAgain(ctx) })
	custodian.behind.Go(func() { custodian.sweep(ctx) })
	return custodian, nil
}

// Close forgets every case key and stops what runs in the background. Log,
// pool, Vault and verifier stay the caller's to close.
func (c *Custodian) Close() error {
	c.stop()
	c.behind.Wait()
	c.reading.forgetAll()
	return errors.Join(c.destroyed.close(), c.lock.Close())
}
