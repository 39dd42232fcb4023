package web_test

import (
	"testing"
)

// A supervisor sees what policy asks for, what an answer in codes says of the danger, whether
// they have read what they answer, and what they can still revoke.
func TestWhatASupervisorDecidesOn(t *testing.T) {
	w := newWorld(t)
	amal, diane := w.hire("amal"), w.hire("diane")
	diane.get("/api/v1/me").wants("200") // on duty
	minor, id := w.talk(amal)
	minor.post("/api/v1/conversation/messages", object{"text": "il est derriere la porte"}).wants("201")
	var read struct {
		Messages []struct {
			Position int
			SHA256   string
		}
	}
	amal.get("/api/v1/conversations/" + id + "/messages").into(&read)
	cited := read.Messages[len(read.Messages)-1]
	var asked struct{ ID string }
	amal.post("/api/v1/conversations/"+id+"/escalations", object{
		"ground": "imminent_danger", "facets": []string{"connection"}, "narrative": "en danger",
		"evidence": []object{{"position": cited.Position, "sha256": cited.SHA256}},
		"assessment": object{"immediacy": "now", "violence": "weapon", "suicide": "none", "perpetrator_present": "yes", "captive": "no",
			"age_band": "10_12", "alone": "unknown", "location_known": "no"},
	}).into(&asked)
	type view struct {
		ID, State, Request string
		Read               bool
		Needed             []struct {
			Role  string
			Count int
		}
		Assessment *struct{ Violence, Immediacy string }
	}
	var list struct{ Pending, Standing []view }
	diane.get("/api/v1/escalations").into(&list)
	if len(list.Pending) != 1 || len(list.Standing) != 0 {
		t.Fatalf("got %+v", list)
	}
	one := list.Pending[0]
	if one.Read || len(one.Needed) != 1 || one.Needed[0].Role != "supervisor" || one.Assessment == nil || one.Assessment.Violence != "weapon" {
		t.Errorf("got %+v", one)
	}
	// The agent who asked is told no more than before.
	var own view
	amal.get("/api/v1/escalations/" + asked.ID).into(&own)
	if own.Assessment != nil {
		t.Error("the requester's view carries the assessment")
	}
	diane.post("/api/v1/escalations/"+asked.ID+"/evidence", object{}).wants("200")
	var now view
	if diane.get("/api/v1/escalations/" + asked.ID).into(&now); !now.Read {
		t.Error("not told that she has read it")
	}
	var theirs view
	if w.hire("etienne").get("/api/v1/escalations/" + asked.ID).into(&theirs); theirs.Read {
		t.Error("another supervisor has not read it")
	}
	diane.post("/api/v1/escalations/"+asked.ID+"/approve", object{"request": one.Request, "facets": []string{"connection"}}).wants("200")
	list.Pending = nil
	if diane.get("/api/v1/escalations").into(&list); len(list.Pending) != 0 || len(list.Standing) != 1 || list.Standing[0].State != "approved" {
		t.Errorf("once it is granted: %+v", list)
	}
	diane.post("/api/v1/escalations/"+asked.ID+"/revoke", object{"reason": "granted_in_error"}).wants("200")
	list.Standing = nil
	if diane.get("/api/v1/escalations").into(&list); len(list.Standing) != 0 {
		t.Errorf("once it is revoked: %+v", list)
	}
}
