// Package vault holds the Vault policies of an installation, as files that an
// operator gives to `vault policy write` and the development stack to its own
// server. See README.md beside it.
package vault

import _ "embed"

// Custodian is the policy of the only process that may touch case keys.
//
//go:embed custodian.hcl
var Custodian string

// Publisher is the policy of the process that signs checkpoints.
//
//go:embed publisher.hcl
var Publisher string
