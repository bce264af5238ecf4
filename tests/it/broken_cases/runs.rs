//! Who ran: runs that share a name with their model's calls, have no span of their own, or are torn apart.

use tracing::field::Empty;
use tracing::{Dispatch, Id, Span, info, info_span};
use tracing_agents::model::{IdentityField, Kind, SpanDetail};
use tracing_agents::{AgentTracing, SpanFilter, StatsQuery, TraceFilter, model_span};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use super::frameworks::{adk, rig};
use super::support::{Stored, in_and_out, tokens};

/// Case 1: rig's `Agent::chat` and the calls of its model are spans of one name.
#[test]
fn a_span_with_the_name_chat_is_a_run_or_a_model_call_by_its_target() {
    let stored = Stored::of(|| {
        for run in [
            info_span!(target: "rig_agent::agent::completion", "chat", agent_name = "calculator"), // 0.41 on
            info_span!(target: "rig_core::agent::completion", "chat", agent_name = "calculator"),  // 0.40
            info_span!(target: "rig::agent::completion", "chat", agent_name = "calculator"),       // 0.35
        ] {
            run.in_scope(|| rig::turns("calculator"));
        }
        drop(info_span!(target: "my_app::rooms", "chat", room = "lobby"));
    });
    let run = [
        "agent invoke_agent calculator",
        "  model chat gpt-4o-2024-08-06",
        "  tool execute_tool add",
        "  model chat gpt-4o-2024-08-06",
    ];
    assert_eq!(stored.outline(), [&run[..], &run, &run, &["span chat"]].concat());
}

/// Case 2: rig opens no span for its agent where the host has one open, such as a web server's for the request.
#[test]
fn a_run_inside_a_request_gets_an_agent_between_the_request_and_its_calls() {
    let stored = Stored::of(|| {
        info_span!("http_request", http.route = "/ask").in_scope(|| rig::turns("calculator"));
    });
    assert_eq!(
        stored.outline(),
        [
            "span http_request",
            "  agent invoke_agent calculator",
            "    model chat gpt-4o-2024-08-06",
            "    tool execute_tool add",
            "    model chat gpt-4o-2024-08-06",
        ]
    );
    let agent = stored.the(Kind::Agent);
    assert!(agent.span.is_synthetic());
    assert_eq!(in_and_out(&agent.content), (Some("Add 2 and 2"), Some("It is 4.")));
    let trace = stored.tree().trace;
    assert_eq!((trace.name.as_str(), trace.span_count), ("invoke_agent calculator", 4), "made up is not counted");
    assert_eq!(stored.repository().traces(&TraceFilter::new().agent("calculator")).unwrap().len(), 1);
}

/// Case 3: an agent that another one has as a tool is known by its model's calls alone.
#[test]
fn an_agent_that_is_another_ones_tool_runs_below_that_tool() {
    let stored = Stored::of(|| {
        let run = rig::run("planner");
        run.in_scope(|| rig::tool("ask_calculator").in_scope(|| rig::turns("calculator")));
        run.record("gen_ai.completion", "It is 4.");
    });
    assert_eq!(
        stored.outline(),
        [
            "agent invoke_agent planner",
            "  tool execute_tool ask_calculator",
            "    agent invoke_agent calculator",
            "      model chat gpt-4o-2024-08-06",
            "      tool execute_tool add",
            "      model chat gpt-4o-2024-08-06",
        ]
    );
    for agent in ["planner", "calculator"] {
        assert_eq!(stored.repository().traces(&TraceFilter::new().agent(agent)).unwrap().len(), 1, "{agent}");
    }
}

/// Case 2, the other way round: a call that names no agent speaks for none, whatever is around it.
#[test]
fn a_call_that_only_inherits_an_agents_name_gets_no_agent_of_its_own() {
    let stored = Stored::of(|| {
        info_span!("http_request", gen_ai.agent.name = "calculator").in_scope(|| drop(model_span!("m")));
    });
    assert_eq!(stored.outline(), ["span http_request", "  model chat m"]);
    assert_eq!(agent_of(&stored.the(Kind::Model)), Some("calculator"));
}

/// One prompt on rig up to 0.40, with the target of its module: the run's span is never entered, so that what it does are roots, each
/// following the one before.
macro_rules! torn_run {
    ($target:literal) => {{
        let chat = || {
            info_span!(
                target: "rig::agent_chat",
                parent: None,
                "chat",
                gen_ai.operation.name = "chat",
                gen_ai.agent.name = "calculator",
                gen_ai.response.id = "chatcmpl-1",
                gen_ai.usage.input_tokens = 17_u64,
                gen_ai.usage.output_tokens = 9_u64,
            )
        };
        let closed = |span: Span, follows: Option<Id>| span.follows_from(follows).id();
        let run = info_span!(
            target: $target,
            "invoke_agent",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.agent.name = "calculator",
            gen_ai.prompt = "Add 2 and 2",
            gen_ai.completion = Empty,
        );
        let first = closed(chat(), None);
        let tool = info_span!(
            target: $target,
            "execute_tool",
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = "add",
        );
        let tool = closed(tool, first);
        closed(chat(), tool);
        run.record("gen_ai.completion", "It is 4.");
    }};
}

