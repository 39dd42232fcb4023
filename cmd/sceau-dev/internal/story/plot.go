package story

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
)

// plot is what happens in the first conversations, whatever their script.
var plot = []struct {
	name string
	play func(*stage, context.Context, Conversation) error
}{
	{"a lift that is granted in part", (*stage).grantedInPart},
	{"a lift that is used too late", (*stage).usedTooLate},
	{"a lift after a hand-over", (*stage).afterHandOver},
	{"a lift while rows are changed", (*stage).whileRowsChange},
	{"lifts that policy refuses", (*stage).refusedByPolicy},
	{"a minor who comes back", (*stage).comesBack},
}

// minCast is how many conversations the plot fills.
var minCast = len(plot)

// grantedInPart: the supervisor grants two facets of three; the agent sees
// those two, once, in time. Meanwhile everybody else tries.
func (s *stage) grantedInPart(ctx context.Context, script Conversation) error {
	c := s.cast
	sc, err := s.begin(ctx, script, c.amal)
	if err != nil {
		return err
	}
	e := entrusts{
		name:     "Lina Moreau-Delattre",
		contact:  "06 39 98 12 47, seulement par SMS",
		location: "12 rue des Lavandières, troisième étage, porte gauche",
	}
	if err := sc.entrust(ctx, e); err != nil {
		return err
	}
	if err := sc.talk(ctx, 0); err != nil {
		return err
	}
	for _, a := range s.cfg.Attacks {
		s.report.refused(a.What, a.Try(ctx, sc.id), a.Want...)
	}
	if err := s.othersTry(ctx, sc); err != nil {
		return err
	}
	narrative := "L'agresseur est dans le logement et tient un couteau ; deux enfants enfermés dans une chambre, mère avec lui."
	esc, texts, err := sc.request(ctx, "amal asks for a lift: imminent danger, three facets", narrative, "connection", "location", "name")
	if err != nil {
		return err
	}
	cited, _, err := sc.cite(ctx)
	if err != nil {
		return err
	}
	_, err = c.amal.ask(ctx, sc.id, asking{
		Ground: "imminent_danger", Assessment: danger("weapon", "none"), Facets: []string{"name"}, Evidence: cited,
		Narrative: s.plant("Même dossier, je redemande parce que personne n'a encore répondu."),
	})
	s.report.refused("amal asks again while a request waits", err, "escalation.already_pending")

	_, err = c.amal.unseal(ctx, esc.ID, "location")
	s.report.refused("amal opens before anybody approved", err, "escalation.wrong_state", "approvals.missing")
	s.report.refused("amal, an agent, approves", c.amal.approve(ctx, esc.ID, esc.Request, "location"), "role.not_allowed")
	s.report.refused("amal approves under another account", c.amalAgain.approve(ctx, esc.ID, esc.Request, "location"), "approver.same_person")
	_, err = c.amalAgain.evidence(ctx, esc.ID)
	s.report.refused("amal reads the evidence under another account", err, "approver.same_person")
	s.report.refused("a psychologist approves", c.farah.approve(ctx, esc.ID, esc.Request, "location"), "role.not_allowed")
	_, err = c.diane.messages(ctx, sc.id)
	s.report.refused("a supervisor reads the whole conversation", err, "role.not_allowed", "conversation.not_found")

	s.report.refused("diane approves without having read the evidence", c.diane.approve(ctx, esc.ID, esc.Request, "location"), "evidence.not_read")
	if err := sc.review(ctx, c.diane, esc, texts, narrative); err != nil {
		return err
	}
	s.report.refused("diane approves a facet nobody asked for", c.diane.approve(ctx, esc.ID, esc.Request, "contact"), "facets.not_asked")
	other := "AAAA" + esc.Request[4:]
	s.report.refused("diane approves another request than the one she read", c.diane.approve(ctx, esc.ID, other, "location"), "escalation.request_changed")
	if err := c.diane.approve(ctx, esc.ID, esc.Request, "connection", "location"); err != nil {
		s.report.held("diane approves two of three facets", err, "")
		return err
	}
	s.report.held("diane approves two of three facets", nil, "approved")
	s.report.refused("etienne approves what is approved", c.etienne.approve(ctx, esc.ID, esc.Request, "name"), "escalation.wrong_state", "approver.already_answered")

	_, err = c.bruno.unseal(ctx, esc.ID, "connection")
	s.report.refused("another agent opens", err, "escalation.not_found", "escalation.not_requester", "conversation.not_participant")
	_, err = c.diane.unseal(ctx, esc.ID, "connection")
	s.report.refused("the supervisor who approved opens", err, "role.not_allowed", "escalation.not_found", "escalation.not_requester")
	_, err = c.amal.unseal(ctx, esc.ID, "name")
	s.report.refused("amal opens a facet that was not granted", err, "facets.not_granted")
	opened, err := sc.sees(ctx, "amal opens and sees exactly what was granted", esc, e, "connection", "location")
	if err != nil {
		return err
	}
	if _, err := sc.sees(ctx, "amal reloads within the reading window", esc, e, "location"); err != nil {
		return err
	}
	if err := pass(ctx, opened.ReadUntil); err != nil {
		return err
	}
	_, err = c.amal.unseal(ctx, esc.ID, "location")
	s.report.refused("amal opens again after the reading window", err, "grant.window_over")
	return c.amal.close(ctx, sc.id)
}

