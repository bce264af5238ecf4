-- Sums of spans by time and by what they are: what dashboards read in place of the spans.
CREATE TABLE rollups (
    level    SMALLINT NOT NULL,
    start_ns BIGINT   NOT NULL,
    part     BLOB     NOT NULL,
    version  BIGINT   NOT NULL,
    cells    BLOB     NOT NULL,
    PRIMARY KEY (level, start_ns, part)
);
-- What was stored until now is not summed up yet, nor is what processes of an older version store that still run.
INSERT INTO rollups (level, start_ns, part, version, cells)
    SELECT 3, 0, x'', 9223372036854775807, x''
    WHERE EXISTS (SELECT 1 FROM spans) OR EXISTS (SELECT 1 FROM processes WHERE ended_ns IS NULL);
ALTER TABLE processes ADD COLUMN rolls_up BOOLEAN;
INSERT INTO trace_schema (version) VALUES ('20261130000000');
