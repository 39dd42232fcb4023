-- +goose Up

-- The state of the service: ciphertext, and projections of the log for queries.
-- What a projection says is never trusted by the custodian, which folds the log.
-- Least privilege: each face holds the columns its work needs, and no row that
-- grants access (recipient, token, phrase) can be written by a face after the fact.

-- Cases and their public recipients -----------------------------------------

CREATE TABLE sceau.cases (
    case_id              uuid PRIMARY KEY,
    transcript_recipient text   NOT NULL,
    identity_recipient   text   NOT NULL,
    transcript_seq       bigint NOT NULL,
    identity_seq         bigint NOT NULL,
    transcript_signature bytea CHECK (length(transcript_signature) = 64),
    identity_signature   bytea CHECK (length(identity_signature) = 64),
    reserved_until       timestamptz,
    opened               boolean NOT NULL DEFAULT false,
    transcript_destroyed_seq bigint,
    identity_destroyed_seq   bigint
);
COMMENT ON TABLE sceau.cases IS 'Ready and opened cases. Made by the custodian only; recipients are never updated by anyone.';
COMMENT ON COLUMN sceau.cases.transcript_seq IS 'The key.created entry whose details.recipient is the SHA-256 of transcript_recipient.';
COMMENT ON COLUMN sceau.cases.transcript_signature IS 'Ed25519, by the custodian''s key in Vault, over case, class and recipient; the faces seal to nothing without it.';
COMMENT ON COLUMN sceau.cases.reserved_until IS 'A face that opens a conversation holds the case until then, so that sealing happens outside the head lock.';
COMMENT ON COLUMN sceau.cases.transcript_destroyed_seq IS 'The key.destroyed entry; NULL while the key exists.';
CREATE INDEX cases_ready ON sceau.cases (transcript_seq) WHERE NOT opened;

CREATE TABLE sceau.conversations (
    case_id      uuid PRIMARY KEY REFERENCES sceau.cases,
    number       bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    topic        text NOT NULL,
    state        text NOT NULL DEFAULT 'waiting',
    opened_at    timestamptz NOT NULL,
    opened_seq   bigint NOT NULL,
    closed_at    timestamptz,
    closed_seq   bigint,
    token_sha256 bytea NOT NULL UNIQUE,
    messages     integer NOT NULL DEFAULT 0,
    head         bytea NOT NULL DEFAULT sha256(''),
    CONSTRAINT state_known CHECK (state IN ('waiting', 'active', 'closed')),
    CONSTRAINT closed_has_entry CHECK ((state = 'closed') = (closed_at IS NOT NULL)
        AND (closed_at IS NULL) = (closed_seq IS NULL)),
    CONSTRAINT token_is_a_hash CHECK (octet_length(token_sha256) = 32),
    CONSTRAINT head_is_a_hash CHECK (octet_length(head) = 32),
    CONSTRAINT messages_bounded CHECK (messages BETWEEN 0 AND 100000)
);
COMMENT ON TABLE sceau.conversations IS 'One conversation, and the head of its message chain. The row lock orders its messages.';
COMMENT ON COLUMN sceau.conversations.number IS 'What NOTIFY carries: a number that means nothing outside this database.';
COMMENT ON COLUMN sceau.conversations.messages IS 'How many there are. It and head are moved by the trigger on sceau.messages alone.';
COMMENT ON COLUMN sceau.conversations.token_sha256 IS 'Hash of the first conversation token, written once when the conversation opens.';
CREATE INDEX conversations_waiting ON sceau.conversations (opened_seq) WHERE state = 'waiting';
CREATE INDEX conversations_by_age ON sceau.conversations (opened_at);

CREATE TABLE sceau.messages (
    case_id    uuid NOT NULL REFERENCES sceau.conversations,
    position   integer NOT NULL,
    author     text NOT NULL,
    staff_id   text,
    at         timestamptz NOT NULL,
    ciphertext bytea NOT NULL,
    chain      bytea NOT NULL,
    client_key bytea,
    body_mac   bytea,
    PRIMARY KEY (case_id, position),
    CONSTRAINT client_key_once UNIQUE (case_id, client_key),
    CONSTRAINT author_known CHECK (author IN ('service', 'minor', 'agent', 'psychologist')),
    CONSTRAINT staff_has_an_id CHECK ((author IN ('agent', 'psychologist')) = (staff_id IS NOT NULL)),
    CONSTRAINT position_not_negative CHECK (position >= 0),
    CONSTRAINT ciphertext_bounded CHECK (octet_length(ciphertext) BETWEEN 100 AND 65536),
    CONSTRAINT chain_is_a_hash CHECK (octet_length(chain) = 32),
    CONSTRAINT key_with_mac CHECK ((client_key IS NULL) = (body_mac IS NULL))
);
COMMENT ON TABLE sceau.messages IS 'Each message is its own age file. Position 0 is the postal code, by the service.';
COMMENT ON COLUMN sceau.messages.client_key IS 'Hash of the Idempotency-Key that posted it.';
COMMENT ON COLUMN sceau.messages.body_mac IS 'MAC of the text under a key derived from the Idempotency-Key, which is stored nowhere: tells a repeat from a reuse.';

CREATE TABLE sceau.facets (
    case_id    uuid NOT NULL REFERENCES sceau.conversations,
    facet      text NOT NULL,
    number     integer NOT NULL,
    ciphertext bytea NOT NULL,
    sealed_seq bigint NOT NULL,
    PRIMARY KEY (case_id, facet, number),
    CONSTRAINT facet_known CHECK (facet IN ('connection', 'name', 'contact', 'location')),
    CONSTRAINT number_not_negative CHECK (number >= 0),
    CONSTRAINT ciphertext_bounded CHECK (octet_length(ciphertext) BETWEEN 100 AND 65536)
);
COMMENT ON TABLE sceau.facets IS 'Sealed identity facets; the identity.sealed entry at sealed_seq holds the SHA-256 of the header.';

