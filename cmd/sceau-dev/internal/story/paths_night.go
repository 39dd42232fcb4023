package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// What is said in the scenes of before and after everything else.
var (
	evening = lines("threats",
		"il est vingt heures et il vient de m'écrire qu'il passe à la maison",
		"Je suis là. Est-ce que tu es seul en ce moment ?",
		"oui jusqu'au retour de ma mère vers minuit")
	morning = lines("exploitation",
		"le patron garde mes papiers et je dors dans la réserve du magasin",
		"Merci de nous faire confiance. Est-il là en ce moment ?",
		"oui il ferme à clé de l'extérieur tous les soirs")
)

// nobodyOnDuty: without a supervisor nobody is made to wait for one; who is on call
// counts, who signed out does not.
func (s *stage) nobodyOnDuty(ctx context.Context) error {
	c := s.cast
	sc, err := s.beginAndTalk(ctx, evening, c.amal, entrusts{})
	if err != nil {
		return err
	}
	cited, _, err := sc.cite(ctx)
	if err != nil {
		return err
	}
	ask := func(narrative string) (escalation, error) {
		return c.amal.ask(ctx, sc.id, asking{Ground: "imminent_danger", Assessment: danger("threat", "none"), Facets: []string{"connection"},
			Evidence: cited, Narrative: s.plant(narrative)})
	}
	_, err = ask("Visite annoncée ce soir, le jeune est seul chez lui.")
	s.report.refused("amal asks for a lift before any supervisor was there", err, "approver.nobody_on_duty")
	var p *Problem
	if errors.As(err, &p) {
		var silent error
		if !strings.Contains(p.Detail, "17") {
			silent = fmt.Errorf("the answer is only %q", p.Detail)
		}
		s.report.held("the refusal says whom to call", silent, p.Detail)
	}

	diane, err := s.signIn(ctx, "diane", "")
	if err != nil {
		return err
	}
	onCall := func(c *colleague, until time.Duration) error {
		return c.do(ctx, http.MethodPut, "/me/on-call", object{"until": time.Now().Add(until)}, nil)
	}
	s.report.refused("diane is on call for two days at a stretch", onCall(diane, 48*time.Hour), "request.invalid")
	if err := s.held("diane is on call for eight hours", onCall(diane, 8*time.Hour), "on call"); err != nil {
		return err
	}
	if err := s.held("diane signs out", diane.do(ctx, http.MethodDelete, "/me/session", nil, nil), "signed out"); err != nil {
		return err
	}
	s.report.refused("diane's token is used once more", diane.do(ctx, http.MethodGet, "/me", nil, nil), "token.expired")
	esc, err := ask("Même situation, quelqu'un est maintenant d'astreinte.")
	if s.held("amal asks again: somebody is on call", err, esc.State) != nil {
		return err
	}
	if err := s.held("amal withdraws it", c.amal.withdraw(ctx, esc.ID), "withdrawn"); err != nil {
		return err
	}
	if diane, err = s.signIn(ctx, "diane", ""); err != nil {
		return err
	}
	if err := s.held("diane is on call no more", diane.do(ctx, http.MethodDelete, "/me/on-call", nil, nil), "off"); err != nil {
		return err
	}
	if err := s.held("diane signs out again", diane.do(ctx, http.MethodDelete, "/me/session", nil, nil), "signed out"); err != nil {
		return err
	}
	_, err = ask("Il vient d'écrire qu'il est en bas.")
	s.report.refused("amal asks when all have signed out", err, "approver.nobody_on_duty")
	return c.amal.close(ctx, sc.id)
}

// policyChanges: two people change the policy while everything runs. What was granted
// under the old one is judged by the new one.
func (s *stage) policyChanges(ctx context.Context) error {
	c, o := s.cast, s.cfg.Operator
	alone, err := o.Sign(ctx, true, 1)
	if err != nil {
		return fmt.Errorf("signing alone: %w", err)
	}
	s.report.refused("one person alone changes the policy", o.Activate(ctx, alone), "1 of 2 different persons have signed")
	stricter, err := o.Sign(ctx, true, 2)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	back, err := o.Sign(ctx, false, 2)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	e := entrusts{contact: "cabine du foyer, demander Mathurin après le dîner"}
	sc, err := s.beginAndTalk(ctx, morning, c.amal, e)
	if err != nil {
		return err
	}
	esc, err := sc.grant(ctx, c.diane, "Jeune enfermé chaque nuit sur son lieu de travail, papiers confisqués.", "contact")
	if err != nil {
		return err
	}
	if err := s.held("two people change the policy: identities are read for half as long", o.Activate(ctx, stricter), "in force"); err != nil {
		return err
	}
	_, err = c.amal.unseal(ctx, esc.ID, "contact")
	s.report.refused("amal opens what the old policy granted for longer", err, "grant.beyond_policy")
	if err := s.held("two people change it back", o.Activate(ctx, back), "in force"); err != nil {
		return err
	}
	if _, err := sc.sees(ctx, "amal opens within the same grant", esc, e, "contact"); err != nil {
		return err
	}
	s.report.refused("somebody puts the stricter one in force again, with the signatures of then", o.Activate(ctx, stricter), "is the lowest that is left")
	return c.amal.close(ctx, sc.id)
}

// callsFor are the kinds of notices that this night calls people with.
var callsFor = []string{
	"request_waiting", "request_reminder", "request_widened", "requisition_waiting", "confirmation_wanted", "glass_broken",
	"policy_changed",
}

// peopleWereCalled: a receiver was called for all that waited, by signed notices.
func (s *stage) peopleWereCalled(ctx context.Context) error {
	var missing, faults []string
	total := 0
	err := eventually(ctx, 30*time.Second, func() (bool, error) {
		var kinds map[string]int
		kinds, faults = s.cfg.Called()
		missing, total = nil, 0
		for _, kind := range callsFor {
			if kinds[kind] == 0 {
				missing = append(missing, kind)
			}
		}
		for _, n := range kinds {
			total += n
		}
		return len(missing) == 0, nil
	})
	if err != nil {
		err = fmt.Errorf("%w: %s", err, strings.Join(missing, ", "))
	}
	s.report.held("a pager was called for all that waited", err, fmt.Sprintf("%d notices", total))
	if err = nil; len(faults) > 0 {
		err = errors.New(strings.Join(faults, "; "))
	}
	s.report.held("every call was signed, and held ids and codes alone", err, "all verified")
	return nil
}
