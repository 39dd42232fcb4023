package pgstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sceau-project/sceau/conversation"
)

// What passes between the sides of a conversation while it is on somebody's screen:
// that somebody types, is there, has gone, has fetched the messages so far. Nothing of
// it is kept: it travels by NOTIFY, as numbers and codes, and lies in the memory of the
// processes that show it. Whoever opens the page anew is told what the others answer,
// and what they do not answer is not known.
//
// Any role of the database may notify, so a compromised process can pretend that a side
// types or is there. Nothing is decided from it.

// signals carries, line by line, what the sides of conversations show each other:
//
//	came minor 42        a window was opened: who is there may say so
//	here agent 42 43 44  a window is open; said again every beat
//	gone minor 42        the last window of that side was closed
//	typing agent 42      and again while it goes on
//	idle agent 42        no more: it was sent
//	read minor 42:7      has fetched every message below position 7
const signals = "sceau_live"

const (
	beat       = 20 * time.Second       // how often an open window says that it is there
	lostAfter  = 50 * time.Second       // without a word: a process ended, or lost its database
	goneAfter  = 5 * time.Second        // a window that comes back sooner was reloaded, and never left
	typingFor  = 6 * time.Second        // after the last word of it
	typingMost = 2 * time.Second        // between two words of it, per side
	keptFor    = 15 * time.Minute       // after the last window here was closed
	gather     = 20 * time.Millisecond  // what is said meanwhile goes in one statement
	mostText   = 7500                   // bytes of a notice: PostgreSQL takes 7,999
	mostLines  = 20_000                 // waiting to be sent: more are dropped
	tick       = 500 * time.Millisecond // how finely the times above are kept
)

// A Sign is what one side of a conversation shows.
type Sign struct {
	Here   bool
	Left   time.Time // when it was last there; zero: not known
	Typing bool
	Read   int // has fetched every message below; 0: not known
}

// Live is what the sides of a conversation show, by role. A role that is missing has
// shown nothing.
type Live map[string]Sign

// side is what a process knows of one side.
type side struct {
	windows  int       // open here
	closed   time.Time // when the last of them was closed, until that is said
	seen     time.Time // last sign of being there
	away     bool
	typing   time.Time // until
	lastType time.Time // when this process said so last
	read     int
}

func (s *side) here(now time.Time) bool {
	return !s.away && !s.seen.IsZero() && now.Sub(s.seen) < lostAfter
}

// live is the memory of a Listener for all this, under its lock.
type live struct {
	of    map[int64]*sides
	out   []string
	nudge bool // tell everybody that the log grew
	kick  chan struct{}
	beat  time.Time
}

type sides struct {
	role    map[string]*side
	watched time.Time // last seen with a subscription
}

func (l *Listener) sideOf(number int64, role string) *side {
	all := l.live.of[number]
	if all == nil {
		all = &sides{role: map[string]*side{}}
		l.live.of[number] = all
	}
	all.watched = time.Now()
	if all.role[role] == nil {
		all.role[role] = &side{}
	}
	return all.role[role]
}

// Attend is [Listener.Subscribe] for a window of one side: it is shown to the others
// as being there until the subscription is closed.
func (l *Listener) Attend(number int64, role string) *Subscription {
	return l.AttendInto(number, role, make(chan struct{}, 1), make(chan struct{}, 1))
}

// AttendInto is [Listener.Attend] for a window with several conversations: all of them
// ring the same two bells, each with room for one ring.
func (l *Listener) AttendInto(number int64, role string, changed, lively chan struct{}) *Subscription {
	sub := l.subscribe(number, role, changed, lively)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sideOf(number, role)
	s.windows++
	s.closed = time.Time{}
	// Even when it is not the first: who comes wants to know who is there.
	l.say("came", role, number)
	return sub
}

// Live returns what the sides show, and after how long it changes by itself; 0: not.
func (s *Subscription) Live() (Live, time.Duration) {
	l, now := s.from, time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	shown, next := Live{}, time.Duration(0)
	sooner := func(at time.Time) {
		if d := at.Sub(now); d > 0 && (next == 0 || d < next) {
			next = d
		}
	}
	all := l.live.of[s.number]
	if all == nil {
		return shown, 0
	}
	for role, one := range all.role {
		sign := Sign{Here: one.here(now), Typing: one.typing.After(now), Read: one.read}
		if sign.Here {
			sooner(one.seen.Add(lostAfter))
		} else {
			sign.Left = one.seen
		}
		if sign.Typing {
			sooner(one.typing)
		}
		shown[role] = sign
	}
	return shown, next
}

// Typing tells the others that this side types. It may be called at every key: it is
// said every two seconds at most.
func (l *Listener) Typing(number int64, role string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.sideOf(number, role); time.Since(s.lastType) >= typingMost {
		s.lastType = time.Now()
		l.say("typing", role, number)
	}
}

// Wrote tells the others, when they were told that this side types, that it has sent.
func (l *Listener) Wrote(number int64, role string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.sideOf(number, role); time.Since(s.lastType) < typingFor {
		s.lastType = time.Time{}
		l.say("idle", role, number)
	}
}

