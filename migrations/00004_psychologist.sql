-- +goose Up

-- An agent asks a psychologist in. Until then a psychologist knows nothing of the
-- conversation: the asking is what shows it to them, so it is an entry.

CREATE OR REPLACE FUNCTION sceau.may_append(via text, action text) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN CASE via
    WHEN 'public' THEN action IN (
        'conversation.opened', 'conversation.closed', 'consent.given', 'consent.withdrawn',
        'identity.sealed', 'erasure.requested')
    WHEN 'staff' THEN action IN (
        'staff.signed_in', 'staff.signed_out', 'conversation.joined', 'conversation.handed_over', 'conversation.closed',
        'psychologist.asked',
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

CREATE TABLE sceau.psychologist_calls (
    call_id   uuid PRIMARY KEY,
    case_id   uuid NOT NULL REFERENCES sceau.conversations,
    staff_id  text NOT NULL REFERENCES sceau.staff,
    asked_at  timestamptz NOT NULL,
    asked_seq bigint NOT NULL
);
COMMENT ON TABLE sceau.psychologist_calls IS 'Conversations whose agent asked for a psychologist. One waits until a psychologist joins after asked_seq, or the conversation closes.';
CREATE INDEX psychologist_calls_of ON sceau.psychologist_calls (case_id, asked_seq);

-- +goose StatementBegin
CREATE FUNCTION sceau.call_has_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
-- Like sceau.entry_behind: an entry of this very transaction that says what the row says.
BEGIN
    IF NOT EXISTS (
        SELECT FROM sceau.entries e
        WHERE e.seq = NEW.asked_seq AND e.action = 'psychologist.asked' AND e.case_id = NEW.case_id
          AND e.subject_type = 'psychologist_call' AND e.subject_id = NEW.call_id::text AND e.actor_id = NEW.staff_id
          AND e.xmin = pg_current_xact_id()::xid
    ) THEN
        RAISE EXCEPTION 'a change of % has no entry of its own in the log', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entry_behind';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION sceau.call_has_entry() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER asking_has_entry AFTER INSERT ON sceau.psychologist_calls DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sceau.call_has_entry();

GRANT SELECT, INSERT ON sceau.psychologist_calls TO sceau_staff;

-- +goose Down
DROP TABLE sceau.psychologist_calls;
DROP FUNCTION sceau.call_has_entry();
CREATE OR REPLACE FUNCTION sceau.may_append(via text, action text) RETURNS boolean LANGUAGE sql IMMUTABLE
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
