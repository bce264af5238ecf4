//! Texts that are being made: bounded, cut where a character ends, and safe from what a value's `Debug` may do.

use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::model::cut_marker;

/// What stands for a value whose `Debug` or `Display` panicked.
pub(super) const PANICKED: &str = "<panicked while formatting>";

/// How far an error's sources are followed: a chain can be a circle.
const MAX_SOURCES: usize = 32;

/// Writes a text of at most `limit` bytes to the end of `arena`, and answers how many bytes of it were cut.
///
/// `write` may run a user's code: it must not be called with a lock held, because that code may trace. A panic in it ends here.
pub(super) fn format(arena: &mut Vec<u8>, limit: usize, write: impl FnOnce(&mut dyn Write) -> fmt::Result) -> u64 {
    let start = arena.len();
    let mut out = Bounded { arena, room: limit, cut: 0 };
    let formatting = Formatting::begin();
    let outcome = catch_unwind(AssertUnwindSafe(|| write(&mut out)));
    drop(formatting);
    // A failed `fmt` keeps what it wrote: there is nobody to tell.
    if outcome.is_err() {
        out.arena.truncate(start);
        out.arena.extend_from_slice(PANICKED.as_bytes());
        out.cut = 0;
    }
    let cut = out.cut;
    if cut > 0 {
        arena.extend_from_slice(cut_marker(cut).as_bytes());
    }
    cut
}

thread_local! {
    /// How many values are being formatted on this thread, one within the other.
    static FORMATTING: Cell<u32> = const { Cell::new(0) };
}

/// Whether a panic on this thread would be one of a value that is being formatted, and so end here.
pub(crate) fn is_formatting() -> bool {
    FORMATTING.try_with(|depth| depth.get() > 0).unwrap_or(false)
}

/// A value is being formatted.
struct Formatting;

impl Formatting {
    fn begin() -> Self {
        // A thread that is ending has no place for it any more, and nobody who asks.
        let _ = FORMATTING.try_with(|depth| depth.set(depth.get() + 1));
        Self
    }
}

impl Drop for Formatting {
    fn drop(&mut self) {
        let _ = FORMATTING.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}

/// An error and its sources, joined by `: `. A source that its error's own text already names is not repeated.
pub(super) fn write_error_chain(out: &mut dyn Write, error: &(dyn Error + 'static)) -> fmt::Result {
    let mut last = error.to_string();
    out.write_str(&last)?;
    let mut source = error.source();
    for _ in 0..MAX_SOURCES {
        let Some(error) = source else { break };
        let text = error.to_string();
        if !last.contains(&text) {
            write!(out, ": {text}")?;
            last = text;
        }
        source = error.source();
    }
    Ok(())
}

/// Keeps the first `room` bytes and counts the rest, so that a value of any length costs bounded memory.
struct Bounded<'a> {
    arena: &'a mut Vec<u8>,
    room: usize,
    cut: u64,
}

impl Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let kept = if self.cut > 0 { 0 } else { text.floor_char_boundary(self.room) };
        self.arena.extend_from_slice(text.as_bytes().get(..kept).unwrap_or_default());
        self.room -= kept;
        self.cut += (text.len() - kept) as u64;
        Ok(())
    }
}
