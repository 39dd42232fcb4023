// Package faults breaks what Sceau rests on, while it is used, and holds what is
// left to what people were told. It has tests only: they start real servers, a
// real custodian in a process of its own, and people who use them through the
// stores that the faces use.
//
// After every fault the same is asked (see checks_test.go): whatever was
// acknowledged is there, once; what was refused is not; the log verifies as an
// inspector would verify it; rows say what the entries amount to; Vault read no
// key without an entry; and all is served again within ten seconds, without a
// hand.
//
// Every test has a short form, which is part of make test, and a long one: set
// SCEAU_TORTURE to how long each is to go on ("10m"). Choices come from a seed,
// which is printed; SCEAU_SEED plays them again (the scheduler's own choices are
// nobody's to repeat). With SCEAU_TORTURE_REPORT set to a file, each test adds
// one line of JSON to it.
package faults
