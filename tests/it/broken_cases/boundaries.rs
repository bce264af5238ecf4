//! Spans that stay open for days while all requests happen in them.

use tracing::{Span, debug, info_span};
use tracing_agents::model::{IdentityField, Kind, Link, SpanDetail, SpanId, TraceId};
use tracing_agents::profile::Profile;
use tracing_agents::{AgentTracing, SpanExt, SpanFilter, TraceFilter, TraceRepository, agent_span, field};
use tracing_subscriber::prelude::*;

use super::support::{Stored, sent};
use crate::support::{Bench, PATIENCE};

/// rmcp's span of a connection, which closes with it.
fn serve_inner() -> Span {
    info_span!(target: "rmcp::service", "serve_inner")
}

/// A request on the connection that is entered: what rmcp tells of it, and the span of the tool that answers, with a step inside.
fn request(tool: &str) {
    debug!(target: "rmcp::service", request = %format_args!("CallToolRequest({tool})"), "received request");
    info_span!("call_tool", gen_ai.tool.name = tool).in_scope(|| drop(info_span!("look up")));
}

/// What leads from the root of a trace to where a boundary cut it off.
fn to(trace_id: TraceId, span_id: SpanId) -> Link {
    let mut link = Link::new(trace_id, span_id);
    link.attributes.push(field::LINK_REASON, "boundary");
    link
}

fn to_span(span: &SpanDetail) -> Link {
    to(span.span.trace_id, span.span.span_id)
}

fn named(repository: &TraceRepository, name: &str) -> SpanDetail {
    let spans = repository.spans(&SpanFilter::new().name(name)).unwrap().items;
    let [span] = &spans[..] else { panic!("{name}: {spans:#?}") };
    repository.span(span.trace_id, span.span_id).unwrap()
}

/// Case 19: `serve_inner` stands in what opened the connection, and every request in it.
#[test]
fn two_requests_on_one_connection_are_two_traces_that_are_there_while_it_lives() {
    let bench = Bench::new();
    let connection = info_span!("start the program").in_scope(serve_inner);
    connection.record_session("s1");
    let session = to(connection.trace_id().unwrap(), connection.span_id().unwrap());
    let mut traces = Vec::new();
    for tool in ["add", "subtract"] {
        connection.in_scope(|| request(tool));
        let repository = bench.flush();
        let trace = repository.traces(&TraceFilter::new().tool(tool)).unwrap().items.remove(0);
        assert_eq!((&*trace.name, trace.identity.session()), (&*format!("execute_tool {tool}"), Some("s1")));
        let tree = repository.trace(trace.trace_id).unwrap();
        let names: Vec<_> = tree.spans.iter().map(|span| &*span.name).collect();
        assert_eq!((names, tree.roots.len(), tree.orphans.len()), (vec!["call_tool", "look up"], 1, 0));
        let root = &tree.spans[tree.roots[0]];
        assert_eq!((root.kind, root.parent_span_id), (Kind::Tool, None));
        let links = repository.span(root.trace_id, root.span_id).unwrap().content.links;
        assert_eq!(links, std::slice::from_ref(&session));
        traces.push(trace.trace_id);
    }
    assert_ne!(traces[0], traces[1]);
    let repository = bench.flush();
    assert_eq!(repository.session("s1").unwrap().trace_count, 2);
    let connections = SpanFilter::new().name("serve_inner");
    assert!(repository.spans(&connections).unwrap().is_empty(), "the connection goes on");

    drop(connection);
    let repository = bench.flush();
    let connection = named(&repository, "serve_inner");
    assert_eq!((to_span(&connection), connection.span.parent_span_id), (session, None));
    assert_eq!(
        repository.trace(connection.span.trace_id).unwrap().spans.len(),
        1,
        "the connection is a trace of its own"
    );
    let events: Vec<_> = connection.content.events.iter().map(|event| &*event.name).collect();
    assert_eq!(events, ["received request"; 2]);
    // What opened the connection ended long ago: it is no trace of as many days.
    let start = named(&repository, "start the program");
    assert_eq!(connection.content.links, [to_span(&start)]);
    assert!(start.span.end_ns.unwrap() < connection.span.end_ns.unwrap());
    assert_eq!(repository.trace(start.span.trace_id).unwrap().spans.len(), 1);
}

/// Case 19: rmcp opens one such span in another.
#[test]
fn a_connection_in_a_connection_is_a_trace_and_leads_to_the_outer_one() {
    let stored = Stored::of(|| {
        let session =
            info_span!(target: "rmcp::transport::streamable_http_server", "streamable_http_session", session.id = "s1");
        session.in_scope(serve_inner).in_scope(|| request("add"));
    });
    assert_eq!(
        stored.outline(),
        ["span streamable_http_session", "span serve_inner", "tool execute_tool add", "  span look up"]
    );
    let [outer, inner, tool] = ["streamable_http_session", "serve_inner", "call_tool"].map(|name| stored.named(name));
    assert_eq!(outer.content.links, []);
    assert_eq!(inner.content.links, [to_span(&outer)]);
    assert_eq!(tool.content.links, [to_span(&inner)]);
    assert_eq!([&inner, &tool].map(|span| span.span.identity.session()), [Some("s1"); 2]);
}

