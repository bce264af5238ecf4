//! Deciding on whole traces, when they are over.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Selected;
use super::evidence::{Evidence, Reason};
use super::memory::Memory;
use crate::model::{IdentityField, InterpretedSpan, TraceId};
use crate::pipeline::health::KeptTraces;

/// The lowest 56 bits of a trace id are random.
const RANGE: u64 = 1 << 56;

/// Which traces are kept, decided by all of their spans ("tail sampling"): those that something speaks for, and a share of the rest.
///
/// The spans of a trace are held in memory until one of them speaks for the trace, or its root ends (the span without a parent in this
/// process); spans that come later follow the decision. Where several processes work on a trace each decides on its own part; the share of
/// the rest is the same in all of them, because it goes by the trace id.
///
/// Nothing is discarded for want of room or time: beyond [`max_held_spans`](Self::max_held_spans) the trace that waits longest is kept. What is
/// held is lost if the process is killed, and [`force_flush`](crate::AgentTracing::force_flush) does not wait for it.
///
/// ```
/// use std::time::Duration;
/// use tracing_agents::{AgentTracing, TailSampling};
///
/// let sampling = TailSampling::new()
///     .keep_errors()
///     .keep_slower_than(Duration::from_secs(30))
///     .keep_costlier_than(0.50)
///     .keep_agent("Refunds")
///     .keep_share(0.1);
/// let tracing = AgentTracing::builder("sqlite::memory:").tail_sampling(sampling).open()?;
/// # Ok::<(), tracing_agents::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a sampling does nothing until it is given to `Builder::tail_sampling`"]
pub struct TailSampling {
    pub(super) errors: bool,
    pub(super) slower_than: Option<Duration>,
    pub(super) costlier_than_nano_usd: Option<i64>,
    pub(super) tokens_above: Option<u64>,
    pub(super) chosen: Vec<(IdentityField, String)>,
    /// The random part of a trace id is at least this where the trace is of the share that is kept of the rest.
    threshold: u64,
    decision_wait: Duration,
    max_held_spans: usize,
}

impl Default for TailSampling {
    fn default() -> Self {
        Self::new()
    }
}

impl TailSampling {
    /// One that keeps nothing yet.
    pub const fn new() -> Self {
        Self {
            errors: false,
            slower_than: None,
            costlier_than_nano_usd: None,
            tokens_above: None,
            chosen: Vec::new(),
            threshold: RANGE,
            decision_wait: Duration::from_secs(600),
            max_held_spans: 50_000,
        }
    }

    /// Keeps traces in which a span failed.
    pub const fn keep_errors(mut self) -> Self {
        self.errors = true;
        self
    }

    /// Keeps traces that take longer, from the start of the first span to the end of the last.
    pub const fn keep_slower_than(mut self, duration: Duration) -> Self {
        self.slower_than = Some(duration);
        self
    }

    /// Keeps traces whose model calls cost more, in US dollars, as far as the cost is known.
    pub fn keep_costlier_than(mut self, usd: f64) -> Self {
        let cost = crate::model::Cost::from_usd(usd, crate::model::CostSource::Client);
        self.costlier_than_nano_usd = cost.map(|cost| cost.nano_usd);
        self
    }

    /// Keeps traces whose model calls take more tokens, in and out.
    pub const fn keep_tokens_above(mut self, tokens: u64) -> Self {
        self.tokens_above = Some(tokens);
        self
    }

    /// Keeps traces in which the agent, team or workflow of this name or id takes part.
    pub fn keep_agent(self, name_or_id: impl Into<String>) -> Self {
        let name = name_or_id.into();
        [
            IdentityField::AgentName,
            IdentityField::AgentId,
            IdentityField::TeamName,
            IdentityField::TeamId,
            IdentityField::WorkflowName,
            IdentityField::WorkflowId,
        ]
        .into_iter()
        .fold(self, |sampling, field| sampling.keep(field, name.clone()))
    }

    /// Keeps traces of this user.
    pub fn keep_user(self, id: impl Into<String>) -> Self {
        self.keep(IdentityField::UserId, id)
    }

    /// Keeps traces of this session.
    pub fn keep_session(self, id: impl Into<String>) -> Self {
        self.keep(IdentityField::SessionId, id)
    }

    /// Keeps traces in which a span has this id or name.
    pub fn keep(mut self, field: IdentityField, value: impl Into<String>) -> Self {
        self.chosen.push((field, value.into()));
        self
    }

    /// Keeps this share of the traces that nothing else speaks for, from 0 (none, the default) to 1 (all).
    ///
    /// By the random part of the trace id, as OpenTelemetry's consistent probability sampling has it: whoever keeps a share as large or larger
    /// keeps these too.
    pub fn keep_share(mut self, share: f64) -> Self {
        let share = if share.is_nan() { 1.0 } else { share.clamp(0.0, 1.0) };
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "2⁵⁶ is a power of two, and the product is between 0 and that"
        )]
        let threshold = ((1.0 - share) * RANGE as f64) as u64;
        self.threshold = threshold;
        self
    }

    /// A trace that had no new span for so long is decided on, although its root has not ended: its root may be another process's. By default
    /// 10 minutes, which is longer than agents wait for anything but people.
    pub const fn decision_wait(mut self, wait: Duration) -> Self {
        self.decision_wait = wait;
        self
    }

    /// Spans that are held in memory at most. By default 50,000.
    pub const fn max_held_spans(mut self, spans: usize) -> Self {
        self.max_held_spans = spans;
        self
    }

    /// Whether a trace is of the share that is kept of the rest.
    fn shares(&self, trace: TraceId) -> bool {
        let [_, _, _, _, _, _, _, _, _, random @ ..] = trace.to_bytes();
        random.into_iter().fold(0, |number, byte| number << 8 | u64::from(byte)) >= self.threshold
    }
}

