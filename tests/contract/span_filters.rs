//! Lists of spans: every field holds on the span itself.

use tracing_agents::SpanFilter;
use tracing_agents::field;
use tracing_agents::model::{Kind, SpanState, StatusCode};

use crate::api::Repository;
use crate::sketch::{SECOND, at, span, span_id, trace_id};
use crate::trace_filters::stage;
use crate::walk::{self, expect_spans};
use crate::world::World;

crate::cases!(
    ids_and_names,
    kinds_tools_and_models,
    status_and_state,
    traces_and_parents,
    calls,
    durations_and_tokens,
    times,
    left_out,
    fields_together_hold_on_one_span,
    a_rare_value_among_many_spans,
    calls_of_the_builder,
);

fn staged(world: &World) -> Repository {
    world.with(stage())
}

#[track_caller]
fn expect(repository: &Repository, expected: &[(&str, &[(u64, u64)])]) {
    for (filter, keys) in expected {
        expect_spans(repository, filter, keys);
    }
}

fn ids_and_names(world: &World) {
    let repository = staged(world);
    // What a span has from its ancestors is its own too.
    expect(
        &repository,
        &[
            ("agent:Member", &[(0, 2), (0, 1)]),
            ("agent:member-1,Nobody", &[(0, 2), (0, 1)]),
            ("team:Team", &[(0, 2), (0, 1), (0, 0)]),
            ("session:s1", &[(4, 0), (1, 1), (1, 0)]),
            ("session:s1,s2", &[(4, 0), (3, 2), (3, 1), (3, 0), (1, 1), (1, 0)]),
            ("conversation:c1", &[(1, 1), (1, 0)]),
            ("user:u2", &[(4, 0)]),
            ("run:r0", &[(0, 2), (0, 1), (0, 0)]),
            ("workflow:flow-1", &[(1, 1), (1, 0)]),
            (r#"name:"span 1""#, &[(3, 1), (1, 1), (0, 1)]),
            (r#"name:"execute_tool web_search""#, &[(1, 1)]),
            ("service:batch,web", &[(3, 2), (2, 0)]),
            ("agent:other", &[]),
        ],
    );
}

fn kinds_tools_and_models(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            ("kind:tool", &[(3, 2), (1, 1)]),
            ("kind:tool,model", &[(3, 2), (3, 1), (1, 1), (0, 2)]),
            ("tool:calculator", &[(3, 2)]),
            ("model:gpt-4o", &[(0, 2)]),
            ("model:gpt-4o-2024,claude", &[(3, 1), (0, 2)]),
            ("provider:OpenAI", &[(0, 2)]),
            ("kind:retriever", &[]),
        ],
    );
}

fn status_and_state(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            ("status:error", &[(1, 1)]),
            ("state:open", &[(2, 0)]),
            ("state:interrupted", &[(4, 0)]),
            ("state:open,interrupted", &[(4, 0), (2, 0)]),
            ("status:ok", &[]),
            ("status:unset kind:agent,team", &[(3, 0), (0, 1), (0, 0)]),
        ],
    );
}

fn traces_and_parents(world: &World) {
    let repository = staged(world);
    let (first, last) = (trace_id(0), trace_id(4));
    let root = span_id(0);
    expect(
        &repository,
        &[
            (&format!("trace:{first}"), &[(0, 2), (0, 1), (0, 0)]),
            (&format!("trace:{first},{last}"), &[(4, 0), (0, 2), (0, 1), (0, 0)]),
            (&format!("trace:{first} parent:{root}"), &[(0, 1)]),
            (&format!("parent:{root}"), &[(3, 2), (3, 1), (1, 1), (0, 1)]),
            (&format!("parent:{root},{} kind:model", span_id(1)), &[(3, 1), (0, 2)]),
            (&format!("trace:{}", trace_id(77)), &[]),
        ],
    );
}

fn calls(world: &World) {
    let call = |number: u64, id: &str| span(0, number).tool("search").with(field::TOOL_CALL_ID, id);
    let repository = world.with([span(0, 0), call(1, "call_1"), call(2, "call_2"), call(3, "CALL_1")]);
    expect(
        &repository,
        &[("call:call_1", &[(0, 1)]), ("call:call_1,call_2 tool:search", &[(0, 2), (0, 1)]), ("call:x", &[])],
    );
    let first = repository.spans(&SpanFilter::new().call("CALL_1")).unwrap().items;
    assert_eq!(first[0].tool_call_id.as_deref(), Some("CALL_1"));
}

