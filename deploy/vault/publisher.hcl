# The publisher signs checkpoints of the log with a key that never leaves Vault, and reads its public half. Nothing else.

path "sceau-transit/sign/checkpoint" {
  capabilities = ["update"]
}

path "sceau-transit/keys/checkpoint" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
