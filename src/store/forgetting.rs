//! Forgetting what was lost, when its time has come: dead letters, and the accounts of processes that are long gone.

use std::time::Duration;

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::Store;
use super::connection::{AnyConnection, dispatch};
use super::schema::{dead_letter_parts, dead_letters, losses, processes, settled_sequences};
use super::write::AnyOf;
use crate::error::Result;
use crate::model::time::{duration_ns, now_ns};

/// Parts of payloads deleted in one transaction: 32 MiB.
const MAX_PARTS: i64 = 32;
/// Dead letters, or processes, in one transaction.
const MAX_ROWS: i64 = 200;
/// A process that was heard of within this time may still run, and its account is needed.
const MIN_SILENCE: Duration = Duration::from_secs(24 * 60 * 60);

impl Store {
    /// Deletes some of the dead letters that were given up before a time in nanoseconds since 1970, or of the accounts of processes that
    /// were last heard of before another: their losses, the numbers of their spans, and themselves. Whether there may be more.
    pub(super) fn forget(&self, letters_before_ns: i64, silent_before_ns: i64) -> Result<bool> {
        // The letter first: one that can be seen is whole.
        if self.write(|connection| Ok(forget_letters(connection, letters_before_ns)?))?
            || self.write(|connection| Ok(forget_parts(connection, letters_before_ns)?))?
        {
            return Ok(true);
        }
        let silent_ns = silent_before_ns.min(now_ns().saturating_sub(duration_ns(MIN_SILENCE)));
        self.write(|connection| Ok(forget_processes(connection, silent_ns)?))
    }
}

/// Whether more may be left.
fn forget_letters(connection: &mut AnyConnection, before_ns: i64) -> QueryResult<bool> {
    dispatch!(connection, concrete => {
        let keys: Vec<(Vec<u8>, i64)> = dead_letters::table
            .select((dead_letters::process_id, dead_letters::sequence))
            .filter(dead_letters::time_ns.lt(before_ns))
            .order(dead_letters::time_ns)
            .limit(MAX_ROWS)
            .load(concrete)?;
        if keys.is_empty() {
            return Ok(false);
        }
        let of_keys: AnyOf<_> = keys
            .iter()
            .map(|(process, sequence)| dead_letters::process_id.eq(process).and(dead_letters::sequence.eq(sequence)))
            .collect();
        diesel::delete(dead_letters::table.filter(of_keys)).execute(concrete)?;
        Ok(true)
    })
}

fn forget_parts(connection: &mut AnyConnection, before_ns: i64) -> QueryResult<bool> {
    dispatch!(connection, concrete => {
        let keys: Vec<(Vec<u8>, i64, i32)> = dead_letter_parts::table
            .select((dead_letter_parts::process_id, dead_letter_parts::sequence, dead_letter_parts::part))
            .filter(dead_letter_parts::time_ns.lt(before_ns))
            .order(dead_letter_parts::time_ns)
            .limit(MAX_PARTS)
            .load(concrete)?;
        if keys.is_empty() {
            return Ok(false);
        }
        let of_keys: AnyOf<_> = keys
            .iter()
            .map(|(process, sequence, part)| {
                dead_letter_parts::process_id
                    .eq(process)
                    .and(dead_letter_parts::sequence.eq(sequence))
                    .and(dead_letter_parts::part.eq(part))
            })
            .collect();
        diesel::delete(dead_letter_parts::table.filter(of_keys)).execute(concrete)?;
        Ok(true)
    })
}

/// A process goes with its whole account: half of one would show spans as missing that were stored.
fn forget_processes(connection: &mut AnyConnection, before_ns: i64) -> QueryResult<bool> {
    dispatch!(connection, concrete => {
        let ids: Vec<Vec<u8>> = processes::table
            .select(processes::process_id)
            .filter(processes::heartbeat_ns.lt(before_ns))
            .limit(MAX_ROWS)
            .load(concrete)?;
        if ids.is_empty() {
            return Ok(false);
        }
        diesel::delete(losses::table.filter(losses::process_id.eq_any(&ids))).execute(concrete)?;
        let settled = settled_sequences::table.filter(settled_sequences::process_id.eq_any(&ids));
        diesel::delete(settled).execute(concrete)?;
        diesel::delete(processes::table.filter(processes::process_id.eq_any(&ids))).execute(concrete)?;
        Ok(true)
    })
}
