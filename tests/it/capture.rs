//! From spans in a program to the repository's answers.

use tracing::{Span, info_span, instrument};
use tracing_agents::model::{IdentityField, Kind, Link, Message, Role, StatusCode, TraceStatus, Usage};
use tracing_agents::{
    AgentTracing, SpanExt, TraceFilter, agent_span, embedding_span, field, model_span, retriever_span, step_span,
    team_span, tool_span, workflow_span,
};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Layer, Registry};

use crate::support::{Bench, only};

#[instrument(skip_all, err, ret, fields({ field::OPERATION } = "execute_tool", { field::TOOL_NAME } = "divide"))]
fn divide(by: i64) -> Result<i64, String> {
    if by == 0 { Err("division by zero".to_owned()) } else { Ok(42 / by) }
}

#[instrument(skip_all, fields({ field::OPERATION } = "invoke_agent", { field::AGENT_NAME } = "Calculator", { field::SESSION_ID } = "s1"))]
async fn calculate(by: i64) -> Result<i64, String> {
    model_span!("gpt-4o-mini", { field::PROVIDER } = "openai").record_usage(Usage::new(17, 9).with_cache_read(4));
    tokio::task::yield_now().await;
    divide(by)
}

#[tokio::test]
async fn an_agent_with_a_model_call_and_a_tool() {
    let bench = Bench::new();
    calculate(2).await.unwrap();
    let tree = bench.tree();

    let agent = only(&tree, Kind::Agent);
    assert_eq!(tree.trace.name, "invoke_agent Calculator");
    assert_eq!(tree.trace.status, TraceStatus::Ok);
    assert_eq!((tree.trace.usage.input, tree.trace.usage.output), (Some(17), Some(9)));
    assert_eq!(tree.trace.usage.cache_read, Some(4));
    assert_eq!(agent.identity.session(), Some("s1"));

    let model = only(&tree, Kind::Model);
    assert_eq!(model.parent_span_id, Some(agent.span_id));
    assert_eq!((model.model(), model.provider.as_deref()), (Some("gpt-4o-mini"), Some("openai")));
    assert_eq!(model.identity.session(), Some("s1"), "inherited");

    let tool = only(&tree, Kind::Tool);
    assert_eq!(tool.tool_name.as_deref(), Some("divide"));
    let detail = bench.flush().span(tree.trace.trace_id, tool.span_id).unwrap();
    assert_eq!(detail.content.output.as_deref(), Some("21"), "what the function returned");
}

#[tokio::test]
async fn a_failing_tool_makes_an_error_trace() {
    let bench = Bench::new();
    calculate(0).await.unwrap_err();
    let tree = bench.tree();
    let tool = only(&tree, Kind::Tool);
    assert_eq!((tool.status.code, tool.status.message.as_str()), (StatusCode::Error, "division by zero"));
    assert_eq!(tree.trace.status, TraceStatus::Error);
    assert_eq!(tree.trace.error_count, 1);
    let failed = bench.flush().traces(&"status:error tool:divide".parse::<TraceFilter>().unwrap()).unwrap();
    assert_eq!(failed.items.len(), 1);
}

#[test]
fn a_panic_is_an_error_with_its_type() {
    let bench = Bench::new();
    let result = std::panic::catch_unwind(|| tool_span!("explode").in_scope(|| panic!("boom")));
    assert!(result.is_err());
    let tree = bench.tree();
    let tool = only(&tree, Kind::Tool);
    assert_eq!(tool.status.code, StatusCode::Error);
    assert_eq!(tool.error_type.as_deref(), Some("panic"));
}

#[test]
fn a_members_agent_finds_the_teams_trace() {
    let bench = Bench::new();
    team_span!("Newsroom").in_scope(|| {
        agent_span!("Writer", { field::AGENT_ID } = "writer-7", { field::USER_ID } = "ana").in_scope(|| {});
        agent_span!("Editor").in_scope(|| {});
    });
    let repository = bench.flush();
    let found = |filter: &str| repository.traces(&filter.parse().unwrap()).unwrap().items.len();
    for filter in [
        "agent:Writer",
        "agent:writer-7",
        "agent:Editor",
        "team:Newsroom",
        "user:ana",
        "agent:Writer agent:Nobody,Writer",
    ] {
        assert_eq!(found(filter), 1, "{filter}");
    }
    assert_eq!(found("agent:Reader"), 0);
    assert!(bench.traces()[0].name.contains("Newsroom"));
}

