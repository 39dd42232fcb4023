package custodian

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/custodian/order"
)

// FuzzOrders: whatever comes through the socket as an order's body is read as
// one object of known fields, and as the same when it is written again, or it is
// refused as malformed; and an order that is printed by mistake tells no secret.
func FuzzOrders(f *testing.F) {
	if seeds, err := filepath.Glob(filepath.Join("testdata", "fuzz", "FuzzOrders", "*")); err != nil || len(seeds) == 0 {
		f.Fatalf("no seed corpus: %v", err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		read[order.OpenSession](t, raw)
		read[order.Unwrap](t, raw)
		read[order.EndSession](t, raw)
		read[order.ReadEvidence](t, raw)
		read[order.Release](t, raw)
		read[order.DecideErasure](t, raw)
		read[order.LiftHold](t, raw)
		read[order.NewPhrase](t, raw)
		read[order.Return](t, raw)
	})
}

func read[O any](t *testing.T, raw []byte) {
	t.Helper()
	o, err := decode[O](body(raw))
	if err != nil {
		if refused := refusal(err); refused.Code != order.CodeMalformed || refused.Status != http.StatusBadRequest {
			t.Errorf("%q: %v", raw, err)
		}
		return
	}
	written, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(written) > order.MaxBody {
		return // escaped, it is longer than an order may be
	}
	again, err := decode[O](body(written))
	if err != nil || !reflect.DeepEqual(o, again) {
		t.Errorf("%q is read as %s, and that as another: %v", raw, written, err)
	}
}

func body(raw []byte) *http.Request {
	return httptest.NewRequest(http.MethodPost, "/v1/sessions", bytes.NewReader(bytes.Clone(raw))) // decode clears what it read
}

// TestOrdersAreRead: the corpus holds orders that are read, and others.
func TestOrdersAreRead(t *testing.T) {
	if _, err := decode[order.OpenSession](body([]byte(`{"caller":{"minor_token":"x"},"case":"y"}`))); err != nil {
		t.Error(err)
	}
	for _, raw := range []string{``, `{}{}`, `[]`, `{"case":"y","header":"z"}`, `{"case":"` + "\xff" + `"}`,
		`{"case":"` + strings.Repeat("y", order.MaxBody) + `"}`} {
		if _, err := decode[order.OpenSession](body([]byte(raw))); err == nil {
			t.Errorf("%.40q passes for an order", raw)
		}
	}
}
