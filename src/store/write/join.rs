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

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::any_of::{AnyOf, KEYS_A_QUERY};
use super::graph::{SpanKey, kind};
use super::lineage;
use super::load::{forget_missing, load_traces};
use super::recompute::{Whole, write_whole};
use super::structure::runs::voice;
use super::{lock_sessions, recompute_sessions};
use crate::error::Result;
use crate::model::canonical::{Extra, decode};
use crate::model::{IdentityField, InterpretedSpan, Kind, Link};
use crate::semconv::{Prices, Profiles};
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::content::SHARED;
use crate::store::convert::{ENCODING, Facet, fragment_id};
use crate::store::rows::SpanRow;
use crate::store::schema::{span_contents, spans, trace_facets, traces};
use crate::store::{Failure, dialect};

/// How long before a fragment its run may have begun.
const MAX_LIFE_NS: i64 = 24 * 3_600_000_000_000;
/// How far the clocks of two traces of a process may be apart: where the layer made them, only while the
/// clock is set.
const SKEW_NS: i64 = 1_000_000;
/// Traces that are looked at for one fragment or run, the nearest in time first.
const MAX_TRACES: i64 = 200;

/// A span that may be a fragment's root, or have fragments.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
    process_id: Vec<u8>,
    start_ns: i64,
    /// None while it runs.
    end_ns: Option<i64>,
    role: Role,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// A run of this agent without a parent.
    Run(String),
    /// A model call of this agent without a parent.
    Call(String),
    /// A tool of a framework that tears its runs; whether it has no parent.
    Tool(bool),
    /// A plain span without a parent.
    Plain,
}

/// The spans of a batch that concern torn runs. `has_torn` tells whether the process, `own`, has a framework that tears them; of other
/// processes nobody here knows.
pub(crate) fn places<'a>(
    batch: impl IntoIterator<Item = &'a InterpretedSpan>,
    has_torn: &mut bool,
    own: &[u8],
) -> Vec<Place> {
    let batch: Vec<&InterpretedSpan> = batch.into_iter().collect();
    *has_torn |= batch.iter().any(|item| item.is_torn);
    let is_others = |item: &InterpretedSpan| item.span.process_id.is_some_and(|process| process.as_bytes() != own);
    batch.into_iter().filter_map(|item| place(item, *has_torn || is_others(item))).collect()
}

fn place(item: &InterpretedSpan, has_torn: bool) -> Option<Place> {
    let span = &item.span;
    // A span that names itself is a root, too.
    let is_root = span.parent_span_id.is_none_or(|parent| parent == span.span_id);
    // Its own, not one that it has from an ancestor: a root has none in its trace.
    let agent = span.identity.get(IdentityField::AgentName).map(str::to_owned);
    let role = match span.kind {
        Kind::Agent if is_root && has_torn => Role::Run(agent?),
        Kind::Tool if item.is_torn => Role::Tool(is_root),
        kind if kind.is_model_call() && is_root && has_torn => Role::Call(agent?),
        Kind::Span if is_root && has_torn => Role::Plain,
        _ => return None,
    };
    Some(Place {
        trace_id: span.trace_id.as_bytes().to_vec(),
        span_id: span.span_id.as_bytes().to_vec(),
        process_id: span.process_id?.as_bytes().to_vec(),
        start_ns: span.start_ns,
        end_ns: span.end_ns,
        role,
    })
}

impl Place {
    fn of(row: &SpanRow, role: Role) -> Option<Self> {
        Some(Self {
            trace_id: row.trace_id.clone(),
            span_id: row.span_id.clone(),
            process_id: row.process_id.clone()?,
            start_ns: row.start_ns,
            end_ns: row.end_ns,
            role,
        })
    }

    /// The same span by its row, in the same role; `None` where it has that role no more.
    fn by(&self, row: &SpanRow) -> Option<Self> {
        match &self.role {
            Role::Run(_) => host(row).filter(|host| matches!(host.role, Role::Run(_))),
            Role::Tool(_) => Self::of(row, Role::Tool(row.parent_span_id.is_none())),
            _ if row.parent_span_id.is_some() => None,
            Role::Call(_) => Self::of(row, Role::Call(voice(row)?.to_owned())),
            Role::Plain => Self::of(row, Role::Plain),
        }
    }

    fn is_fragment(&self) -> bool {
        matches!(self.role, Role::Call(_) | Role::Tool(true) | Role::Plain)
    }

