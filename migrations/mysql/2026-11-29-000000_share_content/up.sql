-- Parts of large contents, by the hash of their bytes: what many spans repeat stands here once a day.
CREATE TABLE IF NOT EXISTS content_parts (
    start_day INT        NOT NULL,
    digest    BINARY(20) NOT NULL,
    is_list   BOOLEAN    NOT NULL,
    kept_by   BIGINT     NOT NULL,
    bytes     LONGBLOB   NOT NULL,
    PRIMARY KEY (start_day, digest)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;
-- The days that have parts: their rows are held by who writes parts, and taken by who deletes them.
CREATE TABLE IF NOT EXISTS content_days (
    start_day INT     NOT NULL,
    sweep     BIGINT  NOT NULL,
    is_swept  BOOLEAN NOT NULL,
    leftovers BIGINT  NOT NULL,
    PRIMARY KEY (start_day)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;
INSERT INTO trace_schema (version) VALUES ('20261129000000') ON DUPLICATE KEY UPDATE version = version;
