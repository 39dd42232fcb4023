// Package browser tests the pages as people meet them: in Debian's chromium,
// against the whole service in its own processes.
//
// Every file of stories/ tells one story: what a minor, an agent, a supervisor or
// an inspector does, in French and in English. They find what they click by its role
// and its name, as a screen reader says them. What holds for every page at
// all times is in lib/guard.mjs; what is looked at in each state, and photographed
// into build/screenshots, in lib/look.mjs.
//
//	go test ./internal/browser                          all of it
//	go test ./internal/browser -run TestStories/quit    one story; SCEAU_STORIES=talk,quit for some
//	SCEAU_TRACE=1 go test ./internal/browser            with a Playwright trace of each story, not of failed ones alone
//
// Node's packages are installed by tools/script/browser, which make test calls.
package browser
