ALTER TABLE processes DROP INDEX processes_by_settled;
ALTER TABLE processes DROP COLUMN settled_ns;
ALTER TABLE processes DROP COLUMN interval_ns;
DELETE FROM trace_schema WHERE version = '20261127000000';