-- Access of the minor ---------------------------------------------------------

CREATE TABLE sceau.tokens (
    token_sha256 bytea PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES sceau.conversations,
    minted_at    timestamptz NOT NULL,
    CONSTRAINT token_is_a_hash CHECK (octet_length(token_sha256) = 32)
);
COMMENT ON TABLE sceau.tokens IS 'Tokens minted on return with a recovery phrase, by the custodian alone.';

CREATE TABLE sceau.phrases (
    case_id   uuid PRIMARY KEY REFERENCES sceau.conversations,
    hmac      text NOT NULL UNIQUE,
    binding   text NOT NULL,
    issued_at timestamptz NOT NULL
);
COMMENT ON TABLE sceau.phrases IS 'HMAC of the recovery phrase under a pepper that never leaves Vault; a new phrase replaces the old.';
COMMENT ON COLUMN sceau.phrases.binding IS 'HMAC of phrase and case: a phrase of one''s own, moved to another case''s row, opens nothing.';

-- Staff -----------------------------------------------------------------------

CREATE TABLE sceau.persons (
    person_id text PRIMARY KEY,
    issuer    text NOT NULL,
    claim     text NOT NULL,
    UNIQUE (issuer, claim)
);
COMMENT ON TABLE sceau.persons IS 'One human. Insert only: an account cannot be made to look like another person later.';

CREATE TABLE sceau.units (
    unit_id text PRIMARY KEY,
    issuer  text NOT NULL,
    claim   text NOT NULL,
    UNIQUE (issuer, claim)
);

CREATE TABLE sceau.staff (
    staff_id  text PRIMARY KEY,
    issuer    text NOT NULL,
    subject   text NOT NULL,
    person_id text NOT NULL REFERENCES sceau.persons,
    unit_id   text REFERENCES sceau.units,
    name      text NOT NULL DEFAULT '',
    UNIQUE (issuer, subject)
);
COMMENT ON TABLE sceau.staff IS 'Random ids of accounts. Names live here, erasable, and never in a leaf.';

CREATE TABLE sceau.staff_sessions (
    session_id    text PRIMARY KEY,
    issuer        text NOT NULL,
    sid_sha256    bytea NOT NULL,
    staff_id      text NOT NULL REFERENCES sceau.staff,
    role          text NOT NULL,
    signed_in_seq bigint NOT NULL,
    last_seen_at  timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz,
    UNIQUE (issuer, sid_sha256),
    CONSTRAINT role_known CHECK (role IN ('agent', 'psychologist', 'supervisor', 'inspector', 'privacy_officer'))
);
CREATE INDEX staff_sessions_of ON sceau.staff_sessions (staff_id) WHERE ended_at IS NULL;
CREATE INDEX staff_sessions_seen ON sceau.staff_sessions (last_seen_at) WHERE ended_at IS NULL;
COMMENT ON TABLE sceau.staff_sessions IS 'One session has one role: switching role is signing in again.';

CREATE TABLE sceau.suspensions (
    person_id     text NOT NULL REFERENCES sceau.persons,
    suspended_seq bigint NOT NULL,
    restored_seq  bigint,
    PRIMARY KEY (person_id, suspended_seq),
    CONSTRAINT restored_after_suspending CHECK (restored_seq > suspended_seq)
);
COMMENT ON TABLE sceau.suspensions IS 'Projection: humans who may do nothing, under any of their accounts.';
CREATE UNIQUE INDEX one_suspension_at_a_time ON sceau.suspensions (person_id) WHERE restored_seq IS NULL;

CREATE TABLE sceau.on_call (
    staff_id text PRIMARY KEY REFERENCES sceau.staff,
    role     text NOT NULL,
    until    timestamptz NOT NULL,
    CONSTRAINT role_known CHECK (role IN ('agent', 'psychologist', 'supervisor', 'inspector', 'privacy_officer'))
);
COMMENT ON TABLE sceau.on_call IS 'Who can be called though not signed in. It opens nothing: it only tells whether there is somebody to ask.';

CREATE TABLE sceau.participants (
    case_id    uuid NOT NULL REFERENCES sceau.conversations,
    staff_id   text NOT NULL REFERENCES sceau.staff,
    person_id  text NOT NULL REFERENCES sceau.persons,
    role       text NOT NULL,
    joined_seq bigint NOT NULL,
    left_seq   bigint,
    PRIMARY KEY (case_id, staff_id, joined_seq),
    CONSTRAINT role_joins CHECK (role IN ('agent', 'psychologist')),
    CONSTRAINT left_after_joining CHECK (left_seq > joined_seq)
);
COMMENT ON TABLE sceau.participants IS 'Projection: who is, and who was, in a conversation.';
CREATE UNIQUE INDEX one_agent_at_a_time ON sceau.participants (case_id) WHERE role = 'agent' AND left_seq IS NULL;
CREATE INDEX participants_of ON sceau.participants (staff_id) WHERE left_seq IS NULL;

-- Consents, opinions, erasures, holds -----------------------------------------

