ALTER TABLE traces DROP COLUMN structured_count;
ALTER TABLE span_contents DROP COLUMN derived;
ALTER TABLE span_contents DROP COLUMN told;
ALTER TABLE spans DROP COLUMN adopted_by;
DELETE FROM trace_schema WHERE version = '20261123000000';
