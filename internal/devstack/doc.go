// Package devstack runs the servers that Sceau needs on one machine: a real
// PostgreSQL and a real Vault with the roles, mounts and policies that a
// production installation would have. It serves sceau-dev and the tests;
// nothing of the domain lives here and no production process imports it.
//
// Everything it starts is a child that dies with it ([Start] sets a parent
// death signal), listens on a unix socket or on loopback only, and keeps its
// files in directories of mode 0700.
package devstack
