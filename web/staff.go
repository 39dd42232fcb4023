package web

import (
	"context"
	"errors"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/custodian/order"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
	retentionstore "github.com/sceau-project/sceau/retention/pgstore"
	stafftoken "github.com/sceau-project/sceau/staff"
	staffstore "github.com/sceau-project/sceau/staff/pgstore"
)

// StaffConfig is what the face of staff is made of.
type StaffConfig struct {
	Config
	Tokens        *stafftoken.Verifier // for the audience sceau-staff
	Sessions      *staffstore.Sessions
	Conversations *conversationstore.Store
	Listener      *conversationstore.Listener
	Escalations   *escalationstore.Store
	Retention     *retentionstore.Store
	Policy        *policystore.Active
	Log           *pglog.Log
	Reader        policystore.Querier // of role sceau_staff
	Custodian     *order.Client
	Stop          <-chan struct{} // closed when the process is about to end
}

// staff handles what members of staff send, each in the one role of their
// session.
type staff struct {
	*face
	tokens        *stafftoken.Verifier
	sessions      *staffstore.Sessions
	conversations *conversationstore.Store
	escalations   *escalationstore.Store
	retention     *retentionstore.Store
	policy        *policystore.Active
	journal       *pglog.Log
	reader        policystore.Querier
	custodian     *order.Client
	readings      *readings
	watcher       watcher
	gazette       *gazette
	bundles       bundles
	verifier      verifier
	exporting     exports
}

// NewStaff makes the staff face.
func NewStaff(cfg StaffConfig) (*Face, error) {
	switch {
	case cfg.Tokens == nil, cfg.Sessions == nil:
		return nil, errors.New("the staff face needs a verifier of tokens and sessions")
	case cfg.Log == nil, cfg.Reader == nil, cfg.Policy == nil:
		return nil, errors.New("the staff face needs the log and the policy in force")
	case cfg.Conversations == nil, cfg.Listener == nil, cfg.Escalations == nil, cfg.Retention == nil, cfg.Custodian == nil:
		return nil, errors.New("the staff face needs conversations, a listener, escalations, retention and the custodian")
	}
	f, err := newFace(Staff, cfg.Config, cfg.Stop)
	if err != nil {
		return nil, err
	}
	f.nudge = cfg.Listener.Nudge
	s := &staff{
		face: f, tokens: cfg.Tokens, sessions: cfg.Sessions, conversations: cfg.Conversations,
		escalations: cfg.Escalations, retention: cfg.Retention, policy: cfg.Policy, journal: cfg.Log, reader: cfg.Reader,
		custodian: cfg.Custodian, readings: newReadings(cfg.Custodian, f.cfg.Now), watcher: newWatcher(f, cfg.Listener),
		gazette: &gazette{reader: cfg.Reader, listener: cfg.Listener, readers: map[chan []pglog.Happening]struct{}{}},
	}
	handler, err := f.handler(Table(nil, s), s.identify)
	if err != nil {
		return nil, err
	}
	return &Face{Handler: handler, close: func(ctx context.Context) {
		s.readings.close(ctx)
		s.verifier.ended.Wait()
	}}, nil
}

// identify verifies a token and finds, or begins, its session.
func (s *staff) identify(ctx context.Context, token, askedRole string) (caller, error) {
	claims, err := s.tokens.Verify(ctx, token)
	if err != nil {
		return caller{}, err
	}
	session, err := s.sessions.Of(ctx, claims, askedRole)
	if err != nil {
		return caller{}, err
	}
	return caller{
		actor: session.Actor, name: session.Name, key: session.Actor.ID,
		order: order.Caller{StaffToken: order.Secret(token), Role: session.Actor.Role},
	}, nil
}

type meOutput struct {
	Body struct {
		ID   string `json:"id" doc:"The random id that entries name"`
		Role string `json:"role" doc:"The one role of this session"`
		Unit string `json:"unit,omitempty"`
		Name string `json:"name,omitempty"`

		OnCallUntil *time.Time `json:"on_call_until,omitempty" doc:"Absent when the caller is not on call"`
	}
}

func (s *staff) me(ctx context.Context, _ *struct{}) (*meOutput, error) {
	c := callerOf(ctx)
	out := &meOutput{}
	out.Body.ID, out.Body.Role, out.Body.Unit, out.Body.Name = c.actor.ID, c.actor.Role, c.actor.Unit, c.name
	until, err := s.sessions.OnCall(ctx, c.actor.ID)
	out.Body.OnCallUntil = timeOrNil(until)
	return out, err
}

