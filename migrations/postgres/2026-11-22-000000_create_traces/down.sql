DROP TABLE processes;
DROP TABLE scopes;
DROP TABLE resources;
DROP TABLE sessions;
DROP TABLE trace_facets;
DROP TABLE traces;
DROP TABLE span_contents;
DROP TABLE spans;
DELETE FROM trace_schema WHERE version = '20261122000000';
