package web

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/custodian/order"
)

// PublicConfig is what the face of minors is made of.
type PublicConfig struct {
	Config
	Conversations *conversationstore.Store
	Listener      *conversationstore.Listener
	Custodian     *order.Client
	Stop          <-chan struct{} // closed when the process is about to end
}

// public handles what minors send. A minor is known by the conversation's
// token and by nothing else.
type public struct {
	*face
	conversations *conversationstore.Store
	custodian     *order.Client
	readings      *readings
	watcher       watcher
}

// NewPublic makes the public face.
func NewPublic(cfg PublicConfig) (*Face, error) {
	if cfg.Conversations == nil || cfg.Listener == nil || cfg.Custodian == nil {
		return nil, errors.New("the public face needs conversations, a listener and the custodian")
	}
	f, err := newFace(Public, cfg.Config, cfg.Stop)
	if err != nil {
		return nil, err
	}
	f.nudge = cfg.Listener.Nudge
	p := &public{
		face: f, conversations: cfg.Conversations, custodian: cfg.Custodian,
		readings: newReadings(cfg.Custodian, f.cfg.Now), watcher: newWatcher(f, cfg.Listener),
	}
	handler, err := f.handler(Table(p, nil), p.identify)
	if err != nil {
		return nil, err
	}
	return &Face{Handler: handler, close: p.readings.close}, nil
}

// identify finds the conversation of a token. One that opens nothing answers
// like one that is malformed.
func (p *public) identify(ctx context.Context, token, _ string) (caller, error) {
	caseID, err := p.conversations.ByToken(ctx, token)
	if errors.Is(err, conversation.ErrNotFound) {
		return caller{}, refuse("token.invalid")
	}
	if err != nil {
		return caller{}, err
	}
	return caller{
		actor: audit.Actor{ID: minor, Role: minor}, order: order.Caller{MinorToken: order.Secret(token)},
		key: minor + ":" + caseID, conversation: caseID,
	}, nil
}

type topic struct {
	Code  string `json:"code"`
	Label string `json:"label" doc:"In the reader's language"`
}

type topicsOutput struct {
	Body struct {
		Topics []topic `json:"topics"`
	}
}

func (p *public) topics(ctx context.Context, _ *struct{}) (*topicsOutput, error) {
	out := &topicsOutput{}
	for _, t := range conversation.Topics {
		label := topicLabels[t]
		text := label.en
		if ctx.Value(frenchKey{}).(bool) {
			text = label.fr
		}
		out.Body.Topics = append(out.Body.Topics, topic{Code: string(t), Label: text})
	}
	return out, nil
}

type openInput struct {
	Body struct {
		PostalCode string `json:"postal_code" maxLength:"16" doc:"A French postal code that exists" example:"35000"`
		Topic      string `json:"topic" maxLength:"64" doc:"A code of GET /api/v1/topics" example:"school_harassment"`
	}
}

type tokenOutput struct {
	Body struct {
		Token string `json:"token" doc:"Opens this conversation. It is told once: keep it"`
	}
}

func (p *public) open(ctx context.Context, in *openInput) (*tokenOutput, error) {
	opened, err := p.conversations.Open(ctx, actOf(ctx).key, conversationstore.Opening{
		PostalCode: in.Body.PostalCode, Topic: conversation.Topic(in.Body.Topic), From: connectionOf(ctx),
	})
	if err != nil {
		return nil, err
	}
	out := &tokenOutput{}
	out.Body.Token = opened.Token
	return out, nil
}

type returnInput struct {
	Body struct {
		Phrase string `json:"phrase" doc:"The eight words; accents and case do not matter"`
	}
}

// leave ends the token it is asked with: a copy of it, which somebody took from the
// browser or a backup of it, opens nothing either. The phrase still does.
func (p *public) leave(ctx context.Context, _ *NoBody) (*struct{}, error) {
	return nil, p.conversations.EndToken(ctx, string(callerOf(ctx).order.MinorToken))
}

