package web

import (
	"net/http"
	"slices"
)

// sentence is what a reader is told: what happened, and what to do next.
type sentence struct{ title, detail string }

// code is one way in which a request can fail. Codes are for programs and
// never change their meaning; sentences are for people and may be improved.
// Sentences shown to minors and to staff alike avoid addressing the reader.
type code struct {
	code   string
	status int
	en, fr sentence
}

// codes lists every code of the API. docs/errors.md is written from it.
var codes = slices.Concat(requestCodes, conversationCodes, policyCodes, pathCodes)

// requestCodes are about the request itself, who sends it, and the service.
var requestCodes = []code{
	// The request itself.
	{"request.malformed", http.StatusBadRequest,
		sentence{"Request not understood", "The body is not valid JSON in UTF-8, names a field twice, or contains a NUL. Correct it and send it again."},
		sentence{"Demande incomprise", "Le corps n'est pas du JSON valide en UTF-8, nomme un champ deux fois ou contient un caractère nul. Corriger puis renvoyer."}},
	{"request.invalid", http.StatusUnprocessableEntity,
		sentence{"Request not valid", "A field is missing, unknown, or outside its limits; errors says where. Correct it and send it again."},
		sentence{"Demande non valide", "Un champ manque, est inconnu ou dépasse ses limites ; errors indique où. Corriger puis renvoyer."}},
	{"request.too_large", http.StatusRequestEntityTooLarge,
		sentence{"Request too large", "The request is longer than this address accepts. Send a shorter one."},
		sentence{"Demande trop longue", "La demande dépasse la taille acceptée à cette adresse. En envoyer une plus courte."}},
	{"request.media_type", http.StatusUnsupportedMediaType,
		sentence{"Not JSON", "Send the body as application/json in UTF-8, uncompressed."},
		sentence{"Ce n'est pas du JSON", "Envoyer le corps en application/json, en UTF-8, sans compression."}},
	{"request.timeout", http.StatusRequestTimeout,
		sentence{"Request too slow", "The request did not arrive in time. Send it again."},
		sentence{"Demande trop lente", "La demande n'est pas arrivée à temps. La renvoyer."}},
	{"request.abandoned", http.StatusRequestTimeout,
		sentence{"Request ended early", "The request ended before its answer was ready. Send it again with the same Idempotency-Key."},
		sentence{"Demande interrompue", "La demande s'est terminée avant la réponse. La renvoyer avec la même Idempotency-Key."}},
	{"request.not_acceptable", http.StatusNotAcceptable,
		sentence{"No such format", "Answers are application/json. Change the Accept header."},
		sentence{"Format indisponible", "Les réponses sont en application/json. Changer l'en-tête Accept."}},
	{"request.method", http.StatusMethodNotAllowed,
		sentence{"Method not allowed", "This address exists but not for that method. See /api/v1/openapi.json."},
		sentence{"Méthode non permise", "Cette adresse existe, mais pas pour cette méthode. Voir /api/v1/openapi.json."}},
	{"request.cross_origin", http.StatusForbidden,
		sentence{"Another site's request", "A page of another site tried to act in this one's name. Use the service's own page."},
		sentence{"Demande d'un autre site", "La page d'un autre site a essayé d'agir ici. Utiliser la page du service."}},
	{"route.not_found", http.StatusNotFound,
		sentence{"No such address", "Nothing is served here. See /api/v1/openapi.json."},
		sentence{"Adresse inconnue", "Rien n'est servi ici. Voir /api/v1/openapi.json."}},
	{"rate.limited", http.StatusTooManyRequests,
		sentence{"Too many requests", "Wait as many seconds as Retry-After says, then send it again."},
		sentence{"Trop de demandes", "Attendre le nombre de secondes indiqué par Retry-After, puis renvoyer."}},
	{"idempotency.key_missing", http.StatusBadRequest,
		sentence{"Idempotency-Key missing", "Every POST and PUT carries an Idempotency-Key: a fresh random text of 16 to 255 printable ASCII characters."},
		sentence{"Idempotency-Key absent", "Chaque POST et PUT porte un en-tête Idempotency-Key : un texte aléatoire et neuf de 16 à 255 caractères ASCII imprimables."}},
	{"idempotency.mismatch", http.StatusConflict,
		sentence{"Key already used", "This Idempotency-Key was used for another request. Nothing was changed; send this one with a fresh key."},
		sentence{"Clé déjà utilisée", "Cette clé Idempotency-Key a servi à une autre demande. Rien n'a changé ; renvoyer avec une clé neuve."}},

	// Something of the service's own.
	{"service.failed", http.StatusInternalServerError,
		sentence{"Fault of the service", "Something broke here and was recorded. Send the request again with the same Idempotency-Key."},
		sentence{"Panne du service", "Quelque chose s'est cassé ici et a été noté. Renvoyer la demande avec la même Idempotency-Key."}},
	{"custodian.failed", http.StatusInternalServerError,
		sentence{"Fault of the custodian", "Something broke in the custodian and was recorded. Send the request again with the same Idempotency-Key."},
		sentence{"Panne du gardien des clés", "Quelque chose s'est cassé chez le gardien des clés et a été noté. Renvoyer avec la même Idempotency-Key."}},
	{"postgres.unavailable", http.StatusServiceUnavailable,
		sentence{"Database down", "The database does not answer, so nothing can be recorded and nothing is opened. Send the request again with the same Idempotency-Key."},
		sentence{"Base de données indisponible", "La base de données ne répond pas : rien ne peut être consigné, rien n'est ouvert. Renvoyer avec la même Idempotency-Key."}},
	{"custodian.unavailable", http.StatusServiceUnavailable,
		sentence{"Custodian down", "The custodian does not answer, so nothing can be opened. Send the request again with the same Idempotency-Key."},
		sentence{"Gardien des clés indisponible", "Le gardien des clés ne répond pas : rien ne peut être ouvert. Renvoyer avec la même Idempotency-Key."}},
	{"custodian.starting", http.StatusServiceUnavailable,
		sentence{"Custodian starting", "Before it opens anything, the custodian destroys again the keys that the log says are destroyed. Send the request again in a moment."},
		sentence{"Gardien des clés en cours de démarrage", "Avant d'ouvrir quoi que ce soit, le gardien détruit à nouveau les clés que le journal dit détruites. Renvoyer dans un instant."}},
	{"vault.unavailable", http.StatusServiceUnavailable,
		sentence{"Vault down", "Vault is sealed or does not answer. Nothing was opened. Send the request again with the same Idempotency-Key."},
		sentence{"Coffre indisponible", "Le coffre est scellé ou ne répond pas. Rien n'a été ouvert. Renvoyer avec la même Idempotency-Key."}},
	{"policy.unavailable", http.StatusServiceUnavailable,
		sentence{"No policy in force", "No policy that two people have signed is in force, so nothing is allowed. The operator must activate one; sceau policy show says why."},
		sentence{"Aucune règle en vigueur", "Aucune règle signée par deux personnes n'est en vigueur : rien n'est permis. L'exploitant doit en activer une ; sceau policy show dit pourquoi."}},
	{"issuer.unavailable", http.StatusServiceUnavailable,
		sentence{"Identity provider down", "Tokens cannot be checked now. Yours was not refused; send the request again."},
		sentence{"Fournisseur d'identité indisponible", "Les jetons ne peuvent pas être vérifiés pour l'instant. Le jeton n'a pas été refusé ; renvoyer."}},
	{"log.rolled_back", http.StatusServiceUnavailable,
		sentence{"The log lost entries", "The log is shorter than, or differs from, what was seen before. Nothing is opened until the operator has looked."},
		sentence{"Le journal a perdu des lignes", "Le journal est plus court que ce qui a été vu, ou différent. Rien ne s'ouvre avant que l'exploitant ait vérifié."}},
	{"log.altered", http.StatusConflict,
		sentence{"Entries contradict each other", "The entries of this case contradict each other. Nothing is opened; tell the inspector."},
		sentence{"Lignes contradictoires", "Les lignes du journal de ce dossier se contredisent. Rien n'est ouvert ; prévenir l'inspection."}},
	{"content.altered", http.StatusConflict,
		sentence{"Content differs from the log", "What is stored is not what the log recorded. Nothing is opened; tell the inspector."},
		sentence{"Contenu différent du journal", "Ce qui est stocké n'est pas ce que le journal a noté. Rien n'est ouvert ; prévenir l'inspection."}},
	{"intent.too_late", http.StatusServiceUnavailable,
		sentence{"Took too long", "Too much time passed between the record and the opening; nothing was opened. Send the request again."},
		sentence{"Trop long", "Trop de temps a passé entre l'inscription au journal et l'ouverture ; rien n'a été ouvert. Renvoyer."}},
	{"order.malformed", http.StatusBadRequest,
		sentence{"Order not understood", "The custodian did not understand the order. Nothing was opened."},
		sentence{"Ordre incompris", "Le gardien des clés n'a pas compris l'ordre. Rien n'a été ouvert."}},
	{"order.not_found", http.StatusNotFound,
		sentence{"No such order", "The custodian knows no such order; its version differs from this process's."},
		sentence{"Ordre inconnu", "Le gardien des clés ne connaît pas cet ordre ; sa version diffère de celle de ce processus."}},

	// Who asks.
	{"token.missing", http.StatusUnauthorized,
		sentence{"Token missing", "Send Authorization: Bearer with a token."},
		sentence{"Jeton absent", "Envoyer l'en-tête Authorization: Bearer avec un jeton."}},
	{"token.invalid", http.StatusUnauthorized,
		sentence{"Token not valid", "This token opens nothing here. Sign in again, or come back with the recovery phrase."},
		sentence{"Jeton non valide", "Ce jeton n'ouvre rien ici. Se reconnecter, ou revenir avec la phrase de récupération."}},
	{"token.expired", http.StatusUnauthorized,
		sentence{"Token expired", "Sign in again."},
		sentence{"Jeton expiré", "Se reconnecter."}},
	{"role.invalid", http.StatusForbidden,
		sentence{"Not this session's role", "A session acts in one role, the one it began with, and only in one that the account has. Sign in again to change it."},
		sentence{"Pas le rôle de cette session", "Une session agit dans un seul rôle, celui de son début, et parmi ceux du compte. Se reconnecter pour en changer."}},
	{"role.ambiguous", http.StatusBadRequest,
		sentence{"Choose a role", "This account has several roles. Say in the Sceau-Role header which one this session acts in."},
		sentence{"Choisir un rôle", "Ce compte a plusieurs rôles. Indiquer dans l'en-tête Sceau-Role celui de cette session."}},
	{"role.not_allowed", http.StatusForbidden,
		sentence{"Not for this role", "This role does not do that. Ask a colleague whose role it is."},
		sentence{"Pas pour ce rôle", "Ce rôle ne fait pas cela. S'adresser à un collègue dont c'est le rôle."}},
	{"person.missing", http.StatusForbidden,
		sentence{"Person unknown", "The account does not say which human stands behind it, so four eyes cannot be counted. Ask the administrator of accounts."},
		sentence{"Personne inconnue", "Le compte ne dit pas quelle personne l'utilise : quatre yeux ne peuvent être comptés. Prévenir l'administrateur des comptes."}},
}
