use std::time::Duration;

use super::*;
use crate::error::ErrorKind;
use crate::model::{IdentityField, Kind, Span, Usage};
use crate::repository::tests::sample::{SECOND, World, span};
use crate::repository::{SpanFilter, TraceFilter};

fn model(span: Span, tokens: u64) -> Span {
    let mut span = span;
    span.kind = Kind::Model;
    span.request_model = Some("m".into());
    span.response_model = Some("m-1".into());
    span.provider = Some("p".into());
    span.usage = Some(Usage::new(tokens, 1));
    span
}

#[test]
fn everything_as_one_row() {
    let spans = (0..100).map(|n| {
        let span = span(n, 0).lasting(i64::try_from(n + 1).unwrap());
        if n < 5 { span.failing() } else { span }
    });
    let mut world = World::with(spans);
    world.write([span(100, 0).running()]);
    let rows = world.repository.stats(&StatsQuery::spans(SpanFilter::new()).exact()).unwrap();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.count, row.trace_count, row.error_count, row.open_count), (101, Some(101), 5, 1));
    assert!((row.error_rate() - 5.0 / 101.0).abs() < 1e-9);
    let durations = row.durations.unwrap();
    assert_eq!((durations.mean_ns, durations.max_ns), (50, 100));
    assert_eq!((durations.p50_ns, durations.p95_ns, durations.p99_ns), (50, 95, 99));
    assert_eq!((row.first_ns, row.latest_ns), (Some(0), Some(100 * SECOND)));
    assert_eq!((row.key.as_deref(), row.bucket_ns, row.cost_nano_usd), (None, None, None));
    assert!(!row.usage.is_reported());
}

#[test]
fn tokens_count_once() {
    let mut run = span(0, 0).agent("A").being(IdentityField::AgentId, "a-1").session("s");
    run.kind = Kind::Agent;
    run.usage = Some(Usage::new(30, 2));
    let calls =
        [model(span(0, 1), 10), model(span(0, 2), 20)].map(|call| call.agent("A").being(IdentityField::AgentId, "a-1"));
    let repository = World::with(calls.into_iter().chain([run])).repository;
    for query in [StatsQuery::spans(SpanFilter::new()).exact(), StatsQuery::traces(TraceFilter::new())] {
        let rows = repository.stats(&query.clone().group_by(Group::Agent)).unwrap();
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.key.as_deref(), row.label.as_deref()), (Some("a-1"), Some("A")));
        assert_eq!((row.usage.input, row.usage.output, row.session_count), (Some(30), Some(2), Some(1)));
        assert_eq!(row.unpriced_count, 2);
    }
}

