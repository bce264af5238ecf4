ALTER TABLE processes DROP COLUMN rolls_up;
DROP TABLE rollups;
DELETE FROM trace_schema WHERE version = '20261130000000';
