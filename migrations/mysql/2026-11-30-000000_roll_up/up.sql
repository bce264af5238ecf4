-- Sums of spans by time and by what they are: what dashboards read in place of the spans.
CREATE TABLE IF NOT EXISTS rollups (
    level    SMALLINT      NOT NULL,
    start_ns BIGINT        NOT NULL,
    part     VARBINARY(16) NOT NULL,
    version  BIGINT        NOT NULL,
    cells    LONGBLOB      NOT NULL,
    PRIMARY KEY (level, start_ns, part)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;
-- What was stored until now is not summed up yet, nor is what processes of an older version store that still run.
INSERT INTO rollups (level, start_ns, part, version, cells)
    SELECT 3, 0, '', 9223372036854775807, '' FROM DUAL
    WHERE EXISTS (SELECT 1 FROM spans) OR EXISTS (SELECT 1 FROM processes WHERE ended_ns IS NULL)
    ON DUPLICATE KEY UPDATE level = 3;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'processes' AND column_name = 'rolls_up') = 0,
    'ALTER TABLE processes ADD COLUMN rolls_up BOOLEAN', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
DEALLOCATE PREPARE add_column;
INSERT INTO trace_schema (version) VALUES ('20261130000000') ON DUPLICATE KEY UPDATE version = version;