CREATE TABLE sceau.consents (
    consent_id    uuid PRIMARY KEY,
    case_id       uuid NOT NULL REFERENCES sceau.conversations,
    facets        text NOT NULL,
    words         bytea NOT NULL,
    given_at      timestamptz NOT NULL,
    given_seq     bigint NOT NULL,
    withdrawn_seq bigint,
    CONSTRAINT facets_listed CHECK (facets ~ '^[a-z]+(,[a-z]+)*$'),
    CONSTRAINT words_bounded CHECK (octet_length(words) BETWEEN 100 AND 65536),
    CONSTRAINT withdrawn_after_giving CHECK (withdrawn_seq > given_seq),
    CONSTRAINT consent_of_its_case UNIQUE (consent_id, case_id)
);
COMMENT ON TABLE sceau.consents IS 'A young person''s own words, sealed to the transcript key; their header is bound by consent.given.';
CREATE INDEX consents_of ON sceau.consents (case_id);

CREATE TABLE sceau.opinions (
    opinion_id   uuid PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES sceau.conversations,
    staff_id     text NOT NULL REFERENCES sceau.staff,
    opinion      text NOT NULL,
    note         bytea NOT NULL,
    recorded_at  timestamptz NOT NULL,
    recorded_seq bigint NOT NULL,
    CONSTRAINT opinion_coded CHECK (opinion IN ('danger', 'no_danger')),
    CONSTRAINT note_bounded CHECK (octet_length(note) BETWEEN 100 AND 65536)
);
COMMENT ON TABLE sceau.opinions IS 'What a psychologist thinks, coded; why, sealed to the transcript key.';
CREATE INDEX opinions_of ON sceau.opinions (case_id);

CREATE TABLE sceau.erasures (
    erasure_id    uuid PRIMARY KEY,
    case_id       uuid NOT NULL REFERENCES sceau.conversations,
    requested_at  timestamptz NOT NULL,
    requested_seq bigint NOT NULL,
    verdict       text,
    reason        text,
    decided_at    timestamptz,
    decided_seq   bigint,
    destroyed_seq bigint,
    CONSTRAINT verdict_known CHECK (verdict IN ('granted', 'refused')),
    CONSTRAINT decided_has_entry CHECK ((verdict IS NULL) = (decided_seq IS NULL) AND (verdict IS NULL) = (decided_at IS NULL)),
    CONSTRAINT destroyed_after_granting CHECK (destroyed_seq IS NULL OR verdict = 'granted' AND destroyed_seq > decided_seq)
);
COMMENT ON COLUMN sceau.erasures.destroyed_seq IS 'The entry with which the custodian carried it out; NULL until then. It only keeps the custodian from looking again.';
CREATE UNIQUE INDEX one_erasure_at_a_time ON sceau.erasures (case_id) WHERE verdict IS NULL;
CREATE INDEX erasures_of ON sceau.erasures (case_id);
CREATE INDEX erasures_to_carry_out ON sceau.erasures (case_id) WHERE verdict = 'granted' AND destroyed_seq IS NULL;

CREATE TABLE sceau.holds (
    hold_id    uuid PRIMARY KEY,
    case_id    uuid NOT NULL REFERENCES sceau.conversations,
    reason     text NOT NULL,
    set_at     timestamptz NOT NULL,
    set_seq    bigint NOT NULL,
    lifted_at  timestamptz,
    lifted_seq bigint,
    CONSTRAINT lifted_after_setting CHECK (lifted_seq > set_seq),
    CONSTRAINT lifted_has_entry CHECK ((lifted_at IS NULL) = (lifted_seq IS NULL))
);
COMMENT ON TABLE sceau.holds IS 'While one stands, nothing of the case is destroyed.';
CREATE INDEX holds_of ON sceau.holds (case_id) WHERE lifted_seq IS NULL;

-- Escalations -----------------------------------------------------------------

CREATE TABLE sceau.escalations (
    escalation_id    uuid PRIMARY KEY,
    case_id          uuid NOT NULL REFERENCES sceau.conversations,
    requester_id     text NOT NULL REFERENCES sceau.staff,
    requester_person text NOT NULL REFERENCES sceau.persons,
    ground           text NOT NULL,
    state            text NOT NULL,
    requested_at     timestamptz NOT NULL,
    deadline         timestamptz,
    last_seq         bigint NOT NULL,
    consent_id       uuid,
    widen_at         timestamptz,
    break_glass_from timestamptz,
    review_by        timestamptz,
    review           text,
    tell_by          timestamptz,
    opens_until      timestamptz,
    awaits           text[] NOT NULL DEFAULT '{}',
    CONSTRAINT state_known CHECK (state IN ('requested', 'refused', 'approved', 'denied', 'withdrawn', 'expired',
        'glass_broken', 'released', 'revoked', 'closed', 'void')),
    CONSTRAINT open_has_a_deadline CHECK ((state IN ('requested', 'approved', 'glass_broken', 'released')) = (deadline IS NOT NULL)),
    CONSTRAINT review_known CHECK (review IN ('confirmed', 'abusive')),
    CONSTRAINT consent_has_its_ground CHECK ((consent_id IS NULL) OR ground = 'consent'),
    -- A row of another case, planted there, would keep a minor from taking the consent back.
    CONSTRAINT consent_is_of_the_case FOREIGN KEY (consent_id, case_id) REFERENCES sceau.consents (consent_id, case_id)
);
COMMENT ON TABLE sceau.escalations IS 'Projection for queues and the sweeper. What was asked and granted is in the log, which is folded to decide.';
COMMENT ON COLUMN sceau.escalations.deadline IS 'The one deadline of the present state: answer by, use by, or readable until. Past when deadline < at.';
COMMENT ON COLUMN sceau.escalations.widen_at IS 'When every supervisor is called, if nobody has answered; NULL once they were.';
COMMENT ON COLUMN sceau.escalations.break_glass_from IS 'From when the glass may be broken; NULL when never.';
COMMENT ON COLUMN sceau.escalations.review_by IS 'Until when a broken glass must be reviewed; kept after, beside review.';
COMMENT ON COLUMN sceau.escalations.tell_by IS 'When the minor must be told next; NULL when nothing is due.';
COMMENT ON COLUMN sceau.escalations.opens_until IS 'The last moment at which it could open something; NULL when it cannot. What is released never ends by itself: this passes.';
COMMENT ON COLUMN sceau.escalations.awaits IS 'The roles of which an answer is still missing.';
COMMENT ON COLUMN sceau.escalations.last_seq IS 'The entry that made this row what it is.';
-- What is released has no end of its own and is most of the table: it is not in this one.
CREATE INDEX escalations_open ON sceau.escalations (deadline) WHERE state IN ('requested', 'approved', 'glass_broken');
CREATE INDEX escalations_opening ON sceau.escalations (opens_until) WHERE opens_until IS NOT NULL;
CREATE INDEX escalations_of_case ON sceau.escalations (case_id);
CREATE INDEX escalations_of_consent ON sceau.escalations (consent_id) WHERE consent_id IS NOT NULL;
CREATE INDEX escalations_to_review ON sceau.escalations (review_by) WHERE review_by IS NOT NULL AND review IS NULL;
CREATE INDEX escalations_to_tell ON sceau.escalations (tell_by) WHERE tell_by IS NOT NULL;
CREATE INDEX escalations_by ON sceau.escalations (requester_id, last_seq DESC);

