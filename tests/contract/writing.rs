//! Writing: one span, many, all at once, and through each door.

use tracing_agents::model::{CostSource, IdentityField, Kind, OtelKind, SpanState, StatusCode, TraceStatus};
use tracing_agents::store::Store;
use tracing_agents::{SpanFilter, TraceFilter, agent_span, field, model_span};
use tracing_subscriber::prelude::*;

use crate::sketch::{DAWN, DAY, Dice, SECOND, Sketch, at, span, span_id, trace_id};
use crate::tables::{assert_same, dump};
use crate::walk;
use crate::world::World;

crate::cases!(
    one_span_is_read_back_as_it_was_written,
    a_whole_tree_has_its_summary,
    a_thousand_spans_at_once_are_stored,
    ten_thousand_spans_of_one_trace_are_stored,
    a_batch_larger_than_a_servers_packet_is_stored,
    a_million_nanoseconds_apart_or_none_at_all,
    traces_of_any_day_are_stored,
    spans_of_the_layer_are_stored,
    spans_of_a_tracer_provider_are_stored,
    a_recompute_changes_nothing,
    tokens_of_a_run_are_not_added_to_its_calls,
    absent_tokens_stay_absent,
    large_counts_do_not_overflow,
);

fn one_span_is_read_back_as_it_was_written(world: &World) {
    let mut written = span(3, 5)
        .model("gpt-4o")
        .named("call")
        .with(field::RESPONSE_MODEL, "gpt-4o-2024-08-06")
        .with(field::PROVIDER, "OpenAI")
        .with(field::OPERATION, "chat")
        .with(field::AGENT_ID, "agent-1")
        .agent("Researcher")
        .with(field::TEAM_NAME, "Team")
        .with(field::WORKFLOW_ID, "flow-1")
        .with(field::RUN_ID, "run-1")
        .with(field::CONVERSATION_ID, "conversation-1")
        .session("session-1")
        .user("user-1")
        .tokens(900, 100)
        .with(field::CACHE_READ_TOKENS, 300_u64)
        .with(field::REASONING_TOKENS, 20_u64)
        .with(field::TIME_TO_FIRST_CHUNK, 0.25)
        .with(field::ERROR_TYPE, "timeout")
        .costing(0.001_5)
        .failing("too slow");
    written.0.otel_kind = OtelKind::Client;
    written.0.parent_is_remote = true;
    written.0.truncated_bytes = 7;
    written.0.dropped_events = 2;
    let repository = world.with([written]);
    let tree = repository.trace(trace_id(3)).unwrap();
    let span = &tree.spans[0];
    assert_eq!((span.trace_id, span.span_id, span.parent_span_id), (trace_id(3), span_id(5), Some(span_id(0))));
    assert!(span.parent_is_remote);
    assert_eq!((span.name.as_str(), span.display_name.as_str()), ("call", "chat gpt-4o-2024-08-06"));
    assert_eq!((span.kind, span.kind_source.as_str()), (Kind::Model, "agent_traces.kind=model"));
    assert_eq!(
        (span.operation.as_deref(), span.otel_kind, span.state),
        (Some("chat"), OtelKind::Client, SpanState::Closed)
    );
    assert_eq!((span.status.code, span.status.message.as_str()), (StatusCode::Error, "too slow"));
    assert_eq!(span.error_type.as_deref(), Some("timeout"));
    assert_eq!((span.start_ns, span.end_ns), (at(3) + 5, Some(at(4) + 5)));
    for (field, value) in [
        (IdentityField::RunId, "run-1"),
        (IdentityField::SessionId, "session-1"),
        (IdentityField::ConversationId, "conversation-1"),
        (IdentityField::UserId, "user-1"),
        (IdentityField::AgentId, "agent-1"),
        (IdentityField::AgentName, "Researcher"),
        (IdentityField::TeamName, "Team"),
        (IdentityField::WorkflowId, "flow-1"),
    ] {
        assert_eq!(span.identity.get(field), Some(value), "{field:?}");
    }
    assert_eq!(span.identity.get(IdentityField::TeamId), None);
    assert_eq!((span.provider.as_deref(), span.request_model.as_deref()), (Some("openai"), Some("gpt-4o")));
    assert_eq!(span.response_model.as_deref(), Some("gpt-4o-2024-08-06"));
    let usage = span.usage.unwrap();
    assert_eq!((usage.input, usage.output, usage.total()), (Some(900), Some(100), Some(1_000)));
    assert_eq!((usage.cache_read, usage.cache_write, usage.reasoning), (Some(300), None, Some(20)));
    assert!(usage.basis.is_some());
    let cost = span.cost.as_ref().unwrap();
    assert_eq!((cost.nano_usd, cost.source), (1_500_000, CostSource::Client));
    assert_eq!(span.time_to_first_token_ns, Some(SECOND / 4));
    assert_eq!((span.truncated_bytes, span.dropped_count), (7, 2));
    assert!(span.process_id.is_some() && span.sequence == Some(0), "{span:?}");
    assert_eq!(repository.span(trace_id(3), span_id(5)).unwrap().span, *span);
    assert_eq!(repository.spans(&SpanFilter::new()).unwrap().items, tree.spans);
}

