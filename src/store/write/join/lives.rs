//! Fragments that hang together, by what follows from what.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;

use super::place::Place;
use crate::model::Link;
use crate::model::canonical::decode;
use crate::store::Failure;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::content::READABLE;
use crate::store::schema::span_contents;
use crate::store::write::any_of::KEYS_A_QUERY;
use crate::store::write::graph::SpanKey;

/// The fragments that hang together with others by what follows from what, each in the time of all of them.
pub(super) fn common_lives(
    connection: &mut AnyConnection,
    fragments: &BTreeSet<Place>,
) -> Result<BTreeMap<SpanKey, Place>, Failure> {
    let places: BTreeMap<&SpanKey, &Place> = fragments.iter().map(|place| (&place.span_id, place)).collect();
    // Each points to one that it hangs together with; the last of a way stands for all.
    let mut leads: BTreeMap<&SpanKey, &SpanKey> = BTreeMap::new();
    for (follower, links) in links_of(connection, fragments)? {
        let Some((follower, _)) = places.get_key_value(&follower) else { continue };
        for link in links {
            let Some((followed, _)) = places.get_key_value(&link.span_id.as_bytes().to_vec()) else { continue };
            let (one, other) = (last(&leads, follower), last(&leads, followed));
            if one != other {
                leads.insert(one, other);
            }
        }
    }
    let mut times: BTreeMap<&SpanKey, (i64, Option<i64>)> = BTreeMap::new();
    for place in fragments {
        let time = times.entry(last(&leads, &place.span_id)).or_insert((place.start_ns, place.end_ns));
        *time = (time.0.min(place.start_ns), time.1.max(place.end_ns));
    }
    let lives = fragments.iter().filter_map(|place| {
        let (start_ns, end_ns) = *times.get(last(&leads, &place.span_id))?;
        // One that still runs says so itself.
        let end_ns = place.end_ns.and(end_ns);
        Some((place.span_id.clone(), Place { start_ns, end_ns, ..place.clone() }))
    });
    Ok(lives.collect())
}

/// Where the way of a span ends.
pub(super) fn last<'a>(leads: &BTreeMap<&'a SpanKey, &'a SpanKey>, mut span: &'a SpanKey) -> &'a SpanKey {
    while let Some(next) = leads.get(span) {
        span = next;
    }
    span
}

/// The links of the fragments' roots, which tell what each follows from.
pub(super) fn links_of(
    connection: &mut AnyConnection,
    fragments: &BTreeSet<Place>,
) -> Result<Vec<(SpanKey, Vec<Link>)>, Failure> {
    let fragments: Vec<&Place> = fragments.iter().collect();
    let mut found = Vec::new();
    for some in fragments.chunks(KEYS_A_QUERY / 2) {
        let rows: Vec<(SpanKey, Vec<u8>)> = dispatch!(connection, concrete => {
            span_contents::table
                .filter(span_contents::trace_id.eq_any(some.iter().map(|place| &place.trace_id)))
                .filter(span_contents::span_id.eq_any(some.iter().map(|place| &place.span_id)))
                .filter(span_contents::encoding.eq_any(READABLE))
                .select((span_contents::span_id, span_contents::links))
                .load(concrete)
        })?;
        for (span, links) in rows {
            found.push((span, decode("links", &links)?));
        }
    }
    Ok(found)
}
