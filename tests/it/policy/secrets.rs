//! 200 secrets in every encoding and every place: none of them is in the files of the database or the spool, in a dead letter, at another
//! sink, or with a receiver of OTLP.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use diesel::connection::SimpleConnection as _;
use tracing::info_span;
use tracing_agents::model::{
    Attributes, Event, IdentityField, InterpretedSpan, Link, LoggedEvent, Resource, Scope, SpanId, SpanRecord,
    SpanState, Status, StatusCode, TraceId, Value,
};
use tracing_agents::pipeline::Sink;
use tracing_agents::{AgentTracing, Builder, Redactor, Result, SpanExt, wire};
use tracing_subscriber::prelude::*;

use crate::encodings::{ENCODINGS, Secret, secrets};
use crate::support::{PATIENCE, connect, url_in};

/// So many numbers give 200 secrets.
const NUMBERS: u64 = 10;

/// What another sink is given, as it would be sent.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Vec<u8>>>);

impl Sink for Wire {
    fn name(&self) -> &str {
        "wire"
    }

    fn write(&mut self, spans: &[InterpretedSpan]) -> Result<()> {
        let records: Vec<SpanRecord> = spans.iter().map(|span| span.record.clone()).collect();
        self.0.lock().unwrap().extend(wire::encode(&records));
        Ok(())
    }

    fn probe(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Sends to a receiver of OTLP, and what it was sent.
#[cfg(feature = "otlp")]
fn over_otlp(builder: Builder) -> (Builder, impl Fn() -> Vec<u8>) {
    use crate::otlp::receiver::{any_port, ok, serve};
    use prost::Message as _;

    let (address, log) = serve(any_port(), |_| ok());
    let sent = move || log.all().iter().flat_map(|seen| seen.request.encode_to_vec()).collect::<Vec<_>>();
    (builder.otlp(format!("http://{address}")), sent)
}

#[cfg(not(feature = "otlp"))]
fn over_otlp(builder: Builder) -> (Builder, impl Fn() -> Vec<u8>) {
    (builder, Vec::new)
}

fn planted() -> Vec<Secret> {
    (0..NUMBERS).flat_map(secrets).collect()
}

/// Puts a text into one of a record's places.
fn plant(record: &mut SpanRecord, place: usize, key: String, text: String) {
    let event = |name: &str, attributes| Event {
        name: name.to_owned(),
        time_ns: 1,
        attributes,
        dropped_attributes: 0,
        callsite: None,
    };
    let one = |key: String, value: Value| {
        let mut attributes = Attributes::new();
        attributes.push(key, value);
        attributes
    };
    match place % 18 {
        0 => record.name += &format!(" {text}"),
        1 => record.status = Status { code: StatusCode::Error, message: text },
        2 => record.trace_state = text,
        3 => record.attributes.push(key, Value::Debug(format!("Some({text:?})"))),
        4 => record.attributes.push(key, Value::Error(text)),
        5 => record.attributes.push(key, text.into_bytes()),
        6 => record.attributes.push(key, vec![Value::from(text)]),
        7 => record.attributes.push(key, vec![("inner".to_owned(), Value::from(text))]),
        8 => record.attributes.push(key, vec![(text, Value::from("inner"))]),
        9 => record.attributes.push(key, serde_json::json!({ "a": [{ "b": text }] }).to_string()),
        10 => record.events.push(event(&text, Attributes::new())),
        11 => record.events.push(event("told", one(key, text.into()))),
        12 => {
            let mut link = Link::new(TraceId::from_bytes([9; 16]), SpanId::from_bytes([9; 8]));
            link.attributes = one(key, text.into());
            record.links.push(link);
        }
        13 => record.inherited.set(IdentityField::SessionId, text),
        14 => record.scope = Arc::new(Scope { name: text, ..Scope::default() }),
        15 => record.resource = Arc::new(Resource { attributes: one(key, text.into()), ..Resource::default() }),
        16 => record.attributes.push(format!("came.with.{text}"), "x"),
        _ => record.attributes.push(key, text),
    }
}

/// Plants all secrets through the layer, the inlet and as logged events, and reads back all bytes that left.
fn bytes_that_left(configure: impl FnOnce(Builder) -> Builder) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let wire = Wire::default();
    let (builder, sent) = over_otlp(AgentTracing::builder(&url_in(&folder)).compression(false).sink(wire.clone()));
    let tracing = configure(builder).open().unwrap();
    let inlet = tracing.inlet();
    // Nothing is stored yet, so that all of it waits in the spool.
    let mut other = connect(&folder.path().join("traces.db"));
    // And then some of it becomes dead letters.
    other
        .batch_execute(
            "CREATE TRIGGER refusal BEFORE INSERT ON spans WHEN hex(NEW.span_id) LIKE '00000000000000%5'
             BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let mut logged = Vec::new();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), || {
        for (number, secret) in (0_u64..).zip(planted()) {
            let trace_id = TraceId::from_bytes((u128::from(number) + 1).to_be_bytes());
            let mut record = SpanRecord::new(trace_id, SpanId::from_bytes((number + 1).to_be_bytes()), "span", 1);
            (record.end_ns, record.state) = (Some(2), SpanState::Closed);
            let span = info_span!("layer");
            for (how, (_, encode)) in ENCODINGS.iter().enumerate() {
                let text = encode(&secret.planted);
                let place = how + usize::try_from(number).unwrap();
                match place % 6 {
                    0 => {
                        span.record_attribute(format!("key.{how}"), text.as_str());
                    }
                    1 => span.in_scope(|| tracing::info!(detail = %text, "it was {text}")),
                    _ => {}
                }
                plant(&mut record, place, format!("key.{how}"), text);
            }
            let mut attributes = Attributes::new();
            attributes.push("content", secret.planted.as_str());
            let event = Event {
                name: "gen_ai.user.message".to_owned(),
                time_ns: 1,
                attributes,
                dropped_attributes: 0,
                callsite: None,
            };
            logged.push(LoggedEvent::new(record.trace_id, record.span_id, event));
            assert!(inlet.accept(record).is_ok());
        }
    });
    let begun = std::time::Instant::now();
    while tracing.health().queued > 0 {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let mut bytes = files_in(&folder.path().join("traces.db-spool"));
    assert!(bytes.len() > 100_000, "the spool has them, {} bytes", bytes.len());
    other.batch_execute("ROLLBACK").unwrap();
    drop(other);
    tracing.write_events(&logged).unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    let health = tracing.health();
    let refused = (1..=20 * NUMBERS).filter(|id| id % 16 == 5).count() as u64;
    assert_eq!((health.dropped.total(), health.dead_lettered.poison), (0, refused));
    assert_eq!(health.stored, 2 * 20 * NUMBERS - refused);
    assert_eq!(tracing.repository().dead_letters(None, 100).unwrap().items.len() as u64, refused);
    // While it is open, the newest of it is in the write-ahead log.
    bytes.extend(files_in(folder.path()));
    tracing.shutdown(PATIENCE).unwrap();
    bytes.extend(files_in(folder.path()));
    bytes.extend(wire.0.lock().unwrap().iter());
    let sent = sent();
    assert!(sent.len() > 200_000 || !cfg!(feature = "otlp"), "{} bytes were sent", sent.len());
    bytes.extend(sent);
    bytes
}

fn files_in(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.is_file()).flat_map(|file| std::fs::read(file).unwrap()).collect()
}

