//! Content into parts: the pieces of a column, and lists of their names where those are many.
//!
//! A list ends behind a name of a certain pattern, so it is cut, as the content is, by what stands in it; and lists are listed in turn. What
//! has no end yet stays in the column. A history that grows by a message so costs that message and the open ends, which grow with the
//! logarithm of its length.

use std::collections::{BTreeMap, HashSet};

use super::cut;
use super::entry::{Column, Entry, Name};
use super::frame;

/// A column up to this size is not cut. Compressed, so much fits into a row of PostgreSQL and into half a page of SQLite.
pub(super) const INLINE_BYTES: usize = 4 * 1024;
/// Entries in a list.
const LEAST_LISTED: usize = 4;
const MOST_LISTED: usize = 64;
/// A column's entries are listed while they take more than this.
const SHORT: usize = 256;
/// What a part costs beside its bytes, about.
const BESIDE_BYTES: usize = 100;
/// How deep lists are listed: more than fifteen megabytes ever need.
pub(super) const MAX_DEPTH: usize = 8;

/// A part as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewPart {
    pub(super) is_list: bool,
    pub(super) bytes: Vec<u8>,
}

/// What columns of a row were cut into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(super) all: BTreeMap<Name, NewPart>,
    /// Those that the columns name themselves.
    pub(super) named: Vec<Name>,
    /// Whether what is stored is to be compressed.
    pub(super) is_compressed: bool,
}

/// Parts that are written together, each once.
#[derive(Debug, Default)]
pub(crate) struct PartNames<'a>(HashSet<(i32, &'a Name)>);

impl<'a> PartNames<'a> {
    /// Adds a row's; how much that is to be written.
    pub(crate) fn add(&mut self, day: i32, parts: &'a Parts) -> usize {
        let new = parts.all.iter().filter(|(name, _)| self.0.insert((day, *name)));
        new.map(|(_, part)| part.bytes.len() + BESIDE_BYTES).sum()
    }
}

impl Parts {
    /// Of a row whose content is compressed, or not.
    pub(super) fn new(is_compressed: bool) -> Self {
        Self { is_compressed, ..Self::default() }
    }

    /// A content that stands in its row, whatever its length.
    pub(super) fn inline(&self, content: &[u8]) -> Vec<u8> {
        let frame = if self.is_compressed { frame::compress(content) } else { None };
        frame.map_or_else(|| Column::Inline(content).write(), |frame| Column::Compressed(&frame).write())
    }

    fn add(&mut self, is_list: bool, bytes: &[u8]) -> Name {
        let name = Name::of(is_list, bytes);
        self.all.entry(name).or_insert_with(|| NewPart { is_list, bytes: bytes.to_vec() });
        name
    }

    /// What stands in the column in place of its content.
    pub(super) fn split(&mut self, content: &[u8]) -> Vec<u8> {
        if content.len() <= INLINE_BYTES {
            return self.inline(content);
        }
        let pieces = cut::pieces(content).into_iter();
        let entries = pieces.map(|piece| Entry::literal(piece).unwrap_or_else(|| Entry::Part(self.add(false, piece))));
        let entries = entries.collect();
        let column = Column::Shared(content.len() as u64, self.list(entries));
        self.named.extend(column.names().map(|(name, _)| name));
        column.write()
    }

    /// The same entries, of which most are in lists.
    fn list<'a>(&mut self, mut entries: Vec<Entry<'a>>) -> Vec<Entry<'a>> {
        let mut open_ends = Vec::new();
        for _ in 1..MAX_DEPTH {
            if entries.iter().map(Entry::size).sum::<usize>() <= SHORT {
                break;
            }
            let (mut lists, mut open) = (Vec::new(), Vec::new());
            for entry in entries {
                open.push(entry);
                let is_end = open.len() >= LEAST_LISTED && entry.name().is_some_and(|name| name.is_marked());
                if is_end || open.len() == MOST_LISTED {
                    let mut bytes = Vec::new();
                    open.drain(..).for_each(|entry| entry.write(&mut bytes));
                    lists.push(Entry::List(self.add(true, &bytes)));
                }
            }
            open_ends.push(open);
            entries = lists;
        }
        entries.extend(open_ends.into_iter().rev().flatten());
        entries
    }
}
