//! What may be a fragment of what, by their times.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::place::{Place, Role, SKEW_NS, host};
use super::regroup::{fragments_of, joined_to};
use crate::model::Kind;
use crate::model::canonical::{Extra, decode};
use crate::semconv::Profiles;
use crate::store::Failure;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::content::whole_particulars;
use crate::store::convert::Facet;
use crate::store::rows::SpanRow;
use crate::store::schema::{span_contents, spans, trace_facets, traces};
use crate::store::write::graph::kind;
use crate::store::write::structure::runs::voice;

/// How long before a fragment its run may have begun.
const MAX_LIFE_NS: i64 = 24 * 3_600_000_000_000;
/// Traces that are looked at for one fragment or run, the nearest in time first.
const MAX_TRACES: i64 = 200;

/// What may be a fragment of a run or a tool, by the traces that began during its life.
pub(super) fn fragments_near(connection: &mut AnyConnection, host: &Place) -> Result<Vec<Place>, Failure> {
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

/// What may be a fragment of a run or of other runs that went on at the same time, also what is joined to one of them; nothing where the
/// run was alone. Runs of other agents, too: of a tool nobody knows whose it is.
pub(super) fn fragments_among(connection: &mut AnyConnection, run: &Place) -> Result<Vec<Place>, Failure> {
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
pub(super) fn fragments_under(connection: &mut AnyConnection, places: &BTreeSet<Place>) -> Result<Vec<Place>, Failure> {
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
pub(super) fn fragments_beside(connection: &mut AnyConnection, tool: &Place) -> Result<Vec<Place>, Failure> {
    let end = tool.end_ns.unwrap_or(i64::MAX);
    let time = (tool.start_ns.saturating_sub(MAX_LIFE_NS), end.saturating_add(SKEW_NS));
    let others = tools_begun(connection, time)?.into_iter().filter_map(|row| host(&row));
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
pub(super) fn hosts_near(
    connection: &mut AnyConnection,
    role: &Role,
    fragments: &[Place],
) -> Result<Vec<SpanRow>, Failure> {
    let first = fragments.iter().map(|fragment| fragment.start_ns).min().unwrap_or_default();
    let last = fragments.iter().map(|fragment| fragment.start_ns).max().unwrap_or_default();
    let time = (first.saturating_sub(MAX_LIFE_NS), last.saturating_add(SKEW_NS));
    let ids = match role {
        Role::Call(agent) => traces_with(connection, Facet::Agent, agent, time, true)?,
        Role::Tool(_) => traces_with(connection, Facet::Kind, Kind::Agent.as_str(), time, true)?,
        Role::Plain => return Ok(tools_begun(connection, time)?),
        Role::Run(_) => return Ok(Vec::new()),
    };
    Ok(roots(connection, &ids)?)
}

/// The tools of traces that began in a range of time. One that is a fragment is found by the run that it is joined to.
fn tools_begun(connection: &mut AnyConnection, time: (i64, i64)) -> QueryResult<Vec<SpanRow>> {
    let mut ids = traces_with(connection, Facet::Kind, Kind::Tool.as_str(), time, true)?;
    ids.append(&mut fragments_of(connection, &ids)?);
    of_kind(connection, &ids, Kind::Tool)
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
pub(super) fn is_torn(connection: &mut AnyConnection, row: &SpanRow) -> Result<bool, Failure> {
    let found: Option<(String, Vec<u8>)> = dispatch!(connection, concrete => {
        span_contents::table
            .find((&row.trace_id, &row.span_id, row.start_day))
            .select((span_contents::encoding, span_contents::extra))
            .first(concrete)
            .optional()
    })?;
    let read = |bytes: Vec<u8>| decode::<Extra>("particulars", &bytes);
    let extra = found.and_then(|(form, extra)| whole_particulars(&form, extra));
    let callsite = extra.map(read).transpose()?.and_then(|extra| extra.callsite);
    Ok(callsite.is_some_and(|callsite| Profiles::default().tears(&callsite.target)))
}
