package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// consent: a minor agrees to one facet in their own words; somebody approves, the
// agent opens; and all of it ends with the word that takes the consent back.
func (s *stage) consent(ctx context.Context, script Conversation) error {
	c := s.cast
	e := entrusts{name: "Maëlys Kervadec-Ott", contact: "tante Solène, 06 12 00 74 35, après dix-huit heures"}
	sc, err := s.beginAndTalk(ctx, script, c.amal, e)
	if err != nil {
		return err
	}
	give := func(words string, facets ...string) (id string, err error) {
		var given struct{ ID string }
		err = sc.minor.do(ctx, http.MethodPost, "/conversation/consents", object{"facets": facets, "words": words}, &given)
		return given.ID, err
	}
	_, err = give(s.plant("d'accord pour la pointure de mes chaussures"), "shoe_size")
	s.report.refused("the minor agrees to a facet that does not exist", err, "consent.facets")
	_, err = give("  ", "contact")
	s.report.refused("the minor agrees without a word", err, "words.empty")
	words := s.plant("oui vous pouvez appeler ma tante Solène mais personne d'autre")
	id, err := give(words, "contact")
	if s.held("the minor agrees, in their own words, to one facet", err, "contact") != nil {
		return err
	}
	var shown struct {
		Consents []struct{ ID, Words string }
	}
	err = c.amal.do(ctx, http.MethodGet, "/conversations/"+sc.id+"/consents", nil, &shown)
	if err == nil && (len(shown.Consents) != 1 || shown.Consents[0].Words != words) {
		err = errors.New("what is shown is not what was said")
	}
	s.report.held("the agent reads what the minor agreed to", err, "their words")
	err = c.bruno.do(ctx, http.MethodGet, "/conversations/"+sc.id+"/consents", nil, nil)
	s.report.refused("another agent reads it", err, "conversation.not_found")

	cited, _, err := sc.cite(ctx)
	if err != nil {
		return err
	}
	ask := func(narrative, consent string, facets ...string) (escalation, error) {
		return c.amal.ask(ctx, sc.id, asking{Ground: "consent", Assessment: calm(), Facets: facets, Evidence: cited,
			Consent: consent, Narrative: s.plant(narrative)})
	}
	_, err = ask("Son nom serait utile aussi, tant qu'à faire.", id, "contact", "name")
	s.report.refused("amal asks for more than was agreed to", err, "consent.other_facets")
	narrative := "La jeune demande que sa tante soit prévenue ce soir, son accord est écrit."
	esc, err := ask(narrative, id, "contact")
	if s.held("amal asks, on the consent", err, esc.State) != nil {
		return err
	}
	ev, err := c.etienne.evidence(ctx, esc.ID)
	if err == nil && ev.Words != words {
		err = errors.New("the supervisor reads other words than the minor's")
	}
	if s.held("etienne reads the minor's words", err, "and the messages cited") != nil {
		return err
	}
	if err := s.held("etienne approves", c.etienne.approve(ctx, esc.ID, esc.Request, "contact"), "approved"); err != nil {
		return err
	}
	if _, err := sc.sees(ctx, "amal opens what the minor agreed to", esc, e, "contact"); err != nil {
		return err
	}
	receipt, err := sc.minor.receipt(ctx)
	if err == nil && (len(receipt.Openings) != 1 || receipt.Openings[0].Ground != "consent" || !slices.Equal(receipt.Openings[0].Facets, []string{"contact"})) {
		err = fmt.Errorf("the answer is %+v", receipt)
	}
	s.report.held("the minor asks who opened their identity", err, "at once told: on their consent, contact")

	withdraw := func() error {
		return sc.minor.do(ctx, http.MethodPost, "/conversation/consents/"+id+"/withdraw", nil, nil)
	}
	if err := s.held("the minor takes the consent back", withdraw(), "taken back"); err != nil {
		return err
	}
	_, err = c.amal.unseal(ctx, esc.ID, "contact")
	s.report.refused("amal reloads the page", err, "consent.withdrawn")
	now, err := c.amal.escalation(ctx, esc.ID)
	if err == nil && now.State != "closed" {
		err = fmt.Errorf("it is %s", now.State)
	}
	s.report.held("the lift ended in that very moment", err, now.State)
	_, err = ask("Je redemande sur le même accord.", id, "contact")
	s.report.refused("amal asks on it again", err, "consent.withdrawn")
	s.report.held("the minor, unsure, takes it back once more", withdraw(), "as it was")
	return c.amal.close(ctx, sc.id)
}

