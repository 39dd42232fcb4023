package web

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/escalation"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
)

// A gazette reads what is new in the log, once for all streams of a process, while
// somebody listens. What it reads is the log itself: a notice that was lost costs the
// time until the next poll.
type gazette struct {
	reader   policystore.Querier
	listener *conversationstore.Listener

	mu      sync.Mutex
	readers map[chan []pglog.Happening]struct{}
	stop    context.CancelFunc
}

// missed stands for more than a reader has room for: it must look at everything.
var missed = []pglog.Happening{}

// subscribe returns what happens from now on. A reader who is slow gets missed.
func (g *gazette) subscribe(ctx context.Context) (<-chan []pglog.Happening, func(), error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.readers) == 0 {
		next, err := pglog.Next(ctx, g.reader)
		if err != nil {
			return nil, nil, err
		}
		var run context.Context
		// It outlives the first reader, and keeps nothing of theirs in memory.
		run, g.stop = context.WithCancel(context.Background())
		go g.run(run, next)
	}
	c := make(chan []pglog.Happening, 16)
	g.readers[c] = struct{}{}
	return c, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.readers, c)
		if len(g.readers) == 0 {
			g.stop()
		}
	}, nil
}

func (g *gazette) run(ctx context.Context, next int64) {
	rings, stop := g.listener.Entries()
	defer stop()
	for {
		list, err := pglog.Happened(ctx, g.reader, next)
		if err == nil && len(list) > 0 {
			next = list[len(list)-1].Seq + 1
			g.tell(ctx, list)
			continue // there may be more
		}
		// An error is the database's: the next ring finds what is there.
		select {
		case <-rings:
		case <-ctx.Done():
			return
		}
	}
}

func (g *gazette) tell(ctx context.Context, list []pglog.Happening) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if ctx.Err() != nil {
		return // another run has taken over
	}
	for c := range g.readers {
		select {
		case c <- list:
			continue
		default:
		}
		for len(c) > 0 { // make room for the one word that says it all
			select {
			case <-c:
			default:
			}
		}
		c <- missed
	}
}

// What a member of staff may be told has changed. The page asks for what it shows.
const (
	newConversations = "conversations" // the queue, or who is in a conversation
	newRequests      = "requests"      // one's own; for who answers, those that wait
	newConfirmations = "confirmations"
	newTellings      = "tellings"
	newReviews       = "reviews"
	newConsents      = "consents"
	newOpinions      = "opinions"
	newFacets        = "facets"
	newRegisters     = "registers" // of the privacy officer
	newPolicy        = "policy"
	newEntries       = "log" // for an inspector: something that is not their own looking
)

// interest is that entries whose action begins so may change a topic for a role: in any
// case, or only in those of which the reader may know that something happens there; and,
// when it names one, on that ground only.
type interest struct {
	action, topic string
	whose         whose
	ground        string
}

// whose says in which cases something is a reader's to know.
type whose int

const (
	anybodys    whose = iota
	participant       // who is in the conversation now; who has left is told nothing of it
	requester         // who asked to lift anonymity in it, in it still or not
	teller            // either of them: who may have to tell the minor
)

var interests = map[string][]interest{
	agent: {
		{action: "conversation.opened", topic: newConversations}, {action: "conversation.joined", topic: newConversations},
		{action: "conversation.handed_over", topic: newConversations}, {action: "conversation.closed", topic: newConversations},
		{action: "psychologist.", topic: newConversations, whose: participant}, {action: "key.destroyed", topic: newConversations, whose: participant},
		{action: "escalation.", topic: newRequests, whose: requester}, {action: "identity.release", topic: newRequests, whose: requester},
		{action: "consent.withdrawn", topic: newRequests, whose: requester},
		// What brings a request to those who may confirm, or takes it from them; what becomes
		// of it after that is not theirs.
		{action: "escalation.requested", topic: newConfirmations, ground: escalation.GroundImminentDanger},
		{action: "escalation.approved", topic: newConfirmations, ground: escalation.GroundImminentDanger},
		{action: "escalation.denied", topic: newConfirmations, ground: escalation.GroundImminentDanger},
		{action: "escalation.withdrawn", topic: newConfirmations, ground: escalation.GroundImminentDanger},
		{action: "escalation.expired", topic: newConfirmations, ground: escalation.GroundImminentDanger},
		{action: "escalation.break_glass_confirmed", topic: newConfirmations, ground: escalation.GroundImminentDanger},
		{action: "escalation.glass_broken", topic: newConfirmations, ground: escalation.GroundImminentDanger},
		{action: "minor.told", topic: newTellings, whose: teller}, {action: "identity.release", topic: newTellings, whose: teller},
		{action: "consent.", topic: newConsents, whose: participant}, {action: "opinion.", topic: newOpinions, whose: participant},
		{action: "identity.sealed", topic: newFacets, whose: participant},
	},
	psychologist: {
		{action: "psychologist.", topic: newConversations}, {action: "conversation.joined", topic: newConversations},
		{action: "conversation.handed_over", topic: newConversations}, {action: "conversation.closed", topic: newConversations},
		{action: "opinion.", topic: newOpinions, whose: participant},
	},
	supervisor: {
		{action: "escalation.", topic: newRequests}, {action: "identity.release", topic: newRequests}, {action: "consent.withdrawn", topic: newRequests},
		{action: "escalation.glass_broken", topic: newReviews}, {action: "escalation.reviewed", topic: newReviews},
		{action: "minor.told", topic: newTellings}, {action: "identity.release", topic: newTellings}, {action: "policy.", topic: newPolicy},
	},
	privacy: {
		{action: "escalation.", topic: newRequests, ground: escalation.GroundJudicialRequisition},
		{action: "identity.release", topic: newRequests, ground: escalation.GroundJudicialRequisition},
		{action: "escalation.glass_broken", topic: newReviews}, {action: "escalation.reviewed", topic: newReviews},
		{action: "erasure.", topic: newRegisters}, {action: "hold.", topic: newRegisters}, {action: "key.destroyed", topic: newRegisters},
		{action: "openings.", topic: newRegisters}, {action: "conversation.closed", topic: newRegisters}, {action: "policy.", topic: newPolicy},
	},
	// Not log.read: each look would call for another.
	inspector: {
		{action: "conversation.opened", topic: newEntries}, {action: "conversation.closed", topic: newEntries}, {action: "escalation.", topic: newEntries},
		{action: "identity.", topic: newEntries}, {action: "evidence.", topic: newEntries}, {action: "consent.", topic: newEntries},
		{action: "minor.", topic: newEntries}, {action: "erasure.", topic: newEntries}, {action: "hold.", topic: newEntries},
		{action: "key.destroyed", topic: newEntries}, {action: "staff.suspended", topic: newEntries}, {action: "staff.restored", topic: newEntries},
		{action: "escalation.glass_broken", topic: newReviews}, {action: "escalation.reviewed", topic: newReviews}, {action: "policy.", topic: newPolicy},
	},
}

// topicsOf is all that a role can be told of, sorted.
func topicsOf(role string) []string {
	var all []string
	for _, i := range interests[role] {
		all = append(all, i.topic)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// meets says whether what happened is of this interest, beside whose case it is.
func (i interest) meets(role string, h pglog.Happening) bool {
	if h.Action == audit.ActionEscalationRefused && (role != agent || i.whose != requester) && role != inspector {
		return false // to all but its requester there was no request
	}
	return strings.HasPrefix(string(h.Action), i.action) && (i.ground == "" || i.ground == h.Ground)
}
