package web

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/policy"
	staffstore "github.com/sceau-project/sceau/staff/pgstore"
)

var update = flag.Bool("update", false, "write docs/errors.md anew")

// TestEveryCodeHasASentence: whatever a package below may answer, a reader is
// told in two languages; and the status is the same wherever the code comes from.
func TestEveryCodeHasASentence(t *testing.T) {
	needed := slices.Concat(policy.Reasons, conversation.Codes, slices.Collect(maps.Keys(order.Codes)))
	slices.Sort(needed)
	for _, code := range slices.Compact(needed) {
		entry, ok := byCode[code]
		if !ok {
			t.Errorf("%s has no sentence", code)
			continue
		}
		if status, ok := order.Codes[code]; ok && status != entry.status {
			t.Errorf("%s: the custodian says %d, the table %d", code, status, entry.status)
		}
	}
}

func TestCodesAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range codes {
		if seen[c.code] {
			t.Errorf("%s is listed twice", c.code)
		}
		seen[c.code] = true
		if area, name, ok := strings.Cut(c.code, "."); !ok || strings.Trim(area+name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%s is not area.snake_case", c.code)
		}
		if c.status < 400 || http.StatusText(c.status) == "" {
			t.Errorf("%s: status %d", c.code, c.status)
		}
		for _, s := range []sentence{c.en, c.fr} {
			if s.title == "" || s.detail == "" || !strings.HasSuffix(s.detail, ".") && !strings.HasSuffix(s.detail, ".json") {
				t.Errorf("%s: a sentence is missing or unfinished: %q, %q", c.code, s.title, s.detail)
			}
		}
		if c.en == c.fr {
			t.Errorf("%s: not translated", c.code)
		}
	}
}

// TestAbandonedRequestsBlameNobody: a client that went away is not an outage of
// whatever was being asked.
func TestAbandonedRequestsBlameNobody(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range []error{
		fmt.Errorf("%w: finding a session: %w", staffstore.ErrDatabase, context.Canceled),
		fmt.Errorf("%w: %w", order.ErrDown, context.Canceled),
		context.Canceled,
	} {
		if p, _ := (&face{}).problemOf(gone, err, false); p.Code != order.CodeAbandoned {
			t.Errorf("%v: %s", err, p.Code)
		}
	}
	inside := fmt.Errorf("reserving a case: %w", context.Canceled)
	if p, _ := (&face{}).problemOf(t.Context(), inside, false); p.Code != "postgres.unavailable" {
		t.Errorf("given up inside while the client waits: %s", p.Code)
	}
	altered := fmt.Errorf("%w: message 3", conversation.ErrChain)
	if p, noteworthy := (&face{}).problemOf(gone, altered, false); p.Code != "content.altered" {
		t.Errorf("what was found before the client went away became %s (noted: %t)", p.Code, noteworthy)
	}
}

func TestEveryTopicHasALabel(t *testing.T) {
	for _, topic := range conversation.Topics {
		if l := topicLabels[topic]; l.fr == "" || l.en == "" {
			t.Errorf("%s has no label", topic)
		}
	}
}

// TestErrorsDocument: docs/errors.md says exactly what the table says.
func TestErrorsDocument(t *testing.T) {
	path := filepath.Join("..", "docs", "errors.md")
	want := errorsDocument()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s differs from the table; run go test ./web -run TestErrorsDocument -update", path)
	}
}

func errorsDocument() string {
	var b strings.Builder
	b.WriteString(`# Errors

Every refusal and every failure of the API is ` + "`application/problem+json`" + ` (RFC 9457):

` + "```json" + `
{
  "type": "` + problemType + `escalation.too_late",
  "title": "Délai de réponse passé",
  "status": 409,
  "code": "escalation.too_late",
  "detail": "Le délai de réponse est passé ; la demande a expiré. Une nouvelle peut être faite.",
  "reasons": [{ "code": "escalation.too_late", "detail": "…" }]
}
` + "```" + `

- **code** is stable: programs branch on it, and on nothing else. **type** is the same as a URI.
- **title** and **detail** are for people, in French or English by ` + "`Accept-Language`" + ` (French when neither is asked for). They
  may be improved at any time.
- **reasons** is there when policy refused: every reason, in alphabetical order. **code** is the first of them.
- **errors** is there when a field is not valid: where, and what was expected. It never repeats what was sent.
- What does not exist and what is not the caller's answer alike.
- 503 comes with ` + "`Retry-After`" + `. Send the same request again with the same ` + "`Idempotency-Key`" + `: nothing is done twice.
  Codes in ` + "`.unavailable`" + ` name what is down (` + "`postgres`, `custodian`, `vault`, `issuer`, `policy`" + `); the other 503
  codes name what else stands in the way.
- On the public face, 429 and 5xx also say whom to call in danger.

This file is written from the tables in ` + "`web/codes.go`" + `, ` + "`codes_domain.go`" + ` and ` + "`codes_paths.go`" + `; a test keeps them the same.
`)
	for _, part := range []struct {
		title string
		codes []code
	}{
		{"The request, the caller, the service", requestCodes},
		{"Conversations", conversationCodes},
		{"Refusals by policy and by the state of a request", policyCodes},
		{"Refusals on the other paths", pathCodes},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| code | status | in English | en français |\n| --- | --- | --- | --- |\n", part.title)
		for _, c := range part.codes {
			fmt.Fprintf(&b, "| `%s` | %d | **%s.** %s | **%s.** %s |\n", c.code, c.status, c.en.title, c.en.detail, c.fr.title, c.fr.detail)
		}
	}
	return b.String()
}