fn durations_and_tokens(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            ("duration>=5s", &[(3, 0), (1, 0)]),
            ("duration>5s", &[(3, 0)]),
            ("duration>1s duration<1m", &[(1, 0)]),
            ("tokens>=1k", &[(0, 2)]),
            ("tokens<1k", &[(3, 1)]),
            ("tokens>=0", &[(3, 1), (0, 2)]),
        ],
    );
}

fn times(world: &World) {
    let repository = staged(world);
    // The span's own start, and not its trace's.
    expect(
        &repository,
        &[
            ("since:2026-03-14T00:00:04Z", &[(4, 0)]),
            ("until:2026-03-14T00:00:00.000000002Z", &[(0, 1), (0, 0)]),
            ("since:2026-03-14T00:00:03.000000001Z until:2026-03-14T00:00:03.000000002Z", &[(3, 1)]),
            ("since:2026-03-14T00:00:00.000000001Z until:2026-03-14T00:00:01Z", &[(0, 2), (0, 1)]),
            ("agent:Other since:2026-03-14T00:00:03.000000002Z", &[(3, 2)]),
            ("since:2026-03-15", &[]),
        ],
    );
}

fn left_out(world: &World) {
    let repository = staged(world);
    // What has no agent at all is not that agent either.
    expect(
        &repository,
        &[
            ("-agent:Other", &[(4, 0), (2, 0), (0, 2), (0, 1), (0, 0)]),
            ("-agent:Other,Member -user:u2", &[(2, 0), (0, 0)]),
            ("agent:Other -kind:agent,workflow", &[(3, 2), (3, 1), (1, 1)]),
            ("kind:model -model:claude", &[(0, 2)]),
            ("-status:error kind:tool", &[(3, 2)]),
            ("-service:batch -session:s1,s2", &[(0, 2), (0, 1), (0, 0)]),
            ("-provider:openai kind:model", &[(3, 1)]),
            ("-team:Team -workflow:Flow -run:r9", &[(4, 0), (3, 2), (3, 1), (3, 0), (2, 0)]),
        ],
    );
}

fn fields_together_hold_on_one_span(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            ("agent:Other tool:web_search status:error", &[(1, 1)]),
            ("team:Team agent:Member kind:model", &[(0, 2)]),
            ("kind:tool model:claude", &[]),
            ("user:u1 kind:tool,model since:2026-03-14T00:00:03Z", &[(3, 2), (3, 1)]),
            ("user:u1 duration>=1s status:unset kind:workflow session:s1", &[(1, 0)]),
        ],
    );
}

fn a_rare_value_among_many_spans(world: &World) {
    let spans = (0..250).flat_map(|trace| {
        (0..10).map(move |number| {
            let span = span(trace, number).agent("everyone");
            if trace == 7 && number > 6 { span.tool("rare") } else { span }
        })
    });
    let repository = world.with(spans);
    let expected = [(7, 9), (7, 8), (7, 7)];
    expect(
        &repository,
        &[("tool:rare", &expected), ("agent:everyone tool:rare", &expected), ("kind:tool agent:everyone", &expected)],
    );
    // Too many traces to go by: found by time.
    let nines: Vec<(u64, u64)> = (0..250).rev().filter(|trace| *trace != 7).map(|trace| (trace, 9)).collect();
    let filter: SpanFilter = r#"agent:everyone name:"span 9" kind:span limit:90"#.parse().unwrap();
    assert_eq!(walk::spans(&repository, &filter), nines);
    let nobody: SpanFilter = "agent:everyone duration>1h".parse().unwrap();
    assert_eq!(walk::spans(&repository, &nobody), []);
}

fn calls_of_the_builder(world: &World) {
    let repository = staged(world);
    let found = |filter: SpanFilter| walk::spans(&repository, &filter);
    let second = std::time::Duration::from_secs(1);
    assert_eq!(found(SpanFilter::new().kind(Kind::Tool).status(StatusCode::Error)), [(1, 1)]);
    assert_eq!(found(SpanFilter::new().state(SpanState::Open)), [(2, 0)]);
    assert_eq!(found(SpanFilter::new().trace(trace_id(0)).parent(span_id(1))), [(0, 2)]);
    assert_eq!(found(SpanFilter::new().min_duration(5 * second).max_duration(6 * second)), [(1, 0)]);
    assert_eq!(found(SpanFilter::new().min_tokens(15).max_tokens(15)), [(3, 1)]);
    assert_eq!(found(SpanFilter::new().not_status(StatusCode::Unset)), [(1, 1)]);
    assert_eq!(found(SpanFilter::new().since_ns(at(4)).until_ns(at(4) + SECOND).not_kind(Kind::Model)), [(4, 0)]);
}
