//! What the spans of a trace say for keeping it.

use std::time::Duration;

use super::tail::TailSampling;
use crate::model::{IdentityField, Span, StatusCode, Usage};

/// Why a trace is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Error,
    Slow,
    Cost,
    Tokens,
    Chosen,
    /// It is of the share that is kept of the rest.
    Share,
    /// There was no room to wait for its end.
    Early,
}

/// What is known of a trace so far.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    has_error: bool,
    is_chosen: bool,
    start_ns: Option<i64>,
    end_ns: i64,
    /// Of model calls, and as the runs report them: the same tokens are told at several places, so the larger sum counts.
    called: Sum,
    reported: Sum,
}

#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    tokens: u64,
    nano_usd: i64,
}

impl Evidence {
    /// Takes in a span that ended.
    pub(super) fn add(&mut self, span: &Span, sampling: &TailSampling) {
        self.has_error |= span.status.code == StatusCode::Error;
        self.is_chosen |= sampling.chosen.iter().any(|(field, value)| is_in(span, *field, value));
        self.start_ns = Some(self.start_ns.map_or(span.start_ns, |start| start.min(span.start_ns)));
        self.end_ns = self.end_ns.max(span.end_ns.unwrap_or(span.start_ns));
        let tokens = span.usage.as_ref().and_then(Usage::total).unwrap_or(0);
        let nano_usd = span.cost.as_ref().map_or(0, |cost| cost.nano_usd);
        if span.kind.is_model_call() {
            self.called.tokens = self.called.tokens.saturating_add(tokens);
            self.called.nano_usd = self.called.nano_usd.saturating_add(nano_usd);
        } else {
            self.reported.tokens = self.reported.tokens.max(tokens);
            self.reported.nano_usd = self.reported.nano_usd.max(nano_usd);
        }
    }

    /// Why the trace is to be kept, as far as its spans tell; what comes later takes nothing of it back.
    pub(super) fn speaks_for(&self, sampling: &TailSampling) -> Option<Reason> {
        let lasted = self.end_ns.saturating_sub(self.start_ns.unwrap_or(self.end_ns));
        let lasted = Duration::from_nanos(u64::try_from(lasted).unwrap_or(0));
        let tokens = self.called.tokens.max(self.reported.tokens);
        let nano_usd = self.called.nano_usd.max(self.reported.nano_usd);
        [
            (self.is_chosen, Reason::Chosen),
            (sampling.errors && self.has_error, Reason::Error),
            (sampling.slower_than.is_some_and(|limit| lasted > limit), Reason::Slow),
            (sampling.costlier_than_nano_usd.is_some_and(|limit| nano_usd > limit), Reason::Cost),
            (sampling.tokens_above.is_some_and(|limit| tokens > limit), Reason::Tokens),
        ]
        .into_iter()
        .find_map(|(holds, reason)| holds.then_some(reason))
    }
}

fn is_in(span: &Span, field: IdentityField, value: &str) -> bool {
    span.identity.get(field) == Some(value)
}
