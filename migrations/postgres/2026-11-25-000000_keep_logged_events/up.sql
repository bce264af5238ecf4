CREATE TABLE span_events (
    trace_id   BYTEA  NOT NULL,
    span_id    BYTEA  NOT NULL,
    event_id   BYTEA  NOT NULL,
    time_ns    BIGINT NOT NULL,
    created_ns BIGINT NOT NULL,
    event      BYTEA  NOT NULL,
    PRIMARY KEY (trace_id, span_id, event_id)
);
INSERT INTO trace_schema (version) VALUES ('20261125000000');
