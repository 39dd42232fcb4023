package rig

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// A Talk is a conversation that an agent has joined.
type Talk struct {
	ID           string
	Minor, Agent *Person
}

// Open opens a conversation.
func (r *Rig) Open() *Person {
	r.Helper()
	var opened struct{ Token string }
	r.Eventually(20*time.Second, "a case is ready", func() bool {
		reply := r.Minor("").Send("", http.MethodPost, "/conversations", Object{"postal_code": "35000", "topic": "threats"})
		if reply.Code == "conversation.no_ready_key" {
			return false
		}
		if reply.Outcome() != "ok" {
			r.Fatalf("opening: %s: %s", reply.Outcome(), reply.Body)
		}
		r.Must(json.Unmarshal(reply.Body, &opened))
		return true
	})
	return r.Minor(opened.Token)
}

// Talk opens a conversation that the agent joins.
func (r *Rig) Talk(agent *Person) *Talk {
	r.Helper()
	t := &Talk{Minor: r.Open(), Agent: agent}
	var queue struct{ Waiting []struct{ ID string } }
	agent.Into(&queue, http.MethodGet, "/conversations", nil)
	if len(queue.Waiting) != 1 {
		r.Fatalf("%d conversations wait, one was opened", len(queue.Waiting))
	}
	t.ID = queue.Waiting[0].ID
	agent.Wants("ok", http.MethodPost, "/conversations/"+t.ID+"/join", nil)
	return t
}

// An Escalation is a request to lift anonymity.
type Escalation struct{ ID, Request, State string }

// Assessment is one on which the policy grants.
func Assessment() Object {
	return Object{
		"immediacy": "now", "violence": "ongoing", "suicide": "none", "perpetrator_present": "yes", "captive": "no",
		"age_band": "13_15", "alone": "no", "location_known": "no",
	}
}

// Ask asks for an escalation on the conversation's message at a position. A supervisor must be on duty.
func (r *Rig) Ask(t *Talk, position int, narrative string, facets ...string) Escalation {
	r.Helper()
	var page struct {
		Messages []struct{ SHA256 string }
	}
	t.Agent.Into(&page, http.MethodGet, fmt.Sprintf("/conversations/%s/messages?from=%d", t.ID, position), nil)
	var e Escalation
	t.Agent.Into(&e, http.MethodPost, "/conversations/"+t.ID+"/escalations", Object{
		"ground": "imminent_danger", "facets": facets, "narrative": narrative, "assessment": Assessment(),
		"evidence": []Object{{"position": position, "sha256": page.Messages[0].SHA256}},
	})
	if e.State != "requested" {
		r.Fatalf("the request is %s", e.State)
	}
	return e
}

// Approve lets a supervisor read the evidence and approve.
func (r *Rig) Approve(supervisor *Person, e Escalation, facets ...string) {
	r.Helper()
	supervisor.Wants("ok", http.MethodPost, "/escalations/"+e.ID+"/evidence", nil)
	supervisor.Wants("ok", http.MethodPost, "/escalations/"+e.ID+"/approve", Object{"request": e.Request, "facets": facets})
}

// Identity is the request that opens what was granted.
func (e Escalation) Identity(facets ...string) (method, path string, body any) {
	return http.MethodPost, "/escalations/" + e.ID + "/identity", Object{"facets": facets}
}
