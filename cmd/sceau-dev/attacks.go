package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sceau-project/sceau/cmd/sceau-dev/internal/stack"
	"github.com/sceau-project/sceau/cmd/sceau-dev/internal/story"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/devissuer"
	"github.com/sceau-project/sceau/internal/devstack"
)

// attacks are tried from where no API leads: Vault's own door, the custodian's
// socket, the database under a facing process's role. Each has what somebody in
// that place would have, and no more.
func attacks(s *stack.Stack) []story.Attack {
	const denied = "permission denied"
	return []story.Attack{
		{What: "a facing process asks Vault for a case key", Want: []string{denied, "missing client token"},
			Try: func(ctx context.Context, id string) error { return askVault(ctx, s, id, "") }},
		{What: "a facing process asks Vault with a token it made up", Want: []string{denied},
			Try: func(ctx context.Context, id string) error {
				return askVault(ctx, s, id, "hvs.CAESIJ-made-up")
			}},
		{What: "an order to the custodian without a token", Want: []string{order.CodeTokenInvalid, order.CodeMalformed},
			Try: func(ctx context.Context, id string) error {
				return openSession(ctx, s, id, order.Caller{Role: "agent"})
			}},
		{What: "an order with a token somebody made up", Want: []string{order.CodeTokenInvalid},
			Try: func(ctx context.Context, id string) error {
				return openSession(ctx, s, id, order.Caller{StaffToken: "eyJhbGciOiJub25lIn0.e30.", Role: "agent"})
			}},
		{What: "an order with a token for the staff face alone", Want: []string{order.CodeTokenInvalid},
			Try: func(ctx context.Context, id string) error {
				return withToken(ctx, s, id, "amal", devissuer.AudienceStaff)
			}},
		{What: "an order with a good token whose session the log does not know", Want: []string{order.CodeRoleInvalid, order.CodeTokenInvalid, order.CodeConversation},
			Try: func(ctx context.Context, id string) error { return withToken(ctx, s, id, "bruno") }},
		{What: "an order with a conversation token somebody made up", Want: []string{order.CodeTokenInvalid, order.CodeConversation},
			Try: func(ctx context.Context, id string) error {
				return openSession(ctx, s, id, order.Caller{MinorToken: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})
			}},
		{What: "the staff face's database role rewrites the log", Want: []string{"42501"},
			Try: func(ctx context.Context, _ string) error {
				return execAs(ctx, s.URL("sceau_staff"), `UPDATE sceau.entries SET actor_id = 'nobody'`)
			}},
		{What: "the custodian's database role shortens the log", Want: []string{"42501"},
			Try: func(ctx context.Context, _ string) error {
				return execAs(ctx, s.URL("sceau_custodian"), `DELETE FROM sceau.entries`)
			}},
		{What: "the public face's database role gives itself a token to a conversation", Want: []string{"42501"},
			Try: func(ctx context.Context, id string) error {
				return execAs(ctx, s.URL("sceau_public"),
					`INSERT INTO sceau.tokens (token_sha256, case_id, minted_at) VALUES (sha256('x'), $1, now())`, id)
			}},
	}
}

// askVault reads a case key's path as whoever holds token, or nobody.
func askVault(ctx context.Context, s *stack.Stack, caseID, token string) error {
	url := s.Vault.Address + "/v1/" + devstack.CasesMount + "/data/" + caseID + "/identity"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("X-Vault-Token", token)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode < 300 {
		return nil
	}
	var answer struct {
		Errors []string `json:"errors"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&answer); err != nil {
		return fmt.Errorf("asking Vault: status %d: %w", res.StatusCode, err)
	}
	p := &story.Problem{Status: res.StatusCode}
	for _, e := range answer.Errors {
		for line := range strings.Lines(e) {
			// "2 errors occurred:\n\t* permission denied\n…" → the words alone
			if words := strings.TrimPrefix(strings.TrimSpace(line), "* "); words != "" && p.Code != "permission denied" {
				p.Code = words
			}
		}
	}
	return p
}

func openSession(ctx context.Context, s *stack.Stack, caseID string, caller order.Caller) error {
	client := order.NewClient(s.Socket)
	defer client.Close()
	_, err := client.OpenSession(ctx, order.OpenSession{Caller: caller, Case: caseID})
	var refusal *order.Refusal
	if errors.As(err, &refusal) {
		return &story.Problem{Status: refusal.Status, Code: refusal.Code}
	}
	return err
}

func withToken(ctx context.Context, s *stack.Stack, caseID, account string, audience ...string) error {
	token, err := s.Issuer.Token(ctx, account, audience...)
	if err != nil {
		return err
	}
	return openSession(ctx, s, caseID, order.Caller{StaffToken: order.Secret(token), Role: "agent"})
}

// execAs runs one statement; a refusal's code is its SQLSTATE.
func execAs(ctx context.Context, url, sql string, args ...any) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, sql, args...)
	var fault *pgconn.PgError
	if errors.As(err, &fault) {
		return &story.Problem{Code: fault.Code}
	}
	return err
}

// swap exchanges the age headers of two cases' first sealed connections, as a
// database superuser could, and returns what undoes it.
func swap(s *stack.Stack) func(context.Context, string, string) (func(context.Context) error, error) {
	return func(ctx context.Context, a, b string) (func(context.Context) error, error) {
		conn, err := pgx.Connect(ctx, s.SuperuserURL())
		if err != nil {
			return nil, err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		one, err := connection(ctx, conn, a)
		if err != nil {
			return nil, err
		}
		two, err := connection(ctx, conn, b)
		if err != nil {
			return nil, err
		}
		headOne, err := seal.Header(one)
		if err != nil {
			return nil, err
		}
		headTwo, err := seal.Header(two)
		if err != nil {
			return nil, err
		}
		swapped := map[string][]byte{
			a: append(append([]byte(nil), headTwo...), one[len(headOne):]...),
			b: append(append([]byte(nil), headOne...), two[len(headTwo):]...),
		}
		if err := replace(ctx, conn, swapped); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			conn, err := pgx.Connect(ctx, s.SuperuserURL())
			if err != nil {
				return err
			}
			defer conn.Close(ctx)
			return replace(ctx, conn, map[string][]byte{a: one, b: two})
		}, nil
	}
}

func connection(ctx context.Context, conn *pgx.Conn, caseID string) ([]byte, error) {
	var ciphertext []byte
	err := conn.QueryRow(ctx, `SELECT ciphertext FROM sceau.facets
		WHERE case_id = $1 AND facet = 'connection' ORDER BY number LIMIT 1`, caseID).Scan(&ciphertext)
	if err != nil {
		return nil, fmt.Errorf("reading a sealed connection: %w", err)
	}
	return ciphertext, nil
}

func replace(ctx context.Context, conn *pgx.Conn, rows map[string][]byte) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for id, ciphertext := range rows {
			_, err := tx.Exec(ctx, `UPDATE sceau.facets SET ciphertext = $2
				WHERE case_id = $1 AND facet = 'connection'
				AND number = (SELECT min(number) FROM sceau.facets WHERE case_id = $1 AND facet = 'connection')`, id, ciphertext)
			if err != nil {
				return fmt.Errorf("replacing a sealed connection: %w", err)
			}
		}
		return nil
	})
}