CREATE TABLE sceau.narratives (
    escalation_id uuid PRIMARY KEY,
    case_id       uuid NOT NULL REFERENCES sceau.conversations,
    ciphertext    bytea NOT NULL,
    CONSTRAINT ciphertext_bounded CHECK (octet_length(ciphertext) BETWEEN 100 AND 65536)
);
COMMENT ON TABLE sceau.narratives IS 'Why an agent asks, in their words: sealed to the transcript key; its header is bound by escalation.requested.';

CREATE TABLE sceau.policy_bundles (
    revision text PRIMARY KEY,
    bundle   bytea NOT NULL,
    CONSTRAINT revision_names_the_bytes CHECK (revision = 'sha256:' || encode(sha256(bundle), 'hex'))
);
COMMENT ON TABLE sceau.policy_bundles IS 'Exact bytes of every bundle that was ever activated; which one is in force, and who signed it, is an entry.';

-- No state without its entry ---------------------------------------------------

-- +goose StatementBegin
CREATE FUNCTION sceau.entry_behind() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
-- TG_ARGV: the column that names the entry, and a pattern of actions that may stand behind it.
-- The entry must be of the same case, written by this very transaction, and say of
-- the row what the row says: so a process that skips the log cannot point a changed
-- row at an old entry, nor at one about something or somebody else.
DECLARE
    row   constant jsonb := to_jsonb(NEW);
    entry record;