// othersTry: somebody else's conversation, from every side.
func (s *stage) othersTry(ctx context.Context, sc *scene) error {
	c := s.cast
	_, err := c.bruno.messages(ctx, sc.id)
	s.report.refused("another agent reads somebody else's conversation", err, "conversation.not_found", "conversation.not_participant")
	s.report.refused("another agent writes in it", c.bruno.say(ctx, sc.id, s.plant("bonjour, je passais par là")), "conversation.not_found", "conversation.not_participant")
	_, err = c.bruno.ask(ctx, sc.id, asking{
		Ground: "imminent_danger", Assessment: danger("weapon", "none"), Facets: []string{"connection"},
		Evidence: []citation{{1, "sha256:0000000000000000000000000000000000000000000000000000000000000000"}}, Narrative: s.plant("Je ne suis pas dans cette conversation et je demande quand même."),
	})
	s.report.refused("another agent asks for a lift in it", err, "conversation.not_found", "conversation.not_participant")
	nowhere := "00000000-0000-4000-8000-000000000000"
	_, err = c.bruno.messages(ctx, nowhere)
	s.report.refused("an agent reads a conversation that does not exist: the same answer", err, "conversation.not_found", "conversation.not_participant")
	_, err = c.hana.messages(ctx, sc.id)
	s.report.refused("the privacy officer reads a conversation", err, "role.not_allowed", "conversation.not_found")
	stranger := s.newMinor()
	stranger.bearer = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	_, err = stranger.messages(ctx, 0)
	s.report.refused("somebody reads with a token they made up", err, "token.invalid", "conversation.not_found")
	return ctx.Err()
}

