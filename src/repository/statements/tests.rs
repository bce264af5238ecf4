use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;

use super::Among;
use super::sqlite::{details, sessions, spans, traces};
use crate::repository::filter::{Range, SpanFilter, TimeRange, TraceFilter};
use crate::repository::statistics::Group;
use crate::store::{Facet, Failure, Store, dispatch};

fn range() -> TimeRange {
    TimeRange { since_ns: 5, until_ns: 50 }
}

#[test]
fn a_statement_is_built_without_a_connection() {
    let filter: TraceFilter = "duration>=2s".parse().unwrap();
    let statement = traces::rows(vec![vec![1; 16]], filter.conditions().duration, Range::default());
    let text = diesel::debug_query::<Sqlite, _>(&statement).to_string();
    assert!(text.contains("WHERE ((`traces`.`trace_id` IN (?)) AND (`traces`.`duration_ns` >= ?))"), "{text}");
    assert!(text.contains("2000000000"), "{text}");
    assert!(!text.contains("OFFSET"), "{text}");
}

/// SQLite's plan of a statement, a line for each step.
fn plan(store: &Store, statement: &impl QueryFragment<Sqlite>) -> String {
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        detail: String,
    }
    let sql = format!("EXPLAIN QUERY PLAN {}", diesel::debug_query::<Sqlite, _>(statement));
    let steps: Vec<Step> = store
        .read(|connection| dispatch!(connection, c => diesel::sql_query(&sql).load(c)).map_err(Failure::from))
        .unwrap();
    steps.into_iter().map(|step| step.detail).collect::<Vec<_>>().join("\n")
}

#[test]
fn lists_walk_along_their_indexes() {
    let store = Store::open("sqlite::memory:").unwrap();
    let after = (20, vec![3; 16]);
    let conditions: SpanFilter =
        "agent:a kind:model,tool status:error duration>1s tokens>1 parent:00f067aa0ba902b7 service:s".parse().unwrap();
    let conditions = conditions.conditions();
    let among = |among| spans::samples(conditions, Group::Agent, among);
    let session = (20, "s".to_owned());
    let ids = || vec![vec![1; 16], vec![2; 16]];
    for (statement, expected) in [
        (
            plan(&store, &traces::by_start(range(), Some(&after), 21)),
            "SEARCH traces USING COVERING INDEX traces_by_start (start_ns>? AND start_ns<?)",
        ),
        (plan(&store, &traces::by_start(TimeRange::ALL, None, 21)), "SCAN traces USING COVERING INDEX traces_by_start"),
        (
            plan(&store, &traces::rows_by_start(range(), Some(&after), 21)),
            "SEARCH traces USING INDEX traces_by_start (start_ns>? AND start_ns<?)",
        ),
        (
            plan(&store, &traces::by_facet(Facet::Agent, "a".into(), range(), Some(&after), 21)),
            "SEARCH trace_facets USING COVERING INDEX trace_facets_by_value (field=? AND value=? AND start_ns>? AND start_ns<?)",
        ),
        (
            plan(&store, &traces::with_facet(ids(), Facet::Agent, vec!["a".into(), "b".into()])),
            "SEARCH trace_facets USING PRIMARY KEY (trace_id=? AND field=? AND value=?)",
        ),
        (
            plan(&store, &traces::facet_values(ids(), Facet::Agent)),
            "SEARCH trace_facets USING PRIMARY KEY (trace_id=? AND field=?)",
        ),
        (
            plan(&store, &traces::rows(ids(), Range::default(), Range::default())),
            "SEARCH traces USING INDEX sqlite_autoindex_traces_1 (trace_id=?)",
        ),
        (plan(&store, &traces::by_id(ids())), "SEARCH traces USING INDEX sqlite_autoindex_traces_1 (trace_id=?)"),
        (
            plan(&store, &spans::starts(range(), 21)),
            "SEARCH spans USING COVERING INDEX spans_by_start (start_ns>? AND start_ns<?)",
        ),
        (
            plan(&store, &spans::in_window(conditions, (5, 9), Some(&(9, vec![1; 16], vec![1; 8])))),
            "SEARCH spans USING INDEX spans_by_start (start_ns>? AND start_ns<?)",
        ),
        (
            plan(&store, &among(Among::Time(range()))),
            "SEARCH spans USING INDEX spans_by_start (start_ns>? AND start_ns<?)",
        ),
        (
            plan(&store, &spans::rows([(vec![1; 16], vec![vec![1; 8], vec![2; 8]])].into())),
            "SEARCH spans USING INDEX sqlite_autoindex_spans_1 (trace_id=? AND span_id=?)",
        ),
        (
            plan(&store, &details::span(vec![1; 16], vec![1; 8])),
            "SEARCH spans USING INDEX sqlite_autoindex_spans_1 (trace_id=? AND span_id=?)",
        ),
        (
            plan(&store, &sessions::by_last(range(), Some(&session), 21)),
            "SEARCH sessions USING COVERING INDEX sessions_by_last (last_ns>? AND last_ns<?)",
        ),
        (
            plan(&store, &sessions::rows(vec!["s".into()], range())),
            "SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (session_id=?)",
        ),
    ] {
        assert_eq!(statement, expected);
    }
    for statement in [
        plan(&store, &spans::in_traces(conditions, ids())),
        plan(&store, &among(Among::Traces(ids()))),
        plan(&store, &spans::of_trace(vec![1; 16])),
        plan(&store, &sessions::with_facet(vec!["s".into()], Facet::Agent, vec!["a".into()])),
    ] {
        assert!(!statement.contains("SCAN") && !statement.contains("spans_by_start"), "{statement}");
        assert!(statement.contains("trace_id=?") || statement.contains("trace_facets_by_value"), "{statement}");
    }
}
