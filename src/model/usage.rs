//! Tokens and cost.

use serde::{Deserialize, Serialize};

use super::kind::{text_enum, word_serde};

/// Token counts of a model call. A count that was not reported is `None`, never 0.
///
/// After interpretation the counts follow OpenTelemetry's rule: `input` includes cached tokens and `output` includes reasoning
/// tokens; [`Usage::basis`] says how that was known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// Tokens of the answer, reasoning included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// Input and output together, when the producer said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Input tokens read from the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// Input tokens written to the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// Output tokens spent on reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// How inclusive and exclusive counts were told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<UsageBasis>,
}

impl Usage {
    /// Input and output tokens.
    #[must_use]
    pub const fn new(input: u64, output: u64) -> Self {
        Self {
            input: Some(input),
            output: Some(output),
            total: None,
            cache_read: None,
            cache_write: None,
            reasoning: None,
            basis: None,
        }
    }

    /// Sets the input tokens that were read from the provider's cache.
    #[must_use]
    pub const fn with_cache_read(mut self, tokens: u64) -> Self {
        self.cache_read = Some(tokens);
        self
    }

    /// Sets the input tokens that were written to the provider's cache.
    #[must_use]
    pub const fn with_cache_write(mut self, tokens: u64) -> Self {
        self.cache_write = Some(tokens);
        self
    }

    /// Sets the output tokens that were spent on reasoning.
    #[must_use]
    pub const fn with_reasoning(mut self, tokens: u64) -> Self {
        self.reasoning = Some(tokens);
        self
    }

    /// Whether any count was reported.
    #[must_use]
    pub const fn is_reported(&self) -> bool {
        self.input.is_some()
            || self.output.is_some()
            || self.total.is_some()
            || self.cache_read.is_some()
            || self.cache_write.is_some()
            || self.reasoning.is_some()
    }

    /// The total: reported, else input plus output where one of them is known.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.total.or_else(|| match (self.input, self.output) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0).saturating_add(output.unwrap_or(0))),
        })
    }
}

text_enum! {
    /// How the meaning of reported input tokens was decided (whether they include cached ones).
    pub enum UsageBasis, "usage basis" {
        /// The producer is known to include cached tokens.
        Inclusive = "inclusive",
        /// The producer is known to leave cached tokens out; they were added.
        Exclusive = "exclusive",
        /// The reported total decided.
        InferredTotal = "inferred_total",
        /// More cached tokens than input tokens: only the exclusive reading is possible.
        InferredImpossible = "inferred_impossible",
        /// Nothing decided; taken as inclusive, as OpenTelemetry asks producers to report.
        Assumed = "assumed",
    }
}

word_serde!(UsageBasis);

text_enum! {
    /// Where a cost comes from. A reported cost is never replaced by a computed one.
    pub enum CostSource, "cost source" {
        /// The provider or gateway said it.
        Provider = "provider",
        /// The instrumented program said it.
        Client = "client",
        /// Computed here from tokens and a price table.
        Computed = "computed",
    }
}

word_serde!(CostSource);

/// A cost in US dollars, in billionths (nano-USD), with its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Billionths of a US dollar.
    pub nano_usd: i64,
    /// Who said so.
    pub source: CostSource,
    /// The price table, for computed costs.
    pub price_version: Option<String>,
}

impl Cost {
    /// The cost in US dollars.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for display: f64 holds 9 million dollars to the nano")]
    pub fn usd(&self) -> f64 {
        self.nano_usd as f64 / 1e9
    }

    /// The cost of `usd` dollars, rounded to nano-USD; `None` when it is no finite number or out of range.
    #[must_use]
    pub fn from_usd(usd: f64, source: CostSource) -> Option<Self> {
        let nano = (usd * 1e9).round();
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        (nano.is_finite() && nano.abs() < 9.2e18).then_some(Self { nano_usd: nano as i64, source, price_version: None })
    }
}