// comeBack trades a recovery phrase for a token, which ends all others of the
// conversation. Where the minor came back from
// is sealed before the token is given out: no return goes unrecorded.
func (p *public) comeBack(ctx context.Context, in *returnInput) (*tokenOutput, error) {
	returned, err := p.custodian.Return(ctx, order.Return{Phrase: order.Secret(in.Body.Phrase)})
	if err != nil {
		return nil, err
	}
	if err := p.conversations.Returned(ctx, returned.Case, connectionOf(ctx)); err != nil {
		return nil, err
	}
	out := &tokenOutput{}
	out.Body.Token = string(returned.Token)
	return out, nil
}

type stateOutput struct {
	Body struct {
		Topic    string     `json:"topic"`
		State    string     `json:"state" enum:"waiting,active,closed"`
		OpenedAt time.Time  `json:"opened_at"`
		ClosedAt *time.Time `json:"closed_at,omitempty"`
		Messages int        `json:"messages" doc:"How many there are; positions are below"`
		Staff    []string   `json:"staff" doc:"Roles of who is in the conversation"`
	}
}

func (p *public) state(ctx context.Context, _ *struct{}) (*stateOutput, error) {
	v, err := p.view(ctx)
	if err != nil {
		return nil, err
	}
	out := &stateOutput{}
	out.Body.Topic, out.Body.State = string(v.Topic), string(v.State)
	out.Body.OpenedAt, out.Body.ClosedAt, out.Body.Messages = v.OpenedAt, timeOrNil(v.ClosedAt), v.Messages
	out.Body.Staff = rolesOf(v)
	return out, nil
}

func (p *public) view(ctx context.Context) (conversationstore.View, error) {
	return p.conversations.View(ctx, callerOf(ctx).conversation)
}

// WriteBody is a message to write.
type WriteBody struct {
	Body struct {
		Text string `json:"text" doc:"Plain text, 1 to 4,000 characters"`
	}
}

type writtenOutput struct {
	Body struct {
		Position int       `json:"position"`
		At       time.Time `json:"at"`
	}
}

func (p *public) write(ctx context.Context, in *WriteBody) (*writtenOutput, error) {
	written, err := p.conversations.WriteAsMinor(ctx, callerOf(ctx).conversation, actOf(ctx).key, in.Body.Text)
	if err != nil {
		return nil, err
	}
	p.watcher.listener.Wrote(written.Number, minor)
	out := &writtenOutput{}
	out.Body.Position, out.Body.At = written.Position, written.At
	return out, nil
}

// FromQuery says from where on to read.
type FromQuery struct {
	From int `query:"from" minimum:"0" maximum:"1000000" default:"0" doc:"The first position to read"`
}

func (p *public) read(ctx context.Context, in *FromQuery) (*messagesOutput, error) {
	c := callerOf(ctx)
	page, err := readPage(ctx, p.conversations, p.readings, c, c.conversation, in.From)
	if err != nil || len(page.Body.Messages) == 0 {
		return page, err
	}
	if v, err := p.view(ctx); err == nil { // that it was fetched is shown, and not owed
		p.watcher.fetched(minor, v, page)
	}
	return page, nil
}

// readPage reads messages from a position on, at most a page of them. The
// session is opened even when there is nothing new: reading is what was asked.
func readPage(ctx context.Context, conversations *conversationstore.Store, readings *readings, c caller, caseID string, from int) (*messagesOutput, error) {
	keys, err := readings.keys(ctx, c, caseID, from, from+conversationstore.Page)
	if err != nil {
		return nil, err
	}
	sealed, err := conversations.Messages(ctx, caseID, from, from+conversationstore.Page)
	if err != nil {
		return nil, err
	}
	return unseal(caseID, sealed, keys)
}

