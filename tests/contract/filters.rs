//! What all filters share: their text, their limits, and values that no column can hold as they are.

use tracing_agents::{ErrorKind, SessionFilter, SpanFilter, StatsQuery, TraceFilter};

use crate::sketch::{span, trace_number};
use crate::trace_filters::stage;
use crate::walk;
use crate::world::World;

crate::cases!(
    a_filters_text_finds_the_same,
    many_values_of_one_field,
    more_than_a_thousand_values_are_refused,
    long_values_are_found_by_what_they_are,
    a_hundred_conditions_at_once,
);

fn a_filters_text_finds_the_same(world: &World) {
    let repository = world.with(stage());
    let filters = [
        TraceFilter::new().agent("Other").agent("Member").not_tool("web_search").limit(1),
        TraceFilter::new()
            .since_ns(crate::sketch::at(1))
            .until_ns(crate::sketch::at(4))
            .name("nightly job")
            .name("a \"b\", c\\"),
        TraceFilter::new().min_duration(std::time::Duration::from_millis(1_500)).text("refund").text("or: not"),
        TraceFilter::new().provider("OpenAI").min_tokens(1_000).max_tokens(1_500),
    ];
    for filter in filters {
        let read: TraceFilter = filter.to_string().parse().unwrap();
        assert_eq!(read, filter);
        assert_eq!(walk::traces(&repository, &read), walk::traces(&repository, &filter), "{filter}");
    }
    // A page's cursor can stand in the text too.
    let first = repository.traces(&TraceFilter::new().limit(2)).unwrap();
    let rest: TraceFilter = format!("limit:1000 after:{}", first.next.unwrap()).parse().unwrap();
    let ids: Vec<u64> = repository.traces(&rest).unwrap().iter().map(|trace| trace_number(trace.trace_id)).collect();
    assert_eq!(ids, [2, 1, 0]);
    assert_eq!(repository.count_traces(&rest).unwrap(), 3);
}

fn many_values_of_one_field(world: &World) {
    let repository =
        world.with((0..30).map(|n| span(n, 0).agent(&format!("a{n}")).session(&format!("s{}", n % 3)).service("web")));
    let traces = (0..1_000).fold(TraceFilter::new().limit(7), |filter, n| filter.agent(format!("a{}", n * 2)));
    let even: Vec<u64> = (0..30).rev().filter(|n| n % 2 == 0).collect();
    assert_eq!(walk::traces(&repository, &traces), even);
    assert_eq!(repository.count_traces(&traces).unwrap(), 15);
    let checked =
        (0..999).fold(TraceFilter::new().session("s1"), |filter, n| filter.service(format!("w{n}")).service("web"));
    assert_eq!(walk::traces(&repository, &checked.limit(1_000)).len(), 10);
    let without = (0..1_000).fold(TraceFilter::new(), |filter, n| filter.not_agent(format!("a{}", n * 2 + 1)));
    assert_eq!(walk::traces(&repository, &without.limit(1_000)), even);
    let spans = (0..1_000).fold(SpanFilter::new(), |filter, n| filter.agent(format!("a{}", n * 2)));
    assert_eq!(walk::spans(&repository, &spans).len(), 15);
    let sessions = (0..1_000).fold(SessionFilter::new(), |filter, n| filter.session(format!("s{}", n + 1)));
    assert_eq!(walk::sessions(&repository, &sessions), ["s2", "s1"]);
    let ids = (0..1_000).fold(TraceFilter::new(), |filter, n| filter.trace(crate::sketch::trace_id(n)));
    assert_eq!(walk::traces(&repository, &ids.limit(1_000)).len(), 30);
}

fn more_than_a_thousand_values_are_refused(world: &World) {
    let repository = world.with([span(0, 0)]);
    let traces = (0..1_001).fold(TraceFilter::new(), |filter, n| filter.agent(n.to_string()));
    let spans = (0..1_001).fold(SpanFilter::new(), |filter, n| filter.not_tool(n.to_string()));
    let sessions = (0..1_001).fold(SessionFilter::new(), |filter, n| filter.session(n.to_string()));
    let errors = [
        repository.traces(&traces).unwrap_err(),
        repository.count_traces(&traces).unwrap_err(),
        repository.spans(&spans).unwrap_err(),
        repository.sessions(&sessions).unwrap_err(),
        repository.stats(&StatsQuery::traces(traces)).unwrap_err(),
        repository.stats(&StatsQuery::spans(spans)).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("1001"), "{error}");
    }
}

fn long_values_are_found_by_what_they_are(world: &World) {
    let names =
        ["x".repeat(300), format!("{}y", "x".repeat(299)), "🦀".repeat(400), "é".repeat(255), "x".repeat(10_000)];
    let spans = names.iter().zip(0..).map(|(name, trace)| span(trace, 0).agent(name).session(name).user(name));
    let repository = world.with(spans);
    for (name, trace) in names.iter().zip(0..) {
        assert_eq!(walk::traces(&repository, &TraceFilter::new().agent(name)), [trace]);
        assert_eq!(walk::spans(&repository, &SpanFilter::new().user(name)), [(trace, 0)]);
        let session = repository.session(name).unwrap();
        assert_eq!(session.trace_count, 1);
        // By the id as it is shown, too.
        assert_eq!(repository.session(&session.session_id).unwrap(), session);
        assert_eq!(walk::sessions(&repository, &SessionFilter::new().session(name)), [session.session_id]);
    }
}

fn a_hundred_conditions_at_once(world: &World) {
    let repository = world.with(stage());
    let filter = (0..100).fold(TraceFilter::new(), |filter, n| {
        let none = format!("none {n}");
        filter
            .not_agent(&none)
            .not_tool(&none)
            .not_session(&none)
            .not_user(&none)
            .not_model(&none)
            .not_name(&none)
            .not_service(none)
    });
    assert_eq!(walk::traces(&repository, &filter), [4, 3, 2, 1, 0]);
    let texts = (0..100).fold(TraceFilter::new(), |filter, n| filter.text(&"refund 100%_done"[..1 + n % 16]));
    assert_eq!(walk::traces(&repository, &texts), [3]);
}
