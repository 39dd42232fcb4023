package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// paths are the roads of a lift beside the usual one, and the rights of the minor:
// one scene each, with a short conversation of its own.
var paths = []struct {
	name   string
	script Conversation
	play   func(*stage, context.Context, Conversation) error
}{
	{"consent, given and taken back", lines("cyber_harassment",
		"ils ont créé un groupe de 40 personnes juste pour se moquer de moi",
		"Je comprends. Est-ce qu'un adulte de confiance pourrait être prévenu, si tu es d'accord ?",
		"ma tante Solène, elle au moins elle ne criera pas"), (*stage).consent},
	{"a magistrate's requisition", lines("sextortion",
		"il menace d'envoyer la vidéo à tout mon lycée si je ne paie pas avant vendredi",
		"Merci de nous avoir écrit. Ne paie rien, et garde tous ses messages.",
		"il écrit depuis un compte qu'il a déjà changé trois fois"), (*stage).requisition},
	{"the glass is broken", lines("physical_violence",
		"il force la porte de la salle de bains où je suis enfermée",
		"Je reste avec toi. Est-ce que tu peux ouvrir la fenêtre ?",
		"non elle est bloquée, il a pris la perceuse du garage"), (*stage).brokenGlass},
	{"the glass is broken, and should not have been", lines("threats",
		"mon cousin raconte qu'il va mettre le feu au hangar ce soir",
		"Est-ce qu'il te l'a dit à toi directement ?",
		"non c'est son petit frère qui le répète partout"), (*stage).brokenForNothing},
	{"a grant is revoked in mid-window", lines("ill_treatment",
		"elle m'a attaché au radiateur du couloir hier encore",
		"C'est très grave, et tu as bien fait d'écrire. Est-elle là maintenant ?",
		"elle revient de ses courses dans dix minutes"), (*stage).revoked},
	{"an agent's shift ends in mid-window", lines("neglect",
		"on est seuls depuis mardi mon petit frère et moi, il n'y a plus rien à manger",
		"Merci de me le dire. Est-ce que ton frère va bien ?",
		"il tousse beaucoup et il est brûlant"), (*stage).shiftEnds},
	{"an agent is suspended", lines("school_harassment",
		"ils m'attendent tous les soirs sous le préau du gymnase",
		"Combien sont-ils, et est-ce que ce sera encore le cas ce soir ?",
		"quatre, et un a un cutter dans sa trousse"), (*stage).suspended},
	{"a psychologist's opinion", lines("addiction",
		"je n'ai plus envie de rien, j'ai compté les comprimés du tiroir",
		"Je suis là, et une collègue psychologue peut nous rejoindre. Tu veux bien ?",
		"oui mais vite, parce que je suis très fatiguée de tout ça"), (*stage).opinion},
	{"the young person is told", lines("sexual_violence",
		"mon entraîneur vient me chercher à vingt heures et je ne veux plus y aller",
		"Tu as le droit de dire non. Sait-il où tu es ?",
		"oui il a suivi mon téléphone toute la semaine"), (*stage).told},
	{"a copy, an erasure and a hold", lines("shocking_content",
		"j'ai vu une vidéo horrible et je n'arrive plus à dormir depuis",
		"Tu as bien fait d'en parler. Veux-tu me dire qui te l'a envoyée ?",
		"finalement je préfère que tout ce que j'ai écrit disparaisse"), (*stage).erased},
}

// lines is a short script: the minor, the agent, the minor, and so on.
func lines(topic string, texts ...string) Conversation {
	c := Conversation{ID: topic, Topic: topic}
	for i, text := range texts {
		c.Messages = append(c.Messages, Message{From: []string{fromMinor, fromAgent}[i%2], Text: text})
	}
	return c
}

// beginAndTalk opens a conversation, has an agent join it, and plays its script.
func (s *stage) beginAndTalk(ctx context.Context, script Conversation, agent *colleague, e entrusts) (*scene, error) {
	sc, err := s.begin(ctx, script, agent)
	if err != nil {
		return nil, err
	}
	if err := sc.entrust(ctx, e); err != nil {
		return nil, err
	}
	return sc, sc.talk(ctx, 0)
}

// held reports that something worked, and gives the error back.
func (s *stage) held(what string, err error, got string) error {
	s.report.held(what, err, got)
	return err
}

// grant has a request asked for, read and approved in whole.
func (sc *scene) grant(ctx context.Context, by *colleague, narrative string, facets ...string) (escalation, error) {
	esc, texts, err := sc.request(ctx, sc.agent.account+" asks for a lift", narrative, facets...)
	if err != nil {
		return esc, err
	}
	if err := sc.review(ctx, by, esc, texts, narrative); err != nil {
		return esc, err
	}
	return esc, sc.held(by.account+" approves", by.approve(ctx, esc.ID, esc.Request, facets...), "approved")
}

// becomes waits until an escalation is what it should be, as its requester sees it.
func (sc *scene) becomes(ctx context.Context, what string, id string, while time.Duration, is func(escalation) bool) error {
	var now escalation
	err := eventually(ctx, while, func() (bool, error) {
		var err error
		now, err = sc.agent.escalation(ctx, id)
		return err == nil && is(now), err
	})
	return sc.held(what, err, now.State)
}

// errNever is what did not happen although it was waited for.
var errNever = errors.New("it did not happen in time")

// eventually asks again and again, until the answer is yes.
func eventually(ctx context.Context, while time.Duration, ask func() (bool, error)) error {
	for deadline := time.Now().Add(while); ; {
		yes, err := ask()
		if yes {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(errNever, err)
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// refusedTo is one act of several people, each refused for a reason.
type refusedTo struct {
	what  string
	err   error
	codes []string
}

// refusedAll reports refusals.
func (s *stage) refusedAll(all ...refusedTo) {
	for _, r := range all {
		s.report.refused(r.what, r.err, r.codes...)
	}
}

// act is one POST about an escalation.
func (c *colleague) act(ctx context.Context, id, what string, body any) error {
	return c.do(ctx, http.MethodPost, "/escalations/"+id+"/"+what, body, nil)
}

// object is a body.
type object = map[string]any

// named is a request's leaf hash, as an act on it names it.
func (e escalation) named() object { return object{"request": e.Request} }

// listed says which ids a list of the staff face holds.
func (c *colleague) listed(ctx context.Context, path, list string) ([]string, error) {
	out := map[string]any{}
	if err := c.do(ctx, http.MethodGet, path, nil, &out); err != nil {
		return nil, err
	}
	rows, is := out[list].([]any)
	if !is {
		return nil, fmt.Errorf("%s holds no list %q", path, list)
	}
	var ids []string
	for _, row := range rows {
		if one, is := row.(map[string]any); is {
			for _, key := range []string{"id", "conversation"} {
				if id, is := one[key].(string); is {
					ids = append(ids, id)
				}
			}
		}
	}
	return ids, nil
}

// finds checks that somebody finds an id in a list.
func (s *stage) finds(ctx context.Context, what string, c *colleague, path, list, id string) error {
	ids, err := c.listed(ctx, path, list)
	if err == nil && !slices.Contains(ids, id) {
		err = errors.New("it is not in the list")
	}
	return s.held(what, err, "in "+strings.TrimPrefix(path, "/"))
}
