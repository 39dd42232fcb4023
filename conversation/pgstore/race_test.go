package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/conversation/pgstore"
)

// together runs n functions at once and returns what each said.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

func TestFiftyWriteAtOnce(t *testing.T) {
	w := newWorld(t)
	w.hire(amal)
	o := w.open()
	ctx := t.Context()
	w.ok(w.staff.Join(ctx, amal, o.Case, clientKey()))
	const writers = 50
	errs := together(writers, func(i int) error {
		for n := range 4 {
			text, key := fmt.Sprintf("message %d de %d", n, i), clientKey()
			for range 2 { // each twice: an impatient finger
				var err error
				if i%2 == 0 {
					_, err = w.public.WriteAsMinor(ctx, o.Case, key, text)
				} else {
					_, err = w.staff.WriteAsStaff(ctx, amal, o.Case, key, text)
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	w.ok(errors.Join(errs...))
	w.ok(w.staff.CloseAsAgent(ctx, amal, o.Case, clientKey()))
	seen := map[string]bool{}
	for _, text := range w.texts(o.Case)[1:] {
		if seen[text] {
			t.Errorf("%q was written twice", text)
		}
		seen[text] = true
	}
	if len(seen) != 4*writers {
		t.Errorf("%d messages, want %d", len(seen), 4*writers)
	}
}

func TestManyJoinAtOnce(t *testing.T) {
	w := newWorld(t)
	var agents []audit.Actor
	for i := range 12 {
		agents = append(agents, audit.Actor{ID: fmt.Sprintf("s-%d", i), Person: fmt.Sprintf("p-%d", i), Role: "agent"})
	}
	w.hire(agents...)
	second := w.store(audit.ViaStaff) // another process
	for range 5 {
		o := w.open()
		errs := together(len(agents), func(i int) error {
			store := w.staff
			if i%2 == 0 {
				store = second
			}
			return store.Join(t.Context(), agents[i], o.Case, clientKey())
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, conversation.ErrTaken) {
				t.Errorf("a loser of the race: %v", err)
			}
		}
		c := w.fold(o.Case)
		if won != 1 || len(c.Participants) != 1 {
			t.Errorf("%d agents joined, the log has %+v", won, c.Participants)
		}
	}
}

func TestManyOpenAtOnce(t *testing.T) {
	w := newWorld(t)
	second := w.store(audit.ViaPublic)
	const ready, children = 10, 16
	w.ready(ready)
	var mu sync.Mutex
	tokens := map[string]string{}
	errs := together(children, func(i int) error {
		store := w.public
		if i%2 == 0 {
			store = second
		}
		o, err := store.Open(t.Context(), clientKey(), pgstore.Opening{PostalCode: "97400", Topic: conversation.TopicNeglect, From: somewhere})
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			tokens[o.Case] = o.Token
		}
		return err
	})
	refused := 0
	for _, err := range errs {
		if errors.Is(err, conversation.ErrNoReadyKey) {
			refused++
		} else {
			w.ok(err)
		}
	}
	if len(tokens) != ready || refused != children-ready {
		t.Errorf("%d conversations on %d ready cases, %d refused", len(tokens), ready, refused)
	}
	for caseID := range tokens {
		if got := w.texts(caseID); len(got) != 1 || got[0] != "97400" {
			t.Errorf("transcript %q", got)
		}
	}
}

// A process that slept through its reservation finds that the case is another's.
func TestAReservationThatRanOutIsNotUsed(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.ready(2)
	sleep, err := w.Super.Begin(ctx)
	w.ok(err)
	_, err = sleep.Exec(ctx, `SELECT FROM sceau.log_head FOR UPDATE`)
	w.ok(err)
	type result struct {
		pgstore.Opened
		err error
	}
	done := make(chan result, 1)
	go func() {
		o, err := w.public.Open(ctx, clientKey(), pgstore.Opening{PostalCode: "59000", Topic: conversation.TopicOther, From: somewhere})
		done <- result{o, err}
	}()
	var lost string
	w.eventually("a case is reserved", func() bool {
		return w.Super.QueryRow(ctx, `SELECT case_id::text FROM sceau.cases WHERE reserved_until IS NOT NULL`).Scan(&lost) == nil
	})
	w.exec(`UPDATE sceau.cases SET reserved_until = reserved_until + interval '1 minute' WHERE case_id = $1`, lost)
	w.ok(sleep.Rollback(ctx))
	o := <-done
	w.ok(o.err)
	if o.Case == lost {
		t.Error("the conversation was opened on a case that another process had reserved")
	}
	w.texts(o.Case)
}

func TestManyEntrustAtOnce(t *testing.T) {
	w := newWorld(t)
	o := w.open()
	errs := together(6, func(i int) error {
		if i%2 == 0 {
			return w.public.Returned(t.Context(), o.Case, somewhere)
		}
		return w.public.Entrust(t.Context(), o.Case, clientKey(), conversation.FacetContact, fmt.Sprintf("contact %d", i))
	})
	w.ok(errors.Join(errs...))
	c := w.fold(o.Case) // which refuses gaps
	if c.Count(conversation.FacetContact) != 3 || c.Count(conversation.FacetConnection) != 4 {
		t.Errorf("sealed: %+v", c.Sealed)
	}
}

// A message either lies before the end or is refused: none after the head that
// conversation.closed records.
func TestWritingAgainstClosing(t *testing.T) {
	w := newWorld(t)
	for range 4 {
		o := w.open()
		errs := together(8, func(i int) error {
			if i == 5 {
				return w.public.CloseAsMinor(t.Context(), o.Case, clientKey())
			}
			_, err := w.public.WriteAsMinor(t.Context(), o.Case, clientKey(), "encore un mot")
			if errors.Is(err, conversation.ErrClosed) {
				return nil
			}
			return err
		})
		w.ok(errors.Join(errs...))
		heads := w.fold(o.Case).Heads
		if texts := w.texts(o.Case); len(texts) != heads[len(heads)-1].Messages {
			t.Errorf("%d messages, the end was recorded at %d", len(texts), heads[len(heads)-1].Messages)
		}
	}
}

// A caller who goes away does not take the message along.
func TestWritingOutlivesItsCaller(t *testing.T) {
	w := newWorld(t)
	o := w.open()
	ctx, cancel := context.WithCancel(t.Context())
	blocker, err := w.Super.Begin(t.Context())
	w.ok(err)
	_, err = blocker.Exec(t.Context(), `SELECT FROM sceau.conversations WHERE case_id = $1 FOR UPDATE`, o.Case)
	w.ok(err)
	key := clientKey()
	done := make(chan error, 1)
	go func() {
		_, err := w.public.WriteAsMinor(ctx, o.Case, key, "tu es là ?")
		done <- err
	}()
	w.eventually("the writer waits for the row", func() bool {
		var waiting int
		w.ok(w.Super.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE usename = 'sceau_public'
			AND datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting))
		return waiting > 0
	})
	cancel()
	w.ok(blocker.Rollback(t.Context()))
	w.ok(<-done)
	if texts := w.texts(o.Case); len(texts) != 2 {
		t.Errorf("transcript %q", texts)
	}
}

func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !is(); {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within 15 s: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}