BEGIN
    IF TG_OP = 'UPDATE' AND row = to_jsonb(OLD) THEN
        RETURN NULL;
    END IF;
    SELECT e.action, e.actor_id, e.person_id, e.subject_type, e.subject_id, convert_from(e.leaf, 'UTF8')::jsonb AS leaf
    INTO entry
    FROM sceau.entries e
    WHERE e.seq = (row ->> TG_ARGV[0])::bigint
      AND e.action ~ TG_ARGV[1]
      AND e.case_id::text IS NOT DISTINCT FROM row ->> 'case_id'
      AND e.xmin = pg_current_xact_id()::xid;
    IF NOT FOUND OR (CASE TG_TABLE_NAME
        WHEN 'cases' THEN
            entry.subject_type = 'key' AND TG_ARGV[0] IN (entry.subject_id || '_seq', entry.subject_id || '_destroyed_seq')
        WHEN 'conversations' THEN
            entry.action = 'conversation.closed' AND row ->> 'state' = 'closed'
            OR entry.action = 'conversation.opened' AND entry.leaf #>> '{details,token}' = 'sha256:' || substr(row ->> 'token_sha256', 3)
        WHEN 'facets' THEN
            entry.subject_type = 'facet' AND entry.subject_id = row ->> 'facet' AND entry.leaf #>> '{details,number}' = row ->> 'number'
        WHEN 'participants' THEN CASE
            WHEN TG_ARGV[0] = 'left_seq' THEN
                entry.actor_id = row ->> 'staff_id'
            WHEN entry.action = 'conversation.joined' THEN
                entry.actor_id = row ->> 'staff_id' AND entry.person_id = row ->> 'person_id' AND entry.leaf #>> '{actor,role}' = row ->> 'role'
            ELSE
                entry.leaf #>> '{details,to}' = row ->> 'staff_id' AND entry.leaf #>> '{details,to_person}' = row ->> 'person_id' AND row ->> 'role' = 'agent'
            END
        WHEN 'consents' THEN
            entry.subject_type = 'consent' AND entry.subject_id = row ->> 'consent_id'
            AND (TG_OP = 'UPDATE' OR entry.leaf #>> '{details,facets}' = row ->> 'facets')
        WHEN 'opinions' THEN
            entry.subject_type = 'opinion' AND entry.subject_id = row ->> 'opinion_id' AND entry.actor_id = row ->> 'staff_id'
            AND entry.leaf #>> '{details,opinion}' = row ->> 'opinion'
        WHEN 'erasures' THEN
            CASE WHEN TG_ARGV[0] = 'destroyed_seq' THEN entry.leaf #>> '{details,erasure}' = row ->> 'erasure_id'
            ELSE entry.subject_type = 'erasure' AND entry.subject_id = row ->> 'erasure_id' END
            AND (TG_ARGV[0] = 'destroyed_seq' OR TG_OP = 'INSERT' OR entry.leaf #>> '{details,verdict}' = row ->> 'verdict')
        WHEN 'holds' THEN
            entry.subject_type = 'hold' AND entry.subject_id = row ->> 'hold_id'
        WHEN 'suspensions' THEN
            entry.subject_type = 'person' AND entry.subject_id = row ->> 'person_id'
        WHEN 'escalations' THEN
            (entry.subject_type = 'escalation' AND entry.subject_id = row ->> 'escalation_id'
                OR entry.action = 'consent.withdrawn' AND entry.subject_id = row ->> 'consent_id' AND row ->> 'state' = 'closed')
            AND (TG_OP = 'UPDATE' OR entry.actor_id = row ->> 'requester_id' AND entry.person_id = row ->> 'requester_person')
            -- What a supervisor or policy answers is answered by an entry of that name.
            AND (TG_OP = 'UPDATE' AND row ->> 'state' = to_jsonb(OLD) ->> 'state'
                OR row ->> 'state' NOT IN ('approved', 'denied', 'withdrawn', 'refused', 'glass_broken', 'revoked')
                OR entry.action = 'escalation.' || (row ->> 'state')
                OR entry.action = 'identity.release_failed' AND row ->> 'state' IN ('approved', 'glass_broken'))
            AND (TG_OP = 'INSERT' OR row ->> 'review' IS NOT DISTINCT FROM to_jsonb(OLD) ->> 'review'
                OR entry.action = 'escalation.reviewed' AND entry.leaf #>> '{details,verdict}' = row ->> 'review')
            -- What is due stays due: no face takes a review, or telling the minor, out of the lists behind another entry.
            AND (TG_OP = 'INSERT' OR row ->> 'review_by' IS NOT DISTINCT FROM to_jsonb(OLD) ->> 'review_by'
                OR entry.action = 'escalation.glass_broken')
            AND (TG_OP = 'INSERT' OR row ->> 'tell_by' IS NOT NULL OR to_jsonb(OLD) ->> 'tell_by' IS NULL
                OR entry.action IN ('minor.told', 'identity.release_failed'))
        ELSE false
    END) IS NOT TRUE THEN
        RAISE EXCEPTION 'a change of % has no entry of its own in the log', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entry_behind';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION sceau.entry_behind() FROM PUBLIC;

-- Deferred: an effect writes its state before its batch of entries is copied.
CREATE CONSTRAINT TRIGGER transcript_key_has_entry AFTER INSERT ON sceau.cases DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('transcript_seq', '^key\.created$');
CREATE CONSTRAINT TRIGGER identity_key_has_entry AFTER INSERT ON sceau.cases DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('identity_seq', '^key\.created$');
CREATE CONSTRAINT TRIGGER opening_has_entry AFTER INSERT ON sceau.conversations DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('opened_seq', '^conversation\.opened$');
CREATE CONSTRAINT TRIGGER closing_has_entry AFTER UPDATE OF state, closed_seq ON sceau.conversations DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state = 'closed' OR OLD.state = 'closed')
    EXECUTE FUNCTION sceau.entry_behind('closed_seq', '^conversation\.closed$');
CREATE CONSTRAINT TRIGGER sealing_has_entry AFTER INSERT ON sceau.facets DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('sealed_seq', '^identity\.sealed$');
CREATE CONSTRAINT TRIGGER joining_has_entry AFTER INSERT ON sceau.participants DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('joined_seq', '^conversation\.(joined|handed_over)$');
CREATE CONSTRAINT TRIGGER leaving_has_entry AFTER UPDATE ON sceau.participants DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('left_seq', '^conversation\.handed_over$');
CREATE CONSTRAINT TRIGGER escalation_has_entry AFTER INSERT OR UPDATE ON sceau.escalations DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('last_seq', '^(escalation\.|identity\.release|minor\.told$|consent\.withdrawn$)');
CREATE CONSTRAINT TRIGGER transcript_destroyed_has_entry AFTER UPDATE ON sceau.cases DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.transcript_destroyed_seq IS DISTINCT FROM OLD.transcript_destroyed_seq)
    EXECUTE FUNCTION sceau.entry_behind('transcript_destroyed_seq', '^key\.destroyed$');
CREATE CONSTRAINT TRIGGER identity_destroyed_has_entry AFTER UPDATE ON sceau.cases DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.identity_destroyed_seq IS DISTINCT FROM OLD.identity_destroyed_seq)
    EXECUTE FUNCTION sceau.entry_behind('identity_destroyed_seq', '^key\.destroyed$');
CREATE CONSTRAINT TRIGGER giving_has_entry AFTER INSERT ON sceau.consents DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('given_seq', '^consent\.given$');
CREATE CONSTRAINT TRIGGER withdrawing_has_entry AFTER UPDATE ON sceau.consents DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('withdrawn_seq', '^consent\.withdrawn$');
CREATE CONSTRAINT TRIGGER opinion_has_entry AFTER INSERT ON sceau.opinions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('recorded_seq', '^opinion\.recorded$');
CREATE CONSTRAINT TRIGGER erasure_has_entry AFTER INSERT ON sceau.erasures DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('requested_seq', '^erasure\.requested$');
CREATE CONSTRAINT TRIGGER erasure_decided_has_entry AFTER UPDATE ON sceau.erasures DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (to_jsonb(NEW) - 'destroyed_seq' IS DISTINCT FROM to_jsonb(OLD) - 'destroyed_seq')
    EXECUTE FUNCTION sceau.entry_behind('decided_seq', '^erasure\.decided$');