// events streams news as long as the token is one: whoever holds one that was ended
// hears no more than they read.
func (p *public) events(ctx context.Context, _ *struct{}) (*stream, error) {
	token := string(callerOf(ctx).order.MinorToken)
	return p.watcher.watch(ctx, minor, func(ctx context.Context) (conversationstore.View, error) {
		if _, err := p.conversations.ByToken(ctx, token); err != nil {
			return conversationstore.View{}, err
		}
		return p.view(ctx)
	})
}

func (p *public) typing(ctx context.Context, _ *NoBody) (*struct{}, error) {
	v, err := p.view(ctx)
	return nil, p.watcher.typing(minor, v, err)
}

// NoBody is the body of a request that says all in its address.
type NoBody struct {
	Body *struct{}
}

type phraseOutput struct {
	Body struct {
		Phrase string `json:"phrase" doc:"Eight words that open this conversation again. They are told once and replace those given before"`
	}
}

func (p *public) phrase(ctx context.Context, _ *NoBody) (*phraseOutput, error) {
	issued, err := p.custodian.Phrase(ctx, order.NewPhrase{Caller: callerOf(ctx).order})
	if err != nil {
		return nil, err
	}
	out := &phraseOutput{}
	out.Body.Phrase = string(issued.Phrase)
	return out, nil
}

type entrustInput struct {
	Facet string `path:"facet" maxLength:"64" doc:"name, contact or location"`
	Body  struct {
		Value string `json:"value" doc:"At most 500 characters. Sealed at once; opened only with consent or on another legal ground"`
	}
}

func (p *public) entrust(ctx context.Context, in *entrustInput) (*struct{}, error) {
	return nil, p.conversations.Entrust(ctx, callerOf(ctx).conversation, actOf(ctx).key, conversation.Facet(in.Facet), in.Body.Value)
}

func (p *public) end(ctx context.Context, _ *NoBody) (*struct{}, error) {
	return nil, p.conversations.CloseAsMinor(ctx, callerOf(ctx).conversation, actOf(ctx).key)
}

type remoteKey struct{}

// connectionOf is where the request came from: sealed into the identity, and
// kept nowhere else.
func connectionOf(ctx context.Context) conversation.Connection {
	from, _ := ctx.Value(remoteKey{}).(netip.AddrPort)
	return conversation.Connection{Address: from.Addr().Unmap(), Port: from.Port()}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func rolesOf(v conversationstore.View) []string {
	roles := make([]string, len(v.Staff))
	for i, s := range v.Staff {
		roles[i] = s.Role
	}
	return roles
}

var topicLabels = map[conversation.Topic]struct{ fr, en string }{
	conversation.TopicPhysicalViolence:      {"On me frappe, on me fait mal", "Somebody hits or hurts me"},
	conversation.TopicPsychologicalViolence: {"On m'humilie, on me rabaisse, on me fait peur", "Somebody humiliates or frightens me"},
	conversation.TopicSexualViolence:        {"Violences sexuelles, gestes déplacés", "Sexual violence, being touched"},
	conversation.TopicSchoolHarassment:      {"Harcèlement à l'école, au collège, au lycée", "Bullying at school"},
	conversation.TopicCyberHarassment:       {"Harcèlement en ligne", "Bullying online"},
	conversation.TopicIllTreatment:          {"Maltraitance à la maison ou ailleurs", "Ill-treatment at home or elsewhere"},
	conversation.TopicNeglect:               {"Personne ne s'occupe de moi", "Nobody takes care of me"},
	conversation.TopicExploitation:          {"On me force à faire des choses, à travailler, à voler", "I am forced to do things, to work, to steal"},
	conversation.TopicSextortion:            {"Chantage avec des photos ou des vidéos", "Blackmail with photos or videos"},
	conversation.TopicShockingContent:       {"J'ai vu des images choquantes", "I saw shocking pictures"},
	conversation.TopicThreats:               {"On me menace", "I am being threatened"},
	conversation.TopicAddiction:             {"Drogue, alcool, écrans, jeux", "Drugs, alcohol, screens, games"},
	conversation.TopicOther:                 {"Autre chose", "Something else"},
}
