//! Many rows in one statement: `INSERT … VALUES (…), (…)`, in a few fixed numbers of rows, so that the connection can keep each
//! prepared. Preparing such a statement anew each time costs more than running it.

use diesel::mysql::Mysql;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text};

use super::MysqlConnection;
use crate::store::dialect::cell::{Cell, Row};

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
        out.push_sql(&R::COLUMNS.join(", "));
        out.push_sql(") VALUES ");
        for (place, row) in self.rows.iter().enumerate() {
            out.push_sql(if place == 0 { "(" } else { ", (" });
            for (place, cell) in row.cells().enumerate() {
                if place > 0 {
                    out.push_sql(", ");
                }
                push(&mut out, cell)?;
            }
            out.push_sql(")");
        }
        out.push_sql(" ON DUPLICATE KEY UPDATE ");
        let assignments: Vec<String> = if REPLACE {
            // `VALUES` is what both families of servers understand.
            let others = R::COLUMNS.iter().filter(|column| !R::KEY.contains(column));
            others.map(|column| format!("{column} = VALUES({column})")).collect()
        } else {
            // Not IGNORE, which would ignore more than the key.
            R::KEY.iter().map(|column| format!("{column} = {column}")).collect()
        };
        out.push_sql(&assignments.join(", "));
        Ok(())
    }
}

fn push<'b>(out: &mut AstPass<'_, 'b, Mysql>, cell: Cell<'b>) -> QueryResult<()> {
    match cell {
        Cell::Bytes(Some(bytes)) => out.push_bind_param::<Binary, [u8]>(bytes),
        Cell::Bytes(None) => out.push_bind_param::<Nullable<Binary>, Option<&[u8]>>(&None),
        Cell::Text(Some(text)) => out.push_bind_param::<Text, str>(text),
        Cell::Text(None) => out.push_bind_param::<Nullable<Text>, Option<&str>>(&None),
        Cell::Big(Some(number)) => out.push_bind_param::<BigInt, i64>(number),
        Cell::Big(None) => out.push_bind_param::<Nullable<BigInt>, Option<i64>>(&None),
        Cell::Int(Some(number)) => out.push_bind_param::<Integer, i32>(number),
        Cell::Int(None) => out.push_bind_param::<Nullable<Integer>, Option<i32>>(&None),
        Cell::Small(Some(number)) => out.push_bind_param::<SmallInt, i16>(number),
        Cell::Small(None) => out.push_bind_param::<Nullable<SmallInt>, Option<i16>>(&None),
        Cell::Bool(Some(value)) => out.push_bind_param::<Bool, bool>(value),
        Cell::Bool(None) => out.push_bind_param::<Nullable<Bool>, Option<bool>>(&None),
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
