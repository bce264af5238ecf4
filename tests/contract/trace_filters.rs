//! Lists of traces: each field, alone and left out, with several values, and together.

use tracing_agents::TraceFilter;
use tracing_agents::field;
use tracing_agents::model::Kind;

use crate::api::Repository;
use crate::sketch::{SECOND, Sketch, span};
use crate::walk::{expect_traces, traces};
use crate::world::World;

crate::cases!(
    run,
    session,
    conversation,
    user,
    agent_by_name_and_id,
    team,
    workflow,
    tool,
    model_asked_for_and_answering,
    provider_in_any_spelling,
    name_recorded_and_shown,
    service,
    kind,
    status,
    trace,
    time,
    last,
    duration,
    tokens,
    text,
    fields_together_must_all_hold,
    fields_may_hold_on_different_spans,
    what_is_left_out_occurs_in_no_span,
    nothing_matches_nothing,
);

/// Five traces: a team's run (0), an agent's with a failed tool (1), a running one (2), a slow one (3), an interrupted one (4).
pub(crate) fn stage() -> Vec<Sketch> {
    let mut named = span(1, 0).kind(Kind::Workflow).agent("Other").session("s1").user("u1");
    named = named.with(field::RUN_ID, "r1").with(field::CONVERSATION_ID, "c1").with(field::WORKFLOW_NAME, "Flow");
    vec![
        span(0, 0)
            .kind(Kind::Team)
            .with(field::TEAM_NAME, "Team")
            .with(field::TEAM_ID, "team-1")
            .with(field::RUN_ID, "r0"),
        span(0, 1).kind(Kind::Agent).agent("Member").with(field::AGENT_ID, "member-1"),
        span(0, 2)
            .model("gpt-4o")
            .with(field::RESPONSE_MODEL, "gpt-4o-2024")
            .with(field::PROVIDER, "OpenAI")
            .tokens(900, 100)
            .below(1),
        named.with(field::WORKFLOW_ID, "flow-1").lasting(5 * SECOND),
        span(1, 1).tool("web_search").failing("no network"),
        span(2, 0).named("nightly job").service("batch").running(),
        span(3, 0)
            .kind(Kind::Agent)
            .agent("Other")
            .with(field::AGENT_ID, "other-2")
            .session("s2")
            .user("u1")
            .lasting(60 * SECOND)
            .with(field::INPUT, "Refund 100%_done\\ ZOË")
            .with(field::OUTPUT, "It is ' paid; --"),
        span(3, 1).model("claude").with(field::PROVIDER, "anthropic").tokens(10, 5),
        span(3, 2).tool("calculator").service("web"),
        span(4, 0).interrupted().user("u2").session("s1"),
    ]
}

fn staged(world: &World) -> Repository {
    world.with(stage())
}

/// Each filter finds these traces.
#[track_caller]
fn expect(repository: &Repository, expected: &[(&str, &[u64])]) {
    for (filter, numbers) in expected {
        expect_traces(repository, filter, numbers);
    }
}

fn run(world: &World) {
    let repository = staged(world);
    expect(&repository, &[("run:r1", &[1]), ("run:r0,r1", &[1, 0]), ("-run:r1", &[4, 3, 2, 0]), ("run:R1", &[])]);
    assert_eq!(traces(&repository, &TraceFilter::new().run("r0")), [0]);
    assert_eq!(traces(&repository, &TraceFilter::new().not_run("r0").not_run("r1")), [4, 3, 2]);
}

fn session(world: &World) {
    let repository = staged(world);
    expect(&repository, &[("session:s1", &[4, 1]), ("session:s1,s2,none", &[4, 3, 1]), ("-session:s1", &[3, 2, 0])]);
    assert_eq!(traces(&repository, &TraceFilter::new().session("s2")), [3]);
    assert_eq!(traces(&repository, &TraceFilter::new().not_session("s2").not_session("s1")), [2, 0]);
}

fn conversation(world: &World) {
    let repository = staged(world);
    expect(&repository, &[("conversation:c1", &[1]), ("-conversation:c1", &[4, 3, 2, 0]), ("conversation:s1", &[])]);
    assert_eq!(traces(&repository, &TraceFilter::new().conversation("c1").conversation("c2")), [1]);
}

