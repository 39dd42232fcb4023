-- +goose Up

-- The log: entries that are only ever appended, and the head they continue.
--
-- The roles that append may INSERT into sceau.entries and do nothing else to it.
-- A trigger checks that what they insert continues the chain, and moves the head
-- itself; so no role of the service can break the chain, skip a number, write
-- under another's name, or move the head. What a superuser does is not stopped
-- here: it is found by whoever holds an earlier head.

REVOKE ALL ON SCHEMA sceau FROM PUBLIC;
GRANT USAGE ON SCHEMA sceau TO sceau_public, sceau_staff, sceau_custodian, sceau_operator;
ALTER DEFAULT PRIVILEGES FOR ROLE sceau_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Head ------------------------------------------------------------------------

CREATE TABLE sceau.log_head (
    one    boolean PRIMARY KEY DEFAULT true,
    origin text        NOT NULL,
    seq    bigint      NOT NULL,
    hash   bytea       NOT NULL,
    at     timestamptz NOT NULL,
    CONSTRAINT one_log CHECK (one),
    CONSTRAINT origin_is_a_line CHECK (origin ~ '^[!-~]{1,200}$' AND origin !~ '[+"\\]'),
    CONSTRAINT seq_not_negative CHECK (seq >= 0),
    CONSTRAINT hash_is_sha256 CHECK (octet_length(hash) = 32)
) WITH (fillfactor = 10);
COMMENT ON TABLE sceau.log_head IS 'The one row whose lock orders all entries. Moved by the trigger on sceau.entries alone.';
COMMENT ON COLUMN sceau.log_head.origin IS 'Name of this log, never reused for another.';
COMMENT ON COLUMN sceau.log_head.seq IS 'Number of the next entry.';
COMMENT ON COLUMN sceau.log_head.hash IS 'Hash of the last entry; of the origin when there is none.';
COMMENT ON COLUMN sceau.log_head.at IS 'Time of the last entry: the next is never earlier.';

-- Entries ---------------------------------------------------------------------

CREATE TABLE sceau.entries (
    seq          bigint      NOT NULL,
    at           timestamptz NOT NULL,
    case_id      uuid,
    hash         bytea       NOT NULL,
    leaf         bytea       NOT NULL,
    via          text COLLATE "C" NOT NULL,
    action       text COLLATE "C" NOT NULL,
    actor_id     text COLLATE "C" NOT NULL,
    person_id    text COLLATE "C",
    subject_type text COLLATE "C",
    subject_id   text COLLATE "C",
    PRIMARY KEY (seq),
    CONSTRAINT seq_not_negative CHECK (seq >= 0),
    CONSTRAINT leaf_bounded CHECK (octet_length(leaf) <= 65535),
    CONSTRAINT subject_is_whole CHECK ((subject_type IS NULL) = (subject_id IS NULL))
) PARTITION BY RANGE (seq);
COMMENT ON TABLE sceau.entries IS 'The log. Partitions hold 2^20 entries each.';
COMMENT ON COLUMN sceau.entries.leaf IS 'The exact bytes that were hashed. All other columns repeat a part of them, for queries only.';
COMMENT ON COLUMN sceau.entries.hash IS 'SHA-256 of a zero byte and the leaf (RFC 6962).';
COMMENT ON COLUMN sceau.entries.via IS 'The process that wrote it: the role of its session, as checked by the trigger.';

CREATE INDEX entries_by_case ON sceau.entries (case_id, seq) WHERE case_id IS NOT NULL;
CREATE INDEX entries_by_action ON sceau.entries (action, seq);
CREATE INDEX entries_by_actor ON sceau.entries (actor_id, seq);
CREATE INDEX entries_by_subject ON sceau.entries (subject_id, seq) WHERE subject_id IS NOT NULL;

-- Openings --------------------------------------------------------------------

