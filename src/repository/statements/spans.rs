//! Statements about spans.

/// Stamps the statements for the backend `super::Db`.
macro_rules! span_statements {
    () => {
        use std::collections::BTreeMap;

        use diesel::prelude::*;
        use diesel::sql_types::{BigInt, Binary, Bool, Nullable, SmallInt, Text};

        use super::Db;
        use crate::model::{SpanId, SpanState, StatusCode};
        use crate::repository::filter::{Conditions, Field, TimeRange};
        use crate::repository::statements::{Among, SpanKey};
        use crate::repository::statistics::Group;
        use crate::store::AnyOf;
        use crate::store::rows::SpanRow;
        use crate::store::schema::spans;

        type Filtered<'a, T> = spans::BoxedQuery<'a, Db, T>;
        type Key = (BigInt, Binary, Binary);
        type Rows<'a> = Filtered<'a, diesel::dsl::SqlTypeOf<diesel::dsl::AsSelect<SpanRow, Db>>>;
        type Expression = Box<dyn BoxableExpression<spans::table, Db, SqlType = Nullable<Text>>>;
        /// Group key and label, trace, session, start, end, status, state, whether counted, tokens and cost.
        type Sample = (
            Nullable<Text>,
            Nullable<Text>,
            Binary,
            Nullable<Text>,
            BigInt,
            Nullable<BigInt>,
            SmallInt,
            SmallInt,
            (Bool, Bool),
            (
                Nullable<BigInt>,
                Nullable<BigInt>,
                Nullable<BigInt>,
                Nullable<BigInt>,
                Nullable<BigInt>,
                Nullable<BigInt>,
                Nullable<BigInt>,
            ),
        );

        /// Adds what the filter asks of a single span, but for its trace and its time.
        fn conditioned<'a, T>(mut query: Filtered<'a, T>, conditions: &Conditions) -> Filtered<'a, T> {
            for field in conditions.values.keys().copied() {
                let keys = conditions.keys(field);
                query = match field {
                    Field::Trace => query,
                    Field::Parent => {
                        let ids: Vec<SpanId> = conditions.ids(field).unwrap_or_default();
                        let ids: Vec<Vec<u8>> = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
                        query.filter(spans::parent_span_id.eq_any(ids))
                    }
                    Field::Call => query.filter(spans::tool_call_id.eq_any(keys)),
                    Field::Run => query.filter(spans::run_id.eq_any(keys)),
                    Field::Session => query.filter(spans::session_id.eq_any(keys)),
                    Field::Conversation => query.filter(spans::conversation_id.eq_any(keys)),
                    Field::User => query.filter(spans::user_id.eq_any(keys)),
                    Field::Tool => query.filter(spans::tool_name.eq_any(keys)),
                    Field::Agent => {
                        query.filter(spans::agent_id.eq_any(keys.clone()).or(spans::agent_name.eq_any(keys)))
                    }
                    Field::Team => query.filter(spans::team_id.eq_any(keys.clone()).or(spans::team_name.eq_any(keys))),
                    Field::Workflow => {
                        query.filter(spans::workflow_id.eq_any(keys.clone()).or(spans::workflow_name.eq_any(keys)))
                    }
                    Field::Step => query.filter(spans::step_name.eq_any(keys)),
                    Field::Model => {
                        query.filter(spans::request_model.eq_any(keys.clone()).or(spans::response_model.eq_any(keys)))
                    }
                    Field::Name => query.filter(spans::name.eq_any(keys.clone()).or(spans::display_name.eq_any(keys))),
                    Field::Provider => query.filter(spans::provider.eq_any(keys)),
                    Field::Service => query.filter(spans::service_name.eq_any(keys)),
                    Field::Kind => query.filter(spans::kind.eq_any(keys)),
                    Field::State => {
                        let states: Vec<SpanState> = conditions.ids(field).unwrap_or_default();
                        query.filter(spans::state.eq_any(states.into_iter().map(SpanState::rank)))
                    }
                    Field::Status => {
                        let codes: Vec<StatusCode> = conditions.ids(field).unwrap_or_default();
                        query.filter(spans::status_code.eq_any(codes.into_iter().map(StatusCode::otlp)))
                    }
                };
            }
            query = excluding(query, conditions);
            if let Some(lowest) = conditions.duration.lowest() {
                query = query.filter((spans::end_ns - spans::start_ns.nullable()).ge(lowest));
            }
            if let Some(highest) = conditions.duration.highest() {
                query = query.filter((spans::end_ns - spans::start_ns.nullable()).le(highest));
            }
            if let Some(lowest) = conditions.tokens.lowest() {
                query = query.filter(spans::total_tokens.ge(lowest));
            }
            if let Some(highest) = conditions.tokens.highest() {
                query = query.filter(spans::total_tokens.le(highest));
            }
            query
        }

        /// Leaves out the spans that have a value which the filter excludes.
        fn excluding<'a, T>(mut query: Filtered<'a, T>, conditions: &Conditions) -> Filtered<'a, T> {
            // A column without a value has none of those that are left out.
            macro_rules! none_of {
                ($column:ident, $keys:expr) => {
                    spans::$column.is_null().or(spans::$column.ne_all($keys))
                };
            }
            for (field, keys) in conditions.excluded_keys() {
                query = match field {
                    Field::Trace | Field::Parent | Field::Call | Field::State => query,
                    Field::Run => query.filter(none_of!(run_id, keys)),
                    Field::Session => query.filter(none_of!(session_id, keys)),
                    Field::Conversation => query.filter(none_of!(conversation_id, keys)),
                    Field::User => query.filter(none_of!(user_id, keys)),
                    Field::Tool => query.filter(none_of!(tool_name, keys)),
                    Field::Agent => query.filter(none_of!(agent_id, keys.clone())).filter(none_of!(agent_name, keys)),
                    Field::Team => query.filter(none_of!(team_id, keys.clone())).filter(none_of!(team_name, keys)),
                    Field::Workflow => {
                        query.filter(none_of!(workflow_id, keys.clone())).filter(none_of!(workflow_name, keys))
                    }
                    Field::Step => query.filter(none_of!(step_name, keys)),
                    Field::Model => {
                        query.filter(none_of!(request_model, keys.clone())).filter(none_of!(response_model, keys))
                    }
                    Field::Provider => query.filter(none_of!(provider, keys)),
                    Field::Service => query.filter(none_of!(service_name, keys)),
                    Field::Name => {
                        query.filter(spans::name.ne_all(keys.clone())).filter(spans::display_name.ne_all(keys))
                    }
                    Field::Kind => query.filter(spans::kind.ne_all(keys)),
                    Field::Status => {
                        let codes: Vec<StatusCode> = keys.iter().filter_map(|key| key.parse().ok()).collect();
                        query.filter(spans::status_code.ne_all(codes.into_iter().map(StatusCode::otlp)))
                    }
                };
            }
            query
        }

        /// The starts of the next `limit` spans, newest first, from the index `spans_by_start` alone: how far a search may look.
        pub(crate) fn starts<'a>(time: TimeRange, limit: i64) -> Filtered<'a, BigInt> {
            let mut query = spans::table.select(spans::start_ns).into_boxed::<Db>();
            if time.since_ns != i64::MIN {
                query = query.filter(spans::start_ns.ge(time.since_ns));
            }
            if time.until_ns != i64::MAX {
                query = query.filter(spans::start_ns.lt(time.until_ns));
            }
            query.order(spans::start_ns.desc()).limit(limit)
        }

        /// Keys of the spans of a window of time that hold, in no order; the window is one that [`starts`] measured.
        ///
        /// The caller sorts them: no index has the order of spans that start at once, and databases would sort whole rows.
        pub(crate) fn in_window<'a>(
            conditions: &Conditions,
            (low_ns, high_ns): (i64, i64),
            after: Option<&SpanKey>,
        ) -> Filtered<'a, Key> {
            let mut query = spans::table
                .select((spans::start_ns, spans::trace_id, spans::span_id))
                .filter(spans::start_ns.between(low_ns, high_ns))
                .into_boxed::<Db>();
            if let Some((start_ns, trace_id, span_id)) = after.cloned() {
                query = query.filter(
                    spans::start_ns.lt(start_ns).or(spans::trace_id
                        .lt(trace_id.clone())
                        .or(spans::trace_id.eq(trace_id).and(spans::span_id.lt(span_id)))),
                );
            }
            conditioned(query, conditions)
        }

        /// Keys of the spans of given traces that hold, in no order. Times are compared by the caller: a bound on the start here could
        /// lead a planner away from the traces.
        pub(crate) fn in_traces<'a>(conditions: &Conditions, trace_ids: Vec<Vec<u8>>) -> Filtered<'a, Key> {
            let query = spans::table
                .select((spans::start_ns, spans::trace_id, spans::span_id))
                .filter(spans::trace_id.eq_any(trace_ids))
                .into_boxed::<Db>();
            conditioned(query, conditions)
        }

        /// Rows of given spans, by their traces, in no order; there must be one at least.
        pub(crate) fn rows<'a>(spans_of: BTreeMap<Vec<u8>, Vec<Vec<u8>>>) -> Rows<'a> {
            let these: AnyOf<_> = spans_of
                .into_iter()
                .map(|(trace_id, span_ids)| spans::trace_id.eq(trace_id).and(spans::span_id.eq_any(span_ids)))
                .collect();
            spans::table.select(SpanRow::as_select()).filter(these).into_boxed()
        }

        /// All spans of a trace, in no order.
        pub(crate) fn of_trace<'a>(trace_id: Vec<u8>) -> Rows<'a> {
            spans::table.select(SpanRow::as_select()).filter(spans::trace_id.eq(trace_id)).into_boxed()
        }

        /// What statistics read of each span that holds, in no order: of the spans of given traces, or else of a range of time. For given
        /// traces the caller compares times, for the reason given at [`in_traces`].
        pub(crate) fn samples<'a>(conditions: &Conditions, group: Group, among: Among) -> Filtered<'a, Sample> {
            let (key, label) = group_columns(group);
            let mut query = spans::table
                .select((
                    key,
                    label,
                    spans::trace_id,
                    spans::session_id,
                    spans::start_ns,
                    spans::end_ns,
                    spans::status_code,
                    spans::state,
                    (spans::usage_counted, spans::cost_counted),
                    (
                        spans::input_tokens,
                        spans::output_tokens,
                        spans::total_tokens,
                        spans::cache_read_tokens,
                        spans::cache_write_tokens,
                        spans::reasoning_tokens,
                        spans::cost_nano_usd,
                    ),
                ))
                .into_boxed::<Db>();
            match among {
                Among::Traces(ids) => query = query.filter(spans::trace_id.eq_any(ids)),
                Among::Time(time) => {
                    if time.since_ns != i64::MIN {
                        query = query.filter(spans::start_ns.ge(time.since_ns));
                    }
                    if time.until_ns != i64::MAX {
                        query = query.filter(spans::start_ns.lt(time.until_ns));
                    }
                }
            }
            conditioned(query, conditions)
        }

        /// The columns of a group's key and label; where one is missing in a row, the other stands for it.
        fn group_columns(group: Group) -> (Expression, Expression) {
            let none = || -> Expression { Box::new(None::<String>.into_sql::<Nullable<Text>>()) };
            match group {
                Group::All => (none(), none()),
                Group::Agent => (Box::new(spans::agent_id), Box::new(spans::agent_name)),
                Group::Team => (Box::new(spans::team_id), Box::new(spans::team_name)),
                Group::Workflow => (Box::new(spans::workflow_id), Box::new(spans::workflow_name)),
                Group::Step => (Box::new(spans::step_name), none()),
                Group::Model => (Box::new(spans::response_model), Box::new(spans::request_model)),
                Group::Tool => (Box::new(spans::tool_name), none()),
                Group::Provider => (Box::new(spans::provider), none()),
                Group::User => (Box::new(spans::user_id), none()),
                Group::Session => (Box::new(spans::session_id), none()),
                Group::Kind => (Box::new(spans::kind.nullable()), none()),
                Group::Name => (Box::new(spans::display_name.nullable()), none()),
            }
        }
    };
}
pub(super) use span_statements;
