//! Statements about sessions.

use crate::store::schema::trace_facets;

// The facets once more, beside those that name the sessions.
diesel::alias! {
    pub(super) const OTHER_FACETS: Alias<OtherFacets> = trace_facets as other_facets;
}

/// Stamps the statements for the backend `super::Db`.
macro_rules! session_statements {
    () => {
        use diesel::dsl::exists;
        use diesel::prelude::*;
        use diesel::sql_types::{BigInt, Text};

        use super::Db;
        use crate::repository::filter::TimeRange;
        use crate::repository::statements::SessionKey;
        use crate::repository::statements::sessions::OTHER_FACETS;
        use crate::store::Facet;
        use crate::store::rows::SessionRow;
        use crate::store::schema::{sessions, trace_facets};

        type Keys<'a> = sessions::BoxedQuery<'a, Db, (BigInt, Text)>;
        type Rows<'a> = sessions::BoxedQuery<'a, Db, diesel::dsl::SqlTypeOf<diesel::dsl::AsSelect<SessionRow, Db>>>;

        /// Keys of all sessions whose last activity is at or after the range's beginning, the latest first, from the index
        /// `sessions_by_last` alone.
        pub(crate) fn by_last<'a>(time: TimeRange, after: Option<&SessionKey>, limit: i64) -> Keys<'a> {
            let mut query = sessions::table.select((sessions::last_ns, sessions::session_id)).into_boxed::<Db>();
            if time.since_ns != i64::MIN {
                query = query.filter(sessions::last_ns.ge(time.since_ns));
            }
            if let Some((last_ns, session_id)) = after.cloned() {
                query = query
                    .filter(sessions::last_ns.le(last_ns))
                    .filter(sessions::last_ns.lt(last_ns).or(sessions::session_id.lt(session_id)));
            }
            query.order((sessions::last_ns.desc(), sessions::session_id.desc())).limit(limit)
        }

        /// Keys of given sessions, in no order.
        pub(crate) fn by_id<'a>(ids: Vec<String>) -> Keys<'a> {
            sessions::table
                .select((sessions::last_ns, sessions::session_id))
                .filter(sessions::session_id.eq_any(ids))
                .into_boxed()
        }

        /// Those of the given sessions that have a trace in which one of the values occurs.
        pub(crate) fn with_facet<'a>(
            ids: Vec<String>,
            facet: Facet,
            values: Vec<String>,
        ) -> trace_facets::BoxedQuery<'a, Db, Text> {
            let other = OTHER_FACETS;
            trace_facets::table
                .select(trace_facets::value)
                .filter(trace_facets::field.eq(Facet::Session.as_str()))
                .filter(trace_facets::value.eq_any(ids))
                .filter(exists(
                    other
                        .filter(other.field(trace_facets::trace_id).eq(trace_facets::trace_id))
                        .filter(other.field(trace_facets::field).eq(facet.as_str()))
                        .filter(other.field(trace_facets::value).eq_any(values)),
                ))
                .distinct()
                .into_boxed()
        }

        /// The summaries of those of the given sessions that began before the range's end, in no order.
        pub(crate) fn rows<'a>(ids: Vec<String>, time: TimeRange) -> Rows<'a> {
            let query = sessions::table.select(SessionRow::as_select()).filter(sessions::session_id.eq_any(ids));
            match time.until_ns {
                i64::MAX => query.into_boxed(),
                until_ns => query.filter(sessions::start_ns.lt(until_ns)).into_boxed(),
            }
        }
    };
}
pub(super) use session_statements;
