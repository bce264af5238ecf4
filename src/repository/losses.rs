//! What was refused and lost, what is kept as a dead letter, and what is missing.

use std::collections::BTreeMap;

use super::details::read_process;
use super::statements::{LossKey, ask, ask_each};
use super::{cursor, not_found};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Account, Cursor, DeadLetterEntry, Loss, LossReason, Page, ProcessId, SpanId, SpanRecord, TraceId, UnknownWord,
};
use crate::store::rows::{DeadLetterPartRow, DeadLetterRow, LossRow, ProcessRow, SettledRow};
use crate::store::{AnyConnection, Failure, Numbers};
use crate::wire;

/// Items of one page at most.
const MAX_PAGE: u32 = 1_000;
/// Gaps that an account names.
const MAX_GAPS: usize = 100;

/// The account of a process, if it ever wrote.
pub(super) async fn account(connection: &mut AnyConnection, id: ProcessId) -> Result<Option<Account>, Failure> {
    let process = id.as_bytes().to_vec();
    let mut rows: Vec<ProcessRow> = ask!(connection, statements => statements::losses::process(process.clone()))?;
    let Some(row) = rows.pop() else { return Ok(None) };
    let mut numbers = Numbers::default();
    ask_each!(connection, statements => statements::losses::settled(process.clone()), row: SettledRow => {
        numbers.add_row(&row)?;
    });
    let mut losses = BTreeMap::new();
    let mut accepted = numbers.last().map_or(0, |last| last.saturating_add(1));
    ask_each!(connection, statements => statements::losses::losses_of(process.clone()), row: LossRow => {
        let loss = read_loss(row)?;
        accepted = accepted.max(loss.accepted);
        let sum: &mut u64 = losses.entry(loss.reason).or_default();
        *sum = sum.saturating_add(loss.count);
    });
    let letters: Vec<i64> = ask!(connection, statements => statements::losses::count_letters(process))?;
    let after_acceptance = losses.iter().filter(|(reason, _)| reason.is_after_acceptance());
    Ok(Some(Account {
        process: read_process(row)?,
        accepted,
        settled: numbers.count(),
        lost: after_acceptance.fold(0, |sum, (_, count)| sum.saturating_add(*count)),
        losses,
        dead_letters: letters.first().map_or(0, |count| unsigned(*count)),
        gaps: numbers.gaps().take(MAX_GAPS).collect(),
    }))
}

/// A page of losses, the latest first.
pub(super) async fn losses(
    connection: &mut AnyConnection,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<Loss>, Failure> {
    let after = after.map(key_of).transpose()?;
    let most = limit.clamp(1, MAX_PAGE);
    let wanted = i64::from(most) + 1;
    let rows: Vec<LossRow> = ask!(connection, statements => statements::losses::losses(after, wanted))?;
    Ok(page(rows, most, |row| (row.to_ns, &row.process_id, row.number), read_loss)?)
}

/// A page of dead letters, the latest first.
pub(super) async fn dead_letters(
    connection: &mut AnyConnection,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<DeadLetterEntry>, Failure> {
    let after = after.map(key_of).transpose()?;
    let most = limit.clamp(1, MAX_PAGE);
    let wanted = i64::from(most) + 1;
    let rows: Vec<DeadLetterRow> = ask!(connection, statements => statements::losses::letters(after, wanted))?;
    Ok(page(rows, most, |row| (row.time_ns, &row.process_id, row.sequence), read_letter)?)
}

/// The span of a dead letter. Its payload is read part by part: a server, too, has it in pieces only.
pub(super) async fn dead_letter(
    connection: &mut AnyConnection,
    process: ProcessId,
    sequence: u64,
) -> Result<SpanRecord, Failure> {
    let what = format!("dead letter {sequence} of process {process}");
    let Ok(number) = i64::try_from(sequence) else { return Err(not_found(&what).into()) };
    let id = process.as_bytes().to_vec();
    let mut rows: Vec<DeadLetterRow> = ask!(connection, statements => statements::losses::letter(id.clone(), number))?;
    let row = rows.pop().ok_or_else(|| not_found(&what))?;
    if row.payload_bytes == 0 {
        return Err(not_found(&format!("the content of {what}, which could not be read when it was given up,")).into());
    }
    let mut payload = Vec::new();
    for part in 0.. {
        let mut parts: Vec<DeadLetterPartRow> =
            ask!(connection, statements => statements::losses::part(id.clone(), number, part))?;
        let Some(mut part) = parts.pop() else { break };
        payload.append(&mut part.payload);
    }
    if payload.len() as u64 != unsigned(row.payload_bytes) {
        return Err(Error::new(ErrorKind::Decode, format!("{what} is not whole: another program changed it")).into());
    }
    let mut records = wire::decode(&payload)?;
    Ok(records.pop().ok_or_else(|| Error::new(ErrorKind::Decode, format!("{what} holds no span")))?)
}

/// As many rows as were asked for, and where the next page begins if there is one more.
fn page<R, T>(
    mut rows: Vec<R>,
    limit: u32,
    key: impl Fn(&R) -> (i64, &Vec<u8>, i64),
    read: impl Fn(R) -> Result<T>,
) -> Result<Page<T>> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > most;
    rows.truncate(most);
    let next = rows.last().filter(|_| has_more).map(|last| {
        let (time_ns, process, number) = key(last);
        Cursor { time_ns, id: [process.as_slice(), &number.to_be_bytes()].concat() }
    });
    Ok(Page { items: rows.into_iter().map(read).collect::<Result<_>>()?, next })
}

fn key_of(cursor: &Cursor) -> Result<LossKey> {
    let (process, number) = cursor.id.split_last_chunk::<8>().ok_or_else(cursor::refused)?;
    if process.len() != 16 {
        return Err(cursor::refused());
    }
    Ok((cursor.time_ns, process.to_vec(), i64::from_be_bytes(*number)))
}

fn read_loss(row: LossRow) -> Result<Loss> {
    Ok(Loss {
        process: process_of(&row.process_id)?,
        number: unsigned(row.number),
        reason: row.reason.parse::<LossReason>().map_err(|word| unreadable(&word))?,
        count: unsigned(row.span_count),
        accepted: unsigned(row.accepted_count),
        from_ns: row.from_ns,
        to_ns: row.to_ns,
    })
}

fn read_letter(row: DeadLetterRow) -> Result<DeadLetterEntry> {
    Ok(DeadLetterEntry {
        process: process_of(&row.process_id)?,
        sequence: unsigned(row.sequence),
        trace_id: row.trace_id.as_deref().and_then(TraceId::from_slice),
        span_id: row.span_id.as_deref().and_then(SpanId::from_slice),
        name: row.name,
        reason: row.reason.parse().map_err(|word: UnknownWord| unreadable(&word))?,
        error: row.error,
        time_ns: row.time_ns,
        payload_bytes: unsigned(row.payload_bytes),
    })
}

fn process_of(bytes: &[u8]) -> Result<ProcessId> {
    ProcessId::from_slice(bytes)
        .ok_or_else(|| Error::new(ErrorKind::Decode, "the database holds a process id that is not 16 bytes long"))
}

fn unreadable(word: &UnknownWord) -> Error {
    Error::new(ErrorKind::Decode, format!("{word}; a newer version may have written it"))
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
