package conversation

import (
	"time"

	"github.com/sceau-project/sceau/crypto/seal"
)

// A SealedConsent is a consent as PostgreSQL has it: a projection, to be shown and
// never decided from.
type SealedConsent struct {
	ID         string
	Facets     []Facet
	At         time.Time
	Withdrawn  bool
	Ciphertext []byte // of the words
}

// Open opens the words with their file key. The error wraps seal.ErrContext or
// seal.ErrDamaged.
func (g SealedConsent) Open(caseID string, fileKey []byte) (words string, err error) {
	t, err := seal.OpenText(g.Ciphertext, fileKey, seal.Consent(caseID, g.ID))
	return t.Text, err
}

// A SealedOpinion is an opinion as PostgreSQL has it.
type SealedOpinion struct {
	ID         string
	By         string // account
	Opinion    string
	At         time.Time
	Ciphertext []byte // of the note
}

// Open opens the note with its file key. The error wraps seal.ErrContext or
// seal.ErrDamaged.
func (o SealedOpinion) Open(caseID string, fileKey []byte) (note string, err error) {
	t, err := seal.OpenText(o.Ciphertext, fileKey, seal.Opinion(caseID, o.ID))
	return t.Text, err
}