CREATE CONSTRAINT TRIGGER erasure_destroyed_has_entry AFTER UPDATE ON sceau.erasures DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.destroyed_seq IS DISTINCT FROM OLD.destroyed_seq)
    EXECUTE FUNCTION sceau.entry_behind('destroyed_seq', '^(key\.destroyed|openings\.erased)$');
CREATE CONSTRAINT TRIGGER hold_has_entry AFTER INSERT ON sceau.holds DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('set_seq', '^hold\.set$');
CREATE CONSTRAINT TRIGGER hold_lifted_has_entry AFTER UPDATE ON sceau.holds DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('lifted_seq', '^hold\.lifted$');
CREATE CONSTRAINT TRIGGER suspension_has_entry AFTER INSERT ON sceau.suspensions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('suspended_seq', '^staff\.suspended$');
CREATE CONSTRAINT TRIGGER restoring_has_entry AFTER UPDATE ON sceau.suspensions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.entry_behind('restored_seq', '^staff\.restored$');

-- What follows at once --------------------------------------------------------

-- +goose StatementBegin
CREATE FUNCTION sceau.consent_withdrawn() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
-- What rests on a consent that is taken back ends with it, in the same transaction:
-- the public face may not touch escalations, nor learn whether there are any.
BEGIN
    UPDATE sceau.escalations e SET state = 'closed', deadline = NULL, widen_at = NULL, opens_until = NULL, awaits = '{}', last_seq = NEW.withdrawn_seq
    WHERE e.consent_id = NEW.consent_id AND e.case_id = NEW.case_id AND e.state IN ('requested', 'approved', 'released');
    RETURN NULL;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION sceau.consent_withdrawn() FROM PUBLIC;
CREATE TRIGGER consent_withdrawn AFTER UPDATE OF withdrawn_seq ON sceau.consents
    FOR EACH ROW WHEN (OLD.withdrawn_seq IS NULL AND NEW.withdrawn_seq IS NOT NULL)
    EXECUTE FUNCTION sceau.consent_withdrawn();

-- +goose StatementBegin
CREATE FUNCTION sceau.person_suspended() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE sceau.staff_sessions s SET ended_at = clock_timestamp()
    FROM sceau.staff a WHERE a.staff_id = s.staff_id AND a.person_id = NEW.person_id AND s.ended_at IS NULL;
    DELETE FROM sceau.on_call o USING sceau.staff a WHERE a.staff_id = o.staff_id AND a.person_id = NEW.person_id;
    RETURN NULL;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION sceau.person_suspended() FROM PUBLIC;
CREATE TRIGGER person_suspended AFTER INSERT ON sceau.suspensions
    FOR EACH ROW EXECUTE FUNCTION sceau.person_suspended();

-- +goose StatementBegin
CREATE FUNCTION sceau.not_suspended() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM sceau.staff a JOIN sceau.suspensions s USING (person_id)
               WHERE a.staff_id = NEW.staff_id AND s.restored_seq IS NULL) THEN
        RAISE EXCEPTION 'this person is suspended'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'not_suspended';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION sceau.not_suspended() FROM PUBLIC;
CREATE TRIGGER not_suspended BEFORE INSERT ON sceau.staff_sessions FOR EACH ROW EXECUTE FUNCTION sceau.not_suspended();
CREATE TRIGGER not_suspended BEFORE INSERT OR UPDATE ON sceau.on_call FOR EACH ROW EXECUTE FUNCTION sceau.not_suspended();

-- +goose StatementBegin
CREATE FUNCTION sceau.waits_without_agent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
-- A conversation waits exactly while it has no agent. Who is its agent has an entry
-- behind it; so no child is taken out of the queue, or put back, without one.
BEGIN
    IF EXISTS (
        SELECT FROM sceau.conversations c
        WHERE c.case_id = NEW.case_id AND c.state <> 'closed'
          AND (c.state = 'active') <> EXISTS (
            SELECT FROM sceau.participants p WHERE p.case_id = c.case_id AND p.role = 'agent' AND p.left_seq IS NULL)
    ) THEN
        RAISE EXCEPTION 'a conversation waits exactly while it has no agent'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'waits_without_agent';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION sceau.waits_without_agent() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER waits_without_agent AFTER UPDATE OF state ON sceau.conversations DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.waits_without_agent();
CREATE CONSTRAINT TRIGGER waits_without_agent AFTER INSERT OR UPDATE ON sceau.participants DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.waits_without_agent();

-- +goose StatementBegin
CREATE FUNCTION sceau.one_way() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% does not go back', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION sceau.one_way() FROM PUBLIC;
CREATE TRIGGER closed_stays_closed BEFORE UPDATE ON sceau.conversations
    FOR EACH ROW WHEN (OLD.state = 'closed' AND (NEW.state, NEW.closed_at, NEW.closed_seq) IS DISTINCT FROM (OLD.state, OLD.closed_at, OLD.closed_seq))
    EXECUTE FUNCTION sceau.one_way();
CREATE TRIGGER opened_stays_opened BEFORE UPDATE ON sceau.cases
    FOR EACH ROW WHEN (OLD.opened AND (NEW.opened, NEW.reserved_until) IS DISTINCT FROM (OLD.opened, OLD.reserved_until))
    EXECUTE FUNCTION sceau.one_way();
