//! What only the spans of a trace together say: runs that have no span, what is told on other spans, workflows.

use tracing_agents::field;
use tracing_agents::model::{Attributes, Event, Kind, Span, SpanState, TraceTree, Value};

use crate::api::Repository;
use crate::sketch::{SECOND, Sketch, at, callsite, span, span_id, trace_id};
use crate::world::World;

crate::cases!(
    model_calls_that_name_an_agent_are_its_run,
    a_call_after_an_answer_begins_another_run,
    an_agent_that_has_a_span_gets_no_other,
    an_agent_inside_another_ones_tool,
    the_agents_span_may_come_last,
    a_run_goes_on_while_its_spans_come_in,
    results_and_failures_told_on_the_span_above,
    agents_in_a_sequence_that_only_markers_tell_apart,
    calls_that_only_events_tell,
    two_agents_under_a_plain_root_are_a_workflow,
    no_order_matters,
);

/// A call of a model that names its agent, in this second of the trace.
fn voice(number: u64, agent: &str, second: i64) -> Sketch {
    span(0, number).model("m").agent(agent).tokens(17, 9).starting(at(second)).lasting(SECOND / 2)
}

fn tool(number: u64, name: &str, second: i64) -> Sketch {
    span(0, number).tool(name).starting(at(second)).lasting(SECOND / 2)
}

/// A request's span around everything.
fn request() -> Sketch {
    span(0, 0).named("http_request").lasting(100 * SECOND)
}

/// Each span as `kind name agent`, indented by its depth.
fn outline(tree: &TraceTree) -> Vec<String> {
    fn add(tree: &TraceTree, place: usize, depth: usize, lines: &mut Vec<String>) {
        let span = &tree.spans[place];
        let agent = span.identity.get(tracing_agents::model::IdentityField::AgentName).unwrap_or("-");
        lines.push(format!("{}{} {} {agent}", "  ".repeat(depth), span.kind, span.name));
        for child in &tree.children[place] {
            add(tree, *child, depth + 1, lines);
        }
    }
    let mut lines = Vec::new();
    for root in &tree.roots {
        add(tree, *root, 0, &mut lines);
    }
    lines
}

#[track_caller]
fn synthetic(tree: &TraceTree) -> &Span {
    let mut found = tree.spans.iter().filter(|span| span.is_synthetic());
    let first = found.next().expect("a synthetic run");
    assert!(found.next().is_none(), "one run");
    first
}

