//! One span with its payload: what was recorded comes back as it was.

use std::sync::Arc;

use tracing_agents::ErrorKind;
use tracing_agents::field;
use tracing_agents::model::{Callsite, Event, Kind, Link, Part, Role, SpanContent, Value};

use crate::sketch::{Sketch, at, span, span_id, trace_id};
use crate::world::World;

crate::cases!(
    attributes_keep_their_order_types_and_duplicates,
    bytes_lists_and_maps,
    events,
    links,
    input_and_output,
    messages,
    tool_calls_that_have_no_span,
    scope_and_resource,
    trace_state_flags_and_callsite,
    an_unknown_span_is_not_found,
    a_span_without_anything,
    four_thousand_attributes,
);

/// Writes a span, and reads its payload.
fn content(world: &World, sketch: Sketch) -> SpanContent {
    let (trace, span) = (sketch.0.trace_id, sketch.0.span_id);
    world.with([sketch]).span(trace, span).unwrap().content
}

fn attributes_keep_their_order_types_and_duplicates(world: &World) {
    let written = span(0, 0)
        .with("z", "last letter first")
        .with("same", 1)
        .with("a", true)
        .with("same", "two")
        .with("same", Value::Null)
        .with("debug", Value::Debug("Some(\"x\")".into()))
        .with("error", Value::Error("no".into()))
        .with("same", 1);
    let expected = written.0.attributes.clone();
    assert_eq!(content(world, written).attributes, expected);
}

fn bytes_lists_and_maps(world: &World) {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let written = span(0, 0)
        .with("bytes", all_bytes.clone())
        .with("no bytes", Vec::<u8>::new())
        .with("list", vec![Value::Null, Value::Bool(false), Value::Bytes(all_bytes), Value::Array(vec![])])
        .with(
            "map",
            vec![("k".to_owned(), Value::I64(1)), ("k".to_owned(), Value::U64(1)), (String::new(), Value::Map(vec![]))],
        );
    let expected = written.0.attributes.clone();
    assert_eq!(content(world, written).attributes, expected);
}

fn callsite() -> Arc<Callsite> {
    Arc::new(Callsite {
        name: "event src/lib.rs:7".into(),
        target: "app::agents".into(),
        level: "WARN".into(),
        file: Some("src/lib.rs".into()),
        line: Some(7),
        fields: vec!["message".into(), "attempt".into()],
    })
}

fn events(world: &World) {
    let event = |name: &str, time_ns| Event {
        name: name.to_owned(),
        time_ns,
        attributes: [("attempt".into(), Value::U64(2)), ("attempt".into(), Value::Str("🦀\0".into()))]
            .into_iter()
            .collect(),
        dropped_attributes: 3,
        callsite: None,
    };
    let mut written = span(0, 0);
    written.0.events =
        vec![event("retry", at(0)), Event { callsite: Some(callsite()), ..event("", i64::MIN) }, event("\0", at(-5))];
    let expected = written.0.events.clone();
    assert_eq!(content(world, written).events, expected);
}

fn links(world: &World) {
    let mut first = Link::new(trace_id(7), span_id(8));
    first.trace_state = "vendor=1".to_owned();
    first.flags = 0x301;
    first.attributes.push("why", "continued");
    first.dropped_attributes = 1;
    let mut written = span(0, 0);
    written.0.links = vec![first, Link::new(trace_id(0), span_id(1))];
    let expected = written.0.links.clone();
    assert_eq!(content(world, written).links, expected);
}

