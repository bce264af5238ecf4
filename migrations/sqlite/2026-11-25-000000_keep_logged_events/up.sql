CREATE TABLE span_events (
    trace_id   BLOB   NOT NULL,
    span_id    BLOB   NOT NULL,
    event_id   BLOB   NOT NULL,
    time_ns    BIGINT NOT NULL,
    created_ns BIGINT NOT NULL,
    event      BLOB   NOT NULL,
    PRIMARY KEY (trace_id, span_id, event_id)
);
INSERT INTO trace_schema (version) VALUES ('20261125000000');
