//! Content in little room. What is large is stored once: what many spans repeat, as each turn of a conversation repeats all before it, stands in the table
//! `content_parts`, each part under the hash of its bytes, and the spans' rows hold the names.
//!
//! [`pack`] compresses a row's columns (`frame`) and cuts large ones into parts (`cut`, `split`, `entry`), outside of any transaction. [`keep`](keep::keep) writes the parts that
//! are not stored yet, in the batch's transaction. [`make_whole`] puts a row together again, so that whoever reads one sees the content
//! as it was. [`PartSweep`] deletes the parts that no span needs any more. A row below [`INLINE_BYTES`](split::INLINE_BYTES) a column has no parts.
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
mod frame;
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
pub(crate) use whole::{make_whole, make_whole_if_possible, whole_columns, whole_particulars};

use super::convert::ENCODING;
use super::rows::ContentRow;

/// The form of a row in `span_contents` of which columns stand in parts.
pub(crate) const SHARED: &str = "parts";
/// The form of a row of which columns are compressed.
pub(crate) const COMPRESSED: &str = "zstd";
/// The form of a row of which columns are compressed, or stand in parts that may be.
pub(crate) const COMPRESSED_PARTS: &str = "zstd-parts";
/// The forms of rows that may need parts.
pub(crate) const WITH_PARTS: [&str; 2] = [SHARED, COMPRESSED_PARTS];
/// The forms of rows that this version reads.
pub(crate) const READABLE: [&str; 4] = [ENCODING, SHARED, COMPRESSED, COMPRESSED_PARTS];

/// Names of parts in one statement.
const NAMES_A_QUERY: usize = 500;

/// Compresses the columns of a row, if that is wanted, and cuts the large ones into parts. What the row holds then follows from what it
/// held, and from nothing else.
pub(crate) fn pack(row: &mut ContentRow, is_compressed: bool) -> Parts {
    let mut parts = Parts::new(is_compressed);
    let verbatim = row.verbatim.as_ref().map_or(0, Vec::len);
    let is_large = row.attributes.len().max(row.events.len()).max(verbatim) > split::INLINE_BYTES;
    let form = match (is_compressed, is_large) {
        (false, false) => return parts,
        (false, true) => SHARED,
        (true, false) => COMPRESSED,
        (true, true) => COMPRESSED_PARTS,
    };
    if row.encoding != ENCODING {
        return parts;
    }
    form.clone_into(&mut row.encoding);
    for column in [&mut row.attributes, &mut row.events].into_iter().chain(&mut row.verbatim) {
        *column = parts.split(column);
    }
    if is_compressed {
        row.extra = parts.inline(&row.extra);
    }
    parts
}
