//! Putting a torn run together: one summary for all of its traces.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::place::Place;
use crate::semconv::Prices;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::convert::{Facet, fragment_id};
use crate::store::schema::trace_facets;
use crate::store::write::graph::SpanKey;
use crate::store::write::load::{forget_missing, load_traces};
use crate::store::write::recompute::{Whole, write_whole};
use crate::store::write::{lock_sessions, recompute_sessions};
use crate::store::{Failure, dialect};

/// A fragment, and the span that it stands under.
pub(super) struct Joint {
    pub(super) fragment: Vec<u8>,
    pub(super) root: SpanKey,
    pub(super) host: Place,
}

/// A torn run's trace, and fragments that are to be joined to it, have changed or are another run's.
#[derive(Default)]
pub(crate) struct Torn {
    pub(super) main: Vec<u8>,
    pub(super) joints: Vec<Joint>,
    pub(super) parted: BTreeSet<Vec<u8>>,
    /// The root that stands under nothing any more: of a fragment that is a trace of its own again.
    pub(super) freed: Option<SpanKey>,
}

impl Torn {
    /// Whether fragments leave it.
    pub(crate) fn parts(&self) -> bool {
        !self.parted.is_empty()
    }
}

/// Makes the summary of a torn run's trace from its spans and those of its fragments, and takes the fragments out of everything else.
pub(crate) fn regroup(connection: &mut AnyConnection, torn: &Torn, prices: &Prices) -> Result<(), Failure> {
    let Torn { main, joints, parted, freed } = torn;
    let mut fragments: BTreeSet<Vec<u8>> = fragments_of(connection, std::slice::from_ref(main))?.into_iter().collect();
    let joined: Vec<Vec<u8>> = joints.iter().map(|joint| joint.fragment.clone()).collect();
    // A tool may have had fragments before its run was known.
    fragments.extend(fragments_of(connection, &joined)?);
    fragments.retain(|fragment| !parted.contains(fragment));
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
pub(super) fn with_fragments(
    connection: &mut AnyConnection,
    ids: &BTreeSet<Vec<u8>>,
) -> QueryResult<BTreeSet<Vec<u8>>> {
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

/// The traces that these are joined to.
pub(super) fn joined_to(
    connection: &mut AnyConnection,
    ids: &BTreeSet<&[u8]>,
) -> QueryResult<BTreeMap<Vec<u8>, Vec<u8>>> {
    let traces = load_traces(connection, &ids.iter().copied().collect::<Vec<_>>())?;
    Ok(traces.into_iter().filter_map(|trace| Some((trace.trace_id, trace.joined_to?))).collect())
}
