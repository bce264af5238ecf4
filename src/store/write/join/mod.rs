//! Torn runs: traces that belong to the run of an agent in another trace.
//!
//! A framework may lose its context, so that one run arrives as several traces: rig up to 0.40 never enters the span of its agent, and
//! runs tools in tasks of their own. Ids are never rewritten. A fragment refers to the trace that it belongs to (`traces.joined_to`), its
//! root to the span that it stands under (`spans.adopted_by`), and it counts in no list, session or facet of its own.
//!
//! What is known of a fragment is whose call it is and when it ran:
//!
//! | the fragment's root | belongs to the only |
//! |---|---|
//! | a model call that names an agent | run of that agent, without a parent, whose life contains it |
//! | a tool of a framework that tears its runs | run of an agent, without a parent, whose life contains it |
//! | a plain span | tool of such a framework whose life contains it |
//!
//! all in the same process. Where several would do, what the fragment follows from and what follows from it decide with it: their common
//! life is longer. Where several still would do, nothing is joined: a guess between runs would be wrong half of the time. A run is stored
//! when it ends, so another one that ended before it may have been taken for it: each run that comes is held against the fragments of
//! those that overlap with it, which then move or stand alone again.

mod lives;
mod place;
mod regroup;
mod search;

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::any_of::{AnyOf, KEYS_A_QUERY};
use super::graph::SpanKey;
use crate::store::Failure;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::rows::SpanRow;
use crate::store::schema::spans;
use lives::common_lives;
pub(crate) use place::{Place, places};
use place::{Role, SKEW_NS, host};
use regroup::{Joint, joined_to, with_fragments};
pub(crate) use regroup::{Torn, fragments_of, regroup, regroup_all};
use search::{fragments_among, fragments_beside, fragments_near, fragments_under, hosts_near, is_torn};

/// What a batch has changed that torn runs depend on.
#[derive(Debug, Default)]
pub(crate) struct Stirred {
    /// Traces that may have fragments and have changed.
    pub(crate) traces: BTreeSet<Vec<u8>>,
    /// Spans whose life turned out to be shorter, with when it began and ended before: a fragment that was left alone because of one of them
    /// may be another run's.
    pub(crate) shorter: BTreeMap<SpanKey, (i64, Option<i64>)>,
}

impl Stirred {
    pub(crate) fn append(&mut self, mut other: Self) {
        self.traces.append(&mut other.traces);
        self.shorter.append(&mut other.shorter);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.traces.is_empty() && self.shorter.is_empty()
    }

    /// A span with all the time that it was held for running.
    fn longest(&self, place: &Place) -> Place {
        let Some((start, end)) = self.shorter.get(&place.span_id) else { return place.clone() };
        let end_ns = place.end_ns.zip(*end).map(|(now, before)| now.max(before));
        Place { start_ns: place.start_ns.min(*start), end_ns, ..place.clone() }
    }
}

impl From<BTreeSet<Vec<u8>>> for Stirred {
    fn from(traces: BTreeSet<Vec<u8>>) -> Self {
        Self { traces, ..Self::default() }
    }
}