CREATE TRIGGER destroyed_stays_destroyed BEFORE UPDATE ON sceau.cases
    FOR EACH ROW WHEN (OLD.transcript_destroyed_seq IS NOT NULL AND NEW.transcript_destroyed_seq IS NULL
        OR OLD.identity_destroyed_seq IS NOT NULL AND NEW.identity_destroyed_seq IS NULL)
    EXECUTE FUNCTION sceau.one_way();
CREATE TRIGGER withdrawn_stays_withdrawn BEFORE UPDATE ON sceau.consents
    FOR EACH ROW WHEN (OLD.withdrawn_seq IS NOT NULL AND NEW.withdrawn_seq IS DISTINCT FROM OLD.withdrawn_seq)
    EXECUTE FUNCTION sceau.one_way();
CREATE TRIGGER decided_stays_decided BEFORE UPDATE ON sceau.erasures
    FOR EACH ROW WHEN (OLD.destroyed_seq IS NOT NULL
        OR OLD.verdict IS NOT NULL AND to_jsonb(NEW) - 'destroyed_seq' IS DISTINCT FROM to_jsonb(OLD) - 'destroyed_seq')
    EXECUTE FUNCTION sceau.one_way();
CREATE TRIGGER lifted_stays_lifted BEFORE UPDATE ON sceau.holds
    FOR EACH ROW WHEN (OLD.lifted_seq IS NOT NULL) EXECUTE FUNCTION sceau.one_way();
CREATE TRIGGER reviewed_stays_reviewed BEFORE UPDATE ON sceau.escalations
    FOR EACH ROW WHEN (OLD.review IS NOT NULL AND NEW.review IS DISTINCT FROM OLD.review)
    EXECUTE FUNCTION sceau.one_way();
CREATE TRIGGER ended_stays_ended BEFORE UPDATE ON sceau.staff_sessions
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL) EXECUTE FUNCTION sceau.one_way();
CREATE TRIGGER left_stays_left BEFORE UPDATE ON sceau.participants
    FOR EACH ROW WHEN (OLD.left_seq IS NOT NULL AND NEW.left_seq IS DISTINCT FROM OLD.left_seq)
    EXECUTE FUNCTION sceau.one_way();

-- +goose StatementBegin
CREATE FUNCTION sceau.keys_of_case(of uuid) RETURNS SETOF sceau.entries
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
SELECT * FROM sceau.entries WHERE case_id = of AND action = 'key.created' ORDER BY seq
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION sceau.keys_of_case(uuid) IS 'What the public face may read of the log: whether a recipient is the one that the custodian made.';
REVOKE ALL ON FUNCTION sceau.keys_of_case(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sceau.keys_of_case(uuid) TO sceau_public, sceau_staff, sceau_custodian;

-- The chain of messages --------------------------------------------------------

-- +goose StatementBegin
CREATE FUNCTION sceau.start_messages() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.messages := 0;
    NEW.head := sha256(convert_to(E'sceau.messages/v1\n' || NEW.case_id || E'\n', 'UTF8'));
    RETURN NEW;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION sceau.start_messages() FROM PUBLIC;
CREATE TRIGGER start_messages BEFORE INSERT ON sceau.conversations
    FOR EACH ROW EXECUTE FUNCTION sceau.start_messages();

-- +goose StatementBegin
CREATE FUNCTION sceau.extend_messages() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
-- Adds a message to its conversation's chain, as conversation/chain.go describes it,
-- and to nothing else: a compromised face can write what nobody can open, as any
-- writer can, but it cannot leave a gap, take a place twice or record a false head.
DECLARE
    c record;
BEGIN
    -- A compromised public face cannot speak as an agent, nor a staff face as the child.
    IF (CASE session_user
        WHEN 'sceau_public' THEN NEW.author = CASE NEW.position WHEN 0 THEN 'service' ELSE 'minor' END
        WHEN 'sceau_staff' THEN NEW.author IN ('agent', 'psychologist') AND EXISTS (
            SELECT FROM sceau.participants p
            WHERE p.case_id = NEW.case_id AND p.staff_id = NEW.staff_id AND p.role = NEW.author AND p.left_seq IS NULL)
    END) IS NOT TRUE THEN
        RAISE EXCEPTION '% may not write as %', session_user, NEW.author
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT v.state, v.messages, v.head INTO c FROM sceau.conversations v WHERE v.case_id = NEW.case_id FOR UPDATE;
    IF (
        c.state <> 'closed'
        AND NOT EXISTS (SELECT FROM sceau.cases k WHERE k.case_id = NEW.case_id
            AND (k.transcript_destroyed_seq IS NOT NULL OR k.identity_destroyed_seq IS NOT NULL)) -- what nobody could open, of a child nobody could find
        AND NEW.position = c.messages
        AND NEW.chain = sha256(convert_to(E'sceau.messages/v1\n', 'UTF8') || int8send(NEW.position) || sha256(NEW.ciphertext) || c.head)
        AND substr(NEW.ciphertext, 1, 22) = '\x6167652d656e6372797074696f6e2e6f72672f76310a'::bytea -- "age-encryption.org/v1\n"
    ) IS NOT TRUE THEN
        RAISE EXCEPTION 'message % does not continue its conversation', NEW.position
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'extend_messages';
    END IF;
    IF NEW.position > 0 THEN -- the first is of the time of its entry
        NEW.at := clock_timestamp();
    END IF;
    UPDATE sceau.conversations v SET messages = NEW.position + 1, head = NEW.chain WHERE v.case_id = NEW.case_id;
    RETURN NEW;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION sceau.extend_messages() FROM PUBLIC;
CREATE TRIGGER extend_messages BEFORE INSERT ON sceau.messages
    FOR EACH ROW EXECUTE FUNCTION sceau.extend_messages();

-- +goose StatementBegin
CREATE FUNCTION sceau.postal_code_first() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM sceau.conversations c WHERE c.case_id = NEW.case_id AND c.messages = 0) THEN
        RAISE EXCEPTION 'a conversation begins with the postal code'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'postal_code_first';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION sceau.postal_code_first() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER postal_code_first AFTER INSERT ON sceau.conversations DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.postal_code_first();

