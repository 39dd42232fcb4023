package story

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// opinion: what a psychologist thinks is taken from the log, not from the agent.
func (s *stage) opinion(ctx context.Context, script Conversation) error {
	c := s.cast
	e := entrusts{contact: "ma grande sœur Ambre, 07 45 00 18 26"}
	sc, err := s.beginAndTalk(ctx, script, c.ines, e)
	if err != nil {
		return err
	}
	note := s.plant("Propos suicidaires répétés, moyen à portée de main, demande d'aide explicite.")
	say := func(by *colleague, opinion string) error {
		return by.do(ctx, http.MethodPost, "/conversations/"+sc.id+"/opinions", object{"opinion": opinion, "note": note}, nil)
	}
	s.report.refused("a psychologist who is not in the conversation says what she thinks", say(c.farah, "danger"), "conversation.not_found", "conversation.not_participant")
	cited, texts, err := sc.cite(ctx)
	if err != nil {
		return err
	}
	tired := calm()
	tired["immediacy"] = "hours"
	ask := func(narrative string) (escalation, error) {
		return c.ines.ask(ctx, sc.id, asking{Ground: "imminent_danger", Assessment: tired, Facets: []string{"contact"}, Evidence: cited,
			Narrative: s.plant(narrative)})
	}
	_, err = ask("Je la sens très mal, sans pouvoir dire pourquoi.")
	s.report.refused("ines asks for a lift that no answer supports", err, "danger.not_shown")
	if err := s.held("a psychologist joins", c.farah.join(ctx, sc.id), "joined"); err != nil {
		return err
	}
	s.report.refused("the agent gives the opinion in her place", say(c.ines, "danger"), "role.not_allowed")
	s.report.refused("she thinks perhaps", say(c.farah, "perhaps"), "opinion.unknown")
	if err := s.held("she sees danger, and notes why", say(c.farah, "danger"), "danger"); err != nil {
		return err
	}
	narrative := "La psychologue vient de confirmer le danger ; il faut pouvoir appeler un proche."
	esc, err := ask(narrative)
	if s.held("ines asks again, on the psychologist's opinion", err, esc.State) != nil {
		return err
	}
	ev, err := c.diane.evidence(ctx, esc.ID)
	if err == nil && (ev.Opinion.Note != note || len(ev.Messages) != len(texts)) {
		err = errors.New("the supervisor does not read the psychologist's note")
	}
	if s.held("diane reads the note with the evidence", err, "danger") != nil {
		return err
	}
	if err := s.held("diane approves", c.diane.approve(ctx, esc.ID, esc.Request, "contact"), "approved"); err != nil {
		return err
	}
	if _, err := sc.sees(ctx, "ines opens what was granted", esc, e, "contact"); err != nil {
		return err
	}
	_, err = c.farah.unseal(ctx, esc.ID, "contact")
	s.report.refused("the psychologist opens it", err, "role.not_allowed")
	return c.ines.close(ctx, sc.id)
}

// receipt is the answer to: who opened my identity?
type receipt struct {
	AsOf     string `json:"as_of"`
	Sentence string `json:"sentence"`
	Openings []struct {
		Ground string   `json:"ground"`
		Facets []string `json:"facets"`
		How    string   `json:"how"`
		Told   bool     `json:"told"`
	} `json:"openings"`
}

func (m *minor) receipt(ctx context.Context) (receipt, error) {
	var out receipt
	err := m.do(ctx, http.MethodGet, "/conversation/openings", nil, &out)
	return out, err
}

// rawReceipt is the same answer, to the byte.
func (m *minor) rawReceipt(ctx context.Context) ([]byte, error) {
	var out json.RawMessage
	err := m.do(ctx, http.MethodGet, "/conversation/openings", nil, &out)
	return out, err
}

