//! Many rows in one statement: an array for each column, opened by `unnest`. One text and one plan, however many rows.

use std::fmt::Debug;
use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text};

use crate::store::dialect::cell::{Cell, Conflict, OnConflict, Row, assign};

/// `INSERT … SELECT FROM unnest(…)`.
#[derive(Debug)]
pub(super) struct BulkInsert<'a, R, C> {
    columns: Vec<Column<'a>>,
    of: PhantomData<(R, C)>,
}

/// One column of all rows.
#[derive(Debug)]
enum Column<'a> {
    Bytes(Vec<Option<&'a [u8]>>),
    Text(Vec<Option<&'a str>>),
    Big(Vec<Option<i64>>),
    Int(Vec<Option<i32>>),
    Small(Vec<Option<i16>>),
    Bool(Vec<Option<bool>>),
}

impl<'a> Column<'a> {
    fn of<R: Row>(cell: fn(&R) -> Cell<'_>, rows: &[&'a R]) -> Self {
        // Every row has the same type of cell in a column; a value of another would be NULL, which the table refuses.
        macro_rules! collect {
            ($kind:ident, $value:ident => $read:expr) => {
                Self::$kind(
                    rows.iter()
                        .map(|row| match cell(row) {
                            Cell::$kind($value) => $read,
                            _ => None,
                        })
                        .collect(),
                )
            };
        }
        match rows.first().map(|row| cell(row)) {
            Some(Cell::Text(_)) => collect!(Text, text => text),
            Some(Cell::Big(_)) => collect!(Big, number => number.copied()),
            Some(Cell::Int(_)) => collect!(Int, number => number.copied()),
            Some(Cell::Small(_)) => collect!(Small, number => number.copied()),
            Some(Cell::Bool(_)) => collect!(Bool, value => value.copied()),
            Some(Cell::Bytes(_)) | None => collect!(Bytes, bytes => bytes),
        }
    }
}

impl<'a, R: Row, C: OnConflict> BulkInsert<'a, R, C> {
    pub(super) fn new(rows: &[&'a R]) -> Self {
        Self { columns: R::CELLS.iter().map(|cell| Column::of(*cell, rows)).collect(), of: PhantomData }
    }
}

impl<R: Row, C: OnConflict> QueryFragment<Pg> for BulkInsert<'_, R, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("INSERT INTO ");
        out.push_identifier(R::TABLE)?;
        out.push_sql(" (");
        out.push_sql(R::COLUMNS);
        out.push_sql(") SELECT * FROM unnest(");
        for (place, column) in self.columns.iter().enumerate() {
            if place > 0 {
                out.push_sql(", ");
            }
            match column {
                Column::Bytes(values) => out.push_bind_param::<Array<Nullable<Binary>>, _>(values)?,
                Column::Text(values) => out.push_bind_param::<Array<Nullable<Text>>, _>(values)?,
                Column::Big(values) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(values)?,
                Column::Int(values) => out.push_bind_param::<Array<Nullable<Integer>>, _>(values)?,
                Column::Small(values) => out.push_bind_param::<Array<Nullable<SmallInt>>, _>(values)?,
                Column::Bool(values) => out.push_bind_param::<Array<Nullable<Bool>>, _>(values)?,
            }
        }
        out.push_sql(")");
        if C::CONFLICT == Conflict::Fail {
            return Ok(());
        }
        out.push_sql(" ON CONFLICT (");
        out.push_sql(R::KEY);
        out.push_sql(")");
        if C::CONFLICT == Conflict::Keep {
            out.push_sql(" DO NOTHING");
        } else {
            out.push_sql(" DO UPDATE SET ");
            assign::<R, C>(|sql| out.push_sql(sql), [R::TABLE, "."], ["excluded.", ""]);
        }
        Ok(())
    }
}

/// One statement a table, which the connection keeps prepared.
impl<R: Row, C: OnConflict> QueryId for BulkInsert<'_, R, C> {
    type QueryId = BulkInsert<'static, R, C>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<R, C, Connection> diesel::RunQueryDsl<Connection> for BulkInsert<'_, R, C> {}
