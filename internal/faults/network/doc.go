// Package network breaks what lies between the parts of the running service:
// between each process and PostgreSQL, between the custodian and Vault, and
// between each face and the custodian.
//
// For variables that repeat a run, or make it long, see package trial.
package network
