use std::time::Duration;

use proptest::prelude::*;

use super::sample::{SECOND, World, span, span_id, trace_id};
use crate::error::{ErrorKind, Result};
use crate::model::{Cursor, IdentityField, Kind, Page, Trace, TraceId, TraceStatus, Usage};
use crate::repository::{TraceFilter, TraceRepository};

/// All pages of a list, one after the other.
fn all(repository: &TraceRepository, filter: &TraceFilter) -> Vec<TraceId> {
    let mut ids = Vec::new();
    let mut filter = filter.clone();
    loop {
        let page = repository.traces(&filter).unwrap();
        ids.extend(page.items.iter().map(|trace| trace.trace_id));
        let Some(next) = page.next else { return ids };
        // As a URL would carry it.
        filter = filter.after(next.to_string().parse::<Cursor>().unwrap());
    }
}

fn ids(repository: &TraceRepository, filter: &str) -> Vec<TraceId> {
    let filter: TraceFilter = filter.parse().unwrap();
    let found = all(repository, &filter);
    assert_eq!(repository.count_traces(&filter).unwrap(), found.len() as u64, "{filter}");
    found
}

fn numbers(numbers: impl IntoIterator<Item = u64>) -> Vec<TraceId> {
    numbers.into_iter().map(trace_id).collect()
}

#[test]
fn pages_over_equal_times_lose_and_repeat_nothing() {
    let spans = (0..57).map(|trace| {
        let span = span(trace, 0).starting(if trace < 40 { SECOND } else { 2 * SECOND });
        let span = if trace % 2 == 0 { span.agent("even") } else { span.agent("odd") };
        if trace % 3 == 0 { span.being(IdentityField::AgentId, "third") } else { span }
    });
    let repository = World::with(spans).repository;
    let newest_first = numbers((0..57).rev());
    for limit in [1, 7, 19, 57, 58] {
        let filter = TraceFilter::new().limit(limit);
        assert_eq!(all(&repository, &filter), newest_first);
        assert_eq!(all(&repository, &filter.clone().agent("even").agent("odd")), newest_first);
        assert_eq!(
            all(&repository, &filter.clone().agent("even").agent("third")),
            numbers((0..57).rev().filter(|n| n % 2 == 0 || n % 3 == 0))
        );
        assert_eq!(all(&repository, &filter.clone().agent("odd")), numbers((0..57).rev().filter(|n| n % 2 == 1)));
    }
}

#[test]
fn a_full_last_page_has_no_next() {
    let repository = World::with((0..4).map(|trace| span(trace, 0).agent("a"))).repository;
    for filter in ["limit:4", "limit:4 agent:a", "limit:4 duration>0s", "limit:4 agent:a tokens<=1 "] {
        let page = repository.traces(&filter.parse().unwrap()).unwrap();
        assert_eq!(page.next, None, "{filter}");
    }
    let page = repository.traces(&"limit:3".parse().unwrap()).unwrap();
    assert_eq!((page.items.len(), page.next.is_some()), (3, true));
}

