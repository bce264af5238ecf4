DROP TABLE trace_identity;
DROP TABLE settled_sequences;
DROP TABLE dead_letter_parts;
DROP TABLE dead_letters;
DROP TABLE losses;
DELETE FROM trace_schema WHERE version = '20261126000000';