    /// Whether another span of the process ran within this one's life.
    /// Clocks that are this far apart are allowed for.
    fn contains(&self, other: &Self, skew_ns: i64) -> bool {
        self.process_id == other.process_id
            && self.trace_id != other.trace_id
            && self.start_ns <= other.start_ns.saturating_add(skew_ns)
            && match (self.end_ns, other.end_ns) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(end), Some(other)) => other <= end.saturating_add(skew_ns),
            }
    }

    /// Whether both went on at the same time in one process.
    fn overlaps(&self, other: &Self) -> bool {
        self.process_id == other.process_id
            && other.end_ns.is_none_or(|end| self.start_ns <= end)
            && self.end_ns.is_none_or(|end| end >= other.start_ns)
    }

    /// Whether `host` is what such a fragment stands under.
    fn stands_under(&self, host: &Self, skew_ns: i64) -> bool {
        host.contains(self, skew_ns)
            && match (&self.role, &host.role) {
                (Role::Call(agent), Role::Run(run)) => agent == run,
                (Role::Tool(_), Role::Run(_)) | (Role::Plain, Role::Tool(_)) => true,
                _ => false,
            }
    }
}

/// A fragment, and the span that it stands under.
struct Joint {
    fragment: Vec<u8>,
    root: SpanKey,
    host: Place,
}

/// A torn run's trace, and fragments that are to be joined to it, have changed or are another run's.
#[derive(Default)]
pub(crate) struct Torn {
    main: Vec<u8>,
    joints: Vec<Joint>,
    parted: BTreeSet<Vec<u8>>,
    /// The root that stands under nothing any more: of a fragment that is a trace of its own again.
    freed: Option<SpanKey>,
}

