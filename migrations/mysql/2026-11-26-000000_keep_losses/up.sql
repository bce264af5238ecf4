-- What was refused and lost, as the processes tell it.
CREATE TABLE IF NOT EXISTS losses (
    process_id     BINARY(16)  NOT NULL,
    number         BIGINT      NOT NULL,
    reason         VARCHAR(50) NOT NULL,
    span_count     BIGINT      NOT NULL,
    accepted_count BIGINT      NOT NULL,
    from_ns        BIGINT      NOT NULL,
    to_ns          BIGINT      NOT NULL,
    PRIMARY KEY (process_id, number),
    KEY losses_by_time (to_ns, process_id, number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;
-- Spans that could not be stored. The payload stands in parts, since it may be larger than what a server takes at once.
CREATE TABLE IF NOT EXISTS dead_letters (
    process_id    BINARY(16)   NOT NULL,
    sequence      BIGINT       NOT NULL,
    trace_id      BINARY(16),
    span_id       BINARY(8),
    name          VARCHAR(255) NOT NULL,
    reason        VARCHAR(50)  NOT NULL,
    error         TEXT         NOT NULL,
    time_ns       BIGINT       NOT NULL,
    payload_bytes BIGINT       NOT NULL,
    PRIMARY KEY (process_id, sequence),
    KEY dead_letters_by_time (time_ns, process_id, sequence)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;
CREATE TABLE IF NOT EXISTS dead_letter_parts (
    process_id BINARY(16) NOT NULL,
    sequence   BIGINT     NOT NULL,
    part       INT        NOT NULL,
    time_ns    BIGINT     NOT NULL,
    payload    LONGBLOB   NOT NULL,
    PRIMARY KEY (process_id, sequence, part),
    KEY dead_letter_parts_by_time (time_ns)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;
-- The numbers of spans that are stored or kept as dead letters, a set of numbers for each transaction: what is in none is missing.
CREATE TABLE IF NOT EXISTS settled_sequences (
    process_id     BINARY(16) NOT NULL,
    first_sequence BIGINT     NOT NULL,
    set_id         BINARY(16) NOT NULL,
    last_sequence  BIGINT     NOT NULL,
    span_count     BIGINT     NOT NULL,
    runs           LONGBLOB   NOT NULL,
    PRIMARY KEY (process_id, first_sequence, set_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;
-- Which database this is, by whatever address it is reached.
CREATE TABLE IF NOT EXISTS trace_identity (
    name     VARCHAR(50) NOT NULL,
    identity BINARY(16)  NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;
INSERT INTO trace_schema (version) VALUES ('20261126000000') ON DUPLICATE KEY UPDATE version = version;
