DROP TABLE processes;
DROP TABLE scopes;
DROP TABLE resources;
DROP TABLE sessions;
DROP TABLE trace_facets;
DROP TABLE traces;
DROP TABLE span_contents;
DROP TABLE spans;
