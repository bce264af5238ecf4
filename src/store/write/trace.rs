//! One trace's part of a batch: its spans merged with what is stored, in memory.

use std::collections::BTreeMap;

use diesel::result::QueryResult;

use super::Prepared;
use super::graph::{Graph, SpanKey};
use super::prepare::previews;
use super::summary::Change;
use crate::store::rows::TraceRow;

/// The spans of a batch that belong to one trace, each in its newest version.
pub(super) struct Part<'a> {
    pub(super) trace_id: &'a [u8],
    pub(super) spans: BTreeMap<SpanKey, &'a Prepared<'a>>,
    /// The stored summary; none for a new trace.
    pub(super) before: Option<TraceRow>,
    /// The stored rows that the batch can change, and what they become.
    pub(super) graph: Graph,
    /// The spans that are newer than what is stored.
    pub(super) applied: Vec<&'a Prepared<'a>>,
}

/// The parts of a batch, by trace.
pub(super) type Parts<'a> = BTreeMap<&'a [u8], Part<'a>>;

/// Divides a batch by its traces.
pub(super) fn parts<'a>(batch: &'a [Prepared<'a>]) -> Parts<'a> {
    let mut parts: Parts<'a> = BTreeMap::new();
    for prepared in batch {
        let trace_id = prepared.row.trace_id.as_slice();
        let part = parts.entry(trace_id).or_insert_with(|| Part {
            trace_id,
            spans: BTreeMap::new(),
            before: None,
            graph: Graph::default(),
            applied: Vec::new(),
        });
        let newest = part.spans.entry(prepared.row.span_id.clone()).or_insert(prepared);
        if newest.row.version() < prepared.row.version() {
            *newest = prepared;
        }
    }
    parts
}

impl Part<'_> {
    /// Puts the versions that are newer than the stored ones in place.
    pub(super) fn merge(&mut self) {
        let graph = &mut self.graph;
        self.applied = self.spans.values().copied().filter(|prepared| graph.apply(prepared.row.clone())).collect();
    }

    /// How the trace's summary changes; not at all where nothing is newer than what is stored.
    pub(super) fn change(&self) -> QueryResult<Option<Change>> {
        let Some(mut change) = Change::of(self.before.as_ref(), &self.graph) else {
            // A trace that is not stored has no versions that could be newer.
            return if self.before.is_some() { Ok(None) } else { Err(diesel::result::Error::NotFound) };
        };
        if let Some(prepared) = change.named_by.as_ref().and_then(|span| self.spans.get(span))
            && !change.needs_recompute
        {
            (change.trace.input_preview, change.trace.output_preview) = previews(prepared.item);
        }
        Ok(Some(change))
    }
}