fn a_whole_tree_has_its_summary(world: &World) {
    let repository = world.with([
        span(1, 0)
            .kind(Kind::Agent)
            .agent("A")
            .session("s")
            .user("u")
            .with(field::RUN_ID, "r")
            .lasting(9 * SECOND)
            .with(field::INPUT, "why?")
            .with(field::OUTPUT, "because"),
        span(1, 1).model("m").tokens(10, 2).costing(0.5),
        span(1, 2).tool("search").failing("no network").lasting(20 * SECOND),
        span(1, 3).model("m").tokens(30, 4).costing(0.25).below(2),
    ]);
    let trace = repository.trace(trace_id(1)).unwrap().trace;
    assert_eq!(repository.traces(&TraceFilter::new()).unwrap().items, std::slice::from_ref(&trace));
    assert_eq!((trace.name.as_str(), trace.root_span_id), ("invoke_agent A", span_id(0)));
    assert_eq!((trace.start_ns, trace.end_ns), (at(1), Some(at(21) + 2)));
    assert_eq!((trace.duration_ns(), trace.duration_ms()), (20 * SECOND + 2, 20_000));
    assert_eq!((trace.span_count, trace.error_count, trace.open_count), (4, 1, 0));
    assert_eq!(trace.status, TraceStatus::Error);
    assert_eq!((trace.usage.input, trace.usage.output, trace.usage.total()), (Some(40), Some(6), Some(46)));
    assert_eq!(trace.cost_nano_usd, Some(750_000_000));
    assert_eq!(trace.identity.get(IdentityField::AgentName), Some("A"));
    assert_eq!(trace.identity.get(IdentityField::SessionId), Some("s"));
    assert_eq!(trace.identity.get(IdentityField::UserId), Some("u"));
    assert_eq!(trace.identity.get(IdentityField::RunId), Some("r"));
    assert_eq!((trace.input_preview.as_deref(), trace.output_preview.as_deref()), (Some("why?"), Some("because")));
    assert_eq!(trace.joined_to, None);
}

fn a_thousand_spans_at_once_are_stored(world: &World) {
    let spans =
        (0..100).flat_map(|trace| (0..10).map(move |number| span(trace, number).session(&format!("s{}", trace % 7))));
    let repository = world.with(spans);
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), 100);
    let listed = walk::spans(&repository, &SpanFilter::new().limit(1_000));
    assert_eq!(listed.len(), 1_000);
    for trace in [0, 42, 99] {
        let tree = repository.trace(trace_id(trace)).unwrap();
        assert_eq!((tree.trace.span_count, tree.spans.len(), tree.children[0].len()), (10, 10, 9));
    }
}

fn ten_thousand_spans_of_one_trace_are_stored(world: &World) {
    // Eight children each; what has none below it is a call.
    let is_call = |number: u64| number >= 1_250 && number.is_multiple_of(5);
    let repository = world.with((0..10_000).map(|number| {
        let mut span = span(0, number);
        span.0.parent_span_id = (number > 0).then(|| span_id(number / 8));
        if is_call(number) { span.model("m").tokens(1, 2) } else { span }
    }));
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!((tree.spans.len(), tree.trace.span_count), (10_000, 10_000));
    assert_eq!((tree.roots.as_slice(), tree.orphans.len()), (&[0][..], 0));
    assert_eq!(tree.children[1].len(), 8);
    let calls = (0..10_000).filter(|number| is_call(*number)).count() as u64;
    assert_eq!((tree.trace.usage.input, tree.trace.usage.output), (Some(calls), Some(2 * calls)));
}

fn a_batch_larger_than_a_servers_packet_is_stored(world: &World) {
    // MySQL takes 16 MiB or 64 MiB in one packet, unless it is told otherwise.
    let text = "0123456789abcdef".repeat(16 * 1_024);
    let repository = world.with((0..100).map(|number| span(0, number).with("text", text.as_str())));
    assert_eq!(repository.trace(trace_id(0)).unwrap().spans.len(), 100);
    for number in [0, 57, 99] {
        let content = repository.span(trace_id(0), span_id(number)).unwrap().content;
        assert_eq!(content.attributes.get("text").unwrap().as_str(), Some(text.as_str()));
    }
}