type waiting struct {
	ID       string    `json:"id"`
	Topic    string    `json:"topic"`
	OpenedAt time.Time `json:"opened_at"`
	WaitingS int64     `json:"waiting_s" doc:"For so many seconds"`
}

type present struct {
	ID   string `json:"id"`
	Role string `json:"role"`
	Name string `json:"name,omitempty"`
}

type talk struct {
	ID       string     `json:"id"`
	Topic    string     `json:"topic"`
	State    string     `json:"state" enum:"waiting,active,closed"`
	OpenedAt time.Time  `json:"opened_at"`
	ClosedAt *time.Time `json:"closed_at,omitempty"`
	Messages int        `json:"messages" doc:"How many there are; positions are below"`
	Staff    []present  `json:"staff"`
	Facets   []string   `json:"facets,omitempty" doc:"Sealed facets, for the agent who may ask for them"`

	PsychologistAskedAt *time.Time `json:"psychologist_asked_at,omitempty" doc:"While none has come"`
}

type asked struct {
	ID       string    `json:"id"`
	Topic    string    `json:"topic"`
	AskedAt  time.Time `json:"asked_at"`
	WaitingS int64     `json:"waiting_s" doc:"For so many seconds"`
}

type queueOutput struct {
	Body struct {
		Waiting []waiting `json:"waiting" doc:"For an agent, oldest first"`
		Asked   []asked   `json:"asked" doc:"For a psychologist: conversations whose agent asked for one, oldest first"`
		Mine    []talk    `json:"mine" doc:"Open conversations the caller is in"`
	}
}