/// How many secrets can be found, in how many encodings; and an example.
fn found_in(bytes: &[u8]) -> (usize, Option<String>) {
    // By their first bytes, since there are thousands to look for.
    const HEAD: usize = 8;
    let mut needles: HashMap<[u8; HEAD], Vec<(Vec<u8>, &str)>> = HashMap::new();
    for secret in planted() {
        for (name, encode) in ENCODINGS {
            for needle in [encode(&secret.hidden), encode(&secret.planted)].map(String::into_bytes) {
                let head = *needle.first_chunk().unwrap();
                needles.entry(head).or_default().push((needle, name));
            }
        }
    }
    let mut hits: HashMap<&[u8], &str> = HashMap::new();
    for place in 0..bytes.len().saturating_sub(HEAD) {
        let rest = &bytes[place..];
        for (needle, name) in rest.first_chunk().and_then(|head| needles.get(head)).into_iter().flatten() {
            if rest.starts_with(needle) {
                hits.insert(needle, name);
            }
        }
    }
    let example = hits.iter().next().map(|(needle, name)| format!("{name}: {}", String::from_utf8_lossy(needle)));
    (hits.len(), example)
}

#[test]
fn of_200_secrets_in_every_encoding_and_place_none_reaches_a_disk_or_a_sink() {
    assert_eq!(planted().len(), 200);
    assert!(ENCODINGS.len() >= 20);
    let bytes = bytes_that_left(|builder| builder.redactor(Redactor::secrets()));
    assert_eq!(found_in(&bytes), (0, None));
    assert!(bytes.len() > 1_000_000, "spans are there, {} bytes", bytes.len());
}

#[test]
fn without_redaction_the_same_search_finds_them() {
    let (found, _) = found_in(&bytes_that_left(|builder| builder));
    assert!(found > 4_000, "{found}");
}

#[test]
fn where_the_programs_redactor_panics_the_span_is_stored_without_that_text() {
    let wire = Wire::default();
    let tracing = AgentTracing::builder("sqlite::memory:")
        .sink(wire.clone())
        .redact(|text, _| {
            assert!(!text.contains("hunter2"), "no");
            None
        })
        .open()
        .unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), || {
        info_span!("login", note = "it is hunter2", user = "ada");
    });
    tracing.force_flush(PATIENCE).unwrap();
    assert_eq!((tracing.health().stored, tracing.redactor_failures()), (1, 1));
    tracing.shutdown(PATIENCE).unwrap();
    let sent = String::from_utf8_lossy(&wire.0.lock().unwrap()).into_owned();
    assert!(sent.contains("ada") && sent.contains("the redactor failed") && !sent.contains("hunter2"), "{sent}");
}