// usedTooLate: an agent who is also a supervisor answers themselves; then
// nobody opens in time.
func (s *stage) usedTooLate(ctx context.Context, script Conversation) error {
	c := s.cast
	sc, err := s.begin(ctx, script, c.ines)
	if err != nil {
		return err
	}
	e := entrusts{contact: "pseudo de secours : renard-des-sables-77"}
	if err := sc.entrust(ctx, e); err != nil {
		return err
	}
	if err := sc.talk(ctx, 0); err != nil {
		return err
	}
	narrative := "Chantage en cours, le jeune est seul jusqu'à demain et dit avoir eu des idées noires cette nuit."
	esc, texts, err := sc.request(ctx, "ines asks for a lift", narrative, "connection", "contact")
	if err != nil {
		return err
	}
	s.report.refused("ines, who is a supervisor too, approves her own request", c.inesSuperv.approve(ctx, esc.ID, esc.Request, "contact"), "approver.is_requester")
	if err := sc.review(ctx, c.etienne, esc, texts, narrative); err != nil {
		return err
	}
	if err := c.etienne.approve(ctx, esc.ID, esc.Request, "connection", "contact"); err != nil {
		return fmt.Errorf("etienne approving: %w", err)
	}
	granted, err := c.ines.escalation(ctx, esc.ID)
	if err != nil {
		return fmt.Errorf("ines looking at her request: %w", err)
	}
	if err := pass(ctx, granted.UseBy); err != nil {
		return err
	}
	_, err = c.ines.unseal(ctx, esc.ID, "contact")
	s.report.refused("ines opens after the deadline", err, "grant.expired")
	return sc.minor.close(ctx)
}

// afterHandOver: who joined before stays part of it.
func (s *stage) afterHandOver(ctx context.Context, script Conversation) error {
	c := s.cast
	sc, err := s.begin(ctx, script, c.ines)
	if err != nil {
		return err
	}
	half := len(script.Messages)/2 + 1
	if err := sc.talk(ctx, half); err != nil {
		return err
	}
	err = c.ines.handOver(ctx, sc.id, c.chloe.id)
	s.report.held("ines hands the conversation over to chloe", err, "handed over")
	if err != nil {
		return err
	}
	_, err = c.ines.messages(ctx, sc.id)
	s.report.refused("ines reads after she handed over", err, "conversation.not_found", "conversation.not_participant")
	sc.agent = c.chloe
	if sc.said < len(script.Messages) {
		if err := sc.talk(ctx, 0); err != nil {
			return err
		}
	}
	narrative := "Rendez-vous menaçant demain derrière l'établissement, message vocal conservé par la jeune."
	esc, texts, err := sc.request(ctx, "chloe asks for a lift", narrative, "connection")
	if err != nil {
		return err
	}
	s.report.refused("ines, who had joined the conversation, approves as a supervisor", c.inesSuperv.approve(ctx, esc.ID, esc.Request, "connection"), "approver.took_part")
	if err := sc.review(ctx, c.etienne, esc, texts, narrative); err != nil {
		return err
	}
	err = c.etienne.deny(ctx, esc.ID, esc.Request, "danger_not_imminent")
	s.report.held("etienne denies", err, "denied")
	if err != nil {
		return err
	}
	s.report.refused("diane approves what was denied", c.diane.approve(ctx, esc.ID, esc.Request, "connection"), "escalation.wrong_state")
	_, err = c.chloe.unseal(ctx, esc.ID, "connection")
	s.report.refused("chloe opens what was denied", err, "escalation.wrong_state", "approvals.missing")
	return c.chloe.close(ctx, sc.id)
}

