package web

import "testing"

// TestExportsOfOneCaller: one export at a time for each caller, so that whoever reads
// slowly, on purpose or not, leaves room for the others.
func TestExportsOfOneCaller(t *testing.T) {
	var x exports
	if !x.enter("gilles") || x.enter("gilles") {
		t.Error("one caller has several exports")
	}
	if !x.enter("hana") || !x.enter("leila") || x.enter("amal") {
		t.Error("the bound for all is another")
	}
	if x.leave("gilles"); !x.enter("amal") {
		t.Error("what has ended still counts")
	}
}