fn a_million_nanoseconds_apart_or_none_at_all(world: &World) {
    let repository = world.with([span(0, 0).lasting(0), span(0, 1).lasting(1), span(0, 2).lasting(-5)]);
    let spans = repository.trace(trace_id(0)).unwrap().spans;
    let durations: Vec<Option<i64>> = spans.iter().map(|span| span.duration_ns()).collect();
    assert_eq!(durations, [Some(0), Some(1), Some(0)]);
    assert_eq!(spans[1].end_ns, Some(DAWN + 2));
}

fn traces_of_any_day_are_stored(world: &World) {
    // Partitions, where there are any, must take what a wrong clock says too.
    let starts = [
        i64::MIN / 4,
        -DAY,
        -1,
        0,
        1,
        DAY - 1,
        DAY,
        DAWN - 1,
        DAWN,
        DAWN + DAY,
        DAWN + 400 * DAY,
        i64::MAX - 10 * SECOND,
    ];
    let spans = starts.iter().zip(0..).map(|(start, trace)| span(trace, 0).starting(*start));
    let repository = world.with(spans);
    let newest_first: Vec<u64> = (0..starts.len() as u64).rev().collect();
    assert_eq!(walk::traces(&repository, &TraceFilter::new().limit(5)), newest_first);
    let listed = walk::spans(&repository, &SpanFilter::new().limit(5));
    assert_eq!(listed, newest_first.iter().map(|trace| (*trace, 0)).collect::<Vec<_>>());
    for (start, trace) in starts.iter().zip(0..) {
        let detail = repository.span(trace_id(trace), span_id(0)).unwrap();
        assert_eq!(detail.span.start_ns, *start);
    }
    let range = TraceFilter::new().since_ns(-1).until_ns(DAY);
    assert_eq!(walk::traces(&repository, &range), [5, 4, 3, 2]);
}

fn spans_of_the_layer_are_stored(world: &World) {
    let writer = world.writer();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(writer.0.layer()), || {
        agent_span!("Researcher", { field::SESSION_ID } = "s1").in_scope(|| drop(model_span!("gpt-4o")));
    });
    writer.flush();
    let repository = world.repository();
    let traces = repository.traces(&TraceFilter::new().agent("Researcher").session("s1")).unwrap().items;
    assert_eq!(traces.len(), 1);
    let tree = repository.trace(traces[0].trace_id).unwrap();
    let names: Vec<&str> = tree.spans.iter().map(|span| span.display_name.as_str()).collect();
    assert_eq!(names, ["invoke_agent Researcher", "chat gpt-4o"]);
    assert_eq!(tree.children[0], [1]);
    assert_eq!(tree.spans[1].identity.session(), Some("s1"));
    assert_eq!(repository.processes().unwrap().len(), 1);
}

#[cfg(feature = "opentelemetry")]
fn spans_of_a_tracer_provider_are_stored(world: &World) {
    use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
    use opentelemetry::{Context, KeyValue};
    let writer = world.writer();
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
        .with_resource(opentelemetry_sdk::Resource::builder_empty().with_service_name("agents").build())
        .with_simple_exporter(tracing_agents::otel::StoreExporter::new(&writer.0))
        .build();
    let tracer = provider.tracer("lib");
    let mut agent = tracer.start("run");
    agent.set_attribute(KeyValue::new(field::AGENT_NAME, "Researcher"));
    agent.set_attribute(KeyValue::new(field::OPERATION, "invoke_agent"));
    agent.set_attribute(KeyValue::new(field::SESSION_ID, "s1"));
    let context = Context::new().with_span(agent);
    // A provider gives children first: they get their ancestors' ids in the store.
    let mut call = tracer.start_with_context("call", &context);
    call.set_attribute(KeyValue::new(field::OPERATION, "chat"));
    call.end();
    context.span().end();
    provider.force_flush().unwrap();
    writer.flush();
    let repository = world.repository();
    let found = repository.spans(&"session:s1 kind:model service:agents".parse().unwrap()).unwrap().items;
    assert_eq!(found.len(), 1);
    let tree = repository.trace(found[0].trace_id).unwrap();
    assert_eq!((tree.spans.len(), tree.trace.name.as_str()), (2, "invoke_agent Researcher"));
    let content = repository.span(found[0].trace_id, found[0].span_id).unwrap().content;
    assert_eq!(content.scope.name, "lib");
}

