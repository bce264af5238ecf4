CREATE TABLE IF NOT EXISTS span_events (
    trace_id   BINARY(16) NOT NULL,
    span_id    BINARY(8)  NOT NULL,
    event_id   BINARY(16) NOT NULL,
    time_ns    BIGINT     NOT NULL,
    created_ns BIGINT     NOT NULL,
    event      LONGBLOB   NOT NULL,
    PRIMARY KEY (trace_id, span_id, event_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;
INSERT INTO trace_schema (version) VALUES ('20261125000000') ON DUPLICATE KEY UPDATE version = version;
