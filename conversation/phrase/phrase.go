// Package phrase makes and reads recovery phrases: the eight words with which a
// minor comes back to a conversation.
//
// A phrase is eight words of the French BIP-39 list, each drawn uniformly from
// 2,048: 88 bits, and no checksum, since the phrase is looked up rather than
// decoded: a checksum would only make guessing easier.
//
//	"poésie moelleux abeille wagon tulipe frégate cabanon sirop"
//
// What a child types is read tolerantly. Accents and case do not matter, words
// may be separated by anything that is not a letter (a hyphen, a comma, a new
// line, "1."), and a word may be cut after its fourth letter, because no two
// words of the list begin with the same four. [Normalise] brings all of these
// to one form, and only that form is ever compared, through an HMAC that this
// package knows nothing of:
//
//	"poesie moelleux abeille wagon tulipe fregate cabanon sirop"
//
// Neither a phrase nor a word of it appears in an error.
package phrase

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// Words is the number of words in a phrase.
	Words = 8

	// maxInput bounds what Normalise reads, in bytes. Eight words of eight
	// letters fit many times over; a body of megabytes is not a phrase.
	maxInput = 512

	prefixLen = 4 // letters that tell any two words of the list apart
	listLen   = 2048
)

// ErrWordCount says that the text does not hold exactly eight words.
var ErrWordCount = errors.New("a recovery phrase has eight words")

// UnknownWordError says which word is not in the list, and not which word it is:
// six good words in a log would leave 22 bits to guess.
type UnknownWordError struct {
	Index int // 0 for the first word
}

func (e *UnknownWordError) Error() string {
	return fmt.Sprintf("word %d of the recovery phrase is not in the list", e.Index+1)
}

//go:embed french.txt
var french string

var (
	list     = strings.Fields(french)
	byPrefix = indexByPrefix(list)
)

// indexByPrefix maps the first four letters of each word, without accents, to
// the whole word without accents. It panics on a list that BIP-39 would not
// accept: a wrong list would weaken every phrase and nobody would notice.
func indexByPrefix(words []string) map[string]string {
	index := make(map[string]string, len(words))
	for _, w := range words {
		p := fold(w)
		if len(p) < prefixLen {
			panic("phrase: a word of the list is shorter than four letters")
		}
		index[p[:prefixLen]] = p
	}
	if len(words) != listLen || len(index) != listLen {
		panic("phrase: the list does not hold 2,048 words that differ in their first four letters")
	}
	return index
}

// New draws a phrase from random, which is crypto/rand.Reader in service: it
// takes sixteen bytes, two for each word, of which eleven bits count. The words
// bear their accents, for the screen; give them to [Normalise] before comparing.
func New(random io.Reader) (string, error) {
	var b [2 * Words]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("drawing a recovery phrase: %w", err)
	}
	words := make([]string, Words)
	for i := range words {
		// 2,048 divides 65,536: the remainder is uniform.
		words[i] = list[binary.BigEndian.Uint16(b[2*i:])%listLen]
	}
	return strings.Join(words, " "), nil
}

// Normalise reads a phrase as a person typed it and returns its one comparable
// form: eight lower-case words without accents, separated by one space. Its
// errors are [ErrWordCount] and [*UnknownWordError].
func Normalise(typed string) (string, error) {
	if len(typed) > maxInput || !utf8.ValidString(typed) {
		return "", ErrWordCount
	}
	words := strings.FieldsFunc(fold(typed), func(r rune) bool { return !unicode.IsLetter(r) })
	if len(words) != Words {
		return "", ErrWordCount
	}
	for i, w := range words {
		whole, ok := lookUp(w)
		if !ok {
			return "", &UnknownWordError{Index: i}
		}
		words[i] = whole
	}
	return strings.Join(words, " "), nil
}

// lookUp finds the word of the list that w is, or that w abbreviates to four
// letters or more.
func lookUp(w string) (string, bool) {
	if len(w) < prefixLen {
		return "", false
	}
	whole, ok := byPrefix[w[:prefixLen]]
	return whole, ok && strings.HasPrefix(whole, w)
}

// fold lower-cases s and takes its accents off. Compatibility decomposition also
// undoes the ligatures and full-width letters that some keyboards produce.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(s))
}
