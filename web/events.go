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
// returns it: whoever leaves the conversation hears no more of it. While it lasts, the
// others see that somebody of this role is there.
func (w watcher) watch(ctx context.Context, role string, view func(context.Context) (conversationstore.View, error)) (*stream, error) {
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

		sub := w.listener.Attend(first.Number, role)
		defer sub.Close()
		out.begin()
		beat, changes := time.NewTicker(heartbeat), time.NewTimer(0)
		defer beat.Stop()
		defer changes.Stop()

		var told, shown string
		for look := true; ; {
			if look {
				now, err := view(ctx)
				if err != nil {
					return // the client comes back and is told why
				}
				it := news{State: string(now.State), Messages: now.Messages, Staff: rolesOf(now)}
				if told, err = out.tell(fmt.Sprintf("id: %d\nevent: conversation", now.Messages), it, told); err != nil {
					return
				}
				if now.State == conversation.StateClosed {
					return
				}
			}
			live, next := sub.Live()
			if shown, err = out.tell("event: live", liveFor(role, live), shown); err != nil {
				return
			}
			if changes.Stop(); next > 0 {
				changes.Reset(next)
			}
			select {
			case <-sub.C:
				look = true
			case <-sub.L:
				look = false
			case <-changes.C:
				look = false
			case <-beat.C:
				if err := out.send(": still here\n\n"); err != nil {
					return
				}
				look = true // the right to listen may have ended without a word
				look = true // the right to listen may have ended without a word
			case <-ctx.Done():
				return
			case <-w.face.stop:
				return
			}
		}
	}}, nil
}

// signs is what the other sides of a conversation show while it is on their screens.
// None of it is stored anywhere, and what is not known is left out.
type signs struct {
	Typing    []string   `json:"typing" doc:"Roles of others who type now"`
	Present   []string   `json:"present" doc:"Roles of others who have the conversation open"`
	LeftAt    *time.Time `json:"left_at,omitempty" doc:"For staff: when the minor was last there, while they are not"`
	Delivered int        `json:"delivered,omitempty" doc:"The other side has fetched every message below this position"`
}

// liveFor is what one role sees of the others. Staff see when the minor left; a minor
// sees who of staff is there, by role, and not since when others are gone.
func liveFor(role string, live conversationstore.Live) signs {
	out := signs{Typing: []string{}, Present: []string{}}
	for _, other := range []string{minor, agent, psychologist} {
		sign := live[other]
		if other == role {
			continue
		}
		if sign.Typing {
			out.Typing = append(out.Typing, other)
		}
		if sign.Here {
			out.Present = append(out.Present, other)
		}
		if role == minor || other == minor {
			out.Delivered = max(out.Delivered, sign.Read)
		}
		if other == minor && !sign.Left.IsZero() {
			left := sign.Left.UTC().Truncate(time.Second)
			out.LeftAt = &left
		}
	}
	return out
}

// typing tells the other side that somebody of this role types. It is no entry and no
// row; its Idempotency-Key is asked for like everywhere, and changes nothing.
func (w watcher) typing(role string, v conversationstore.View, err error) error {
	switch {
	case err != nil:
		return err
	case v.State == conversation.StateClosed:
		return conversation.ErrClosed
	}
	w.listener.Typing(v.Number, role)
	return nil
}

// fetched tells the other side how far this one has the messages.
func (w watcher) fetched(role string, v conversationstore.View, page *messagesOutput) {
	if n := len(page.Body.Messages); n > 0 {
		w.listener.Read(v.Number, role, page.Body.Messages[n-1].Position+1)
	}
}

// sink writes to a client that may be slow or gone.
type sink struct {
	http.ResponseWriter
	*http.ResponseController
}

func (s sink) begin() {
	h := s.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	s.WriteHeader(http.StatusOK)
}

// tell sends what differs from what was told before, and returns what is told now.
func (s sink) tell(head string, what any, before string) (string, error) {
	text, err := json.Marshal(what)
	if err != nil || string(text) == before {
		return before, err
	}
	return string(text), s.send(head + "\ndata: " + string(text) + "\n\n")
}

func (s sink) send(text string) error {
	if err := s.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(s.ResponseWriter, text); err != nil {
		return err
	}
	return s.Flush()
}

// events registers a stream and documents its events.
func events[I any](handler func(context.Context, *I) (*stream, error)) func(huma.API, huma.Operation) {
	return func(api huma.API, op huma.Operation) {
		op.Responses = map[string]*huma.Response{"200": {
			Description: "Server-sent events; data is JSON. Of a conversation: conversation (News), and live (Signs), which is " +
				"of that moment and stored nowhere. Of a member of staff: news (Changed), and the other two for each conversation they are in, with its id. The stream ends after some minutes, or when the conversation closes.",
			Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{OneOf: []*huma.Schema{
				api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[news](), true, "News"),
				api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[signs](), true, "Signs"),
				api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[changed](), true, "Changed"),
			}}}},
		}}
		handle(handler)(api, op)
	}
}
