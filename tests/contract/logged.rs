//! Content that comes as log records: events of spans on a way of their own, before their span, after it, or more than once.

use std::time::{Duration, SystemTime};

use tracing_agents::model::{
    Attributes, Event, Kind, LoggedEvent, Message, Part, Role, SpanContent, SpanRecord, Trace, Value,
};
use tracing_agents::{TraceFilter, field};

use crate::api::Repository;
use crate::order::clear;
use crate::sketch::{DAY, Dice, SECOND, Sketch, at, callsite, moment, span, span_id, trace_id};
use crate::tables::{assert_same, dump};
use crate::walk;
use crate::world::World;

crate::cases!(
    prompts_and_answers_are_read_whatever_comes_first,
    one_event_a_message,
    json_in_texts_and_bodies_of_text,
    an_event_that_comes_twice_is_there_once,
    events_stand_behind_the_spans_own_by_time,
    previews_are_those_of_the_naming_span,
    tool_calls_that_only_events_tell,
    tokens_in_events_are_not_counted,
    records_go_out_as_they_came_in,
    a_synthetic_run_shows_what_was_logged_of_its_calls,
    no_order_and_no_repetition_matters,
    writers_of_spans_and_of_events_at_once,
    many_events_at_once,
    deleting_takes_events_along,
    pruning_takes_events_whose_trace_never_came,
);

