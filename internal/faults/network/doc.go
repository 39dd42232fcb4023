// Package network breaks what lies between the parts of the running service:
// between each process and PostgreSQL, between the custodian and Vault, and
// between each face and the custodian.
//
// SCEAU_SEED plays the choices of an earlier run again; SCEAU_TORTURE (a
// duration) goes on for so long, every fault and every wire again and again.
package network
