//! One trace's part of a batch: its spans merged with what is stored, in memory.

use std::collections::BTreeMap;

use diesel::result::QueryResult;

use super::Prepared;
use super::graph::{Graph, SpanKey};
use super::prepare::previews;
use super::summary::Change;
use crate::model::{Event, InterpretedSpan};
use crate::store::content::Parts as SharedParts;
use crate::store::rows::{ContentRow, TraceRow};

/// The spans of a batch that belong to one trace, each in its newest version.
pub(super) struct Part<'a> {
    pub(super) trace_id: &'a [u8],
    /// Until they are [merged](Self::merge).
    pub(super) spans: BTreeMap<SpanKey, Prepared<'a>>,
    /// The stored summary; none for a new trace.
    pub(super) before: Option<TraceRow>,
    /// The stored rows that the batch can change, and what they become.
    pub(super) graph: Graph,
    /// The spans that are newer than what is stored, in the order of their ids.
    pub(super) applied: Vec<Applied<'a>>,
}

/// A span that is newer than what is stored; its row is in the graph.
pub(super) struct Applied<'a> {
    pub(super) span: SpanKey,
    pub(super) content: ContentRow,
    pub(super) parts: SharedParts,
    /// Whether no version of it is stored.
    pub(super) is_new: bool,
    item: &'a InterpretedSpan,
}

/// The parts of a batch, by trace.
pub(super) type Parts<'a> = BTreeMap<&'a [u8], Part<'a>>;

/// Divides a batch by its traces.
pub(super) fn parts(batch: Vec<Prepared<'_>>) -> Parts<'_> {
    let mut parts: Parts<'_> = BTreeMap::new();
    for prepared in batch {
        let trace_id: &[u8] = prepared.item.span.trace_id.as_bytes();
        let part = parts.entry(trace_id).or_insert_with(|| Part::new(trace_id));
        match part.spans.get_mut(&prepared.row.span_id) {
            None => {
                part.spans.insert(prepared.row.span_id.clone(), prepared);
            }
            Some(newest) if prepared.row.outranks(&newest.row) => {
                let older = std::mem::replace(newest, prepared);
                newest.row.stay_interrupted(&older.row);
            }
            Some(newest) => newest.row.stay_interrupted(&prepared.row),
        }
    }
    parts
}

impl<'a> Part<'a> {
    /// A trace of which no spans come, with its stored summary.
    pub(super) fn of_stored(trace_id: &'a [u8], before: TraceRow) -> Self {
        Self { before: Some(before), ..Self::new(trace_id) }
    }

    fn new(trace_id: &'a [u8]) -> Self {
        Self { trace_id, spans: BTreeMap::new(), before: None, graph: Graph::default(), applied: Vec::new() }
    }

    /// Puts the versions that are newer than the stored ones in place.
    pub(super) fn merge(&mut self) {
        self.applied.reserve(self.spans.len());
        for (span, Prepared { item, row, content, parts, .. }) in std::mem::take(&mut self.spans) {
            let is_new = !self.graph.contains(&span);
            if self.graph.apply(row) {
                self.applied.push(Applied { span, content, parts, is_new, item });
            }
        }
    }

    /// Whether one of the new versions tells about other spans.
    pub(super) fn tells_of_others(&self) -> bool {
        self.applied.iter().any(|applied| applied.content.told.is_some())
    }

    /// How the trace's summary changes; not at all where nothing is newer than what is stored.
    pub(super) fn change(&self) -> QueryResult<Option<Change<'_>>> {
        let Some(mut change) = Change::of(self.before.as_ref(), &self.graph) else {
            // A trace that is not stored has no versions that could be newer.
            return if self.before.is_some() { Ok(None) } else { Err(diesel::result::Error::NotFound) };
        };
        if let Some(applied) = change.named_by.and_then(|span| self.applied.iter().find(|applied| applied.span == span))
            && !change.needs_recompute
        {
            (change.trace.input_preview, change.trace.output_preview) = previews(applied.item, Vec::new());
        }
        Ok(Some(change))
    }

    /// The starts of the input and output of a span that the batch brought, with the events that were logged of it.
    pub(super) fn previews(&self, span: &[u8], logged: Vec<Event>) -> Option<(Option<String>, Option<String>)> {
        let applied = self.applied.iter().find(|applied| applied.span == span)?;
        Some(previews(applied.item, logged))
    }
}