#[test]
fn a_filter_holds_when_any_span_matches() {
    let mut model = span(0, 1).agent("Member");
    model.kind = Kind::Model;
    model.provider = Some("openai".into());
    model.request_model = Some("gpt-4o".into());
    model.response_model = Some("gpt-4o-2024".into());
    let team = span(0, 0).being(IdentityField::TeamName, "Team").being(IdentityField::TeamId, "team-1");
    let other = span(1, 0)
        .agent("Other")
        .tool("web_search")
        .session("s1")
        .being(IdentityField::RunId, "r1")
        .being(IdentityField::UserId, "u1")
        .being(IdentityField::WorkflowName, "Flow");
    let repository = World::with([team, model, other]).repository;
    for (filter, expected) in [
        ("agent:Member", vec![0]),
        ("team:Team", vec![0]),
        ("team:team-1 agent:Member", vec![0]),
        ("model:gpt-4o", vec![0]),
        ("model:gpt-4o-2024 provider:openai", vec![0]),
        ("provider:OpenAI,openai,open_ai", vec![0]),
        ("agent:Member,Other", vec![1, 0]),
        ("agent:Member team:Other", vec![]),
        ("agent:Member tool:web_search", vec![]),
        ("agent:Other tool:web_search session:s1 run:r1 user:u1 workflow:Flow", vec![1]),
        ("kind:model", vec![0]),
        ("kind:model,tool", vec![1, 0]),
        (r#"name:"span 0""#, vec![1, 0]),
        (r#"name:"span 1" team:Team"#, vec![0]),
        ("agent:member", vec![]),
        ("-agent:Member", vec![1]),
        ("-agent:Member,Other", vec![]),
        ("agent:Member,Other -tool:web_search", vec![0]),
        ("-agent:Nobody -status:error", vec![1, 0]),
        ("-status:ok", vec![]),
        ("tool:web_search,web_search,x status:ok", vec![1]),
    ] {
        assert_eq!(ids(&repository, filter), numbers(expected), "{filter}");
    }
}

#[test]
fn the_trace_as_a_whole() {
    let mut used = span(3, 0).named("Refund 100%_done\\ ZOË");
    used.kind = Kind::Model;
    used.usage = Some(Usage::new(900, 100));
    let spans = [
        span(0, 0).lasting(SECOND / 2),
        span(1, 0).lasting(5 * SECOND).failing(),
        span(2, 0).running(),
        used.lasting(60 * SECOND),
    ];
    let repository = World::with(spans).repository;
    let id = trace_id(1);
    for (filter, expected) in [
        ("status:error", vec![1]),
        ("status:running", vec![2]),
        ("status:ok,error", vec![3, 1, 0]),
        ("duration>5s", vec![3]),
        ("duration>=5s duration<1m", vec![1]),
        ("duration>=0s", vec![3, 1, 0]),
        ("tokens>=1k", vec![3]),
        ("tokens>1k", vec![]),
        ("tokens<=1000 status:ok", vec![3]),
        ("since:1970-01-01T00:00:01Z until:1970-01-01T00:00:03Z", vec![2, 1]),
        ("status:ok,error since:1970-01-01T00:00:01Z until:1970-01-01T00:00:03Z", vec![1]),
        ("last:1h", vec![]),
        ("refund", vec![3]),
        ("REFUND zoë", vec![3]),
        (r#""100%_done""#, vec![3]),
        (r#""done\\""#, vec![3]),
        ("100%done", vec![]),
        ("1__%", vec![]),
        (r#""\\_""#, vec![]),
        ("%", vec![3]),
        ("_", vec![3]),
        (&format!("trace:{id}"), vec![1]),
        (&format!("trace:{id},{},{} status:running,error", trace_id(2), trace_id(77)), vec![2, 1]),
        (&format!("trace:{id} until:1970-01-01T00:00:01Z"), vec![]),
    ] {
        assert_eq!(ids(&repository, filter), numbers(expected), "{filter}");
    }
    let filter = TraceFilter::new().min_duration(Duration::from_secs(60)).status(TraceStatus::Ok);
    assert_eq!(all(&repository, &filter), numbers([3]));
}

#[test]
fn values_that_columns_hold_differently_are_found() {
    let names = ["a\0b".to_owned(), "x".repeat(300), format!("{}y", "x".repeat(299)), "🦀".repeat(400)];
    let spans = names.iter().zip(0..).map(|(name, trace)| span(trace, 0).agent(name));
    let repository = World::with(spans).repository;
    for (name, trace) in names.into_iter().zip(0..) {
        assert_eq!(all(&repository, &TraceFilter::new().agent(name)), numbers([trace]));
    }
}

#[test]
fn a_search_stops_at_its_budget_and_can_be_resumed() {
    let spans = (0..2_300).map(|trace| span(trace, 0).named(if trace == 5 { "needle" } else { "hay" }));
    let repository = World::with(spans).repository;
    let filter: TraceFilter = "needle".parse().unwrap();
    let first = repository.traces(&filter).unwrap();
    assert_eq!(first.items, []);
    let second = repository.traces(&filter.clone().after(first.next)).unwrap();
    assert_eq!(second.items.len(), 1);
    assert_eq!(second.next, None);
    assert_eq!(ids(&repository, "needle"), numbers([5]));
    assert_eq!(all(&repository, &TraceFilter::new().limit(1_000)).len(), 2_300);
}

#[test]
fn hostile_cursors_are_refused_or_harmless() {
    let repository = World::with((0..3).map(|trace| span(trace, 0).session("s"))).repository;
    let traces = |cursor: Cursor| repository.traces(&TraceFilter::new().after(cursor));
    for id in [vec![], vec![0; 15], vec![0; 24], b"a session".to_vec()] {
        assert_eq!(traces(Cursor { time_ns: 0, id }).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let count = |page: Result<Page<Trace>>| page.unwrap().items.len();
    assert_eq!(count(traces(Cursor { time_ns: i64::MAX, id: vec![255; 16] })), 3);
    assert_eq!(count(traces(Cursor { time_ns: i64::MIN, id: vec![0; 16] })), 0);
}

#[test]
fn a_trace_comes_as_a_tree_or_is_named_as_missing() {
    let repository = World::with([span(4, 0), span(4, 2), span(4, 1), span(5, 0)]).repository;
    let tree = repository.trace(trace_id(4)).unwrap();
    assert_eq!(tree.spans.iter().map(|span| span.span_id).collect::<Vec<_>>(), [0, 1, 2].map(span_id));
    assert_eq!(tree.children[0], [1, 2]);
    assert_eq!(tree.trace.span_count, 3);
    assert_eq!(repository.find_trace(trace_id(9)).unwrap(), None);
    let error = repository.trace(trace_id(9)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains(&trace_id(9).to_string()));
}

/// What a test says of a trace: agent and tool of each span, and the start.
type Sketch = (Vec<(usize, usize)>, i64);

const AGENTS: [&str; 3] = ["a", "b", "c"];
const TOOLS: [&str; 2] = ["x", "y"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Lists agree with looking at everything, whatever the fields, the ties and the page size.
    #[test]
    fn lists_agree_with_a_plain_search(
        traces in proptest::collection::vec((proptest::collection::vec((0..3_usize, 0..3_usize), 1..4), 0..5_i64), 0..25),
        agents in proptest::collection::btree_set(0..3_usize, 0..3),
        tools in proptest::collection::btree_set(0..2_usize, 0..2),
        since in proptest::option::of(0..5_i64),
        until in proptest::option::of(0..6_i64),
        limit in 1..6_u32,
    ) {
        let spans = traces.iter().zip(0..).flat_map(|((spans, start), trace): (&Sketch, u64)| {
            spans.iter().zip(0..).map(move |((agent, tool), number)| {
                let span = span(trace, number).starting(*start).agent(AGENTS[*agent]);
                TOOLS.get(*tool).map_or(span.clone(), |tool| span.tool(tool))
            })
        });
        let repository = World::with(spans).repository;
        let mut filter = TraceFilter::new().limit(limit);
        filter = agents.iter().fold(filter, |filter, agent| filter.agent(AGENTS[*agent]));
        filter = tools.iter().fold(filter, |filter, tool| filter.tool(TOOLS[*tool]));
        filter = since.map_or(filter.clone(), |since| filter.since_ns(since));
        filter = until.map_or(filter.clone(), |until| filter.until_ns(until));
        let mut expected: Vec<(i64, TraceId)> = traces
            .iter()
            .zip(0..)
            .filter(|((spans, start), _)| {
                (agents.is_empty() || spans.iter().any(|(agent, _)| agents.contains(agent)))
                    && (tools.is_empty() || spans.iter().any(|(_, tool)| tools.contains(tool)))
                    && since.is_none_or(|since| *start >= since)
                    && until.is_none_or(|until| *start < until)
            })
            .map(|((_, start), trace)| (*start, trace_id(trace)))
            .collect();
        expected.sort_unstable_by(|a, b| b.cmp(a));
        let expected: Vec<TraceId> = expected.into_iter().map(|(_, id)| id).collect();
        prop_assert_eq!(repository.count_traces(&filter).unwrap(), expected.len() as u64);
        prop_assert_eq!(all(&repository, &filter), expected, "{}", filter);
    }
}
