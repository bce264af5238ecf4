-- Each statement ends its transaction: a migration that was cut off finds some columns there, and passes them over.
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'spans' AND column_name = 'adopted_by') = 0,
    'ALTER TABLE spans ADD COLUMN adopted_by BINARY(8)', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'span_contents' AND column_name = 'told') = 0,
    'ALTER TABLE span_contents ADD COLUMN told LONGBLOB', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'span_contents' AND column_name = 'derived') = 0,
    'ALTER TABLE span_contents ADD COLUMN derived LONGBLOB', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'traces' AND column_name = 'structured_count') = 0,
    'ALTER TABLE traces ADD COLUMN structured_count BIGINT', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'traces' AND index_name = 'traces_by_start' AND column_name = 'joined_to') = 0,
    'ALTER TABLE traces DROP INDEX traces_by_start, ADD INDEX traces_by_start (start_ns, trace_id, joined_to)', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'spans' AND column_name = 'cost_counted') = 0,
    'ALTER TABLE spans ADD COLUMN cost_counted BOOLEAN NOT NULL DEFAULT FALSE', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'spans' AND column_name = 'costs_below') = 0,
    'ALTER TABLE spans ADD COLUMN costs_below BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'spans' AND column_name = 'cost_calls_below') = 0,
    'ALTER TABLE spans ADD COLUMN cost_calls_below BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'spans' AND column_name = 'step_name') = 0,
    'ALTER TABLE spans ADD COLUMN step_name VARCHAR(255)', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'traces' AND column_name = 'unpriced_count') = 0,
    'ALTER TABLE traces ADD COLUMN unpriced_count BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'sessions' AND column_name = 'unpriced_count') = 0,
    'ALTER TABLE sessions ADD COLUMN unpriced_count BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
DEALLOCATE PREPARE add_column;
-- Until now one counter stood for tokens and costs: sums stay what they were until a trace changes.
UPDATE spans SET cost_counted = (usage_counted AND cost_nano_usd IS NOT NULL), costs_below = usage_below, cost_calls_below = calls_below;
UPDATE traces SET unpriced_count = (SELECT COUNT(*) FROM spans
    WHERE spans.trace_id = traces.trace_id AND spans.usage_counted AND spans.cost_nano_usd IS NULL);
UPDATE sessions SET unpriced_count = (SELECT COALESCE(SUM(traces.unpriced_count), 0) FROM traces
    WHERE traces.session_id = sessions.session_id);
INSERT INTO trace_schema (version) VALUES ('20261123000000') ON DUPLICATE KEY UPDATE version = version;