/// Finds what these spans are fragments of, or have for fragments. `changed` are traces that may have fragments and have changed. Each of
/// the runs that are found is to be [put together](regroup) in a transaction of its own, or where fragments leave one,
/// [all of them](regroup_all) in one.
pub(crate) fn torn_runs(
    connection: &mut AnyConnection,
    places: &[Place],
    changed: &BTreeSet<Vec<u8>>,
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
        fragments.extend(fragments_near(connection, host)?);
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
        let before = joined.get(fragment);
        let main = host.as_ref().map_or_else(|| fragment.clone(), |host| main_of(&host.trace_id, &found, &joined));
        if let Some(before) = before.filter(|before| **before != main && !is_fragment(before)) {
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
    for main in with_fragments(connection, changed)? {
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

/// A span as one that may have fragments.
fn host(row: &SpanRow) -> Option<Place> {
    match kind(row) {
        Kind::Tool => Place::of(row, Role::Tool(row.parent_span_id.is_none())),
        Kind::Agent if row.parent_span_id.is_none() => {
            let own = row.agent_name.clone().filter(|_| !lineage::is_inherited(row, IdentityField::AgentName));
            Place::of(row, Role::Run(own?))
        }
        _ => None,
    }
}

/// The traces that these are joined to.
fn joined_to(connection: &mut AnyConnection, ids: &BTreeSet<&[u8]>) -> QueryResult<BTreeMap<Vec<u8>, Vec<u8>>> {
    let traces = load_traces(connection, &ids.iter().copied().collect::<Vec<_>>())?;
    Ok(traces.into_iter().filter_map(|trace| Some((trace.trace_id, trace.joined_to?))).collect())
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

/// What may be a fragment of a run or of other runs that went on at the same time, also what is joined to one of them; nothing where the
/// run was alone. Runs of other agents, too: of a tool nobody knows whose it is.
fn fragments_among(connection: &mut AnyConnection, run: &Place) -> Result<Vec<Place>, Failure> {
    let Role::Run(agent) = &run.role else { return Ok(Vec::new()) };
    let end = run.end_ns.unwrap_or(i64::MAX);
    let time = (run.start_ns.saturating_sub(MAX_LIFE_NS), end.saturating_add(SKEW_NS));
    let mut ids = traces_with(connection, Facet::Agent, agent, time, true)?;
    ids.append(&mut traces_with(connection, Facet::Kind, Kind::Agent.as_str(), time, true)?);
    ids.sort_unstable();
    ids.dedup();
    let runs = roots(connection, &ids)?.into_iter().filter_map(|row| host(&row));
    let runs: Vec<Place> = runs.filter(|other| matches!(other.role, Role::Run(_)) && other.overlaps(run)).collect();
    if runs.iter().all(|other| other.trace_id == run.trace_id) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for run in &runs {
        found.extend(fragments_near(connection, run)?);
    }
    let runs: Vec<Vec<u8>> = runs.into_iter().map(|run| run.trace_id).collect();
    let ids = fragments_of(connection, &runs)?;
    found.append(&mut fragments_with(connection, &ids)?);
    Ok(found)
}

/// What stands under hosts that have ended: as long as they ran, anything later could be theirs.
fn fragments_under(connection: &mut AnyConnection, places: &BTreeSet<Place>) -> Result<Vec<Place>, Failure> {
    let ended = |is_run: bool| {
        let of_kind = move |place: &&Place| match place.role {
            Role::Run(_) => is_run,
            Role::Tool(_) => !is_run,
            Role::Call(_) | Role::Plain => false,
        };
        places.iter().filter(of_kind).filter(|place| place.end_ns.is_some()).map(|place| place.trace_id.as_slice())
    };
    let runs: BTreeSet<&[u8]> = ended(true).collect();
    let tools: BTreeSet<&[u8]> = ended(false).collect();
    let mut found = Vec::new();
    if !runs.is_empty() {
        let ids = fragments_of(connection, &runs.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>())?;
        found = fragments_with(connection, &ids)?;
    }
    found.append(&mut plain_fragments(connection, &tools)?);
    Ok(found)
}

/// The plain fragments of tools that went on at the same time as a tool: of two, nobody knows whose they are.
fn fragments_beside(connection: &mut AnyConnection, tool: &Place) -> Result<Vec<Place>, Failure> {
    let end = tool.end_ns.unwrap_or(i64::MAX);
    let time = (tool.start_ns.saturating_sub(MAX_LIFE_NS), end.saturating_add(SKEW_NS));
    let mut ids = traces_with(connection, Facet::Kind, Kind::Tool.as_str(), time, true)?;
    ids.append(&mut fragments_of(connection, &ids)?);
    let others = of_kind(connection, &ids, Kind::Tool)?.into_iter().filter_map(|row| host(&row));
    let others: Vec<Place> = others.filter(|other| other.span_id != tool.span_id && other.overlaps(tool)).collect();
    plain_fragments(connection, &others.iter().map(|other| other.trace_id.as_slice()).collect())
}

/// The plain fragments of the runs that tools belong to.
fn plain_fragments(connection: &mut AnyConnection, tools: &BTreeSet<&[u8]>) -> Result<Vec<Place>, Failure> {
    if tools.is_empty() {
        return Ok(Vec::new());
    }
    let joined = joined_to(connection, tools)?;
    let mains: Vec<Vec<u8>> =
        tools.iter().map(|id| joined.get(*id).map_or_else(|| id.to_vec(), Clone::clone)).collect();
    let ids = fragments_of(connection, &mains)?;
    let plain = of_kind(connection, &ids, Kind::Span)?.into_iter().filter(|row| row.parent_span_id.is_none());
    Ok(plain.filter_map(|row| Place::of(&row, Role::Plain)).collect())
}

/// The fragments that hang together with others by what follows from what, each in the time of all of them.
fn common_lives(
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
fn last<'a>(leads: &BTreeMap<&'a SpanKey, &'a SpanKey>, mut span: &'a SpanKey) -> &'a SpanKey {
    while let Some(next) = leads.get(span) {
        span = next;
    }
    span
}

/// The links of the fragments' roots, which tell what each follows from.
fn links_of(connection: &mut AnyConnection, fragments: &BTreeSet<Place>) -> Result<Vec<(SpanKey, Vec<Link>)>, Failure> {
    let fragments: Vec<&Place> = fragments.iter().collect();
    let mut found = Vec::new();
    for some in fragments.chunks(KEYS_A_QUERY / 2) {
        let rows: Vec<(SpanKey, Vec<u8>)> = dispatch!(connection, concrete => {
            span_contents::table
                .filter(span_contents::trace_id.eq_any(some.iter().map(|place| &place.trace_id)))
                .filter(span_contents::span_id.eq_any(some.iter().map(|place| &place.span_id)))
                .filter(span_contents::encoding.eq_any([ENCODING, SHARED]))
                .select((span_contents::span_id, span_contents::links))
                .load(concrete)
        })?;
        for (span, links) in rows {
            found.push((span, decode("links", &links)?));
        }
    }
    Ok(found)
}

/// The fragments of a trace, in the order of their ids.
pub(crate) fn fragments_of(connection: &mut AnyConnection, ids: &[Vec<u8>]) -> QueryResult<Vec<Vec<u8>>> {
    let mut words: Vec<String> = dispatch!(connection, concrete => {
        trace_facets::table
            .select(trace_facets::value)
            .filter(trace_facets::trace_id.eq_any(ids))
            .filter(trace_facets::field.eq(Facet::Fragment.as_str()))
            .load(concrete)
    })?;
    words.sort_unstable();
    Ok(words.iter().filter_map(|word| fragment_id(word)).collect())
}

/// Those of the traces that have fragments.
fn with_fragments(connection: &mut AnyConnection, ids: &BTreeSet<Vec<u8>>) -> QueryResult<BTreeSet<Vec<u8>>> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let found: Vec<Vec<u8>> = dispatch!(connection, concrete => {
        trace_facets::table
            .select(trace_facets::trace_id)
            .filter(trace_facets::trace_id.eq_any(ids))
            .filter(trace_facets::field.eq(Facet::Fragment.as_str()))
            .load(concrete)
    })?;
    Ok(found.into_iter().collect())
}

/// Makes the summary of a torn run's trace from its spans and those of its fragments, and takes the fragments out of everything else.
pub(crate) fn regroup(connection: &mut AnyConnection, torn: &Torn, prices: &Prices) -> Result<(), Failure> {
    let Torn { main, joints, parted, freed } = torn;
    let mut fragments: BTreeSet<Vec<u8>> = fragments_of(connection, std::slice::from_ref(main))?.into_iter().collect();
    fragments.retain(|fragment| !parted.contains(fragment));
    let joined: Vec<Vec<u8>> = joints.iter().map(|joint| joint.fragment.clone()).collect();
    // A tool may have had fragments before its run was known.
    fragments.extend(fragments_of(connection, &joined)?);
    fragments.extend(joined);
    let mut ids: Vec<&[u8]> = fragments.iter().map(Vec::as_slice).chain([main.as_slice()]).collect();
    ids.sort_unstable();
    dialect::lock_traces(connection, &ids)?;
    let before = load_traces(connection, &ids)?;
    let is_there = |id: &[u8]| before.iter().any(|trace| trace.trace_id == id);
    if before.len() < ids.len() {
        forget_missing(connection, &ids)?;
    }
    if !is_there(main) {
        return Ok(());
    }
    fragments.retain(|id| is_there(id));
    let joined = joints.iter().map(|joint| (joint.root.clone(), Some(joint.host.span_id.clone())));
    let hosts = joined.chain(freed.iter().map(|root| (root.clone(), None))).collect();
    let whole = Whole { main, fragments: &fragments, hosts: &hosts };
    let after = write_whole(connection, &whole, prices)?;
    let sessions = before.iter().filter_map(|trace| trace.session_id.clone()).chain(after.session_id);
    let sessions: BTreeSet<String> = sessions.collect();
    lock_sessions(connection, &sessions)?;
    recompute_sessions(connection, &sessions)?;
    Ok(())
}

/// The same for several runs between which fragments move, so that each fragment is in one place at any time.
pub(crate) fn regroup_all(connection: &mut AnyConnection, torn: &[Torn], prices: &Prices) -> Result<(), Failure> {
    let joined = torn.iter().flat_map(|torn| torn.joints.iter().map(|joint| joint.fragment.as_slice()));
    let parted = torn.iter().flat_map(|torn| torn.parted.iter().map(Vec::as_slice));
    let mut ids: Vec<&[u8]> = torn.iter().map(|torn| torn.main.as_slice()).chain(joined).chain(parted).collect();
    ids.sort_unstable();
    ids.dedup();
    dialect::lock_traces(connection, &ids)?;
    torn.iter().try_for_each(|torn| regroup(connection, torn, prices))
}

impl Torn {
    /// Whether fragments leave it.
    pub(crate) fn parts(&self) -> bool {
        !self.parted.is_empty()
    }
}

/// What may be a fragment of a run or a tool, by the traces that began during its life.
fn fragments_near(connection: &mut AnyConnection, host: &Place) -> Result<Vec<Place>, Failure> {
    let until = host.end_ns.map_or(i64::MAX, |end| end.saturating_add(SKEW_NS));
    let time = (host.start_ns.saturating_sub(SKEW_NS), until);
    let ids = match &host.role {
        Role::Run(agent) => {
            let mut ids = traces_with(connection, Facet::Agent, agent, time, false)?;
            ids.extend(traces_with(connection, Facet::Kind, Kind::Tool.as_str(), time, false)?);
            ids
        }
        Role::Tool(_) => traces_begun(connection, time)?,
        Role::Call(_) | Role::Plain => return Ok(Vec::new()),
    };
    fragments_with(connection, &ids)
}

/// Those of the traces whose roots may be fragments.
fn fragments_with(connection: &mut AnyConnection, ids: &[Vec<u8>]) -> Result<Vec<Place>, Failure> {
    let mut found = Vec::new();
    for row in roots(connection, ids)? {
        found.extend(fragment(connection, &row)?);
    }
    Ok(found)
}

/// A root as a fragment, if it may be one.
fn fragment(connection: &mut AnyConnection, row: &SpanRow) -> Result<Option<Place>, Failure> {
    let role = match kind(row) {
        Kind::Tool if is_torn(connection, row)? => Role::Tool(true),
        Kind::Span => Role::Plain,
        _ => match voice(row) {
            Some(agent) => Role::Call(agent.to_owned()),
            None => return Ok(None),
        },
    };
    Ok(Place::of(row, role))
}

/// The runs or tools near fragments of one role, of which one may be theirs.
fn hosts_near(connection: &mut AnyConnection, role: &Role, fragments: &[Place]) -> Result<Vec<SpanRow>, Failure> {
    let first = fragments.iter().map(|fragment| fragment.start_ns).min().unwrap_or_default();
    let last = fragments.iter().map(|fragment| fragment.start_ns).max().unwrap_or_default();
    let time = (first.saturating_sub(MAX_LIFE_NS), last.saturating_add(SKEW_NS));
    let (facet, value) = match role {
        Role::Call(agent) => (Facet::Agent, agent.as_str()),
        Role::Tool(_) => (Facet::Kind, Kind::Agent.as_str()),
        Role::Plain => (Facet::Kind, Kind::Tool.as_str()),
        Role::Run(_) => return Ok(Vec::new()),
    };
    let mut ids = traces_with(connection, facet, value, time, true)?;
    if *role != Role::Plain {
        return Ok(roots(connection, &ids)?);
    }
    // A tool that is a fragment is found by the run that it is joined to.
    ids.append(&mut fragments_of(connection, &ids)?);
    Ok(of_kind(connection, &ids, Kind::Tool)?)
}

/// Traces in which a value occurs and which began in a range of time.
fn traces_with(
    connection: &mut AnyConnection,
    facet: Facet,
    value: &str,
    (since_ns, until_ns): (i64, i64),
    is_latest_first: bool,
) -> QueryResult<Vec<Vec<u8>>> {
    dispatch!(connection, concrete => {
        let found = trace_facets::table
            .select(trace_facets::trace_id)
            .filter(trace_facets::field.eq(facet.as_str()))
            .filter(trace_facets::value.eq(value))
            .filter(trace_facets::start_ns.ge(since_ns))
            .filter(trace_facets::start_ns.lt(until_ns))
            .limit(MAX_TRACES);
        if is_latest_first {
            found.order((trace_facets::start_ns.desc(), trace_facets::trace_id.desc())).load(concrete)
        } else {
            found.order((trace_facets::start_ns.asc(), trace_facets::trace_id.asc())).load(concrete)
        }
    })
}

/// Traces that began in a range of time and belong to no other.
fn traces_begun(connection: &mut AnyConnection, (since_ns, until_ns): (i64, i64)) -> QueryResult<Vec<Vec<u8>>> {
    dispatch!(connection, concrete => {
        traces::table
            .select(traces::trace_id)
            .filter(traces::start_ns.ge(since_ns))
            .filter(traces::start_ns.lt(until_ns))
            .filter(traces::joined_to.is_null())
            .order((traces::start_ns.asc(), traces::trace_id.asc()))
            .limit(MAX_TRACES)
            .load(concrete)
    })
}

/// The roots of traces.
fn roots(connection: &mut AnyConnection, ids: &[Vec<u8>]) -> QueryResult<Vec<SpanRow>> {
    dispatch!(connection, concrete => {
        spans::table
            .filter(spans::trace_id.eq_any(ids))
            .filter(spans::parent_span_id.is_null())
            .select(SpanRow::as_select())
            .load(concrete)
    })
}

fn of_kind(connection: &mut AnyConnection, ids: &[Vec<u8>], kind: Kind) -> QueryResult<Vec<SpanRow>> {
    dispatch!(connection, concrete => {
        spans::table
            .filter(spans::trace_id.eq_any(ids))
            .filter(spans::kind.eq(kind.as_str()))
            .select(SpanRow::as_select())
            .load(concrete)
    })
}

/// Whether a stored span is of a framework that tears its runs, by the target of its callsite.
fn is_torn(connection: &mut AnyConnection, row: &SpanRow) -> Result<bool, Failure> {
    let extra: Option<Vec<u8>> = dispatch!(connection, concrete => {
        span_contents::table
            .find((&row.trace_id, &row.span_id, row.start_day))
            .select(span_contents::extra)
            .first(concrete)
            .optional()
    })?;
    let read = |bytes: Vec<u8>| decode::<Extra>("particulars", &bytes);
    let callsite = extra.map(read).transpose()?.and_then(|extra| extra.callsite);
    Ok(callsite.is_some_and(|callsite| Profiles::default().tears(&callsite.target)))
}