#[test]
fn groups_and_pieces_of_time() {
    let minute = 60 * SECOND;
    let spans = [
        span(0, 0).tool("a").starting(10),
        span(1, 0).tool("a").starting(minute - 1).failing(),
        span(2, 0).tool("b").starting(minute),
        model(span(3, 0), 5).starting(minute + 1),
        span(4, 0).tool("a").starting(-1),
    ];
    let repository = World::with(spans).repository;
    let query = StatsQuery::spans("kind:tool".parse().unwrap()).group_by(Group::Tool);
    let shape = |query: &StatsQuery| -> Vec<(Option<i64>, Option<String>, u64, u64)> {
        let rows = repository.stats(query).unwrap();
        rows.into_iter().map(|row| (row.bucket_ns, row.key, row.count, row.error_count)).collect()
    };
    assert_eq!(shape(&query), [(None, Some("a".into()), 3, 1), (None, Some("b".into()), 1, 0)]);
    assert_eq!(shape(&query.clone().limit(1)), [(None, Some("a".into()), 3, 1)]);
    assert_eq!(shape(&query.clone().order(StatsOrder::Latest))[0].1.as_deref(), Some("b"));
    assert_eq!(
        shape(&query.clone().bucket(Duration::from_secs(60))),
        [
            (Some(-minute), Some("a".into()), 1, 0),
            (Some(0), Some("a".into()), 2, 1),
            (Some(minute), Some("b".into()), 1, 0)
        ]
    );
    // A narrow filter that leads to its traces must still keep to the range of time.
    let bounded = StatsQuery::spans("tool:a since:1970-01-01 until:1970-01-01T00:00:01Z".parse().unwrap());
    assert_eq!(shape(&bounded), [(None, None, 1, 0)]);
    let models = StatsQuery::spans(SpanFilter::new().kind(Kind::Model)).group_by(Group::Model);
    assert_eq!(shape(&models), [(None, Some("m-1".into()), 1, 0)]);
    let error = repository.stats(&query.bucket(Duration::ZERO)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn traces_by_what_is_in_them() {
    let spans = [
        span(0, 0).session("s1").being(IdentityField::UserId, "u"),
        span(0, 1).tool("a"),
        span(0, 2).tool("b").failing(),
        span(1, 0).session("s2").being(IdentityField::UserId, "u").tool("a"),
        span(2, 0).running(),
    ];
    let repository = World::with(spans).repository;
    let rows = |group: Group| -> Vec<(Option<String>, u64, u64, u64)> {
        let rows = repository.stats(&StatsQuery::traces(TraceFilter::new()).group_by(group)).unwrap();
        rows.into_iter().map(|row| (row.key, row.count, row.session_count.unwrap(), row.error_count)).collect()
    };
    assert_eq!(rows(Group::All), [(None, 3, 2, 1)]);
    assert_eq!(rows(Group::User), [(Some("u".into()), 2, 2, 1), (None, 1, 0, 0)]);
    assert_eq!(rows(Group::Tool), [(Some("a".into()), 2, 2, 1), (None, 1, 0, 0), (Some("b".into()), 1, 1, 1)]);
    assert_eq!(rows(Group::Session).len(), 3);
    let open = repository.stats(&StatsQuery::traces("status:running".parse().unwrap())).unwrap();
    assert_eq!((open[0].open_count, open[0].durations), (1, None));
}

#[test]
fn each_group_can_be_asked_for() {
    let mut call = model(span(0, 0), 5).agent("A").session("s");
    for (field, value) in [
        (IdentityField::TeamName, "T"),
        (IdentityField::WorkflowId, "w-1"),
        (IdentityField::StepName, "st"),
        (IdentityField::UserId, "u"),
    ] {
        call.identity.set(field, value);
    }
    let repository = World::with([call.named("call")]).repository;
    for group in Group::ALL {
        for query in [StatsQuery::spans(SpanFilter::new()), StatsQuery::traces(TraceFilter::new())] {
            let rows = repository.stats(&query.clone().group_by(*group)).unwrap();
            let labels: Vec<Option<&str>> = rows.iter().map(|row| row.label.as_deref()).collect();
            let of_traces = query == StatsQuery::traces(TraceFilter::new());
            let expected: &[Option<&str>] = match group {
                Group::All | Group::Tool => &[None],
                Group::Agent => &[Some("A")],
                Group::Team => &[Some("T")],
                Group::Workflow => &[Some("w-1")],
                Group::Step => &[Some("st")],
                Group::Model if of_traces => &[Some("m"), Some("m-1")],
                Group::Model => &[Some("m")],
                Group::Provider => &[Some("p")],
                Group::User => &[Some("u")],
                Group::Session => &[Some("s")],
                Group::Kind => &[Some("model")],
                Group::Name => &[Some("call")],
            };
            assert_eq!(labels, expected, "{group}");
        }
    }
}

#[test]
fn no_spans_are_no_rows() {
    let repository = World::new().repository;
    assert_eq!(repository.stats(&StatsQuery::spans(SpanFilter::new())).unwrap(), []);
    assert_eq!(repository.stats(&StatsQuery::traces(TraceFilter::new())).unwrap(), []);
}
