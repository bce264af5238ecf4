//! Spans as fragments of torn runs, or as what has fragments.

use crate::model::{IdentityField, InterpretedSpan, Kind};
use crate::store::rows::SpanRow;
use crate::store::write::graph::kind;
use crate::store::write::lineage;
use crate::store::write::structure::runs::voice;

/// How far the clocks of two traces of a process may be apart: where the layer made them, only while the
/// clock is set.
pub(super) const SKEW_NS: i64 = 1_000_000;

/// A span that may be a fragment's root, or have fragments.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(super) trace_id: Vec<u8>,
    pub(super) span_id: Vec<u8>,
    pub(super) process_id: Vec<u8>,
    pub(super) start_ns: i64,
    /// None while it runs.
    pub(super) end_ns: Option<i64>,
    pub(super) role: Role,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
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
    pub(super) fn of(row: &SpanRow, role: Role) -> Option<Self> {
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
    pub(super) fn by(&self, row: &SpanRow) -> Option<Self> {
        match &self.role {
            Role::Run(_) => host(row).filter(|host| matches!(host.role, Role::Run(_))),
            Role::Tool(_) => Self::of(row, Role::Tool(row.parent_span_id.is_none())),
            _ if row.parent_span_id.is_some() => None,
            Role::Call(_) => Self::of(row, Role::Call(voice(row)?.to_owned())),
            Role::Plain => Self::of(row, Role::Plain),
        }
    }

    pub(super) fn is_fragment(&self) -> bool {
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
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.process_id == other.process_id
            && other.end_ns.is_none_or(|end| self.start_ns <= end)
            && self.end_ns.is_none_or(|end| end >= other.start_ns)
    }

    /// Whether `host` is what such a fragment stands under.
    pub(super) fn stands_under(&self, host: &Self, skew_ns: i64) -> bool {
        host.contains(self, skew_ns)
            && match (&self.role, &host.role) {
                (Role::Call(agent), Role::Run(run)) => agent == run,
                (Role::Tool(_), Role::Run(_)) | (Role::Plain, Role::Tool(_)) => true,
                _ => false,
            }
    }
}

/// A span as one that may have fragments.
pub(super) fn host(row: &SpanRow) -> Option<Place> {
    match kind(row) {
        Kind::Tool => Place::of(row, Role::Tool(row.parent_span_id.is_none())),
        Kind::Agent if row.parent_span_id.is_none() => {
            let own = row.agent_name.clone().filter(|_| !lineage::is_inherited(row, IdentityField::AgentName));
            Place::of(row, Role::Run(own?))
        }
        _ => None,
    }
}
