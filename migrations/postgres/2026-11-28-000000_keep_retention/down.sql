DROP TABLE retention;
DELETE FROM trace_schema WHERE version = '20261128000000';
