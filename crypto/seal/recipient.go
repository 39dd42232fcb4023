package seal

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrUnsigned means that no pinned key signed a recipient as that of its case
// and class: nothing may be sealed to it.
var ErrUnsigned = errors.New("the recipient is not signed for this case")

const recipientVersion = "sceau.recipient/v1"

// RecipientStatement is what the custodian has signed when it makes a case, and
// what whoever seals to the recipient checks:
//
//	sceau.recipient/v1\n
//	<case>\n        the case's UUID
//	<class>\n       transcript or identity
//	<recipient>\n   as age writes it
//
// No field can hold a line feed, so a statement reads in one way only.
func RecipientStatement(caseID, class, recipient string) ([]byte, error) {
	if !caseForm.MatchString(caseID) || (class != Transcript && class != Identity) {
		return nil, fmt.Errorf("no recipient has the class %.20q of case %.36q", class, caseID)
	}
	if !strings.HasPrefix(recipient, "age1") || len(recipient) > MaxHeader || strings.ContainsFunc(recipient, notRecipient) {
		return nil, fmt.Errorf("the %s recipient of case %s has not the form of one", class, caseID)
	}
	return []byte(recipientVersion + "\n" + caseID + "\n" + class + "\n" + recipient + "\n"), nil
}

// notRecipient: Bech32 in lower case is letters and digits.
func notRecipient(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }

// RecipientKeys are the Ed25519 keys that may have signed a recipient: one, and
// during a change of keys its successor too.
type RecipientKeys []ed25519.PublicKey

// ParseRecipientKeys reads keys as Vault shows them: 32 bytes in padded
// standard base64. It refuses to read none, and one twice.
func ParseRecipientKeys(texts []string) (RecipientKeys, error) {
	if len(texts) == 0 {
		return nil, errors.New("no key that signs recipients")
	}
	keys := make(RecipientKeys, 0, len(texts))
	seen := map[string]bool{}
	for _, text := range texts {
		key, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(key) != ed25519.PublicKeySize || strings.ContainsAny(text, "\r\n") {
			return nil, fmt.Errorf("a key that signs recipients is %d bytes in standard base64", ed25519.PublicKeySize)
		}
		if seen[text] {
			return nil, errors.New("a key that signs recipients is listed twice")
		}
		seen[text] = true
		keys = append(keys, key)
	}
	return keys, nil
}

// Verify checks that one of the keys signed recipient for this class of this
// case. The error is [ErrUnsigned]; without keys nothing is signed.
func (k RecipientKeys) Verify(caseID, class, recipient string, signature []byte) error {
	statement, err := RecipientStatement(caseID, class, recipient)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	for _, key := range k {
		if len(key) == ed25519.PublicKeySize && ed25519.Verify(key, statement, signature) {
			return nil
		}
	}
	return fmt.Errorf("%w: %s of case %s", ErrUnsigned, class, caseID)
}
