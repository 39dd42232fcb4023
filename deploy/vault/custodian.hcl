# The custodian: the only process that may touch case keys.
#
# Case keys lie in a KV v2 mount with cas_required, one path per case and class, written once. What is missing here
# matters as much as what is granted:
#   - no "update" on data/: a written key can never be replaced, not even with the right check-and-set;
#   - no "delete" on metadata/: the metadata of a destroyed key stays as a tombstone. Vault would accept a new key with
#     cas=0 at a path whose metadata was deleted, and would count versions from 1 again;
#   - no "update" or "patch" on metadata/: cas_required and max_versions cannot be loosened for a path;
#   - no "list" anywhere: case ids come from the log, not from Vault;
#   - no delete/ and undelete/ (soft deletion): destroying is final.

path "sceau-cases/data/*" {
  capabilities = ["create", "read"]
}

# Destroys the bytes of the named versions, for good. The path's metadata remains.
path "sceau-cases/destroy/*" {
  capabilities = ["update"]
}

# Whether a key exists or was destroyed, without reading it.
path "sceau-cases/metadata/*" {
  capabilities = ["read"]
}

# HMAC of recovery phrases, under a pepper that never leaves Vault.
path "sceau-transit/hmac/phrase-pepper" {
  capabilities = ["update"]
}

# Signs the public recipients of new cases. The faces pin the public half, and seal to nothing that is not signed.
path "sceau-transit/sign/recipients" {
  capabilities = ["update"]
}

# Tokens are issued without Vault's default policy, which would grant a cubbyhole and more.
path "auth/token/renew-self" {
  capabilities = ["update"]
}
