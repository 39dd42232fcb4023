package audit_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/sceau-project/sceau/audit"
)

func ordered(b *builtLog, caseID string) audit.Hash {
	return b.add(audit.Entry{Via: audit.ViaCustodian, Action: audit.ActionIdentityReleaseOrdered, Case: caseID})
}

func outcome(b *builtLog, action audit.Action, caseID string, intent audit.Hash) {
	b.add(audit.Entry{Via: audit.ViaCustodian, Action: action, Case: caseID, Details: audit.Details{"intent": intent.String()}})
}

func TestReleaseWithoutOutcomeIsPossiblyOpened(t *testing.T) {
	b := build(t)
	first := ordered(b, caseA)
	ordered(b, caseB) // the custodian died here
	outcome(b, audit.ActionIdentityReleased, caseA, first)
	r := b.verify()
	wantHolds(t, r)
	want := audit.Warning{Seq: 1, Code: audit.CodePossiblyOpened, Case: caseB}
	if len(r.Warnings) != 1 || r.Warnings[0] != want {
		t.Fatalf("warnings %v, want only %v", r.Warnings, want)
	}
}

func TestDamageOutranksWarnings(t *testing.T) {
	b := build(t)
	ordered(b, caseA)
	b.meta.Count++
	wantDamage(t, b.verify(), 1, audit.CodeCut)
}

func TestReleaseOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		write func(*builtLog)
		seq   int64 // of the damage; -1: it holds
	}{
		"released": {func(b *builtLog) {
			outcome(b, audit.ActionIdentityReleased, caseA, ordered(b, caseA))
		}, -1},
		"failed": {func(b *builtLog) {
			outcome(b, audit.ActionIdentityReleaseFailed, caseA, ordered(b, caseA))
		}, -1},
		"of no order": {func(b *builtLog) {
			outcome(b, audit.ActionIdentityReleased, caseA, audit.Hash{1})
		}, 0},
		"of another entry": {func(b *builtLog) {
			outcome(b, audit.ActionIdentityReleased, caseA, b.act(audit.ViaStaff, audit.ActionStaffSignedIn))
		}, 1},
		"of another case": {func(b *builtLog) {
			outcome(b, audit.ActionIdentityReleased, caseB, ordered(b, caseA))
		}, 1},
		"told twice": {func(b *builtLog) {
			intent := ordered(b, caseA)
			outcome(b, audit.ActionIdentityReleased, caseA, intent)
			outcome(b, audit.ActionIdentityReleaseFailed, caseA, intent)
		}, 2},
		"naming nothing": {func(b *builtLog) {
			ordered(b, caseA)
			b.add(audit.Entry{Via: audit.ViaCustodian, Action: audit.ActionIdentityReleased, Case: caseA})
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := build(t)
			c.write(b)
			if c.seq < 0 {
				wantHolds(t, b.verify())
				return
			}
			wantDamage(t, b.verify(), c.seq, audit.CodeIntent)
		})
	}
}

// The order itself may lie before the first entry of a pruned log.
func TestOutcomeInAPrunedLog(t *testing.T) {
	b := build(t)
	b.meta.First, b.meta.Prev, b.meta.Head = 10, audit.Hash{7}, audit.Hash{7}
	outcome(b, audit.ActionIdentityReleased, caseA, audit.Hash{1})
	wantHolds(t, b.verify())
}

// Who may record what: one line each. Whatever is not here is refused.
func TestWhoMayRecordWhat(t *testing.T) {
	may := map[audit.Via][]audit.Action{
		audit.ViaPublic: {
			"conversation.opened", "conversation.closed", "consent.given", "consent.withdrawn", "identity.sealed", "erasure.requested",
		},
		audit.ViaCustodian: {
			"key.created", "key.destroyed", "conversation.read", "evidence.read", "clock.stepped", "phrase.issued", "phrase.returned",
			"identity.release_ordered", "identity.released", "identity.release_failed", "identity.viewed",
			"escalation.break_glass_confirmed", "receipt.given", "openings.erased", "hold.lifted", "erasure.decided",
		},
		audit.ViaOperator: {"policy.activated", "staff.suspended", "staff.restored", "log.exported", "log.pruned", "log.continued"},
		audit.ViaStaff: {
			"conversation.joined", "conversation.handed_over", "conversation.closed", "staff.signed_in", "staff.signed_out", "identity.printed",
			"psychologist.asked", "opinion.recorded", "minor.told", "log.read", "hold.set",
			"escalation.requested", "escalation.refused", "escalation.widened", "escalation.approval_given", "escalation.approved",
			"escalation.denied", "escalation.withdrawn", "escalation.expired", "escalation.revoked",
			"escalation.glass_broken", "escalation.reviewed", "escalation.closed",
		},
		audit.ViaPublisher: nil,
	}
	all := map[audit.Action]bool{}
	allowed := map[string]bool{}
	for via, actions := range may {
		for _, action := range actions {
			all[action] = true
			allowed[fmt.Sprint(via, action)] = true
		}
	}
	for via := range may {
		for action := range all {
			want := allowed[fmt.Sprint(via, action)]
			if got, known := audit.MayRecord(via, action); got != want || !known {
				t.Errorf("MayRecord(%s, %s) = %v, %v, want %v, true", via, action, got, known, want)
			}
			if want || action == audit.ActionIdentityReleased || action == audit.ActionIdentityReleaseFailed {
				continue
			}
			b := build(t)
			b.act(audit.ViaStaff, audit.ActionStaffSignedIn)
			b.act(via, action)
			wantDamage(t, b.verify(), 1, audit.CodeVia)
		}
	}
}

