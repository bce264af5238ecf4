CREATE TABLE spans (
    trace_id               BLOB     NOT NULL,
    span_id                BLOB     NOT NULL,
    start_day              INTEGER  NOT NULL,
    parent_span_id         BLOB,
    parent_is_remote       BOOLEAN  NOT NULL,
    name                   TEXT     NOT NULL,
    display_name           TEXT     NOT NULL,
    kind                   TEXT     NOT NULL,
    kind_source            TEXT     NOT NULL,
    operation              TEXT,
    otel_kind              SMALLINT NOT NULL,
    state                  SMALLINT NOT NULL,
    status_code            SMALLINT NOT NULL,
    status_message         TEXT     NOT NULL,
    error_type             TEXT,
    start_ns               BIGINT   NOT NULL,
    end_ns                 BIGINT,
    run_id                 TEXT,
    session_id             TEXT,
    conversation_id        TEXT,
    user_id                TEXT,
    agent_id               TEXT,
    agent_name             TEXT,
    team_id                TEXT,
    team_name              TEXT,
    workflow_id            TEXT,
    workflow_name          TEXT,
    provider               TEXT,
    request_model          TEXT,
    response_model         TEXT,
    tool_name              TEXT,
    tool_call_id           TEXT,
    input_tokens           BIGINT,
    output_tokens          BIGINT,
    total_tokens           BIGINT,
    cache_read_tokens      BIGINT,
    cache_write_tokens     BIGINT,
    reasoning_tokens       BIGINT,
    usage_basis            TEXT,
    usage_counted          BOOLEAN  NOT NULL,
    usage_below            BIGINT   NOT NULL,
    calls_below            BIGINT   NOT NULL,
    cost_nano_usd          BIGINT,
    cost_source            TEXT,
    price_version          TEXT,
    time_to_first_token_ns BIGINT,
    truncated_bytes        BIGINT   NOT NULL,
    dropped_count          BIGINT   NOT NULL,
    scope_id               BLOB     NOT NULL,
    resource_id            BLOB     NOT NULL,
    process_id             BLOB,
    sequence               BIGINT,
    service_name           TEXT,
    inherited_ids          INTEGER  NOT NULL,
    version_hash           BIGINT   NOT NULL,
    created_ns             BIGINT   NOT NULL,
    PRIMARY KEY (trace_id, span_id, start_day)
);
CREATE INDEX spans_by_start ON spans (start_ns);
CREATE INDEX spans_by_parent ON spans (trace_id, parent_span_id);

CREATE TABLE span_contents (
    trace_id   BLOB    NOT NULL,
    span_id    BLOB    NOT NULL,
    start_day  INTEGER NOT NULL,
    encoding   TEXT    NOT NULL,
    attributes BLOB    NOT NULL,
    events     BLOB    NOT NULL,
    links      BLOB    NOT NULL,
    extra      BLOB    NOT NULL,
    PRIMARY KEY (trace_id, span_id, start_day)
);

CREATE TABLE traces (
    trace_id           BLOB     NOT NULL PRIMARY KEY,
    name               TEXT     NOT NULL,
    root_span_id       BLOB     NOT NULL,
    root_class         SMALLINT NOT NULL,
    root_start_ns      BIGINT   NOT NULL,
    start_ns           BIGINT   NOT NULL,
    end_ns             BIGINT,
    duration_ns        BIGINT,
    status             TEXT     NOT NULL,
    span_count         BIGINT   NOT NULL,
    error_count        BIGINT   NOT NULL,
    open_count         BIGINT   NOT NULL,
    interrupted_count  BIGINT   NOT NULL,
    input_tokens       BIGINT,
    output_tokens      BIGINT,
    total_tokens       BIGINT,
    cache_read_tokens  BIGINT,
    cache_write_tokens BIGINT,
    reasoning_tokens   BIGINT,
    cost_nano_usd      BIGINT,
    run_id             TEXT,
    run_first_ns       BIGINT,
    session_id         TEXT,
    session_first_ns   BIGINT,
    user_id            TEXT,
    user_first_ns      BIGINT,
    agent_id           TEXT,
    agent_name         TEXT,
    team_id            TEXT,
    team_name          TEXT,
    workflow_id        TEXT,
    workflow_name      TEXT,
    joined_to          BLOB,
    input_preview      TEXT,
    output_preview     TEXT
);
CREATE INDEX traces_by_start ON traces (start_ns, trace_id);

CREATE TABLE trace_facets (
    trace_id   BLOB   NOT NULL,
    field      TEXT   NOT NULL,
    value      TEXT   NOT NULL,
    start_ns   BIGINT NOT NULL,
    span_count BIGINT NOT NULL,
    PRIMARY KEY (trace_id, field, value)
) WITHOUT ROWID;
CREATE INDEX trace_facets_by_value ON trace_facets (field, value, start_ns, trace_id);

CREATE TABLE sessions (
    session_id         TEXT   NOT NULL PRIMARY KEY,
    user_id            TEXT,
    user_first_ns      BIGINT,
    start_ns           BIGINT NOT NULL,
    last_ns            BIGINT NOT NULL,
    trace_count        BIGINT NOT NULL,
    error_trace_count  BIGINT NOT NULL,
    span_count         BIGINT NOT NULL,
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
    resource_id  BLOB NOT NULL PRIMARY KEY,
    service_name TEXT,
    attributes   BLOB NOT NULL,
    schema_url   TEXT NOT NULL
);

CREATE TABLE scopes (
    scope_id   BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    version    TEXT NOT NULL,
    attributes BLOB NOT NULL,
    schema_url TEXT NOT NULL
);

CREATE TABLE processes (
    process_id   BLOB   NOT NULL PRIMARY KEY,
    pid          BIGINT NOT NULL,
    host         TEXT   NOT NULL,
    started_ns   BIGINT NOT NULL,
    heartbeat_ns BIGINT NOT NULL,
    ended_ns     BIGINT
);

-- Which of these migrations have run: what tells a database of a newer version, also where the program's own Diesel migrations
-- share Diesel's table.
CREATE TABLE trace_schema (
    version TEXT NOT NULL PRIMARY KEY
);
INSERT INTO trace_schema (version) VALUES ('20261122000000');
