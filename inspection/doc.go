// Package inspection is what an inspector concludes from an export of the log
// that [audit.Verify] found whole, with nothing but the export itself.
//
// [Lives] folds every case in which anonymity was asked about, erased or held, with
// the same functions as the staff face and the custodian, and says what no rule
// allows: a release without its grant, or outside of its person, facets, uses and
// time; an approval that is not four eyes; a review that is overdue. [WhoseRules]
// says who put which policy in force, for a reader who pins the signers, and finds
// decisions by any other. [Replay] evaluates every decision again, from its
// committed input and the bundle that it names, and compares.
package inspection
