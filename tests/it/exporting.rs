//! Spans that leave for OpenTelemetry's exporters.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Array, Value as Otel};
use opentelemetry_sdk::Resource as OtelResource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SpanData, SpanExporter};
use tracing_agents::model::{
    Attributes, Event, Kind, Link, Message, Part, Resource, Role, SpanId, SpanRecord, SpanState, TraceId, Usage, Value,
};
use tracing_agents::{AgentTracing, Price, PriceTable, SpanExt as _, agent_span, field, model_span, tool_span};
use tracing_subscriber::prelude::*;

use crate::support::PATIENCE;

/// The attributes of a span that left, by key: each once.
fn attributes(span: &SpanData) -> BTreeMap<&str, &Otel> {
    let map: BTreeMap<_, _> = span.attributes.iter().map(|entry| (entry.key.as_str(), &entry.value)).collect();
    assert_eq!(map.len(), span.attributes.len(), "keys are unique: {:?}", span.attributes);
    map
}

fn text<'a>(attributes: &BTreeMap<&str, &'a Otel>, key: &str) -> Option<&'a str> {
    attributes.get(key).map(|value| match value {
        Otel::String(text) => text.as_str(),
        other => panic!("{key} is no text: {other:?}"),
    })
}

fn ended(name: &str, entries: &[(&'static str, Value)]) -> SpanRecord {
    let mut record = SpanRecord::new(TraceId::generate(1), SpanId::generate(), name, 1_000);
    (record.state, record.end_ns) = (SpanState::Closed, Some(2_000));
    entries.iter().for_each(|(key, value)| record.attributes.push(*key, value.clone()));
    record
}

fn out_of(records: impl IntoIterator<Item = SpanRecord>) -> Vec<SpanData> {
    let exporter = InMemorySpanExporter::default();
    let tracing = AgentTracing::builder("sqlite::memory:").exporter(exporter.clone()).open().unwrap();
    records.into_iter().for_each(|record| tracing.inlet().accept(record).unwrap());
    tracing.force_flush(PATIENCE).unwrap();
    exporter.get_finished_spans().unwrap()
}

fn only(record: SpanRecord) -> SpanData {
    out_of([record]).pop().unwrap()
}

/// A program's spans, as they left.
fn out_of_program(program: impl FnOnce()) -> Vec<SpanData> {
    let exporter = InMemorySpanExporter::default();
    let tracing = AgentTracing::builder("sqlite::memory:").exporter(exporter.clone()).open().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), program);
    tracing.force_flush(PATIENCE).unwrap();
    exporter.get_finished_spans().unwrap()
}

#[test]
fn every_kind_leaves_with_the_words_of_both_conventions() {
    let expected = [
        (Kind::Agent, Some("AGENT"), Some("invoke_agent"), SpanKind::Internal),
        (Kind::Team, Some("AGENT"), Some("invoke_agent"), SpanKind::Internal),
        (Kind::Workflow, Some("CHAIN"), Some("invoke_workflow"), SpanKind::Internal),
        (Kind::Step, Some("CHAIN"), None, SpanKind::Internal),
        (Kind::Model, Some("LLM"), Some("chat"), SpanKind::Client),
        (Kind::Tool, Some("TOOL"), Some("execute_tool"), SpanKind::Internal),
        (Kind::Retriever, Some("RETRIEVER"), Some("retrieval"), SpanKind::Client),
        (Kind::Embedding, Some("EMBEDDING"), Some("embeddings"), SpanKind::Client),
        (Kind::Reranker, Some("RERANKER"), None, SpanKind::Client),
        (Kind::Guardrail, Some("GUARDRAIL"), None, SpanKind::Internal),
        (Kind::Evaluator, Some("EVALUATOR"), None, SpanKind::Internal),
        (Kind::Prompt, Some("PROMPT"), None, SpanKind::Internal),
        (Kind::Plan, Some("CHAIN"), Some("plan"), SpanKind::Internal),
        (Kind::Memory, Some("CHAIN"), None, SpanKind::Internal),
        (Kind::Mcp, Some("CHAIN"), None, SpanKind::Client),
        (Kind::Media, Some("LLM"), None, SpanKind::Client),
        (Kind::Span, None, None, SpanKind::Internal),
    ];
    assert_eq!(expected.len(), Kind::ALL.len());
    for (kind, openinference, operation, otel_kind) in expected {
        let span = only(ended("work", &[(field::KIND, kind.as_str().into())]));
        let attributes = attributes(&span);
        assert_eq!(text(&attributes, "openinference.span.kind"), openinference, "{kind}");
        assert_eq!(text(&attributes, field::OPERATION), operation, "{kind}");
        assert_eq!(span.span_kind, otel_kind, "{kind}");
    }
}

