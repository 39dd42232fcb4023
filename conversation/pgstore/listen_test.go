package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sceau-project/sceau/conversation/pgstore"
)

// listen runs a listener until the test ends and waits until it listens.
func (w *world) listen(role string, poll time.Duration) *pgstore.Listener {
	w.t.Helper()
	before := w.listening()
	l := pgstore.NewListener(w.Pool(w.t, role), poll)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			w.t.Errorf("the listener ended with %v", err)
		}
	})
	w.eventually("the listener listens", func() bool { return w.listening() > before })
	return l
}

func (w *world) listening() (n int) {
	w.t.Helper()
	w.ok(w.Super.QueryRow(w.t.Context(), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND query LIKE 'LISTEN %' AND state = 'idle'`).Scan(&n))
	return n
}

func (w *world) number(caseID string) int64 {
	w.t.Helper()
	v, err := w.public.View(w.t.Context(), caseID)
	w.ok(err)
	return v.Number
}

// awake waits for a wake-up. What else happened may have woken it before.
func awake(t *testing.T, what string, sub *pgstore.Subscription) {
	t.Helper()
	select {
	case <-sub.C:
	case <-time.After(15 * time.Second):
		t.Fatalf("not woken: %s", what)
	}
}

func asleep(sub *pgstore.Subscription) {
	select {
	case <-sub.C:
	default:
	}
}

// Watchers on the other face see every message, without any polling.
func TestNoWakeUpIsLost(t *testing.T) {
	w := newWorld(t)
	l := w.listen("sceau_staff", time.Hour)
	const talks, messages = 6, 15
	var watchers, writers sync.WaitGroup
	for range talks {
		caseID := w.open().Case
		for range 2 {
			sub := l.Subscribe(w.number(caseID))
			watchers.Go(func() {
				defer sub.Close()
				for seen := 0; seen < 1+messages; {
					list, err := w.staff.Messages(t.Context(), caseID, seen, 1+messages)
					if err != nil {
						t.Error(err)
						return
					}
					if seen += len(list); seen == 1+messages {
						return
					}
					select {
					case <-sub.C:
					case <-time.After(20 * time.Second):
						t.Errorf("a watcher sleeps with %d of %d messages seen", seen, 1+messages)
						return
					}
				}
			})
		}
		writers.Go(func() {
			for n := range messages {
				if _, err := w.public.WriteAsMinor(t.Context(), caseID, clientKey(), fmt.Sprint("message ", n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	watchers.Wait()
}

func TestEveryActWakes(t *testing.T) {
	w := newWorld(t)
	w.hire(amal, bruno, farah)
	l := w.listen("sceau_public", time.Hour)
	o, other := w.open(), w.open()
	ctx := t.Context()
	sub, elsewhere := l.Subscribe(w.number(o.Case)), l.Subscribe(w.number(other.Case))
	defer sub.Close()
	defer elsewhere.Close()
	for _, act := range []struct {
		what string
		do   func() error
	}{
		{"join", func() error { return w.staff.Join(ctx, amal, o.Case, clientKey()) }},
		{"psychologist joins", func() error { return w.staff.Join(ctx, farah, o.Case, clientKey()) }},
		{"write", func() error {
			_, err := w.staff.WriteAsStaff(ctx, amal, o.Case, clientKey(), "Bonjour")
			return err
		}},
		{"psychologist leaves", func() error { return w.staff.Leave(ctx, farah, o.Case, clientKey()) }},
		{"hand over", func() error { return w.staff.HandOver(ctx, amal, o.Case, bruno.ID, clientKey()) }},
		{"close", func() error { return w.staff.CloseAsAgent(ctx, bruno, o.Case, clientKey()) }},
	} {
		asleep(sub)
		w.ok(act.do())
		awake(t, act.what, sub)
	}
	select {
	case <-elsewhere.C:
		t.Error("a watcher of another conversation was woken")
	default:
	}
}

// The notice is lost with the process that wrote; the poll finds the message.
func TestPollFindsWhatNoNoticeTold(t *testing.T) {
	w := newWorld(t)
	l := w.listen("sceau_staff", 50*time.Millisecond)
	o := w.open()
	sub := l.Subscribe(w.number(o.Case))
	defer sub.Close()
	awake(t, "the first poll", sub)
	w.exec(`UPDATE sceau.conversations SET messages = messages + 1 WHERE case_id = $1`, o.Case)
	awake(t, "a message without notice", sub)
	w.exec(`UPDATE sceau.conversations SET messages = messages - 1 WHERE case_id = $1`, o.Case)
	awake(t, "another change", sub)
}

// When the connection breaks, everybody looks for what came meanwhile.
func TestListenerComesBack(t *testing.T) {
	w := newWorld(t)
	l := w.listen("sceau_staff", time.Hour)
	o := w.open()
	sub := l.Subscribe(w.number(o.Case))
	defer sub.Close()
	for range 3 {
		asleep(sub)
		w.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'`)
		awake(t, "the connection broke", sub)
		w.eventually("it listens again", func() bool { return w.listening() == 1 })
		asleep(sub)
		_, err := w.public.WriteAsMinor(t.Context(), o.Case, clientKey(), "toujours là ?")
		w.ok(err)
		awake(t, "a message after the connection broke", sub)
	}
}

// Any role may notify: rubbish must not stop the listener.
func TestListenerPassesOverRubbish(t *testing.T) {
	w := newWorld(t)
	l := w.listen("sceau_staff", time.Hour)
	o := w.open()
	sub := l.Subscribe(w.number(o.Case))
	for _, payload := range []string{"", "x", "-1", "99999999999999999999999", "1; DROP TABLE", o.Case} {
		w.exec(`SELECT pg_notify('sceau_conversation', $1)`, payload)
	}
	asleep(sub)
	_, err := w.public.WriteAsMinor(t.Context(), o.Case, clientKey(), "Bonjour")
	w.ok(err)
	awake(t, "a message after rubbish", sub)
	sub.Close()
	sub.Close()
	w.ok(w.public.CloseAsMinor(t.Context(), o.Case, clientKey()))
	again := l.Subscribe(w.number(o.Case))
	defer again.Close()
	select {
	case <-sub.C:
		t.Error("a closed subscription was woken")
	default:
	}
}
