ALTER TABLE spans ADD COLUMN adopted_by BLOB;
ALTER TABLE span_contents ADD COLUMN told BLOB;
ALTER TABLE span_contents ADD COLUMN derived BLOB;
ALTER TABLE traces ADD COLUMN structured_count BIGINT;
DROP INDEX traces_by_start;
CREATE INDEX traces_by_start ON traces (start_ns, trace_id, joined_to);
ALTER TABLE spans ADD COLUMN cost_counted BOOLEAN NOT NULL DEFAULT 0;
ALTER TABLE spans ADD COLUMN costs_below BIGINT NOT NULL DEFAULT 0;
ALTER TABLE spans ADD COLUMN cost_calls_below BIGINT NOT NULL DEFAULT 0;
ALTER TABLE spans ADD COLUMN step_name TEXT;
ALTER TABLE traces ADD COLUMN unpriced_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN unpriced_count BIGINT NOT NULL DEFAULT 0;
-- Until now one counter stood for tokens and costs: sums stay what they were until a trace changes.
UPDATE spans SET cost_counted = (usage_counted AND cost_nano_usd IS NOT NULL), costs_below = usage_below, cost_calls_below = calls_below;
UPDATE traces SET unpriced_count = (SELECT COUNT(*) FROM spans
    WHERE spans.trace_id = traces.trace_id AND spans.usage_counted AND spans.cost_nano_usd IS NULL);
UPDATE sessions SET unpriced_count = (SELECT COALESCE(SUM(traces.unpriced_count), 0) FROM traces
    WHERE traces.session_id = sessions.session_id);
INSERT INTO trace_schema (version) VALUES ('20261123000000');
