// Package story plays the demonstration: minors who write, agents who answer,
// lifts that are asked for, granted and opened, and everything that somebody
// could try and must not get.
//
// It is a client and nothing else. It knows addresses, signs in as people do,
// and speaks to the public HTTP APIs; the three attacks that no API offers (a
// facing process that asks Vault for a case key, somebody who reaches the
// custodian's socket, a superuser who swaps two sealed headers) are handed to it
// by whoever owns the stack. Every act is checked: what should work for what it
// gives, what should not for the stable code of its refusal.
//
// Deadlines are those of the policy bundle in force. The story waits for them
// by the clock; a bundle with deadlines of minutes makes it long.
package story
