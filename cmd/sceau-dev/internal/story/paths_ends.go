package story

import (
	"context"
	"fmt"
	"time"
)

// revoked: a supervisor ends an opening under way.
func (s *stage) revoked(ctx context.Context, script Conversation) error {
	c := s.cast
	e := entrusts{contact: "le numéro du voisin du dessous : 02 99 00 41 77"}
	sc, err := s.beginAndTalk(ctx, script, c.amal, e)
	if err != nil {
		return err
	}
	esc, err := sc.grant(ctx, c.diane, "Sévices répétés, retour de l'auteure imminent, il faut pouvoir rappeler.", "contact")
	if err != nil {
		return err
	}
	if _, err := sc.sees(ctx, "amal opens what was granted", esc, e, "contact"); err != nil {
		return err
	}
	revoke := func(by *colleague, reason string) error {
		return by.act(ctx, esc.ID, "revoke", object{"reason": reason})
	}
	s.refusedAll(
		refusedTo{"etienne revokes it without a reason of the list", revoke(c.etienne, "because"), []string{"revocation.not_coded"}},
		refusedTo{"amal revokes it under another account", revoke(c.amalAgain, "danger_over"), []string{"approver.same_person"}},
		refusedTo{"an agent revokes it", revoke(c.bruno, "danger_over"), []string{"role.not_allowed"}},
	)
	if err := s.held("etienne revokes it in mid-window", revoke(c.etienne, "danger_over"), "danger_over"); err != nil {
		return err
	}
	_, err = c.amal.unseal(ctx, esc.ID, "contact")
	s.report.refused("amal reloads the page", err, "escalation.wrong_state")
	s.report.refused("diane revokes what was revoked", revoke(c.diane, "danger_over"), "escalation.wrong_state")
	return c.amal.close(ctx, sc.id)
}

// shiftEnds: who hands the conversation over can no longer open, and nobody inherits
// a grant.
func (s *stage) shiftEnds(ctx context.Context, script Conversation) error {
	c := s.cast
	e := entrusts{location: "bâtiment C, porte 31, au-dessus de la laverie"}
	sc, err := s.beginAndTalk(ctx, script, c.chloe, e)
	if err != nil {
		return err
	}
	esc, err := sc.grant(ctx, c.etienne, "Deux enfants seuls depuis trois jours, le plus jeune est malade.", "location")
	if err != nil {
		return err
	}
	if _, err := sc.sees(ctx, "chloe opens what was granted", esc, e, "location"); err != nil {
		return err
	}
	if err := s.held("chloe's shift ends, and she hands the conversation to bruno", c.chloe.handOver(ctx, sc.id, c.bruno.id), "handed over"); err != nil {
		return err
	}
	_, err = c.chloe.unseal(ctx, esc.ID, "location")
	s.report.refused("chloe reloads the page", err, "conversation.not_participant")
	_, err = c.bruno.unseal(ctx, esc.ID, "location")
	s.report.refused("bruno opens what chloe was granted", err, "escalation.not_found", "escalation.not_requester")
	sc.agent = c.bruno
	again, err := sc.grant(ctx, c.diane, "Je reprends la conversation de ma collègue ; la situation est la même.", "location")
	if err != nil {
		return err
	}
	if _, err := sc.sees(ctx, "bruno opens what he was granted himself", again, e, "location"); err != nil {
		return err
	}
	return c.bruno.close(ctx, sc.id)
}

// suspended: an operator takes an agent out of service; sessions and grants end at
// once, and do not come back.
func (s *stage) suspended(ctx context.Context, script Conversation) error {
	if s.cfg.Operator == nil {
		return s.plainTalk(ctx, 1, script)
	}
	c := s.cast
	e := entrusts{name: "Basile Fontanelle-Ruiz"}
	sc, err := s.beginAndTalk(ctx, script, c.kenza, e)
	if err != nil {
		return err
	}
	esc, err := sc.grant(ctx, c.etienne, "Guet-apens annoncé pour ce soir, un des auteurs est armé.", "name")
	if err != nil {
		return err
	}
	if _, err := sc.sees(ctx, "kenza opens what was granted", esc, e, "name"); err != nil {
		return err
	}
	if err := s.held("the operator suspends kenza", s.cfg.Operator.Suspend(ctx, "kenza"), "suspended"); err != nil {
		return err
	}
	_, err = c.kenza.unseal(ctx, esc.ID, "name")
	s.report.refused("kenza reloads the page", err, "staff.suspended", "token.expired")
	_, err = c.kenza.messages(ctx, sc.id)
	s.report.refused("kenza reads on", err, "staff.suspended", "token.expired")
	_, err = s.signIn(ctx, "kenza", "")
	s.report.refused("kenza signs in anew", err, "staff.suspended")
	sc.agent = c.etienne
	err = sc.becomes(ctx, "etienne sees that what he granted her has ended", esc.ID, 20*time.Second,
		func(e escalation) bool { return e.State == "closed" && e.ClosedFor == "requester_suspended" })
	if err != nil {
		return err
	}
	if err := s.held("the operator restores kenza", s.cfg.Operator.Restore(ctx, "kenza"), "restored"); err != nil {
		return err
	}
	s.report.refused("the operator restores her twice", s.cfg.Operator.Restore(ctx, "kenza"), "the person is not suspended")
	_, err = c.kenza.messages(ctx, sc.id)
	s.report.refused("her old session stays ended", err, "token.expired")
	again, err := s.signIn(ctx, "kenza", "")
	if s.held("kenza signs in again", err, "a new session") != nil {
		return err
	}
	sc.agent = again
	_, err = again.unseal(ctx, esc.ID, "name")
	s.report.refused("kenza opens what she had been granted", err, "escalation.wrong_state")
	if err := again.close(ctx, sc.id); err != nil {
		return fmt.Errorf("kenza closing: %w", err)
	}
	return nil
}
