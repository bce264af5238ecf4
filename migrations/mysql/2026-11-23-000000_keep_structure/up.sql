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
DEALLOCATE PREPARE add_column;
