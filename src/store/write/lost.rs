//! What did not become a stored span: losses, and dead letters with their payloads.

use diesel::prelude::*;
use diesel::result::QueryResult;

use crate::error::Result;
use crate::model::{DeadLetter, Loss};
use crate::store::column::{count, key_text, message_text};
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::rows::{DeadLetterPartRow, DeadLetterRow, LossRow};
use crate::store::schema::dead_letter_parts;
use crate::store::settled::Numbers;
use crate::store::{Failure, Store, dialect};

/// Bytes of a payload in one row: far below what any server takes in one packet by default.
const PART_BYTES: usize = 1024 * 1024;
/// Rows of this size in one transaction.
const PARTS_AT_ONCE: usize = 4;

/// Keeps what was refused and lost; told twice, it is there once.
pub(super) fn keep_losses(connection: &mut AnyConnection, losses: &[Loss]) -> Result<(), Failure> {
    let mut rows: Vec<LossRow> = losses.iter().map(loss_row).collect();
    rows.sort_unstable_by(|a, b| (&a.process_id, a.number).cmp(&(&b.process_id, b.number)));
    rows.dedup_by(|a, b| (&a.process_id, a.number) == (&b.process_id, b.number));
    Ok(dialect::put(connection, &rows.iter().collect::<Vec<_>>())?)
}

fn loss_row(loss: &Loss) -> LossRow {
    LossRow {
        process_id: loss.process.as_bytes().to_vec(),
        number: count(loss.number),
        reason: loss.reason.as_str().to_owned(),
        span_count: count(loss.count),
        accepted_count: count(loss.accepted),
        from_ns: loss.from_ns,
        to_ns: loss.to_ns,
    }
}

/// Keeps a dead letter: its payload piece by piece, in transactions of bounded size, then the row that says that it is whole. So a
/// letter that can be seen is complete, and one that was cut off is written over when it is told again.
pub(super) fn keep_dead_letter(store: &Store, letter: &DeadLetter) -> Result<()> {
    let (process_id, sequence) = (letter.process.as_bytes().to_vec(), count(letter.sequence));
    let parts: Vec<(i32, &[u8])> = (0..).zip(letter.payload.chunks(PART_BYTES)).collect();
    for parts in parts.chunks(PARTS_AT_ONCE) {
        let row = |(part, payload): &(i32, &[u8])| DeadLetterPartRow {
            process_id: process_id.clone(),
            sequence,
            part: *part,
            time_ns: letter.time_ns,
            payload: payload.to_vec(),
        };
        let rows: Vec<DeadLetterPartRow> = parts.iter().map(row).collect();
        store.write(|connection| Ok(dialect::put(connection, &rows.iter().collect::<Vec<_>>())?))?;
    }
    let row = DeadLetterRow {
        process_id,
        sequence,
        trace_id: letter.trace_id.map(|id| id.as_bytes().to_vec()),
        span_id: letter.span_id.map(|id| id.as_bytes().to_vec()),
        name: key_text(&letter.name),
        reason: letter.reason.as_str().to_owned(),
        error: message_text(&letter.error),
        time_ns: letter.time_ns,
        payload_bytes: count(letter.payload.len() as u64),
    };
    let settled = std::iter::once(letter.sequence).collect::<Numbers>().row(&row.process_id);
    store.write(|connection| {
        let parts = i32::try_from(parts.len()).unwrap_or(i32::MAX);
        forget_parts_from(connection, &row, parts)?;
        dialect::keep(connection, &settled.iter().collect::<Vec<_>>())?;
        Ok(dialect::put(connection, &[&row])?)
    })
}

/// Deletes the parts that an earlier telling of the letter had more than this one.
fn forget_parts_from(connection: &mut AnyConnection, row: &DeadLetterRow, part: i32) -> QueryResult<()> {
    let of_letter = dead_letter_parts::table
        .filter(dead_letter_parts::process_id.eq(&row.process_id))
        .filter(dead_letter_parts::sequence.eq(row.sequence))
        .filter(dead_letter_parts::part.ge(part));
    dispatch!(connection, concrete => diesel::delete(of_letter).execute(concrete).map(drop))
}
