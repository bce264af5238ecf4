ALTER TABLE spans ADD COLUMN adopted_by BLOB;
ALTER TABLE span_contents ADD COLUMN told BLOB;
ALTER TABLE span_contents ADD COLUMN derived BLOB;
ALTER TABLE traces ADD COLUMN structured_count BIGINT;
DROP INDEX traces_by_start;
CREATE INDEX traces_by_start ON traces (start_ns, trace_id, joined_to);
