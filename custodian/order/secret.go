package order

import (
	"fmt"
	"log/slog"
)

const hidden = "[hidden]"

// Secret is a string that prints as a placeholder: a token, a phrase, an
// idempotency key. It travels in clear inside JSON and nowhere else.
type Secret string

// Format prints a placeholder whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue logs a placeholder.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// Key is the file key of one age file, 16 bytes. It prints as a placeholder.
type Key []byte

// Format prints a placeholder whatever the verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue logs a placeholder.
func (Key) LogValue() slog.Value { return slog.StringValue(hidden) }
