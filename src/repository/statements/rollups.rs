//! Statements about roll-ups.

/// Stamps the statements for the backend `super::Db`.
macro_rules! rollup_statements {
    () => {
        use diesel::prelude::*;
        use diesel::sql_types::{BigInt, Binary};

        use super::Db;
        use crate::repository::filter::TimeRange;
        use crate::store::rollup::level;
        use crate::store::schema::rollups;

        type Filtered<'a, T> = rollups::BoxedQuery<'a, Db, T>;

        /// The rows of one level whose pieces of time begin in a range, in no order: where they begin, and their sums.
        pub(crate) fn pieces<'a>(level: i16, time: TimeRange) -> Filtered<'a, (BigInt, Binary)> {
            let mut query = rollups::table
                .select((rollups::start_ns, rollups::cells))
                .filter(rollups::level.eq(level))
                .into_boxed::<Db>();
            if time.since_ns != i64::MIN {
                query = query.filter(rollups::start_ns.ge(time.since_ns));
            }
            if time.until_ns != i64::MAX {
                query = query.filter(rollups::start_ns.lt(time.until_ns));
            }
            query
        }

        /// The time before which spans are not rolled up yet; nothing when all are.
        pub(crate) fn uncovered<'a>() -> Filtered<'a, BigInt> {
            rollups::table.select(rollups::version).filter(rollups::level.eq(level::UNCOVERED)).into_boxed::<Db>()
        }
    };
}
pub(super) use rollup_statements;
