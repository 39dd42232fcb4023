package web

import (
	"net/http"

	"github.com/sceau-project/sceau/policy"
)

// Roles as the table writes them.
const (
	agent        = policy.RoleAgent
	psychologist = policy.RolePsychologist
	supervisor   = policy.RoleSupervisor
	inspector    = policy.RoleInspector
	privacy      = policy.RolePrivacyOfficer
)

// Table is every route and who may call it. A face registers its own lines; the
// other face's side may be nil. What a role may do within a route (its own
// conversations, nobody's own request) is decided behind it: by participation,
// by policy, and again by the custodian.
func Table(p *public, s *staff) []Route {
	who := func(roles ...string) []string { return roles }
	const (
		get, post, put = http.MethodGet, http.MethodPost, http.MethodPut
		del            = http.MethodDelete
		talk           = "/api/v1/conversation"
		talks          = "/api/v1/conversations"
		escalations    = "/api/v1/escalations"
	)
	return []Route{
		{Public, get, "/api/v1/topics", who(anyone), none, false, "What a conversation can be about", handle(p.topics)},
		{Public, post, talks, who(anyone), conversations, false, "Open a conversation", created(handle(p.open))},
		{Public, post, talk + "/return", who(anyone), returns, false, "Come back with a recovery phrase", handle(p.comeBack)},
		{Public, get, talk, who(minor), none, false, "State of the conversation", handle(p.state)},
		{Public, get, talk + "/messages", who(minor), none, false, "Read messages", handle(p.read)},
		{Public, post, talk + "/messages", who(minor), none, false, "Write a message", created(handle(p.write))},
		{Public, get, talk + "/events", who(minor), none, true, "Hear that something happened", events(p.events)},
		{Public, post, talk + "/typing", who(minor), none, false, "Show that one types; nothing is stored", handle(p.typing)},
		{Public, post, talk + "/phrase", who(minor), none, false, "Get a recovery phrase", created(handle(p.phrase))},
		{Public, put, talk + "/facets/{facet}", who(minor), none, false, "Entrust a name, a contact or a location", handle(p.entrust)},
		{Public, get, talk + "/consents", who(minor), none, false, "Consents given", handle(p.consents)},
		{Public, post, talk + "/consents", who(minor), none, false, "Agree to the opening of facets, in one's own words", created(handle(p.giveConsent))},
		{Public, post, talk + "/consents/{id}/withdraw", who(minor), none, false, "Take a consent back; what rests on it ends at once", handle(p.withdrawConsent)},
		{Public, get, talk + "/openings", who(minor), receipts, false, "Who opened my identity? The question is an entry", handle(p.openings)},
		{Public, get, talk + "/copy", who(minor), none, false, "A copy of what one wrote", handle(p.takeCopy)},
		{Public, get, talk + "/erasures", who(minor), none, false, "Requests for erasure", handle(p.erasures)},
		{Public, post, talk + "/erasures", who(minor), none, false, "Ask that everything be erased", created(handle(p.askErasure))},
		{Public, del, talk + "/token", who(minor), none, false, "Leave: this token opens nothing any more, for good", handle(p.leave)},
		{Public, post, talk + "/close", who(minor), none, false, "Close the conversation", handle(p.end)},

		{Staff, get, "/api/v1/me", who(agent, psychologist, supervisor, inspector, privacy), none, false, "Who the caller is here", handle(s.me)},
		{Staff, del, "/api/v1/me/session", who(agent, psychologist, supervisor, inspector, privacy), none, false, "Sign out", handle(s.signOut)},
		{Staff, put, "/api/v1/me/on-call", who(agent, psychologist, supervisor, inspector, privacy), none, false, "Be on call until a time", handle(s.onCall)},
		{Staff, del, "/api/v1/me/on-call", who(agent, psychologist, supervisor, inspector, privacy), none, false, "Be on call no more", handle(s.offCall)},
		{Staff, get, "/api/v1/me/events", who(agent, psychologist, supervisor, inspector, privacy), none, true, "Hear that something changed for one's role", events(s.news)},
		{Staff, get, talks, who(agent, psychologist), none, false, "The queue, and one's own conversations", handle(s.queue)},
		{Staff, get, talks + "/{id}", who(agent, psychologist), none, false, "A conversation one is in", handle(s.conversation)},
		{Staff, post, talks + "/{id}/join", who(agent, psychologist), none, false, "Join a conversation", handle(s.join)},
		{Staff, get, talks + "/{id}/messages", who(agent, psychologist), none, false, "Read messages", handle(s.read)},
		{Staff, post, talks + "/{id}/messages", who(agent, psychologist), none, false, "Write a message", created(handle(s.write))},
		{Staff, get, talks + "/{id}/events", who(agent, psychologist), none, true, "Hear that something happened", events(s.events)},
		{Staff, post, talks + "/{id}/typing", who(agent, psychologist), none, false, "Show that one types; nothing is stored", handle(s.typing)},
		{Staff, get, talks + "/{id}/consents", who(agent, psychologist), none, false, "What the minor agreed to, in their own words", handle(s.consents)},
		{Staff, get, talks + "/{id}/opinions", who(agent, psychologist), none, false, "What psychologists think", handle(s.opinions)},
		{Staff, post, talks + "/{id}/opinions", who(psychologist), none, false, "Record an opinion on danger", created(handle(s.recordOpinion))},
		{Staff, post, talks + "/{id}/psychologist", who(agent), none, false, "Ask a psychologist in", handle(s.askPsychologist)},
		{Staff, get, talks + "/{id}/colleagues", who(agent), none, false, "Agents on duty to hand the conversation over to", handle(s.handOverTo)},
		{Staff, post, talks + "/{id}/hand-over", who(agent), none, false, "Hand the conversation over to a colleague", handle(s.handOver)},
		{Staff, post, talks + "/{id}/leave", who(agent, psychologist), none, false, "Leave the conversation", handle(s.leave)},
		{Staff, post, talks + "/{id}/close", who(agent), none, false, "Close the conversation", handle(s.end)},

		{Staff, post, talks + "/{id}/escalations", who(agent), none, false, "Ask for an escalation: anonymity to be lifted", created(handle(s.ask))},
		{Staff, post, talks + "/{id}/escalations/preview", who(agent), none, false, "What policy would answer to that request; nothing is recorded", handle(s.preview)},
		{Staff, get, escalations, who(agent, supervisor, privacy), none, false, "One's own requests; for who answers, those that wait", handle(s.escalationList)},
		{Staff, get, escalations + "/{id}", who(agent, supervisor, privacy), none, false, "A request", handle(s.escalation)},
		{Staff, post, escalations + "/{id}/evidence", who(supervisor, privacy), none, false, "Read what a request rests on; a privacy officer, the magistrate's order", handle(s.evidence)},
		{Staff, post, escalations + "/{id}/approve", who(supervisor, privacy), none, false, "Approve a request, in whole or in part", handle(s.approve)},
		{Staff, post, escalations + "/{id}/deny", who(supervisor, privacy), none, false, "Deny a request", handle(s.deny)},
		{Staff, post, escalations + "/{id}/withdraw", who(agent), none, false, "Withdraw one's request", handle(s.withdraw)},
		{Staff, post, escalations + "/{id}/close", who(agent), none, false, "Close a granted escalation before its time", handle(s.closeEscalation)},
		{Staff, post, escalations + "/{id}/identity", who(agent), none, false, "Open what was granted", handle(s.identity)},

		{Staff, post, escalations + "/{id}/printed", who(agent), none, false, "Record that what was opened is printed, before it is", handle(s.printed)},

		{Staff, post, escalations + "/{id}/confirm", who(agent), none, false, "Confirm, as the second agent, that the glass must be broken", handle(s.confirm)},
		{Staff, post, escalations + "/{id}/break-glass", who(agent), none, false, "Break the glass: open before anybody answered, reviewed after", handle(s.breakGlass)},
		{Staff, post, escalations + "/{id}/revoke", who(supervisor), none, false, "End a grant, or an opening under way", handle(s.revoke)},
		{Staff, post, escalations + "/{id}/review", who(supervisor), none, false, "Say whether breaking the glass was right", handle(s.review)},
		{Staff, post, escalations + "/{id}/tellings", who(agent, supervisor), none, false, "Record that the young person was told, or why not yet", handle(s.tell)},
		{Staff, get, "/api/v1/confirmations", who(agent), none, false, "Requests that wait for a second agent", handle(s.confirmable)},
		{Staff, get, "/api/v1/reviews", who(supervisor, inspector, privacy), none, false, "Broken glasses, due and reviewed", handle(s.reviews)},
		{Staff, get, "/api/v1/tellings", who(agent, supervisor), none, false, "Openings that a young person is still to be told of", handle(s.tellings)},

		{Staff, get, "/api/v1/privacy/erasures", who(privacy), none, false, "Requests for erasure that wait", handle(s.waitingErasures)},
		{Staff, post, "/api/v1/privacy/erasures/{id}/decide", who(privacy), none, false, "Grant or refuse an erasure", handle(s.decideErasure)},
		{Staff, get, "/api/v1/privacy/holds", who(privacy), none, false, "Holds that stand", handle(s.holds)},
		{Staff, post, "/api/v1/privacy/holds", who(privacy), none, false, "Keep a case from being destroyed", created(handle(s.setHold))},
		{Staff, post, "/api/v1/privacy/holds/{id}/lift", who(privacy), none, false, "Let a case be destroyed when its time comes", handle(s.liftHold)},
		{Staff, get, "/api/v1/privacy/due", who(privacy), none, false, "What is destroyed soon", handle(s.due)},

		{Staff, get, "/api/v1/log/entries", who(inspector), none, false, "Search the log; the search is an entry", handle(s.search)},
		{Staff, get, "/api/v1/log/entries/{seq}", who(inspector), none, false, "One entry: its bytes, how to check them, its decision asked again", handle(s.entry)},
		{Staff, get, "/api/v1/log/cases/{id}", who(inspector), none, false, "A case, entry by entry, as the service folds it", handle(s.caseStory)},
		{Staff, get, "/api/v1/log/health", who(inspector), none, false, "How the chain is, and what waits for people", handle(s.health)},
		{Staff, get, "/api/v1/log/verification", who(inspector), none, false, "How far a verification is", handle(s.progress)},
		{Staff, post, "/api/v1/log/verification", who(inspector), none, false, "Verify the whole log now; the result is an entry", handle(s.verify)},
		{Staff, get, "/api/v1/log/figures", who(inspector), none, false, "What a period comes to, people under pseudonyms", handle(s.figures)},
		{Staff, post, "/api/v1/log/names", who(inspector), none, false, "Whom a pseudonym stands for, for a reason", handle(s.name)},
		{Staff, get, "/api/v1/log/exports/entries", who(inspector), none, true, "All that a search finds, as CSV or JSON", downloads(s.exportEntries)},
		{Staff, get, "/api/v1/log/exports/cases/{id}", who(inspector), none, true, "A case, as CSV or JSON", downloads(s.exportCase)},
		{Staff, get, "/api/v1/log/exports/figures", who(inspector), none, true, "Figures, as CSV or JSON", downloads(s.exportFigures)},
		{Staff, get, "/api/v1/log/exports/reviews", who(inspector), none, true, "Broken glasses, as CSV or JSON", downloads(s.exportReviews)},
		{Staff, get, "/api/v1/log/exports/log", who(inspector), none, true, "The whole log in a zip, for sceau-inspect", downloads(s.exportLog)},
	}
}
