//! An agent that is another agent's tool, behind HTTP: each request is one trace with both runs in their places, and with the session, the
//! user, the content and the tokens of that request.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helper functions too"
)]

use rig_agent::assistant::{MODEL, NAME};
use rig_agent::delegation::{self, RESEARCHER, RESEARCHER_MODEL};
use rig_agent::fake_openai::CALLS;
use rig_agent::front_desk::FrontDesk;
use rig_agent::provider::Provider;
use rig_agent::routes::Inquiry;
use rig_agent::tokens::Tokens;
use std::collections::BTreeSet;
use std::time::Duration;
use tracing_agents::model::{IdentityField, Kind, Span, StatusCode, TraceStatus, TraceTree};
use tracing_agents::{AgentTracing, TraceFilter};
use tracing_subscriber::prelude::*;

/// The scripted answer, made of what the inner agent answered.
const ANSWER: &str = "I had it looked up. In Oslo: 7 °C with light rain, 14:05 local time.";

/// The answers that the server gives to one request: two to each agent.
const ANSWERS: u64 = 4;

#[tokio::test]
async fn one_request() {
    let folder = tempfile::tempdir().unwrap();
    let tracing = open(&folder);
    let _registered = tracing_subscriber::registry().with(tracing.layer()).set_default();
    let provider = Provider::fake().await.unwrap();
    let inquiry = inquiry(0);

    let run = rig_agent::visit(&tracing, &provider, &inquiry).await.unwrap();

    assert_eq!(run.answer, ANSWER);
    assert_eq!(run.served, Some(Tokens { input: 68, cached: 16, output: 36, reasoning: 12 }));
    assert_eq!(run.traced(), run.served);
    assert_eq!(tracing.repository().traces(&TraceFilter::new()).unwrap().len(), 1);
    it_is_the_requests(&tracing, &run.trace, &inquiry);
}

/// On several threads, and so with the process's subscriber.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_at_the_same_time() {
    const REQUESTS: usize = 16;
    let folder = tempfile::tempdir().unwrap();
    let tracing = open(&folder);
    tracing_subscriber::registry().with(tracing.layer()).init();
    let provider = Provider::fake().await.unwrap();
    let desk = FrontDesk::open(delegation::concierge(&provider.client).unwrap()).await.unwrap();
    let inquiries: Vec<Inquiry> = (0..REQUESTS).map(inquiry).collect();

    let answers = futures::future::join_all(inquiries.iter().map(|inquiry| desk.ask(inquiry))).await;

    assert!(answers.iter().all(|answer| answer.as_ref().unwrap() == ANSWER), "{answers:?}");
    assert_eq!(provider.answers(), Some(ANSWERS * u64::try_from(REQUESTS).unwrap()));
    tracing.force_flush(Duration::from_secs(10)).unwrap();
    let repository = tracing.repository();
    assert_eq!(repository.traces(&TraceFilter::new()).unwrap().len(), REQUESTS);
    let mut call_ids = BTreeSet::new();
    for inquiry in &inquiries {
        let of_session = repository.traces(&TraceFilter::new().session(&inquiry.session)).unwrap();
        let ids: Vec<_> = of_session.into_iter().map(|trace| trace.trace_id).collect();
        let [id] = ids[..] else { panic!("one trace of {}, not {ids:?}", inquiry.session) };
        let trace = repository.trace(id).unwrap();
        it_is_the_requests(&tracing, &trace, inquiry);
        call_ids.extend(trace.spans.iter().filter_map(|span| span.tool_call_id.clone()));
    }
    assert_eq!(call_ids.len(), 3 * REQUESTS, "the server gives each call an id of its own");
}

fn open(folder: &tempfile::TempDir) -> AgentTracing {
    AgentTracing::open(&format!("sqlite://{}/rig_agent.db", folder.path().display())).unwrap()
}

fn inquiry(number: usize) -> Inquiry {
    Inquiry {
        session: format!("session-{number}"),
        user: format!("guest-{number}"),
        question: format!("Room {number} asks: what is it like in Oslo?"),
    }
}

fn it_is_the_requests(tracing: &AgentTracing, trace: &TraceTree, inquiry: &Inquiry) {
    the_runs_stand_in_their_places(trace);
    session_and_user_are_on_every_span(trace, inquiry);
    the_tokens_are_the_servers(trace);
    the_content_is_the_requests(tracing, trace, inquiry);
}

