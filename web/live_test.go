package web_test

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestSidesSeeEachOther: who types, who is there, who has left and how far the messages
// have got crosses from one face to the other, and is stored nowhere.
func TestSidesSeeEachOther(t *testing.T) {
	w := newWorld(t)
	notices := w.overhear()
	amal := w.hire("amal")
	minor, id := w.talk(amal)
	talk := "/api/v1/conversations/" + id
	bruno := w.hire("bruno")
	bruno.get("/api/v1/me").wants("200")
	entries := w.entries()

	toAgent := w.listen(amal, talk+"/events")
	w.hears(toAgent, `"typing":[],"present":[]`) // nobody is known to be there
	ctx, leave := context.WithCancel(t.Context())
	toMinor := w.listenUntil(ctx, minor, "/api/v1/conversation/events")
	w.hears(toMinor, `"present":["agent"]`)
	w.hears(toAgent, `"present":["minor"]`)

	within := func(what string, lines <-chan string, want string, do func()) {
		t.Helper()
		do()
		began := time.Now()
		w.hears(lines, want)
		if took := time.Since(began); took > time.Second { // 250 ms on a machine that is not shared
			t.Errorf("%s took %v", what, took)
		}
	}
	within("typing", toAgent, `"typing":["minor"]`, func() {
		minor.post("/api/v1/conversation/typing", object{}).wants("204")
	})
	within("having sent", toAgent, `"typing":[]`, func() {
		minor.post("/api/v1/conversation/messages", object{"text": "secret-de-lina"}).wants("201")
	})
	within("typing", toMinor, `"typing":["agent"]`, func() { amal.post(talk+"/typing", object{}).wants("204") })
	w.hears(toMinor, `"typing":[]`) // by itself
	within("reading", toMinor, `"delivered":2`, func() { amal.get(talk + "/messages").wants("200") })
	within("reading", toAgent, `"delivered":2`, func() { minor.get("/api/v1/conversation/messages").wants("200") })

	// Whoever opens the page again is told what the others answer.
	again := w.listen(amal, talk+"/events")
	if line := w.hears(again, `"present":["minor"]`); !strings.Contains(line, `"delivered":2`) {
		w.hears(again, `"delivered":2`)
	}
	leave()
	w.hears(toAgent, `"left_at":"`)

	bruno.post(talk+"/typing", object{}).wants("conversation.not_found")
	if n := w.entries() - entries; n != 2 { // the two readings
		t.Errorf("%d entries", n)
	}
	line := regexp.MustCompile(`^(came|here|gone|typing|idle|read) (minor|agent|psychologist)( \d+(:\d+)?)+$`)
	said := notices()
	for _, text := range said {
		for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
			if !line.MatchString(l) {
				t.Errorf("a notice says %q", l)
			}
		}
	}
	if len(said) < 6 {
		t.Errorf("only %d notices: %q", len(said), said)
	}
	amal.post(talk+"/close", object{}).wants("204")
	minor.post("/api/v1/conversation/typing", object{}).wants("conversation.closed")
}

// overhear listens like a superuser of the database, and returns what was said.
func (w *world) overhear() func() []string {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	conn, err := w.db.Super.Acquire(ctx)
	w.must(err)
	_, err = conn.Exec(ctx, `LISTEN sceau_live`)
	w.must(err)
	var mu sync.Mutex
	var said []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			n, err := conn.Conn().WaitForNotification(ctx)
			if err != nil {
				return
			}
			mu.Lock()
			said = append(said, n.Payload)
			mu.Unlock()
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		<-done
		_ = conn.Conn().Close(context.Background())
		conn.Release()
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), said...)
	}
}
