-- What was refused and lost, as the processes tell it.
CREATE TABLE losses (
    process_id     BYTEA            NOT NULL,
    number         BIGINT           NOT NULL,
    reason         TEXT COLLATE "C" NOT NULL,
    span_count     BIGINT           NOT NULL,
    accepted_count BIGINT           NOT NULL,
    from_ns        BIGINT           NOT NULL,
    to_ns          BIGINT           NOT NULL,
    PRIMARY KEY (process_id, number)
);
CREATE INDEX losses_by_time ON losses (to_ns, process_id, number);
-- Spans that could not be stored. The payload stands in parts, since it may be larger than what a server takes at once.
CREATE TABLE dead_letters (
    process_id    BYTEA            NOT NULL,
    sequence      BIGINT           NOT NULL,
    trace_id      BYTEA,
    span_id       BYTEA,
    name          TEXT COLLATE "C" NOT NULL,
    reason        TEXT COLLATE "C" NOT NULL,
    error         TEXT COLLATE "C" NOT NULL,
    time_ns       BIGINT           NOT NULL,
    payload_bytes BIGINT           NOT NULL,
    PRIMARY KEY (process_id, sequence)
);
CREATE INDEX dead_letters_by_time ON dead_letters (time_ns, process_id, sequence);
CREATE TABLE dead_letter_parts (
    process_id BYTEA   NOT NULL,
    sequence   BIGINT  NOT NULL,
    part       INTEGER NOT NULL,
    time_ns    BIGINT  NOT NULL,
    payload    BYTEA   NOT NULL,
    PRIMARY KEY (process_id, sequence, part)
);
CREATE INDEX dead_letter_parts_by_time ON dead_letter_parts (time_ns);
-- The numbers of spans that are stored or kept as dead letters, a set of numbers for each transaction: what is in none is missing.
CREATE TABLE settled_sequences (
    process_id     BYTEA  NOT NULL,
    first_sequence BIGINT NOT NULL,
    set_id         BYTEA  NOT NULL,
    last_sequence  BIGINT NOT NULL,
    span_count     BIGINT NOT NULL,
    runs           BYTEA  NOT NULL,
    PRIMARY KEY (process_id, first_sequence, set_id)
);
-- Which database this is, by whatever address it is reached.
CREATE TABLE trace_identity (
    name     TEXT COLLATE "C" NOT NULL,
    identity BYTEA            NOT NULL,
    PRIMARY KEY (name)
);
INSERT INTO trace_schema (version) VALUES ('20261126000000');
