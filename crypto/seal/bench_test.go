package seal_test

import (
	"bytes"
	"io"
	"testing"

	"filippo.io/age"

	"github.com/sceau-project/sceau/crypto/seal"
)

// BenchmarkSeal seals a message of 1,000 bytes; BenchmarkAge does the bare
// work on a payload of the same padded size, the recipient parsed beforehand.
func BenchmarkSeal(b *testing.B) {
	for name, hybrid := range map[string]bool{"hybrid": true, "x25519": false} {
		b.Run(name, func(b *testing.B) {
			key := newKey(b, hybrid)
			content := bytes.Repeat([]byte("a"), 1000)
			for b.Loop() {
				if _, err := seal.Seal(key.Recipient, seal.Message(caseA, 12), content); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAge(b *testing.B) {
	for name, hybrid := range map[string]bool{"hybrid": true, "x25519": false} {
		b.Run(name, func(b *testing.B) {
			var to age.Recipient
			if hybrid {
				id, err := age.GenerateHybridIdentity()
				if err != nil {
					b.Fatal(err)
				}
				to = id.Recipient()
			} else {
				id, err := age.GenerateX25519Identity()
				if err != nil {
					b.Fatal(err)
				}
				to = id.Recipient()
			}
			payload := bytes.Repeat([]byte("a"), 1280)
			for b.Loop() {
				var file bytes.Buffer
				w, err := age.Encrypt(&file, to)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(w, bytes.NewReader(payload)); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
