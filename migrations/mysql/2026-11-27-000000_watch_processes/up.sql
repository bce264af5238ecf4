-- Each statement ends its transaction: a migration that was cut off finds some columns there, and passes them over.
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'processes' AND column_name = 'interval_ns') = 0,
    'ALTER TABLE processes ADD COLUMN interval_ns BIGINT', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'processes' AND column_name = 'settled_ns') = 0,
    'ALTER TABLE processes ADD COLUMN settled_ns BIGINT', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'processes' AND index_name = 'processes_by_settled') = 0,
    'ALTER TABLE processes ADD INDEX processes_by_settled (settled_ns)', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
DEALLOCATE PREPARE add_column;
INSERT INTO trace_schema (version) VALUES ('20261127000000') ON DUPLICATE KEY UPDATE version = version;
