//! Sessions: what users did in one sitting.

use tracing_agents::field;
use tracing_agents::model::IdentityField;
use tracing_agents::{ErrorKind, SessionFilter};

use crate::sketch::{SECOND, at, span, trace_id};
use crate::tables::{assert_same, dump};
use crate::walk::{expect_sessions, expect_traces, sessions};
use crate::world::World;

crate::cases!(
    the_latest_activity_comes_first,
    each_field_finds_its_sessions,
    a_session_sums_up_its_traces,
    the_first_trace_names_the_user,
    activity_is_that_of_every_span,
    a_conversation_is_a_session_where_no_session_is_named,
    a_trace_that_changes_its_session_moves,
    a_trace_counts_in_its_first_session,
    an_unknown_session_is_not_found,
);

fn the_latest_activity_comes_first(world: &World) {
    let writer = world.writer();
    writer.write([span(0, 0).session("old"), span(1, 0).session("middle"), span(2, 0).session("new")]);
    let repository = world.repository();
    expect_sessions(&repository, "", &["new", "middle", "old"]);
    writer.write([span(3, 0).session("old")]);
    expect_sessions(&repository, "", &["old", "new", "middle"]);
    writer.write([span(1, 1).session("middle").lasting(100 * SECOND)]);
    expect_sessions(&repository, "", &["middle", "old", "new"]);
}

