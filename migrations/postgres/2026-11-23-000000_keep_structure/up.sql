ALTER TABLE spans ADD COLUMN adopted_by BYTEA;
ALTER TABLE span_contents ADD COLUMN told BYTEA;
ALTER TABLE span_contents ADD COLUMN derived BYTEA;
ALTER TABLE traces ADD COLUMN structured_count BIGINT;
