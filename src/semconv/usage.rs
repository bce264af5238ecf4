//! Token counts, brought to OpenTelemetry's meaning: input includes cached tokens, output includes reasoning.
//!
//! Producers disagree about the input: most APIs count cached tokens in it, Anthropic's and Bedrock's beside it, and instrumentations
//! pass on either. Read wrongly, a cached prompt is priced several times too high or below zero. With `in`, `out`, `read`, `write` and
//! `total` as reported, the first of these decides, and the usage says which did ([`UsageBasis`]):
//!
//! 1. `in + out = total`: inclusive; `in + read + write + out = total`: exclusive;
//! 2. `read + write > in`: exclusive, the only possible reading;
//! 3. the producer is known;
//! 4. else inclusive, as OpenTelemetry asks producers to report: assumed.
//!
//! A count that was not reported stays absent. The total is kept as reported and never made up.

use super::profiles::{Counting, Evidence};
use super::reading::{Reading, Site};
use super::{field, langfuse};
use crate::model::{Kind, Usage, UsageBasis};

/// Names of the input count. In each of these lists the current name comes first, then other conventions, then deprecated spellings.
const INPUT: &[&str] = &[
    field::INPUT_TOKENS,
    "llm.token_count.prompt",
    "gen_ai.usage.prompt_tokens",
    "llm.usage.prompt_tokens",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
    "ai.usage.tokens", // embeddings: all tokens are input
];
/// Names of the output count.
const OUTPUT: &[&str] = &[
    field::OUTPUT_TOKENS,
    "llm.token_count.completion",
    "gen_ai.usage.completion_tokens",
    "llm.usage.completion_tokens",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
];
/// Names of the total.
const TOTAL: &[&str] = &[
    field::TOTAL_TOKENS,
    "llm.token_count.total",
    "llm.usage.total_tokens",
    "ai.usage.totalTokens",
    "ai.usage.tokens",
];
/// Names of the input tokens that were read from a cache.
const CACHE_READ: &[&str] = &[
    field::CACHE_READ_TOKENS,
    "llm.token_count.prompt_details.cache_read",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.cache_read_tokens",
    "gen_ai.usage.cached_input_tokens",
    "gen_ai.usage.details.cache_read_tokens",
    "gen_ai.usage.details.cache_read_input_tokens",
    "gen_ai.usage.input_cached_tokens",
    "ai.usage.cachedInputTokens",
    "ai.usage.inputTokenDetails.cacheReadTokens",
];
/// Names of the input tokens that were written to a cache.
const CACHE_WRITE: &[&str] = &[
    field::CACHE_WRITE_TOKENS,
    "gen_ai.usage.cache_creation.input_tokens", // its name before 2026; still what most send
    "llm.token_count.prompt_details.cache_write",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.cache_write_tokens",
    "gen_ai.usage.details.cache_write_tokens",
    "gen_ai.usage.details.cache_creation_input_tokens",
    "ai.usage.inputTokenDetails.cacheWriteTokens",
];
/// Names of the output tokens that were spent on reasoning.
const REASONING: &[&str] = &[
    field::REASONING_TOKENS,
    "llm.token_count.completion_details.reasoning",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.details.reasoning_tokens",
    "llm.usage.reasoning_tokens",
    "ai.usage.reasoningTokens",
    "ai.usage.outputTokenDetails.reasoningTokens",
];

/// Counts as reported.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) total: Option<u64>,
    pub(super) cache_read: Option<u64>,
    pub(super) cache_write: Option<u64>,
    pub(super) reasoning: Option<u64>,
}

/// The usage that a span reports; `None` when it reports no count.
pub(super) fn read(reading: &Reading<'_>, site: &Site<'_>, kind: Kind, provider: Option<&str>) -> Option<Usage> {
    let counts = Counts::read(reading, kind);
    if counts.is_reported() {
        let evidence = Evidence { reading, declared: site.declared, provider };
        return Some(counts.normalised(producer(&evidence, site)));
    }
    let details = langfuse::usage_details(reading).filter(Counts::is_reported)?;
    Some(details.normalised(Some(Counting::of(UsageBasis::Exclusive))))
}

/// How the span's producer is known to count.
fn producer(evidence: &Evidence<'_>, site: &Site<'_>) -> Option<Counting> {
    if let Some(counting) = site.profile.and_then(|profile| (profile.counting)(evidence)) {
        return Some(counting);
    }
    // OpenInference's instrumentor of Agno passes on the API's counts.
    if site.scope == "openinference.instrumentation.agno" && evidence.counts_cache_apart() {
        return Some(Counting::of(UsageBasis::Exclusive));
    }
    let is_vercel = site.scope == "ai" || evidence.reading.has_prefix("ai.usage.");
    (is_vercel || site.scope == "pydantic-ai").then(|| Counting::of(UsageBasis::Inclusive))
}

impl Counts {
    /// The counts as recorded.
    fn read(reading: &Reading<'_>, kind: Kind) -> Self {
        // Short names are anybody's words: they count tokens only on a model's own call.
        let count = |keys: &[&str], short: &[&str]| {
            reading.count(keys).or_else(|| if kind.is_model_call() { reading.count(short) } else { None })
        };
        Self {
            input: count(INPUT, &["prompt_tokens", "input_tokens"]),
            output: count(OUTPUT, &["completion_tokens", "output_tokens"]),
            total: count(TOTAL, &["total_tokens"]),
            cache_read: count(CACHE_READ, &["cache_read_input_tokens", "cache_read_tokens", "cached_input_tokens"]),
            cache_write: count(CACHE_WRITE, &["cache_creation_input_tokens", "cache_write_input_tokens"]),
            reasoning: count(REASONING, &["reasoning_tokens"]),
        }
    }

    /// Whether any count was recorded.
    const fn is_reported(&self) -> bool {
        self.input.is_some()
            || self.output.is_some()
            || self.total.is_some()
            || self.cache_read.is_some()
            || self.cache_write.is_some()
            || self.reasoning.is_some()
    }

    /// Brings the counts to OpenTelemetry's meaning. Whether the input includes cached tokens is decided by the reported total, else
    /// by what is possible at all, else by what is known of the producer, else assumed.
    fn normalised(self, producer: Option<Counting>) -> Usage {
        let apart =
            |count: Option<u64>, addition: Option<u64>| count.map(|count| count.saturating_add(addition.unwrap_or(0)));
        let (reasoning_apart, input_apart) =
            producer.as_ref().map_or((false, None), |counting| (counting.reasoning_apart, counting.input_apart));
        let output = apart(self.output, self.reasoning.filter(|_| reasoning_apart));
        let input = apart(self.input, input_apart);
        let cached = self.cache_read.unwrap_or(0).saturating_add(self.cache_write.unwrap_or(0));
        let (basis, is_exclusive) = match (input, output, self.total) {
            (Some(input), Some(output), Some(total)) if cached > 0 && input.saturating_add(output) == total => {
                (UsageBasis::InferredTotal, false)
            }
            (Some(input), Some(output), Some(total))
                if cached > 0 && input.saturating_add(output).saturating_add(cached) == total =>
            {
                (UsageBasis::InferredTotal, true)
            }
            (Some(input), _, _) if cached > input => (UsageBasis::InferredImpossible, true),
            _ => producer.map_or((UsageBasis::Assumed, false), |counting| {
                (counting.basis, counting.basis == UsageBasis::Exclusive)
            }),
        };
        Usage {
            input: if is_exclusive { apart(input, Some(cached)) } else { input },
            output,
            total: self.total,
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            reasoning: self.reasoning,
            basis: Some(basis),
        }
    }
}
