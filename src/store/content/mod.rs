//! Large content, stored once: what many spans repeat, as each turn of a conversation repeats all before it, stands in the table
//! `content_parts`, each part under the hash of its bytes, and the spans' rows hold the names.
//!
//! [`share`] cuts a row's columns into parts (`cut`, `split`, `entry`), outside of any transaction. [`keep`](keep::keep) writes those that
//! are not stored yet, in the batch's transaction. [`make_whole`] puts a row together again, so that whoever reads one sees the content
//! as it was. [`PartSweep`] deletes the parts that no span needs any more. A row below [`INLINE_BYTES`](split::INLINE_BYTES) a column has none of this.
//!
//! # Writers and sweeps
//!
//! Each day has its own parts, and one row in `content_days`, which says whether a sweep is at that day, and the sweep's number.
//! A writer holds that row, shared with other writers, until its transaction ends; a sweep takes it alone to begin and to end. So no
//! writer is under way when a sweep begins that does not know of it, and no clock and no waiting time is needed:
//!
//! - While no sweep is at the day, nothing is deleted there. A writer relies on what it finds, and of a list that it finds on all that is in it.
//! - While one is, a writer marks what it needs with the sweep's number (`kept_by`), all the way down, and writes what is missing with
//!   that mark. A sweep never deletes what has its mark, and asks for it in the statement that deletes: who comes first holds the row, and
//!   the other one waits and then sees it. A list with the mark was marked with all that is in it, by one transaction.
//! - A sweep deletes what neither has its mark nor is needed by a span that it found after it began. Spans of earlier writers are committed by
//!   then, and later writers mark. A span that goes meanwhile only keeps its parts until the next sweep.
//! - A sweep that dies leaves its day as one that is being swept: writers go on marking, which costs them statements and nothing else, and the next sweep
//!   of that day takes a new number. A sweep looks in each of its transactions whether the number is still its own, so of two the later one goes on.
//! - A list may outlive what was in it until the end of the sweep that deletes both; only then do writers rely on lists again.
//!
//! Locks are taken in the order traces, days, parts, sessions, within each in the order of the keys.

mod cut;
mod entry;
mod keep;
mod split;
mod statements;
mod sweep;
#[cfg(test)]
mod tests;
mod whole;

pub(crate) use keep::keep;
pub(crate) use split::{PartNames, Parts};
pub(crate) use sweep::{PartSweep, note_leftovers};
pub(crate) use whole::{make_whole, make_whole_if_possible, whole_columns};

use super::convert::ENCODING;
use super::rows::ContentRow;

/// The form of a row in `span_contents` of which columns stand in parts.
pub(crate) const SHARED: &str = "parts";

/// Names of parts in one statement.
const NAMES_A_QUERY: usize = 500;

/// Cuts the large columns of a row into parts, if it has any. What the row holds then follows from what it held, and from nothing else.
pub(crate) fn share(row: &mut ContentRow) -> Parts {
    let mut parts = Parts::default();
    let verbatim = row.verbatim.as_ref().map_or(0, Vec::len);
    if row.encoding != ENCODING || row.attributes.len().max(row.events.len()).max(verbatim) <= split::INLINE_BYTES {
        return parts;
    }
    SHARED.clone_into(&mut row.encoding);
    for column in [&mut row.attributes, &mut row.events].into_iter().chain(&mut row.verbatim) {
        *column = parts.split(column);
    }
    parts
}
