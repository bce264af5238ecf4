//! Sessions, conversations and users, and traces that belong together although nothing ties their spans.

use std::thread;

use tracing::{Dispatch, info_span};
use tracing_agents::model::{IdentityField, Kind, Span};
use tracing_agents::{TraceFilter, agent_span, field, model_span, tool_span};

use super::support::{Stored, sent};

fn ids(span: &Span) -> [Option<&str>; 3] {
    [IdentityField::SessionId, IdentityField::ConversationId, IdentityField::UserId]
        .map(|field| span.identity.get(field))
}

/// semconv#1872, genai#51: one id is asked to be a sitting, a thread of messages and a person.
#[test]
fn session_conversation_and_user_stay_apart_and_reach_every_span_below() {
    let stored = Stored::of(|| {
        let agent = agent_span!(
            "Writer",
            { field::SESSION_ID } = "s1",
            { field::CONVERSATION_ID } = "c1",
            { field::USER_ID } = "alice"
        );
        agent.in_scope(|| {
            drop(model_span!("m", { field::CONVERSATION_ID } = "c2"));
            drop(tool_span!("t"));
        });
    });
    assert_eq!(ids(&stored.the(Kind::Tool).span), [Some("s1"), Some("c1"), Some("alice")]);
    assert_eq!(ids(&stored.the(Kind::Model).span), [Some("s1"), Some("c2"), Some("alice")], "its own goes before");
    let found = |filter: TraceFilter| stored.repository().traces(&filter).unwrap().len();
    let filter = TraceFilter::new;
    assert_eq!((found(filter().session("s1")), found(filter().conversation("s1"))), (1, 0));
    assert_eq!((found(filter().conversation("c1")), found(filter().conversation("c2"))), (1, 1));
    assert_eq!((found(filter().user("alice")), found(filter().session("alice"))), (1, 0));
}

/// Case 23: what codex calls a conversation is one turn; its thread is the session.
#[test]
fn codexs_turns_are_conversations_of_the_session_that_its_thread_is() {
    let stored = Stored::of(|| {
        for turn in ["turn-1", "turn-2"] {
            drop(info_span!(
                target: "codex_core::tasks",
                "turn",
                otel.name = "session_task.turn",
                thread.id = "thread-1",
                turn.id = turn,
                gen_ai.conversation.id = turn,
            ));
        }
    });
    let session = stored.repository().session("thread-1").unwrap();
    assert_eq!(session.trace_count, 2);
    let turns: Vec<_> = stored.trees().into_iter().map(|tree| tree.spans[0].clone()).collect();
    assert_eq!(
        [ids(&turns[0]), ids(&turns[1])],
        [["thread-1", "turn-1"], ["thread-1", "turn-2"]].map(|[s, c]| { [Some(s), Some(c), None] })
    );
}

/// A thread's number is not a session, although OpenTelemetry and codex write it under one name.
#[test]
fn the_operating_systems_thread_is_no_session() {
    let stored = Stored::of(|| drop(agent_span!("Writer", "thread.id" = 7)));
    assert_eq!(stored.the(Kind::Agent).span.identity.session(), None);
}

/// a2a#2103, traceloop#3683: an agent that another one starts on a thread of its own loses the trace, and keeps the session.
#[test]
fn runs_that_lost_their_trace_are_together_in_their_session() {
    let stored = Stored::of(|| {
        let run = || agent_span!("Planner", { field::SESSION_ID } = "s1");
        run().in_scope(|| {
            let dispatch = tracing::dispatcher::get_default(Dispatch::clone);
            let other = || drop(agent_span!("Worker", { field::SESSION_ID } = "s1"));
            thread::spawn(move || tracing::dispatcher::with_default(&dispatch, other)).join().unwrap();
        });
    });
    assert_eq!(stored.outline(), ["agent invoke_agent Planner", "agent invoke_agent Worker"]);
    let session = stored.repository().session("s1").unwrap();
    assert_eq!((session.trace_count, session.span_count), (2, 2));
    let found = stored.repository().traces(&TraceFilter::new().session("s1")).unwrap();
    let mut names: Vec<_> = found.iter().map(|trace| trace.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["invoke_agent Planner", "invoke_agent Worker"]);
}

/// genai#447: an agent in another process that took the trace's ids over is in the caller's tree, whichever side is stored first.
#[test]
fn a_remote_agent_stands_in_the_trace_of_its_caller() {
    let caller = || sent(1, "invoke_agent Planner");
    let tool = || sent(2, "execute_tool delegate").below(1);
    let remote = || sent(3, "invoke_agent Worker").remotely_below(2);
    let tree = ["agent invoke_agent Planner", "  tool execute_tool delegate", "    agent invoke_agent Worker"];
    for stored in [Stored::sent([caller(), tool(), remote()]), Stored::sent([remote(), tool(), caller()])] {
        assert_eq!(stored.outline(), tree);
    }
    let alone = Stored::sent([remote()]);
    assert_eq!(alone.outline(), ["agent invoke_agent Worker"]);
    assert_eq!(alone.tree().orphans, [0], "its caller is known to be missing");
}
