package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// heardWithin is how long anybody waits for a message of the other side before the measuring fails.
const heardWithin = 30 * time.Second

// A talk is one conversation with both of its sides.
type talk struct {
	http         *client
	id           string
	minor, agent *side
}

// A side is one person in a conversation.
type side struct {
	base, path, token string
	ready             chan struct{} // closed when the first event came
	deaf              chan error    // why it did not come

	mu   sync.Mutex
	news chan struct{} // closed and replaced at every event
	upTo int           // messages there were at the last event
	read int           // position up to which this side has read
}

func newSide(base, path, token string) *side {
	return &side{base: base, path: path, token: token, ready: make(chan struct{}), deaf: make(chan error), news: make(chan struct{})}
}

// open opens a conversation as a minor does.
func (c *crowd) open(ctx context.Context) (*talk, error) {
	for {
		var opened struct{ Token string }
		err := c.http.send(ctx, http.MethodPost, c.cfg.Public+"/api/v1/conversations", "", map[string]string{"postal_code": "35000", "topic": "threats"}, &opened)
		if refused := (refusal{}); errors.As(err, &refused) && refused.code == "conversation.no_ready_key" {
			select { // the custodian makes new keys as fast as Vault takes them
			case <-time.After(50 * time.Millisecond):
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return &talk{http: c.http, minor: newSide(c.cfg.Public, "/api/v1/conversation", opened.Token)}, err
	}
}

// join has each agent join one of the conversations that wait. Which conversation of the queue is
// whose is told by what the minor writes first, as in life.
func (c *crowd) join(ctx context.Context, talks []*talk) error {
	byWord := map[string]*talk{}
	for _, t := range talks {
		word := rand.Text()
		byWord[word] = t
		if err := c.http.send(ctx, http.MethodPost, t.minor.base+t.minor.path+"/messages", t.minor.token, map[string]string{"text": word}, nil); err != nil {
			return err
		}
	}
	var queue struct{ Waiting []struct{ ID string } }
	if err := c.http.send(ctx, http.MethodGet, c.cfg.Staff+"/api/v1/conversations", c.cfg.Agents[0], nil, &queue); err != nil {
		return err
	}
	if len(queue.Waiting) != len(talks) {
		return fmt.Errorf("%d conversations wait, %d were opened", len(queue.Waiting), len(talks))
	}
	for i, waiting := range queue.Waiting {
		token, path := c.cfg.Agents[(len(c.talks)+i)%len(c.cfg.Agents)], "/api/v1/conversations/"+waiting.ID
		if err := c.http.send(ctx, http.MethodPost, c.cfg.Staff+path+"/join", token, nil, nil); err != nil {
			return err
		}
		agent := newSide(c.cfg.Staff, path, token)
		said, err := c.http.messages(ctx, agent, 0)
		if err != nil {
			return err
		}
		var t *talk
		for _, text := range said {
			if t == nil {
				t = byWord[text]
			}
		}
		if t == nil {
			return errors.New("a conversation waits that nobody opened")
		}
		t.id, t.agent = waiting.ID, agent
	}
	return nil
}

// listen hears the events of a conversation and reads what is new, until ctx ends.
func (t *talk) listen(ctx context.Context, s *side) {
	for ctx.Err() == nil {
		t.hear(ctx, s)
	}
}

func (t *talk) hear(ctx context.Context, s *side) {
	res, err := t.http.stream(ctx, s)
	if err != nil {
		select {
		case s.deaf <- err: // somebody waits for the first event
		default:
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
		return
	}
	defer res.Body.Close()
	kind := ""
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if event, is := strings.CutPrefix(lines.Text(), "event: "); is {
			kind = event
			continue
		}
		data, is := strings.CutPrefix(lines.Text(), "data: ")
		if !is || kind != "conversation" {
			continue
		}
		var news struct{ Messages int }
		if json.Unmarshal([]byte(data), &news) != nil {
			return
		}
		s.hears(news.Messages)
	}
}

func (s *side) hears(messages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ready:
	default:
		close(s.ready)
	}
	s.upTo = messages
	close(s.news)
	s.news = make(chan struct{})
}

// say sends a message from one side, and returns how long it took until the other
// heard of it. The other then reads it; that is no part of the time.
func (t *talk) say(ctx context.Context, minor bool) (time.Duration, error) {
	from, to := t.minor, t.agent
	if !minor {
		from, to = to, from
	}
	var written struct{ Position int }
	start := time.Now()
	heard := make(chan time.Time, 1)
	position := make(chan int, 1)
	go to.await(position, heard)
	err := t.http.send(ctx, http.MethodPost, from.base+from.path+"/messages", from.token,
		map[string]string{"text": "Il est encore en bas, je l'entends. Je ne sais pas quoi faire."}, &written)
	if err != nil {
		close(position)
		return 0, err
	}
	position <- written.Position
	at := <-heard
	if at.IsZero() {
		return 0, fmt.Errorf("a message was not heard of within %v", heardWithin)
	}
	_, err = t.http.messages(ctx, to, to.read)
	to.read = written.Position + 1
	return at.Sub(start), err
}

// await tells when the side first knew of a position. It listens from before the
// message is sent: the event may come before the answer.
func (s *side) await(position <-chan int, heard chan<- time.Time) {
	type sight struct {
		upTo int
		at   time.Time
	}
	var sights []sight
	want := -1
	late := time.NewTimer(heardWithin)
	defer late.Stop()
	for {
		s.mu.Lock()
		upTo, news := s.upTo, s.news
		s.mu.Unlock()
		sights = append(sights, sight{upTo, time.Now()})
		for _, one := range sights {
			if want >= 0 && one.upTo > want {
				heard <- one.at
				return
			}
		}
		select {
		case p, open := <-position:
			if !open {
				return
			}
			want, position = p, nil
		case <-news:
		case <-late.C:
			heard <- time.Time{}
			return
		}
	}
}

// client sends requests to both faces.
type client struct{ *http.Client }

func crowdClient() *client {
	return &client{&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
}

// A refusal is what a face answered instead.
type refusal struct {
	status int
	code   string
	of     string
}

func (r refusal) Error() string { return fmt.Sprintf("%s: %d %s", r.of, r.status, r.code) }

func (c *client) send(ctx context.Context, method, url, token string, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, heardWithin)
	defer cancel()
	var raw bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&raw).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, url, &raw)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if method != http.MethodGet {
		req.Header.Set("Idempotency-Key", rand.Text())
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		var problem struct{ Code string }
		_ = json.Unmarshal(answer, &problem) // without a code the status says enough
		return refusal{res.StatusCode, problem.Code, method + " " + url}
	}
	if out == nil || len(answer) == 0 {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// messages reads from a position on, as a side of the conversation, and returns what
// was written.
func (c *client) messages(ctx context.Context, s *side, from int) ([]string, error) {
	var page struct{ Messages []struct{ Text string } }
	if err := c.send(ctx, http.MethodGet, fmt.Sprintf("%s%s/messages?from=%d", s.base, s.path, from), s.token, nil, &page); err != nil {
		return nil, err
	}
	texts := make([]string, len(page.Messages))
	for i, m := range page.Messages {
		texts[i] = m.Text
	}
	return texts, nil
}

// stream opens a side's event stream; it ends with ctx.
func (c *client) stream(ctx context.Context, s *side) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+s.path+"/events", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := c.Do(req)
	if err == nil && res.StatusCode != http.StatusOK {
		res.Body.Close()
		err = refusal{res.StatusCode, "", "events"}
	}
	return res, err
}