fn user(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[("user:u1", &[3, 1]), ("user:u1,u2", &[4, 3, 1]), ("-user:u1", &[4, 2, 0]), ("-user:u1,u2", &[2, 0])],
    );
    assert_eq!(traces(&repository, &TraceFilter::new().user("u2")), [4]);
}

fn agent_by_name_and_id(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            ("agent:Member", &[0]),
            ("agent:member-1", &[0]),
            ("agent:Member,member-1", &[0]),
            ("agent:Other", &[3, 1]),
            ("agent:other-2,Member", &[3, 0]),
            ("agent:member", &[]),
            ("-agent:Other", &[4, 2, 0]),
            ("-agent:Other,member-1", &[4, 2]),
            ("agent:Other -agent:other-2", &[1]),
        ],
    );
}

fn team(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[("team:Team", &[0]), ("team:team-1", &[0]), ("team:Member", &[]), ("-team:Team", &[4, 3, 2, 1])],
    );
    assert_eq!(traces(&repository, &TraceFilter::new().team("team-1").not_team("other")), [0]);
}

fn workflow(world: &World) {
    let repository = staged(world);
    expect(&repository, &[("workflow:Flow", &[1]), ("workflow:flow-1,x", &[1]), ("-workflow:flow-1", &[4, 3, 2, 0])]);
    assert_eq!(traces(&repository, &TraceFilter::new().workflow("Flow")), [1]);
}

fn tool(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            ("tool:web_search", &[1]),
            ("tool:web_search,calculator", &[3, 1]),
            ("tool:web-search", &[]),
            ("-tool:web_search", &[4, 3, 2, 0]),
        ],
    );
    assert_eq!(traces(&repository, &TraceFilter::new().not_tool("calculator").tool("web_search")), [1]);
}

fn model_asked_for_and_answering(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            ("model:gpt-4o", &[0]),
            ("model:gpt-4o-2024", &[0]),
            ("model:gpt-4o,claude", &[3, 0]),
            ("-model:gpt-4o-2024", &[4, 3, 2, 1]),
            ("model:gpt", &[]),
        ],
    );
}

fn provider_in_any_spelling(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            ("provider:openai", &[0]),
            ("provider:OpenAI,open_ai", &[0]),
            ("provider:Anthropic,openai", &[3, 0]),
            ("-provider:ANTHROPIC", &[4, 2, 1, 0]),
        ],
    );
}

fn name_recorded_and_shown(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            (r#"name:"nightly job""#, &[2]),
            (r#"name:"span 1""#, &[3, 1, 0]),
            (r#"name:"chat gpt-4o-2024""#, &[0]),
            (r#"name:"execute_tool web_search","nightly job""#, &[2, 1]),
            (r#"-name:"span 1""#, &[4, 2]),
            ("name:nightly", &[]),
        ],
    );
}

fn service(world: &World) {
    let repository = staged(world);
    expect(&repository, &[("service:batch", &[2]), ("service:batch,web", &[3, 2]), ("-service:web", &[4, 2, 1, 0])]);
}

fn kind(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            ("kind:team", &[0]),
            ("kind:agent", &[3, 0]),
            ("kind:model,tool", &[3, 1, 0]),
            ("-kind:model", &[4, 2, 1]),
            ("-kind:model,tool", &[4, 2]),
            ("kind:embedding", &[]),
        ],
    );
    assert_eq!(traces(&repository, &TraceFilter::new().kind(Kind::Workflow)), [1]);
}

fn status(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            ("status:ok", &[3, 0]),
            ("status:error", &[1]),
            ("status:running", &[2]),
            ("status:interrupted", &[4]),
            ("status:running,error", &[2, 1]),
            ("-status:ok", &[4, 2, 1]),
        ],
    );
}

fn trace(world: &World) {
    let repository = staged(world);
    let id = |number: u64| crate::sketch::trace_id(number);
    expect(
        &repository,
        &[
            (&format!("trace:{}", id(3)), &[3]),
            (&format!("trace:{},{},{}", id(1), id(4), id(77)), &[4, 1]),
            (&format!("trace:{},{} status:error", id(1), id(4)), &[1]),
            (&format!("trace:{} until:2026-03-14T00:00:01Z", id(3)), &[]),
            (&format!("trace:{} -agent:Other", id(3)), &[]),
        ],
    );
}