fn model_calls_that_name_an_agent_are_its_run(world: &World) {
    let said = |text: &str| format!(r#"[{{"role":"user","parts":[{{"type":"text","content":"{text}"}}]}}]"#);
    let answered = r#"[{"role":"assistant","parts":[{"type":"text","content":"It is 4."}]}]"#;
    let repository = world.with([
        request().session("s"),
        voice(1, "calculator", 1).with(field::INPUT_MESSAGES, said("2 and 2?")),
        tool(2, "add", 2),
        voice(3, "calculator", 3).with(field::INPUT_MESSAGES, said("4")).with(field::OUTPUT_MESSAGES, answered),
    ]);
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!(
        outline(&tree),
        [
            "span http_request -",
            "  agent invoke_agent calculator",
            "    model span 1 calculator",
            "    tool span 2 calculator",
            "    model span 3 calculator",
        ]
    );
    let run = synthetic(&tree).clone();
    assert_eq!((run.display_name.as_str(), run.kind_source.as_str()), ("invoke_agent calculator", "synthetic"));
    assert_eq!((run.start_ns, run.end_ns, run.state), (at(1), Some(at(3) + SECOND / 2), SpanState::Closed));
    assert_eq!(run.identity.session(), Some("s"));
    assert_eq!(run.parent_span_id, Some(span_id(0)));
    // What was recorded keeps its parent.
    assert!(
        tree.spans
            .iter()
            .filter(|span| span.adopted_by.is_some())
            .all(|span| span.parent_span_id == run.parent_span_id)
    );

    // It names the trace, and counts neither as a span nor with tokens of its own.
    let trace = &tree.trace;
    assert_eq!((trace.name.as_str(), trace.span_count), ("invoke_agent calculator", 4));
    assert_eq!((trace.usage.input, trace.usage.output), (Some(34), Some(18)));
    assert_eq!((trace.input_preview.as_deref(), trace.output_preview.as_deref()), (Some("2 and 2?"), Some("It is 4.")));
    let content = repository.span(trace_id(0), run.span_id).unwrap().content;
    assert_eq!((content.input.as_deref(), content.output.as_deref()), (Some("2 and 2?"), Some("It is 4.")));

    // It is found as any run of an agent.
    let found = repository.spans(&"kind:agent agent:calculator".parse().unwrap()).unwrap();
    assert_eq!(found.items, [run]);
}

fn a_call_after_an_answer_begins_another_run(world: &World) {
    let repository = world.with([
        request(),
        voice(1, "a", 1),
        tool(2, "t", 2),
        voice(3, "a", 3),
        voice(4, "a", 10),
        voice(5, "b", 20),
        tool(6, "u", 21),
    ]);
    assert_eq!(
        outline(&repository.trace(trace_id(0)).unwrap()),
        [
            // The root runs several agents.
            "workflow http_request -",
            "  agent invoke_agent a",
            "    model span 1 a",
            "    tool span 2 a",
            "    model span 3 a",
            "  agent invoke_agent a",
            "    model span 4 a",
            "  agent invoke_agent b",
            "    model span 5 b",
            "    tool span 6 b",
        ]
    );
}

fn an_agent_that_has_a_span_gets_no_other(world: &World) {
    for (name, agent) in [("named", Some("a")), ("without a name", None)] {
        let root = span(0, 0).kind(Kind::Agent).named(name).lasting(100 * SECOND);
        let root = agent.iter().fold(root, |root, agent| root.agent(agent));
        let world = world.with([root, span(0, 1).named("inner").lasting(50 * SECOND), voice(2, "a", 1).below(1)]);
        let tree = world.trace(trace_id(0)).unwrap();
        assert!(tree.spans.iter().all(|span| !span.is_synthetic()), "{name}");
        repository_is_emptied(&world);
    }
}

fn repository_is_emptied(repository: &Repository) {
    assert_eq!(repository.delete_traces(&[trace_id(0)]).unwrap(), 1);
}

fn an_agent_inside_another_ones_tool(world: &World) {
    let repository = world.with([
        span(0, 0).kind(Kind::Agent).agent("lead").named("run").lasting(100 * SECOND),
        voice(1, "lead", 1),
        tool(2, "research", 2).lasting(50 * SECOND),
        voice(3, "researcher", 3).below(2),
        // The layer gives it the agent that it knows of, the outer one.
        tool(4, "search", 4).below(2).of(tracing_agents::model::IdentityField::AgentName, "lead"),
        voice(5, "researcher", 5).below(2),
        voice(6, "lead", 60),
    ]);
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!(
        outline(&tree),
        [
            "agent run lead",
            "  model span 1 lead",
            "  tool span 2 lead",
            "    agent invoke_agent researcher",
            "      model span 3 researcher",
            "      tool span 4 researcher",
            "      model span 5 researcher",
            "  model span 6 lead",
        ]
    );
    assert_eq!((tree.trace.name.as_str(), tree.trace.usage.input), ("invoke_agent lead", Some(68)));
}

fn the_agents_span_may_come_last(world: &World) {
    let writer = world.writer();
    writer.write([span(0, 1).named("inner").lasting(50 * SECOND), voice(2, "a", 1).below(1)]);
    let repository = world.repository();
    assert_eq!(synthetic(&repository.trace(trace_id(0)).unwrap()).parent_span_id, Some(span_id(1)));
    writer.write([span(0, 0).kind(Kind::Agent).agent("a").named("run").lasting(100 * SECOND)]);
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!(outline(&tree), ["agent run a", "  span inner a", "    model span 2 a"]);
    assert_eq!(repository.spans(&"kind:agent".parse().unwrap()).unwrap().len(), 1);
}

fn a_run_goes_on_while_its_spans_come_in(world: &World) {
    let writer = world.writer();
    let repository = world.repository();
    writer.write([request().running(), voice(1, "a", 1)]);
    let ends = |seconds: i64| {
        let tree = repository.trace(trace_id(0)).unwrap();
        assert_eq!(synthetic(&tree).end_ns, Some(at(seconds) + SECOND / 2));
        tree.trace.usage.input
    };
    assert_eq!(ends(1), Some(17));
    writer.write([tool(2, "t", 2)]);
    assert_eq!(ends(2), Some(17));
    writer.write([voice(3, "a", 3)]);
    assert_eq!(ends(3), Some(34));
    writer.write([request()]);
    assert_eq!(ends(3), Some(34));
    assert_eq!(repository.spans(&"kind:agent".parse().unwrap()).unwrap().len(), 1);
}

/// An event of adk-rust about one of its tools.
fn adk_event(second: i64, message: &str, fields: &[(&'static str, &str)]) -> Event {
    Event {
        name: message.to_owned(),
        time_ns: at(second),
        attributes: fields
            .iter()
            .map(|(key, text)| ((*key).into(), Value::Debug((*text).to_owned())))
            .collect::<Attributes>(),
        dropped_attributes: 0,
        callsite: Some(callsite("event", "adk_agent::llm_agent")),
    }
}

fn adk_agent() -> Sketch {
    let mut agent = span(0, 0).named("agent.execute").agent("calculator").lasting(100 * SECOND);
    agent.0.callsite = Some(callsite("agent.execute", "adk_runner::runner"));
    agent.0.events = vec![
        adk_event(3, "tool_result", &[("tool.name", "add"), ("tool.result", "4")]),
        adk_event(6, "tool_error", &[("tool.name", "add"), ("error", "the disk is on fire")]),
        adk_event(7, "tool_result", &[("tool.name", "other"), ("tool.result", "nobody's")]),
    ];
    agent
}

fn results_and_failures_told_on_the_span_above(world: &World) {
    let spans = || [adk_agent(), tool(1, "add", 2), tool(2, "add", 5)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let writer = world.writer();
        for place in order {
            writer.write([spans()[place].clone()]);
        }
        let repository = world.repository();
        let of = |number| repository.span(trace_id(0), span_id(number)).unwrap();
        let (first, second) = (of(1), of(2));
        assert_eq!((first.content.output.as_deref(), first.span.is_error()), (Some("4"), false), "{order:?}");
        assert_eq!((second.content.output.as_deref(), second.span.is_error()), (None, true), "{order:?}");
        assert_eq!(second.span.status.message, "the disk is on fire");
        let tree = repository.trace(trace_id(0)).unwrap();
        assert_eq!(
            (tree.trace.error_count, tree.spans[0].is_error()),
            (1, false),
            "the tool's failure, not the agent's"
        );
        assert_eq!(repository.spans(&"kind:tool status:error".parse().unwrap()).unwrap().len(), 1);
        repository_is_emptied(&repository);
    }
}

/// adk-rust's span of an agent, which ends before its work begins.
fn marker(number: u64, agent: &str, second: i64) -> Sketch {
    let mut marker = span(0, number).named("run").with("agent.name", agent).starting(at(second)).lasting(1_000);
    marker.0.callsite = Some(callsite("run", "adk_agent::llm_agent"));
    marker.0.events = vec![adk_event(second, "Starting agent execution", &[])];
    marker
}

fn agents_in_a_sequence_that_only_markers_tell_apart(world: &World) {
    let call = |number: u64, second: i64| {
        let call = span(0, number).model("m").tokens(17, 9).starting(at(second)).lasting(SECOND / 2);
        // The layer knows of no agent but the one around it.
        call.of(tracing_agents::model::IdentityField::AgentName, "pipeline")
    };
    let mut pipeline = span(0, 0).named("agent.execute").agent("pipeline").lasting(100 * SECOND);
    pipeline.0.callsite = Some(callsite("agent.execute", "adk_runner::runner"));
    pipeline.0.events = vec![
        adk_event(8, "Agent execution complete", &[("agent.name", "writer")]),
        adk_event(20, "Agent execution complete", &[("agent.name", "critic")]),
    ];
    let spans = || {
        vec![
            pipeline.clone(),
            marker(1, "writer", 1),
            call(2, 2),
            tool(3, "search", 4),
            call(4, 6),
            marker(5, "critic", 10),
            call(6, 12),
        ]
    };
    for turn in 0..3 {
        let writer = world.writer();
        let mut order = spans();
        order.rotate_left(turn * 2);
        order.into_iter().for_each(|span| writer.write([span]));
        let repository = world.repository();
        let tree = repository.trace(trace_id(0)).unwrap();
        assert_eq!(
            outline(&tree),
            [
                "workflow agent.execute pipeline",
                "  agent invoke_agent writer",
                "    span run writer",
                "    model span 2 writer",
                "    tool span 3 writer",
                "    model span 4 writer",
                "  agent invoke_agent critic",
                "    span run critic",
                "    model span 6 critic",
            ],
            "turn {turn}"
        );
        assert_eq!(tree.trace.usage.input, Some(51));
        repository_is_emptied(&repository);
    }
}

/// An event of codex, as each of its two targets tells it.
fn codex_event(second: i64, target: &str, fields: &[(&'static str, &str)]) -> Event {
    let mut event = adk_event(second, "event", fields);
    event.callsite = Some(callsite("event", target));
    event
}

fn codex_turn() -> Sketch {
    const CONTENT: &str = "codex_otel.log_only";
    const LENGTHS: &str = "codex_otel.trace_safe";
    let completed =
        [("event.name", "codex.sse_event"), ("event.kind", "response.completed"), ("input_token_count", "17")];
    let completed = [completed.as_slice(), &[("output_token_count", "9"), ("model", "gpt-5")]].concat();
    let tool = |call: &'static str, success: &'static str| {
        [
            ("event.name", "codex.tool_result"),
            ("tool_name", "shell"),
            ("call_id", call),
            ("duration_ms", "2000"),
            ("success", success),
        ]
    };
    let content = [("arguments", "ls"), ("output", "no such file")];
    let mut turn = span(0, 0).named("turn").lasting(100 * SECOND);
    turn.0.callsite = Some(callsite("turn", "codex_core::tasks"));
    turn.0.events = vec![
        codex_event(1, CONTENT, &completed),
        codex_event(1, LENGTHS, &completed),
        codex_event(4, CONTENT, &[tool("c1", "true").as_slice(), &content].concat()),
        codex_event(4, LENGTHS, &tool("c1", "true")),
        codex_event(8, CONTENT, &[tool("c2", "false").as_slice(), &content].concat()),
        codex_event(8, LENGTHS, &tool("c2", "false")),
        codex_event(9, LENGTHS, &completed),
    ];
    turn
}

fn calls_that_only_events_tell(world: &World) {
    // One of the tools has a span, which says less than the event.
    let recorded = || span(0, 1).kind(Kind::Tool).with(field::TOOL_CALL_ID, "c1").starting(at(2)).lasting(SECOND);
    for order in [[0, 1], [1, 0]] {
        let writer = world.writer();
        for place in order {
            writer.write([[codex_turn(), recorded()][place].clone()]);
        }
        let repository = world.repository();
        let tree = repository.trace(trace_id(0)).unwrap();
        assert_eq!(
            outline(&tree),
            [
                "agent turn -",
                "  model chat gpt-5 -",
                "  tool span 1 -",
                "  tool execute_tool shell -",
                "  model chat gpt-5 -",
            ]
        );
        assert_eq!((tree.trace.usage.input, tree.trace.usage.output), (Some(34), Some(18)));
        let tools = repository.spans(&"kind:tool".parse().unwrap()).unwrap();
        let tools: Vec<_> = tools.iter().map(|tool| repository.span(tool.trace_id, tool.span_id).unwrap()).collect();
        let (failed, done) = (&tools[0], &tools[1]);
        assert_eq!((failed.span.start_ns, failed.span.end_ns), (at(6), Some(at(8))));
        assert_eq!((failed.span.is_synthetic(), failed.span.status.message.as_str()), (true, "no such file"));
        assert_eq!((done.span.span_id, done.span.is_error()), (span_id(1), false));
        for tool in [failed, done] {
            assert_eq!(
                (tool.content.input.as_deref(), tool.content.output.as_deref()),
                (Some("ls"), Some("no such file"))
            );
        }
        let calls = repository.spans(&"kind:model model:gpt-5".parse().unwrap()).unwrap();
        assert!(calls.len() == 2 && calls.iter().all(|call| call.is_synthetic()));
        repository_is_emptied(&repository);
        assert!(repository.spans(&"kind:model".parse().unwrap()).unwrap().is_empty());
    }
}

fn two_agents_under_a_plain_root_are_a_workflow(world: &World) {
    let agent = |number: u64, name: &str| span(0, number).kind(Kind::Agent).agent(name).named("run");
    let writer = world.writer();
    let repository = world.repository();
    let root = || repository.trace(trace_id(0)).unwrap().spans.iter().map(|span| span.kind).next();
    writer.write([request(), agent(1, "a")]);
    assert_eq!(root(), Some(Kind::Span));
    writer.write([agent(2, "b")]);
    assert_eq!(root(), Some(Kind::Workflow));
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!((tree.spans[0].kind_source.as_str(), tree.trace.name.as_str()), ("structure", "http_request"));
    assert_eq!(repository.count_traces(&"kind:workflow".parse().unwrap()).unwrap(), 1);
}

fn no_order_matters(world: &World) {
    let spans = || {
        vec![
            request(),
            voice(1, "a", 1),
            tool(2, "t", 2),
            voice(3, "a", 3),
            tool(4, "u", 4).lasting(20 * SECOND),
            voice(5, "b", 5).below(4),
            tool(6, "v", 6).below(4).failing("no"),
            voice(7, "b", 7).below(4),
            voice(8, "a", 30),
        ]
    };
    let mut seen: Option<(Vec<String>, u64, Option<u64>)> = None;
    for turn in 0..spans().len() {
        let writer = world.writer();
        let mut order = spans();
        order.rotate_left(turn);
        if turn % 2 == 1 {
            order.reverse();
        }
        for pair in order.chunks(2) {
            writer.write(pair.to_vec());
            writer.write(pair.to_vec());
        }
        let repository = world.repository();
        let tree = repository.trace(trace_id(0)).unwrap();
        let found = (outline(&tree), tree.trace.error_count, tree.trace.usage.input);
        assert_eq!(*seen.get_or_insert_with(|| found.clone()), found, "turn {turn}");
        repository_is_emptied(&repository);
    }
    let (outline, errors, input) = seen.unwrap();
    assert_eq!((outline.len(), errors, input), (11, 1, Some(85)));
}
