// Package hardening keeps what a process holds in memory out of files: case
// keys, tokens and what a minor wrote must not end in a core dump, nor be read
// through /proc by another process of the same user.
package hardening
