ALTER TABLE span_contents ADD COLUMN verbatim BLOB;
ALTER TABLE resources ADD COLUMN extra BLOB;
ALTER TABLE resources ADD COLUMN verbatim BLOB;
ALTER TABLE scopes ADD COLUMN extra BLOB;
ALTER TABLE scopes ADD COLUMN verbatim BLOB;
INSERT INTO trace_schema (version) VALUES ('20261124000000');
