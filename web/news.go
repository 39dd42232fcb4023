package web

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/policy"
)

// changed says of what there may be something new, in codes; the client asks for what
// it shows.
type changed struct {
	Changed []string `json:"changed" doc:"Such as conversations, requests, confirmations, tellings, reviews, registers"`
}

// talkNews and talkSigns are what the stream of one conversation says, with its id: a
// page with several conversations side by side has one stream.
type talkNews struct {
	ID string `json:"id"`
	news
}

type talkSigns struct {
	ID string `json:"id"`
	signs
}

// over is the state of a conversation that the caller is in no more, or that has ended.
const over = "over"

// news streams what is new for a member of staff: that something changed, by code; and
// of the open conversations that they are in, what their own streams would say.
func (s *staff) news(ctx context.Context, _ *struct{}) (*stream, error) {
	c := callerOf(ctx)
	if !s.watcher.open.enter(c.key) {
		return nil, refuse("rate.limited")
	}
	happened, done, err := s.gazette.subscribe(ctx)
	if err != nil {
		s.watcher.open.leave(c.key)
		return nil, err
	}
	return &stream{Body: func(hc huma.Context) {
		defer s.watcher.open.leave(c.key)
		defer done()
		r, rw := humachi.Unwrap(hc)
		out := sink{rw, http.NewResponseController(rw)}
		ctx, cancel := context.WithTimeout(r.Context(), streamTime)
		defer cancel()
		s.metrics.streams.Inc()
		defer s.metrics.streams.Dec()
		out.begin()

		d := newDesk(s, c, out)
		defer d.close()
		beat, changes := time.NewTicker(heartbeat), time.NewTimer(0)
		defer beat.Stop()
		defer changes.Stop()
		// Whoever comes, or comes back, looks at everything once.
		topics, look := topicsOf(c.actor.Role), true
		for {
			if len(topics) > 0 {
				text, err := json.Marshal(changed{topics})
				if err != nil || out.send("event: news\ndata: "+string(text)+"\n\n") != nil {
					return
				}
			}
			if look = look || slices.Contains(topics, newConversations); look {
				if d.look(ctx) != nil {
					return // the client comes back and is told why
				}
			}
			next, err := d.show()
			if err != nil {
				return
			}
			if changes.Stop(); next > 0 {
				changes.Reset(next)
			}
			topics, look = nil, false
			select {
			case list := <-happened:
				if endsSessions(list) && s.sessions.Lasts(ctx, c.actor.Session) != nil {
					return
				}
				if topics, err = s.newFor(ctx, c, list); err != nil {
					return
				}
			case <-d.changed:
				look = true
			case <-d.lively:
			case <-changes.C:
			case <-beat.C:
				// Whatever became of the session, and of what was heard about it.
				if s.sessions.Lasts(ctx, c.actor.Session) != nil || out.send(": still here\n\n") != nil {
					return
				}
			case <-ctx.Done():
				return
			case <-s.stop:
				return
			}
		}
	}}, nil
}

// endsSessions says whether this may end a session: any, since the entry alone says whose.
func endsSessions(list []pglog.Happening) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(h pglog.Happening) bool {
		return h.Action == audit.ActionStaffSignedOut || h.Action == audit.ActionStaffSuspended
	})
}

// newFor says of what there is something new for the caller.
func (s *staff) newFor(ctx context.Context, c caller, list []pglog.Happening) ([]string, error) {
	role := c.actor.Role
	if len(list) == 0 {
		return topicsOf(role), nil
	}
	type claim struct {
		topic string
		whose whose
	}
	found, cases := map[string]bool{}, map[string][]claim{}
	for _, h := range list {
		for _, i := range interests[role] {
			switch {
			case !i.meets(role, h), i.whose != anybodys && h.Case == "":
			case i.whose == anybodys, h.Requester == c.actor.ID && i.whose != participant:
				found[i.topic] = true
			case h.Requester != "" && i.whose == requester: // another's
			case h.Requester != "":
				cases[h.Case] = append(cases[h.Case], claim{i.topic, participant})
			default:
				cases[h.Case] = append(cases[h.Case], claim{i.topic, i.whose})
			}
		}
	}
	if len(cases) > 0 {
		ids := slices.Collect(maps.Keys(cases))
		in, err := s.conversations.TakesPart(ctx, c.actor.ID, ids)
		if err != nil {
			return nil, err
		}
		asked, err := s.escalations.AskedIn(ctx, c.actor.ID, ids)
		if err != nil {
			return nil, err
		}
		for id, claims := range cases {
			is, has := slices.Contains(in, id), slices.Contains(asked, id)
			for _, one := range claims {
				if is && one.whose != requester || has && one.whose != participant {
					found[one.topic] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// desk is the open conversations of one stream.
type desk struct {
	staff           *staff
	who             caller
	out             sink
	open            map[string]*seat
	changed, lively chan struct{}
}

type seat struct {
	sub         *conversationstore.Subscription
	told, shown string
}

func newDesk(s *staff, who caller, out sink) *desk {
	return &desk{staff: s, who: who, out: out, open: map[string]*seat{}, changed: make(chan struct{}, 1), lively: make(chan struct{}, 1)}
}

func (d *desk) close() {
	for _, one := range d.open {
		one.sub.Close()
	}
}

// look tells what changed in the caller's conversations.
func (d *desk) look(ctx context.Context) error {
	role := d.who.actor.Role
	if role != policy.RoleAgent && role != policy.RolePsychologist {
		return nil
	}
	mine, err := d.staff.conversations.Mine(ctx, d.who.actor.ID)
	if err != nil {
		return err
	}
	still := map[string]bool{}
	for _, v := range mine {
		still[v.Case] = true
		one := d.open[v.Case]
		if one == nil {
			one = &seat{sub: d.staff.watcher.listener.AttendInto(v.Number, role, d.changed, d.lively)}
			d.open[v.Case] = one
			// What came after mine was read, and before this seat heard of it, rang nobody.
			select {
			case d.changed <- struct{}{}:
			default: // it rings already
			}
		}
		it := talkNews{ID: v.Case, news: news{State: string(v.State), Messages: v.Messages, Staff: rolesOf(v)}}
		if one.told, err = d.out.tell("event: conversation", it, one.told); err != nil {
			return err
		}
	}
	for id, one := range d.open {
		if still[id] {
			continue
		}
		one.sub.Close()
		delete(d.open, id)
		if _, err := d.out.tell("event: conversation", talkNews{ID: id, news: news{State: over, Staff: []string{}}}, ""); err != nil {
			return err
		}
	}
	return nil
}

// show tells what the others show, and after how long that changes by itself.
func (d *desk) show() (next time.Duration, err error) {
	for id, one := range d.open {
		live, soon := one.sub.Live()
		if one.shown, err = d.out.tell("event: live", talkSigns{id, liveFor(d.who.actor.Role, live)}, one.shown); err != nil {
			return 0, err
		}
		if soon > 0 && (next == 0 || soon < next) {
			next = soon
		}
	}
	return next, nil
}
