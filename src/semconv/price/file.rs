//! A price table as it stands in a file.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::rates::Rates;
use super::table::{Price, PriceTable, wrong_price};
use crate::error::{Error, ErrorKind, Result};

/// The name of a table that has none.
const UNNAMED: &str = "own prices";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<E> {
    name: Option<String>,
    prices: Vec<E>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    model: String,
    provider: Option<String>,
    valid_from: Option<String>,
    input: Option<f64>,
    output: Option<f64>,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
    reasoning: Option<f64>,
    request: Option<f64>,
}

impl Entry {
    fn price(self) -> Result<Price, String> {
        let mut price = Price::new(&self.model);
        if let Some(provider) = &self.provider {
            price = price.provider(provider);
        }
        if let Some(text) = &self.valid_from {
            let fault =
                || format!("`valid_from` is {text:?}; write a date (2026-11-22) or a time (2026-11-22T08:00:00Z)");
            price = price.valid_from_ns(instant(text).ok_or_else(fault)?);
        }
        price.rates = Rates {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            reasoning: self.reasoning,
            request: self.request,
        };
        Ok(price)
    }
}

/// Nanoseconds since 1970 of an RFC 3339 time, or of a date or a time without offset, which are UTC, as in filters.
fn instant(text: &str) -> Option<i64> {
    let utc = || Some(text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    let time = text.parse::<Timestamp>().ok().or_else(utc)?;
    i64::try_from(time.as_nanosecond()).ok()
}

impl File<Entry> {
    fn table(self) -> Result<PriceTable> {
        let price = |(place, entry): (usize, Entry)| {
            let model = entry.model.clone();
            entry.price().map_err(|fault| refused(wrong_price(place, Some(&model), &fault)))
        };
        let prices: Vec<Price> = self.prices.into_iter().enumerate().map(price).collect::<Result<_>>()?;
        PriceTable::new(self.name.unwrap_or_else(|| UNNAMED.to_owned()), prices)
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

impl PriceTable {
    /// Reads a table from JSON. Of each price only `model` and a rate must be there.
    ///
    /// ```
    /// let prices = tracing_agents::PriceTable::from_json(r#"{
    ///     "name": "house prices 2026-11",
    ///     "prices": [
    ///         {"model": "gpt-4o-*", "provider": "azure.ai.openai", "valid_from": "2026-11-01",
    ///          "input": 2.25, "output": 9, "cache_read": 1.1, "cache_write": 2.25, "reasoning": 9},
    ///         {"model": "image-maker", "request": 0.04}
    ///     ]
    /// }"#)?;
    /// assert_eq!(prices.name(), "house prices 2026-11");
    ///
    /// let error = tracing_agents::PriceTable::from_json(r#"{"prices": [{"model": "o3", "inptu": 2}]}"#).unwrap_err();
    /// assert!(error.to_string().contains(r#"price 1 of the table, for model "o3", is wrong: unknown field `inptu`"#));
    /// # Ok::<(), tracing_agents::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`], naming the price that is wrong and what is wrong with it.
    pub fn from_json(text: &str) -> Result<Self> {
        let File { name, prices }: File<serde_json::Value> = serde_json::from_str(text)
            .map_err(|error| Error::with_source(ErrorKind::InvalidInput, "the price table cannot be read", error))?;
        let entry = |(place, value): (usize, serde_json::Value)| {
            let model = value.get("model").and_then(serde_json::Value::as_str);
            Entry::deserialize(&value).map_err(|error| refused(wrong_price(place, model, &error.to_string())))
        };
        let prices = prices.into_iter().enumerate().map(entry).collect::<Result<_>>()?;
        File { name, prices }.table()
    }
}

/// As [`PriceTable::from_json`] reads it: a map of `name` and `prices`.
impl<'de> Deserialize<'de> for PriceTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        File::<Entry>::deserialize(deserializer)?.table().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refusal(json: &str) -> String {
        let error = PriceTable::from_json(json).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.to_string()
    }

    #[test]
    fn an_error_names_the_price() {
        for (entry, fault) in [
            (r#"{"input": 1}"#, "missing field `model`"),
            (r#"{"model": "", "input": 1}"#, "names no model"),
            (r#"{"model": "m", "input": -1}"#, "`input` is -1"),
            (r#"{"model": "m", "input": "1"}"#, "expected f64"),
            (r#"{"model": "m"}"#, "none of `input`, `output` and `request`"),
            (r#"{"model": "m", "input": 1, "valid_from": "2026-02-30"}"#, "`valid_from` is \"2026-02-30\""),
            (r#"{"model": "m", "prompt": 1}"#, "unknown field `prompt`"),
        ] {
            let message = refusal(&format!(r#"{{"prices": [{{"model": "fine", "input": 1}}, {entry}]}}"#));
            assert!(message.contains("price 2 of the table") && message.contains(fault), "{message}");
        }
        assert!(refusal("[]").contains("the price table cannot be read"));
        assert!(refusal(r#"{"prices": [], "version": 2}"#).contains("unknown field `version`"));
    }

    #[test]
    fn dates_and_times_are_read() {
        assert_eq!(instant("1970-01-02"), Some(86_400_000_000_000));
        assert_eq!(instant("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(instant("1970-01-01T01:00"), Some(3_600_000_000_000));
        assert_eq!(instant("1969-12-31"), Some(-86_400_000_000_000));
        assert_eq!(instant("yesterday"), None);
    }

    #[test]
    fn a_table_is_a_part_of_any_configuration() {
        #[derive(Deserialize)]
        struct Configuration {
            prices: PriceTable,
        }
        let json = r#"{"prices": {"prices": [{"model": "m", "input": 1}]}}"#;
        let Configuration { prices } = serde_json::from_str(json).unwrap();
        assert_eq!((prices.name(), prices.len()), ("own prices", 1));
        assert_eq!(prices, PriceTable::new("own prices", [Price::new("m").input(1.0)]).unwrap());
        let wrong = json.replace("1}", "-1}");
        assert!(
            serde_json::from_str::<Configuration>(&wrong).is_err_and(|error| error.to_string().contains("price 1"))
        );
    }
}