/// Case 19: codex's loop over what the user submits is open as long as the program.
#[test]
fn codexs_turns_are_traces_of_their_own() {
    let stored = Stored::of(|| {
        info_span!(target: "codex_core::session", "session_loop", thread_id = "thread-1").in_scope(|| {
            for turn in ["turn-1", "turn-2"] {
                let submission = info_span!(target: "codex_core::session", "submission_dispatch", submission.id = turn);
                submission.in_scope(|| {
                    drop(info_span!(target: "codex_core::tasks", "turn", thread.id = "thread-1", turn.id = turn));
                });
            }
        });
    });
    let turn = ["span submission_dispatch", "  agent turn"];
    assert_eq!(stored.outline(), [&["span session_loop"][..], &turn, &turn].concat());
    assert_eq!(stored.repository().session("thread-1").unwrap().trace_count, 3, "the loop, and each turn");
}

#[test]
fn a_program_names_boundaries_of_its_own() {
    let profile = Profile::new("acme").target("acme").boundary("acme::socket", "connection");
    let tracing = AgentTracing::builder("sqlite::memory:").profile(profile).open().unwrap();
    let subscriber = tracing_subscriber::registry().with(tracing.layer());
    tracing::subscriber::with_default(subscriber, || {
        info_span!(target: "acme::socket::tls", "connection").in_scope(|| drop(agent_span!("Mine")));
        info_span!(target: "acme::pool", "connection").in_scope(|| drop(agent_span!("Elsewhere")));
        info_span!(target: "acme::socket", "message").in_scope(|| drop(agent_span!("Other")));
    });
    tracing.force_flush(PATIENCE).unwrap();
    let spans_beside = |agent: &str| -> Vec<String> {
        let repository = tracing.repository();
        let trace = repository.traces(&TraceFilter::new().agent(agent)).unwrap().items.remove(0);
        repository.trace(trace.trace_id).unwrap().spans.into_iter().map(|span| span.name).collect()
    };
    assert_eq!(spans_beside("Mine"), ["invoke_agent"]);
    assert_eq!(spans_beside("Elsewhere"), ["connection", "invoke_agent"]);
    assert_eq!(spans_beside("Other"), ["message", "invoke_agent"]);
}

/// Only direct children are cut off, by whatever way they came there.
#[test]
fn a_parent_that_is_named_counts_as_one_that_is_entered_and_what_is_below_a_request_stays_there() {
    let stored = Stored::of(|| {
        let connection = serve_inner();
        let request = info_span!(parent: &connection, "request");
        drop(info_span!(parent: &request, "below the request"));
        connection.in_scope(|| {
            drop(info_span!(parent: &request, "below it, and in the connection"));
            let free = info_span!(parent: None, "free");
            free.follows_from(&request);
        });
    });
    let request = stored.named("request");
    for below in ["below the request", "below it, and in the connection"] {
        let span = stored.named(below);
        assert_eq!((span.span.trace_id, span.span.parent_span_id), (request.span.trace_id, Some(request.span.span_id)));
        assert_eq!(span.content.links, []);
    }
    assert_eq!(request.content.links, [to_span(&stored.named("serve_inner"))]);
    let follows = Link::new(request.span.trace_id, request.span.span_id);
    assert_eq!(stored.named("free").content.links, [follows], "it asked for no parent, and has none to lead to");
}

/// The session is often known only once the client has said who it is.
#[test]
fn ids_that_a_connection_learns_late_reach_its_requests_and_a_requests_own_stay_with_it() {
    let stored = Stored::of(|| {
        let connection = serve_inner();
        let [first, second] = ["first", "second"].map(|name| connection.in_scope(|| info_span!("request", name)));
        let below = first.in_scope(|| info_span!("below the first"));
        first.record_user("alice");
        connection.record_session("s1");
        drop((below, first, second));
    });
    let below = stored.named("below the first");
    assert_eq!(
        (below.span.identity.session(), below.span.identity.get(IdentityField::UserId)),
        (Some("s1"), Some("alice"))
    );
    let users: Vec<_> =
        stored.trees().iter().map(|tree| tree.trace.identity.get(IdentityField::UserId).map(str::to_owned)).collect();
    assert_eq!(users, [None, Some("alice".to_owned()), None]);
    assert_eq!(stored.repository().session("s1").unwrap().trace_count, 3);
}

/// Who hands spans over with their ids has said what their traces are.
#[test]
fn spans_that_come_with_their_ids_keep_them() {
    let stored = Stored::sent([sent(1, "serve_inner").scope("rmcp::service"), sent(2, "call_tool").below(1)]);
    assert_eq!(stored.outline(), ["span serve_inner", "  span call_tool"]);
}
