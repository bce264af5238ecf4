//! A program's own prices.

use std::time::SystemTime;

use super::Call;
use super::pattern::Pattern;
use super::rates::Rates;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Usage;
use crate::model::time::unix_ns;
use crate::semconv::provider;

/// What one model, or several of like names, costs: US dollars for a million tokens.
///
/// A rate that is not given is not charged, but cached input tokens cost what other input does unless they have a rate, and reasoning
/// what other output does. A price needs a rate for input, output or the call.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a price counts in a `PriceTable`"]
pub struct Price {
    model: Pattern,
    provider: Option<String>,
    /// Nanoseconds since 1970; ever since without one.
    valid_from_ns: Option<i64>,
    pub(super) rates: Rates,
}

impl Price {
    /// A price for the model of this name, in either case of its letters. `*` stands for any text: `gpt-4o-*`.
    pub fn new(model: &str) -> Self {
        Self { model: Pattern::new(model), provider: None, valid_from_ns: None, rates: Rates::default() }
    }

    /// Only for calls of this provider, in any of its usual spellings (`aws.bedrock`, `bedrock`).
    pub fn provider(mut self, provider: &str) -> Self {
        self.provider = Some(provider::canonical(provider));
        self
    }

    /// Only for calls that start at this time or later.
    pub fn valid_from(self, time: SystemTime) -> Self {
        self.valid_from_ns(unix_ns(time))
    }

    /// The same, in nanoseconds since 1970.
    pub(super) const fn valid_from_ns(mut self, nanos: i64) -> Self {
        self.valid_from_ns = Some(nanos);
        self
    }

    /// US dollars for a million input tokens.
    pub const fn input(mut self, usd: f64) -> Self {
        self.rates.input = Some(usd);
        self
    }

    /// US dollars for a million output tokens.
    pub const fn output(mut self, usd: f64) -> Self {
        self.rates.output = Some(usd);
        self
    }

    /// US dollars for a million input tokens that are read from the provider's cache.
    pub const fn cache_read(mut self, usd: f64) -> Self {
        self.rates.cache_read = Some(usd);
        self
    }

    /// US dollars for a million input tokens that are written to the provider's cache.
    pub const fn cache_write(mut self, usd: f64) -> Self {
        self.rates.cache_write = Some(usd);
        self
    }

    /// US dollars for a million output tokens that are spent on reasoning.
    pub const fn reasoning(mut self, usd: f64) -> Self {
        self.rates.reasoning = Some(usd);
        self
    }

    /// US dollars for each call, besides its tokens.
    pub const fn request(mut self, usd: f64) -> Self {
        self.rates.request = Some(usd);
        self
    }

    /// US dollars for a call of this usage, as far as it can be told.
    pub(super) fn usd(&self, usage: &Usage) -> Option<f64> {
        self.rates.usd(usage)
    }

    fn is_for(&self, provider: Option<&str>, model: &str, start_ns: i64) -> bool {
        self.valid_from_ns.is_none_or(|from| from <= start_ns)
            && self.provider.as_deref().is_none_or(|own| provider == Some(own))
            && self.model.matches(model)
    }

    /// What wins of several prices of a call: one for its provider, the most specific name, the latest beginning.
    fn rank(&self) -> (bool, (bool, usize), Option<i64>) {
        (self.provider.is_some(), self.model.rank(), self.valid_from_ns)
    }

    fn fault(&self) -> Option<String> {
        if self.model.as_str().is_empty() { Some("it names no model".to_owned()) } else { self.rates.fault() }
    }
}

/// Prices of your own, for what the bundled table does not know or does not know right: discounts, gateways, models that you host.
///
/// They come before the bundled prices (feature `pricing`), and count without that feature too. Of several prices that match a call,
/// one for its provider wins over one for any, then a whole name over one with `*` and a longer one over a shorter one, then the one
/// that is valid from later on, then the last.
///
/// ```
/// use tracing_agents::{AgentTracing, Price, PriceTable};
///
/// let prices = PriceTable::new("house prices 2026-11", [
///     Price::new("llama-3.3-*").provider("groq").input(0.59).output(0.79),
///     Price::new("our-finetune").input(0.0).output(0.0),
/// ])?;
/// let tracing = AgentTracing::builder("sqlite::memory:").prices(prices).open()?;
/// # Ok::<(), tracing_agents::Error>(())
/// ```
///
/// It can be kept in a file: with [`from_json`](Self::from_json), or as a part of your configuration, in any format of serde's.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PriceTable {
    name: String,
    prices: Vec<Price>,
}

impl PriceTable {
    /// A table. Each cost that is computed by it carries its name, so that it can be told by which prices: name the version too.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`], naming the price, for one without a model or a rate, or with a rate below 0.
    pub fn new(name: impl Into<String>, prices: impl IntoIterator<Item = Price>) -> Result<Self> {
        let table = Self { name: name.into(), prices: prices.into_iter().collect() };
        for (place, price) in table.prices.iter().enumerate() {
            if let Some(fault) = price.fault() {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    wrong_price(place, Some(price.model.as_str()), &fault),
                ));
            }
        }
        Ok(table)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many prices it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.prices.len()
    }

    /// Whether it has no price.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.prices.is_empty()
    }

    /// The price of a call.
    pub(super) fn find(&self, call: &Call<'_>) -> Option<&Price> {
        call.models().find_map(|model| {
            let prices = self.prices.iter().filter(|price| price.is_for(call.provider, model, call.start_ns));
            prices.max_by_key(|price| price.rank())
        })
    }
}

/// Which price of a table is wrong, counted from 1, and why.
pub(super) fn wrong_price(place: usize, model: Option<&str>, fault: &str) -> String {
    let number = place + 1;
    match model {
        Some(model) => format!("price {number} of the table, for model {model:?}, is wrong: {fault}"),
        None => format!("price {number} of the table is wrong: {fault}"),
    }
}
