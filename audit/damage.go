package audit

import "fmt"

// A Code names one kind of damage, or of warning, for programs and for
// translation.
type Code string

// What the verifier finds.
const (
	CodeUnreadable Code = "unreadable" // a file is missing or cannot be read
	CodeMeta       Code = "meta"       // meta.json is not as the format says
	CodeLeaf       Code = "leaf"       // a line is not what a writer would have written
	CodeSeq        Code = "seq"        // not the number after the last one
	CodePrev       Code = "prev"       // not the hash of the entry before
	CodeTime       Code = "time"       // earlier than the entry before
	CodeCut        Code = "cut"        // the log ends before meta.json says
	CodeNewline    Code = "newline"    // the last line has no newline
	CodeSurplus    Code = "surplus"    // lines after the last that meta.json counts
	CodeHead       Code = "head"       // the last hash is not meta.json's head
	CodeVia        Code = "via"        // an action this writer may not record
	CodeIntent     Code = "intent"     // a release's outcome without its intent
	CodeOpening    Code = "opening"    // an opening is malformed, or not what was committed to
	CodeKnown      Code = "known"      // not the hash that the caller holds for this entry
	CodeBundle     Code = "bundle"     // a policy bundle is missing, or not what its name says
	CodeLife       Code = "life"       // the custodian recorded what no rule allows (package inspection)
	CodeReplay     Code = "replay"     // a decision, asked again, is another (package inspection)
	CodePolicy     Code = "policy"     // a decision by rules that were not in force (package inspection)

	CodePossiblyOpened Code = "possibly_opened" // warning: an intent without outcome
	CodeUnfounded      Code = "unfounded"       // warning: a face recorded a decision by a policy, or on facts, that are not the log's
	CodeReviewOverdue  Code = "review_overdue"  // warning: a broken glass that nobody reviewed in time
	CodeDisregarded    Code = "disregarded"     // warning: an entry of a face that no rule allows; nothing followed from it
	CodeActivation     Code = "activation"      // warning: an activation of policy that the caller's signers do not bear out
)

// NoSeq stands in [Damage.Seq] where the damage is not tied to an entry.
const NoSeq int64 = -1

// A Damage is the first thing wrong with a log, in the order of its entries.
type Damage struct {
	Seq    int64 // the first entry that cannot be relied on, or NoSeq
	Code   Code
	Detail string // in English, for an engineer; may be empty
}

func (d *Damage) Error() string {
	at := fmt.Sprintf("seq %d", d.Seq)
	if d.Seq == NoSeq {
		at = "export"
	}
	if d.Detail == "" {
		return fmt.Sprintf("%s: %s", at, d.Code)
	}
	return fmt.Sprintf("%s: %s: %s", at, d.Code, d.Detail)
}

func damaged(seq int64, code Code, format string, args ...any) *Damage {
	return &Damage{Seq: seq, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// A Warning is what an inspector must look at in a log that holds.
type Warning struct {
	Seq    int64
	Code   Code
	Case   string
	Detail string // in English, for an engineer; may be empty
}
