//! Statistics: counts, errors, durations, tokens and cost, in groups and over time.

use std::time::Duration;

use tracing_agents::field;
use tracing_agents::model::Kind;
use tracing_agents::{ErrorKind, Group, SpanFilter, StatsOrder, StatsQuery, StatsRow, TraceFilter};

use crate::sketch::{DAWN, Dice, SECOND, at, span};
use crate::world::World;

crate::cases!(
    everything_as_one_row,
    percentiles_are_those_of_a_plain_computation,
    tokens_and_cost_count_once,
    spans_by_group,
    traces_by_what_is_in_them,
    groups_by_id_show_the_latest_name,
    pieces_of_time,
    order_and_limit,
    only_what_passes_the_filter,
    no_spans_are_no_rows,
    pieces_of_no_time_are_refused,
    five_thousand_spans_in_a_hundred_groups,
);

fn of_spans() -> StatsQuery {
    StatsQuery::spans(SpanFilter::new())
}

fn of_traces() -> StatsQuery {
    StatsQuery::traces(TraceFilter::new())
}

/// Key, count and failures of each row.
fn shape(rows: &[StatsRow]) -> Vec<(Option<&str>, u64, u64)> {
    rows.iter().map(|row| (row.key.as_deref(), row.count, row.error_count)).collect()
}

fn everything_as_one_row(world: &World) {
    let spans = (0..100).map(|n| {
        let span = span(n, 0).lasting(i64::try_from(n + 1).unwrap()).session(&format!("s{}", n % 3));
        if n < 5 { span.failing("no") } else { span }
    });
    let repository = world.with(spans.chain([span(100, 0).running()]));
    for query in [of_spans(), of_spans().exact(), of_traces()] {
        let rows = repository.stats(&query).unwrap();
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        // Sums do not tell who is who.
        let is_told = query != of_spans();
        assert_eq!(row.count, 101);
        assert_eq!((row.trace_count, row.session_count), (is_told.then_some(101), is_told.then_some(3)));
        assert_eq!((row.error_count, row.open_count), (5, 1));
        assert!((row.error_rate() - 5.0 / 101.0).abs() < 1e-9);
        let durations = row.durations.unwrap();
        assert_eq!((durations.mean_ns, durations.max_ns), (50, 100));
        assert_eq!((durations.p50_ns, durations.p95_ns, durations.p99_ns), (50, 95, 99));
        assert_eq!((row.first_ns, row.latest_ns), (is_told.then_some(DAWN), is_told.then_some(at(100))));
        assert_eq!((row.key.as_deref(), row.bucket_ns, row.cost_nano_usd), (None, None, None));
        assert!(!row.usage.is_reported());
    }
}

fn percentiles_are_those_of_a_plain_computation(world: &World) {
    let mut dice = Dice::new(5);
    let mut durations: Vec<i64> =
        (0..937).map(|_| i64::try_from(dice.below(90) * dice.below(1_000_000_000)).unwrap()).collect();
    let repository = world.with(durations.iter().zip(0..).map(|(length, n)| span(n, 0).lasting(*length)));
    durations.sort_unstable();
    let rank = |percent: usize| durations[(durations.len() * percent).div_ceil(100) - 1];
    for query in [of_spans().exact(), of_traces()] {
        let found = repository.stats(&query).unwrap()[0].durations.unwrap();
        assert_eq!((found.p50_ns, found.p95_ns, found.p99_ns), (rank(50), rank(95), rank(99)));
        assert_eq!(found.max_ns, *durations.last().unwrap());
        assert_eq!(found.mean_ns, durations.iter().sum::<i64>() / 937);
    }
}

fn tokens_and_cost_count_once(world: &World) {
    let run = span(0, 0).kind(Kind::Agent).agent("A").tokens(30, 4).costing(3.0).session("s");
    let calls = [span(0, 1).model("m").tokens(10, 1).costing(1.0), span(0, 2).model("m").tokens(20, 3).costing(2.0)];
    let repository =
        world.with([run].into_iter().chain(calls).chain([span(1, 0).model("m").tokens(5, 5), span(2, 0).agent("A")]));
    for query in [of_spans(), of_traces()] {
        let rows = repository.stats(&query).unwrap();
        let usage = rows[0].usage;
        assert_eq!((usage.input, usage.output, usage.total()), (Some(35), Some(9), Some(44)), "{query:?}");
        let trace = repository.trace(crate::sketch::trace_id(0)).unwrap().trace;
        assert_eq!(rows[0].cost_nano_usd, trace.cost_nano_usd, "{query:?}");
    }
    let by_model = repository.stats(&of_spans().group_by(Group::Model)).unwrap();
    let of_m = by_model.iter().find(|row| row.key.as_deref() == Some("m")).unwrap();
    assert_eq!((of_m.count, of_m.usage.input), (3, Some(35)));
}

