-- Data definitions commit at once here, each by itself: whatever was done before a process died is passed over the next time.
--
-- Text is compared byte by byte, as on the other databases, trailing spaces included. MariaDB and MySQL have different names for that; each
-- reads the comment that is meant for it.

CREATE TABLE IF NOT EXISTS spans (
    trace_id               BINARY(16)   NOT NULL,
    span_id                BINARY(8)    NOT NULL,
    start_day              INTEGER      NOT NULL,
    parent_span_id         BINARY(8),
    parent_is_remote       BOOLEAN      NOT NULL,
    name                   VARCHAR(255) NOT NULL,
    display_name           VARCHAR(255) NOT NULL,
    kind                   VARCHAR(32)  NOT NULL,
    kind_source            VARCHAR(255) NOT NULL,
    operation              VARCHAR(255),
    otel_kind              SMALLINT     NOT NULL,
    state                  SMALLINT     NOT NULL,
    status_code            SMALLINT     NOT NULL,
    status_message         TEXT         NOT NULL,
    error_type             VARCHAR(255),
    start_ns               BIGINT       NOT NULL,
    end_ns                 BIGINT,
    run_id                 VARCHAR(255),
    session_id             VARCHAR(255),
    conversation_id        VARCHAR(255),
    user_id                VARCHAR(255),
    agent_id               VARCHAR(255),
    agent_name             VARCHAR(255),
    team_id                VARCHAR(255),
    team_name              VARCHAR(255),
    workflow_id            VARCHAR(255),
    workflow_name          VARCHAR(255),
    provider               VARCHAR(255),
    request_model          VARCHAR(255),
    response_model         VARCHAR(255),
    tool_name              VARCHAR(255),
    tool_call_id           VARCHAR(255),
    input_tokens           BIGINT,
    output_tokens          BIGINT,
    total_tokens           BIGINT,
    cache_read_tokens      BIGINT,
    cache_write_tokens     BIGINT,
    reasoning_tokens       BIGINT,
    usage_basis            VARCHAR(255),
    usage_counted          BOOLEAN      NOT NULL,
    usage_below            BIGINT       NOT NULL,
    calls_below            BIGINT       NOT NULL,
    cost_nano_usd          BIGINT,
    cost_source            VARCHAR(255),
    price_version          VARCHAR(255),
    time_to_first_token_ns BIGINT,
    truncated_bytes        BIGINT       NOT NULL,
    dropped_count          BIGINT       NOT NULL,
    scope_id               BINARY(16)   NOT NULL,
    resource_id            BINARY(16)   NOT NULL,
    process_id             BINARY(16),
    sequence               BIGINT,
    service_name           VARCHAR(255),
    inherited_ids          INTEGER      NOT NULL,
    version_hash           BIGINT       NOT NULL,
    created_ns             BIGINT       NOT NULL,
    PRIMARY KEY (trace_id, span_id, start_day),
    KEY spans_by_start (start_ns),
    KEY spans_by_parent (trace_id, parent_span_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS span_contents (
    trace_id   BINARY(16)  NOT NULL,
    span_id    BINARY(8)   NOT NULL,
    start_day  INTEGER     NOT NULL,
    encoding   VARCHAR(32) NOT NULL,
    attributes LONGBLOB    NOT NULL,
    events     LONGBLOB    NOT NULL,
    links      LONGBLOB    NOT NULL,
    extra      LONGBLOB    NOT NULL,
    PRIMARY KEY (trace_id, span_id, start_day)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS traces (
    trace_id           BINARY(16)   NOT NULL,
    name               VARCHAR(255) NOT NULL,
    root_span_id       BINARY(8)    NOT NULL,
    root_class         SMALLINT     NOT NULL,
    root_start_ns      BIGINT       NOT NULL,
    start_ns           BIGINT       NOT NULL,
    end_ns             BIGINT,
    duration_ns        BIGINT,
    status             VARCHAR(32)  NOT NULL,
    span_count         BIGINT       NOT NULL,
    error_count        BIGINT       NOT NULL,
    open_count         BIGINT       NOT NULL,
    interrupted_count  BIGINT       NOT NULL,
    input_tokens       BIGINT,
    output_tokens      BIGINT,
    total_tokens       BIGINT,
    cache_read_tokens  BIGINT,
    cache_write_tokens BIGINT,
    reasoning_tokens   BIGINT,
    cost_nano_usd      BIGINT,
    run_id             VARCHAR(255),
    run_first_ns       BIGINT,
    session_id         VARCHAR(255),
    session_first_ns   BIGINT,
    user_id            VARCHAR(255),
    user_first_ns      BIGINT,
    agent_id           VARCHAR(255),
    agent_name         VARCHAR(255),
    team_id            VARCHAR(255),
    team_name          VARCHAR(255),
    workflow_id        VARCHAR(255),
    workflow_name      VARCHAR(255),
    joined_to          BINARY(16),
    input_preview      TEXT,
    output_preview     TEXT,
    PRIMARY KEY (trace_id),
    KEY traces_by_start (start_ns, trace_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS trace_facets (
    trace_id   BINARY(16)   NOT NULL,
    field      VARCHAR(32)  NOT NULL,
    value      VARCHAR(255) NOT NULL,
    start_ns   BIGINT       NOT NULL,
    span_count BIGINT       NOT NULL,
    PRIMARY KEY (trace_id, field, value),
    KEY trace_facets_by_value (field, value, start_ns, trace_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS sessions (
    session_id         VARCHAR(255) NOT NULL,
    user_id            VARCHAR(255),
    user_first_ns      BIGINT,
    start_ns           BIGINT       NOT NULL,
    last_ns            BIGINT       NOT NULL,
    trace_count        BIGINT       NOT NULL,
    error_trace_count  BIGINT       NOT NULL,
    span_count         BIGINT       NOT NULL,
    input_tokens       BIGINT,
    output_tokens      BIGINT,
    total_tokens       BIGINT,
    cache_read_tokens  BIGINT,
    cache_write_tokens BIGINT,
    reasoning_tokens   BIGINT,
    cost_nano_usd      BIGINT,
    PRIMARY KEY (session_id),
    KEY sessions_by_last (last_ns, session_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS resources (
    resource_id  BINARY(16)   NOT NULL,
    service_name VARCHAR(255),
    attributes   LONGBLOB     NOT NULL,
    schema_url   VARCHAR(255) NOT NULL,
    PRIMARY KEY (resource_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS scopes (
    scope_id   BINARY(16)   NOT NULL,
    name       VARCHAR(255) NOT NULL,
    version    VARCHAR(255) NOT NULL,
    attributes LONGBLOB     NOT NULL,
    schema_url VARCHAR(255) NOT NULL,
    PRIMARY KEY (scope_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS processes (
    process_id   BINARY(16)   NOT NULL,
    pid          BIGINT       NOT NULL,
    host         VARCHAR(255) NOT NULL,
    started_ns   BIGINT       NOT NULL,
    heartbeat_ns BIGINT       NOT NULL,
    ended_ns     BIGINT,
    PRIMARY KEY (process_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;

-- Which of these migrations have run: what tells a database of a newer version, also where the program's own Diesel migrations
-- share Diesel's table. Made before them: its row '' is what processes that start at once queue at.
CREATE TABLE IF NOT EXISTS trace_schema (
    version VARCHAR(50) NOT NULL,
    PRIMARY KEY (version)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;
INSERT INTO trace_schema (version) VALUES ('20261122000000') ON DUPLICATE KEY UPDATE version = version;
