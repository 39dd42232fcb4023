-- The login roles of the service, one per process that speaks to PostgreSQL.
-- Run by a superuser, on any database of the cluster, as often as one likes.
-- No password is set here: whoever provisions the cluster sets them.
--
-- sceau_owner migrates and owns the schema; no running process uses it. The name
-- of the other roles, without "sceau_", is the "via" of every entry they write.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['sceau_owner', 'sceau_public', 'sceau_staff', 'sceau_custodian', 'sceau_operator'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role);
        END IF;
        EXECUTE format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', role);
    END LOOP;

    -- A process that hangs while it holds the head of the log must not stop the others for long.
    FOREACH role IN ARRAY ARRAY['sceau_public', 'sceau_staff', 'sceau_custodian', 'sceau_operator'] LOOP
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', role, '10s');
        EXECUTE format('ALTER ROLE %I SET lock_timeout = %L', role, '5s');
    END LOOP;
END $$;