// whileRowsChange: a superuser exchanges two sealed headers; nothing opens
// until they are back.
func (s *stage) whileRowsChange(ctx context.Context, script Conversation) error {
	c := s.cast
	sc, err := s.begin(ctx, script, c.bruno)
	if err != nil {
		return err
	}
	e := entrusts{name: "Théophile Vasseur-Ngo", location: "internat du lycée, aile nord, chambre du fond"}
	if err := sc.entrust(ctx, e); err != nil {
		return err
	}
	if err := sc.talk(ctx, 0); err != nil {
		return err
	}
	narrative := "Coups répétés à l'internat, l'auteur a annoncé son retour dans la soirée, pas d'adulte à l'étage."
	esc, texts, err := sc.request(ctx, "bruno asks for a lift", narrative, "connection", "name", "location")
	if err != nil {
		return err
	}
	s.report.refused("bruno approves under another account", c.brunoAgain.approve(ctx, esc.ID, esc.Request, "connection"), "approver.same_person")
	if err := sc.review(ctx, c.diane, esc, texts, narrative); err != nil {
		return err
	}
	var other string
	select {
	case other = <-s.bystander:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := c.diane.approve(ctx, esc.ID, esc.Request, "connection", "name", "location"); err != nil {
		return fmt.Errorf("diane approving: %w", err)
	}
	if s.cfg.Swap != nil {
		restore, err := s.cfg.Swap(ctx, sc.id, other)
		if err != nil {
			return fmt.Errorf("swapping two headers: %w", err)
		}
		_, tried := c.bruno.unseal(ctx, esc.ID, "connection")
		if err := restore(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("putting two headers back: %w", err)
		}
		s.report.refused("bruno opens while the header is another case's", tried, "content.altered")
	}
	if _, err := sc.sees(ctx, "bruno opens what was granted, the rows being back", esc, e, "connection", "name", "location"); err != nil {
		return err
	}
	return c.bruno.close(ctx, sc.id)
}

// refusedByPolicy: requests that should not have been made.
func (s *stage) refusedByPolicy(ctx context.Context, script Conversation) error {
	c := s.cast
	sc, err := s.begin(ctx, script, c.chloe)
	if err != nil {
		close(s.bystander)
		return err
	}
	s.bystander <- sc.id
	if err := sc.talk(ctx, 0); err != nil {
		return err
	}
	cited, _, err := sc.cite(ctx)
	if err != nil {
		return err
	}
	facets := []string{"connection"}
	try := func(what, narrative string, l asking, codes ...string) {
		l.Narrative = s.plant(narrative)
		_, err := c.chloe.ask(ctx, sc.id, l)
		s.report.refused(what, err, codes...)
	}
	try("a lift without ground", "Je voudrais simplement savoir qui écrit, par curiosité.",
		asking{Ground: "", Assessment: danger("threat", "none"), Facets: facets, Evidence: cited}, "ground.unknown", "request.invalid")
	try("a lift on a ground that does not exist", "Demande faite pour les statistiques du service.",
		asking{Ground: "statistics", Assessment: danger("threat", "none"), Facets: facets, Evidence: cited}, "ground.unknown", "request.invalid")
	try("a lift on a consent that nobody gave", "Elle n'a pas encore dit oui, je préfère anticiper.",
		asking{Ground: "consent", Assessment: calm(), Facets: facets, Evidence: cited}, "consent.missing")
	try("a lift on imminent danger that no answer shows", "Rien d'urgent, mais cela irait plus vite avec son nom.",
		asking{Ground: "imminent_danger", Assessment: calm(), Facets: facets, Evidence: cited}, "danger.not_shown")
	try("a lift without evidence", "Il faut me croire, je n'ai pas le temps de citer.",
		asking{Ground: "imminent_danger", Assessment: danger("threat", "none"), Facets: facets, Evidence: []citation{}}, "evidence.missing")
	try("a lift with half an assessment", "Les questions sont trop longues, j'ai répondu à une seule.",
		asking{Ground: "imminent_danger", Assessment: map[string]string{"violence": "threat"}, Facets: facets, Evidence: cited}, "danger.not_coded")
	forged := []citation{{cited[0].Position, "sha256:1111111111111111111111111111111111111111111111111111111111111111"}}
	try("a lift on evidence that is not what was written", "Je cite un message que personne n'a envoyé.",
		asking{Ground: "imminent_danger", Assessment: danger("threat", "none"), Facets: facets, Evidence: forged}, "evidence.unknown")

	esc, _, err := sc.request(ctx, "chloe asks for a lift", "L'ancien ami connaît ses horaires et l'attend à son arrêt.", "connection")
	if err != nil {
		return err
	}
	s.report.refused("another agent withdraws it", c.amal.withdraw(ctx, esc.ID), "escalation.not_found", "escalation.not_requester")
	err = c.chloe.withdraw(ctx, esc.ID)
	s.report.held("chloe withdraws it", err, "withdrawn")
	if err != nil {
		return err
	}
	s.report.refused("diane approves what was withdrawn", c.diane.approve(ctx, esc.ID, esc.Request, "connection"), "escalation.wrong_state")

	late, _, err := sc.request(ctx, "chloe asks once more, and nobody answers", "Il vient de lui écrire qu'il passerait ce soir.", "connection")
	if err != nil {
		return err
	}
	if err := pass(ctx, late.AnswerBy); err != nil {
		return err
	}
	s.report.refused("diane approves after the deadline to answer", c.diane.approve(ctx, late.ID, late.Request, "connection"), "escalation.too_late", "escalation.wrong_state")
	return c.chloe.close(ctx, sc.id)
}

// comesBack: a minor leaves, returns with eight words from elsewhere, and is
// the only one who can.
func (s *stage) comesBack(ctx context.Context, script Conversation) error {
	c := s.cast
	sc, err := s.begin(ctx, script, c.bruno)
	if err != nil {
		return err
	}
	if err := sc.talk(ctx, len(script.Messages)/2); err != nil {
		return err
	}
	phrase, err := sc.minor.phrase(ctx)
	if err != nil {
		return fmt.Errorf("asking for a recovery phrase: %w", err)
	}
	s.plant(phrase)
	_, err = s.comeBack(ctx, s.plant("abandon abaisser abeille aborder abreuver abriter abroger abrupt"))
	s.report.refused("somebody returns with words of their own", err, "phrase.unknown")
	back, err := s.comeBack(ctx, plain.Replace(phrase))
	s.report.held("the minor returns from elsewhere, typing the phrase without accents", err, "a new token")
	if err != nil {
		return err
	}
	sc.minor = back
	if err := sc.talk(ctx, 0); err != nil {
		return err
	}
	if err := s.repeats(ctx, sc); err != nil {
		return err
	}
	err = c.farah.join(ctx, sc.id)
	s.report.held("a psychologist joins", err, "joined")
	if err == nil {
		text := s.plant("Bonjour, je suis psychologue. Les tremblements dont tu parles passent, on en parle quand tu veux.")
		if err := c.farah.say(ctx, sc.id, text); err != nil {
			return fmt.Errorf("the psychologist writing: %w", err)
		}
	}
	cited, _, err := sc.cite(ctx)
	if err != nil {
		return err
	}
	_, err = c.farah.ask(ctx, sc.id, asking{
		Ground: "imminent_danger", Assessment: danger("none", "plan"), Facets: []string{"connection"}, Evidence: cited,
		Narrative: s.plant("Avis de la psychologue, qui n'a pas à demander de levée."),
	})
	s.report.refused("a psychologist asks for a lift", err, "role.not_allowed")
	if err := sc.minor.close(ctx); err != nil {
		return fmt.Errorf("the minor closing: %w", err)
	}
	s.report.refused("the agent writes after the minor closed", c.bruno.say(ctx, sc.id, s.plant("encore un mot avant de partir")), "conversation.closed")
	return nil
}

// repeats: a request sent twice is carried out once; its key serves no other.
func (s *stage) repeats(ctx context.Context, sc *scene) error {
	key := rand.Text()
	var first, second struct {
		Position int `json:"position"`
	}
	post := func(what string, out any) error {
		return sc.minor.keyed(ctx, key, http.MethodPost, "/conversation/messages", text(s.plant(what)), out)
	}
	const said = "je ne sais pas si mon message est parti, je le renvoie"
	if err := post(said, &first); err != nil {
		return fmt.Errorf("writing with a key: %w", err)
	}
	err := post(said, &second)
	if err == nil && first != second {
		err = fmt.Errorf("written twice, at %d and at %d", first.Position, second.Position)
	}
	s.report.held("the minor sends a message again, with the same key", err, fmt.Sprintf("still position %d", second.Position))
	s.report.refused("the same key with another message", post("un autre message sous la même clé", nil), "idempotency.mismatch")
	return nil
}