// requisition: a magistrate's order takes a supervisor and a privacy officer; the
// latter sees the order and no message.
func (s *stage) requisition(ctx context.Context, script Conversation) error {
	c := s.cast
	e := entrusts{contact: "compte de secours gardé par mon frère : loup-gris-2209"}
	sc, err := s.beginAndTalk(ctx, script, c.bruno, e)
	if err != nil {
		return err
	}
	cited, texts, err := sc.cite(ctx)
	if err != nil {
		return err
	}
	ask := func(narrative string, order object, facets ...string) (escalation, error) {
		return c.bruno.ask(ctx, sc.id, asking{Ground: "judicial_requisition", Assessment: calm(), Facets: facets, Evidence: cited,
			Requisition: order, Narrative: s.plant(narrative)})
	}
	connection := []string{"connection"}
	_, err = ask("L'ordre arrive, la référence suivra.", object{"authority": "prosecutor", "reference": "", "facets": connection, "listed_case": "three_years"}, connection...)
	s.report.refused("an order without its reference", err, "requisition.incomplete")
	_, err = ask("Ordre du principal du collège.", object{"authority": "headmaster", "reference": "C 12", "facets": connection, "listed_case": "three_years"}, connection...)
	s.report.refused("an order of somebody who may not order", err, "requisition.incomplete")
	_, err = ask("L'ordre ne dit pas dans quel cas.", object{"authority": "prosecutor", "reference": "PR 2026/118", "facets": connection}, connection...)
	s.report.refused("the connection, in no case that the law lists", err, "requisition.case_not_listed")
	order := object{"authority": "prosecutor", "reference": "PR 2026/118", "facets": connection, "listed_case": "three_years"}
	_, err = ask("Et le contact, pendant que nous y sommes.", order, "connection", "contact")
	s.report.refused("a facet that was not ordered", err, "requisition.facets_not_ordered")
	narrative := "Réquisition reçue ce matin, jointe au registre du parquet."
	esc, err := ask(narrative, order, connection...)
	if s.held("bruno asks, on a prosecutor's order", err, esc.State) != nil {
		return err
	}

	s.finds(ctx, "hana, privacy officer, finds it among what waits", c.hana, "/escalations", "pending", esc.ID)
	s.report.refused("hana answers what she has not read", c.hana.approve(ctx, esc.ID, esc.Request, connection...), "evidence.not_read")
	ev, err := c.hana.evidence(ctx, esc.ID)
	if err == nil && (ev.Scope != "requisition" || len(ev.Messages) > 0 || ev.Narrative != "" || ev.Requisition.Reference != "PR 2026/118") {
		err = fmt.Errorf("she is shown %d messages and more than the order", len(ev.Messages))
	}
	if s.held("hana reads the order, and no message", err, "PR 2026/118") != nil {
		return err
	}
	if err := sc.review(ctx, c.diane, esc, texts, narrative); err != nil {
		return err
	}
	if err := s.held("diane, supervisor, approves", c.diane.approve(ctx, esc.ID, esc.Request, connection...), "one of two"); err != nil {
		return err
	}
	_, err = c.bruno.unseal(ctx, esc.ID, connection...)
	s.report.refused("bruno opens with one approval of two", err, "approvals.missing")
	if err := s.held("hana approves", c.hana.approve(ctx, esc.ID, esc.Request, connection...), "two of two"); err != nil {
		return err
	}
	if _, err := sc.sees(ctx, "bruno opens what was ordered", esc, e, connection...); err != nil {
		return err
	}
	if err := s.held("bruno ends it before its time", c.bruno.act(ctx, esc.ID, "close", nil), "closed"); err != nil {
		return err
	}
	_, err = c.bruno.unseal(ctx, esc.ID, connection...)
	s.report.refused("bruno opens what he has ended", err, "escalation.wrong_state")
	return c.bruno.close(ctx, sc.id)
}
