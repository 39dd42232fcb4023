package main

import (
	"strings"
	"testing"

	"github.com/sceau-project/sceau/inspection"
	"github.com/sceau-project/sceau/policy"
)

func TestTellReplay(t *testing.T) {
	refused := inspection.Verdict{Reasons: []string{"danger.not_shown", "facets.missing"}}
	allowed := inspection.Verdict{Allow: true}
	for _, c := range []struct {
		name   string
		r      inspection.Replayed
		with   bool
		status int
		en, fr string
	}{
		{"all the same", inspection.Replayed{Asked: 3, Same: 3}, false, exitHolds,
			"Every decision that can be asked again comes out as it was.", "Chaque décision qui peut être reposée donne la même réponse."},
		{"erased", inspection.Replayed{Asked: 3, Same: 2, Erased: []inspection.Erased{{Seq: 7, By: 41}}}, false, exitHolds,
			"seq 7: erased by entry 41", "seq 7 : effacée par l'entrée 41"},
		{"missing", inspection.Replayed{Asked: 3, Same: 2, Missing: []int64{9}}, false, exitWarnings,
			"seq 9: the input, or the policy", "seq 9 : les données d'entrée manquent"},
		{"different", inspection.Replayed{Asked: 3, Same: 2, Different: []inspection.Difference{
			{Seq: 5, Point: policy.PointIdentityRelease, Recorded: allowed, Now: refused}}}, false, exitDamage,
			"DIFFERENT, seq 5, identity.release: allow, now refuse danger.not_shown,facets.missing",
			"DIFFÉRENTE, seq 5, identity.release : allow, maintenant refuse danger.not_shown,facets.missing"},
		{"unbound", inspection.Replayed{Asked: 3, Same: 3, Unbound: []int64{5}}, false, exitDamage,
			"seq 5: decided about another time", "seq 5 : décidée à propos d'un autre moment"},
		{"otherwise", inspection.Replayed{Asked: 3, Same: 3, Otherwise: []inspection.Difference{
			{Seq: 5, Point: policy.PointEscalationRequest, Recorded: allowed, Now: refused}}}, true, exitHolds,
			"With the other policy, seq 5, escalation.request", "Avec l'autre jeu de règles, seq 5, escalation.request"},
		{"not otherwise", inspection.Replayed{Asked: 3, Same: 3}, true, exitHolds,
			"nothing would have been decided differently", "rien n'aurait été décidé autrement"},
	} {
		for lang, want := range map[string]string{"en": c.en, "fr": c.fr} {
			var out strings.Builder
			if status := tellReplay(&out, messages[lang], &c.r, c.with); status != c.status || !strings.Contains(out.String(), want) {
				t.Errorf("%s, %s: exit status %d, want %d and %q in\n%s", c.name, lang, status, c.status, want, out.String())
			}
		}
	}
}
