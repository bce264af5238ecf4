//! What a model call costs, where nobody reports it: computed from its tokens, at its start, by a table of prices.
//!
//! This is a step after [`interpret`](super::interpret) and not a part of it: what a span means depends on the span alone, what it
//! costs on a table as well, which a program can [replace](PriceTable) and which a later version knows better. It runs where spans are
//! interpreted, on the worker or on the thread that reads ahead, and the large table is loaded there, by the first call that needs it.
//!
//! | decided by | |
//! |---|---|
//! | which calls | a model's own call that reports usage and no cost; a reported cost is never replaced |
//! | which table | the program's own prices, then the bundled ones (feature `pricing`); an own price that matches is the last word |
//! | which model | the one that answered, then the one that was asked for |
//! | which day | the start of the span |
//! | how much | input without cached tokens, cached tokens, output without reasoning, reasoning: each at its rate |
//!
//! What cannot be priced has no cost, which is not a cost of 0: an unknown model, a count that is charged and was not reported, counts
//! that contradict each other. A price of 0 is one.
//!
//! Amounts are `f64` dollars until the end and are then rounded to a billionth of a dollar, half away from zero. The error before that
//! is some 10⁻¹⁶ of the amount: it changes no digit of a call that costs less than a million dollars.

#[cfg(feature = "pricing")]
mod bundled;
mod file;
mod pattern;
mod rates;
mod table;
#[cfg(feature = "pricing")]
mod terms;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use table::{Price, PriceTable};

use crate::model::{Attributes, Cost, CostSource, InterpretedSpan, Span, Told, Usage};

/// Whether the bundled table is compiled in.
const HAS_BUNDLED: bool = cfg!(feature = "pricing");

/// The prices that count: a program's own, then the bundled ones. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prices {
    own: Arc<PriceTable>,
}

/// What a call's price depends on, besides the terms in its attributes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// In OpenTelemetry's spelling.
    pub(crate) provider: Option<&'a str>,
    pub(crate) request_model: Option<&'a str>,
    pub(crate) response_model: Option<&'a str>,
    /// In OpenTelemetry's meaning: parts are included in their whole.
    pub(crate) usage: Usage,
    /// Nanoseconds since 1970.
    pub(crate) start_ns: i64,
}

impl<'a> Call<'a> {
    /// The call that a span stands for; `None` for spans that are no model's own call, or report no usage.
    fn of(span: &'a Span) -> Option<Self> {
        let usage = span.usage.filter(|_| span.kind.is_model_call())?;
        Some(Self {
            provider: span.provider.as_deref(),
            request_model: span.request_model.as_deref(),
            response_model: span.response_model.as_deref(),
            usage,
            start_ns: span.start_ns,
        })
    }

    /// The call that an event stands for.
    fn told(told: &'a Told) -> Option<Self> {
        let usage = told.usage.filter(|_| told.kind.is_model_call())?;
        let call = told.unrecorded.as_ref()?;
        Some(Self {
            provider: call.provider.as_deref(),
            request_model: call.request_model.as_deref(),
            response_model: call.response_model.as_deref(),
            usage,
            start_ns: told.time_ns.saturating_sub(call.duration_ns.unwrap_or(0)),
        })
    }

    /// The names to look up, the one that answered first: it is the one that is billed.
    fn models(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.response_model.into_iter().chain(self.request_model)
    }
}

impl Prices {
    /// These prices, and below them the bundled ones.
    pub(crate) fn new(own: PriceTable) -> Self {
        Self { own: Arc::new(own) }
    }

    /// Whether no call can have a price.
    pub(crate) fn is_empty(&self) -> bool {
        self.own.is_empty() && !HAS_BUNDLED
    }

    /// Whether a price can depend on a call's attributes.
    pub(crate) const fn read_attributes() -> bool {
        HAS_BUNDLED
    }

    /// Gives a model call that reports usage and no cost its computed one, if there is a price; and the calls that have no span of their own
    /// but are told by this one.
    pub(crate) fn apply(&self, item: &mut InterpretedSpan) {
        for told in &mut item.told {
            let cost = Call::told(told).and_then(|call| self.cost(&call, &Attributes::new()));
            if let Some(call) = &mut told.unrecorded {
                call.cost = call.cost.take().or(cost);
            }
        }
        if item.span.cost.is_none()
            && let Some(call) = Call::of(&item.span)
        {
            item.span.cost = self.cost(&call, &item.record.attributes);
        }
    }

    /// What a call costs; `None` when that cannot be told.
    pub(crate) fn cost(&self, call: &Call<'_>, attributes: &Attributes) -> Option<Cost> {
        if !call.usage.is_reported() {
            return None;
        }
        match self.own.find(call) {
            Some(price) => computed(price.usd(&call.usage)?, self.own.name()),
            None => bundled(call, attributes),
        }
    }
}

/// What a call costs by the bundled table, where it is compiled in.
fn bundled(call: &Call<'_>, attributes: &Attributes) -> Option<Cost> {
    #[cfg(feature = "pricing")]
    return computed(bundled::usd(call, attributes)?, bundled::VERSION);
    #[cfg(not(feature = "pricing"))]
    {
        let _ = (call, attributes);
        None
    }
}

fn computed(usd: f64, version: &str) -> Option<Cost> {
    let cost = Cost::from_usd(usd, CostSource::Computed)?;
    Some(Cost { price_version: Some(version.to_owned()), ..cost })
}
