-- +goose Up

-- Figures show people under pseudonyms. Their key lies here, so that every process gives
-- the same, and no page holds it. It guards against comparing people by name in passing, not
-- against a superuser, who reads names too.
CREATE TABLE sceau.pseudonyms (
    one boolean PRIMARY KEY DEFAULT true,
    key bytea NOT NULL,
    CONSTRAINT one_key CHECK (one),
    CONSTRAINT key_is_long CHECK (octet_length(key) = 32)
);
COMMENT ON TABLE sceau.pseudonyms IS 'The key of the pseudonyms that figures show. Deleting it and inserting another makes those of before mean nothing.';
-- Two random UUIDs hold 244 random bits.
INSERT INTO sceau.pseudonyms (key) VALUES (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

GRANT SELECT ON sceau.pseudonyms TO sceau_staff;

-- +goose Down
DROP TABLE sceau.pseudonyms;
