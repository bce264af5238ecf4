//! Inserts of one and of several rows.

use diesel::SqliteConnection;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;

use crate::store::dialect::cell::{Conflict, OnConflict, Row, assign, push_cell};
use crate::store::dialect::values::insert_values;

insert_values!(Sqlite, SqliteConnection, rows [16, 4, 1], max_bytes usize::MAX, begin begin, end end);

fn begin<C: OnConflict>(out: &mut AstPass<'_, '_, Sqlite>) {
    out.push_sql(match C::CONFLICT {
        // Not ABORT, which is the default: it keeps a journal of each statement, to undo it alone. Here the whole transaction is undone.
        Conflict::Fail => "INSERT OR FAIL INTO ",
        Conflict::Replace => "INSERT OR REPLACE INTO ",
        Conflict::Keep => "INSERT OR IGNORE INTO ",
        Conflict::AddUp => "INSERT INTO ",
    });
}

fn end<R: Row, C: OnConflict>(out: &mut AstPass<'_, '_, Sqlite>) {
    if C::CONFLICT == Conflict::AddUp {
        out.push_sql(" ON CONFLICT (");
        out.push_sql(R::KEY);
        out.push_sql(") DO UPDATE SET ");
        assign::<R, C>(|sql| out.push_sql(sql), [R::TABLE, "."], ["excluded.", ""]);
    }
}
