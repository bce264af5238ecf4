CREATE TABLE retention (
    task        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    holder      BYTEA  NOT NULL,
    until_ns    BIGINT NOT NULL,
    present_ns  BIGINT NOT NULL,
    begun_ns    BIGINT NOT NULL,
    ended_ns    BIGINT,
    traces      BIGINT NOT NULL,
    spans       BIGINT NOT NULL,
    freed_bytes BIGINT NOT NULL,
    error       TEXT COLLATE "C"
);
INSERT INTO retention (task, holder, until_ns, present_ns, begun_ns, traces, spans, freed_bytes)
    VALUES ('', '', 0, 0, 0, 0, 0, 0);
INSERT INTO trace_schema (version) VALUES ('20261128000000');
