//! Statements that read roll-ups, and the spans that they are made of.

use crate::store::for_each_backend;

/// Stamps the statements for a backend.
macro_rules! stamp {
    ($module:ident, $backend:ty) => {
        /// The statements as this database writes them.
        pub(crate) mod $module {
            use diesel::dsl::{AsSelect, SqlTypeOf};
            use diesel::prelude::*;

            use crate::store::rollup::SpanFacts;
            use crate::store::schema::spans;

            type Facts = SqlTypeOf<AsSelect<SpanFacts, $backend>>;

            /// The spans that start from one time to another, both included, in no order.
            pub(crate) fn facts<'a>(from_ns: i64, last_ns: i64) -> spans::BoxedQuery<'a, $backend, Facts> {
                spans::table
                    .select(SpanFacts::as_select())
                    .filter(spans::start_ns.ge(from_ns))
                    .filter(spans::start_ns.le(last_ns))
                    .into_boxed()
            }
        }
    };
}

for_each_backend!(stamp);
