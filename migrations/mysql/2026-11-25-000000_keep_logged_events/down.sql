DROP TABLE span_events;
DELETE FROM trace_schema WHERE version = '20261125000000';
