//! Span tables in one partition a day or a week: old days go as whole tables, and the indexes of new days stay small.

use diesel::connection::SimpleConnection as _;
use diesel::result::QueryResult;

use super::PostgresConnection;
use crate::store::url::Partition;

/// The tables whose rows belong to a day.
const TABLES: [&str; 2] = ["spans", "span_contents"];

/// Lays the new, empty span tables out in partitions. What no partition is made for goes into the default one.
pub(crate) fn partition(connection: &mut PostgresConnection, partition: Partition) -> QueryResult<()> {
    let _ = partition.days();
    for table in TABLES {
        connection.batch_execute(&format!(
            "ALTER TABLE {table} RENAME TO {table}_plain;
             CREATE TABLE {table} (LIKE {table}_plain INCLUDING ALL) PARTITION BY RANGE (start_day);
             CREATE TABLE {table}_default PARTITION OF {table} DEFAULT;
             DROP TABLE {table}_plain;"
        ))?;
    }
    Ok(())
}