#[test]
fn an_id_that_is_known_late_reaches_what_ends_later() {
    let bench = Bench::new();
    let agent = agent_span!("Late");
    agent.in_scope(|| {
        let call = model_span!("m");
        Span::current().record_attribute(field::RUN_ID, "run-1");
        drop(call);
    });
    drop(agent);
    let tree = bench.tree();
    assert!(tree.spans.iter().all(|span| span.identity.iter().any(|(_, value)| value == "run-1")));
    assert_eq!(bench.flush().traces(&TraceFilter::new().run("run-1")).unwrap().items.len(), 1);
}

#[test]
fn plain_spans_are_kept_as_they_are() {
    let bench = Bench::new();
    info_span!("request", path = "/chat", tokens = u64::MAX, "odd key" = true)
        .in_scope(|| tracing::info!(step = 1, "half way"));
    let tree = bench.tree();
    let span = only(&tree, Kind::Span);
    let content = bench.flush().span(span.trace_id, span.span_id).unwrap().content;
    assert_eq!(content.attributes.get("tokens"), Some(&u64::MAX.into()));
    assert_eq!(content.attributes.get("odd key"), Some(&true.into()));
    assert_eq!((content.events.len(), content.events[0].name.as_str()), (1, "half way"));
    assert_eq!(content.callsite.unwrap().target, module_path!());
}

#[test]
fn beside_opentelemetry_both_extensions_work() {
    use opentelemetry::trace::TracerProvider as _;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;

    let tracing = AgentTracing::open("sqlite::memory:").unwrap();
    let exporter = opentelemetry_sdk::trace::InMemorySpanExporter::default();
    let provider =
        opentelemetry_sdk::trace::SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let subscriber = tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("test")))
        .with(tracing.layer());
    tracing::subscriber::with_default(subscriber, || {
        let span = model_span!("m");
        span.set_attribute("theirs", 1);
        span.record_attribute("ours", 2);
        span.record_usage(Usage::new(1, 2));
    });
    tracing.force_flush(crate::support::PATIENCE).unwrap();
    assert_eq!(exporter.get_finished_spans().unwrap().len(), 1);
    assert_eq!(tracing.repository().traces(&TraceFilter::new()).unwrap().items[0].usage.input, Some(1));
}

#[test]
fn ids_come_with_baggage_where_the_key_is_allowed_and_no_ancestor_names_them() {
    use opentelemetry::baggage::BaggageExt as _;
    use opentelemetry::{Context, KeyValue};

    let tracing =
        AgentTracing::builder("sqlite::memory:").baggage([field::SESSION_ID, field::AGENT_NAME]).open().unwrap();
    let _subscriber = tracing_subscriber::registry().with(tracing.layer()).set_default();
    let outside = [(field::SESSION_ID, "s1"), (field::USER_ID, "mallory"), (field::AGENT_NAME, "Caller")];
    let _context = Context::current_with_baggage(outside.map(|(key, value)| KeyValue::new(key, value))).attach();
    info_span!("request").in_scope(|| {
        agent_span!("A").in_scope(|| drop(model_span!("m")));
        // Known late, and still stronger than what surrounds the spans.
        let call = model_span!("late");
        Span::current().record_attribute(field::SESSION_ID, "s2");
        drop(call);
    });
    tracing.force_flush(crate::support::PATIENCE).unwrap();
    let repository = tracing.repository();
    let traces = repository.traces(&TraceFilter::new()).unwrap().items;
    let tree = repository.trace(traces[0].trace_id).unwrap();
    let ids: Vec<_> =
        tree.spans.iter().map(|span| (span.name.as_str(), span.identity.session(), agent_of(span))).collect();
    assert_eq!(
        ids,
        [
            ("request", Some("s2"), Some("Caller")),
            ("invoke_agent", Some("s1"), Some("A")),
            ("chat", Some("s1"), Some("A")),
            ("chat", Some("s2"), Some("Caller")),
        ]
    );
    assert!(tree.spans.iter().all(|span| span.identity.get(IdentityField::UserId).is_none()), "not allowed");
}

fn agent_of(span: &tracing_agents::model::Span) -> Option<&str> {
    span.identity.get(IdentityField::AgentName)
}

