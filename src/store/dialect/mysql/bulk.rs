//! Many rows in one statement: `INSERT … VALUES (…), (…)`, in a few fixed numbers of rows, so that the connection can keep each
//! prepared. Preparing such a statement anew each time costs more than running it.

use diesel::mysql::Mysql;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use super::MysqlConnection;
use crate::store::dialect::cell::{Row, push_cell};

/// Bytes of one statement's values, but for a single larger row: the server's `max_allowed_packet` is 16 MiB or more by default.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Inserts `N` rows; a row whose key is there is replaced (`REPLACE`) or left alone.
#[derive(Debug)]
struct BulkInsert<'a, R, const N: usize, const REPLACE: bool> {
    rows: &'a [&'a R],
}

impl<R: Row, const N: usize, const REPLACE: bool> QueryFragment<Mysql> for BulkInsert<'_, R, N, REPLACE> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql("INSERT INTO ");
        out.push_identifier(R::TABLE)?;
        out.push_sql(" (");
        out.push_sql(R::COLUMNS);
        out.push_sql(") VALUES ");
        for (place, row) in self.rows.iter().enumerate() {
            out.push_sql(if place == 0 { "(" } else { ", (" });
            for (place, cell) in row.cells().enumerate() {
                if place > 0 {
                    out.push_sql(", ");
                }
                push_cell!(out, cell)?;
            }
            out.push_sql(")");
        }
        out.push_sql(" ON DUPLICATE KEY UPDATE ");
        if REPLACE {
            // `VALUES` is what both families of servers understand.
            out.push_sql(R::VALUES);
        } else {
            // Changes nothing. Not IGNORE, which would ignore more than the key.
            for (place, column) in R::KEY.split(", ").enumerate() {
                out.push_sql(if place == 0 { "" } else { ", " });
                out.push_sql(column);
                out.push_sql(" = ");
                out.push_sql(column);
            }
        }
        Ok(())
    }
}

impl<R: Row, const N: usize, const REPLACE: bool> QueryId for BulkInsert<'_, R, N, REPLACE> {
    type QueryId = BulkInsert<'static, R, N, REPLACE>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<R, const N: usize, const REPLACE: bool, C> diesel::RunQueryDsl<C> for BulkInsert<'_, R, N, REPLACE> {}

/// Inserts rows, each key at most once.
pub(super) fn insert<R: Row, const REPLACE: bool>(
    connection: &mut MysqlConnection,
    mut rest: &[&R],
) -> QueryResult<()> {
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest.iter().take(64).take_while(|row| {
            bytes += row.size();
            bytes <= MAX_BYTES
        });
        let count = match fitting.count() {
            64.. => 64,
            16.. => 16,
            4.. => 4,
            _ => 1,
        };
        let (rows, left) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        match count {
            64 => BulkInsert::<R, 64, REPLACE> { rows }.execute(connection)?,
            16 => BulkInsert::<R, 16, REPLACE> { rows }.execute(connection)?,
            4 => BulkInsert::<R, 4, REPLACE> { rows }.execute(connection)?,
            _ => BulkInsert::<R, 1, REPLACE> { rows }.execute(connection)?,
        };
        rest = left;
    }
    Ok(())
}
