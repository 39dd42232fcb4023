package audit

import (
	"fmt"
	"slices"
)

// writers says which processes may record an action. PostgreSQL refuses the
// others when they append; a log in which one is found was not written through
// it.
var writers = map[string]uint8{
	string(ActionConversationOpened):     byPublic,
	string(ActionConversationJoined):     byStaff,
	string(ActionConversationRead):       byCustodian,
	string(ActionConversationHandedOver): byStaff,
	string(ActionConversationClosed):     byPublic | byStaff,

	string(ActionPsychologistAsked): byStaff,

	string(ActionConsentGiven):     byPublic,
	string(ActionConsentWithdrawn): byPublic,

	string(ActionIdentitySealed):         byPublic,
	string(ActionIdentityReleaseOrdered): byCustodian,
	string(ActionIdentityReleased):       byCustodian,
	string(ActionIdentityReleaseFailed):  byCustodian,
	string(ActionIdentityViewed):         byCustodian,
	string(ActionIdentityPrinted):        byStaff,

	string(ActionEscalationRequested):           byStaff,
	string(ActionEscalationRefused):             byStaff,
	string(ActionEscalationWidened):             byStaff,
	string(ActionEscalationApprovalGiven):       byStaff,
	string(ActionEscalationApproved):            byStaff,
	string(ActionEscalationDenied):              byStaff,
	string(ActionEscalationWithdrawn):           byStaff,
	string(ActionEscalationExpired):             byStaff,
	string(ActionEscalationRevoked):             byStaff,
	string(ActionEscalationBreakGlassConfirmed): byCustodian,
	string(ActionEscalationGlassBroken):         byStaff,
	string(ActionEscalationReviewed):            byStaff,
	string(ActionEscalationClosed):              byStaff,

	string(ActionEvidenceRead):     byCustodian,
	string(ActionPhraseIssued):     byCustodian,
	string(ActionPhraseReturned):   byCustodian,
	string(ActionMinorTold):        byStaff,
	string(ActionReceiptGiven):     byCustodian,
	string(ActionOpinionRecorded):  byStaff,
	string(ActionHoldSet):          byStaff,
	string(ActionHoldLifted):       byCustodian,
	string(ActionErasureRequested): byPublic,
	string(ActionErasureDecided):   byCustodian,
	string(ActionKeyCreated):       byCustodian,
	string(ActionKeyDestroyed):     byCustodian,
	string(ActionOpeningsErased):   byCustodian,
	string(ActionPolicyActivated):  byOperator,
	string(ActionStaffSignedIn):    byStaff,
	string(ActionStaffSignedOut):   byStaff,
	string(ActionStaffSuspended):   byOperator,
	string(ActionStaffRestored):    byOperator,
	string(ActionLogRead):          byStaff,
	string(ActionLogExported):      byOperator,
	string(ActionLogPruned):        byOperator,
	string(ActionLogContinued):     byOperator,
	string(ActionClockStepped):     byCustodian,
}

const (
	byPublic uint8 = 1 << iota
	byStaff
	byCustodian
	byPublisher
	byOperator
)

func viaBit(via []byte) uint8 {
	switch Via(via) {
	case ViaPublic:
		return byPublic
	case ViaStaff:
		return byStaff
	case ViaCustodian:
		return byCustodian
	case ViaPublisher:
		return byPublisher
	case ViaOperator:
		return byOperator
	}
	return 0
}

// MayRecord reports whether the process via may append action, and whether the
// action is one that this version knows.
func MayRecord(via Via, action Action) (may, known bool) {
	by, known := writers[string(action)]
	return by&viaBit([]byte(via)) != 0, known
}

// rules are what the content of the entries must satisfy beyond the chain. Their
// memory grows with the releases under way, not with the log.
type rules struct {
	pruned   bool // entries before the first were not seen
	unknown  int64
	intents  map[Hash]intent
	policies map[string]int64 // policy → first entry that names it, of a writer that is believed
	claimed  map[string]int64 // policy → first entry of a face that names it: whoever breaks into one may name any
}

type intent struct {
	seq    int64
	caseID string
}

func newRules(pruned bool) *rules {
	return &rules{pruned: pruned, intents: map[Hash]intent{}, policies: map[string]int64{}, claimed: map[string]int64{}}
}

// observe judges one entry whose place in the chain was checked.
func (r *rules) observe(e *scanned, hash Hash) *Damage {
	by, known := writers[string(e.action)]
	if !known {
		r.unknown++
	} else if by&viaBit(e.via) == 0 {
		return damaged(e.seq, CodeVia, "%s may not record %s", e.via, e.action)
	}
	if p := e.decision[2]; p != nil {
		r.name(p, e.seq, viaBit(e.via)&(byPublic|byStaff) != 0)
	}
	switch string(e.action) {
	case string(ActionPolicyActivated):
		if p := e.detail("policy"); p != nil {
			r.name(p, e.seq, false)
		}
	case string(ActionIdentityReleaseOrdered):
		r.intents[hash] = intent{seq: e.seq, caseID: string(e.caseID)}
	case string(ActionIdentityReleased), string(ActionIdentityReleaseFailed):
		return r.outcome(e)
	}
	return nil
}

// outcome strikes the intent that e answers. An outcome without an open intent
// means that a key left Vault, or was said to, outside the order of things.
func (r *rules) outcome(e *scanned) *Damage {
	text := e.detail("intent")
	if !isHash(text) {
		return damaged(e.seq, CodeIntent, "%s names no intent", e.action)
	}
	h := decodeHash(text)
	in, open := r.intents[h]
	switch {
	case open && in.caseID != string(e.caseID):
		return damaged(e.seq, CodeIntent, "the intent is entry %d, of another case", in.seq)
	case open:
		delete(r.intents, h)
	case !r.pruned:
		return damaged(e.seq, CodeIntent, "no release under way has the intent %s", text)
	}
	return nil
}

func (r *rules) name(policy []byte, seq int64, face bool) {
	names := r.policies
	if face {
		names = r.claimed
	}
	if _, ok := names[string(policy)]; !ok {
		names[string(policy)] = seq
	}
}

// detail returns the text of a string in details, nil when there is none or
// when it holds escapes, which no coded value does.
func (e *scanned) detail(key string) []byte {
	for i := range e.details {
		if f := &e.details[i]; f.kind == 's' && !f.escaped && string(f.key) == key {
			return f.text
		}
	}
	return nil
}

// warnings lists what is still open at the end of the log.
func (r *rules) warnings() []Warning {
	var ws []Warning
	for _, in := range r.intents {
		ws = append(ws, Warning{Seq: in.seq, Code: CodePossiblyOpened, Case: in.caseID})
	}
	slices.SortFunc(ws, func(a, b Warning) int { return int(a.Seq - b.Seq) })
	return ws
}

// bundleName returns the file that must hold policy.
func bundleName(policy string) (string, error) {
	const prefix = "sha256:"
	if len(policy) != len(prefix)+64 || policy[:len(prefix)] != prefix {
		return "", fmt.Errorf("policy %.80q is not named by its SHA-256", policy)
	}
	sum := policy[len(prefix):]
	if !isHex(sum) {
		return "", fmt.Errorf("policy %.80q is not named by its SHA-256", policy)
	}
	return sum + ".tar.gz", nil
}

func isHex(s string) bool {
	for i := range len(s) {
		if !hexByte[s[i]] {
			return false
		}
	}
	return true
}
