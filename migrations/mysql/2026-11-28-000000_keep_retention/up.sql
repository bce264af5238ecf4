CREATE TABLE IF NOT EXISTS retention (
    task        VARCHAR(255) NOT NULL,
    holder      VARBINARY(16) NOT NULL,
    until_ns    BIGINT       NOT NULL,
    present_ns  BIGINT       NOT NULL,
    begun_ns    BIGINT       NOT NULL,
    ended_ns    BIGINT,
    traces      BIGINT       NOT NULL,
    spans       BIGINT       NOT NULL,
    freed_bytes BIGINT       NOT NULL,
    error       LONGTEXT,
    PRIMARY KEY (task)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;
INSERT INTO retention (task, holder, until_ns, present_ns, begun_ns, traces, spans, freed_bytes)
    VALUES ('', '', 0, 0, 0, 0, 0, 0) ON DUPLICATE KEY UPDATE task = task;
INSERT INTO trace_schema (version) VALUES ('20261128000000') ON DUPLICATE KEY UPDATE version = version;
