// Package vault takes Vault away from the running service in every way that a
// Vault can fail: sealed, restarted, slow, without a token, unable to audit, with
// a narrower policy.
package vault
