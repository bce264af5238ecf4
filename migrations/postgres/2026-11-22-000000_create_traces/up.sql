-- Text is compared byte by byte, as on the other databases, whatever the locale of this one.

CREATE TABLE spans (
    trace_id               BYTEA            NOT NULL,
    span_id                BYTEA            NOT NULL,
    start_day              INTEGER          NOT NULL,
    parent_span_id         BYTEA,
    parent_is_remote       BOOLEAN          NOT NULL,
    name                   TEXT COLLATE "C" NOT NULL,
    display_name           TEXT COLLATE "C" NOT NULL,
    kind                   TEXT COLLATE "C" NOT NULL,
    kind_source            TEXT COLLATE "C" NOT NULL,
    operation              TEXT COLLATE "C",
    otel_kind              SMALLINT         NOT NULL,
    state                  SMALLINT         NOT NULL,
    status_code            SMALLINT         NOT NULL,
    status_message         TEXT COLLATE "C" NOT NULL,
    error_type             TEXT COLLATE "C",
    start_ns               BIGINT           NOT NULL,
    end_ns                 BIGINT,
    run_id                 TEXT COLLATE "C",
    session_id             TEXT COLLATE "C",
    conversation_id        TEXT COLLATE "C",
    user_id                TEXT COLLATE "C",
    agent_id               TEXT COLLATE "C",
    agent_name             TEXT COLLATE "C",
    team_id                TEXT COLLATE "C",
    team_name              TEXT COLLATE "C",
    workflow_id            TEXT COLLATE "C",
    workflow_name          TEXT COLLATE "C",
    provider               TEXT COLLATE "C",
    request_model          TEXT COLLATE "C",
    response_model         TEXT COLLATE "C",
    tool_name              TEXT COLLATE "C",
    tool_call_id           TEXT COLLATE "C",
    input_tokens           BIGINT,
    output_tokens          BIGINT,
    total_tokens           BIGINT,
    cache_read_tokens      BIGINT,
    cache_write_tokens     BIGINT,
    reasoning_tokens       BIGINT,
    usage_basis            TEXT COLLATE "C",
    usage_counted          BOOLEAN          NOT NULL,
    usage_below            BIGINT           NOT NULL,
    calls_below            BIGINT           NOT NULL,
    cost_nano_usd          BIGINT,
    cost_source            TEXT COLLATE "C",
    price_version          TEXT COLLATE "C",
    time_to_first_token_ns BIGINT,
    truncated_bytes        BIGINT           NOT NULL,
    dropped_count          BIGINT           NOT NULL,
    scope_id               BYTEA            NOT NULL,
    resource_id            BYTEA            NOT NULL,
    process_id             BYTEA,
    sequence               BIGINT,
    service_name           TEXT COLLATE "C",
    inherited_ids          INTEGER          NOT NULL,
    version_hash           BIGINT           NOT NULL,
    created_ns             BIGINT           NOT NULL,
    PRIMARY KEY (trace_id, span_id, start_day)
);
CREATE INDEX spans_by_start ON spans (start_ns);
CREATE INDEX spans_by_parent ON spans (trace_id, parent_span_id);

CREATE TABLE span_contents (
    trace_id   BYTEA            NOT NULL,
    span_id    BYTEA            NOT NULL,
    start_day  INTEGER          NOT NULL,
    encoding   TEXT COLLATE "C" NOT NULL,
    attributes BYTEA            NOT NULL,
    events     BYTEA            NOT NULL,
    links      BYTEA            NOT NULL,
    extra      BYTEA            NOT NULL,
    PRIMARY KEY (trace_id, span_id, start_day)
);

