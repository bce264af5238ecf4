//! The spans that could not be stored although others could.

use std::io::Write as _;

use serde_json::Value;
use tracing_agents::insight::Printable;
use tracing_agents::model::DeadLetterEntry;
use tracing_agents::{ErrorKind, TraceRepository, wire};

use super::super::failure::Failure;
use super::super::json::time;
use super::super::output;
use super::super::table::{Side, Table};
use super::json;

/// Letters that are read at once.
const PAGE: u32 = 200;

/// Lists all of them, the latest first: as a table, as JSON, or as nothing but their spans.
pub(super) fn list(repository: &TraceRepository, as_json: bool, with_payload: bool) -> Result<(), Failure> {
    let mut out = output::stdout();
    let mut table = Table::new([
        ("TIME (UTC)", Side::Left),
        ("TRACE", Side::Left),
        ("SPAN", Side::Left),
        ("PROCESS", Side::Left),
        ("NUMBER", Side::Right),
        ("BYTES", Side::Right),
        ("REASON", Side::Left),
        ("NAME", Side::Left),
        ("ERROR", Side::Left),
    ]);
    let mut after = None;
    loop {
        let page = repository.dead_letters(after.as_ref(), PAGE)?;
        for letter in &page {
            if as_json {
                let mut object = json::letter(letter);
                let span = span(repository, letter)?.map(|span| serde_json::from_slice::<Value>(&span));
                object.insert("span".to_owned(), span.transpose().unwrap_or_default().unwrap_or_default());
                writeln!(out, "{}", Value::Object(object))?;
            } else if with_payload {
                if let Some(span) = span(repository, letter)? {
                    out.write_all(&span)?;
                    writeln!(out)?;
                }
            } else {
                table.push(row(letter));
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if !as_json && !with_payload {
        table.write(&mut out, output::columns())?;
    }
    out.flush()?;
    Ok(())
}

/// A letter's span as OTLP in JSON; `None` where it could not be read when it was given up.
fn span(repository: &TraceRepository, letter: &DeadLetterEntry) -> Result<Option<Vec<u8>>, Failure> {
    match repository.dead_letter(letter.process, letter.sequence) {
        Ok(record) => Ok(Some(wire::encode_json(&[record])?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn row(letter: &DeadLetterEntry) -> [String; 9] {
    [
        time(letter.time_ns),
        letter.trace_id.map(|id| id.to_string()).unwrap_or_default(),
        letter.span_id.map(|id| id.to_string()).unwrap_or_default(),
        letter.process.to_string(),
        letter.sequence.to_string(),
        letter.payload_bytes.to_string(),
        letter.reason.to_string(),
        Printable(&letter.name).to_string(),
        Printable(&letter.error).to_string(),
    ]
}
