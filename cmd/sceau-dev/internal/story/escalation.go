package story

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// danger is an assessment that shows imminent danger.
func danger(violence, suicide string) map[string]string {
	return map[string]string{
		"immediacy": "now", "violence": violence, "suicide": suicide, "perpetrator_present": "yes",
		"captive": "unknown", "age_band": "13_15", "alone": "no", "location_known": "no",
	}
}

// calm is an assessment that shows none.
func calm() map[string]string {
	return map[string]string{
		"immediacy": "unclear", "violence": "none", "suicide": "none", "perpetrator_present": "no",
		"captive": "no", "age_band": "16_17", "alone": "unknown", "location_known": "unknown",
	}
}

// plant notes a plaintext that is about to be handed to the service.
func (s *stage) plant(text string) string {
	s.planted.Add(text)
	return text
}

// entrusts are the facets a minor may say, one set per scene so that no value
// can be taken for another's.
type entrusts struct{ name, contact, location string }

func (sc *scene) entrust(ctx context.Context, e entrusts) error {
	for _, f := range []struct{ facet, value string }{{"name", e.name}, {"contact", e.contact}, {"location", e.location}} {
		if f.value == "" {
			continue
		}
		if err := sc.minor.entrust(ctx, f.facet, sc.plant(f.value)); err != nil {
			return fmt.Errorf("entrusting %s: %w", f.facet, err)
		}
	}
	return nil
}

// cite reads the conversation and picks the last two messages of the minor.
func (sc *scene) cite(ctx context.Context) ([]citation, []string, error) {
	all, err := sc.agent.messages(ctx, sc.id)
	if err != nil {
		return nil, nil, fmt.Errorf("%s reading: %w", sc.agent.account, err)
	}
	var cited []citation
	var texts []string
	for _, m := range slices.Backward(all) {
		if m.Author == fromMinor && len(cited) < 2 {
			cited = append([]citation{{m.Position, m.SHA256}}, cited...)
			texts = append([]string{m.Text}, texts...)
		}
	}
	if len(cited) == 0 {
		return nil, nil, errors.New("the minor wrote nothing that could be cited")
	}
	return cited, texts, nil
}

// request asks for a lift and reports that policy let it pass.
func (sc *scene) request(ctx context.Context, what string, narrative string, facets ...string) (escalation, []string, error) {
	cited, texts, err := sc.cite(ctx)
	if err != nil {
		return escalation{}, nil, err
	}
	esc, err := sc.agent.ask(ctx, sc.id, asking{
		Ground: "imminent_danger", Assessment: danger("ongoing", "none"), Facets: facets,
		Evidence: cited, Narrative: sc.plant(narrative),
	})
	if err == nil && esc.Request == "" {
		err = errors.New("the answer names no request to answer")
	}
	sc.report.held(what, err, esc.State)
	return esc, texts, err
}

// review has a supervisor read the evidence and checks that it is what was
// cited, and nothing more.
func (sc *scene) review(ctx context.Context, by *colleague, esc escalation, texts []string, narrative string) error {
	ev, err := by.evidence(ctx, esc.ID)
	if err == nil {
		var got []string
		for _, m := range ev.Messages {
			got = append(got, m.Text)
		}
		switch {
		case !slices.Equal(got, texts):
			err = fmt.Errorf("%d messages were shown where %d were cited, or others", len(got), len(texts))
		case ev.Narrative != narrative:
			err = errors.New("the narrative shown is not the one written")
		case ev.Request != esc.Request:
			err = errors.New("the evidence is of another request")
		}
	}
	sc.report.held(by.account+" reads the evidence, exactly what was cited", err, fmt.Sprintf("%d messages", len(ev.Messages)))
	return err
}

// sees checks that an opened identity holds exactly what was granted.
func (sc *scene) sees(ctx context.Context, what string, esc escalation, e entrusts, facets ...string) (identity, error) {
	id, err := sc.agent.unseal(ctx, esc.ID, facets...)
	if err == nil {
		err = sc.compare(id, e, facets)
	}
	sc.report.held(what, err, strings.Join(facets, ", "))
	return id, err
}

func (sc *scene) compare(id identity, e entrusts, facets []string) error {
	want := map[string]string{"name": e.name, "contact": e.contact, "location": e.location}
	shown := map[string]bool{}
	for _, f := range id.Facets {
		if !slices.Contains(facets, f.Facet) {
			return fmt.Errorf("the facet %s is shown although it was not asked for", f.Facet)
		}
		shown[f.Facet] = true
		if f.Facet != "connection" {
			if f.Value != want[f.Facet] {
				return fmt.Errorf("the facet %s is not what the minor entrusted", f.Facet)
			}
			continue
		}
		c := f.Connection
		from := sc.minor.line.from
		if c == nil || c.Address != from.Addr().String() || c.Port != from.Port() || c.At.IsZero() {
			return errors.New("the connection is not the one the minor came by")
		}
	}
	for _, f := range facets {
		if !shown[f] && (f == "connection" || want[f] != "") {
			return fmt.Errorf("the facet %s is missing", f)
		}
	}
	return nil
}

// anotherLift is a conversation with a lift that goes as it should.
func (s *stage) anotherEscalation(ctx context.Context, i int, script Conversation) error {
	agents := []*colleague{s.cast.amal, s.cast.bruno, s.cast.chloe}
	sc, err := s.begin(ctx, script, agents[i%len(agents)])
	if err != nil {
		return err
	}
	e := entrusts{contact: fmt.Sprintf("jeune-%04d@courriel.example", i)}
	if err := sc.entrust(ctx, e); err != nil {
		return err
	}
	if err := sc.talk(ctx, 0); err != nil {
		return err
	}
	text := fmt.Sprintf("Dossier %04d : propos inquiétants en fin d'échange, je demande de quoi rappeler.", i)
	esc, texts, err := sc.request(ctx, sc.agent.account+" asks for a lift", text, "connection", "contact")
	if err != nil {
		return err
	}
	if err := sc.review(ctx, s.cast.etienne, esc, texts, text); err != nil {
		return err
	}
	if err := s.cast.etienne.approve(ctx, esc.ID, esc.Request, "connection", "contact"); err != nil {
		return fmt.Errorf("etienne approving: %w", err)
	}
	if _, err := sc.sees(ctx, sc.agent.account+" opens what was granted", esc, e, "connection", "contact"); err != nil {
		return err
	}
	return sc.agent.close(ctx, sc.id)
}

// plainTalk is a conversation without a lift.
func (s *stage) plainTalk(ctx context.Context, i int, script Conversation) error {
	agents := []*colleague{s.cast.amal, s.cast.bruno, s.cast.chloe, s.cast.ines}
	sc, err := s.begin(ctx, script, agents[i%len(agents)])
	if err != nil {
		return err
	}
	if err := sc.talk(ctx, 0); err != nil {
		return err
	}
	if i%2 == 0 {
		return sc.minor.close(ctx)
	}
	return sc.agent.close(ctx, sc.id)
}
