//! Text that would be SQL if anything put it into a statement, in every place where text can stand.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use tracing_agents::model::{Cursor, IdentityField};
use tracing_agents::{ErrorKind, Group, SessionFilter, SpanFilter, StatsQuery, TraceFilter, field};

use crate::sketch::{Sketch, at, span, trace_id, trace_number};
use crate::tables::{assert_same, dump};
use crate::world::World;

crate::cases!(
    hostile_names_and_ids_are_found_as_what_they_are,
    hostile_texts_in_the_filter_language_find_what_they_name,
    hostile_cursors_are_refused_or_harmless,
    hostile_ids_delete_nothing_else,
);

const HOSTILE: [&str; 22] = [
    "' OR 1=1 --",
    "' OR ''='",
    "\" OR 1=1 --",
    "\\' OR 1=1 #",
    "'; DROP TABLE spans; --",
    "\"; DROP TABLE traces; --",
    "'); DELETE FROM spans; --",
    "` UNION SELECT 1 `",
    "$1",
    "?",
    ":name",
    "{0} {name} %s %n",
    "%",
    "_",
    "\\",
    "/* comment */",
    "x'00'; SELECT pg_sleep(10)",
    "\u{2bc} OR 1=1 --",
    "\u{ff07} OR 1=1 --",
    "\u{202e}gnirts",
    "nul\0byte' --",
    "line\nbreak'; --",
];

fn places() -> impl Iterator<Item = (u64, &'static str)> {
    (0..).zip(HOSTILE)
}

/// A trace each, with the text wherever a text can stand.
fn spans() -> impl Iterator<Item = Sketch> {
    places().flat_map(|(n, text)| {
        let of_all = |span: Sketch| IdentityField::ALL.iter().fold(span, |span, field| span.of(*field, text));
        [
            of_all(span(n, 0).named(text).agent(text).session(text).user(text).service(text)),
            of_all(span(n, 1).named(text).tool(text).with(field::TOOL_CALL_ID, text)).failing(text),
            of_all(span(n, 2).named(text).model(text)).with(field::PROVIDER, text).with(text, text),
        ]
    })
}

type Add<F> = fn(F, &str) -> F;

fn hostile_names_and_ids_are_found_as_what_they_are(world: &World) {
    let repository = world.with(spans());
    let traces: [(&str, Add<TraceFilter>); 12] = [
        ("run", |filter, text| filter.run(text)),
        ("session", |filter, text| filter.session(text)),
        ("conversation", |filter, text| filter.conversation(text)),
        ("user", |filter, text| filter.user(text)),
        ("tool", |filter, text| filter.tool(text)),
        ("agent", |filter, text| filter.agent(text)),
        ("team", |filter, text| filter.team(text)),
        ("workflow", |filter, text| filter.workflow(text)),
        ("step", |filter, text| filter.step(text)),
        ("model", |filter, text| filter.model(text)),
        ("service", |filter, text| filter.service(text)),
        ("name", |filter, text| filter.name(text)),
    ];
    let of_spans: [(&str, Add<SpanFilter>); 6] = [
        ("session", |filter, text| filter.session(text)),
        ("user", |filter, text| filter.user(text)),
        ("tool", |filter, text| filter.tool(text)),
        ("agent", |filter, text| filter.agent(text)),
        ("model", |filter, text| filter.model(text)),
        ("call", |filter, text| filter.call(text)),
    ];
    for (n, text) in places() {
        for (name, add) in traces {
            let page = repository.traces(&add(TraceFilter::new(), text)).unwrap();
            let found: Vec<u64> = page.iter().map(|trace| trace_number(trace.trace_id)).collect();
            assert_eq!(found, [n], "{name}:{text:?}");
        }
        for (name, add) in of_spans {
            let page = repository.spans(&add(SpanFilter::new(), text)).unwrap();
            assert!(!page.is_empty() && page.iter().all(|span| span.trace_id == trace_id(n)), "{name}:{text:?}");
        }
        let sessions = repository.sessions(&SessionFilter::new().user(text)).unwrap();
        assert_eq!(sessions.iter().map(|session| session.trace_count).collect::<Vec<_>>(), [1], "{text:?}");
        assert_eq!(repository.session(text).unwrap().trace_count, 1, "{text:?}");
        // Any text between others finds at most what has it.
        assert!(repository.traces(&TraceFilter::new().text(text)).is_ok(), "{text:?}");
        let agents = StatsQuery::spans(SpanFilter::new().agent(text)).group_by(Group::Agent);
        assert_eq!(repository.stats(&agents).unwrap().len(), 1, "{text:?}");
    }
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), HOSTILE.len() as u64);
}

fn hostile_texts_in_the_filter_language_find_what_they_name(world: &World) {
    let repository = world.with(spans());
    let words = [
        "run",
        "session",
        "conversation",
        "user",
        "tool",
        "agent",
        "team",
        "workflow",
        "step",
        "model",
        "service",
        "name",
    ];
    for (n, text) in places() {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        for word in words {
            let filter: TraceFilter = format!("{word}:\"{quoted}\"").parse().unwrap();
            let page = repository.traces(&filter).unwrap();
            let found: Vec<u64> = page.iter().map(|trace| trace_number(trace.trace_id)).collect();
            assert_eq!(found, [n], "{filter}");
        }
        // As it comes, it is a filter or a clear refusal, and never a statement.
        for filter in [text.to_owned(), format!("agent:{text}"), format!("{text}:x"), format!("duration>{text}")] {
            match filter.parse::<TraceFilter>() {
                Ok(filter) => assert!(repository.traces(&filter).is_ok(), "{filter}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}"),
            }
        }
    }
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), HOSTILE.len() as u64);
}

fn hostile_cursors_are_refused_or_harmless(world: &World) {
    let repository = world.with(spans());
    let before = dump(&world.database);
    for (_, text) in places() {
        assert!(text.parse::<Cursor>().is_err(), "{text:?}");
        let bytes: Vec<u8> = at(5).to_be_bytes().into_iter().chain(text.bytes()).collect();
        let cursor: Cursor = URL_SAFE_NO_PAD.encode(bytes).parse().unwrap();
        let answers = [
            repository.traces(&TraceFilter::new().after(cursor.clone())).map(drop),
            repository.spans(&SpanFilter::new().after(cursor.clone())).map(drop),
            repository.sessions(&SessionFilter::new().after(cursor)).map(drop),
        ];
        for answer in answers {
            assert!(answer.is_ok() || answer.is_err_and(|error| error.kind() == ErrorKind::InvalidInput), "{text:?}");
        }
    }
    assert_same(&dump(&world.database), &before, "after hostile cursors");
}

fn hostile_ids_delete_nothing_else(world: &World) {
    let repository = world.with(spans());
    for (n, text) in places() {
        assert_eq!(repository.delete_traces(&[trace_id(n)]).unwrap(), 1, "{text:?}");
        assert_eq!(repository.find_session(text).unwrap(), None, "{text:?}");
        let left = HOSTILE.len() as u64 - n - 1;
        assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), left, "{text:?}");
    }
    assert_eq!(dump(&world.database), Vec::<String>::new());
}
