package story

import (
	"context"
	"time"
)

// brokenGlass: nobody answers, a second agent confirms, the requester opens; and
// somebody who had no part in it says whether that was right.
func (s *stage) brokenGlass(ctx context.Context, script Conversation) error {
	c := s.cast
	e := entrusts{location: "14 impasse du Vieux Puits, maison aux volets verts"}
	sc, err := s.beginAndTalk(ctx, script, c.amal, e)
	if err != nil {
		return err
	}
	narrative := "Enfant enfermée, agresseur derrière la porte avec un outil ; personne ne répond depuis la demande."
	esc, texts, err := sc.request(ctx, "amal asks for a lift, and nobody answers", narrative, "connection", "location")
	if err != nil {
		return err
	}
	from, err := c.amal.escalation(ctx, esc.ID)
	if err == nil && from.BreakGlassFrom.IsZero() {
		err = errNever
	}
	if s.held("the request says from when on the glass can be broken", err, "after its time") != nil {
		return err
	}
	if err := s.finds(ctx, "bruno sees that a colleague needs a second agent", c.bruno, "/confirmations", "pending", esc.ID); err != nil {
		return err
	}
	s.refusedAll(
		refusedTo{"amal breaks the glass at once", c.amal.act(ctx, esc.ID, "break-glass", esc.named()), []string{"glass.too_early"}},
		refusedTo{"amal confirms for herself", c.amal.act(ctx, esc.ID, "confirm", esc.named()), []string{"confirmer.same_person"}},
		refusedTo{"amal confirms under her second account", c.amalElsewhere.act(ctx, esc.ID, "confirm", esc.named()), []string{"confirmer.same_person"}},
		refusedTo{"a supervisor confirms in an agent's place", c.diane.act(ctx, esc.ID, "confirm", esc.named()), []string{"role.not_allowed"}},
		refusedTo{"bruno confirms another request", c.bruno.act(ctx, esc.ID, "confirm", object{"request": "AAAA" + esc.Request[4:]}), []string{"escalation.not_found"}},
	)
	err = sc.becomes(ctx, "unanswered, the request is widened to all supervisors", esc.ID, 25*time.Second,
		func(e escalation) bool { return !e.WidenedAt.IsZero() })
	if err != nil {
		return err
	}
	if err := pass(ctx, from.BreakGlassFrom); err != nil {
		return err
	}
	s.report.refused("amal breaks the glass, with nobody's confirmation", c.amal.act(ctx, esc.ID, "break-glass", esc.named()), "glass.not_confirmed")
	if err := s.held("bruno confirms", c.bruno.act(ctx, esc.ID, "confirm", esc.named()), "confirmed"); err != nil {
		return err
	}
	s.refusedAll(
		refusedTo{"bruno confirms twice", c.bruno.act(ctx, esc.ID, "confirm", esc.named()), []string{"confirmer.already_confirmed"}},
		refusedTo{"bruno breaks the glass in amal's place", c.bruno.act(ctx, esc.ID, "break-glass", esc.named()), []string{"escalation.not_found", "escalation.not_requester"}},
		refusedTo{"a review before anything was broken", c.etienne.act(ctx, esc.ID, "review", verdict(esc, "confirmed")), []string{"review.not_due"}},
	)
	if err := s.held("amal breaks the glass", c.amal.act(ctx, esc.ID, "break-glass", esc.named()), "broken"); err != nil {
		return err
	}
	if _, err := sc.sees(ctx, "amal opens what she asked for", esc, e, "connection", "location"); err != nil {
		return err
	}
	s.finds(ctx, "every supervisor sees it at once", c.diane, "/reviews", "reviews", esc.ID)
	s.finds(ctx, "so does the inspector", c.gilles, "/reviews", "reviews", esc.ID)
	if s.cfg.Called != nil { // before it is reviewed: what is settled calls nobody any more
		err := eventually(ctx, 30*time.Second, func() (bool, error) {
			kinds, _ := s.cfg.Called()
			return kinds["glass_broken"] > 0, nil
		})
		s.report.held("their pager is called", err, "glass_broken")
	}
	s.refusedAll(
		refusedTo{"amal reviews it under another account", c.amalAgain.act(ctx, esc.ID, "review", verdict(esc, "confirmed")), []string{"reviewer.took_part"}},
		refusedTo{"bruno, who confirmed, reviews it under another account", c.brunoAgain.act(ctx, esc.ID, "review", verdict(esc, "confirmed")), []string{"reviewer.took_part"}},
		refusedTo{"the inspector reviews it", c.gilles.act(ctx, esc.ID, "review", verdict(esc, "confirmed")), []string{"role.not_allowed"}},
		refusedTo{"etienne reviews what he has not read", c.etienne.act(ctx, esc.ID, "review", verdict(esc, "confirmed")), []string{"evidence.not_read"}},
	)
	if err := sc.review(ctx, c.etienne, esc, texts, narrative); err != nil {
		return err
	}
	s.report.refused("etienne finds neither this nor that", c.etienne.act(ctx, esc.ID, "review", verdict(esc, "perhaps")), "verdict.unknown")
	if err := s.held("etienne reviews it", c.etienne.act(ctx, esc.ID, "review", verdict(esc, "confirmed")), "confirmed"); err != nil {
		return err
	}
	s.report.refused("diane reviews it once more", c.diane.act(ctx, esc.ID, "review", verdict(esc, "abusive")), "review.already_done")
	return c.amal.close(ctx, sc.id)
}