/// The outer run under the request, the inner one under the tool that it is.
fn the_runs_stand_in_their_places(trace: &TraceTree) {
    let [root] = trace.roots[..] else { panic!("one root, not {:?}", trace.roots) };
    assert!(trace.orphans.is_empty(), "every parent is stored");
    let mut outline = Vec::new();
    add_outline(trace, root, 0, &mut outline);
    let [(first_tool, _), (second_tool, _)] = CALLS;
    let (outer, inner) = (Some(NAME), Some(RESEARCHER));
    assert_eq!(
        outline,
        [
            (0, Kind::Span, "ask", None),
            (1, Kind::Agent, NAME, outer),
            (2, Kind::Model, MODEL, outer),
            (2, Kind::Tool, RESEARCHER, outer),
            (3, Kind::Agent, RESEARCHER, inner),
            (4, Kind::Model, RESEARCHER_MODEL, inner),
            (4, Kind::Tool, first_tool, inner),
            (4, Kind::Tool, second_tool, inner),
            (4, Kind::Model, RESEARCHER_MODEL, inner),
            (2, Kind::Model, MODEL, outer),
        ]
    );
    assert_eq!(trace.spans.len(), outline.len());
    assert_eq!(trace.trace.status, TraceStatus::Ok);
    for span in &trace.spans {
        assert_ne!(span.status.code, StatusCode::Error, "{}", span.display_name);
        assert_eq!(span.kind_source == "synthetic", span.kind == Kind::Agent, "rig opens no span for these runs");
    }
}

/// Depth, kind, the name that goes with the kind, and the agent of each span, as a tree is read.
fn add_outline<'t>(
    trace: &'t TraceTree,
    at: usize,
    depth: usize,
    into: &mut Vec<(usize, Kind, &'t str, Option<&'t str>)>,
) {
    let span = &trace.spans[at];
    let agent = span.identity.get(IdentityField::AgentName);
    let name = match span.kind {
        Kind::Agent => agent,
        Kind::Model => span.model(),
        Kind::Tool => span.tool_name.as_deref(),
        _ => Some(span.name.as_str()),
    };
    into.push((depth, span.kind, name.unwrap_or_default(), agent));
    for &child in &trace.children[at] {
        add_outline(trace, child, depth + 1, into);
    }
}

fn session_and_user_are_on_every_span(trace: &TraceTree, inquiry: &Inquiry) {
    let expected = [Some(inquiry.session.as_str()), Some(inquiry.user.as_str())];
    let fields = [IdentityField::SessionId, IdentityField::UserId];
    assert_eq!(fields.map(|field| trace.trace.identity.get(field)), expected);
    for span in &trace.spans {
        assert_eq!(fields.map(|field| span.identity.get(field)), expected, "{}", span.display_name);
    }
}

fn the_tokens_are_the_servers(trace: &TraceTree) {
    assert_eq!(Tokens::reported(&trace.trace.usage), Some(Tokens::of_answers(ANSWERS)));
    for model in trace.spans.iter().filter(|span| span.kind == Kind::Model) {
        let usage = model.usage.expect("each model call has its own usage");
        assert_eq!(Tokens::reported(&usage), Some(Tokens::PER_ANSWER));
    }
}

fn the_content_is_the_requests(tracing: &AgentTracing, trace: &TraceTree, inquiry: &Inquiry) {
    let repository = tracing.repository();
    let content = |span: &Span| repository.span(span.trace_id, span.span_id).unwrap().content;
    for span in trace.spans.iter().filter(|span| matches!(span.kind, Kind::Agent | Kind::Model)) {
        let input = content(span).input.unwrap();
        assert!(input.contains(&inquiry.question), "{} was given {input:?}", span.display_name);
    }
    let delegation = trace.spans.iter().find(|span| span.tool_name.as_deref() == Some(RESEARCHER)).unwrap();
    let delegation = content(delegation);
    assert_eq!(delegation.input.unwrap(), format!(r#"{{"prompt":"{}"}}"#, inquiry.question));
    assert!(ANSWER.ends_with(&delegation.output.unwrap()));
}