fn input_and_output(world: &World) {
    let found = content(
        world,
        span(0, 0)
            .tool("search")
            .with(field::TOOL_ARGUMENTS, r#"{"query":"crabs"}"#)
            .with(field::TOOL_RESULT, "3 crabs"),
    );
    assert_eq!((found.input.as_deref(), found.output.as_deref()), (Some(r#"{"query":"crabs"}"#), Some("3 crabs")));
}

fn messages(world: &World) {
    let input = r#"[{"role":"system","parts":[{"type":"text","content":"Be brief."}]},
        {"role":"user","parts":[{"type":"text","content":"Zoë 🦀\u0000?"}]}]"#;
    let output = r#"[{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"search","arguments":{"q":1}}],"finish_reason":"tool_calls"}]"#;
    let found = content(
        world,
        span(0, 0).kind(Kind::Model).with(field::INPUT_MESSAGES, input).with(field::OUTPUT_MESSAGES, output),
    );
    let roles: Vec<Role> = found.input_messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User]);
    assert_eq!(found.input_messages[1].joined_text(), "Zoë 🦀\0?");
    assert_eq!(found.output_messages[0].finish_reason.as_deref(), Some("tool_calls"));
    let Part::ToolCall { id, name, .. } = &found.output_messages[0].parts[0] else { panic!("{found:?}") };
    assert_eq!((id.as_deref(), name.as_str()), (Some("c1"), "search"));
}

fn tool_calls_that_have_no_span(world: &World) {
    let part = |id: u64| format!(r#"{{"type":"tool_call","id":"c{id}","name":"tool {id}","arguments":{{"q":{id}}}}}"#);
    let asks = |ids: std::ops::Range<u64>| {
        let parts: Vec<String> = ids.map(part).collect();
        format!(r#"[{{"role":"assistant","parts":[{}]}}]"#, parts.join(","))
    };
    let answers = r#"[{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":"refused"}]}]"#;
    let model = |number| span(0, number).below(1).kind(Kind::Model).starting(at(i64::try_from(number).unwrap()));
    // More calls than are read at once, on both sides of midnight.
    let quiet = (10..40).map(|number| model(number).with(field::OUTPUT_MESSAGES, asks(0..1).as_str()));
    let tools = (10..40).map(|number| span(0, 100 + number).below(1).tool("tool 0").starting(at(86_400)));
    let asking = model(2).with(field::OUTPUT_MESSAGES, asks(1..4).as_str());
    let executed = span(0, 3).below(1).tool("tool 2").with(field::TOOL_CALL_ID, "c2").starting(at(3));
    let answered = model(86_401).with(field::INPUT_MESSAGES, answers);
    let run = span(0, 1).agent("Researcher");
    let all = [run, asking, executed, answered].into_iter().chain(quiet).chain(tools);
    let repository = world.with(all);
    let found = repository.requested_tool_calls(trace_id(0)).unwrap();
    let found: Vec<_> = found.iter().map(|call| (call.span_id, call.tool_name.as_str(), call.is_answered)).collect();
    assert_eq!(found, [(span_id(2), "tool 1", true), (span_id(2), "tool 3", false)]);
    let error = repository.requested_tool_calls(trace_id(7)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

fn scope_and_resource(world: &World) {
    let mut written = span(0, 0);
    let mut scope = tracing_agents::model::Scope {
        name: "lib".into(),
        version: "1.0".into(),
        schema_url: "https://example.org/scope".into(),
        ..Default::default()
    };
    scope.attributes.push("k", 1);
    let mut resource = tracing_agents::model::Resource::default();
    resource.attributes.push("service.name", "web");
    resource.attributes.push("host", "Zoë's");
    resource.attributes.push("host", 2.5);
    resource.schema_url = "https://example.org/resource".into();
    (written.0.scope, written.0.resource) = (scope.clone().into(), resource.clone().into());
    let found = content(world, written);
    assert_eq!((found.scope, found.resource), (scope, resource));
}

fn trace_state_flags_and_callsite(world: &World) {
    let mut written = span(0, 0);
    written.0.trace_state = "vendor=1,other=2".into();
    written.0.flags = 0x103;
    written.0.callsite = Some(callsite());
    let found = content(world, written);
    assert_eq!((found.trace_state.as_str(), found.flags), ("vendor=1,other=2", 0x103));
    assert_eq!(found.callsite, Some(callsite()));
}

fn an_unknown_span_is_not_found(world: &World) {
    let repository = world.with([span(0, 0), span(1, 1)]);
    for (trace, span) in [(0, 1), (1, 0), (7, 7)] {
        let error = repository.span(trace_id(trace), span_id(span)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains(&span_id(span).to_string()), "{error}");
    }
}

fn a_span_without_anything(world: &World) {
    let found = content(world, span(0, 0).named(""));
    assert!(found.attributes.iter().next().is_none() && found.events.is_empty() && found.links.is_empty());
    assert_eq!((found.input, found.output), (None, None));
    assert!(found.input_messages.is_empty() && found.output_messages.is_empty());
    assert_eq!(found.callsite, None);
}

fn four_thousand_attributes(world: &World) {
    let written = (0..4_000).fold(span(0, 0), |span, n| span.with(&format!("attribute {n}"), n));
    let expected = written.0.attributes.clone();
    assert_eq!(content(world, written).attributes, expected);
}