func (s *staff) queue(ctx context.Context, _ *struct{}) (*queueOutput, error) {
	c := callerOf(ctx)
	mine, err := s.conversations.Mine(ctx, c.actor.ID)
	if err != nil {
		return nil, err
	}
	out := &queueOutput{}
	out.Body.Waiting, out.Body.Asked, out.Body.Mine = []waiting{}, []asked{}, make([]talk, len(mine))
	if c.actor.Role == policy.RolePsychologist {
		// What waits for an agent is not theirs to know.
		called, err := s.conversations.CallingPsychologist(ctx)
		if err != nil {
			return nil, err
		}
		for _, w := range called {
			out.Body.Asked = append(out.Body.Asked, asked{ID: w.Case, Topic: string(w.Topic), AskedAt: w.AskedAt, WaitingS: int64(w.Age / time.Second)})
		}
	} else {
		queue, err := s.conversations.Queue(ctx)
		if err != nil {
			return nil, err
		}
		for _, w := range queue {
			out.Body.Waiting = append(out.Body.Waiting, waiting{ID: w.Case, Topic: string(w.Topic), OpenedAt: w.OpenedAt, WaitingS: int64(w.Age / time.Second)})
		}
	}
	for i, v := range mine {
		if out.Body.Mine[i], err = s.talk(ctx, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// talk is a conversation as those in it see it.
func (s *staff) talk(ctx context.Context, v conversationstore.View) (talk, error) {
	t := talk{
		ID: v.Case, Topic: string(v.Topic), State: string(v.State), OpenedAt: v.OpenedAt,
		ClosedAt: timeOrNil(v.ClosedAt), Messages: v.Messages, Staff: make([]present, len(v.Staff)),
	}
	ids := make([]string, len(v.Staff))
	for i, p := range v.Staff {
		ids[i] = p.Staff
	}
	names, err := s.sessions.Names(ctx, ids)
	if err != nil {
		return talk{}, err
	}
	for i, p := range v.Staff {
		t.Staff[i] = present{ID: p.Staff, Role: p.Role, Name: names[p.Staff]}
	}
	return t, nil
}

// ConversationPath is exported, like the other parts that inputs share, because
// huma fills in exported embedded structs only.
type ConversationPath struct {
	ID string `path:"id" maxLength:"64" doc:"The conversation"`
}

type talkOutput struct{ Body talk }

// conversation shows one that the caller is in. Which facets exist is told to
// its agent alone, who may ask for them.
func (s *staff) conversation(ctx context.Context, in *ConversationPath) (*talkOutput, error) {
	c := callerOf(ctx)
	v, err := s.viewOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	t, err := s.talk(ctx, v)
	if err != nil {
		return nil, err
	}
	if c.actor.Role == policy.RoleAgent {
		sealed, err := s.conversations.Sealed(ctx, in.ID, conversation.Facets...)
		if err != nil {
			return nil, err
		}
		for _, f := range sealed {
			if n := len(t.Facets); n == 0 || t.Facets[n-1] != string(f.Facet) {
				t.Facets = append(t.Facets, string(f.Facet))
			}
		}
	}
	askedAt, err := s.conversations.PsychologistAsked(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	t.PsychologistAskedAt = timeOrNil(askedAt)
	return &talkOutput{t}, nil
}

func (s *staff) askPsychologist(ctx context.Context, in *conversationAct) (*struct{}, error) {
	if !audit.IsUUID(in.ID) {
		return nil, conversation.ErrNotFound
	}
	return nil, s.conversations.AskPsychologist(ctx, callerOf(ctx).actor, in.ID, actOf(ctx).key)
}

// viewOf finds a conversation that the caller is in; any other does not exist.
func (s *staff) viewOf(ctx context.Context, id string) (conversationstore.View, error) {
	return s.conversations.ViewAsStaff(ctx, id, callerOf(ctx).actor.ID)
}

type conversationAct struct {
	ConversationPath
	NoBody
}

func (s *staff) join(ctx context.Context, in *conversationAct) (*talkOutput, error) {
	if !audit.IsUUID(in.ID) {
		return nil, conversation.ErrNotFound
	}
	if err := s.conversations.Join(ctx, callerOf(ctx).actor, in.ID, actOf(ctx).key); err != nil {
		return nil, err
	}
	return s.conversation(ctx, &in.ConversationPath)
}

type readInput struct {
	ConversationPath
	FromQuery
}

func (s *staff) read(ctx context.Context, in *readInput) (*messagesOutput, error) {
	v, err := s.viewOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	page, err := readPage(ctx, s.conversations, s.readings, c, in.ID, in.From)
	if err == nil {
		s.watcher.fetched(c.actor.Role, v, page)
	}
	return page, err
}

type staffWriteInput struct {
	ConversationPath
	WriteBody
}

func (s *staff) write(ctx context.Context, in *staffWriteInput) (*writtenOutput, error) {
	if !audit.IsUUID(in.ID) {
		return nil, conversation.ErrNotFound
	}
	c := callerOf(ctx)
	written, err := s.conversations.WriteAsStaff(ctx, c.actor, in.ID, actOf(ctx).key, in.Body.Text)
	if err != nil {
		return nil, err
	}
	s.watcher.listener.Wrote(written.Number, c.actor.Role)
	out := &writtenOutput{}
	out.Body.Position, out.Body.At = written.Position, written.At
	return out, nil
}

func (s *staff) events(ctx context.Context, in *ConversationPath) (*stream, error) {
	return s.watcher.watch(ctx, callerOf(ctx).actor.Role, func(ctx context.Context) (conversationstore.View, error) {
		if err := s.sessions.Lasts(ctx, callerOf(ctx).actor.Session); err != nil {
			return conversationstore.View{}, err
		}
		return s.viewOf(ctx, in.ID)
	})
}

func (s *staff) typing(ctx context.Context, in *conversationAct) (*struct{}, error) {
	v, err := s.viewOf(ctx, in.ID)
	return nil, s.watcher.typing(callerOf(ctx).actor.Role, v, err)
}

type handOverInput struct {
	ConversationPath
	Body struct {
		To string `json:"to" maxLength:"64" doc:"The colleague's random id"`
	}
}

func (s *staff) handOver(ctx context.Context, in *handOverInput) (*struct{}, error) {
	if !audit.IsUUID(in.ID) {
		return nil, conversation.ErrNotFound
	}
	return nil, s.conversations.HandOver(ctx, callerOf(ctx).actor, in.ID, in.Body.To, actOf(ctx).key)
}

func (s *staff) leave(ctx context.Context, in *conversationAct) (*struct{}, error) {
	if !audit.IsUUID(in.ID) {
		return nil, conversation.ErrNotFound
	}
	return nil, s.conversations.Leave(ctx, callerOf(ctx).actor, in.ID, actOf(ctx).key)
}

func (s *staff) end(ctx context.Context, in *conversationAct) (*struct{}, error) {
	if !audit.IsUUID(in.ID) {
		return nil, conversation.ErrNotFound
	}
	return nil, s.conversations.CloseAsAgent(ctx, callerOf(ctx).actor, in.ID, actOf(ctx).key)
}
