//! Prices of the models of some fifty providers, with their history: the table of Pydantic's [`genai-prices`], compiled in.
//!
//! Its counts have OpenTelemetry's meaning, as ours. It refuses a part that is greater than its whole, which is the sign of counts that
//! were read in the wrong meaning, and charges nothing for a count that it does not know: so what is asked for here, besides, is whether
//! it would charge for something that was not reported.
//!
//! [`genai-prices`]: https://github.com/pydantic/genai-prices

use std::panic::catch_unwind;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use genai_prices::{Calculator, ErrorKind, PriceRequest, Usage as Counts, UsageKey};

use super::Call;
use super::terms::Terms;
use crate::model::Attributes;

/// What stands on costs that are computed here. The manifest asks for this version of the crate and no other.
pub(super) const VERSION: &str = "genai-prices 0.2.1";

/// Providers that the table has under another name, or would take for somebody else; of a name only letters and digits count.
const ALIASES: &[(&str, &str)] = &[
    ("xai", "x-ai"),
    ("gcpgenai", "google"),
    ("azureaiopenai", "azure"),
    ("azureaiinference", "azure"),
    ("fireworksai", "fireworks"),
    ("togetherai", "together"),
];

/// Where no call is billed by its tokens: programs that run models on one's own machine, and a subscription. By the model's name alone,
/// they would cost what somebody else takes for it.
const NOT_BILLED: &[&str] = &[
    "ollama",
    "llamacpp",
    "llamafile",
    "lmstudio",
    "localai",
    "vllm",
    "sglang",
    "mlx",
    "candle",
    "mistralrs",
    "chatgpt",
];

/// What models are charged by instead of tokens, and tracing does not count.
const UNCOUNTED: &[UsageKey] = &[
    UsageKey::AUDIO_SECONDS,
    UsageKey::INPUT_AUDIO_SECONDS,
    UsageKey::OUTPUT_AUDIO_SECONDS,
    UsageKey::INPUT_CHARACTERS,
    UsageKey::INPUT_DOCUMENT_PAGES,
    UsageKey::INPUT_ANNOTATED_DOCUMENT_PAGES,
    UsageKey::INPUT_PIXELS,
    UsageKey::INPUT_TEXT_MESSAGES,
    UsageKey::RERANK_SEARCHES,
];

/// What a call costs in US dollars.
pub(super) fn usd(call: &Call<'_>, attributes: &Attributes) -> Option<f64> {
    let letters: String = call.provider.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
    // Not even the table is wanted then.
    if NOT_BILLED.contains(&letters.as_str()) || call.models().next().is_none() {
        return None;
    }
    let alias = ALIASES.iter().find_map(|(own, theirs)| (*own == letters).then_some(*theirs));
    let provider = alias.or(call.provider);
    let (table, terms) = (table()?, Terms::read(attributes));
    let counts = counts(call, &terms);
    call.models().find_map(|model| {
        let mut request = PriceRequest::new(model, &counts).with_timestamp(time(call.start_ns)?);
        request.provider_id = provider;
        request.price_context = match terms.tier.as_deref() {
            Some("batch") => vec![("processing", "batch")],
            Some(tier) => vec![("service_tier", tier)],
            None => Vec::new(),
        };
        priced(table, request)
    })
}

/// The table. It is read by the first call that asks for it, in some 100 ms, and stays; `None` when it cannot be read, which is a
/// broken release of the crate and must not cost spans.
fn table() -> Option<&'static Calculator> {
    static TABLE: OnceLock<Option<&'static Calculator>> = OnceLock::new();
    *TABLE.get_or_init(|| catch_unwind(Calculator::bundled).ok())
}

fn time(nanos: i64) -> Option<SystemTime> {
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    if nanos < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

fn counts(call: &Call<'_>, terms: &Terms) -> Counts {
    let usage = &call.usage;
    [
        (UsageKey::INPUT_TOKENS, usage.input),
        (UsageKey::OUTPUT_TOKENS, usage.output),
        (UsageKey::CACHE_READ_TOKENS, usage.cache_read),
        (UsageKey::CACHE_WRITE_TOKENS, usage.cache_write),
        (UsageKey::OUTPUT_REASONING_TOKENS, usage.reasoning),
        (UsageKey::INPUT_AUDIO_TOKENS, terms.input_audio),
        (UsageKey::OUTPUT_AUDIO_TOKENS, terms.output_audio),
    ]
    .into_iter()
    .filter_map(|(key, count)| Some((key, tokens(count?))))
    .collect()
}

#[expect(clippy::cast_precision_loss, reason = "exact below 9·10¹⁵ tokens")]
fn tokens(count: u64) -> f64 {
    count as f64
}

/// What a request costs; asked of any provider that has the model, where the table does not know this one.
fn priced(table: &Calculator, mut request: PriceRequest<'_>) -> Option<f64> {
    let found = match table.calculate(&request) {
        Err(error) if error.kind() == ErrorKind::ProviderNotFound && request.provider_id.is_some() => {
            request.provider_id = None;
            table.calculate(&request)
        }
        found => found,
    };
    let usd = found.ok()?.total_price;
    is_all_told(table, &request, usd).then_some(usd)
}

/// Whether nothing is charged that was not reported: whether the price stays when it is.
fn is_all_told(table: &Calculator, request: &PriceRequest<'_>, usd: f64) -> bool {
    let mut told = request.usage.clone();
    for key in [UsageKey::INPUT_TOKENS, UsageKey::OUTPUT_TOKENS] {
        if !told.contains_key(&key) {
            told.insert(key, 1e9);
        }
    }
    if usd == 0.0 {
        told.extend(UNCOUNTED.iter().map(|key| (key.clone(), 1.0)));
    }
    if told.len() == request.usage.len() {
        return true;
    }
    let mut all_told = request.clone();
    all_told.usage = &told;
    table.calculate(&all_told).is_ok_and(|priced| priced.total_price == usd)
}