// told: from an opening on, somebody owes the young person the truth; until then the
// answer is that of somebody whose identity nobody ever opened, to the byte.
func (s *stage) told(ctx context.Context, script Conversation) error {
	c := s.cast
	e := entrusts{location: "gymnase des Trois Fontaines, vestiaire du fond"}
	sc, err := s.beginAndTalk(ctx, script, c.bruno, e)
	if err != nil {
		return err
	}
	never := s.newMinor()
	if err := func() error { // who writes must be found in the queue before another one does
		sc.opening.Lock()
		defer sc.opening.Unlock()
		if err := never.open(ctx, "29200", "other"); err != nil {
			return err
		}
		sc.opened.Add(1)
		ids, err := c.bruno.waiting(ctx)
		for _, id := range ids {
			sc.known[id] = true
		}
		return err
	}(); err != nil {
		return fmt.Errorf("opening a conversation: %w", err)
	}
	esc, err := sc.grant(ctx, c.etienne, "L'adulte qui l'agresse sait où elle est et vient la chercher ce soir.", "location")
	if err != nil {
		return err
	}
	tell := func(body object) error { return c.bruno.act(ctx, esc.ID, "tellings", body) }
	s.report.refused("bruno says that he told, before anything was opened", tell(object{"outcome": "told"}), "telling.not_due")
	if _, err := sc.sees(ctx, "bruno opens what was granted", esc, e, "location"); err != nil {
		return err
	}
	same := func(what string) error {
		before, err := never.rawReceipt(ctx)
		if err != nil {
			return err
		}
		got, err := sc.minor.rawReceipt(ctx)
		if err != nil {
			return err
		}
		after, err := never.rawReceipt(ctx)
		if err == nil && !bytes.Equal(got, before) && !bytes.Equal(got, after) { // midnight may pass between two
			err = errors.New("it is another answer than that of somebody whose identity was never opened")
		}
		return s.held(what, err, fmt.Sprintf("the same %d bytes as if nothing ever was", len(got)))
	}
	if err := same("the minor asks who opened their identity: not to be told yet"); err != nil {
		return err
	}
	s.finds(ctx, "bruno sees whom he owes the truth", c.bruno, "/tellings", "due", esc.ID)
	s.refusedAll(
		refusedTo{"bruno puts it off without saying until when", tell(object{"outcome": "later"}), []string{"telling.not_coded"}},
		refusedTo{"bruno puts it off for a year", tell(object{"outcome": "later", "until": time.Now().AddDate(1, 0, 0)}), []string{"telling.not_coded"}},
		refusedTo{"bruno finds it unsafe, and not why", tell(object{"outcome": "unsafe"}), []string{"telling.not_coded"}},
		refusedTo{"an agent who has no part in it says that she told", c.chloe.act(ctx, esc.ID, "tellings", object{"outcome": "told"}), []string{"escalation.not_found", "conversation.not_participant"}},
	)
	if err := s.held("bruno puts it off for half a minute", tell(object{"outcome": "later", "until": time.Now().Add(30 * time.Second)}), "later"); err != nil {
		return err
	}
	if err := s.held("it is unsafe: who hurts them may be reading along", tell(object{"outcome": "unsafe", "reason": "perpetrator_reads"}), "unsafe"); err != nil {
		return err
	}
	if err := same("the minor asks again: still not to be told"); err != nil {
		return err
	}
	if err := s.held("bruno tells the young person", tell(object{"outcome": "told"}), "told"); err != nil {
		return err
	}
	answer, err := sc.minor.receipt(ctx)
	if err == nil && (len(answer.Openings) != 1 || !answer.Openings[0].Told || !slices.Equal(answer.Openings[0].Facets, []string{"location"})) {
		err = fmt.Errorf("the answer is %+v", answer)
	}
	s.report.held("the minor asks, having been told", err, "when, on what ground, which facets")
	s.report.refused("bruno tells twice", tell(object{"outcome": "told"}), "telling.not_due")
	if err := never.close(ctx); err != nil {
		return err
	}
	return c.bruno.close(ctx, sc.id)
}

