package retention_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/retention"
)

const day = 24 * time.Hour

var (
	periods = policy.Periods{Transcript: 365 * day, IdentityUnreleased: 183 * day, Openings: 1096 * day}
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func TestDue(t *testing.T) {
	whole := retention.Kept{Case: "c", QuietSince: noon, Transcript: true, Identity: true, Openings: true}
	change := func(changes ...func(*retention.Kept)) retention.Kept {
		k := whole
		for _, c := range changes {
			c(&k)
		}
		return k
	}
	granted := func(after time.Duration) func(*retention.Kept) {
		return func(k *retention.Kept) { k.Erasure, k.GrantedAt = "e", noon.Add(after) }
	}
	for name, tt := range map[string]struct {
		kept retention.Kept
		want string
	}{
		"never opened": {whole, "identity retention 183, transcript retention 365, openings retention 1096"},
		"opened":       {change(func(k *retention.Kept) { k.Opened = true }), "identity retention 365, transcript retention 365, openings retention 1096"},
		"held":         {change(func(k *retention.Kept) { k.Held = true }), "identity retention 183 held, transcript retention 365 held, openings retention 1096 held"},
		"an erasure":   {change(granted(10 * day)), "identity erasure e 10, transcript erasure e 10, openings erasure e 10"},
		"an erasure that came late": {change(granted(200 * day)),
			"identity retention 183, transcript erasure e 200, openings erasure e 200"},
		"the identity is gone": {change(func(k *retention.Kept) { k.Identity = false }), "transcript retention 365, openings retention 1096"},
		"only openings are left": {change(func(k *retention.Kept) { k.Identity, k.Transcript = false, false }),
			"openings retention 1096"},
		"nothing is left": {change(func(k *retention.Kept) { k.Identity, k.Transcript, k.Openings = false, false, false }, granted(0)), ""},
	} {
		got := ""
		for i, item := range tt.kept.Due(periods) {
			if i > 0 {
				got += ", "
			}
			got += fmt.Sprintf("%s %s", item.What, item.Reason)
			if item.Erasure != "" {
				got += " " + item.Erasure
			}
			got += fmt.Sprintf(" %d", item.At.Sub(noon)/day)
			if item.Held {
				got += " held"
			}
			if item.Case != "c" {
				t.Errorf("%s: of case %q", name, item.Case)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %s\nwant %s", name, got, tt.want)
		}
	}
}

// A child who goes on writing where nobody answers leaves no entries: what they write
// counts all the same. A closed conversation is not written in.
func TestAMessageIsNoQuiet(t *testing.T) {
	c := escalation.NewCase()
	c.QuietSince = noon
	written := noon.Add(100 * day)
	if k := retention.Of(c, written); !k.QuietSince.Equal(written) {
		t.Errorf("quiet since %s", k.QuietSince)
	}
	if in := retention.DestroyInput(c, noon.Add(190*day), written, retention.Identity, policy.DestroyRetention); in.Conversation.QuietForS != int64(90*day/time.Second) {
		t.Errorf("policy is told of %d s of quiet", in.Conversation.QuietForS)
	}
	if k := retention.Of(c, noon.Add(-day)); !k.QuietSince.Equal(noon) {
		t.Errorf("quiet since %s", k.QuietSince)
	}
	c.ClosedAt, c.State = noon, conversation.StateClosed
	if k := retention.Of(c, written); !k.QuietSince.Equal(noon) {
		t.Errorf("closed, and quiet since %s", k.QuietSince)
	}
	// A clock that stepped back makes nothing quiet.
	if in := retention.OpeningsInput(c, noon.Add(-day), time.Time{}, policy.DestroyRetention); in.Conversation.QuietForS != 0 {
		t.Errorf("policy is told of %d s of quiet", in.Conversation.QuietForS)
	}
}

func TestInputsSayWhatTheLogSays(t *testing.T) {
	c := escalation.NewCase()
	c.Case = "7f1cce14-0000-4000-8000-00000000000a"
	c.Keys = []conversation.Key{{Class: "transcript"}, {Class: "identity", Destroyed: true}}
	c.Erasures = []conversation.Erasure{{ID: "e", RequestedAt: noon, Verdict: policy.VerdictGranted, DecidedSeq: 7, DecidedAt: noon}}
	c.Holds = []conversation.Hold{{ID: "h", Reason: "proceedings", SetAt: noon}}
	who := audit.Actor{ID: "s-1", Person: "p-1", Role: policy.RolePrivacyOfficer}
	if in := retention.ErasureInput(c, noon, who, "e", policy.VerdictRefused, "legal_hold"); in.Erasure.Decided != policy.VerdictGranted ||
		in.Actor.Person != "p-1" || len(in.Holds) != 1 || in.Escalations == nil || in.Case != c.Case {
		t.Errorf("%+v", in)
	}
	if in := retention.ErasureInput(c, noon, who, "another", policy.VerdictGranted, ""); in.Erasure != (policy.Erasure{}) {
		t.Errorf("an erasure that nobody asked for is told to policy: %+v", in.Erasure)
	}
	for class, destroyed := range map[retention.What]bool{retention.Transcript: false, retention.Identity: true, "narrative": true} {
		if in := retention.DestroyInput(c, noon, time.Time{}, class, policy.DestroyErasure); in.Destroyed != destroyed || len(in.Erasures) != 1 {
			t.Errorf("%s: %+v", class, in)
		}
	}
	if in := retention.OpeningsInput(c, noon, time.Time{}, policy.DestroyErasure); in.Destroyed {
		t.Errorf("%+v", in)
	}
	if k := retention.Of(c, time.Time{}); !k.Held || k.Erasure != "e" || !k.Transcript || k.Identity || !k.Openings || k.Opened {
		t.Errorf("%+v", k)
	}
}