// Read tells the others that this side has fetched every message below a position.
func (l *Listener) Read(number int64, role string, below int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.sideOf(number, role); below > s.read {
		l.sayText(fmt.Sprintf("read %s %d:%d", role, number, below))
	}
}

// leave is the end of one window, under the lock.
func (l *Listener) leave(number int64, role string) {
	s := l.sideOf(number, role)
	if s.windows--; s.windows == 0 {
		s.closed = time.Now()
	}
}

func (l *Listener) say(kind, role string, number int64) {
	l.sayText(kind + " " + role + " " + strconv.FormatInt(number, 10))
}

func (l *Listener) sayText(line string) {
	if len(l.live.out) >= mostLines {
		return
	}
	l.live.out = append(l.live.out, line)
	l.speakSoon()
}

func (l *Listener) speakSoon() {
	select {
	case l.live.kick <- struct{}{}:
	default:
	}
}

// hear takes in one notice. What is malformed, or of conversations that nobody here
// watches, is passed over.
func (l *Listener) hear(payload string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for line := range strings.Lines(payload) {
		words := strings.Fields(line)
		if len(words) < 3 || !takesPart(words[1]) {
			continue
		}
		for _, word := range words[2:] {
			text, below, _ := strings.Cut(word, ":")
			number, err := strconv.ParseInt(text, 10, 64)
			if err != nil || l.live.of[number] == nil {
				continue
			}
			read, _ := strconv.Atoi(below)
			if l.heard(words[0], words[1], number, min(read, conversation.MaxMessages), now) {
				l.wakeLive(number)
			}
		}
	}
}

func takesPart(role string) bool {
	return role == conversation.RoleMinor || role == conversation.RoleAgent || role == conversation.RolePsychologist
}

// heard applies one sign and says whether there is something to show.
func (l *Listener) heard(kind, role string, number int64, read int, now time.Time) bool {
	all := l.live.of[number]
	if all.role[role] == nil {
		all.role[role] = &side{}
	}
	s := all.role[role]
	was, typed := s.here(now), s.typing.After(now)
	switch kind {
	case "came":
		s.seen, s.away = now, false
		for other, o := range all.role {
			if o.windows > 0 && other != role {
				l.say("here", other, number)
			}
			if o.windows > 0 && o.read > 0 {
				l.sayText(fmt.Sprintf("read %s %d:%d", other, number, o.read))
			}
		}
	case "here":
		s.seen, s.away = now, false
	case "gone":
		if s.windows > 0 {
			l.say("here", role, number) // in another window
			return false
		}
		s.seen, s.away, s.typing = now, true, time.Time{}
	case "typing":
		s.seen, s.away, s.typing = now, false, now.Add(typingFor)
	case "idle":
		s.typing = time.Time{}
	case "read":
		if s.seen, s.away = now, false; read > s.read {
			s.read = read
			return true
		}
	default:
		return false
	}
	return was != s.here(now) || typed != s.typing.After(now)
}

func (l *Listener) wakeLive(number int64) {
	for sub := range l.subs[number] {
		select {
		case sub.l <- struct{}{}:
		default:
		}
	}
}

// speak sends what is said, gathered, until ctx ends.
func (l *Listener) speak(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			l.keepTime()
			continue
		case <-l.live.kick:
		}
		if !pause(ctx, gather) {
			return
		}
		l.mu.Lock()
		lines, nudge := l.live.out, l.live.nudge
		l.live.out, l.live.nudge = nil, false
		l.mu.Unlock()
		if nudge {
			l.notify(ctx, entries, "")
		}
		for len(lines) > 0 {
			var text strings.Builder
			n := 0
			for ; n < len(lines) && text.Len()+len(lines[n]) < mostText; n++ {
				text.WriteString(lines[n])
				text.WriteByte('\n')
			}
			l.notify(ctx, signals, text.String())
			lines = lines[n:]
		}
	}
}

// notify does not wait for the disk: what is lost is said again, or was of that moment.
func (l *Listener) notify(ctx context.Context, channel, text string) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, _ = l.pool.Exec(ctx, `SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)`, channel, text)
}

// keepTime says what follows from time passing: that windows are still open, that the
// last one is gone; and forgets what nobody has watched for long.
func (l *Listener) keepTime() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	beats := now.Sub(l.live.beat) >= beat
	if beats {
		l.live.beat = now
	}
	here := map[string]*strings.Builder{}
	for number, all := range l.live.of {
		if len(l.subs[number]) > 0 {
			all.watched = now
		}
		if now.Sub(all.watched) > keptFor {
			delete(l.live.of, number)
			continue
		}
		for role, s := range all.role {
			if s.windows == 0 && !s.closed.IsZero() && now.Sub(s.closed) > goneAfter {
				s.closed = time.Time{}
				l.say("gone", role, number)
			}
			if !beats || s.windows == 0 {
				continue
			}
			b := here[role]
			if b == nil || b.Len() > mostText-30 {
				if b != nil {
					l.sayText(b.String())
				}
				b = &strings.Builder{}
				b.WriteString("here " + role)
				here[role] = b
			}
			b.WriteString(" " + strconv.FormatInt(number, 10))
		}
	}
	for _, b := range here {
		l.sayText(b.String())
	}
}
