package custodian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/sceau-project/sceau/custodian/order"
)

// A database that breaks in the middle of an order is named, wherever the order
// was; what nobody has foreseen is a fault of the custodian's.
func TestRefusalNamesWhatIsDown(t *testing.T) {
	for _, c := range []struct {
		err  error
		code string
	}{
		{fmt.Errorf("reading the entries of the case: %w", io.ErrUnexpectedEOF), order.CodePostgresDown},
		{context.DeadlineExceeded, order.CodePostgresDown},
		{fmt.Errorf("reading the entries of the case: %w", context.Canceled), order.CodeAbandoned},
		{fmt.Errorf("%w: reading a case key: %w", errTooLate, context.DeadlineExceeded), order.CodeTooLate},
		{errors.New("something else"), order.CodeInternal},
	} {
		if got := refusal(c.err).Code; got != c.code {
			t.Errorf("%v: %s, want %s", c.err, got, c.code)
		}
	}
}
