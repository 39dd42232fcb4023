package custodian

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// errLogAltered means that entries are not those that the chain once held.
var errLogAltered = errors.New("the log is not the one that was followed")

// A trail is a log as far as it was followed, from its first entry on: where it
// stands, and one digest of each case's entries. A case that is read later must
// come to the same digest, so that an entry of it that was changed, removed,
// hidden or slipped in shows, wherever in the log it stands.
//
// It takes some 60 bytes a case, and nothing an entry but for what is watched.
type trail struct {
	next  int64      // number of the next entry
	head  audit.Hash // of the last, or of the origin
	cases map[uuid.UUID]audit.Hash
	watch watch
}

func newTrail(origin string, pinned policy.Verification) *trail {
	return &trail{head: audit.Genesis(origin), cases: map[uuid.UUID]audit.Hash{}, watch: newWatch(pinned)}
}

// extend follows one more entry, which must continue those followed before. The
// case is the leaf's own: the column beside it is PostgreSQL's word. remembered
// is what an earlier life saw, nil when it saw nothing.
//
// Only the beginning of the leaf is read, as the trigger on the log does: an
// entry that somebody wrote with nonsense behind it condemns the case it names,
// when that is read, and not the whole log.
func (t *trail) extend(seq int64, leaf []byte, remembered *seen) error {
	if seq != t.next {
		return fmt.Errorf("%w: entry %d is missing", errLogAltered, t.next)
	}
	hash := audit.LeafHash(leaf)
	if remembered != nil && remembered.Seq == seq && hash != remembered.Hash {
		return fmt.Errorf("%w: entry %d was seen and is another", errRolledBack, seq)
	}
	if !continues(leaf, seq, t.head) {
		return fmt.Errorf("%w: entry %d does not continue the one before", errLogAltered, seq)
	}
	if id, ok := caseIn(leaf); ok {
		t.cases[id] = digestNext(t.cases[id], hash)
	}
	t.watch.note(seq, leaf, hash)
	t.next, t.head = seq+1, hash
	return nil
}

// of is the digest of a case's entries, zeros when there are none.
func (t *trail) of(caseID string) audit.Hash {
	id, err := uuid.Parse(caseID)
	if err != nil {
		return audit.Hash{}
	}
	return t.cases[id]
}

// digestNext takes one more entry into the digest of a case. It never leaves
// the process.
func digestNext(digest, leaf audit.Hash) audit.Hash {
	var both [2 * len(audit.Hash{})]byte
	copy(both[:], digest[:])
	copy(both[len(digest):], leaf[:])
	return sha256.Sum256(both[:])
}

// continues says whether a leaf has this number and names this hash as the one
// before it.
func continues(leaf []byte, seq int64, prev audit.Hash) bool {
	rest, ok := bytes.CutPrefix(leaf, fmt.Appendf(nil, `{"v":%d,"seq":%d,"at":"`, audit.Version, seq))
	_, rest, found := bytes.Cut(rest, []byte(`"`))
	return ok && found && bytes.HasPrefix(rest, []byte(`,"prev":"`+prev.String()+`"`))
}

// caseIn finds the case in a leaf, where the trigger on the log finds it too: no
// actor before it can hold a quotation mark.
func caseIn(leaf []byte) (id uuid.UUID, ok bool) {
	const length = 36 // of a UUID in text
	_, rest, ok := bytes.Cut(leaf, []byte(`},"action":"`))
	if !ok {
		return id, false
	}
	_, rest, _ = bytes.Cut(rest, []byte(`"`))
	rest, ok = bytes.CutPrefix(rest, []byte(`,"case":"`))
	if !ok || len(rest) < length {
		return id, false
	}
	id, err := uuid.ParseBytes(rest[:length])
	return id, err == nil
}
