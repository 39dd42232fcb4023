// Package attacks tries, from outside and on the service as an operator runs it,
// what an attacker of each part would try. docs/threat-model.md lists each attack
// and the test that tries it.
package attacks
