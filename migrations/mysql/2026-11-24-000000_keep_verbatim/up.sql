-- Each statement ends its transaction: a migration that was cut off finds some columns there, and passes them over.
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'span_contents' AND column_name = 'verbatim') = 0,
    'ALTER TABLE span_contents ADD COLUMN verbatim LONGBLOB', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'resources' AND column_name = 'extra') = 0,
    'ALTER TABLE resources ADD COLUMN extra LONGBLOB', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'resources' AND column_name = 'verbatim') = 0,
    'ALTER TABLE resources ADD COLUMN verbatim LONGBLOB', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'scopes' AND column_name = 'extra') = 0,
    'ALTER TABLE scopes ADD COLUMN extra LONGBLOB', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'scopes' AND column_name = 'verbatim') = 0,
    'ALTER TABLE scopes ADD COLUMN verbatim LONGBLOB', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
DEALLOCATE PREPARE add_column;
INSERT INTO trace_schema (version) VALUES ('20261124000000') ON DUPLICATE KEY UPDATE version = version;