fn spans_by_group(world: &World) {
    let call =
        |trace: u64| span(trace, 1).model("m").with(field::RESPONSE_MODEL, "m-1").with(field::PROVIDER, "OpenAI");
    let root = |trace: u64, agent: &str| {
        span(trace, 0)
            .kind(Kind::Agent)
            .agent(agent)
            .session(&format!("s{trace}"))
            .user("u")
            .with(field::TEAM_NAME, "T")
            .with(field::WORKFLOW_NAME, "W")
            .with(field::STEP_NAME, format!("step of {agent}"))
    };
    let repository =
        world.with([root(0, "A"), call(0), span(0, 2).tool("t").failing("no"), root(1, "B"), call(1), root(2, "A")]);
    let rows = |group: Group| repository.stats(&of_spans().group_by(group)).unwrap();
    type Expected<'a> = &'a [(Option<&'a str>, u64, u64)];
    let expected: &[(Group, Expected<'_>)] = &[
        (Group::All, &[(None, 6, 1)]),
        (Group::Agent, &[(Some("A"), 4, 1), (Some("B"), 2, 0)]),
        (Group::Team, &[(Some("T"), 6, 1)]),
        (Group::Workflow, &[(Some("W"), 6, 1)]),
        (Group::Step, &[(Some("step of A"), 4, 1), (Some("step of B"), 2, 0)]),
        (Group::Model, &[(None, 4, 1), (Some("m-1"), 2, 0)]),
        (Group::Tool, &[(None, 5, 0), (Some("t"), 1, 1)]),
        (Group::Provider, &[(None, 4, 1), (Some("openai"), 2, 0)]),
        (Group::User, &[(Some("u"), 6, 1)]),
        (Group::Session, &[(Some("s0"), 3, 1), (Some("s1"), 2, 0), (Some("s2"), 1, 0)]),
        (Group::Kind, &[(Some("agent"), 3, 0), (Some("model"), 2, 0), (Some("tool"), 1, 1)]),
        (
            Group::Name,
            &[
                (Some("chat m-1"), 2, 0),
                (Some("invoke_agent A"), 2, 0),
                (Some("execute_tool t"), 1, 1),
                (Some("invoke_agent B"), 1, 0),
            ],
        ),
    ];
    assert_eq!(expected.len(), Group::ALL.len());
    for (group, expected) in expected {
        assert_eq!(shape(&rows(*group)), *expected, "{group}");
    }
}

fn traces_by_what_is_in_them(world: &World) {
    let repository = world.with([
        span(0, 0).session("s1").user("u"),
        span(0, 1).tool("a"),
        span(0, 2).tool("b").failing("no"),
        span(1, 0).session("s2").user("u").tool("a"),
        span(2, 0).running(),
    ]);
    let rows = |group: Group| repository.stats(&of_traces().group_by(group)).unwrap();
    assert_eq!(shape(&rows(Group::All)), [(None, 3, 1)]);
    assert_eq!(shape(&rows(Group::User)), [(Some("u"), 2, 1), (None, 1, 0)]);
    assert_eq!(shape(&rows(Group::Tool)), [(Some("a"), 2, 1), (None, 1, 0), (Some("b"), 1, 1)]);
    assert_eq!(shape(&rows(Group::Session)), [(None, 1, 0), (Some("s1"), 1, 1), (Some("s2"), 1, 0)]);
    let open = repository.stats(&StatsQuery::traces("status:running".parse().unwrap())).unwrap();
    assert_eq!((open[0].open_count, open[0].durations), (1, None));
}

fn groups_by_id_show_the_latest_name(world: &World) {
    let of = |trace: u64, name: &str| span(trace, 0).kind(Kind::Agent).agent(name).with(field::AGENT_ID, "a-1");
    let repository =
        world.with([of(0, "Old name"), of(2, "New name"), of(1, "Middle name"), span(3, 0).agent("No id")]);
    for query in [of_spans().exact(), of_traces()] {
        let rows = repository.stats(&query.clone().group_by(Group::Agent)).unwrap();
        let labels: Vec<_> = rows.iter().map(|row| (row.key.as_deref(), row.label.as_deref(), row.count)).collect();
        let expected = [(Some("a-1"), Some("New name"), 3), (Some("No id"), Some("No id"), 1)];
        assert_eq!(labels, expected, "{query:?}");
    }
}

fn pieces_of_time(world: &World) {
    let minute = 60 * SECOND;
    let repository = world.with([
        span(0, 0).tool("a").starting(DAWN + 10),
        span(1, 0).tool("a").starting(DAWN + minute - 1).failing("no"),
        span(2, 0).tool("b").starting(DAWN + minute),
        span(3, 0).model("m").starting(DAWN + minute + 1),
        span(4, 0).tool("a").starting(DAWN - 1),
        span(5, 0).tool("a").starting(-1),
    ]);
    let query = StatsQuery::spans("kind:tool".parse().unwrap()).group_by(Group::Tool).bucket(Duration::from_secs(60));
    let rows = repository.stats(&query).unwrap();
    let found: Vec<_> =
        rows.iter().map(|row| (row.bucket_ns.unwrap(), row.key.as_deref().unwrap(), row.count)).collect();
    assert_eq!(found, [(-minute, "a", 1), (DAWN - minute, "a", 1), (DAWN, "a", 2), (DAWN + minute, "b", 1)]);
    let days = repository.stats(&of_traces().bucket(Duration::from_secs(86_400))).unwrap();
    let found: Vec<_> = days.iter().map(|row| (row.bucket_ns.unwrap(), row.count)).collect();
    let day = 86_400 * SECOND;
    assert_eq!(found, [(-day, 1), (DAWN - day, 1), (DAWN, 4)]);
}

fn order_and_limit(world: &World) {
    let of = |trace: u64, tool: &str, length: i64| span(trace, 0).tool(tool).lasting(length);
    let repository = world.with([
        of(0, "a", 10).tokens(1, 1),
        of(1, "a", 20).tokens(1, 1),
        of(2, "b", 90).costing(1.0),
        of(3, "c", 30).failing("no").tokens(50, 0),
        of(4, "c", 30).failing("no").costing(0.5),
        of(5, "c", 1),
    ]);
    let keys = |order: StatsOrder, limit: usize| -> Vec<String> {
        let rows = repository.stats(&of_spans().group_by(Group::Tool).order(order).limit(limit)).unwrap();
        rows.into_iter().filter_map(|row| row.key).collect()
    };
    for (order, expected) in [
        (StatsOrder::Count, ["c", "a", "b"]),
        (StatsOrder::Errors, ["c", "a", "b"]),
        (StatsOrder::Mean, ["b", "c", "a"]),
        (StatsOrder::P95, ["b", "c", "a"]),
        (StatsOrder::Max, ["b", "c", "a"]),
        (StatsOrder::Tokens, ["c", "a", "b"]),
        (StatsOrder::Cost, ["b", "c", "a"]),
        (StatsOrder::Latest, ["c", "b", "a"]),
    ] {
        assert_eq!(keys(order, 1_000), expected, "{order}");
        assert_eq!(keys(order, 2), expected[..2], "{order}");
    }
    assert_eq!(keys(StatsOrder::Count, 0), Vec::<String>::new());
}

fn only_what_passes_the_filter(world: &World) {
    let repository = world.with(crate::trace_filters::stage());
    let count = |query: StatsQuery| repository.stats(&query).unwrap().first().map_or(0, |row| row.count);
    for (filter, expected) in [
        ("", 10),
        ("agent:Other", 5),
        ("kind:tool status:error", 1),
        ("kind:tool since:2026-03-14T00:00:03Z", 1),
        ("-agent:Other,Member", 3),
        ("tokens>=0", 2),
        ("state:open", 1),
        ("session:s1 until:2026-03-14T00:00:04Z limit:1", 2),
    ] {
        assert_eq!(count(StatsQuery::spans(filter.parse().unwrap())), expected, "{filter}");
    }
    for (filter, expected) in
        [("", 5), ("agent:Other", 2), ("status:ok limit:1", 2), ("refund", 1), ("-kind:model", 3), ("duration>=5s", 2)]
    {
        assert_eq!(count(StatsQuery::traces(filter.parse().unwrap())), expected, "{filter}");
    }
}

fn no_spans_are_no_rows(world: &World) {
    drop(world.writer());
    let repository = world.repository();
    for query in [of_spans(), of_traces()] {
        assert_eq!(repository.stats(&query.clone().group_by(Group::Model)).unwrap(), []);
        assert_eq!(repository.stats(&query.bucket(Duration::from_secs(1))).unwrap(), []);
    }
}

fn pieces_of_no_time_are_refused(world: &World) {
    let repository = world.with([span(0, 0)]);
    let error = repository.stats(&of_spans().bucket(Duration::ZERO)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

fn five_thousand_spans_in_a_hundred_groups(world: &World) {
    let spans = (0..5_000)
        .map(|n| span(n / 50, n % 50).tool(&format!("tool {:02}", n % 100)).lasting(i64::try_from(n).unwrap()));
    let repository = world.with(spans);
    let rows = repository.stats(&of_spans().group_by(Group::Tool)).unwrap();
    assert_eq!(rows.len(), 100);
    assert!(rows.iter().all(|row| row.count == 50));
    assert!(rows.is_sorted_by(|a, b| a.key < b.key));
    let rows = repository.stats(&of_spans().group_by(Group::Tool).exact()).unwrap();
    let of_seven = rows.iter().find(|row| row.key.as_deref() == Some("tool 07")).unwrap();
    assert_eq!(of_seven.durations.unwrap().max_ns, 4_907);
    assert_eq!(repository.stats(&of_traces()).unwrap()[0].count, 100);
}
