package agent

import (
	"fmt"

	"github.com/sceau-project/sceau/web/page"
)

// word is a code in the two languages.
type word struct{ code, fr, en string }

func (w word) in(l page.Lang) string { return l.T(w.fr, w.en) }

// name says a code; one that is not listed says itself.
func name(words []word, l page.Lang, code string) string {
	for _, w := range words {
		if w.code == code {
			return w.in(l)
		}
	}
	return code
}

var topics = []word{
	{"physical_violence", "Violences physiques", "Physical violence"},
	{"psychological_violence", "Violences psychologiques", "Psychological violence"},
	{"sexual_violence", "Violences sexuelles", "Sexual violence"},
	{"school_harassment", "Harcèlement scolaire", "Bullying at school"},
	{"cyber_harassment", "Cyberharcèlement", "Bullying online"},
	{"ill_treatment", "Maltraitance", "Ill-treatment"},
	{"neglect", "Négligence", "Neglect"},
	{"exploitation", "Exploitation", "Exploitation"},
	{"sextortion", "Sextorsion", "Sextortion"},
	{"shocking_content", "Contenus choquants", "Shocking content"},
	{"threats", "Menaces", "Threats"},
	{"addiction", "Addictions", "Addictions"},
	{"other", "Autre", "Something else"},
}

var grounds = []word{
	{"imminent_danger", "Danger imminent", "Imminent danger"},
	{"consent", "Accord du jeune", "The young person agrees"},
	{"judicial_requisition", "Réquisition judiciaire", "Judicial requisition"},
}

var facets = []word{
	{"connection", "Connexion", "Connection"},
	{"name", "Nom", "Name"},
	{"contact", "Contact", "Contact"},
	{"location", "Lieu", "Location"},
}

// facetsInFull says what they hold.
var facetsInFull = []word{
	{"connection", "Connexion (adresse, port, heure)", "Connection (address, port, time)"},
	{"name", "Nom", "Name"}, {"contact", "Contact", "Contact"}, {"location", "Lieu", "Location"},
}

// question is one of the danger assessment.
type question struct {
	code, fr, en string
	answers      []word
}

var yesNo = []word{{"yes", "Oui", "Yes"}, {"no", "Non", "No"}, {"unknown", "On ne sait pas", "Not known"}}

var questions = []question{
	{"immediacy", "Quand ?", "When?", []word{{"now", "Maintenant", "Now"}, {"hours", "Dans les heures", "Within hours"}, {"days", "Dans les jours", "Within days"}, {"unclear", "Pas clair", "Unclear"}}},
	{"violence", "Violence", "Violence", []word{{"none", "Aucune", "None"}, {"threat", "Menace", "Threat"}, {"ongoing", "En cours", "Under way"}, {"weapon", "Arme", "Weapon"}}},
	{"suicide", "Suicide", "Suicide", []word{{"none", "Aucun signe", "No sign"}, {"ideation", "Idées", "Thoughts"}, {"plan", "Projet", "Plan"}, {"attempt_under_way", "Geste en cours", "Attempt under way"}}},
	{"perpetrator_present", "Auteur présent ?", "Perpetrator there?", yesNo},
	{"captive", "Retenu de force ?", "Held captive?", yesNo},
	{"alone", "Seul en ce moment ?", "Alone right now?", yesNo},
	{"location_known", "Lieu connu ?", "Place known?", yesNo},
	{"age_band", "Âge", "Age", []word{{"under_10", "Moins de 10", "Under 10"}, {"10_12", "10–12", "10–12"}, {"13_15", "13–15", "13–15"}, {"16_17", "16–17", "16–17"}, {"unknown", "On ne sait pas", "Not known"}}},
}

var authorities = []word{
	{"prosecutor", "Procureur", "Prosecutor"}, {"investigating_judge", "Juge d'instruction", "Investigating judge"},
	{"childrens_judge", "Juge des enfants", "Children's judge"}, {"liberties_judge", "Juge des libertés et de la détention", "Liberties and custody judge"},
}

var listedCases = []word{
	{"three_years", "Infraction punie d'au moins trois ans", "Offence punished by three years or more"},
	{"one_year_by_network", "Infraction par réseau, punie d'au moins un an", "Offence by network, punished by one year or more"},
	{"victims_equipment", "Équipement de la victime, à sa demande", "The victim's equipment, at their request"},
	{"missing_person", "Disparition", "Missing person"}, {"cold_case", "Crime non élucidé", "Cold case"},
}

var states = []word{
	{"requested", "En attente de réponse", "Waiting for an answer"}, {"refused", "Refusée par la règle", "Refused by policy"},
	{"denied", "Refusée", "Denied"}, {"withdrawn", "Retirée", "Withdrawn"}, {"expired", "Expirée", "Expired"},
	{"approved", "Accordée", "Granted"}, {"glass_broken", "Vitre brisée", "Glass broken"}, {"released", "Ouverte", "Opened"},
	{"revoked", "Révoquée", "Revoked"}, {"closed", "Terminée", "Over"}, {"void", "Inutilisable", "Unusable"},
}

var reasons = []word{
	{"danger_not_imminent", "Le danger n'est pas imminent", "Danger is not imminent"}, {"evidence_insufficient", "Les pièces ne suffisent pas", "The cited messages are not enough"},
	{"facets_excessive", "Trop d'éléments demandés", "More was asked than is needed"}, {"other_means", "D'autres moyens existent", "There are other means"},
	{"wrong_ground", "Le motif n'est pas le bon", "It is the wrong ground"}, {"danger_over", "Le danger est passé", "Danger is over"},
	{"granted_in_error", "Accordée par erreur", "Granted in error"}, {"minor_objects", "Le jeune s'y oppose", "The young person objects"}, {"misuse", "Usage abusif", "Misuse"},
	{"requester_suspended", "La personne qui demandait a été suspendue", "The requester was suspended"},
}

var outcomes = []word{
	{"told", "C'est dit", "Told"}, {"refused", "Ne veut pas le savoir", "Does not want to know"},
	{"later", "Plus tard", "Later"}, {"unsafe", "Pas sans danger pour l'instant", "Not safe for now"},
}

var unsafeReasons = []word{
	{"perpetrator_reads", "L'auteur peut lire", "The perpetrator may read"}, {"risk_of_violence", "Risque de violence", "Risk of violence"},
	{"risk_of_suicide", "Risque de suicide", "Risk of suicide"}, {"not_reachable", "Injoignable", "Not reachable"},
	{"magistrate_forbids", "Un magistrat l'interdit", "A magistrate forbids it"},
}

var opinionsOf = []word{{"danger", "Danger", "Danger"}, {"no_danger", "Pas de danger", "No danger"}}

// age says how long somebody has waited, as a level that words go with.
func age(seconds int64) string {
	switch {
	case seconds < 120:
		return "calm"
	case seconds < 300:
		return "soon"
	}
	return "late"
}

// span says a time that policy sets, exactly where it is short.
func span(l page.Lang, seconds int64) string {
	switch {
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case seconds < 3600:
		return fmt.Sprintf("%d min", seconds/60)
	case seconds < 48*3600:
		return fmt.Sprintf("%d h", seconds/3600)
	}
	return fmt.Sprintf(l.T("%d jours", "%d days"), seconds/86400)
}

// localForm is what an input of type datetime-local sends: French time.
const localForm = "2006-01-02T15:04"

var paris = page.Paris
