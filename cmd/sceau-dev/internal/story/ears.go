package story

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"time"
)

// ears listen to a conversation's events (server-sent). An event says that
// something happened, never what; whoever hears it goes and reads.
type ears struct {
	something chan struct{}
	cancel    context.CancelFunc
	done      chan struct{}
}

// listen begins to listen, and begins anew whenever the stream ends.
func (s *stage) listen(ctx context.Context, c *client, path string) *ears {
	ctx, cancel := context.WithCancel(ctx)
	e := &ears{something: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(e.done)
		for ctx.Err() == nil {
			e.hear(ctx, s, c, path)
			if sleep(ctx, time.Second) != nil {
				return
			}
		}
	}()
	return e
}

// hear reads one stream to its end. A stream that cannot be had is no fault
// here: reading goes on without, and the story fails when nobody ever heard.
func (e *ears) hear(ctx context.Context, s *stage, c *client, path string) {
	req, err := c.request(ctx, http.MethodGet, path+"/events", nil)
	if err != nil {
		return
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := c.http.Do(req)
	if err != nil {
		return
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return
	}
	first := true // it says how things stand, not that something happened
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "data:") {
			continue
		}
		if !first {
			s.heard.Add(1)
		}
		first = false
		select {
		case e.something <- struct{}{}:
		default: // already told
		}
	}
}

// wait returns when something happened, or after a while.
func (e *ears) wait(ctx context.Context, while time.Duration) error {
	t := time.NewTimer(while)
	defer t.Stop()
	select {
	case <-e.something:
		return nil
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *ears) close() {
	e.cancel()
	<-e.done
}