CREATE TABLE traces (
    trace_id           BYTEA            NOT NULL PRIMARY KEY,
    name               TEXT COLLATE "C" NOT NULL,
    root_span_id       BYTEA            NOT NULL,
    root_class         SMALLINT         NOT NULL,
    root_start_ns      BIGINT           NOT NULL,
    start_ns           BIGINT           NOT NULL,
    end_ns             BIGINT,
    duration_ns        BIGINT,
    status             TEXT COLLATE "C" NOT NULL,
    span_count         BIGINT           NOT NULL,
    error_count        BIGINT           NOT NULL,
    open_count         BIGINT           NOT NULL,
    interrupted_count  BIGINT           NOT NULL,
    input_tokens       BIGINT,
    output_tokens      BIGINT,
    total_tokens       BIGINT,
    cache_read_tokens  BIGINT,
    cache_write_tokens BIGINT,
    reasoning_tokens   BIGINT,
    cost_nano_usd      BIGINT,
    run_id             TEXT COLLATE "C",
    run_first_ns       BIGINT,
    session_id         TEXT COLLATE "C",
    session_first_ns   BIGINT,
    user_id            TEXT COLLATE "C",
    user_first_ns      BIGINT,
    agent_id           TEXT COLLATE "C",
    agent_name         TEXT COLLATE "C",
    team_id            TEXT COLLATE "C",
    team_name          TEXT COLLATE "C",
    workflow_id        TEXT COLLATE "C",
    workflow_name      TEXT COLLATE "C",
    joined_to          BYTEA,
    input_preview      TEXT COLLATE "C",
    output_preview     TEXT COLLATE "C"
);
CREATE INDEX traces_by_start ON traces (start_ns, trace_id);

CREATE TABLE trace_facets (
    trace_id   BYTEA            NOT NULL,
    field      TEXT COLLATE "C" NOT NULL,
    value      TEXT COLLATE "C" NOT NULL,
    start_ns   BIGINT           NOT NULL,
    span_count BIGINT           NOT NULL,
    PRIMARY KEY (trace_id, field, value)
);
CREATE INDEX trace_facets_by_value ON trace_facets (field, value, start_ns, trace_id);

CREATE TABLE sessions (
    session_id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id            TEXT COLLATE "C",
    user_first_ns      BIGINT,
    start_ns           BIGINT           NOT NULL,
    last_ns            BIGINT           NOT NULL,
    trace_count        BIGINT           NOT NULL,
    error_trace_count  BIGINT           NOT NULL,
    span_count         BIGINT           NOT NULL,
    input_tokens       BIGINT,
    output_tokens      BIGINT,
    total_tokens       BIGINT,
    cache_read_tokens  BIGINT,
    cache_write_tokens BIGINT,
    reasoning_tokens   BIGINT,
    cost_nano_usd      BIGINT
);
CREATE INDEX sessions_by_last ON sessions (last_ns, session_id);

CREATE TABLE resources (
    resource_id  BYTEA            NOT NULL PRIMARY KEY,
    service_name TEXT COLLATE "C",
    attributes   BYTEA            NOT NULL,
    schema_url   TEXT COLLATE "C" NOT NULL
);

CREATE TABLE scopes (
    scope_id   BYTEA            NOT NULL PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL,
    version    TEXT COLLATE "C" NOT NULL,
    attributes BYTEA            NOT NULL,
    schema_url TEXT COLLATE "C" NOT NULL
);

CREATE TABLE processes (
    process_id   BYTEA            NOT NULL PRIMARY KEY,
    pid          BIGINT           NOT NULL,
    host         TEXT COLLATE "C" NOT NULL,
    started_ns   BIGINT           NOT NULL,
    heartbeat_ns BIGINT           NOT NULL,
    ended_ns     BIGINT
);

-- Which of these migrations have run: what tells a database of a newer version, also where the program's own Diesel migrations
-- share Diesel's table. Made before them: its row '' is what processes that start at once queue at.
CREATE TABLE IF NOT EXISTS trace_schema (
    version TEXT COLLATE "C" NOT NULL PRIMARY KEY
);
INSERT INTO trace_schema (version) VALUES ('20261122000000');