/// On 0.30.
fn torn_run() {
    torn_run!("rig::agent::prompt_request");
}

fn agent_of(detail: &SpanDetail) -> Option<&str> {
    detail.span.identity.get(IdentityField::AgentName)
}

/// The spans of a torn run in the order of their start.
fn pieces(stored: &Stored) -> Vec<SpanDetail> {
    let repository = stored.repository();
    let mut spans = repository.spans(&SpanFilter::new()).unwrap().items;
    spans.sort_by_key(|span| span.start_ns);
    spans.iter().map(|span| repository.span(span.trace_id, span.span_id).unwrap()).collect()
}

fn unfiltered(tracing: &AgentTracing) -> Dispatch {
    tracing_subscriber::registry().with(tracing.unfiltered_layer()).into()
}

/// Case 4: up to 0.40 rig tears one prompt into as many roots as it has spans.
#[test]
fn the_pieces_of_a_torn_run_keep_what_ties_them_together() {
    let stored = Stored::under(unfiltered, torn_run);
    let [run, first, tool, last] = pieces(&stored).try_into().unwrap();
    assert_eq!(
        [&run, &first, &tool, &last].map(|piece| piece.span.kind),
        [Kind::Agent, Kind::Model, Kind::Tool, Kind::Model]
    );
    for piece in [&run, &first, &last] {
        assert_eq!(piece.span.display_name.contains("calculator"), piece.span.kind == Kind::Agent);
        assert_eq!(agent_of(piece), Some("calculator"));
    }
    assert_eq!(in_and_out(&run.content), (Some("Add 2 and 2"), Some("It is 4.")));
    let follows = |piece: &SpanDetail| piece.content.links.iter().map(|link| link.span_id).collect::<Vec<_>>();
    assert_eq!((follows(&tool), follows(&last)), (vec![first.span.span_id], vec![tool.span.span_id]));
    let calls = &stored.stats(&StatsQuery::spans(SpanFilter::new().kind(Kind::Model)))[0];
    assert_eq!((calls.count, tokens(&calls.usage)), (2, (Some(34), Some(18))));
}

/// Case 4: the library of `rig-core` is called `rig` in 0.35, and `rig_core` in 0.40.
#[test]
fn a_torn_run_is_one_trace_under_either_name_of_rigs_library() {
    let run = ["agent invoke_agent calculator", "  model chat", "  tool execute_tool add", "  model chat"];
    assert_eq!(Stored::of(torn_run).outline(), run);
    let stored = Stored::of(|| torn_run!("rig_core::agent::runner"));
    assert_eq!(stored.outline(), run);
    assert_eq!(tokens(&stored.tree().trace.usage), (Some(34), Some(18)));
}

/// Case 16: `tracing-subscriber` hands a filtered layer no edge to a span that has closed.
#[test]
fn a_filter_takes_edges_to_closed_spans_away_and_nothing_else() {
    let filtered = Stored::under(
        |tracing| tracing_subscriber::registry().with(tracing.unfiltered_layer().with_filter(LevelFilter::INFO)).into(),
        torn_run,
    );
    let (all, kept) = (pieces(&Stored::under(unfiltered, torn_run)), pieces(&filtered));
    let links = |pieces: &[SpanDetail]| pieces.iter().map(|piece| piece.content.links.len()).collect::<Vec<_>>();
    assert_eq!((links(&all), links(&kept)), (vec![0, 0, 1, 1], vec![0; 4]));
    let told = |pieces: Vec<SpanDetail>| -> Vec<_> {
        pieces.into_iter().map(|piece| (piece.span.kind, piece.span.name, piece.content.attributes)).collect()
    };
    assert_eq!(told(kept), told(all));
}

/// Case 26: adk's own span of an agent, `run`, closes as soon as the stream of its events is returned.
#[test]
fn a_marker_that_closes_before_the_work_begins_takes_no_calls_from_the_run() {
    let stored = Stored::of(|| {
        adk::execute("calculator").in_scope(|| {
            info_span!(target: "adk_agent::llm_agent", "run", agent.name = "calculator", session.id = "s1")
                .in_scope(|| info!(target: "adk_agent::llm_agent", "Starting agent execution"));
            drop(info_span!(target: "adk_agent::llm_agent", "call_llm", gen_ai.request.model = "gpt-4o"));
            drop(adk::tool("add", r#"{"x":2,"y":2}"#));
            info!(target: "adk_agent::llm_agent", { agent.name = "calculator" }, "Agent execution complete");
        });
    });
    assert_eq!(
        stored.outline(),
        ["agent invoke_agent calculator", "  span run", "  model chat gpt-4o", "  tool execute_tool add",]
    );
    assert_eq!(stored.repository().traces(&TraceFilter::new().session("s1").agent("calculator")).unwrap().len(), 1);
}