fn time(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            ("since:2026-03-14T00:00:02Z", &[4, 3, 2]),
            ("until:2026-03-14T00:00:02Z", &[1, 0]),
            ("since:2026-03-14T00:00:01Z until:2026-03-14T00:00:03Z", &[2, 1]),
            ("since:2026-03-14T00:00:01Z until:2026-03-14T00:00:03Z agent:Other", &[1]),
            ("since:2026-03-14T00:00:01Z until:2026-03-14T00:00:03Z status:running,ok", &[2]),
            ("since:2026-03-14T00:00:00.000000001Z", &[4, 3, 2, 1]),
            ("since:2026-03-14", &[4, 3, 2, 1, 0]),
            ("until:2026-03-14", &[]),
            ("since:2026-03-14T01:00:01+01:00 until:2026-03-14T00:00:02", &[1]),
            ("since:2026-03-15", &[]),
        ],
    );
}

fn last(world: &World) {
    let writer = world.writer();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_nanos()).unwrap();
    writer.write([
        span(0, 0),
        span(1, 0).starting(now - 3_600 * SECOND).agent("A"),
        span(2, 0).starting(now - 60 * SECOND),
    ]);
    let repository = world.repository();
    expect(
        &repository,
        &[
            ("last:30m", &[2]),
            ("last:2h", &[2, 1]),
            ("last:2h agent:A", &[1]),
            ("last:30m agent:A", &[]),
            ("last:40000d", &[2, 1, 0]),
        ],
    );
}

fn duration(world: &World) {
    let repository = staged(world);
    // The running one has none yet.
    expect(
        &repository,
        &[
            ("duration>5s", &[3]),
            ("duration>=5s", &[3, 1]),
            ("duration<5s", &[4, 0]),
            ("duration<=1.000000002s", &[4, 0]),
            ("duration<1.000000002s", &[4]),
            ("duration>=5s duration<1m", &[1]),
            ("duration>=0s", &[4, 3, 1, 0]),
            ("duration>=1m agent:Other", &[3]),
        ],
    );
}

fn tokens(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            ("tokens>=1k", &[0]),
            ("tokens>1k", &[]),
            ("tokens<1k", &[3]),
            ("tokens>=15 tokens<=1000", &[3, 0]),
            ("tokens>=0 -agent:Member", &[3]),
        ],
    );
}

fn text(world: &World) {
    let repository = staged(world);
    // In names, inputs and outputs, in either case, and literally.
    expect(
        &repository,
        &[
            ("refund", &[3]),
            ("REFUND zoë", &[3]),
            ("refund nightly", &[]),
            ("NIGHTLY", &[2]),
            (r#""100%_done""#, &[3]),
            ("100%done", &[]),
            ("1__%", &[]),
            ("%", &[3]),
            (r#""done\\""#, &[3]),
            (r#""\\_""#, &[]),
            (r#""' paid; --""#, &[3]),
            ("refund agent:Other status:ok", &[3]),
            ("refund -agent:Other", &[]),
        ],
    );
}

fn fields_together_must_all_hold(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            ("agent:Other tool:web_search session:s1 run:r1 user:u1 workflow:Flow conversation:c1", &[1]),
            ("agent:Other tool:web_search session:s2", &[]),
            ("agent:Other,Member kind:model -provider:openai duration>1m", &[]),
            (
                "agent:Other,Member kind:model -provider:openai duration>=1m tokens<1k since:2026-03-14T00:00:03Z refund",
                &[3],
            ),
            ("status:ok kind:agent provider:openai,anthropic service:web", &[3]),
        ],
    );
}

fn fields_may_hold_on_different_spans(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[("team:Team agent:Member model:gpt-4o", &[0]), ("agent:Other tool:calculator model:claude", &[3])],
    );
}

fn what_is_left_out_occurs_in_no_span(world: &World) {
    let repository = staged(world);
    expect(
        &repository,
        &[
            ("agent:Other,Member -tool:web_search", &[3, 0]),
            ("-agent:Nobody", &[4, 3, 2, 1, 0]),
            ("-agent:Other -user:u2 -service:batch", &[0]),
            ("kind:model -model:claude", &[0]),
        ],
    );
}

fn nothing_matches_nothing(world: &World) {
    let repository = staged(world);
    for filter in
        ["agent:x", "agent:x,y tool:web_search", "trace:000000000000000000000000000000ff", "tokens>1M", r#"agent:"""#]
    {
        expect_traces(&repository, filter, &[]);
    }
    drop(repository);
    expect_traces(&world.repository(), "", &[4, 3, 2, 1, 0]);
}
