-- +goose Up

-- Whom a browser speaks for. A row is found by the SHA-256 of a secret that only the
-- browser has, and holds what is sealed under a key derived from that secret: whoever
-- reads it, superusers and thieves of backups included, has no token.

CREATE TABLE sceau.web_sessions (
    id_sha256      bytea PRIMARY KEY,
    sealed         bytea NOT NULL,
    generation     bigint NOT NULL DEFAULT 1,
    active_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at     timestamptz NOT NULL,
    renewing_until timestamptz,
    CONSTRAINT id_is_a_sum CHECK (octet_length(id_sha256) = 32),
    CONSTRAINT sealed_is_bounded CHECK (octet_length(sealed) <= 131072)
);
CREATE INDEX web_sessions_expire ON sceau.web_sessions (expires_at);
CREATE INDEX web_sessions_active ON sceau.web_sessions (active_at);
COMMENT ON TABLE sceau.web_sessions IS 'Browsers that staff are signed in with. What a session may do is asked of staff_sessions at every request, never of this table.';
COMMENT ON COLUMN sceau.web_sessions.active_at IS 'When a person last did something; what a page asks for by itself does not count.';
COMMENT ON COLUMN sceau.web_sessions.expires_at IS 'The absolute end. It stands in what is sealed, too, which is what counts.';
COMMENT ON COLUMN sceau.web_sessions.generation IS 'Counts what was sealed: whoever renews replaces the one it has read.';
COMMENT ON COLUMN sceau.web_sessions.renewing_until IS 'One process at a time renews a token: a refresh token that is used twice ends the sign-in.';

GRANT SELECT, INSERT, DELETE ON sceau.web_sessions TO sceau_staff;
GRANT UPDATE (sealed, generation, active_at, renewing_until) ON sceau.web_sessions TO sceau_staff;

-- +goose Down
DROP TABLE sceau.web_sessions;