func TestUnknownActionsAndVersionsAreChained(t *testing.T) {
	b := build(t)
	b.act(audit.ViaPublisher, "checkpoint.signed")
	b.raw(fmt.Appendf(nil, `{"v":2,"seq":1,"at":"2026-11-20T09:00:00.000000Z","prev":"%s","shape":{"of":["the",7,"future"]}}`, b.meta.Head))
	b.raw(fmt.Appendf(nil, `{"v":2,"seq":2,"at":"2026-11-20T09:00:00.000000Z","prev":"%s"}`, b.meta.Head))
	r := b.verify()
	wantHolds(t, r)
	if r.Unknown != 3 || len(r.Warnings) != 0 {
		t.Errorf("%d unknown, warnings %v; want 3 and none", r.Unknown, r.Warnings)
	}
	b.raw(fmt.Appendf(nil, `{"v":2,"seq":3,"at":"2026-11-20T09:00:00.000000Z","prev":"%s"}`, audit.Hash{}))
	wantDamage(t, b.verify(), 3, audit.CodePrev)
}

func TestUnknownVersionMustStillBeOneLineOfJSON(t *testing.T) {
	for _, rest := range []string{``, `,`, `,"x":}`, `,"x":"` + "\xff" + `"}`, `,"x":` + "\t" + `1}`, `}}`} {
		b := build(t)
		b.raw(fmt.Appendf(nil, `{"v":2,"seq":0,"at":"2026-11-20T09:00:00.000000Z","prev":"%s"%s`, b.meta.Head, rest))
		wantDamage(t, b.verify(), 0, audit.CodeLeaf)
	}
	b := build(t)
	b.raw(fmt.Appendf(nil, `{"v":0,"seq":0,"at":"2026-11-20T09:00:00.000000Z","prev":"%s"}`, b.meta.Head))
	wantDamage(t, b.verify(), 0, audit.CodeLeaf)
}

func TestBundles(t *testing.T) {
	bundle := []byte("the exact bytes of a bundle")
	sum := fmt.Sprintf("%x", sha256.Sum256(bundle))
	file := audit.BundlesDir + "/" + sum + ".tar.gz"
	activated := func(b *builtLog, policy string) {
		b.add(audit.Entry{Via: audit.ViaOperator, Action: audit.ActionPolicyActivated, Details: audit.Details{"policy": policy}})
	}
	decided := func(b *builtLog, policy string) {
		b.add(audit.Entry{Via: audit.ViaCustodian, Action: audit.ActionConversationRead, Decision: &audit.Decision{Policy: policy, Result: audit.ResultAllow}})
	}
	exported := func(b *builtLog) { b.act(audit.ViaOperator, audit.ActionLogExported) }
	for name, c := range map[string]struct {
		write func(*builtLog)
		seq   int64 // of the damage; -2: it holds
	}{
		"there": {func(b *builtLog) {
			activated(b, "sha256:"+sum)
			decided(b, "sha256:"+sum)
			exported(b)
			b.extra[file] = &fstest.MapFile{Data: bundle}
		}, -2},
		"no folder, not an export of the log's own": {func(b *builtLog) { activated(b, "sha256:"+sum) }, -2},
		"no folder in an export of the log's own": {func(b *builtLog) {
			exported(b)
			activated(b, "sha256:"+sum)
			exported(b)
		}, 1},
		"missing, named by a decision": {func(b *builtLog) {
			exported(b)
			decided(b, "sha256:"+sum)
			b.extra[audit.BundlesDir+"/readme.txt"] = &fstest.MapFile{}
		}, 1},
		"altered": {func(b *builtLog) {
			exported(b)
			activated(b, "sha256:"+sum)
			b.extra[file] = &fstest.MapFile{Data: bundle[1:]}
		}, 1},
		"altered, named by nobody": {func(b *builtLog) {
			exported(b)
			b.extra[file] = &fstest.MapFile{Data: bundle[1:]}
		}, audit.NoSeq},
		"not named by its hash": {func(b *builtLog) {
			activated(b, "latest")
			exported(b)
		}, 0},
		"path outside": {func(b *builtLog) {
			activated(b, "sha256:../../../../etc/passwd")
			exported(b)
		}, 0},
		"the earliest is told": {func(b *builtLog) {
			exported(b)
			for i := range 20 {
				activated(b, fmt.Sprintf("sha256:%064x", i))
			}
			exported(b)
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := build(t)
			c.write(b)
			if c.seq == -2 {
				wantHolds(t, b.verify())
				return
			}
			wantDamage(t, b.verify(), c.seq, audit.CodeBundle)
		})
	}
}