fn text(text: &str) -> Value {
    text.into()
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// An event of a span, this many seconds after [`DAWN`](crate::sketch::DAWN).
fn event<const N: usize>(
    trace: u64,
    number: u64,
    second: i64,
    name: &str,
    attributes: [(&str, Value); N],
) -> LoggedEvent {
    let attributes: Attributes = attributes.into_iter().map(|(key, value)| (key.to_owned().into(), value)).collect();
    let event = Event { name: name.to_owned(), time_ns: at(second), attributes, dropped_attributes: 0, callsite: None };
    LoggedEvent::new(trace_id(trace), span_id(number), event)
}

/// A list of one message in OpenTelemetry's structure.
fn said(role: &str, words: &str) -> Value {
    let part = map([("type", text("text")), ("content", text(words))]);
    Value::Array(vec![map([("role", text(role)), ("parts", Value::Array(vec![part]))])])
}

const DETAILS: &str = "gen_ai.client.inference.operation.details";

/// An inference's prompt and answer in one event, as current conventions have it.
fn details(trace: u64, number: u64, prompt: &str, answer: &str) -> LoggedEvent {
    let attributes = [
        ("gen_ai.operation.name", text("chat")),
        (field::INPUT_MESSAGES, said("user", prompt)),
        (field::OUTPUT_MESSAGES, said("assistant", answer)),
        (field::SYSTEM_INSTRUCTIONS, Value::Array(vec![map([("type", text("text")), ("content", text("Be brief."))])])),
    ];
    event(trace, number, 1, DETAILS, attributes)
}

/// The same in two events, as older conventions have it.
fn older(trace: u64, number: u64, prompt: &str, answer: &str) -> [LoggedEvent; 2] {
    let message = map([("role", text("assistant")), ("content", text(answer))]);
    [
        event(trace, number, 1, "gen_ai.user.message", [("gen_ai.system", text("openai")), ("content", text(prompt))]),
        event(
            trace,
            number,
            2,
            "gen_ai.choice",
            [("index", 0.into()), ("finish_reason", text("stop")), ("message", message)],
        ),
    ]
}

fn content(repository: &Repository, trace: u64, number: u64) -> SpanContent {
    repository.span(trace_id(trace), span_id(number)).unwrap().content
}

fn read(content: &SpanContent) -> (Option<&str>, Option<&str>) {
    (content.input.as_deref(), content.output.as_deref())
}

fn previews(trace: &Trace) -> (Option<&str>, Option<&str>) {
    (trace.input_preview.as_deref(), trace.output_preview.as_deref())
}

/// Events that are stored.
fn logged_rows(world: &World) -> usize {
    dump(&world.database).iter().filter(|row| row.starts_with("span_events|")).count()
}

fn prompts_and_answers_are_read_whatever_comes_first(world: &World) {
    let (spans, logs) = (world.writer(), world.writer());
    logs.0.write_events(&[details(0, 0, "2 and 2?", "It is 4.")]).unwrap();
    assert_eq!(world.repository().find_trace(trace_id(0)).unwrap(), None, "an event is no span");
    spans.write([span(0, 0).model("m"), span(1, 0).model("m")]);
    logs.0.write_events(&[details(1, 0, "2 and 2?", "It is 4.")]).unwrap();

    let repository = world.repository();
    for trace in 0..2 {
        let found = content(&repository, trace, 0);
        assert_eq!(read(&found), (Some("2 and 2?"), Some("It is 4.")));
        let expected = [Message::text(Role::System, "Be brief."), Message::text(Role::User, "2 and 2?")];
        assert_eq!(found.input_messages, expected);
        assert_eq!(found.output_messages, [Message::text(Role::Assistant, "It is 4.")]);
        assert_eq!(found.events, [details(trace, 0, "2 and 2?", "It is 4.").event]);
        let summary = repository.trace(trace_id(trace)).unwrap().trace;
        assert_eq!(previews(&summary), (Some("2 and 2?"), Some("It is 4.")));
    }
    walk::expect_traces(&repository, r#""2 and 2""#, &[1, 0]);
}

fn one_event_a_message(world: &World) {
    let writer = world.writer();
    let call = map([
        ("id", text("c1")),
        ("type", text("function")),
        ("function", map([("name", text("add")), ("arguments", text(r#"{"x":2}"#))])),
    ]);
    let mut events = vec![
        event(0, 0, 1, "gen_ai.system.message", [("content", text("Be brief."))]),
        event(0, 0, 3, "gen_ai.assistant.message", [("tool_calls", Value::Array(vec![call]))]),
        event(0, 0, 4, "gen_ai.tool.message", [("id", text("c1")), ("content", text("4"))]),
    ];
    events.extend(older(0, 0, "2 and 2?", "It is 4."));
    // The times tell the order, not the way on which they come.
    events[4].event.time_ns = at(5);
    events[3].event.time_ns = at(2);
    for event in events.iter().rev() {
        writer.0.write_events(std::slice::from_ref(event)).unwrap();
    }
    writer.write([span(0, 0).model("m")]);
    let found = content(&world.repository(), 0, 0);
    let roles: Vec<Role> = found.input_messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::Tool]);
    let Part::ToolCall { id, name, arguments } = &found.input_messages[2].parts[0] else { panic!("{found:?}") };
    assert_eq!((id.as_deref(), name.as_str()), (Some("c1"), "add"));
    assert_eq!(arguments.as_ref().unwrap()["x"], 2);
    let Part::ToolCallResponse { id, .. } = &found.input_messages[3].parts[0] else { panic!("{found:?}") };
    assert_eq!(id.as_deref(), Some("c1"));
    assert_eq!(found.output_messages[0].finish_reason.as_deref(), Some("stop"));
    assert_eq!(read(&found), (Some("2 and 2?"), Some("It is 4.")));
}

fn json_in_texts_and_bodies_of_text(world: &World) {
    let writer = world.writer();
    let json = r#"[{"role":"user","parts":[{"type":"text","content":"as text"}]}]"#;
    let body = r#"{"role":"user","content":"as a body"}"#;
    writer
        .0
        .write_events(&[
            event(0, 0, 1, DETAILS, [(field::INPUT_MESSAGES, text(json))]),
            event(1, 0, 1, "gen_ai.user.message", [("body", text(body))]),
            event(2, 0, 1, "gen_ai.user.message", [("body", text("only words"))]),
        ])
        .unwrap();
    writer.write((0..3).map(|trace| span(trace, 0).model("m")));
    let repository = world.repository();
    for (trace, words) in [(0, "as text"), (1, "as a body"), (2, "only words")] {
        assert_eq!(content(&repository, trace, 0).input_messages, [Message::text(Role::User, words)]);
        assert_eq!(repository.trace(trace_id(trace)).unwrap().trace.input_preview.as_deref(), Some(words));
    }
}

fn an_event_that_comes_twice_is_there_once(world: &World) {
    let (first, second) = (world.writer(), world.writer());
    let events = older(0, 0, "again", "and again");
    first.0.write_events(&[events.clone(), events.clone()].concat()).unwrap();
    let once = dump(&world.database);
    assert_eq!(once.len(), 2);
    second.0.write_events(&events).unwrap();
    assert_same(&dump(&world.database), &once, "sent twice");
    first.write([span(0, 0).model("m")]);
    let stored = dump(&world.database);
    for writer in [&second, &first] {
        writer.0.write_events(&events).unwrap();
        assert_same(&dump(&world.database), &stored, "sent twice, with its span");
    }
    // The same words a moment later are another event.
    let mut later = events[0].clone();
    later.event.time_ns += 1;
    second.0.write_events(&[later]).unwrap();
    assert_eq!(content(&world.repository(), 0, 0).input_messages.len(), 2);
}

fn events_stand_behind_the_spans_own_by_time(world: &World) {
    let mut written = span(0, 0).model("m");
    let own = |name: &str, second| event(0, 0, second, name, []).event;
    written.0.events = vec![own("last", 9), own("first", 1)];
    let writer = world.writer();
    let logged = [event(0, 0, 7, "gen_ai.b", []), event(0, 0, 5, "gen_ai.a", []), event(0, 0, 0, "gen_ai.z", [])];
    writer.0.write_events(&logged[..2]).unwrap();
    writer.write([written]);
    writer.0.write_events(&logged[2..]).unwrap();
    writer.0.write_events(&[event(0, 1, 5, "gen_ai.anothers", []), event(1, 0, 5, "gen_ai.anothers", [])]).unwrap();
    let names: Vec<String> = content(&world.repository(), 0, 0).events.into_iter().map(|event| event.name).collect();
    assert_eq!(names, ["last", "first", "gen_ai.z", "gen_ai.a", "gen_ai.b"]);
}

fn previews_are_those_of_the_naming_span(world: &World) {
    let writer = world.writer();
    let repository = world.repository();
    let shown = || {
        let trace = repository.trace(trace_id(0)).unwrap().trace;
        (trace.input_preview, trace.output_preview)
    };
    let both = |input: &str, output: &str| (Some(input.to_owned()), Some(output.to_owned()));
    writer.write([span(0, 1).model("m")]);
    writer.0.write_events(&[details(0, 1, "of the call", "to the call")]).unwrap();
    assert_eq!(shown(), both("of the call", "to the call"));
    // The run comes last, with what was logged of it before, and names the trace.
    writer.0.write_events(&[details(0, 0, "of the run", "to the run")]).unwrap();
    assert_eq!(shown(), both("of the call", "to the call"));
    writer.write([span(0, 0).agent("A").kind(Kind::Agent)]);
    assert_eq!(shown(), both("of the run", "to the run"));
    // What is logged of another one then changes nothing, also not a later version of the run.
    writer.0.write_events(&[details(0, 2, "of nobody", "to nobody")]).unwrap();
    writer.write([span(0, 0).agent("A").kind(Kind::Agent).lasting(9 * SECOND)]);
    assert_eq!(shown(), both("of the run", "to the run"));
    // What the span says itself comes first, as when an event is the span's own.
    writer.write([span(1, 0).model("m").with(field::INPUT, "its own")]);
    writer.0.write_events(&[details(1, 0, "logged", "answer")]).unwrap();
    let trace = repository.trace(trace_id(1)).unwrap().trace;
    assert_eq!(previews(&trace), (Some("its own"), Some("answer")));
    assert_eq!(read(&content(&repository, 1, 0)), (Some("its own"), Some("answer")));
}

fn tool_calls_that_only_events_tell(world: &World) {
    let part = map([("type", text("tool_call")), ("id", text("c1")), ("name", text("add"))]);
    let asks = Value::Array(vec![map([("role", text("assistant")), ("parts", Value::Array(vec![part]))])]);
    let writer = world.writer();
    writer.write([span(0, 0).agent("A").kind(Kind::Agent), span(0, 1).model("m"), span(0, 2).model("m")]);
    writer.0.write_events(&[event(0, 1, 1, DETAILS, [(field::OUTPUT_MESSAGES, asks)])]).unwrap();
    let repository = world.repository();
    let calls = repository.requested_tool_calls(trace_id(0)).unwrap();
    let calls: Vec<_> = calls.iter().map(|call| (call.span_id, call.tool_name.as_str())).collect();
    assert_eq!(calls, [(span_id(1), "add")]);
}

fn tokens_in_events_are_not_counted(world: &World) {
    let mut counted = details(0, 0, "a", "b");
    counted.event.attributes.push(field::INPUT_TOKENS, 1_000);
    counted.event.attributes.push(field::REQUEST_MODEL, "another");
    let writer = world.writer();
    writer.0.write_events(&[counted.clone()]).unwrap();
    writer.write([span(0, 0).model("m").tokens(5, 1).session("s")]);
    counted.event.time_ns += 1;
    writer.0.write_events(&[counted]).unwrap();
    let repository = world.repository();
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!((tree.trace.usage.input, tree.trace.span_count), (Some(5), 1));
    assert_eq!(tree.spans[0].request_model.as_deref(), Some("m"));
    assert_eq!(repository.session("s").unwrap().usage.input, Some(5));
}

fn records_go_out_as_they_came_in(world: &World) {
    let writer = world.writer();
    writer.0.write_events(&older(0, 0, "before", "x")).unwrap();
    let written: SpanRecord = span(0, 0).model("m").with("a", 1).into();
    writer.write([written.clone()]);
    writer.0.write_events(&[details(0, 0, "after", "y")]).unwrap();
    let mut records = world.repository().records(trace_id(0)).unwrap();
    let mut record = records.pop().unwrap();
    record.origin = None;
    assert_eq!((records.len(), record), (0, written));
}

/// A request with an agent's calls, which are its run although it has no span; what they say is only logged.
fn told_run() -> (Vec<Sketch>, Vec<LoggedEvent>) {
    let voice =
        |number: u64, second| span(2, number).model("m").agent("calculator").starting(at(second)).lasting(SECOND / 2);
    let request = span(2, 0).named("http_request").starting(at(0)).lasting(100 * SECOND);
    (
        vec![request, voice(1, 1), span(2, 2).tool("add").starting(at(2)), voice(3, 3)],
        vec![details(2, 1, "2 and 2?", "a call"), details(2, 3, "4", "It is 4.")],
    )
}

fn a_synthetic_run_shows_what_was_logged_of_its_calls(world: &World) {
    let (spans, events) = told_run();
    let writer = world.writer();
    let repository = world.repository();
    let check = |when: &str| {
        let tree = repository.trace(trace_id(2)).unwrap();
        assert_eq!(previews(&tree.trace), (Some("2 and 2?"), Some("It is 4.")), "{when}");
        let run = tree.spans.iter().find(|span| span.is_synthetic()).unwrap().span_id;
        let content = repository.span(trace_id(2), run).unwrap().content;
        assert_eq!(read(&content), (Some("2 and 2?"), Some("It is 4.")), "{when}");
    };
    writer.write(spans.clone());
    writer.0.write_events(&events).unwrap();
    check("the events last");
    repository.delete_traces(&[trace_id(2)]).unwrap();
    writer.0.write_events(&events).unwrap();
    writer.write(spans);
    check("the events first");
}

/// What is done to a database.
#[derive(Clone)]
enum Deed {
    Write(Box<Sketch>),
    Log(LoggedEvent),
}

/// Traces of each shape, one that never comes among them.
fn deeds() -> Vec<Deed> {
    let root = |trace: u64, name: &str, from: i64, to: i64| {
        let mut root = span(trace, 0).named(name).starting(at(from)).lasting((to - from) * SECOND);
        root.0.span_id = span_id(trace * 100);
        root.0.callsite = Some(callsite(name, "rig::agent::prompt_request"));
        root
    };
    let (mut spans, mut events) = told_run();
    spans.extend([
        span(0, 0).model("m").session("s"),
        span(1, 0).agent("A").kind(Kind::Agent),
        span(1, 1).model("m").tokens(5, 1).with(field::INPUT, "its own"),
        span(1, 2).model("m").below(1),
        // A run that its framework tore in two.
        root(5, "invoke_agent", 0, 20).kind(Kind::Agent).agent("a"),
        root(6, "chat", 1, 9).model("m").agent("a"),
    ]);
    events.extend(older(0, 0, "one event", "a message"));
    events.extend([
        details(1, 0, "of the run", "to the run"),
        details(1, 1, "of the call", "to the call"),
        details(1, 2, "of another", "to another"),
        details(5, 500, "of the torn run", "to the torn run"),
        details(6, 600, "of its fragment", "to its fragment"),
        details(9, 0, "of nothing", "to nothing"),
    ]);
    spans.into_iter().map(|span| Deed::Write(Box::new(span))).chain(events.into_iter().map(Deed::Log)).collect()
}

fn no_order_and_no_repetition_matters(world: &World) {
    let (writer, receiver) = (world.writer(), world.writer());
    let deeds = deeds();
    let mut dice = Dice::new(7);
    let mut expected: Option<Vec<String>> = None;
    for turn in 0..8 {
        let mut order = deeds.clone();
        if turn > 0 {
            order.extend(deeds.iter().filter(|_| dice.below(2) == 0).cloned());
            dice.shuffle(&mut order);
        }
        for deed in order {
            match deed {
                Deed::Write(span) => writer.write([*span]),
                Deed::Log(event) => {
                    let by = if dice.below(2) == 0 { &writer } else { &receiver };
                    by.0.write_events(&[event]).unwrap();
                }
            }
        }
        let found = dump(&world.database);
        match &expected {
            Some(expected) => assert_same(&found, expected, &format!("order {turn}")),
            None => expected = Some(found),
        }
        let shown = |trace| {
            let trace = world.repository().trace(trace_id(trace)).unwrap().trace;
            (trace.input_preview.unwrap_or_default(), trace.output_preview.unwrap_or_default())
        };
        let both = |input: &str, output: &str| (input.to_owned(), output.to_owned());
        assert_eq!(world.repository().trace(trace_id(6)).unwrap().trace.trace_id, trace_id(5), "the torn run is one");
        assert_eq!(
            [0, 1, 2, 5].map(shown),
            [
                both("one event", "a message"),
                both("of the run", "to the run"),
                both("2 and 2?", "It is 4."),
                both("of the torn run", "to the torn run"),
            ]
        );
        world.repository().delete_traces(&[trace_id(9)]).unwrap();
        clear(world);
    }
}

fn writers_of_spans_and_of_events_at_once(world: &World) {
    const TRACES: u64 = 40;
    let writers = [world.writer(), world.writer()];
    let receivers = [world.writer(), world.writer()];
    std::thread::scope(|scope| {
        for (place, writer) in writers.iter().enumerate() {
            scope.spawn(move || {
                for trace in (place as u64..TRACES).step_by(2) {
                    writer.write([span(trace, 0).model("m").session("s")]);
                }
            });
        }
        for receiver in &receivers {
            scope.spawn(move || {
                for trace in 0..TRACES {
                    let events = [trace, TRACES - 1 - trace].map(|trace| details(trace, 0, &format!("{trace}?"), "!"));
                    receiver.0.write_events(&events).unwrap();
                }
            });
        }
    });
    let repository = world.repository();
    for trace in 0..TRACES {
        let found = repository.trace(trace_id(trace)).unwrap().trace;
        assert_eq!(previews(&found), (Some(format!("{trace}?").as_str()), Some("!")));
        assert_eq!(content(&repository, trace, 0).events.len(), 1);
    }
    assert_eq!(repository.session("s").unwrap().trace_count, TRACES);
}

fn many_events_at_once(world: &World) {
    let writer = world.writer();
    let long = "x".repeat(10_000);
    let events: Vec<LoggedEvent> =
        (0..2_500).map(|n| details(n / 10, n % 10, &format!("{n} {long}"), "answer")).collect();
    writer.write((0..100).map(|trace| span(trace, 0).model("m")));
    writer.0.write_events(&events).unwrap();
    writer.write((100..250).map(|trace| span(trace, 0).model("m")));
    writer.0.write_events(&[]).unwrap();
    let repository = world.repository();
    for trace in [0, 99, 100, 249] {
        let preview = repository.trace(trace_id(trace)).unwrap().trace.input_preview.unwrap();
        assert!(preview.starts_with(&format!("{} x", trace * 10)), "{preview}");
    }
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), 250);
}

fn deleting_takes_events_along(world: &World) {
    let writer = world.writer();
    let repository = world.repository();
    writer.write([span(0, 0).model("m"), span(1, 0).model("m")]);
    writer.write((0..2_100).map(|number| span(2, number)));
    writer.0.write_events(&[details(0, 0, "a", "b"), details(1, 0, "a", "b"), details(2, 9, "a", "b")]).unwrap();
    // Of one whose spans never came, too.
    writer.0.write_events(&[details(3, 0, "a", "b")]).unwrap();
    assert_eq!(logged_rows(world), 4);
    assert_eq!(repository.delete_traces(&[trace_id(0), trace_id(2), trace_id(3)]).unwrap(), 2);
    assert_eq!((logged_rows(world), content(&repository, 1, 0).events.len()), (1, 1));
    assert_eq!(repository.delete_traces(&[trace_id(1)]).unwrap(), 1);
    assert_eq!(dump(&world.database), Vec::<String>::new());
    // What was deleted is not there for a span that comes late.
    writer.write([span(0, 0).model("m")]);
    assert_eq!(read(&content(&repository, 0, 0)), (None, None));
}

fn pruning_takes_events_whose_trace_never_came(world: &World) {
    let writer = world.writer();
    let repository = world.repository();
    writer.write([span(0, 0).model("m"), span(1, 0).model("m").starting(at(0) + DAY)]);
    writer
        .0
        .write_events(&[details(0, 0, "old", "x"), details(1, 0, "kept", "x"), details(2, 0, "lost", "x")])
        .unwrap();
    repository.prune(moment(43_200)).unwrap();
    assert_eq!(repository.find_trace(trace_id(0)).unwrap(), None);
    assert_eq!(content(&repository, 1, 0).input.as_deref(), Some("kept"));
    // The span of what was written a moment ago may be on its way.
    assert_eq!(logged_rows(world), 2);
    let soon = SystemTime::now() + Duration::from_secs(60);
    // In the days to come an event may be told, too.
    let mut ahead = details(3, 0, "ahead of time", "x");
    ahead.event.time_ns = i64::MAX;
    writer.0.write_events(&[ahead]).unwrap();
    repository.prune(soon).unwrap();
    assert_eq!(logged_rows(world), 1);
    assert_eq!(repository.delete_traces(&[trace_id(3)]).unwrap(), 0);
    assert_eq!(dump(&world.database), Vec::<String>::new());
}
