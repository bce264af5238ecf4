//! Inserts of many rows.

use diesel::mysql::Mysql;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use super::MysqlConnection;
use crate::store::dialect::cell::{Conflict, OnConflict, Row, assign, push_cell};
use crate::store::dialect::values::insert_values;

/// The server's `max_allowed_packet` is 16 MiB or more by default.
const MAX_BYTES: usize = 4 * 1024 * 1024;

insert_values!(Mysql, MysqlConnection, rows [256, 64, 16, 4, 1], max_bytes MAX_BYTES, begin begin, end end);

fn begin<C: OnConflict>(out: &mut AstPass<'_, '_, Mysql>) {
    out.push_sql("INSERT INTO ");
}

fn end<R: Row, C: OnConflict>(out: &mut AstPass<'_, '_, Mysql>) {
    match C::CONFLICT {
        Conflict::Fail => {}
        Conflict::Replace | Conflict::AddUp => {
            out.push_sql(" ON DUPLICATE KEY UPDATE ");
            // `VALUES` is what both families of servers understand.
            assign::<R, C>(|sql| out.push_sql(sql), ["", ""], ["VALUES(", ")"]);
        }
        Conflict::Keep => {
            out.push_sql(" ON DUPLICATE KEY UPDATE ");
            // Changes nothing. Not IGNORE, which would ignore more than the key.
            for (place, column) in R::KEY.split(", ").enumerate() {
                out.push_sql(if place == 0 { "" } else { ", " });
                out.push_sql(column);
                out.push_sql(" = ");
                out.push_sql(column);
            }
        }
    }
}
