//! Reported cost, in US dollars. What is computed from prices is another step's; a reported cost is never replaced.
//!
//! OpenTelemetry has no cost attribute yet. `gen_ai.usage.cost.{amount,currency,source}` is its proposal, `gen_ai.usage.cost` is what
//! gateways send, `llm.cost.*` is `OpenInference`'s, `operation.cost` Logfire's.

use super::reading::Reading;
use super::{coerce, field};
use crate::model::{Cost, CostSource};

/// The cost that the span reports in US dollars: the provider's or gateway's word before the program's. An amount in another currency
/// and a negative one are no cost in dollars: `None`.
pub(super) fn read(reading: &Reading<'_>) -> Option<Cost> {
    let is_usd = reading.text(&["gen_ai.usage.cost.currency"]).is_none_or(|unit| unit.eq_ignore_ascii_case("usd"));
    let amount = reading.float(&["gen_ai.usage.cost.amount"]).filter(|_| is_usd);
    let by_provider = reading.text(&["gen_ai.usage.cost.source"]).is_some_and(|source| source == "provider");
    let provider = amount
        .filter(|_| by_provider)
        .or_else(|| details(reading))
        .or_else(|| reading.float(&["gen_ai.usage.cost"]))
        .map(|usd| (usd, CostSource::Provider));
    let client = || {
        reading
            .float(&[field::COST_USD])
            .or(amount)
            .or_else(|| reading.float(&["llm.cost.total"]))
            .or_else(|| Some(reading.float(&["llm.cost.prompt"])? + reading.float(&["llm.cost.completion"])?))
            .or_else(|| reading.float(&["operation.cost", "ai.total_cost"]))
            .map(|usd| (usd, CostSource::Client))
    };
    let (usd, source) = provider.or_else(client).filter(|(usd, _)| *usd >= 0.0)?;
    Cost::from_usd(usd, source)
}

/// Langfuse's cost details: a JSON object of disjoint parts, sometimes with their `total`.
fn details(reading: &Reading<'_>) -> Option<f64> {
    let json = ["langfuse.observation.cost_details", "cost_details_json"]
        .iter()
        .find_map(|key| coerce::json(reading.get(key)?))?;
    let parts = json.as_object()?;
    let total = parts.get("total").and_then(serde_json::Value::as_f64);
    total.or_else(|| {
        let parts: Vec<f64> = parts.values().filter_map(serde_json::Value::as_f64).collect();
        (!parts.is_empty()).then(|| parts.iter().sum())
    })
}