fn each_field_finds_its_sessions(world: &World) {
    let repository = world.with([
        span(0, 0).session("old").agent("A").user("u1").with(field::RUN_ID, "r1"),
        span(1, 0).session("middle").agent("B").failing("no").with(field::TEAM_NAME, "T"),
        span(2, 0).session("new").agent("A"),
        span(2, 1).tool("search").service("web"),
        span(3, 0).session("old").user("u2"),
        span(3, 1).model("m").with(field::PROVIDER, "OpenAI").with(field::WORKFLOW_ID, "w-1"),
        span(4, 0).agent("A"),
    ]);
    let expected: &[(&str, &[&str])] = &[
        ("", &["old", "new", "middle"]),
        ("agent:A", &["old", "new"]),
        ("agent:A,B", &["old", "new", "middle"]),
        ("agent:A tool:search", &["new"]),
        ("user:u2", &["old"]),
        ("run:r1", &["old"]),
        ("team:T", &["middle"]),
        ("workflow:w-1", &["old"]),
        ("model:m provider:openai", &["old"]),
        ("kind:tool", &["new"]),
        ("kind:tool,model", &["old", "new"]),
        ("service:web", &["new"]),
        (r#"name:"execute_tool search""#, &["new"]),
        ("session:middle,old,none", &["old", "middle"]),
        ("session:middle,old agent:A", &["old"]),
        ("since:2026-03-14T00:00:03Z", &["old", "new"]),
        ("until:2026-03-14T00:00:01Z", &["old"]),
        ("since:2026-03-14T00:00:03Z until:2026-03-14T00:00:02Z", &["old"]),
        ("agent:C", &[]),
        ("-agent:A", &["middle"]),
        ("-user:u2 -session:middle", &["new"]),
        ("session:middle,old -agent:A", &["middle"]),
        ("last:1h", &[]),
    ];
    for (filter, ids) in expected {
        expect_sessions(&repository, filter, ids);
    }
}

fn a_session_sums_up_its_traces(world: &World) {
    let repository = world.with([
        span(0, 0).session("s").model("m").tokens(10, 1).costing(0.5),
        span(0, 1).failing("no"),
        span(1, 0).session("s").model("m").tokens(20, 2).with(field::CACHE_READ_TOKENS, 5_u64),
        span(2, 0).session("s").lasting(50 * SECOND),
        span(3, 0).session("other").model("m").tokens(7, 7),
    ]);
    let session = repository.session("s").unwrap();
    assert_eq!((session.trace_count, session.error_trace_count, session.span_count), (3, 1, 4));
    assert_eq!((session.start_ns, session.last_ns), (at(0), at(52)));
    assert_eq!((session.usage.input, session.usage.output, session.usage.cache_read), (Some(30), Some(3), Some(5)));
    assert_eq!(session.cost_nano_usd, Some(500_000_000));
    assert_eq!(repository.sessions(&SessionFilter::new().session("s")).unwrap().items, [session]);
    assert_eq!(repository.session("other").unwrap().cost_nano_usd, None);
    expect_traces(&repository, "session:s", &[2, 1, 0]);
}

fn the_first_trace_names_the_user(world: &World) {
    let writer = world.writer();
    let user = |world: &World| world.repository().session("s").unwrap().user_id;
    writer.write([span(5, 0).session("s")]);
    assert_eq!(user(world), None);
    writer.write([span(3, 0).session("s").user("third")]);
    assert_eq!(user(world).as_deref(), Some("third"));
    // An earlier one that arrives later is the first all the same.
    writer.write([span(1, 0).session("s").user("first"), span(2, 0).session("s").user("second")]);
    assert_eq!(user(world).as_deref(), Some("first"));
    world.repository().delete_traces(&[trace_id(1)]).unwrap();
    assert_eq!(user(world).as_deref(), Some("second"));
}

fn activity_is_that_of_every_span(world: &World) {
    let writer = world.writer();
    writer.write([span(0, 0).session("s").running()]);
    let session = world.repository().session("s").unwrap();
    assert_eq!((session.start_ns, session.last_ns), (at(0), at(0)));
    // Its root still runs.
    writer.write([span(0, 1).starting(at(60))]);
    assert_eq!(world.repository().session("s").unwrap().last_ns, at(61));
    writer.write([span(0, 0).session("s").lasting(100 * SECOND)]);
    let session = world.repository().session("s").unwrap();
    assert_eq!((session.start_ns, session.last_ns, session.span_count), (at(0), at(100), 2));
}

fn a_conversation_is_a_session_where_no_session_is_named(world: &World) {
    let repository = world.with([
        span(0, 0).with(field::CONVERSATION_ID, "c1"),
        span(1, 0).with(field::CONVERSATION_ID, "c1").session("s1"),
    ]);
    expect_sessions(&repository, "", &["s1", "c1"]);
    expect_sessions(&repository, "conversation:c1", &["s1", "c1"]);
    expect_traces(&repository, "session:c1", &[0]);
    expect_traces(&repository, "conversation:c1", &[1, 0]);
}

fn a_trace_that_changes_its_session_moves(world: &World) {
    let writer = world.writer();
    writer.write([span(0, 1).session("late").starting(at(9)).model("m").tokens(4, 0), span(1, 0).session("late")]);
    assert_eq!(world.repository().session("late").unwrap().trace_count, 2);
    // The root comes, and names another one earlier.
    writer.write([span(0, 0).session("early")]);
    let repository = world.repository();
    assert_eq!(repository.session("early").unwrap().usage.input, Some(4));
    let late = repository.session("late").unwrap();
    assert_eq!((late.trace_count, late.span_count, late.last_ns), (1, 1, at(2)));
    let moved = dump(&world.database);
    repository.delete_traces(&[trace_id(0), trace_id(1)]).unwrap();
    writer.write([
        span(0, 0).session("early"),
        span(1, 0).session("late"),
        span(0, 1).session("late").starting(at(9)).model("m").tokens(4, 0),
    ]);
    assert_same(&moved, &dump(&world.database), "moved and written at once");
}

fn a_trace_counts_in_its_first_session(world: &World) {
    let repository = world.with([
        span(0, 0).session("first"),
        span(0, 1).session("second"),
        span(0, 2).of(IdentityField::SessionId, "third").user("u"),
    ]);
    assert_eq!(sessions(&repository, &SessionFilter::new()), ["first"]);
    assert_eq!(repository.find_session("second").unwrap(), None);
    assert_eq!(repository.session("first").unwrap().span_count, 3);
    // A filter by session finds the trace by each of them.
    for session in ["first", "second", "third"] {
        expect_traces(&repository, &format!("session:{session}"), &[0]);
    }
}

fn an_unknown_session_is_not_found(world: &World) {
    let repository = world.with([span(0, 0).session("s")]);
    for id in ["", "S", "s ", "none", "s\0"] {
        let error = repository.session(id).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{id:?}");
        assert_eq!(repository.find_session(id).unwrap(), None);
    }
}
