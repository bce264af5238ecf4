-- Parts of large contents, by the hash of their bytes: what many spans repeat stands here once a day.
CREATE TABLE content_parts (
    start_day INTEGER NOT NULL,
    digest    BLOB    NOT NULL,
    is_list   BOOLEAN NOT NULL,
    kept_by   BIGINT  NOT NULL,
    bytes     BLOB    NOT NULL,
    PRIMARY KEY (start_day, digest)
);
-- The days that have parts: their rows are held by who writes parts, and taken by who deletes them.
CREATE TABLE content_days (
    start_day INTEGER NOT NULL PRIMARY KEY,
    sweep     BIGINT  NOT NULL,
    is_swept  BOOLEAN NOT NULL,
    leftovers BIGINT  NOT NULL
);
INSERT INTO trace_schema (version) VALUES ('20261129000000');