// erased: a minor takes a copy and asks that everything disappear. It waits for a
// lift, then for a hold; then nobody reads it any more.
func (s *stage) erased(ctx context.Context, script Conversation) error {
	c := s.cast
	e := entrusts{name: "Ysaline Brochard-Weiss"}
	sc, err := s.beginAndTalk(ctx, script, c.ines, e)
	if err != nil {
		return err
	}
	var mine struct {
		Messages []struct{ Text string }
		Facets   []string
	}
	err = sc.minor.do(ctx, http.MethodGet, "/conversation/copy", nil, &mine)
	if err == nil && (len(mine.Messages) != 2 || mine.Messages[0].Text != script.Messages[0].Text || !slices.Equal(mine.Facets, []string{"name"})) {
		err = fmt.Errorf("the copy holds %d messages", len(mine.Messages))
	}
	s.report.held("the minor takes a copy of what they wrote", err, fmt.Sprintf("%d messages", len(mine.Messages)))
	cited, _, err := sc.cite(ctx)
	if err != nil {
		return err
	}
	esc, _, err := sc.request(ctx, "ines asks for a lift", "La vidéo montre un enfant que le jeune semble connaître.", "name")
	if err != nil {
		return err
	}
	var asked struct{ ID string }
	ask := func() error { return sc.minor.do(ctx, http.MethodPost, "/conversation/erasures", nil, &asked) }
	if err := s.held("the minor asks that everything be erased", ask(), "waits"); err != nil {
		return err
	}
	s.report.refused("the minor asks twice", ask(), "erasure.already_requested")
	decide := func(by *colleague, body object) error {
		return by.do(ctx, http.MethodPost, "/privacy/erasures/"+asked.ID+"/decide", body, nil)
	}
	granted := object{"verdict": "granted"}
	s.finds(ctx, "hana, privacy officer, finds it among what waits", c.hana, "/privacy/erasures", "erasures", asked.ID)
	s.refusedAll(
		refusedTo{"a supervisor grants it", decide(c.diane, granted), []string{"role.not_allowed"}},
		refusedTo{"hana refuses it without a reason of the list", decide(c.hana, object{"verdict": "refused", "reason": "too_much_work"}), []string{"erasure.not_coded"}},
		refusedTo{"hana grants it while a lift is open", decide(c.hana, granted), []string{"erasure.escalation_open"}},
	)
	if err := s.held("ines withdraws the lift", c.ines.withdraw(ctx, esc.ID), "withdrawn"); err != nil {
		return err
	}
	var hold struct{ ID string }
	set := func(reason string) error {
		return c.hana.do(ctx, http.MethodPost, "/privacy/holds", object{"conversation": sc.id, "reason": reason}, &hold)
	}
	s.report.refused("hana sets a hold for a reason of her own", set("caution"), "hold.not_coded")
	if err := s.held("hana sets a hold: proceedings", set("proceedings"), "held"); err != nil {
		return err
	}
	s.finds(ctx, "hana sees the holds that stand", c.hana, "/privacy/holds", "holds", hold.ID)
	s.report.refused("hana grants the erasure of what is held", decide(c.hana, granted), "hold.set")
	s.finds(ctx, "hana sees what retention will destroy", c.hana, "/privacy/due?within_days=1", "due", sc.id)
	lift := func() error {
		return c.hana.do(ctx, http.MethodPost, "/privacy/holds/"+hold.ID+"/lift", object{"reason": "proceedings"}, nil)
	}
	if err := s.held("hana lifts the hold", lift(), "lifted"); err != nil {
		return err
	}
	s.report.refused("hana lifts it twice", lift(), "hold.unknown")
	if err := s.held("hana grants the erasure", decide(c.hana, granted), "granted"); err != nil {
		return err
	}
	s.report.refused("hana decides twice", decide(c.hana, granted), "erasure.not_pending")
	var gone error
	err = eventually(ctx, 30*time.Second, func() (bool, error) {
		_, gone = c.ines.messages(ctx, sc.id)
		var p *Problem
		return errors.As(gone, &p) && p.has("conversation.erased"), nil
	})
	if s.held("the custodian destroys the keys", err, "both") != nil {
		return err
	}
	s.report.refused("ines reads what was erased", gone, "conversation.erased")
	_, err = sc.minor.messages(ctx, 0)
	s.report.refused("nor does the minor", err, "conversation.erased")
	_, err = c.ines.ask(ctx, sc.id, asking{Ground: "imminent_danger", Assessment: danger("weapon", "none"), Facets: []string{"name"}, Evidence: cited,
		Narrative: s.plant("Je voudrais quand même savoir qui a écrit ce qui a été effacé.")})
	s.report.refused("ines asks for a lift of what was erased", err, "conversation.erased")
	return nil
}
