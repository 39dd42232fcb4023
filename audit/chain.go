package audit

import (
	"bytes"
	"encoding/base64"
	"errors"
)

// A Chain follows a log entry by entry and says whether each continues the one
// before. Its zero value is no chain: use [NewChain] or [ContinueChain].
type Chain struct {
	Seq  int64 // of the next entry
	Head Hash  // of the last entry, or what stands in its place

	at    [len(timeLayout)]byte // of the last entry; zeros sort before any time
	leaf  scanned               // scratch, so that Next need not allocate
	known bool                  // leaf was of a version this package reads
}

// NewChain follows a log from its first entry.
func NewChain(origin string) *Chain { return ContinueChain(0, Genesis(origin)) }

// ContinueChain follows a log from entry seq on, whose `prev` must be prev.
func ContinueChain(seq int64, prev Hash) *Chain { return &Chain{Seq: seq, Head: prev} }

// Next checks that leaf is well-formed and continues the chain, and returns its
// hash. The error is a *[Damage] that names c.Seq; the chain then stays where
// it was. Of a leaf of an unknown version only the place in the chain is
// checked.
func (c *Chain) Next(leaf []byte) (Hash, error) {
	if d := c.next(leaf, LeafHash(leaf)); d != nil {
		return Hash{}, d
	}
	return c.Head, nil
}

func (c *Chain) next(leaf []byte, hash Hash) *Damage {
	c.known = true
	if err := scan(leaf, &c.leaf); err != nil {
		var unknown *UnknownVersionError
		if !errors.As(err, &unknown) {
			return damaged(c.Seq, CodeLeaf, "%v", err)
		}
		c.known = false
	}
	if c.leaf.seq != c.Seq {
		return damaged(c.Seq, CodeSeq, "the entry here says seq %d", c.leaf.seq)
	}
	var prev [hashLen]byte
	base64.StdEncoding.Encode(prev[:], c.Head[:])
	if !bytes.Equal(prev[:], c.leaf.prev) {
		return damaged(c.Seq, CodePrev, "prev is %s, the hash before is %s", c.leaf.prev, string(prev[:]))
	}
	// The layout has fixed width and the largest unit first: text order is time order.
	if bytes.Compare(c.leaf.at, c.at[:]) < 0 {
		return damaged(c.Seq, CodeTime, "at is %s, after %s", c.leaf.at, string(c.at[:]))
	}
	copy(c.at[:], c.leaf.at)
	c.Seq++
	c.Head = hash
	return nil
}