#[test]
fn links_and_parents_come_back() {
    let bench = Bench::new();
    let first = info_span!("first");
    let second = info_span!(parent: &first, "second");
    second.follows_from(&first);
    first.in_scope(|| drop(info_span!(parent: None, "alone")));
    drop((second, first));
    let traces = bench.traces();
    assert_eq!(traces.len(), 2);
    let tree = bench.flush().trace(traces.iter().find(|trace| trace.name == "first").unwrap().trace_id).unwrap();
    let named = |name: &str| tree.spans.iter().find(|span| span.name == name).unwrap();
    let (first, second) = (named("first"), named("second"));
    assert_eq!(second.parent_span_id, Some(first.span_id));
    let content = bench.flush().span(second.trace_id, second.span_id).unwrap().content;
    assert_eq!(content.links, [Link::new(first.trace_id, first.span_id)]);
}

#[test]
fn each_macro_makes_its_kind_in_any_form_of_the_layer() {
    let tracing = AgentTracing::open("sqlite::memory:").unwrap();
    let boxed: Box<dyn Layer<Registry> + Send + Sync> = tracing.layer().boxed();
    let by_level = tracing.unfiltered_layer().with_filter(LevelFilter::INFO);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(boxed), || {
        workflow_span!("w").in_scope(|| step_span!("s").in_scope(|| drop(team_span!("t"))));
    });
    tracing::subscriber::with_default(tracing_subscriber::registry().with(Some(tracing.layer())), || {
        agent_span!("a").in_scope(|| drop((retriever_span!("r"), embedding_span!("e"))));
    });
    tracing::subscriber::with_default(tracing_subscriber::registry().with(by_level), || {
        drop((model_span!("m"), tool_span!("x"), tracing::debug_span!("not this one")));
    });
    tracing.force_flush(crate::support::PATIENCE).unwrap();
    let repository = tracing.repository();
    let mut kinds: Vec<_> = repository
        .traces(&TraceFilter::new())
        .unwrap()
        .into_iter()
        .flat_map(|trace| repository.trace(trace.trace_id).unwrap().spans)
        .map(|span| span.kind)
        .collect();
    let mut expected = vec![
        Kind::Workflow,
        Kind::Step,
        Kind::Team,
        Kind::Agent,
        Kind::Retriever,
        Kind::Embedding,
        Kind::Model,
        Kind::Tool,
    ];
    kinds.sort_by_key(Kind::to_string);
    expected.sort_by_key(Kind::to_string);
    assert_eq!(kinds, expected);
}

#[test]
fn what_is_said_of_a_span_comes_back() {
    let bench = Bench::new();
    let model = model_span!("m");
    model.record_messages(&[Message::text(Role::User, "why?")], &[Message::text(Role::Assistant, "so")]);
    let tool = info_span!(parent: &model, "tool");
    tool.record_tool_call("search", Some("call-1"), r#"{"q":1}"#).record_tool_result("3 documents");
    tool.record_error(&std::io::Error::other("too slow")).record_user("ana").record_run("r1");
    let traceparent = tool.traceparent().unwrap();
    drop((tool, model));
    let tree = bench.tree();
    let tool = only(&tree, Kind::Tool);
    assert_eq!(traceparent, format!("00-{}-{}-01", tool.trace_id, tool.span_id));
    assert_eq!((tool.tool_name.as_deref(), tool.tool_call_id.as_deref()), (Some("search"), Some("call-1")));
    assert_eq!((tool.status.code, tool.status.message.as_str()), (StatusCode::Error, "too slow"));
    let content = |kind| {
        let span = only(&tree, kind);
        bench.flush().span(span.trace_id, span.span_id).unwrap().content
    };
    let called = content(Kind::Tool);
    assert_eq!((called.input.as_deref(), called.output.as_deref()), (Some(r#"{"q":1}"#), Some("3 documents")));
    let answered = content(Kind::Model);
    assert_eq!(answered.input_messages, [Message::text(Role::User, "why?")]);
    assert_eq!(answered.output_messages, [Message::text(Role::Assistant, "so")]);
    for filter in ["user:ana", "run:r1", "tool:search"] {
        assert_eq!(bench.flush().traces(&filter.parse().unwrap()).unwrap().items.len(), 1, "{filter}");
    }
}

#[test]
fn immediate_mode_needs_no_flush() {
    let builder = AgentTracing::builder("sqlite::memory:").scheduled_delay(crate::support::PATIENCE * 2);
    let tracing = builder.immediate().open().unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(tracing.layer()));
    let started = std::time::Instant::now();
    tracing::dispatcher::with_default(&dispatch, || drop(info_span!("span")));
    while tracing.repository().traces(&TraceFilter::new()).unwrap().items.is_empty() {
        assert!(started.elapsed() < crate::support::PATIENCE, "never visible");
        std::thread::yield_now();
    }
}
