DROP INDEX traces_by_start;
CREATE INDEX traces_by_start ON traces (start_ns, trace_id);
ALTER TABLE traces DROP COLUMN structured_count;
ALTER TABLE span_contents DROP COLUMN derived;
ALTER TABLE span_contents DROP COLUMN told;
ALTER TABLE spans DROP COLUMN adopted_by;
DELETE FROM trace_schema WHERE version = '20261123000000';
