//! Putting rows together again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::entry::{Column, Entry, Name, entries, names};
use super::split::MAX_DEPTH;
use super::{COMPRESSED, COMPRESSED_PARTS, NAMES_A_QUERY, READABLE, SHARED, frame};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{SpanId, TraceId};
use crate::store::connection::{AnyConnection, load};
use crate::store::convert::ENCODING;
use crate::store::rows::ContentRow;
use crate::store::{Failure, content};

/// A column that says it is longer is not believed: no row that is written comes near it. It also bounds what a frame may become.
const MAX_LENGTH: u64 = 64 * 1024 * 1024;
/// A compressed part that says it is longer is not believed.
const MAX_PART: u64 = 64 * 1024;
/// Bytes of lists that are read beyond the bytes that they stand for.
const MAX_LISTS: u64 = 1024 * 1024;

/// A part's day and name.
type Key = (i32, Name);

/// Parts that were read, and whether each is a list.
pub(super) type Known = HashMap<Key, (bool, Vec<u8>)>;

/// Gives rows their content back. Those of another form, older or newer, stay as they are.
///
/// # Errors
/// [`ErrorKind::Decode`] names the span of which something is missing or damaged.
pub(crate) async fn make_whole(connection: &mut AnyConnection, rows: &mut [ContentRow]) -> Result<(), Failure> {
    fill(connection, rows, true).await
}

/// The same for those who can do without: a row that cannot be put together stays as it is, and so is of a form that tells nothing.
pub(crate) async fn make_whole_if_possible(
    connection: &mut AnyConnection,
    rows: &mut [ContentRow],
) -> Result<(), Failure> {
    fill(connection, rows, false).await
}

async fn fill(connection: &mut AnyConnection, rows: &mut [ContentRow], is_strict: bool) -> Result<(), Failure> {
    let packed = rows.iter_mut().filter(|row| row.encoding != ENCODING && READABLE.contains(&row.encoding.as_str()));
    let mut packed: Vec<&mut ContentRow> = packed.collect();
    if packed.is_empty() {
        return Ok(());
    }
    let columns = packed.iter_mut().flat_map(|row| {
        let day = row.start_day;
        packed_columns(row).map(move |column| (day, &**column))
    });
    let mut whole = whole_columns(connection, &columns.collect::<Vec<_>>()).await?.into_iter();
    for row in &mut packed {
        let count = packed_columns(row).count();
        match whole.by_ref().take(count).collect::<Result<Vec<_>, _>>() {
            Ok(contents) => {
                packed_columns(row).zip(contents).for_each(|(column, content)| *column = content);
                ENCODING.clone_into(&mut row.encoding);
            }
            Err(what) if is_strict => return Err(unreadable(row, &what).into()),
            Err(_) => {}
        }
    }
    Ok(())
}

/// The columns of a packed row that begin with what they hold, always in the same order.
fn packed_columns(row: &mut ContentRow) -> impl Iterator<Item = &mut Vec<u8>> {
    let is_compressed = [COMPRESSED, COMPRESSED_PARTS].contains(&row.encoding.as_str());
    let extra = is_compressed.then_some(&mut row.extra);
    [&mut row.attributes, &mut row.events].into_iter().chain(extra).chain(&mut row.verbatim)
}

/// The particulars of a row of this form, unless they are damaged.
pub(crate) fn whole_particulars(form: &str, extra: Vec<u8>) -> Option<Vec<u8>> {
    if [ENCODING, SHARED].contains(&form) {
        return Some(extra);
    }
    match Column::read(&extra)? {
        Column::Inline(content) => Some(content.to_vec()),
        Column::Compressed(frame) => frame::decompress(frame, MAX_LENGTH).ok(),
        Column::Shared(..) => None,
    }
}

fn unreadable(row: &ContentRow, what: &str) -> Error {
    let trace = TraceId::from_slice(&row.trace_id).map(|id| id.to_string()).unwrap_or_default();
    let span = SpanId::from_slice(&row.span_id).map(|id| id.to_string()).unwrap_or_default();
    Error::new(
        ErrorKind::Decode,
        format!(
            "the content of span {span} of trace {trace} cannot be put together: {what}; another program or a fault of the disk \
             changed the tables span_contents or content_parts: bring them back from a backup, or delete the trace"
        ),
    )
}

