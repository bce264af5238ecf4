ALTER TABLE spans ADD COLUMN adopted_by BYTEA;
ALTER TABLE span_contents ADD COLUMN told BYTEA;
ALTER TABLE span_contents ADD COLUMN derived BYTEA;
ALTER TABLE traces ADD COLUMN structured_count BIGINT;
DROP INDEX traces_by_start;
CREATE INDEX traces_by_start ON traces (start_ns, trace_id, joined_to);
