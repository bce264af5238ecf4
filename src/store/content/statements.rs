//! Statements about parts, which both the blocking and the asynchronous reads run.

use crate::store::for_each_backend;

/// Stamps the statements for a backend.
macro_rules! stamp {
    ($module:ident, $backend:ty) => {
        /// The statements as this database writes them.
        pub(crate) mod $module {
            use diesel::dsl::SqlTypeOf;
            use diesel::prelude::*;

            use crate::store::schema::content_parts;

            type Part = (content_parts::digest, content_parts::is_list, content_parts::bytes);

            /// Some parts of a day, in no order.
            pub(crate) fn parts<'a>(
                day: i32,
                names: Vec<Vec<u8>>,
            ) -> content_parts::BoxedQuery<'a, $backend, SqlTypeOf<Part>> {
                content_parts::table
                    .select((content_parts::digest, content_parts::is_list, content_parts::bytes))
                    .filter(content_parts::start_day.eq(day))
                    .filter(content_parts::digest.eq_any(names))
                    .into_boxed()
            }
        }
    };
}

for_each_backend!(stamp);