CREATE TABLE sceau.openings (
    seq     bigint NOT NULL,
    field   text COLLATE "C" NOT NULL,
    case_id uuid,
    salt    bytea  NOT NULL,
    value   bytea  NOT NULL,
    PRIMARY KEY (seq, field),
    CONSTRAINT field_is_a_key CHECK (field ~ '^[a-z][a-z0-9_]{0,63}$'),
    CONSTRAINT value_bounded CHECK (octet_length(value) <= 131072),
    CONSTRAINT salt_is_long CHECK (octet_length(salt) = 32)
);
COMMENT ON TABLE sceau.openings IS 'Salt and value of commitments that inspectors may open. Erasable: the log holds without them.';
COMMENT ON COLUMN sceau.openings.field IS 'The field of the commitment: "input" is the decision''s, others are keys of the leaf''s commitments.';
CREATE INDEX openings_by_case ON sceau.openings (case_id) WHERE case_id IS NOT NULL;

-- Idempotency -----------------------------------------------------------------

CREATE TABLE sceau.idempotency (
    via         text        NOT NULL,
    key_sha256  bytea       NOT NULL,
    body_mac    bytea       NOT NULL,
    answer      bytea       NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (via, key_sha256),
    CONSTRAINT key_is_a_hash CHECK (octet_length(key_sha256) = 32),
    CONSTRAINT body_is_a_mac CHECK (octet_length(body_mac) = 32)
);
COMMENT ON TABLE sceau.idempotency IS 'Answers already given, written in the transaction that earned them.';
COMMENT ON COLUMN sceau.idempotency.key_sha256 IS 'SHA-256 of the actor, a zero byte and the client''s key. The key itself is stored nowhere.';
COMMENT ON COLUMN sceau.idempotency.body_mac IS 'HMAC of the request under a key derived from the client''s: a plain hash of a short text would confirm a guess.';
COMMENT ON COLUMN sceau.idempotency.answer IS 'AES-256-GCM under a key derived from the client''s key: who cannot repeat the request cannot read the answer.';

-- Who writes what ---------------------------------------------------------------

-- Bodies in RETURN form are bound to their operators when they are created: the
-- search_path of a caller cannot change what they mean.
CREATE FUNCTION sceau.via() RETURNS text LANGUAGE sql STABLE
RETURN CASE session_user
    WHEN 'sceau_public' THEN 'public'
    WHEN 'sceau_staff' THEN 'staff'
    WHEN 'sceau_custodian' THEN 'custodian'
    WHEN 'sceau_operator' THEN 'operator'
END;
COMMENT ON FUNCTION sceau.via() IS 'The via of this session, by the role that signed in (SET ROLE does not change it). NULL may not write.';

CREATE FUNCTION sceau.may_append(via text, action text) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN CASE via
    WHEN 'public' THEN action IN (
        'conversation.opened', 'conversation.closed', 'consent.given', 'consent.withdrawn',
        'identity.sealed', 'erasure.requested')
    WHEN 'staff' THEN action IN (
        'staff.signed_in', 'staff.signed_out', 'conversation.joined', 'conversation.handed_over', 'conversation.closed',
        'escalation.requested', 'escalation.refused', 'escalation.widened', 'escalation.approval_given',
        'escalation.approved', 'escalation.denied', 'escalation.withdrawn', 'escalation.expired', 'escalation.revoked',
        'escalation.glass_broken', 'escalation.reviewed', 'escalation.closed',
        'identity.printed', 'opinion.recorded', 'minor.told', 'hold.set', 'log.read')
    WHEN 'custodian' THEN action IN (
        'key.created', 'key.destroyed', 'conversation.read', 'evidence.read', 'phrase.issued', 'phrase.returned',
        'receipt.given', 'hold.lifted', 'erasure.decided', 'openings.erased', 'escalation.break_glass_confirmed', 'identity.release_ordered', 'identity.released', 'identity.release_failed', 'identity.viewed', 'clock.stepped')
    WHEN 'operator' THEN action IN (
        'policy.activated', 'staff.suspended', 'staff.restored', 'log.exported', 'log.pruned', 'log.continued')
    ELSE false
END;
COMMENT ON FUNCTION sceau.may_append(text, text) IS 'Which process may write which action: a compromised one cannot lie in another''s name.';

CREATE FUNCTION sceau.may_decide(action text) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN action IN (
    'conversation.read', 'evidence.read', 'identity.release_ordered', 'log.read',
    'escalation.requested', 'escalation.refused', 'escalation.approval_given', 'escalation.denied', 'escalation.revoked',
    'escalation.glass_broken', 'escalation.break_glass_confirmed', 'escalation.reviewed', 'minor.told', 'receipt.given',
    'erasure.decided', 'hold.set', 'hold.lifted', 'key.destroyed', 'openings.erased');
