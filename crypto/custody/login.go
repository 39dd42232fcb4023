package custody

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	vault "github.com/hashicorp/vault/api"
)

// login holds the process's Vault token, renews it in the background, and
// signs in again when it ran out or Vault does not know it.
type login struct {
	config Config
	client *vault.Client
	log    *slog.Logger

	mu      sync.Mutex
	current string    // never printed
	ends    time.Time // when it runs out unless renewed
	renew   time.Time // when to renew it
	failed  time.Time // last failed sign-in: attempts are spaced
	failure error

	stop chan struct{}
	done chan struct{}
}

// pause spaces failed sign-ins, so that many orders at once do not hammer a
// Vault that is coming up.
const pause = 500 * time.Millisecond

func newLogin(c Config, client *vault.Client) *login {
	l := &login{config: c, client: client, log: c.Logger, stop: make(chan struct{}), done: make(chan struct{})}
	go l.keep()
	return l
}

func (l *login) close() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	<-l.done
}

// token returns a token that has not run out, signing in anew when there is none.
func (l *login) token(ctx context.Context) (token string, anew bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.current != "" && now.Before(l.ends) {
		return l.current, false, nil
	}
	if l.failure != nil && now.Sub(l.failed) < pause {
		return "", false, l.failure
	}
	if err := l.signIn(ctx); err != nil {
		l.failed, l.failure = time.Now(), err
		return "", false, err
	}
	l.failure = nil
	return l.current, true, nil
}

// forget drops a token that Vault refused, unless it was replaced meanwhile.
func (l *login) forget(token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == token {
		l.current = ""
	}
}

func (l *login) signIn(ctx context.Context) error {
	roleID, err := readLine(l.config.RoleIDFile)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	secretID, err := readLine(l.config.SecretIDFile)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	secret, err := l.client.WithRequestCallbacks().Logical().WriteWithContext(ctx, "auth/approle/login",
		map[string]any{"role_id": roleID, "secret_id": secretID})
	var answer *vault.ResponseError
	switch {
	case errors.As(err, &answer) && answer.StatusCode < 500:
		return fmt.Errorf("%w: it refuses the AppRole (status %d); look at the files of role and secret id",
			ErrUnavailable, answer.StatusCode)
	case err != nil:
		return fmt.Errorf("signing in: %w", ErrUnavailable)
	case secret == nil || secret.Auth == nil || secret.Auth.ClientToken == "":
		return fmt.Errorf("%w: it signs in without a token", ErrUnavailable)
	}
	l.accept(secret.Auth)
	return nil
}

// accept takes over a token or its renewal. It is renewed after half its life,
// and no longer used in its last twentieth.
func (l *login) accept(auth *vault.SecretAuth) {
	life := time.Duration(auth.LeaseDuration) * time.Second
	if life <= 0 {
		life = time.Hour
	}
	now := time.Now()
	l.current = auth.ClientToken
	l.ends, l.renew = now.Add(life-life/20), now.Add(life/2)
}

// keep renews the token in the background. A renewal that fails is tried
// again; the token that ran out is replaced by the next order.
func (l *login) keep() {
	defer close(l.done)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		l.mu.Lock()
		token, due := l.current, time.Now().After(l.renew)
		l.mu.Unlock()
		if token == "" || !due {
			continue
		}
		if err := l.renewToken(token); err != nil {
			l.log.Warn("renewing the Vault token failed", "error", err)
		}
	}
}

func (l *login) renewToken(token string) error {
	ctx, cancel := context.WithTimeout(context.Background(), l.config.Timeout)
	defer cancel()
	client := l.client.WithRequestCallbacks(func(r *vault.Request) { r.ClientToken = token })
	secret, err := client.Auth().Token().RenewSelfWithContext(ctx, 0)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != token {
		return nil
	}
	if err != nil || secret == nil || secret.Auth == nil {
		// Not renewable any more: sign in anew well before it runs out.
		if fresh := l.signIn(ctx); fresh == nil {
			return nil
		}
		l.renew = time.Now().Add(5 * time.Second)
		return explain("renewing", err)
	}
	before := l.ends
	l.accept(secret.Auth)
	if !l.ends.After(before) {
		// The longest life of the token is near: renewing no longer helps.
		return l.signIn(ctx)
	}
	return nil
}

func readLine(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the AppRole: %w", err)
	}
	line := strings.TrimSpace(string(raw))
	if line == "" || strings.ContainsAny(line, "\n\r ") {
		return "", fmt.Errorf("reading the AppRole: %s does not hold one word", path)
	}
	return line, nil
}
