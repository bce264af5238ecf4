//! Statements about traces.

/// Stamps the statements for the backend `super::Db`.
macro_rules! trace_statements {
    () => {
        use diesel::prelude::*;
        use diesel::sql_types::{BigInt, Binary, Text};

        use super::Db;
        use crate::repository::filter::{Range, TimeRange};
        use crate::repository::statements::TraceKey;
        use crate::store::Facet;
        use crate::store::rows::TraceRow;
        use crate::store::schema::{trace_facets, traces};

        type Keys<'a> = traces::BoxedQuery<'a, Db, (BigInt, Binary)>;
        type FacetKeys<'a> = trace_facets::BoxedQuery<'a, Db, (BigInt, Binary)>;
        type Rows<'a> = traces::BoxedQuery<'a, Db, diesel::dsl::SqlTypeOf<diesel::dsl::AsSelect<TraceRow, Db>>>;

        /// Keys of all traces, newest first, from the index `traces_by_start` alone.
        pub(crate) fn by_start<'a>(time: TimeRange, after: Option<&TraceKey>, limit: i64) -> Keys<'a> {
            let query = traces::table.select((traces::start_ns, traces::trace_id)).into_boxed::<Db>();
            newest(query, time, after, limit)
        }

        /// The summaries of all traces, newest first: each is found along the index `traces_by_start`, and not by its id.
        pub(crate) fn rows_by_start<'a>(time: TimeRange, after: Option<&TraceKey>, limit: i64) -> Rows<'a> {
            newest(traces::table.select(TraceRow::as_select()).into_boxed::<Db>(), time, after, limit)
        }

        /// The newest of all traces.
        ///
        /// The time bound is a plain range, with the tie-break beside it: an OR at the top would cost the index its order.
        fn newest<'a, T>(
            query: traces::BoxedQuery<'a, Db, T>,
            time: TimeRange,
            after: Option<&TraceKey>,
            limit: i64,
        ) -> traces::BoxedQuery<'a, Db, T> {
            // A fragment of a torn run stands in the run's trace.
            let mut query = query.filter(traces::joined_to.is_null());
            if time.since_ns != i64::MIN {
                query = query.filter(traces::start_ns.ge(time.since_ns));
            }
            if time.until_ns != i64::MAX {
                query = query.filter(traces::start_ns.lt(time.until_ns));
            }
            if let Some((start_ns, trace_id)) = after.cloned() {
                query = query
                    .filter(traces::start_ns.le(start_ns))
                    .filter(traces::start_ns.lt(start_ns).or(traces::trace_id.lt(trace_id)));
            }
            query.order((traces::start_ns.desc(), traces::trace_id.desc())).limit(limit)
        }

        /// Keys of the traces in which a value occurs, newest first, from the index `trace_facets_by_value` alone.
        pub(crate) fn by_facet<'a>(
            facet: Facet,
            value: String,
            time: TimeRange,
            after: Option<&TraceKey>,
            limit: i64,
        ) -> FacetKeys<'a> {
            let mut query = trace_facets::table
                .select((trace_facets::start_ns, trace_facets::trace_id))
                .filter(trace_facets::field.eq(facet.as_str()))
                .filter(trace_facets::value.eq(value))
                .into_boxed::<Db>();
            if time.since_ns != i64::MIN {
                query = query.filter(trace_facets::start_ns.ge(time.since_ns));
            }
            if time.until_ns != i64::MAX {
                query = query.filter(trace_facets::start_ns.lt(time.until_ns));
            }
            if let Some((start_ns, trace_id)) = after.cloned() {
                query = query
                    .filter(trace_facets::start_ns.le(start_ns))
                    .filter(trace_facets::start_ns.lt(start_ns).or(trace_facets::trace_id.lt(trace_id)));
            }
            query.order((trace_facets::start_ns.desc(), trace_facets::trace_id.desc())).limit(limit)
        }

        /// Keys of given traces, in no order.
        pub(crate) fn by_id<'a>(ids: Vec<Vec<u8>>) -> Keys<'a> {
            traces::table.select((traces::start_ns, traces::trace_id)).filter(traces::trace_id.eq_any(ids)).into_boxed()
        }

        /// Those of the given traces in which one of the values occurs: point lookups in the facets' key.
        pub(crate) fn with_facet<'a>(
            ids: Vec<Vec<u8>>,
            facet: Facet,
            values: Vec<String>,
        ) -> trace_facets::BoxedQuery<'a, Db, Binary> {
            trace_facets::table
                .select(trace_facets::trace_id)
                .filter(trace_facets::trace_id.eq_any(ids))
                .filter(trace_facets::field.eq(facet.as_str()))
                .filter(trace_facets::value.eq_any(values))
                .into_boxed()
        }

        /// The values of a field in the given traces.
        pub(crate) fn facet_values<'a>(
            ids: Vec<Vec<u8>>,
            facet: Facet,
        ) -> trace_facets::BoxedQuery<'a, Db, (Binary, Text)> {
            trace_facets::table
                .select((trace_facets::trace_id, trace_facets::value))
                .filter(trace_facets::trace_id.eq_any(ids))
                .filter(trace_facets::field.eq(facet.as_str()))
                .into_boxed()
        }

        /// The summaries of those of the given traces that lie within the bounds, in no order.
        pub(crate) fn rows<'a>(ids: Vec<Vec<u8>>, duration: Range, tokens: Range) -> Rows<'a> {
            let mut query =
                traces::table.select(TraceRow::as_select()).filter(traces::trace_id.eq_any(ids)).into_boxed::<Db>();
            if let Some(lowest) = duration.lowest() {
                query = query.filter(traces::duration_ns.ge(lowest));
            }
            if let Some(highest) = duration.highest() {
                query = query.filter(traces::duration_ns.le(highest));
            }
            if let Some(lowest) = tokens.lowest() {
                query = query.filter(traces::total_tokens.ge(lowest));
            }
            if let Some(highest) = tokens.highest() {
                query = query.filter(traces::total_tokens.le(highest));
            }
            query
        }
    };
}
pub(super) use trace_statements;
