package policy

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"pgregory.net/rapid"
)

// What the engine is given is what a replay reads from the recorded JSON: for
// every input, every field, whatever is in it.
func TestValuesAreTheirJSON(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		for _, in := range []Input{
			&ConversationRead{},
			&EscalationRequest{}, &EscalationApprove{}, &EscalationRevoke{},
			&EscalationConfirm{}, &EscalationBreakGlass{}, &EscalationReview{},
			&EvidenceRead{}, &IdentityRelease{},
			&MinorTell{}, &MinorReceipt{},
			&ErasureDecide{}, &HoldSet{}, &HoldLift{}, &KeyDestroy{}, &OpeningsErase{},
			&LogRead{},
		} {
			fill(r, reflect.ValueOf(in).Elem())
			raw, err := json.Marshal(in)
			if err != nil {
				r.Fatal(err)
			}
			read, err := ast.ValueFromReader(bytes.NewReader(raw))
			if err != nil {
				r.Fatal(err)
			}
			if given := in.value(); given.Compare(read) != 0 || given.Hash() != read.Hash() {
				r.Fatalf("%s: the engine is given\n%v\na replay reads\n%v", in.Point(), given, read)
			}
		}
	})
}

// fill puts something in every field, so that one that value forgets, or
// swaps with another, shows.
func fill(r *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	case reflect.Slice:
		n := rapid.IntRange(-1, 2).Draw(r, "length") // -1 is nil
		if n < 0 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(r, v.Index(i))
		}
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.StringMatching(`[a-z_]{0,9}`), rapid.String()).Draw(r, "text"))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(r, "number"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(r, "truth"))
	default:
		r.Fatalf("inputs hold no %s", v.Kind())
	}
}