/// Traces on which nothing is decided, and what was decided on others.
#[derive(Debug)]
pub(super) struct Tail {
    sampling: TailSampling,
    waiting: HashMap<TraceId, Waiting>,
    held: usize,
    /// Whether the trace is kept.
    decided: Memory<TraceId, bool>,
    kept: KeptTraces,
    discarded: u64,
}

#[derive(Debug)]
struct Waiting {
    spans: Vec<InterpretedSpan>,
    evidence: Evidence,
    /// When its last span came.
    last: Instant,
}

impl Tail {
    pub(super) fn new(sampling: TailSampling) -> Self {
        let (waiting, decided, kept) = Default::default();
        Self { sampling, waiting, held: 0, decided, kept, discarded: 0 }
    }

    /// Whether the trace is kept, if that is decided.
    pub(super) fn keeps(&self, trace: TraceId) -> Option<bool> {
        self.decided.get(&trace).copied()
    }

    pub(super) fn is_of_share(&self, trace: TraceId) -> bool {
        self.sampling.shares(trace)
    }

    pub(super) const fn kept_traces(&self) -> KeptTraces {
        self.kept
    }

    pub(super) const fn discarded_traces(&self) -> u64 {
        self.discarded
    }

    /// Takes a span that ended.
    pub(super) fn offer(&mut self, span: InterpretedSpan, now: Instant, selected: &mut Selected) {
        let trace = span.span.trace_id;
        match self.keeps(trace) {
            Some(true) => return selected.keep.push(span),
            Some(false) => {
                selected.by_trace += 1;
                selected.discarded.extend(span.record.origin);
                return;
            }
            None => {}
        }
        let is_root = span.span.parent_span_id.is_none() || span.span.parent_is_remote;
        let waiting = self.waiting.entry(trace).or_insert_with(|| Waiting {
            spans: Vec::new(),
            evidence: Evidence::default(),
            last: now,
        });
        waiting.last = now;
        waiting.evidence.add(&span.span, &self.sampling);
        waiting.spans.push(span);
        self.held += 1;
        selected.held += 1;
        if let Some(reason) = waiting.evidence.speaks_for(&self.sampling) {
            self.keep(trace, reason, selected);
        } else if is_root {
            self.decide(trace, selected);
        } else if self.held > self.sampling.max_held_spans {
            self.make_room(selected);
        }
    }

    /// Decides on the traces that had no new span for long.
    pub(super) fn decide_idle(&mut self, now: Instant, selected: &mut Selected) {
        let wait = self.sampling.decision_wait;
        let is_idle = |waiting: &Waiting| now.saturating_duration_since(waiting.last) >= wait;
        let idle: Vec<_> = self.waiting.iter().filter(|(_, waiting)| is_idle(waiting)).map(|(id, _)| *id).collect();
        idle.into_iter().for_each(|trace| self.decide(trace, selected));
    }

    pub(super) fn decide_all(&mut self, selected: &mut Selected) {
        let all: Vec<_> = self.waiting.keys().copied().collect();
        all.into_iter().for_each(|trace| self.decide(trace, selected));
    }

    /// Nothing speaks for the trace: it is kept if it is of the share.
    fn decide(&mut self, trace: TraceId, selected: &mut Selected) {
        if self.sampling.shares(trace) {
            return self.keep(trace, Reason::Share, selected);
        }
        self.decided.add(trace, false);
        self.discarded += 1;
        if let Some(waiting) = self.take(trace, selected) {
            selected.by_trace += u64::try_from(waiting.spans.len()).unwrap_or(u64::MAX);
            selected.discarded.extend(waiting.spans.iter().filter_map(|span| span.record.origin));
        }
    }

    fn keep(&mut self, trace: TraceId, reason: Reason, selected: &mut Selected) {
        self.decided.add(trace, true);
        let counter = match reason {
            Reason::Error => &mut self.kept.error,
            Reason::Slow => &mut self.kept.slow,
            Reason::Cost => &mut self.kept.cost,
            Reason::Tokens => &mut self.kept.tokens,
            Reason::Chosen => &mut self.kept.chosen,
            Reason::Share => &mut self.kept.share,
            Reason::Early => &mut self.kept.early,
        };
        *counter += 1;
        if let Some(waiting) = self.take(trace, selected) {
            selected.keep.extend(waiting.spans);
        }
    }

    fn take(&mut self, trace: TraceId, selected: &mut Selected) -> Option<Waiting> {
        let waiting = self.waiting.remove(&trace)?;
        self.held -= waiting.spans.len();
        selected.held -= i64::try_from(waiting.spans.len()).unwrap_or(i64::MAX);
        Some(waiting)
    }

    /// Keeps the trace that waits longest.
    fn make_room(&mut self, selected: &mut Selected) {
        let longest = self.waiting.iter().min_by_key(|(_, waiting)| waiting.last).map(|(id, _)| *id);
        if let Some(trace) = longest {
            self.keep(trace, Reason::Early, selected);
        }
    }
}
