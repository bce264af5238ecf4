//! Writing the parts that are not stored yet, in the batch's transaction.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::entry::{Name, entries, names};
use super::frame;
use super::split::NewPart;
use super::{NAMES_A_QUERY, Parts};
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::dialect;
use crate::store::rows::{DayRow, PartRow};
use crate::store::schema::content_parts;

/// What a day's rows need.
#[derive(Default)]
struct Needed<'a> {
    all: BTreeMap<Name, &'a NewPart>,
    named: Vec<Name>,
    is_compressed: bool,
}

/// Stores what rows need, each with its day. Rows without parts cost no statement.
pub(crate) fn keep<'a>(
    connection: &mut AnyConnection,
    rows: impl IntoIterator<Item = (i32, &'a Parts)>,
) -> QueryResult<()> {
    let mut days: BTreeMap<i32, Needed<'a>> = BTreeMap::new();
    for (day, parts) in rows.into_iter().filter(|(_, parts)| !parts.named.is_empty()) {
        let needed = days.entry(day).or_default();
        needed.all.extend(parts.all.iter().map(|(name, part)| (*name, part)));
        needed.named.extend(&parts.named);
        needed.is_compressed |= parts.is_compressed;
    }
    let mut held = Vec::with_capacity(days.len());
    for (day, needed) in days {
        held.push((day, hold(connection, day)?, needed));
    }
    held.iter().try_for_each(|(day, sweep, needed)| keep_of_day(connection, *day, *sweep, needed))
}

/// Holds a day until the transaction ends. The number of the sweep that is at it, if one is.
fn hold(connection: &mut AnyConnection, day: i32) -> QueryResult<Option<i64>> {
    let found = match dialect::share_day(connection, day)? {
        None => {
            dialect::keep(connection, &[&DayRow { start_day: day, sweep: 0, is_swept: false, leftovers: 0 }])?;
            dialect::share_day(connection, day)?
        }
        found => found,
    };
    let (sweep, is_swept) = found.ok_or(diesel::result::Error::NotFound)?;
    Ok(is_swept.then_some(sweep))
}

fn keep_of_day(connection: &mut AnyConnection, day: i32, sweep: Option<i64>, needed: &Needed<'_>) -> QueryResult<()> {
    let mut asked: HashSet<Name> = HashSet::new();
    let mut missing: Vec<(Name, &NewPart)> = Vec::new();
    let mut wanted: Vec<Name> = needed.named.iter().copied().filter(|name| asked.insert(*name)).collect();
    while !wanted.is_empty() {
        let there = kept(connection, day, sweep, &wanted)?;
        let mut below = Vec::new();
        for name in wanted.iter().filter(|name| !there.contains(*name)) {
            let Some(part) = needed.all.get(name).copied() else { continue };
            missing.push((*name, part));
            if part.is_list {
                let entries = entries(&part.bytes).unwrap_or_default();
                below.extend(names(&entries).map(|(name, _)| name).filter(|name| asked.insert(*name)));
            }
        }
        wanted = below;
    }
    // Servers lock what is written, which goes by the keys. A file holds side by side what was written together: what goes together then
    // leaves whole pages behind.
    if connection.is_server() {
        missing.sort_unstable_by_key(|(name, _)| *name);
    }
    // Only now, although a transaction waits for it: a conversation repeats most of its parts, which are there already.
    let row = |(name, part): &(Name, &NewPart)| row(day, name, part, sweep.unwrap_or(0), needed.is_compressed);
    let rows: Vec<PartRow> = missing.iter().map(row).collect();
    let rows: Vec<&PartRow> = rows.iter().collect();
    // What a sweep is about to delete is there and has to get its mark.
    if sweep.is_some() { dialect::put(connection, &rows) } else { dialect::keep(connection, &rows) }
}

fn row(day: i32, name: &Name, part: &NewPart, kept_by: i64, is_compressed: bool) -> PartRow {
    let NewPart { is_list, bytes } = part;
    // Names are hashes: a list has nothing to compress.
    let frame = if is_compressed && !is_list { frame::compress(bytes) } else { None };
    let bytes = frame.unwrap_or_else(|| bytes.clone());
    PartRow { start_day: day, digest: name.as_bytes().to_vec(), is_list: *is_list, kept_by, bytes }
}

/// Those of the parts that are stored, and of which no sweep takes anything away.
fn kept(connection: &mut AnyConnection, day: i32, sweep: Option<i64>, wanted: &[Name]) -> QueryResult<BTreeSet<Name>> {
    let wanted: Vec<&[u8]> = wanted.iter().map(Name::as_bytes).collect();
    let mut there = BTreeSet::new();
    for some in wanted.chunks(NAMES_A_QUERY) {
        let found: Vec<(Vec<u8>, i64)> = dispatch!(connection, concrete => {
            content_parts::table
                .select((content_parts::digest, content_parts::kept_by))
                .filter(content_parts::start_day.eq(day))
                .filter(content_parts::digest.eq_any(some.iter().copied()))
                .load(concrete)
        })?;
        let safe = found.into_iter().filter(|(_, kept_by)| sweep.is_none_or(|sweep| *kept_by == sweep));
        there.extend(safe.filter_map(|(digest, _)| Name::from_slice(&digest)));
    }
    Ok(there)
}
