package web

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
)

// Where people choose from a closed list, what they are told holds all of it: the
// document of the API, and the sentence that refuses anything else.
func TestListsAreTold(t *testing.T) {
	for _, l := range []struct {
		list    []string
		refusal string // its code; "" where the sentence does not name them
		told    []string
	}{
		{policy.RevocationReasons, "revocation.not_coded", []string{told(revokeInput{}, "Body", "Reason")}},
		{policy.UnsafeReasons, "", []string{told(tellInput{}, "Body", "Reason")}},
		{policy.Tellings, "telling.not_coded", []string{told(tellInput{}, "Body", "Outcome"), told(telling{}, "Outcome")}},
		{policy.ErasureRefusalReasons, "erasure.not_coded", []string{told(decideInput{}, "Body", "Reason"), told(erasure{}, "Reason")}},
		{policy.HoldReasons, "hold.not_coded",
			[]string{told(setHoldInput{}, "Body", "Reason"), told(liftHoldInput{}, "Body", "Reason"), told(hold{}, "Reason")}},
		{policy.NamingReasons, "naming.not_coded", []string{told(nameInput{}, "Body", "Reason")}},
		{policy.Authorities, "", []string{told(requisition{}, "Authority")}},
		{policy.ListedCases, "", []string{told(requisition{}, "ListedCase")}},
		{escalation.DenialReasons, "", []string{told(denyInput{}, "Body", "Reason")}},
	} {
		texts := l.told
		if l.refusal != "" {
			c := byCode[l.refusal]
			texts = append(texts, c.en.detail, c.fr.detail)
		}
		for _, text := range texts {
			for _, code := range l.list {
				if !words(text)[code] {
					t.Errorf("%q lacks %s", text, code)
				}
			}
		}
	}
}

// told is what the document says of a field, found by its path.
func told(v any, path ...string) string {
	of := reflect.TypeOf(v)
	var tag reflect.StructTag
	for _, name := range path {
		field, _ := of.FieldByName(name)
		of, tag = field.Type, field.Tag
	}
	return tag.Get("enum") + " " + tag.Get("doc")
}

func words(text string) map[string]bool {
	all := map[string]bool{}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		all[word] = true
	}
	return all
}
