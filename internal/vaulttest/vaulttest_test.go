package vaulttest_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/vault/api"

	"github.com/sceau-project/sceau/internal/vaulttest"
)

// status is the HTTP status of Vault's answer to one request.
func status(t *testing.T, c *api.Client, method, path string, body map[string]any) int {
	t.Helper()
	r := c.NewRequest(method, "/v1/"+path)
	if body != nil {
		if err := r.SetJSONBody(body); err != nil {
			t.Fatal(err)
		}
	}
	if method == http.MethodPatch {
		r.Headers.Set("Content-Type", "application/merge-patch+json")
	}
	//lint:ignore SA1019 the raw request shows the status as it is
	res, err := c.RawRequest(r)
	if res != nil {
		defer res.Body.Close()
		return res.StatusCode
	}
	var answer *api.ResponseError
	if !errors.As(err, &answer) {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer.StatusCode
}

func key(value string, cas any) map[string]any {
	body := map[string]any{"data": map[string]any{"identity": value}}
	if cas != nil {
		body["options"] = map[string]any{"cas": cas}
	}
	return body
}

// What each holder of a token can do to a case key, at each stage of the key's
// life. "create" is a write with cas=0, as the custodian does it.
func TestWhoMayDoWhatWithCaseKeys(t *testing.T) {
	v := vaulttest.New(t)
	custodian, publisher := v.As(t, v.Custodian), v.As(t, v.Publisher)
	nobody, err := custodian.Clone()
	if err != nil {
		t.Fatal(err)
	}
	nobody.ClearToken()

	id := uuid.NewString()
	data, meta := "sceau-cases/data/"+id+"/identity", "sceau-cases/metadata/"+id+"/identity"
	destroy := "sceau-cases/destroy/" + id + "/identity"
	one := map[string]any{"versions": []int{1}}
	type step struct {
		who          *api.Client
		name         string
		method, path string
		body         map[string]any
		want         int
	}
	for _, s := range []step{
		{nobody, "no token creates", "PUT", data, key("K", 0), 403},
		{publisher, "the publisher creates", "PUT", data, key("K", 0), 403},
		{custodian, "the custodian creates without cas", "PUT", data, key("K", nil), 400},
		{custodian, "the custodian creates", "PUT", data, key("K", 0), 200},
		{custodian, "the custodian creates again", "PUT", data, key("L", 0), 403},
		{custodian, "the custodian replaces with the right cas", "PUT", data, key("L", 1), 403},
		{custodian, "the custodian patches", "PATCH", data, key("L", 1), 403},
		{v.Root, "even root creates again", "PUT", data, key("L", 0), 400},
		{custodian, "the custodian reads", "GET", data, nil, 200},
		{custodian, "the custodian reads the metadata", "GET", meta, nil, 200},
		{publisher, "the publisher reads", "GET", data, nil, 403},
		{publisher, "the publisher destroys", "PUT", destroy, one, 403},
		{custodian, "the custodian lists cases", "LIST", "sceau-cases/metadata/", nil, 403},
		{custodian, "the custodian deletes softly", "DELETE", data, nil, 403},
		{custodian, "the custodian loosens a path", "PUT", meta, map[string]any{"cas_required": false}, 403},
		{custodian, "the custodian loosens the mount", "PUT", "sceau-cases/config", map[string]any{"cas_required": false}, 403},
		{custodian, "the custodian deletes the metadata", "DELETE", meta, nil, 403},
		{custodian, "the custodian destroys", "PUT", destroy, one, 204},
		{custodian, "the custodian reads a destroyed key", "GET", data, nil, 404},
		{custodian, "the custodian creates over the tombstone", "PUT", data, key("L", 0), 403},
		{custodian, "the custodian replaces the tombstone", "PUT", data, key("L", 1), 403},
		{custodian, "the custodian undeletes", "PUT", "sceau-cases/undelete/" + id + "/identity", one, 403},
		{custodian, "the custodian deletes the tombstone", "DELETE", meta, nil, 403},
		{v.Root, "even root creates over the tombstone", "PUT", data, key("L", 0), 400},
	} {
		if got := status(t, s.who, s.method, s.path, s.body); got != s.want {
			t.Errorf("%s: %d, want %d", s.name, got, s.want)
		}
	}

	// Why "delete" on metadata/ must never be granted: without its metadata the
	// path is as if nothing had ever been there.
	if got := status(t, v.Root, "DELETE", meta, nil); got != http.StatusNoContent {
		t.Fatalf("root deletes the metadata: %d", got)
	}
	if got := status(t, custodian, "PUT", data, key("L", 0)); got != http.StatusOK {
		t.Errorf("a path without its tombstone: %d; when Vault refuses this, custodian.hcl can say so", got)
	}
}

func TestWhoMayUseTransitKeys(t *testing.T) {
	v := vaulttest.New(t)
	custodian, publisher := v.As(t, v.Custodian), v.As(t, v.Publisher)
	input := map[string]any{"input": "Zm9v"}
	for _, s := range []struct {
		who    *api.Client
		name   string
		method string
		path   string
		want   int
	}{
		{custodian, "the custodian peppers", "PUT", "hmac/phrase-pepper", 200},
		{publisher, "the publisher peppers", "PUT", "hmac/phrase-pepper", 403},
		{publisher, "the publisher signs", "PUT", "sign/checkpoint", 200},
		{publisher, "the publisher reads the public key", "GET", "keys/checkpoint", 200},
		{custodian, "the custodian signs", "PUT", "sign/checkpoint", 403},
		{custodian, "the custodian signs recipients", "PUT", "sign/recipients", 200},
		{publisher, "the publisher signs recipients", "PUT", "sign/recipients", 403},
		{custodian, "the custodian rotates the key of recipients", "PUT", "keys/recipients/rotate", 403},
		{custodian, "the custodian imports a key of recipients", "PUT", "keys/recipients/import", 403},
		{v.Root, "even root exports the key of recipients", "GET", "export/signing-key/recipients", 400},
		{v.Root, "even root deletes the key of recipients", "DELETE", "keys/recipients", 400},
		{custodian, "the custodian exports the pepper", "GET", "export/hmac-key/phrase-pepper", 403},
		{publisher, "the publisher exports the checkpoint key", "GET", "export/signing-key/checkpoint", 403},
		{v.Root, "even root exports the pepper", "GET", "export/hmac-key/phrase-pepper", 400},
		{custodian, "the custodian rotates the pepper", "PUT", "keys/phrase-pepper/rotate", 403},
		{v.Root, "even root deletes the pepper", "DELETE", "keys/phrase-pepper", 400},
	} {
		body := input
		if s.method != "PUT" {
			body = nil
		}
		if got := status(t, s.who, s.method, "sceau-transit/"+s.path, body); got != s.want {
			t.Errorf("%s: %d, want %d", s.name, got, s.want)
		}
	}
}

func TestTokensHoldNothingButTheirPolicy(t *testing.T) {
	v := vaulttest.New(t)
	custodian := v.As(t, v.Custodian)
	self, err := v.Root.Auth().Token().Lookup(custodian.Token())
	if err != nil {
		t.Fatal(err)
	}
	held, err := self.TokenPolicies()
	if err != nil || !slices.Equal(held, []string{"sceau-custodian"}) {
		t.Errorf("policies %q, %v", held, err)
	}
	for path, want := range map[string]int{"auth/token/lookup-self": 403, "cubbyhole/x": 403, "sys/mounts": 403} {
		if got := status(t, custodian, "GET", path, nil); got != want {
			t.Errorf("GET %s: %d, want %d", path, got, want)
		}
	}
	if got := status(t, custodian, "PUT", "auth/token/renew-self", map[string]any{}); got != 200 {
		t.Errorf("renew-self: %d", got)
	}
	if got := status(t, custodian, "PUT", "auth/token/create", map[string]any{}); got != 403 {
		t.Errorf("a child token: %d", got)
	}
}

func TestAuditShowsTheCorrelationIDAndNoValue(t *testing.T) {
	v := vaulttest.New(t)
	custodian := v.As(t, v.Custodian)
	id := uuid.NewString()
	path := "sceau-cases/data/" + id + "/transcript"
	const secret = "AGE-SECRET-KEY-OF-THIS-TEST"
	if got := status(t, custodian, "PUT", path, key(secret, 0)); got != 200 {
		t.Fatalf("create: %d", got)
	}
	custodian.AddHeader("X-Correlation-Id", "intent-"+id)
	read, err := custodian.Logical().ReadWithContext(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, a := range v.Audit(t) {
		if a.Type == "response" && a.Request.Path == path && a.Request.Operation == "read" {
			found = a.CorrelationID() == "intent-"+id && a.Request.ID == read.RequestID
		}
	}
	if !found {
		t.Error("the read is not in the audit file under its request id and correlation id")
	}
	for _, line := range v.AuditLines(t) {
		if strings.Contains(line, secret) {
			t.Error("the audit file holds a key")
		}
	}
}

func TestKeysSurviveSealAndCrash(t *testing.T) {
	v := vaulttest.New(t)
	custodian := v.As(t, v.Custodian)
	path := "sceau-cases/data/" + uuid.NewString() + "/identity"
	if got := status(t, custodian, "PUT", path, key("K", 0)); got != 200 {
		t.Fatalf("create: %d", got)
	}
	v.Seal(t)
	if got := status(t, custodian, "GET", path, nil); got != 503 {
		t.Errorf("read while sealed: %d", got)
	}
	v.Unseal(t)
	if got := status(t, custodian, "GET", path, nil); got != 200 {
		t.Errorf("read after unsealing: %d", got)
	}
	v.Kill(t)
	v.Restart(t)
	if got := status(t, custodian, "GET", path, nil); got != 200 {
		t.Errorf("read after a crash: %d", got)
	}
}
