package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing/fstest"
	"time"

	"filippo.io/age"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/policy"
)

const (
	verified   = 100_000 // entries a round verifies
	decided    = 200     // decisions a turn takes
	sealed     = 50      // messages a turn seals
	turns      = 10      // of both ways in a round: short ones, so that a neighbour's noise meets both
	sealedSize = 1000    // bytes of such a message
)

// Verify measures the inspector's verifier on one core, strictness included,
// beside hashing the same leaves and doing nothing else.
func Verify(ctx context.Context, rounds int) (Figure, error) {
	export, leaves, err := madeExport(verified)
	if err != nil {
		return Figure{}, fmt.Errorf("measure the verifier: %w", err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var ours, bare series
	for range rounds {
		if err := ctx.Err(); err != nil {
			return Figure{}, err
		}
		start := time.Now()
		if r := audit.Verify(export, audit.Options{}); r.Damage != nil || r.Checked != verified {
			return Figure{}, fmt.Errorf("measure the verifier: %w", errors.New("a sound export does not verify"))
		}
		ours = append(ours, verified/time.Since(start).Seconds())
		start = time.Now()
		for _, leaf := range leaves {
			audit.LeafHash(leaf)
		}
		bare = append(bare, verified/time.Since(start).Seconds())
	}
	return Compare("verify, one core, beside hashing alone", "entries/s", ours, bare), nil
}

// madeExport is a sound export of n entries of leafSize bytes, in memory.
func madeExport(n int64) (fstest.MapFS, [][]byte, error) {
	const origin = "bench.example/1"
	head, at := audit.Genesis(origin), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	meta := audit.Meta{V: 1, Origin: origin, Prev: head, Count: n}
	made := drafts()
	var log bytes.Buffer
	var leaves [][]byte
	for seq := range n {
		d := made[seq%int64(len(made))]
		leaf, err := audit.Marshal(audit.Entry{
			V: audit.Version, Seq: seq, At: at.Add(time.Duration(seq) * time.Millisecond), Prev: head, Via: audit.ViaStaff,
			Actor: d.Actor, Action: d.Action, Case: d.Case, Subject: d.Subject, Details: d.Details,
		})
		if err != nil {
			return nil, nil, err
		}
		head = audit.LeafHash(leaf)
		log.Write(leaf)
		log.WriteByte('\n')
		leaves = append(leaves, leaf)
	}
	meta.Head = head
	text := fmt.Appendf(nil, `{"v":%d,"origin":"%s","first":%d,"prev":"%s","count":%d,"head":"%s"}`,
		meta.V, meta.Origin, meta.First, meta.Prev, meta.Count, meta.Head)
	return fstest.MapFS{
		audit.LogFile: {Data: log.Bytes()}, audit.MetaFile: {Data: text}, audit.OpeningsFile: {},
	}, leaves, nil
}

// Seal measures sealing a message beside a bare age.Encrypt of a payload of the
// same padded size, the recipient parsed beforehand. Times in µs.
func Seal(ctx context.Context, rounds int) ([]Figure, error) {
	var figures []Figure
	for _, kind := range []string{"hybrid", "x25519"} {
		key, err := seal.NewKey(kind == "hybrid")
		if err != nil {
			return nil, fmt.Errorf("measure sealing: %w", err)
		}
		to, err := recipient(key.Recipient, kind == "hybrid")
		if err != nil {
			return nil, fmt.Errorf("measure sealing: %w", err)
		}
		content, padded := bytes.Repeat([]byte("a"), sealedSize), bytes.Repeat([]byte("a"), 1280)
		where := seal.Message("5f0f9b1e-6a64-4c56-9a42-0d8f3f2f6f11", 12)
		ours, bare, err := alternate(ctx, rounds, func() (float64, error) {
			return each(sealed, func() error {
				_, err := seal.Seal(key.Recipient, where, content)
				return err
			})
		}, func() (float64, error) {
			return each(sealed, func() error { return encrypt(to, padded) })
		})
		if err != nil {
			return nil, fmt.Errorf("measure sealing: %w", err)
		}
		figures = append(figures, Compare("sealing a message, "+kind+", beside a bare age.Encrypt", "µs", ours, bare))
	}
	return figures, nil
}

func recipient(text string, hybrid bool) (age.Recipient, error) {
	if hybrid {
		return age.ParseHybridRecipient(text)
	}
	return age.ParseX25519Recipient(text)
}

func encrypt(to age.Recipient, payload []byte) error {
	var file bytes.Buffer
	w, err := age.Encrypt(&file, to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, bytes.NewReader(payload)); err != nil {
		return err
	}
	return w.Close()
}

// alternate measures two ways in short turns, one after the other, and returns
// the median of each round's turns.
func alternate(ctx context.Context, rounds int, one, other func() (float64, error)) (ours, bare series, err error) {
	for range rounds {
		var a, b series
		for range turns {
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
			x, err := one()
			if err != nil {
				return nil, nil, err
			}
			y, err := other()
			if err != nil {
				return nil, nil, err
			}
			a, b = append(a, x), append(b, y)
		}
		ours, bare = append(ours, a.median()), append(bare, b.median())
	}
	return ours, bare, nil
}

// each returns how long one of n calls took on average, in µs.
func each(n int, do func() error) (float64, error) {
	start := time.Now()
	for range n {
		if err := do(); err != nil {
			return 0, err
		}
	}
	return time.Since(start).Seconds() * 1e6 / float64(n), nil
}

// Decide measures one policy decision, from the input's struct to the bytes
// that go to the log, beside writing and reading the same input as JSON: what
// any rule engine would have to do at the least. Times in µs; a turn's figure
// is the median of its decisions.
func Decide(ctx context.Context, rounds int) ([]Figure, error) {
	p, err := loadedPolicy()
	if err != nil {
		return nil, fmt.Errorf("measure policy: %w", err)
	}
	var figures []Figure
	for _, in := range inputs() {
		ours, bare, err := alternate(ctx, rounds, func() (float64, error) {
			took := make(series, 0, decided)
			for range decided {
				start := time.Now()
				d, err := p.Decide(ctx, in)
				if err != nil || !d.Allow {
					return 0, errors.Join(fmt.Errorf("%s is not allowed: %v", in.Point(), d.Reasons), err)
				}
				took = append(took, time.Since(start).Seconds()*1e6)
			}
			return took.median(), nil
		}, func() (float64, error) {
			return each(decided, func() error {
				raw, err := json.Marshal(in)
				if err != nil {
					return err
				}
				var back any
				return json.Unmarshal(raw, &back)
			})
		})
		if err != nil {
			return nil, fmt.Errorf("measure policy: %w", err)
		}
		figures = append(figures, Compare("decision "+string(in.Point())+", beside JSON there and back", "µs", ours, bare))
	}
	return figures, nil
}

// loadedPolicy is the production policy, loaded as the custodian would.
func loadedPolicy() (*policy.Policy, error) {
	sources, err := policy.Embedded(policy.Production)
	if err != nil {
		return nil, err
	}
	bundle, err := policy.Build(sources)
	if err != nil {
		return nil, err
	}
	return policy.Load(bundle, policy.Revision(bundle))
}

// inputs are allowed at the points that stand under the head lock most often.
func inputs() []policy.Input {
	const caseID = "5f0f9b1e-6a64-4c56-9a42-0d8f3f2f6f11"
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	agent := policy.Actor{ID: "s-1f3a5b7c9d0e1f2a", Person: "p-77c1a2b3c4d5e6f7", Role: policy.RoleAgent}
	supervisor := policy.Actor{ID: "s-2f3a5b7c9d0e1f2a", Person: "p-87c1a2b3c4d5e6f7", Role: policy.RoleSupervisor}
	open := policy.Conversation{State: policy.ConversationOpen, Participants: []policy.Participant{
		{ID: agent.ID, Person: agent.Person, Role: agent.Role, Active: true},
	}}
	needed := []policy.ApprovalNeeded{{Role: policy.RoleSupervisor, Count: 1}}
	facets := []string{"connection", "location"}
	esc := policy.Escalation{
		ID: "0f8f9b1e-6a64-4c56-9a42-0d8f3f2f6f12", State: "requested", Ground: "imminent_danger",
		Request:     "5n2Vv9nqY6l5m4hJmLx0G6l0a9yqkzZ8s1sYbYx3g0E=",
		RequestedAt: policy.At(now.Add(-time.Minute)), Requester: agent, Asked: facets, AnswerBy: policy.At(now.Add(9 * time.Minute)),
		Approvals: []policy.ApprovalGiven{}, Needed: needed, Granted: []string{}, UseWithinS: 900, ReadForS: 3600, UsesAllowed: 1,
		AnswerWithinS: 600, WidenAt: policy.At(now.Add(4 * time.Minute)),
		BreakGlassAfterS: 300, BreakGlassFrom: policy.At(now.Add(4 * time.Minute)), Confirmations: []policy.Confirmation{},
		Answered: []policy.Actor{}, Consent: policy.Consent{Facets: []string{}}, Tellings: []policy.Telling{},
	}
	approved := esc
	approved.State, approved.Granted, approved.UseBy = "approved", facets, policy.At(now.Add(10*time.Minute))
	approved.Approvals = []policy.ApprovalGiven{{Actor: supervisor, Facets: facets, At: policy.At(now.Add(-30 * time.Second))}}
	return []policy.Input{
		policy.ConversationRead{At: policy.At(now), Actor: agent, Case: caseID, Conversation: open},
		policy.EscalationRequest{
			At: policy.At(now), Actor: agent, Case: caseID, Conversation: open, Ground: "imminent_danger",
			Assessment: policy.Assessment{
				Immediacy: "now", Violence: "ongoing", Suicide: "none", PerpetratorPresent: "yes", Captive: "unknown",
				AgeBand: "13_15", Alone: "no", LocationKnown: "no", PsychologistOpinion: "none",
			},
			Facets: facets, Evidence: []int64{3, 5, 8}, Messages: 12, Pending: []policy.Pending{},
			Consent: policy.Consent{Facets: []string{}}, Requisition: policy.Requisition{Facets: []string{}},
			OnDuty: []policy.OnDuty{{Role: policy.RoleSupervisor, Persons: 2}},
		},
		policy.EscalationApprove{
			At: policy.At(now), Actor: supervisor, Case: caseID, Conversation: open, Verdict: policy.VerdictApprove,
			Request: esc.Request, Facets: facets, Escalation: esc,
			Session: "x-1", Reads: []policy.Reading{{Actor: supervisor, Session: "x-1", At: policy.At(now.Add(-time.Second))}},
		},
		policy.IdentityRelease{At: policy.At(now), Actor: agent, Case: caseID, Conversation: open, Facets: facets, Escalation: approved},
	}
}
