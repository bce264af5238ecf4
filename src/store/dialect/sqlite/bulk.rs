//! Inserts of one and of several rows, in a few fixed numbers of rows, so that the connection can keep each prepared.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;

use crate::store::dialect::cell::{Row, push_cell};

/// Inserts `N` rows; a row whose key is there is replaced (`REPLACE`) or left alone.
#[derive(Debug)]
struct Insert<'a, R, const N: usize, const REPLACE: bool> {
    rows: &'a [&'a R],
}

impl<R: Row, const N: usize, const REPLACE: bool> QueryFragment<Sqlite> for Insert<'_, R, N, REPLACE> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(if REPLACE { "INSERT OR REPLACE INTO " } else { "INSERT OR IGNORE INTO " });
        out.push_sql(R::TABLE);
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
        Ok(())
    }
}

impl<R: Row, const N: usize, const REPLACE: bool> QueryId for Insert<'_, R, N, REPLACE> {
    type QueryId = Insert<'static, R, N, REPLACE>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<R, const N: usize, const REPLACE: bool, C> diesel::RunQueryDsl<C> for Insert<'_, R, N, REPLACE> {}

/// Inserts rows, each key at most once.
pub(super) fn insert<R: Row, const REPLACE: bool>(
    connection: &mut SqliteConnection,
    mut rest: &[&R],
) -> QueryResult<()> {
    while !rest.is_empty() {
        let count = match rest.len() {
            16.. => 16,
            4.. => 4,
            _ => 1,
        };
        let (rows, left) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        match count {
            16 => Insert::<R, 16, REPLACE> { rows }.execute(connection)?,
            4 => Insert::<R, 4, REPLACE> { rows }.execute(connection)?,
            _ => Insert::<R, 1, REPLACE> { rows }.execute(connection)?,
        };
        rest = left;
    }
    Ok(())
}