#[cfg(not(feature = "opentelemetry"))]
fn spans_of_a_tracer_provider_are_stored(_: &World) {}

/// Spans of a few traces that share what can be shared, at random.
pub(crate) fn mixture(seed: u64, count: u64) -> Vec<Sketch> {
    let mut dice = Dice::new(seed);
    let kinds = [Kind::Agent, Kind::Team, Kind::Model, Kind::Model, Kind::Tool, Kind::Step, Kind::Span];
    (0..count)
        .map(|number| {
            let mut sketch = span(dice.below(4), number % 24).starting(DAWN + i64::try_from(dice.below(50)).unwrap());
            sketch.0.parent_span_id = Some(dice.below(26)).filter(|parent| *parent != number % 24).map(span_id);
            sketch = sketch.kind(kinds[usize::try_from(dice.below(7)).unwrap()]);
            // No two versions end alike: which of two equals wins is not told by what they say.
            sketch = sketch.lasting(i64::try_from(number * 3 + 1).unwrap());
            if dice.below(3) == 0 {
                sketch = sketch.session(["s1", "s2"][usize::try_from(dice.below(2)).unwrap()]);
            }
            if dice.below(3) == 0 {
                sketch = sketch.user(["u1", "u2"][usize::try_from(dice.below(2)).unwrap()]).agent("A");
            }
            if dice.below(2) == 0 {
                sketch = sketch.tokens(dice.below(5), dice.below(5));
            }
            if dice.below(4) == 0 {
                sketch = sketch.failing("no").costing(0.5);
            }
            if dice.below(9) == 0 { sketch.running() } else { sketch }
        })
        .collect()
}

fn a_recompute_changes_nothing(world: &World) {
    let writer = world.writer();
    let spans = mixture(7, 120);
    for batch in spans.chunks(9) {
        writer.write(batch.to_vec());
    }
    let stepwise = dump(&world.database);
    assert!(stepwise.len() > 100, "{stepwise:?}");
    let store = Store::open(world.database.url()).unwrap();
    for trace in 0..4 {
        assert!(store.recompute_trace(trace_id(trace)).unwrap());
        assert_same(&dump(&world.database), &stepwise, "after a recompute");
    }
    assert!(!store.recompute_trace(trace_id(77)).unwrap());
}

fn tokens_of_a_run_are_not_added_to_its_calls(world: &World) {
    let run = || span(0, 0).kind(Kind::Agent).agent("A").tokens(34, 2);
    let calls = || [span(0, 1).model("m").tokens(17, 1), span(0, 2).model("m").tokens(17, 1)];
    let total = |world: &World| world.repository().trace(trace_id(0)).unwrap().trace.usage.total();
    let writer = world.writer();
    writer.write([run()]);
    assert_eq!(total(world), Some(36));
    writer.write(calls());
    assert_eq!(total(world), Some(36));
    // A call behind a tool is another call; a call inside a call is the same.
    writer.write([span(0, 3).tool("ask").below(1), span(0, 4).model("m").tokens(5, 1).below(3)]);
    assert_eq!(total(world), Some(42));
    writer.write([span(0, 5).model("m").tokens(17, 1).below(2)]);
    assert_eq!(total(world), Some(42));
}

fn absent_tokens_stay_absent(world: &World) {
    let writer = world.writer();
    writer.write([span(0, 0).model("m")]);
    let repository = world.repository();
    let trace = repository.trace(trace_id(0)).unwrap().trace;
    assert_eq!((trace.usage.is_reported(), trace.cost_nano_usd), (false, None));
    writer.write([span(0, 1).model("m").tokens(0, 0)]);
    let trace = repository.trace(trace_id(0)).unwrap().trace;
    assert_eq!((trace.usage.input, trace.usage.output), (Some(0), Some(0)));
}

fn large_counts_do_not_overflow(world: &World) {
    let huge = u64::MAX / 2;
    let repository =
        world.with([span(0, 0), span(0, 1).model("m").tokens(huge, huge), span(0, 2).model("m").tokens(huge, 1)]);
    let trace = repository.trace(trace_id(0)).unwrap().trace;
    assert_eq!((trace.usage.input, trace.span_count), (Some(i64::MAX.unsigned_abs()), 3));
    walk::expect_traces(&repository, "tokens>1M", &[0]);
    let rows = repository.stats(&tracing_agents::StatsQuery::spans(SpanFilter::new())).unwrap();
    assert_eq!(rows[0].count, 3);
}
