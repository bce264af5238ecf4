ALTER TABLE processes ADD COLUMN interval_ns BIGINT;
ALTER TABLE processes ADD COLUMN settled_ns BIGINT;
CREATE INDEX processes_by_settled ON processes (settled_ns);
INSERT INTO trace_schema (version) VALUES ('20261127000000');
