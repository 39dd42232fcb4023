-- +goose Up

-- A child leaves, or comes back elsewhere: what a browser held opens nothing any more.
-- The hash of a conversation's first token is bound into its opening entry, so a token is
-- ended by a row of its own, and stays ended: nobody may delete one.
CREATE TABLE sceau.ended_tokens (
    token_sha256 bytea PRIMARY KEY,
    CONSTRAINT token_is_a_hash CHECK (octet_length(token_sha256) = 32)
);
COMMENT ON TABLE sceau.ended_tokens IS 'Tokens of conversations that open nothing any more. No time is kept: it would say when a child left.';

CREATE INDEX tokens_of_a_case ON sceau.tokens (case_id);

GRANT SELECT, INSERT ON sceau.ended_tokens TO sceau_public, sceau_custodian;

-- +goose Down
DROP INDEX sceau.tokens_of_a_case;
DROP TABLE sceau.ended_tokens;
