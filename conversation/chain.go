package conversation

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const chainDomain = "sceau.messages/v1\n"

// ErrChain means that the messages found are not those whose head was recorded:
// one is missing, altered, moved, or of another conversation.
var ErrChain = errors.New("message chain is broken")

// ChainStart is what the message at position 0 follows. It binds the chain to its
// case, so that the messages of one cannot stand in for another's.
func ChainStart(caseID string) [32]byte {
	return sha256.Sum256([]byte(chainDomain + caseID + "\n"))
}

// ChainNext is the link of the message at position, whose ciphertext has the
// SHA-256 ciphertextSHA, after the link prev. The inputs of ChainStart and
// ChainNext differ in length, so neither can be taken for the other.
func ChainNext(prev [32]byte, position int, ciphertextSHA [32]byte) [32]byte {
	b := make([]byte, 0, len(chainDomain)+8+2*sha256.Size)
	b = append(b, chainDomain...)
	b = binary.BigEndian.AppendUint64(b, uint64(position))
	b = append(b, ciphertextSHA[:]...)
	b = append(b, prev[:]...)
	return sha256.Sum256(b)
}

// A Head is a link that an entry recorded.
type Head struct {
	Messages int      // how many messages there were: the link is of position Messages-1
	Link     [32]byte // of the last one
	Seq      int64    // the entry
	Binds    bool     // the custodian recorded it, having verified the messages itself
}

// Binding returns the heads that messages must agree with. A face records what its
// database tells it: were that enough, whoever breaks into one could make any
// conversation unreadable for ever with one false head.
func Binding(heads []Head) []Head {
	var binding []Head
	for _, h := range heads {
		if h.Binds {
			binding = append(binding, h)
		}
	}
	return binding
}

// Doubtful returns those of the heads that these messages do not agree with: nothing
// is refused for the sake of one that does not bind, and somebody should look.
func Doubtful(caseID string, ciphertextSHAs [][32]byte, heads []Head) []Head {
	var doubtful []Head
	for _, h := range heads {
		if _, err := CheckChain(caseID, ciphertextSHAs, []Head{h}); err != nil {
			doubtful = append(doubtful, h)
		}
	}
	return doubtful
}

// FormatHead writes a link as the entries do: "sha256:" and 64 lower-case
// hexadecimal digits.
func FormatHead(link [32]byte) string { return "sha256:" + hex.EncodeToString(link[:]) }

// ParseHead reads what [FormatHead] writes, and nothing else.
func ParseHead(s string) ([32]byte, error) {
	var link [32]byte
	digits, ok := strings.CutPrefix(s, "sha256:")
	if !ok || len(digits) != 64 || strings.ToLower(digits) != digits {
		return link, fmt.Errorf("head %.80q is not sha256: and 64 digits", s)
	}
	if _, err := hex.Decode(link[:], []byte(digits)); err != nil {
		return link, fmt.Errorf("head %.80q is not sha256: and 64 digits", s)
	}
	return link, nil
}

// CheckChain recomputes the chain of a case's messages from the SHA-256 of their
// ciphertexts, in order from position 0, and compares it with every head that was
// recorded. Messages after the last head are linked but vouched for by nothing yet.
// It returns the link of the last message. The error wraps [ErrChain].
func CheckChain(caseID string, ciphertextSHAs [][32]byte, heads []Head) ([32]byte, error) {
	links := make([][32]byte, len(ciphertextSHAs))
	link := ChainStart(caseID)
	for i, sum := range ciphertextSHAs {
		link = ChainNext(link, i, sum)
		links[i] = link
	}
	for _, h := range heads {
		if h.Messages < 1 || h.Messages > len(links) {
			return link, fmt.Errorf("%w: entry %d saw %d messages, %d are there", ErrChain, h.Seq, h.Messages, len(links))
		}
		if links[h.Messages-1] != h.Link {
			return link, fmt.Errorf("%w: the first %d messages are not those of entry %d", ErrChain, h.Messages, h.Seq)
		}
	}
	return link, nil
}