#[test]
fn a_plain_span_leaves_as_it_was_recorded() {
    let record = ended("load page", &[("http.status", 200_u64.into()), ("nested", vec![Value::Null].into())]);
    let span = only(record.clone());
    assert_eq!((span.name.as_ref(), span.status.clone()), ("load page", Status::Unset));
    assert_eq!(span.span_context.span_id().to_bytes(), record.span_id.to_bytes());
    let attributes = attributes(&span);
    assert_eq!(attributes.keys().copied().collect::<Vec<_>>(), ["http.status", "nested"], "nothing is invented");
    assert_eq!(attributes["http.status"], &Otel::I64(200));
}

#[test]
fn a_run_leaves_with_who_it_is_what_it_cost_and_what_was_said() {
    let spans = out_of_program(|| {
        let agent = agent_span!("Researcher", { field::SESSION_ID } = "s-1", { field::RUN_ID } = "r-1");
        agent.record_attribute(field::USER_ID, "u-7");
        agent.record_input("Who?").record_output("Someone.");
        let _entered = agent.enter();
        let model = model_span!("gpt-4o-mini", { field::PROVIDER } = "openai");
        model.record_usage(Usage::new(100, 20).with_cache_read(40).with_reasoning(5));
        model.record_attribute(field::COST_USD, 0.25);
        let call = Part::ToolCall {
            id: Some("call_1".to_owned()),
            name: "search".to_owned(),
            arguments: Some(serde_json::json!({"q": "who"})),
        };
        let asked = Message { role: Role::Assistant, parts: vec![call], finish_reason: Some("tool_call".to_owned()) };
        let sent = [Message::text(Role::System, "Be brief."), Message::text(Role::User, "Who?")];
        model.record_attribute(field::INPUT_MESSAGES, serde_json::to_string(&sent).unwrap());
        model.record_attribute(field::OUTPUT_MESSAGES, serde_json::to_string(&[asked]).unwrap());
        drop(model);
        let tool = tool_span!("search", { field::TOOL_CALL_ID } = "call_1");
        tool.record_input(r#"{"q":"who"}"#).record_output("no one");
    });
    let [model, tool, agent] = spans.as_slice() else { panic!("{spans:#?}") };
    assert_eq!(agent.name, "invoke_agent Researcher");
    for span in &spans {
        let attributes = attributes(span);
        for (key, value) in [
            (field::SESSION_ID, "s-1"),
            (field::USER_ID, "u-7"),
            (field::RUN_ID, "r-1"),
            (field::AGENT_NAME, "Researcher"),
        ] {
            assert_eq!(text(&attributes, key), Some(value), "{key} of {}", span.name);
        }
        assert!(attributes.keys().all(|key| !key.starts_with("agent_traces.inherited")), "{attributes:?}");
    }
    let of_agent = attributes(agent);
    assert_eq!(text(&of_agent, "agent.name"), Some("Researcher"));
    assert_eq!((text(&of_agent, field::INPUT), text(&of_agent, "input.mime_type")), (Some("Who?"), Some("text/plain")));
    assert!(!of_agent.contains_key("llm.token_count.prompt"), "a run has no tokens of its own");

    let of_model = attributes(model);
    assert_eq!((model.name.as_ref(), &model.span_kind), ("chat gpt-4o-mini", &SpanKind::Client));
    for (key, value) in [
        (field::REQUEST_MODEL, "gpt-4o-mini"),
        ("llm.model_name", "gpt-4o-mini"),
        (field::PROVIDER, "openai"),
        ("llm.provider", "openai"),
        ("llm.system", "openai"),
        ("llm.input_messages.0.message.role", "system"),
        ("llm.input_messages.0.message.content", "Be brief."),
        ("llm.input_messages.1.message.role", "user"),
        ("llm.output_messages.0.message.role", "assistant"),
        ("llm.output_messages.0.message.tool_calls.0.tool_call.id", "call_1"),
        ("llm.output_messages.0.message.tool_calls.0.tool_call.function.name", "search"),
        ("llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments", r#"{"q":"who"}"#),
    ] {
        assert_eq!(text(&of_model, key), Some(value), "{key}");
    }
    for (key, count) in [
        (field::INPUT_TOKENS, 100),
        (field::OUTPUT_TOKENS, 20),
        (field::CACHE_READ_TOKENS, 40),
        (field::REASONING_TOKENS, 5),
        ("llm.token_count.prompt", 100),
        ("llm.token_count.completion", 20),
        ("llm.token_count.total", 120),
        ("llm.token_count.prompt_details.cache_read", 40),
        ("llm.token_count.completion_details.reasoning", 5),
    ] {
        assert_eq!(of_model.get(key), Some(&&Otel::I64(count)), "{key}");
    }
    assert!(!of_model.contains_key("llm.token_count.prompt_details.cache_write"), "what is not known is absent");
    assert_eq!(of_model["llm.cost.total"], &Otel::F64(0.25));
    assert_eq!(of_model[field::FINISH_REASONS], &Otel::Array(Array::String(vec!["tool_call".into()])));

    let of_tool = attributes(tool);
    for (key, value) in [
        (field::TOOL_NAME, "search"),
        ("tool.name", "search"),
        (field::TOOL_CALL_ID, "call_1"),
        ("tool.id", "call_1"),
        (field::TOOL_ARGUMENTS, r#"{"q":"who"}"#),
        ("tool.parameters", r#"{"q":"who"}"#),
        ("input.mime_type", "application/json"),
        (field::TOOL_RESULT, "no one"),
        (field::OUTPUT, "no one"),
    ] {
        assert_eq!(text(&of_tool, key), Some(value), "{key}");
    }
}

#[test]
fn what_is_recorded_is_never_overwritten_the_last_of_a_key_leaves_and_types_are_mended() {
    let span = only(ended(
        "call",
        &[
            (field::OPERATION, "chat".into()),
            (field::REQUEST_MODEL, "asked".into()),
            (field::INPUT_TOKENS, "1".into()),
            (field::INPUT_TOKENS, "812".into()),
            ("llm.token_count.prompt", 7_i64.into()),
            ("openinference.span.kind", "LLM".into()),
            ("llm.model_name", "mine".into()),
            ("mine", 1_i64.into()),
            ("mine", 2_i64.into()),
        ],
    ));
    let attributes = attributes(&span);
    assert_eq!(attributes[field::INPUT_TOKENS], &Otel::I64(812), "last, and an integer");
    assert_eq!(attributes["llm.token_count.prompt"], &Otel::I64(7), "as reported, although it differs");
    assert_eq!(text(&attributes, "llm.model_name"), Some("mine"));
    assert_eq!(attributes["mine"], &Otel::I64(2));
}

#[test]
fn messages_of_every_shape_are_spread_so_that_they_read_back_the_same() {
    let said = vec![
        Message::text(Role::User, "look"),
        Message {
            role: Role::User,
            parts: vec![
                Part::Text { content: "at this".to_owned() },
                Part::Uri { modality: Some("image".to_owned()), uri: "https://x/y.png".to_owned() },
            ],
            finish_reason: None,
        },
        Message {
            role: Role::Assistant,
            parts: vec![
                Part::Reasoning { content: "hm".to_owned() },
                Part::Text { content: "I call".to_owned() },
                Part::ToolCall { id: Some("c".to_owned()), name: "f".to_owned(), arguments: None },
            ],
            finish_reason: None,
        },
        Message {
            role: Role::Tool,
            parts: vec![Part::ToolCallResponse { id: Some("c".to_owned()), response: serde_json::json!("done") }],
            finish_reason: None,
        },
    ];
    let json = serde_json::to_string(&said).unwrap();
    let span = only(ended("c", &[(field::OPERATION, "chat".into()), (field::INPUT_MESSAGES, json.into())]));
    // As a reader that knows OpenInference alone.
    let flat: Attributes = span
        .attributes
        .iter()
        .filter(|entry| entry.key.as_str().starts_with("llm.") || entry.key.as_str().starts_with("openinference"))
        .map(|entry| (entry.key.as_str().to_owned().into(), Value::from(entry.value.as_str().as_ref())))
        .collect();
    let mut back = ended("c", &[]);
    back.attributes = flat;
    let tracing = AgentTracing::open("sqlite::memory:").unwrap();
    tracing.inlet().accept(back.clone()).unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    let detail = tracing.repository().span(back.trace_id, back.span_id).unwrap();
    assert_eq!(detail.content.input_messages, said);
}

#[test]
fn documents_leave_in_both_forms() {
    let found = r#"[{"id":"d1","content":"text","score":0.5,"metadata":{"page":3}},{"content":"more"}]"#;
    let span = only(ended(
        "find",
        &[
            (field::OPERATION, "retrieval".into()),
            (field::RETRIEVAL_QUERY, "what".into()),
            (field::OUTPUT, found.into()),
        ],
    ));
    let attributes = attributes(&span);
    assert_eq!(text(&attributes, field::RETRIEVAL_DOCUMENTS), Some(found));
    assert_eq!(text(&attributes, "retrieval.documents.0.document.id"), Some("d1"));
    assert_eq!(text(&attributes, "retrieval.documents.0.document.metadata"), Some(r#"{"page":3}"#));
    assert_eq!(attributes["retrieval.documents.0.document.score"], &Otel::F64(0.5));
    assert_eq!(text(&attributes, "retrieval.documents.1.document.content"), Some("more"));
    assert_eq!(text(&attributes, field::INPUT), Some("what"));
}

#[test]
fn names_and_kinds_that_somebody_chose_stay() {
    let spans = out_of_program(|| {
        drop(tracing::info_span!("chat", { field::OPERATION } = "chat", { field::REQUEST_MODEL } = "m"));
        drop(tracing::info_span!(
            "f",
            { field::NAME } = "ask",
            { field::OPERATION } = "chat",
            { field::REQUEST_MODEL } = "m"
        ));
        drop(tracing::info_span!("f", { field::OTEL_KIND } = "internal", { field::OPERATION } = "chat"));
    });
    let [plain, named, internal] = spans.as_slice() else { panic!("{spans:#?}") };
    assert_eq!((plain.name.as_ref(), named.name.as_ref()), ("chat m", "ask"));
    assert_eq!((&plain.span_kind, &internal.span_kind), (&SpanKind::Client, &SpanKind::Internal));
    for span in &spans {
        assert!(attributes(span).keys().all(|key| !key.starts_with("otel.")), "said by the span itself");
    }
    let given = only(ended("OpenAIChat.invoke", &[("openinference.span.kind", "LLM".into())]));
    assert_eq!(given.name, "OpenAIChat.invoke", "an SDK's name was chosen");
}

#[test]
fn failures_events_and_links_leave_with_their_span() {
    let mut record = ended("t", &[(field::OPERATION, "execute_tool".into()), (field::OUTPUT, "half".into())]);
    record.attributes.push(field::ERROR_TYPE, "timeout");
    record.status.code = tracing_agents::model::StatusCode::Error;
    record.status.message = "too slow".to_owned();
    let mut event_attributes = Attributes::new();
    event_attributes.push("k", 1_i64);
    event_attributes.push("k", 2_u64);
    record.events.push(Event {
        name: "exception".to_owned(),
        time_ns: 1_500,
        attributes: event_attributes,
        dropped_attributes: 3,
        callsite: None,
    });
    record.links.push(Link::new(TraceId::from_bytes([3; 16]), SpanId::from_bytes([4; 8])));
    record.dropped_attributes = 9;
    let span = only(record);
    assert_eq!(span.status, Status::error("too slow"));
    let [event] = span.events.events.as_slice() else { panic!("{:?}", span.events) };
    assert_eq!((event.name.as_ref(), event.dropped_attributes_count, event.attributes.len()), ("exception", 3, 1));
    assert_eq!(event.attributes[0].value, Otel::I64(2));
    assert_eq!(span.links.links[0].span_context.span_id().to_bytes(), [4; 8]);
    assert_eq!(span.dropped_attributes_count, 9);
    let attributes = attributes(&span);
    assert_eq!(text(&attributes, field::ERROR_TYPE), Some("timeout"));
    assert!(!attributes.contains_key(field::TOOL_RESULT), "a call that failed has no result");
}

#[test]
fn a_computed_cost_leaves_and_says_that_it_is_computed() {
    let exporter = InMemorySpanExporter::default();
    let prices = PriceTable::new("ours 1", [Price::new("gpt-4o").input(1.0).output(2.0)]).unwrap();
    let tracing = AgentTracing::builder("sqlite::memory:").prices(prices).exporter(exporter.clone()).open().unwrap();
    let call = [
        (field::OPERATION, "chat".into()),
        (field::REQUEST_MODEL, "gpt-4o".into()),
        (field::INPUT_TOKENS, 1_000_000_u64.into()),
        (field::OUTPUT_TOKENS, 500_000_u64.into()),
    ];
    tracing.inlet().accept(ended("chat", &call)).unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    let spans = exporter.get_finished_spans().unwrap();
    let attributes = attributes(&spans[0]);
    assert_eq!(attributes["llm.cost.total"], &Otel::F64(2.0));
    assert_eq!(text(&attributes, "agent_traces.cost.source"), Some("computed"));
}

type BatchOfResource = (Option<OtelResource>, Vec<String>);

/// Keeps with each batch the resource that was set then.
#[derive(Debug, Clone, Default)]
struct ByResource {
    resource: Arc<Mutex<Option<OtelResource>>>,
    batches: Arc<Mutex<Vec<BatchOfResource>>>,
}

impl SpanExporter for ByResource {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let names = batch.iter().map(|span| span.name.to_string()).collect();
        self.batches.lock().unwrap().push((self.resource.lock().unwrap().clone(), names));
        Ok(())
    }

    fn set_resource(&mut self, resource: &OtelResource) {
        *self.resource.lock().unwrap() = Some(resource.clone());
    }
}

#[test]
fn spans_of_another_process_leave_with_their_own_resource() {
    let exporter = ByResource::default();
    let tracing =
        AgentTracing::builder("sqlite::memory:").service_name("here").exporter(exporter.clone()).open().unwrap();
    let of = |service: &str, name: &str| {
        let mut record = ended(name, &[]);
        let mut attributes = Attributes::new();
        attributes.push("service.name", service);
        record.resource = Arc::new(Resource { attributes, ..Resource::default() });
        record
    };
    for record in [of("one", "a"), of("two", "b"), of("one", "c")] {
        tracing.inlet().accept(record).unwrap();
    }
    tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), || {
        drop(tracing::info_span!("d"));
    });
    tracing.force_flush(PATIENCE).unwrap();
    let batches = exporter.batches.lock().unwrap();
    let seen: Vec<(String, &Vec<String>)> = batches
        .iter()
        .map(|(resource, names)| {
            let service = resource.as_ref().unwrap().get(&"service.name".into()).unwrap().to_string();
            (service, names)
        })
        .collect();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let expected =
        [("one".to_owned(), names(&["a", "c"])), ("two".to_owned(), names(&["b"])), ("here".to_owned(), names(&["d"]))];
    assert_eq!(seen, expected.each_ref().map(|(service, names)| (service.clone(), names)));
}

/// Answers as it is told, and keeps what it took.
#[derive(Clone)]
struct Scripted {
    taken: InMemorySpanExporter,
    calls: Arc<AtomicUsize>,
    answer: Arc<dyn Fn(usize) -> OTelSdkResult + Send + Sync>,
}

impl Scripted {
    fn new(answer: impl Fn(usize) -> OTelSdkResult + Send + Sync + 'static) -> Self {
        Self { taken: InMemorySpanExporter::default(), calls: Arc::default(), answer: Arc::new(answer) }
    }

    fn count(&self) -> usize {
        self.taken.get_finished_spans().unwrap().len()
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl SpanExporter for Scripted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        (self.answer)(self.calls.fetch_add(1, Ordering::SeqCst))?;
        self.taken.export(batch).await
    }
}

fn refused() -> OTelSdkResult {
    Err(OTelSdkError::InternalFailure("unavailable".to_owned()))
}

#[test]
fn an_exporter_that_fails_twice_gets_the_batch_the_third_time() {
    let exporter = Scripted::new(|call| if call < 2 { refused() } else { Ok(()) });
    let tracing = AgentTracing::builder("sqlite::memory:").exporter(exporter.clone()).open().unwrap();
    tracing.inlet().accept(ended("a", &[])).unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    assert_eq!((exporter.count(), exporter.calls.load(Ordering::SeqCst)), (1, 3));
    let health = tracing.health();
    let sink = &health.sinks[0];
    assert_eq!((sink.name.as_str(), sink.written, sink.retries), ("Scripted", 1, 2));
    assert_eq!(sink.last_error.as_deref(), Some("unavailable"));
}

#[test]
fn resources_that_were_taken_are_not_sent_again_with_the_one_that_failed() {
    let exporter = Scripted::new(|call| if call == 1 { refused() } else { Ok(()) });
    let tracing = AgentTracing::builder("sqlite::memory:").exporter(exporter.clone()).open().unwrap();
    for service in ["one", "two"] {
        let mut record = ended(service, &[]);
        let mut attributes = Attributes::new();
        attributes.push("service.name", service);
        record.resource = Arc::new(Resource { attributes, ..Resource::default() });
        tracing.inlet().accept(record).unwrap();
    }
    tracing.force_flush(PATIENCE).unwrap();
    let spans = exporter.taken.get_finished_spans().unwrap();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!((names, exporter.calls.load(Ordering::SeqCst)), (vec!["one", "two"], 3));
}

#[test]
fn an_exporter_that_panics_is_counted_and_goes_on() {
    let exporter = Scripted::new(|call| if call == 0 { panic!("an exporter's bug") } else { Ok(()) });
    let tracing = AgentTracing::builder("sqlite::memory:").exporter(exporter.clone()).open().unwrap();
    tracing.inlet().accept(ended("a", &[])).unwrap();
    let failure = tracing.force_flush(PATIENCE).unwrap_err().to_string();
    assert!(failure.contains("Scripted") && failure.contains("an exporter's bug"), "{failure}");
    tracing.inlet().accept(ended("b", &[])).unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    let health = tracing.health();
    assert!(health.adds_up());
    assert_eq!((health.stored, health.sinks[0].written, health.sinks[0].failed), (2, 1, 1));
}

/// Hangs in each export until the sender is dropped.
#[derive(Debug)]
struct Hanging(Mutex<Receiver<()>>);

impl SpanExporter for Hanging {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        let _ = self.0.lock().unwrap().recv();
        Ok(())
    }
}

#[test]
fn an_exporter_that_hangs_delays_neither_the_store_nor_the_end() {
    let (open, gate): (Sender<()>, _) = channel();
    let tracing =
        AgentTracing::builder("sqlite::memory:").immediate().exporter(Hanging(Mutex::new(gate))).open().unwrap();
    for stored in 1..=20 {
        tracing.inlet().accept(ended("a", &[])).unwrap();
        let start = Instant::now();
        while tracing.health().stored < stored {
            assert!(start.elapsed() < PATIENCE, "{:?}", tracing.health());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let start = Instant::now();
    let late = tracing.shutdown(Duration::from_millis(200)).unwrap_err().to_string();
    assert!(start.elapsed() < Duration::from_secs(20), "the deadline was 200 ms");
    assert!(late.contains("20 spans still wait for sink Hanging"), "{late}");
    let health = tracing.health();
    assert!(health.adds_up());
    assert_eq!((health.stored, health.dropped.total(), health.sinks[0].dropped.shutdown_timeout), (20, 0, 20));
    drop(open);
}

#[test]
fn spans_that_are_open_do_not_leave_and_telemetry_is_off_in_an_exporter() {
    #[derive(Debug, Clone, Default)]
    struct Watching(Arc<Mutex<Vec<(bool, bool, usize)>>>);
    impl SpanExporter for Watching {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            let suppressed = opentelemetry::Context::current().is_telemetry_suppressed();
            let disabled = tracing::info_span!("inside").is_disabled();
            self.0.lock().unwrap().push((suppressed, disabled, batch.len()));
            Ok(())
        }
    }
    let exporter = Watching::default();
    let tracing = AgentTracing::builder("sqlite::memory:").exporter(exporter.clone()).open().unwrap();
    let subscriber = tracing_subscriber::registry().with(tracing.layer());
    tracing::subscriber::with_default(subscriber, || {
        let open = agent_span!("Long run");
        open.in_scope(|| drop(model_span!("m")));
        tracing.shutdown(PATIENCE).unwrap();
    });
    assert_eq!(tracing.health().live_written, 1, "the store has it as open");
    assert_eq!(*exporter.0.lock().unwrap(), [(true, true, 1)]);
}

#[test]
fn ids_are_equal_in_the_store_and_in_the_exporter() {
    let exporter = InMemorySpanExporter::default();
    let tracing = AgentTracing::builder("sqlite::memory:").exporter(exporter.clone()).open().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), || {
        agent_span!("A").in_scope(|| tool_span!("t").in_scope(|| drop(model_span!("m"))));
    });
    tracing.force_flush(PATIENCE).unwrap();
    let spans = exporter.get_finished_spans().unwrap();
    let out: HashSet<_> = spans
        .iter()
        .map(|span| {
            let context = &span.span_context;
            (context.trace_id().to_bytes(), context.span_id().to_bytes(), span.parent_span_id.to_bytes())
        })
        .collect();
    let stored = tracing.repository().spans(&tracing_agents::SpanFilter::new()).unwrap();
    let stored: HashSet<_> = stored
        .iter()
        .map(|span| {
            let parent = span.parent_span_id.map_or([0; 8], |id| id.to_bytes());
            (span.trace_id.to_bytes(), span.span_id.to_bytes(), parent)
        })
        .collect();
    assert_eq!((out.len(), &out), (3, &stored));
}
