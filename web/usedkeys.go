package web

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
)

// usedKeys remembers for an hour, in this process's memory, what each
// Idempotency-Key was used for. Acts that are entries are remembered by the
// log, for good and for every process; this catches a key used again for
// something else where there is no such memory: a recovery phrase, a return,
// the reading of evidence. Those may be repeated, and their repeat is done anew.
type usedKeys struct {
	keys *expirable.LRU[[sha256.Size]byte, [sha256.Size]byte]
}

func newUsedKeys() *usedKeys {
	// 100,000 keys are 10 MB.
	return &usedKeys{expirable.NewLRU[[sha256.Size]byte, [sha256.Size]byte](100_000, nil, time.Hour)}
}

// id names a key of a caller. Keys of different callers never meet.
func (u *usedKeys) id(ctx context.Context, a act) [sha256.Size]byte {
	who := "anyone"
	if c, ok := ctx.Value(callerKey{}).(caller); ok {
		who = c.key
	}
	return sha256.Sum256([]byte(who + "\x00" + a.key))
}

// elsewhere says whether the key was used for something else.
func (u *usedKeys) elsewhere(ctx context.Context, a act) bool {
	before, used := u.keys.Get(u.id(ctx, a))
	return used && before != a.body
}

func (u *usedKeys) remember(ctx context.Context, a act) { u.keys.Add(u.id(ctx, a), a.body) }
