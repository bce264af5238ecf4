//! Many rows in one statement: `INSERT … VALUES (…), (…)`, in a few fixed numbers of rows, so that the connection can keep each
//! prepared. Preparing such a statement anew each time costs more than running it.

/// Stamps `insert` for a backend: `begin` and `end` push what stands before the table's name and behind the last row, and `max_bytes`
/// are those of one statement's values, but for a single larger row.
///
/// A macro, because as generic code it would need a bound for each type on each database.
macro_rules! insert_values {
    ($backend:ty, $connection:ty, rows [$($size:literal),+], max_bytes $max:expr, begin $begin:ident, end $end:ident) => {
        /// Inserts `N` rows.
        #[derive(Debug)]
        struct Insert<'a, R, C, const N: usize> {
            rows: &'a [&'a R],
            on_conflict: std::marker::PhantomData<C>,
        }

        impl<R: Row, C: OnConflict, const N: usize> QueryFragment<$backend> for Insert<'_, R, C, N> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                $begin::<C>(&mut out);
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
                $end::<R, C>(&mut out);
                Ok(())
            }
        }

        impl<R: Row, C: OnConflict, const N: usize> QueryId for Insert<'_, R, C, N> {
            type QueryId = Insert<'static, R, C, N>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl<R, C, const N: usize, Connection> diesel::RunQueryDsl<Connection> for Insert<'_, R, C, N> {}

        /// Inserts rows, each key at most once.
        pub(super) fn insert<R: Row, C: OnConflict>(connection: &mut $connection, mut rest: &[&R]) -> QueryResult<()> {
            while !rest.is_empty() {
                let mut bytes = 0_usize;
                let fitting = rest.iter().take([$($size),+][0]).take_while(|row| {
                    bytes += row.size();
                    bytes <= $max
                });
                let fitting = fitting.count().max(1);
                $(if fitting >= $size
                    && let Some((rows, left)) = rest.split_at_checked($size)
                {
                    let insert = Insert::<R, C, $size> { rows, on_conflict: std::marker::PhantomData };
                    diesel::RunQueryDsl::execute(insert, connection)?;
                    rest = left;
                    continue;
                })+
            }
            Ok(())
        }
    };
}
pub(super) use insert_values;
