//! One bad span among 512: values that databases choke on are stored like any others, and what a database refuses all the same costs
//! itself and nothing else.

use tracing_agents::TraceFilter;
use tracing_agents::model::{DeadLetterReason, Event, SpanRecord, StatusCode, Value};

use crate::database::Dialect;
use crate::sketch::{span, span_id, trace_id};
use crate::world::{World, Writer};

crate::cases!(
    values_that_databases_choke_on_are_stored_whole_among_others,
    a_span_that_the_database_refuses_is_a_dead_letter_and_the_others_are_stored
);

/// Spans that are written together.
const BATCH: u64 = 512;
/// Where the bad one stands among them.
const PLACES: [u64; 3] = [0, BATCH / 2, BATCH - 1];

/// Each does what some database or driver has lost spans by.
type Poison = (&'static str, fn(&mut SpanRecord));

fn put(record: &mut SpanRecord, value: impl Into<Value>) {
    record.attributes.push("input.value", value);
}

/// JSON of so many lists in each other.
fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

const POISONS: [Poison; 19] = [
    ("a NUL", |record| put(record, "a\0b")),
    ("a NUL, escaped in JSON", |record| put(record, r#"{"a":"\u0000"}"#)),
    ("half a surrogate pair in JSON", |record| put(record, r#"{"a":"\ud800"}"#)),
    ("JSON as deep as one database takes", |record| put(record, nested(100))),
    ("JSON that is deeper than any takes", |record| put(record, nested(20_000))),
    ("a number beyond a double, in JSON", |record| put(record, r#"{"a":1e400}"#)),
    ("what is no number", |record| put(record, f64::NAN)),
    ("an infinite number", |record| put(record, f64::NEG_INFINITY)),
    ("the largest number", |record| put(record, Value::U128(u128::MAX))),
    ("bytes that are no text", |record| put(record, vec![0_u8, 0xff, 0xc3, 0x28])),
    ("four bytes a character", |record| record.name = "\u{1f4a3}".repeat(300)),
    ("controls and overrides", |record| record.name = "\u{1}\u{7f}\u{9b}\u{202e}\u{feff}".to_owned()),
    ("a NUL in the name and in the status", |record| {
        record.name = "\0".to_owned();
        (record.status.code, record.status.message) = (StatusCode::Error, "\0\0".to_owned());
    }),
    ("a name longer than any index takes", |record| record.name = "n".repeat(100_000)),
    ("a key longer than any index takes, and none", |record| {
        record.attributes.push("k".repeat(70_000), "v");
        record.attributes.push(String::new(), "v");
    }),
    ("times at the ends of all time", |record| (record.start_ns, record.end_ns) = (i64::MIN, Some(i64::MAX))),
    ("an id longer than a column", |record| record.attributes.push("session.id", "s\0".repeat(5_000))),
    ("events by the thousand", |record| {
        let event = Event {
            name: "\0".to_owned(),
            time_ns: i64::MIN,
            attributes: tracing_agents::model::Attributes::new(),
            dropped_attributes: u32::MAX,
            callsite: None,
        };
        record.events = vec![event; 5_000];
    }),
    ("a text larger than a packet", |record| put(record, "x".repeat(17 << 20))),
];

/// A batch of which one span is bad.
fn batch(number: u64, place: u64, poison: fn(&mut SpanRecord)) -> impl Iterator<Item = SpanRecord> {
    (0..BATCH).map(move |index| {
        let mut record: SpanRecord = span(number, index).into();
        if index == place {
            poison(&mut record);
        }
        record
    })
}

/// Writes it as one batch.
fn write(writer: &Writer, number: u64, place: u64, poison: fn(&mut SpanRecord)) {
    let inlet = writer.0.inlet();
    let (told, tells) = std::sync::mpsc::channel();
    let records = batch(number, place, poison).collect();
    inlet.deliver(records, move |receipt| drop(told.send(receipt))).unwrap();
    let receipt = tells.recv_timeout(crate::world::PATIENCE).unwrap();
    assert_eq!(receipt.stored + receipt.left_out.len() as u64, BATCH, "{receipt:?}");
}

fn values_that_databases_choke_on_are_stored_whole_among_others(world: &World) {
    let writer = world.writer();
    let cases = || POISONS.iter().flat_map(|poison| PLACES.map(|place| (poison, place))).zip(0_u64..);
    for (((name, poison), place), number) in cases() {
        write(&writer, number, place, *poison);
        let health = writer.0.health();
        let stored = (health.stored, health.dead_lettered.total());
        assert_eq!(stored, ((number + 1) * BATCH, 0), "{name} at {place}: {health:?}");
    }
    let repository = world.repository();
    for (((name, _), _), number) in cases() {
        assert_eq!(repository.trace(trace_id(number)).unwrap().trace.span_count, BATCH, "{name}");
    }
}

fn a_span_that_the_database_refuses_is_a_dead_letter_and_the_others_are_stored(world: &World) {
    let writer = world.writer();
    writer.write([span(99, 0)]);
    refuse(world);
    for (place, number) in PLACES.into_iter().zip(0_u64..) {
        write(&writer, number, place, |record| record.name = "refused".to_owned());
        let health = writer.0.health();
        let (stored, letters) = (1 + (number + 1) * (BATCH - 1), number + 1);
        assert_eq!((health.stored, health.dead_lettered.poison), (stored, letters), "{place}: {health:?}");
        assert!(health.adds_up() && !health.degraded, "{health:?}");
    }
    let repository = world.repository();
    let letters = repository.dead_letters(None, 100).unwrap();
    assert_eq!(letters.items.len(), PLACES.len());
    for (place, number) in PLACES.into_iter().zip(0_u64..) {
        let letter = letters.items.iter().find(|letter| letter.trace_id == Some(trace_id(number))).unwrap();
        assert_eq!((letter.span_id, letter.reason), (Some(span_id(place)), DeadLetterReason::Poison));
        assert!(!letter.error.is_empty());
        assert_eq!(repository.trace(trace_id(number)).unwrap().trace.span_count, BATCH - 1);
    }
    assert_eq!(repository.traces(&TraceFilter::new()).unwrap().items.len(), 1 + PLACES.len());
}

/// Has the database refuse spans of a name, in a way that this crate cannot know of.
fn refuse(world: &World) {
    let statement = match world.database.dialect() {
        Dialect::Sqlite => {
            "CREATE TRIGGER refusal BEFORE INSERT ON spans WHEN NEW.name = 'refused' BEGIN SELECT RAISE(ABORT, 'no'); END"
        }
        Dialect::Postgres => "ALTER TABLE spans ADD CONSTRAINT refusal CHECK (name <> 'refused')",
        Dialect::Mysql => "ALTER TABLE spans ADD CONSTRAINT refusal CHECK (name <> 'refused')",
    };
    world.database.sql().execute(statement);
}