/// Finds what these spans are fragments of, or have for fragments. Each of the runs that are found is to be [put together](regroup) in a
/// transaction of its own, or where fragments leave one, [all of them](regroup_all) in one.
pub(crate) fn torn_runs(
    connection: &mut AnyConnection,
    places: &[Place],
    stirred: &Stirred,
) -> Result<Vec<Torn>, Failure> {
    let places = as_stored(connection, places)?;
    let mut fragments: BTreeSet<Place> = places.iter().filter(|place| place.is_fragment()).cloned().collect();
    let mut runs: BTreeSet<Place> = places.iter().filter(|place| matches!(place.role, Role::Run(_))).cloned().collect();
    for (role, fragments) in alike(&fragments) {
        let near = hosts_near(connection, &role, &fragments)?;
        let may_be = |host: &Place| fragments.iter().any(|fragment| fragment.stands_under(host, SKEW_NS));
        runs.extend(near.iter().filter_map(host).filter(|host| matches!(host.role, Role::Run(_)) && may_be(host)));
    }
    for host in &places {
        fragments.extend(fragments_near(connection, &stirred.longest(host))?);
    }
    fragments.extend(fragments_under(connection, &places)?);
    for run in runs {
        fragments.extend(fragments_among(connection, &run)?);
    }
    for tool in places.iter().filter(|place| matches!(place.role, Role::Tool(_))) {
        fragments.extend(fragments_beside(connection, tool)?);
    }
    let lives = common_lives(connection, &fragments)?;
    let mut found: BTreeMap<Vec<u8>, (SpanKey, Option<Place>)> = BTreeMap::new();
    for (role, fragments) in alike(&fragments) {
        let near = hosts_near(connection, &role, &fragments)?;
        for fragment in fragments {
            let host = only_host(connection, &fragment, lives.get(&fragment.span_id), &near)?;
            found.insert(fragment.trace_id, (fragment.span_id, host));
        }
    }
    let mut torn: BTreeMap<Vec<u8>, Torn> = BTreeMap::new();
    let of = |main: &[u8]| Torn { main: main.to_vec(), ..Torn::default() };
    let hosts = found.values().filter_map(|(_, host)| Some(host.as_ref()?.trace_id.as_slice()));
    let ids: BTreeSet<&[u8]> = found.keys().map(Vec::as_slice).chain(hosts).collect();
    let joined = joined_to(connection, &ids)?;
    // What has fragments, and is found to be one itself, is put together with its run, they with it.
    let is_fragment = |id: &Vec<u8>| matches!(found.get(id), Some((_, Some(_))));
    for (fragment, (root, host)) in &found {
        // What it was joined to may itself be a fragment by now, whose run would take over all that it has.
        let before = joined.get(fragment).map(|before| main_of(before, &found, &joined));
        let main = host.as_ref().map_or_else(|| fragment.clone(), |host| main_of(&host.trace_id, &found, &joined));
        if let Some(before) = before.as_ref().filter(|before| **before != main) {
            torn.entry(before.clone()).or_insert_with(|| of(before)).parted.insert(fragment.clone());
        }
        match host {
            Some(host) => {
                let joint = Joint { fragment: fragment.clone(), root: root.clone(), host: host.clone() };
                torn.entry(main.clone()).or_insert_with(|| of(&main)).joints.push(joint);
            }
            None if before.is_some() => {
                torn.entry(main.clone()).or_insert_with(|| of(&main)).freed = Some(root.clone());
            }
            None => {}
        }
    }
    for main in with_fragments(connection, &stirred.traces)? {
        if !is_fragment(&main) {
            torn.entry(main.clone()).or_insert_with(|| of(&main));
        }
    }
    Ok(torn.into_values().collect())
}

/// The spans as they are stored: what a batch says of one may be older than what is known of it.
fn as_stored(connection: &mut AnyConnection, places: &[Place]) -> QueryResult<BTreeSet<Place>> {
    let mut stored = BTreeSet::new();
    for some in places.chunks(KEYS_A_QUERY) {
        let keys: AnyOf<_> = some
            .iter()
            .map(|place| spans::trace_id.eq(&place.trace_id).and(spans::span_id.eq(&place.span_id)))
            .collect();
        let rows: Vec<SpanRow> = dispatch!(connection, concrete => {
            spans::table.filter(keys).select(SpanRow::as_select()).load(concrete)
        })?;
        let rows: BTreeMap<_, _> = rows.iter().map(|row| ((&row.trace_id, &row.span_id), row)).collect();
        let row = |place: &Place| rows.get(&(&place.trace_id, &place.span_id)).copied();
        stored.extend(some.iter().filter_map(|place| place.by(row(place)?)));
    }
    Ok(stored)
}

/// The one span that a fragment stands under; none where there is none or several would do. `life` is the fragment in the time of all that
/// it hangs together with.
fn only_host(
    connection: &mut AnyConnection,
    fragment: &Place,
    life: Option<&Place>,
    near: &[SpanRow],
) -> Result<Option<Place>, Failure> {
    let mut hosts = Vec::new();
    for row in near {
        let host = host(row).filter(|host| fragment.stands_under(host, SKEW_NS));
        // Of a tool it must be known that its framework detaches what it does.
        let Some(host) = host else { continue };
        if !matches!(host.role, Role::Tool(_)) || is_torn(connection, row)? {
            hosts.push(host);
        }
    }
    if hosts.len() > 1 {
        hosts.retain(|host| fragment.stands_under(host, 0));
    }
    // Also of one: the run that it belongs to may not be stored yet.
    if let Some(life) = life {
        hosts.retain(|host| life.stands_under(host, SKEW_NS));
    }
    Ok(hosts.pop().filter(|_| hosts.is_empty()))
}

/// The trace that a host's trace is joined to, or the trace itself. A tool may be a fragment, for which a host is found at the same time;
/// what it has belongs to its run's trace.
fn main_of(
    trace_id: &[u8],
    found: &BTreeMap<Vec<u8>, (SpanKey, Option<Place>)>,
    joined: &BTreeMap<Vec<u8>, Vec<u8>>,
) -> Vec<u8> {
    let main = match found.get(trace_id) {
        Some((_, host)) => host.as_ref().map(|host| &host.trace_id),
        None => joined.get(trace_id),
    };
    main.map_or_else(|| trace_id.to_vec(), Clone::clone)
}

fn alike(fragments: &BTreeSet<Place>) -> BTreeMap<Role, Vec<Place>> {
    let mut alike: BTreeMap<Role, Vec<Place>> = BTreeMap::new();
    for fragment in fragments {
        alike.entry(fragment.role.clone()).or_default().push(fragment.clone());
    }
    alike
}