func verdict(esc escalation, what string) object {
	return object{"request": esc.Request, "verdict": what}
}

// brokenForNothing: a supervisor ends what should not have been opened, and another
// one says so in the review.
func (s *stage) brokenForNothing(ctx context.Context, script Conversation) error {
	c := s.cast
	e := entrusts{name: "Ruben Castagnet-Loire"}
	sc, err := s.beginAndTalk(ctx, script, c.chloe, e)
	if err != nil {
		return err
	}
	narrative := "Menace rapportée par un tiers ; je veux vérifier moi-même qui écrit."
	esc, texts, err := sc.request(ctx, "chloe asks for a lift, and nobody answers", narrative, "name")
	if err != nil {
		return err
	}
	if err := s.held("ines confirms before it can be broken", c.ines.act(ctx, esc.ID, "confirm", esc.named()), "confirmed"); err != nil {
		return err
	}
	s.report.refused("chloe breaks the glass before its time", c.chloe.act(ctx, esc.ID, "break-glass", esc.named()), "glass.too_early")
	from, err := c.chloe.escalation(ctx, esc.ID)
	if err != nil {
		return err
	}
	if err := pass(ctx, from.BreakGlassFrom); err != nil {
		return err
	}
	if err := s.held("chloe breaks the glass", c.chloe.act(ctx, esc.ID, "break-glass", esc.named()), "broken"); err != nil {
		return err
	}
	if _, err := sc.sees(ctx, "chloe opens what she asked for", esc, e, "name"); err != nil {
		return err
	}
	if err := s.held("diane revokes it at once", c.diane.act(ctx, esc.ID, "revoke", object{"reason": "misuse"}), "misuse"); err != nil {
		return err
	}
	_, err = c.chloe.unseal(ctx, esc.ID, "name")
	s.report.refused("chloe reloads the page", err, "escalation.wrong_state")
	s.report.refused("diane, who revoked it, reviews it", c.diane.act(ctx, esc.ID, "review", verdict(esc, "abusive")), "reviewer.took_part")
	if err := sc.review(ctx, c.etienne, esc, texts, narrative); err != nil {
		return err
	}
	if err := s.held("etienne reviews it", c.etienne.act(ctx, esc.ID, "review", verdict(esc, "abusive")), "abusive"); err != nil {
		return err
	}
	return c.chloe.close(ctx, sc.id)
}