COMMENT ON FUNCTION sceau.may_decide(text) IS 'Which actions policy is asked about: no other may claim a decision.';

-- +goose StatementBegin
CREATE FUNCTION sceau.lock_head(OUT seq bigint, OUT hash bytea, OUT at timestamptz, OUT clock timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT h.seq, h.hash, h.at INTO seq, hash, at FROM sceau.log_head h FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the log has no origin yet' USING ERRCODE = 'SC004', HINT = 'The owner of the schema runs: sceau migrate';
    END IF;
    -- Read after the lock is held: in the query above it would be read before the wait.
    clock := clock_timestamp();
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION sceau.lock_head() IS 'Waits for the head and holds it until the transaction ends.';

-- The chain -------------------------------------------------------------------

-- +goose StatementBegin
CREATE FUNCTION sceau.is_coded(leaf bytea, more_of_actor integer, actor_ends integer, rest integer) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
-- Whether what stands in a leaf behind the actor's id and person, and behind the
-- subject, is as audit/scan.go wants it, and of printable ASCII without spaces.
--
-- Everybody who appends waits for this. A bound in a pattern, {1,255}, makes it take
-- some 300 µs, ten times as much as all else; so the patterns say of which characters a
-- word is, and the loops how long. Groups that capture cost half as much again.
DECLARE
    word   constant text := '"[!#-[\]-~]+"';
    sum    constant text := '"[A-Za-z0-9+/]+="';
    name   constant text := '"[a-z][a-z0-9_]*"';
    pair   constant text := name || ':(?:"[!#-[\]-~]*"|0|-?[1-9][0-9]*|true|false)';
    actor  constant text := '^(?:,"role":' || word || ')?(?:,"unit":' || word || ')?(?:,"session":' || word || ')?$';
    others constant text := '^(?:,"ground":' || word || ')?'
        || '(?:,"decision":\{"id":' || word || ',"path":' || word || ',"policy":' || word || ',"engine":' || word
        || ',"input":' || sum || ',"result":' || word || '\})?'
        || '(?:,"details":\{' || pair || '(?:,' || pair || ')*\})?'
        || '(?:,"commitments":\{' || name || ':' || sum || '(?:,' || name || ':' || sum || ')*\})?\}$';
    more   constant text COLLATE "C" := convert_from(substr(leaf, more_of_actor, actor_ends - more_of_actor), 'UTF8');
    tail   constant text COLLATE "C" := convert_from(substr(leaf, rest), 'UTF8');
    part   text COLLATE "C";
    field  text COLLATE "C";
    before text COLLATE "C";
    pieces text[];
BEGIN
    IF more !~ actor OR tail !~ others THEN
        RETURN false;
    END IF;
    -- No word holds a quotation mark, so what they divide is a word in every second piece, and no field's name is in a word.
    IF length(more) > 255 THEN
        FOREACH part IN ARRAY string_to_array(more, '"') LOOP
            IF length(part) > 255 THEN
                RETURN false;
            END IF;
        END LOOP;
    END IF;
    pieces := string_to_array(tail, '"');
    FOR i IN 2 .. array_length(pieces, 1) BY 2 LOOP
        part := pieces[i];
        IF pieces[i + 1] LIKE ':{%' THEN
            field := part; -- its object begins
            before := NULL;
        ELSIF pieces[i + 1] LIKE ':%' THEN
            -- Each key of these two once, in order.
            IF field IN ('details', 'commitments') THEN
                IF length(part) > 64 OR part <= before THEN
                    RETURN false;
                END IF;
            END IF;
            before := part;
            IF length(pieces[i + 1]) > 15 AND pieces[i + 1] ~ '[0-9]{16}' THEN
                RETURN false;
            END IF;
        ELSIF field = 'commitments' OR field = 'decision' AND before = 'input' THEN
            IF part !~ '^.{42}[AEIMQUYcgkosw048]=$' THEN
                RETURN false;
            END IF;
        ELSIF field IS DISTINCT FROM 'details' AND length(part) > 255 THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION sceau.is_coded(bytea, integer, integer, integer) IS 'Codes, ids, hashes and numbers only, spelled as the verifier wants them.';

-- +goose StatementBegin
CREATE FUNCTION sceau.continue_chain() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
-- Checks each new row, in the order in which they were inserted: that its number
-- is the next, that its hash is its leaf's, that its leaf begins, byte for byte, as
-- the head and the columns say, and that the rest is spelled as the verifier wants it:
-- a leaf that nobody can read would take its case, and every export, out of use. It
-- holds codes, ids, hashes and numbers; there is no room for a child's words.
DECLARE
    me     constant text := sceau.via();
    began  constant timestamptz := transaction_timestamp();
    head   record;
    e      record;
    at     text;
    start  bytea;  -- of the leaf, to the end of the actor's id or person
    what   bytea;  -- from the end of the actor to the end of the subject
    i      integer;
BEGIN
    SELECT h.seq, h.hash, h.at INTO head FROM sceau.log_head h FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the log has no origin yet' USING ERRCODE = 'SC004';
    END IF;

    -- Its subtransaction is one for all rows: it gives what is no JSON the same answer as all else.
    BEGIN
        FOR e IN SELECT * FROM added LOOP
            IF sceau.may_append(me, e.action) IS NOT TRUE THEN
                RAISE EXCEPTION '% may not append %', session_user, e.action USING ERRCODE = 'SC003';
            END IF;
            -- Under this transaction's lock, so not before it began; never ahead of the clock, unless the head already is.
            IF at IS NULL OR e.at <> head.at THEN
                IF (e.at = head.at OR e.at > head.at AND e.at >= began AND e.at <= clock_timestamp()) IS NOT TRUE THEN
                    RAISE EXCEPTION 'entry % is not of now', e.seq USING ERRCODE = 'SC001';
                END IF;
                at := to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
            END IF;
            start := convert_to(
                '{"v":1,"seq":' || head.seq || ',"at":"' || at || '","prev":"' || encode(head.hash, 'base64')
                || '","via":"' || me || '","actor":{"id":"' || e.actor_id || '"'
                || coalesce(',"person":"' || e.person_id || '"', ''), 'UTF8');
            what := convert_to(
                '},"action":"' || e.action || '"' || coalesce(',"case":"' || e.case_id || '"', '')
                || coalesce(',"subject":{"type":"' || e.subject_type || '","id":"' || e.subject_id || '"}', ''), 'UTF8');
            i := position('},"action":"'::bytea IN e.leaf);
            IF (
                e.seq = head.seq
                AND e.via = me
                AND e.hash = sha256('\x00'::bytea || e.leaf)
                AND substr(e.leaf, 1, length(start)) = start
                AND (e.person_id IS NOT NULL OR substr(e.leaf, length(start) + 1, 10) <> ',"person":')
                AND i > length(start)
                AND substr(e.leaf, i, length(what)) = what
                AND substr(e.leaf, i + length(what), 4) IN ('}', ',"gr', ',"de', ',"co')
                -- No id may hold what would end it early, or words.
                AND concat(e.actor_id, e.person_id, e.subject_type, e.subject_id) COLLATE "C" !~ '[^!#-[\]-~]'
                AND greatest(length(e.actor_id), length(e.person_id), length(e.subject_type), length(e.subject_id)) <= 256
                AND '' NOT IN (e.actor_id, coalesce(e.person_id, '-'), coalesce(e.subject_type, '-'), coalesce(e.subject_id, '-'))
                -- One line of an export.
                AND position('\x0a'::bytea IN e.leaf) = 0
                AND (sceau.may_decide(e.action) OR position('"decision"'::bytea IN e.leaf) = 0)
                AND convert_from(e.leaf, 'UTF8')::json IS NOT NULL -- an error when it is none: see the end
            ) IS NOT TRUE THEN
                RAISE EXCEPTION 'entry % does not continue the log at %', e.seq, head.seq
                    USING ERRCODE = 'SC001', DETAIL = 'Its number, hash, previous hash, via or columns are not those of its leaf and of the head.';
            END IF;
            IF sceau.is_coded(e.leaf, length(start) + 1, i, i + length(what)) IS NOT TRUE THEN
                RAISE EXCEPTION 'entry % holds more than codes, ids, hashes and numbers', e.seq USING ERRCODE = 'SC001';
            END IF;
            -- What happens to a case once, and would make its history impossible a second time.
            IF e.action IN ('conversation.opened', 'key.created') THEN
                IF e.case_id IS NULL OR EXISTS (
                    SELECT FROM sceau.entries o
                    WHERE o.case_id = e.case_id AND o.seq < e.seq AND o.action = e.action AND o.subject_id IS NOT DISTINCT FROM e.subject_id
                ) THEN
                    RAISE EXCEPTION 'entry % is a second % of its case', e.seq, e.action USING ERRCODE = 'SC001';
                END IF;
            END IF;
            head.seq := head.seq + 1;
            head.hash := e.hash;
            head.at := e.at;
        END LOOP;
    EXCEPTION WHEN invalid_text_representation OR character_not_in_repertoire OR untranslatable_character THEN
        RAISE EXCEPTION 'entry % is not a JSON object in UTF-8', e.seq USING ERRCODE = 'SC001';
    END;

    UPDATE sceau.log_head h SET seq = head.seq, hash = head.hash, at = head.at;
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER continue_chain AFTER INSERT ON sceau.entries
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION sceau.continue_chain();
ALTER TABLE sceau.entries ENABLE ALWAYS TRIGGER continue_chain;

-- +goose StatementBegin
CREATE FUNCTION sceau.refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the log is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'SC002';
END $$;
-- +goose StatementEnd

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sceau.entries
    FOR EACH STATEMENT EXECUTE FUNCTION sceau.refuse();
ALTER TABLE sceau.entries ENABLE ALWAYS TRIGGER append_only;

-- The UPDATE that moves the head comes from inside the trigger of sceau.entries (depth 1), any other from outside.
CREATE TRIGGER moved_by_entries_only BEFORE UPDATE ON sceau.log_head
    FOR EACH ROW WHEN (pg_trigger_depth() < 1) EXECUTE FUNCTION sceau.refuse();
ALTER TABLE sceau.log_head ENABLE ALWAYS TRIGGER moved_by_entries_only;
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON sceau.log_head
    FOR EACH STATEMENT EXECUTE FUNCTION sceau.refuse();
ALTER TABLE sceau.log_head ENABLE ALWAYS TRIGGER never_removed;

-- Partitions --------------------------------------------------------------------

-- +goose StatementBegin
CREATE FUNCTION sceau.ensure_partition() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
-- Makes the partition of the next entry and the one after it.
DECLARE
    size constant bigint := 1 << 20;
    head bigint;
    low  bigint;
    name text;
BEGIN
    -- The head's lock first, as every append does: taken after the table's it could deadlock with one.
    SELECT seq INTO head FROM sceau.log_head FOR UPDATE;
    FOR low IN SELECT (coalesce(head, 0) / size + ahead) * size FROM generate_series(0, 1) ahead LOOP
        name := 'entries_' || to_char(low / size, 'FM0000000');
        CONTINUE WHEN to_regclass('sceau.' || name) IS NOT NULL;
        -- Attaching waits for no reader and no writer; CREATE TABLE ... PARTITION OF would wait for all.
        EXECUTE format('CREATE TABLE sceau.%I (LIKE sceau.entries INCLUDING DEFAULTS INCLUDING CONSTRAINTS,'
            ' CONSTRAINT seq_in_range CHECK (seq >= %s AND seq < %s))', name, low, low + size);
        EXECUTE format('ALTER TABLE sceau.entries ATTACH PARTITION sceau.%I FOR VALUES FROM (%s) TO (%s)', name, low, low + size);
        EXECUTE format('ALTER TABLE sceau.%I DROP CONSTRAINT seq_in_range', name);
        -- Statement triggers of the parent do not fire for a statement that names the partition.
        EXECUTE format('CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON sceau.%I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION sceau.refuse()', name);
        EXECUTE format('ALTER TABLE sceau.%I ENABLE ALWAYS TRIGGER append_only', name);
    END LOOP;
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION sceau.ensure_partition() IS 'Any process may call it, at any time: it does what is missing and nothing else.';
SELECT sceau.ensure_partition();

-- +goose StatementBegin
CREATE FUNCTION sceau.init_log(origin text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present text;
BEGIN
    INSERT INTO sceau.log_head (origin, seq, hash, at)
    VALUES (init_log.origin, 0, sha256(convert_to(E'sceau.log/v1\n' || init_log.origin || E'\n', 'UTF8')), 'epoch')
    ON CONFLICT (one) DO NOTHING;
    SELECT h.origin INTO present FROM sceau.log_head h;
    IF present <> init_log.origin THEN
        RAISE EXCEPTION 'this log is %, it cannot become %', present, init_log.origin USING ERRCODE = 'SC004';
    END IF;
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION sceau.init_log(text) IS 'Gives the log its origin, once. The owner''s alone.';

-- Reading -----------------------------------------------------------------------

-- +goose StatementBegin
CREATE FUNCTION sceau.entries_of_case(of uuid, first bigint) RETURNS SETOF sceau.entries
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
SELECT * FROM sceau.entries WHERE case_id = of AND seq >= first ORDER BY seq
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION sceau.entries_of_case(uuid, bigint) IS 'One case''s entries, in order.';

-- Openings are written with their entry, never put beside an old one.
-- +goose StatementBegin
CREATE FUNCTION sceau.opened_with_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stray bigint;
BEGIN
    SELECT min(n.seq) INTO stray FROM added n
    LEFT JOIN sceau.entries e ON e.seq = n.seq AND e.xmin = pg_current_xact_id()::xid AND e.case_id IS NOT DISTINCT FROM n.case_id
    WHERE e.seq IS NULL;
    IF stray IS NOT NULL THEN
        RAISE EXCEPTION 'an opening of entry % comes without its entry', stray USING ERRCODE = 'SC001';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER opened_with_entry AFTER INSERT ON sceau.openings
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION sceau.opened_with_entry();
ALTER TABLE sceau.openings ENABLE ALWAYS TRIGGER opened_with_entry;

-- They are erased with an entry that says so, and not otherwise.
-- +goose StatementBegin
CREATE FUNCTION sceau.erased_with_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM sceau.entries e
        WHERE e.action = 'openings.erased' AND e.case_id IS NOT DISTINCT FROM OLD.case_id AND e.seq > OLD.seq
          AND e.xmin = pg_current_xact_id()::xid
    ) THEN
        RAISE EXCEPTION 'the openings of entry % are erased without an entry', OLD.seq USING ERRCODE = 'SC001';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER erased_with_entry AFTER DELETE ON sceau.openings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.erased_with_entry();
ALTER TABLE sceau.openings ENABLE ALWAYS TRIGGER erased_with_entry;

-- Privileges --------------------------------------------------------------------

ALTER TABLE sceau.idempotency ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_answers ON sceau.idempotency USING (via = sceau.via()) WITH CHECK (via = sceau.via());
-- A repeat within the hour must never be done twice: not even a process that asks nobody forgets what it answered.
CREATE POLICY kept_for_an_hour ON sceau.idempotency AS RESTRICTIVE FOR DELETE USING (at < clock_timestamp() - interval '1 hour');

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA sceau FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sceau.lock_head(), sceau.ensure_partition(), sceau.via()
    TO sceau_public, sceau_staff, sceau_custodian, sceau_operator;
GRANT EXECUTE ON FUNCTION sceau.entries_of_case(uuid, bigint) TO sceau_staff, sceau_custodian, sceau_operator;

GRANT INSERT ON sceau.entries, sceau.openings, sceau.idempotency
    TO sceau_public, sceau_staff, sceau_custodian, sceau_operator;
GRANT SELECT ON sceau.log_head, sceau.idempotency
    TO sceau_public, sceau_staff, sceau_custodian, sceau_operator;
-- Enough to learn whether an entry of one's own was committed, when the answer was lost.
GRANT SELECT (seq, hash) ON sceau.entries TO sceau_public;
GRANT SELECT ON sceau.entries TO sceau_staff, sceau_custodian, sceau_operator;
GRANT SELECT ON sceau.openings TO sceau_staff, sceau_custodian, sceau_operator;
GRANT DELETE ON sceau.openings TO sceau_custodian;
-- Answers are kept for as long as a client may ask again, and no longer.
GRANT DELETE ON sceau.idempotency TO sceau_public, sceau_staff, sceau_custodian, sceau_operator;