/// The content of columns as rows of this form hold them, each with its day, or what is wrong with it: level by level of the
/// lists, for all columns together.
pub(crate) async fn whole_columns(
    connection: &mut AnyConnection,
    columns: &[(i32, &[u8])],
) -> Result<Vec<Result<Vec<u8>, String>>, Failure> {
    let read: Vec<(i32, Option<Column<'_>>)> =
        columns.iter().map(|(day, column)| (*day, Column::read(column).filter(is_believable))).collect();
    let mut known = Known::new();
    let mut wanted: BTreeMap<i32, BTreeSet<Name>> = BTreeMap::new();
    let mut left = MAX_LISTS;
    for (day, column) in &read {
        if let Some(column) = column {
            wanted.entry(*day).or_default().extend(column.names().map(|(name, _)| name));
            left += column.length().saturating_mul(2);
        }
    }
    for _ in 0..=MAX_DEPTH {
        let mut below: BTreeMap<i32, BTreeSet<Name>> = BTreeMap::new();
        for (day, names_of_day) in wanted {
            for (name, (is_list, bytes)) in fetch(connection, day, &names_of_day).await? {
                // More than the columns are long: they lie, and say so when they are put together.
                let Some(rest) = left.checked_sub(bytes.len() as u64) else { continue };
                left = rest;
                if is_list {
                    let entries = entries(&bytes).unwrap_or_default();
                    let unknown =
                        names(&entries).map(|(name, _)| name).filter(|name| !known.contains_key(&(day, *name)));
                    below.entry(day).or_default().extend(unknown);
                }
                known.insert((day, name), (is_list, bytes));
            }
        }
        wanted = below;
    }
    let whole = read.into_iter().map(|(day, column)| match column {
        None => Err("what stands in its row cannot be understood".to_owned()),
        Some(Column::Inline(content)) => Ok(content.to_vec()),
        Some(Column::Compressed(frame)) => frame::decompress(frame, MAX_LENGTH),
        Some(Column::Shared(length, entries)) => Joining::of(&known, day, length).join(&entries),
    });
    Ok(whole.collect())
}

fn is_believable(column: &Column<'_>) -> bool {
    column.length() <= MAX_LENGTH
}

impl Column<'_> {
    /// How long the content is that stands elsewhere.
    const fn length(&self) -> u64 {
        match self {
            Self::Inline(_) | Self::Compressed(_) => 0,
            Self::Shared(length, _) => *length,
        }
    }
}

/// Some parts of a day. One whose bytes are not those that its name stands for is none.
async fn fetch(
    connection: &mut AnyConnection,
    day: i32,
    wanted: &BTreeSet<Name>,
) -> Result<Vec<(Name, (bool, Vec<u8>))>, Failure> {
    let wanted: Vec<Vec<u8>> = wanted.iter().map(|name| name.as_bytes().to_vec()).collect();
    let mut found = Vec::with_capacity(wanted.len());
    for some in wanted.chunks(NAMES_A_QUERY) {
        let some = some.to_vec();
        let rows: Vec<(Vec<u8>, bool, Vec<u8>)> =
            load!(connection, statements in content::statements => statements::parts(day, some))?;
        found.extend(rows.into_iter().filter_map(|(digest, is_list, bytes)| {
            let name = Name::from_slice(&digest)?;
            Some((name, (is_list, whole_part(name, is_list, bytes)?)))
        }));
    }
    Ok(found)
}

/// The content of a part, which may stand there as it is or as a frame: its name tells.
fn whole_part(name: Name, is_list: bool, bytes: Vec<u8>) -> Option<Vec<u8>> {
    if frame::is_frame(&bytes)
        && let Ok(content) = frame::decompress(&bytes, MAX_PART)
        && name == Name::of(is_list, &content)
    {
        return Some(content);
    }
    (name == Name::of(is_list, &bytes)).then_some(bytes)
}

/// A content on its way.
pub(super) struct Joining<'a> {
    known: &'a Known,
    day: i32,
    content: Vec<u8>,
    length: usize,
}

impl<'a> Joining<'a> {
    pub(super) fn of(known: &'a Known, day: i32, length: u64) -> Self {
        Self { known, day, content: Vec::new(), length: usize::try_from(length).unwrap_or(usize::MAX) }
    }

    pub(super) fn join(mut self, entries: &[Entry<'_>]) -> Result<Vec<u8>, String> {
        self.add_all(entries, 0)?;
        if self.content.len() == self.length { Ok(self.content) } else { Err(self.wrong_length()) }
    }

    fn add_all(&mut self, entries: &[Entry<'_>], depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err("its lists are too deep".to_owned());
        }
        entries.iter().try_for_each(|entry| match entry {
            Entry::Literal(bytes) => self.add(bytes),
            Entry::Part(name) => self.add(self.find(name, false)?),
            Entry::List(name) => {
                let bytes = self.find(name, true)?;
                let entries = self::entries(bytes).filter(|entries| !entries.is_empty());
                self.add_all(&entries.ok_or_else(|| format!("the list {name} cannot be understood"))?, depth + 1)
            }
        })
    }

    fn find(&self, name: &Name, is_list: bool) -> Result<&'a [u8], String> {
        match self.known.get(&(self.day, *name)) {
            Some((stored, bytes)) if *stored == is_list && !bytes.is_empty() => Ok(bytes),
            _ => Err(format!("the part {name} of day {} is missing or damaged", self.day)),
        }
    }

    /// Every step adds something, so a content that never ends is noticed after its length.
    fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.content.len() + bytes.len() > self.length {
            return Err(self.wrong_length());
        }
        self.content.extend_from_slice(bytes);
        Ok(())
    }

    fn wrong_length(&self) -> String {
        format!("its parts are not the {} bytes that they should be", self.length)
    }
}
