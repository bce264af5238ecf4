//! How much space the traces take in PostgreSQL.
//!
//! Deleted rows leave their files as large as they were, and nothing without an extension tells how much of them is free. So what is used is
//! reckoned from a sample of the rows and their number.

use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Float};

use super::PostgresConnection;
use crate::store::dialect::Space;

/// Bytes of tables that are read for a sample, about.
const SAMPLE_BYTES: f32 = 64.0 * 1024.0 * 1024.0;
/// What a span takes beside its columns: headers and pointers of two rows, entries of their indexes, its share of summaries.
const BESIDE_COLUMNS: u64 = 300;

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

pub(super) fn of_traces(connection: &mut PostgresConnection, is_use_asked: bool) -> QueryResult<Space> {
    let allocated = number(
        connection,
        diesel::sql_query(
            "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint AS number FROM pg_class
             WHERE oid IN (SELECT to_regclass(name) FROM (VALUES ('spans'), ('span_contents'), ('content_parts'), ('span_events'), ('traces'),
                     ('trace_facets'), ('sessions'), ('resources'), ('scopes'), ('processes')) AS tables (name))
                 OR oid IN (SELECT inhrelid FROM pg_inherits
                     WHERE inhparent IN (to_regclass('spans'), to_regclass('span_contents')))",
        ),
    )?;
    if !is_use_asked {
        return Ok(Space { allocated, ..Space::default() });
    }
    // What statistics say of a table that has just grown can be wrong by any factor.
    let spans = number(connection, diesel::sql_query("SELECT count(*) AS number FROM spans"))?;
    #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
    let percent = (100.0 * SAMPLE_BYTES / allocated.max(1) as f32).clamp(0.01, 100.0);
    let content = number(
        connection,
        diesel::sql_query(
            "SELECT coalesce(avg(pg_column_size(attributes) + pg_column_size(events) + pg_column_size(links)
                 + pg_column_size(extra) + coalesce(pg_column_size(told), 0) + coalesce(pg_column_size(derived), 0)
                 + coalesce(pg_column_size(verbatim), 0)), 0)::bigint AS number
             FROM span_contents TABLESAMPLE SYSTEM ($1)",
        )
        .bind::<Float, _>(percent),
    )?;
    let row = number(
        connection,
        diesel::sql_query(
            "SELECT coalesce(avg(pg_column_size(span.*)), 0)::bigint AS number FROM spans AS span TABLESAMPLE SYSTEM ($1)",
        )
        .bind::<Float, _>(percent),
    )?;
    let parts = number(
        connection,
        diesel::sql_query(
            "SELECT ((SELECT count(*) FROM content_parts)
                 * (SELECT coalesce(avg(pg_column_size(part.*)), 0) FROM content_parts AS part TABLESAMPLE SYSTEM ($1)))::bigint AS number",
        )
        .bind::<Float, _>(percent),
    )?;
    let per_span = content + row + parts / spans.max(1) + BESIDE_COLUMNS;
    let used = spans.saturating_mul(per_span).min(allocated);
    Ok(Space { allocated, used, per_span: Some(per_span), is_exact: false })
}

fn number<'a>(
    connection: &mut PostgresConnection,
    query: impl diesel::query_dsl::LoadQuery<'a, PostgresConnection, Number>,
) -> QueryResult<u64> {
    let row: Number = query.get_result(connection)?;
    Ok(u64::try_from(row.number).unwrap_or(0))
}
