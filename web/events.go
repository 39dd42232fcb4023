package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/sceau-project/sceau/conversation"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
)

const (
	// streamTime ends a stream; the client comes back, and its right to listen
	// is looked at again.
	streamTime = 5 * time.Minute
	// heartbeat keeps proxies from cutting a silent stream, and shows a client
	// that is gone.
	heartbeat = 15 * time.Second
)

// stream is an answer of server-sent events.
type stream struct {
	Body func(huma.Context)
}

// news is what an event says: that something changed, never what was written.
// The client reads the messages from the position it knows.
type news struct {
	State    string   `json:"state" enum:"waiting,active,closed"`
	Messages int      `json:"messages"`
	Staff    []string `json:"staff" doc:"Roles of who is in the conversation"`
}

var newsType = reflect.TypeFor[news]()

// watcher turns wake-ups of a conversation into events.
type watcher struct {
	face     *face
	listener *conversationstore.Listener
	open     *streams
}

func newWatcher(f *face, l *conversationstore.Listener) watcher {
	return watcher{f, l, &streams{of: map[string]int{}}}
}

// maxStreams bounds the streams of one caller: some windows, some lost
// connections that nobody has noticed yet.
const maxStreams = 8

// streams counts the open streams of each caller.
type streams struct {
	mu sync.Mutex
	of map[string]int
}

func (s *streams) enter(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[key] >= maxStreams {
		return false
	}
	s.of[key]++
	return true
}

func (s *streams) leave(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[key]--; s.of[key] == 0 {
		delete(s.of, key)
	}
}

// watch streams the news of the conversation that view returns, as long as view
// returns it: whoever leaves the conversation hears no more of it.
func (w watcher) watch(ctx context.Context, view func(context.Context) (conversationstore.View, error)) (*stream, error) {
	first, err := view(ctx)
	if err != nil {
		return nil, err
	}
	key := callerOf(ctx).key
	if !w.open.enter(key) {
		return nil, refuse("rate.limited")
	}
	return &stream{Body: func(hc huma.Context) {
		defer w.open.leave(key)
		r, rw := humachi.Unwrap(hc)
		out := sink{rw, http.NewResponseController(rw)}
		ctx, cancel := context.WithTimeout(r.Context(), streamTime)
		defer cancel()
		w.face.metrics.streams.Inc()
		defer w.face.metrics.streams.Dec()

		sub := w.listener.Subscribe(first.Number)
		defer sub.Close()
		h := rw.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Accel-Buffering", "no")
		rw.WriteHeader(http.StatusOK)
		beat := time.NewTicker(heartbeat)
		defer beat.Stop()

		var told string
		for {
			now, err := view(ctx)
			if err != nil {
				return // the client comes back and is told why
			}
			text, err := json.Marshal(news{State: string(now.State), Messages: now.Messages, Staff: rolesOf(now)})
			if err != nil {
				return
			}
			if string(text) != told {
				if err := out.send(fmt.Sprintf("id: %d\nevent: conversation\ndata: %s\n\n", now.Messages, text)); err != nil {
					return
				}
				told = string(text)
			}
			if now.State == conversation.StateClosed {
				return
			}
			select {
			case <-sub.C:
			case <-beat.C:
				if err := out.send(": still here\n\n"); err != nil {
					return
				}
			case <-ctx.Done():
				return
			case <-w.face.stop:
				return
			}
		}
	}}, nil
}

// sink writes to a client that may be slow or gone.
type sink struct {
	io.Writer
	*http.ResponseController
}

func (s sink) send(text string) error {
	if err := s.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(s.Writer, text); err != nil {
		return err
	}
	return s.Flush()
}

// events registers a stream and documents its events.
func events[I any](handler func(context.Context, *I) (*stream, error)) func(huma.API, huma.Operation) {
	return func(api huma.API, op huma.Operation) {
		op.Responses = map[string]*huma.Response{"200": {
			Description: "Server-sent events named conversation; data is JSON. The stream ends after some minutes, or when the conversation closes.",
			Content: map[string]*huma.MediaType{"text/event-stream": {
				Schema: api.OpenAPI().Components.Schemas.Schema(newsType, true, "News"),
			}},
		}}
		handle(handler)(api, op)
	}
}
