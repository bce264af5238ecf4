ALTER TABLE scopes DROP COLUMN verbatim;
ALTER TABLE scopes DROP COLUMN extra;
ALTER TABLE resources DROP COLUMN verbatim;
ALTER TABLE resources DROP COLUMN extra;
ALTER TABLE span_contents DROP COLUMN verbatim;
DELETE FROM trace_schema WHERE version = '20261124000000';