-- Privileges -------------------------------------------------------------------

GRANT SELECT, UPDATE (reserved_until, opened) ON sceau.cases TO sceau_public;
GRANT SELECT ON sceau.cases TO sceau_staff, sceau_custodian;
GRANT INSERT, UPDATE (transcript_destroyed_seq, identity_destroyed_seq) ON sceau.cases TO sceau_custodian;

GRANT SELECT ON sceau.conversations TO sceau_public, sceau_staff, sceau_custodian;
GRANT INSERT (case_id, topic, opened_at, opened_seq, token_sha256) ON sceau.conversations TO sceau_public;
GRANT UPDATE (state, closed_at, closed_seq) ON sceau.conversations TO sceau_public, sceau_staff;

GRANT SELECT ON sceau.messages TO sceau_public, sceau_staff, sceau_custodian;
GRANT INSERT ON sceau.messages TO sceau_public, sceau_staff;

GRANT SELECT ON sceau.facets TO sceau_public, sceau_staff, sceau_custodian;
GRANT INSERT ON sceau.facets TO sceau_public;

GRANT SELECT ON sceau.tokens TO sceau_public, sceau_custodian;
GRANT INSERT ON sceau.tokens TO sceau_custodian;
GRANT SELECT, INSERT, UPDATE ON sceau.phrases TO sceau_custodian;

GRANT SELECT, INSERT ON sceau.persons, sceau.units, sceau.staff, sceau.staff_sessions TO sceau_staff;
GRANT UPDATE (ended_at, last_seen_at) ON sceau.staff_sessions TO sceau_staff;
GRANT SELECT ON sceau.persons, sceau.units, sceau.staff, sceau.staff_sessions TO sceau_custodian, sceau_operator;
GRANT SELECT ON sceau.suspensions TO sceau_staff, sceau_custodian, sceau_operator;
GRANT INSERT (person_id, suspended_seq), UPDATE (restored_seq) ON sceau.suspensions TO sceau_operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON sceau.on_call TO sceau_staff;

GRANT SELECT, INSERT (case_id, staff_id, person_id, role, joined_seq), UPDATE (left_seq) ON sceau.participants TO sceau_staff;
GRANT SELECT ON sceau.participants TO sceau_public;

GRANT SELECT, INSERT (consent_id, case_id, facets, words, given_at, given_seq), UPDATE (withdrawn_seq) ON sceau.consents TO sceau_public;
GRANT SELECT ON sceau.consents TO sceau_staff, sceau_custodian;
GRANT SELECT, INSERT ON sceau.opinions TO sceau_staff;
GRANT SELECT ON sceau.opinions TO sceau_custodian;
GRANT SELECT, INSERT (erasure_id, case_id, requested_at, requested_seq) ON sceau.erasures TO sceau_public;
GRANT SELECT ON sceau.erasures TO sceau_staff;
GRANT SELECT, INSERT (hold_id, case_id, reason, set_at, set_seq) ON sceau.holds TO sceau_staff;
-- What lets a case be destroyed is the custodian's to write: it verifies the officer's own token.
GRANT SELECT, UPDATE (verdict, reason, decided_at, decided_seq) ON sceau.erasures TO sceau_custodian;
GRANT SELECT, UPDATE (lifted_at, lifted_seq) ON sceau.holds TO sceau_custodian;
GRANT UPDATE (destroyed_seq) ON sceau.erasures TO sceau_custodian;

GRANT SELECT, INSERT ON sceau.escalations TO sceau_staff;
GRANT UPDATE (state, deadline, last_seq, widen_at, review_by, review, tell_by, opens_until, awaits) ON sceau.escalations TO sceau_staff;
GRANT UPDATE (state, deadline, last_seq, widen_at, review_by, tell_by, opens_until, awaits) ON sceau.escalations TO sceau_custodian;
GRANT SELECT ON sceau.escalations TO sceau_custodian;

GRANT SELECT, INSERT ON sceau.narratives TO sceau_staff;
GRANT SELECT ON sceau.narratives TO sceau_custodian;

GRANT SELECT ON sceau.policy_bundles TO sceau_staff, sceau_custodian, sceau_operator;
GRANT INSERT ON sceau.policy_bundles TO sceau_operator;

-- +goose Down
DROP TABLE sceau.policy_bundles, sceau.narratives, sceau.escalations, sceau.holds, sceau.erasures,
    sceau.opinions, sceau.consents, sceau.participants, sceau.on_call, sceau.suspensions, sceau.staff_sessions, sceau.staff, sceau.units, sceau.persons, sceau.phrases, sceau.tokens,
    sceau.facets, sceau.messages, sceau.conversations, sceau.cases;
DROP FUNCTION sceau.start_messages();
DROP FUNCTION sceau.extend_messages();
DROP FUNCTION sceau.postal_code_first();
DROP FUNCTION sceau.entry_behind();
DROP FUNCTION sceau.waits_without_agent();
DROP FUNCTION sceau.one_way();
DROP FUNCTION sceau.keys_of_case(uuid);
DROP FUNCTION sceau.consent_withdrawn();
DROP FUNCTION sceau.person_suspended();
DROP FUNCTION sceau.not_suspended();
