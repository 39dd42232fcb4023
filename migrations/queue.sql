-- What the staff face may do with the queue of notices. Applied after each
-- migration of the queue's tables, which the library makes; it can be repeated.
--
-- Nobody else reaches them. Whoever controls a staff process can empty the queue:
-- that calls nobody, and hides nothing that waits from whoever looks.

REVOKE ALL ON SCHEMA sceau_queue FROM PUBLIC;
GRANT USAGE ON SCHEMA sceau_queue TO sceau_staff;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sceau_queue TO sceau_staff;
REVOKE ALL ON sceau_queue.river_migration FROM sceau_staff;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA sceau_queue TO sceau_staff;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sceau_queue TO sceau_staff;
COMMENT ON SCHEMA sceau_queue IS 'Notices to members of staff that are not delivered yet: ids, codes and times. Finished ones go after a week.';
