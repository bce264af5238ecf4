//! Statements about one span, its payload and its origin.

/// Stamps the statements for the backend `super::Db`.
macro_rules! detail_statements {
    () => {
        use diesel::dsl::{AsSelect, SqlTypeOf};
        use diesel::prelude::*;

        use super::Db;
        use crate::store::MAX_EVENTS;
        use crate::store::rows::{ContentRow, EventRow, ProcessRow, ResourceRow, ScopeRow, SpanRow};
        use crate::store::schema::{processes, resources, scopes, span_contents, span_events, spans};

        /// A span; the latest, should its id stand on several days.
        pub(crate) fn span<'a>(
            trace_id: Vec<u8>,
            span_id: Vec<u8>,
        ) -> spans::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<SpanRow, Db>>> {
            spans::table
                .select(SpanRow::as_select())
                .filter(spans::trace_id.eq(trace_id))
                .filter(spans::span_id.eq(span_id))
                .order(spans::start_day.desc())
                .limit(1)
                .into_boxed()
        }

        /// A span's payload.
        pub(crate) fn content<'a>(
            row: &SpanRow,
        ) -> span_contents::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<ContentRow, Db>>> {
            span_contents::table
                .select(ContentRow::as_select())
                .filter(span_contents::trace_id.eq(row.trace_id.clone()))
                .filter(span_contents::span_id.eq(row.span_id.clone()))
                .filter(span_contents::start_day.eq(row.start_day))
                .into_boxed()
        }

        /// The payload of a span, whatever the day.
        pub(crate) fn content_of<'a>(
            trace_id: Vec<u8>,
            span_id: Vec<u8>,
        ) -> span_contents::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<ContentRow, Db>>> {
            span_contents::table
                .select(ContentRow::as_select())
                .filter(span_contents::trace_id.eq(trace_id))
                .filter(span_contents::span_id.eq(span_id))
                .order(span_contents::start_day.desc())
                .limit(1)
                .into_boxed()
        }

        /// The payloads of some spans of a trace, in no order.
        pub(crate) fn contents_of<'a>(
            trace_id: Vec<u8>,
            span_ids: Vec<Vec<u8>>,
        ) -> span_contents::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<ContentRow, Db>>> {
            span_contents::table
                .select(ContentRow::as_select())
                .filter(span_contents::trace_id.eq(trace_id))
                .filter(span_contents::span_id.eq_any(span_ids))
                .into_boxed()
        }

        /// The events of some spans of a trace that came as log records, each span's by time.
        pub(crate) fn events_of<'a>(
            trace_id: Vec<u8>,
            span_ids: Vec<Vec<u8>>,
        ) -> span_events::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<EventRow, Db>>> {
            let most = i64::try_from(MAX_EVENTS.saturating_mul(span_ids.len())).unwrap_or(i64::MAX);
            span_events::table
                .select(EventRow::as_select())
                .filter(span_events::trace_id.eq(trace_id))
                .filter(span_events::span_id.eq_any(span_ids))
                .order((span_events::span_id, span_events::time_ns, span_events::event_id))
                .limit(most)
                .into_boxed()
        }

        /// A resource.
        pub(crate) fn resource<'a>(id: Vec<u8>) -> resources::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<ResourceRow, Db>>> {
            resources::table.select(ResourceRow::as_select()).filter(resources::resource_id.eq(id)).into_boxed()
        }

        /// A scope.
        pub(crate) fn scope<'a>(id: Vec<u8>) -> scopes::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<ScopeRow, Db>>> {
            scopes::table.select(ScopeRow::as_select()).filter(scopes::scope_id.eq(id)).into_boxed()
        }

        /// All processes, the latest start first.
        pub(crate) fn processes<'a>() -> processes::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<ProcessRow, Db>>> {
            processes::table
                .select(ProcessRow::as_select())
                .order((processes::started_ns.desc(), processes::process_id.desc()))
                .into_boxed()
        }
    };
}
pub(super) use detail_statements;
