DROP TABLE content_days;
DROP TABLE content_parts;
DELETE FROM trace_schema WHERE version = '20261129000000';
