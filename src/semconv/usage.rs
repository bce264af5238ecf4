//! Token counts, brought to OpenTelemetry's meaning: input includes cached tokens, output includes reasoning.
//!
//! Producers disagree about the input: most APIs count cached tokens in it, Anthropic's and Bedrock's beside it, and instrumentations
//! pass on either. Read wrongly, a cached prompt is priced several times too high or below zero. With `in`, `out`, `read`, `write` and
//! `total` as reported, the first of these decides, and the usage says which did ([`UsageBasis`]):
//!
//! 1. `in + read + write + out = total`: exclusive;
//! 2. `read + write > in`: exclusive, the only possible reading, whatever the total says;
//! 3. `in + out = total`: inclusive, unless the producer is known to leave cached tokens out of its totals as well;
//! 4. the producer is known;
//! 5. else inclusive, as OpenTelemetry asks producers to report: assumed.
//!
//! Reasoning beside the output (Gemini's API) is told in the same way: by the producer, or where more reasoning than output is reported.
//!
//! A count that was not reported stays absent. A total is never made up; one that leaves out what the input left out is brought to the
//! same meaning, so that no part is greater than its whole.

use super::lift::Lifted;
use super::profiles::{Counting, Evidence};
use super::provider::CLAUDE_HOSTS;
use super::reading::{Reading, Site};
use super::{field, langfuse};
use crate::model::{Attributes, Kind, Usage, UsageBasis};

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

/// The usage that is told of another span, under standard names.
pub(super) fn of_lifted(lifted: &[Lifted<'_>]) -> Option<Usage> {
    let none = Attributes::new();
    let counts = Counts::read(&Reading::new(&none).with_lifted(lifted), Kind::Model);
    counts.is_reported().then(|| counts.normalised(None))
}

/// How the span's producer is known to count.
fn producer(evidence: &Evidence<'_>, site: &Site<'_>) -> Option<Counting> {
    if let Some(counting) = site.profile.and_then(|profile| profile.counting_of(evidence)) {
        return Some(counting);
    }
    // OpenInference's instrumentor of Agno passes on the API's counts, and Agno's total is the sum of the two.
    if site.scope == "openinference.instrumentation.agno" && is_claude(evidence) {
        return Some(Counting { is_blind_total: true, ..Counting::of(UsageBasis::Exclusive) });
    }
    let is_vercel = site.scope == "ai" || evidence.reading.has_prefix("ai.usage.");
    (is_vercel || site.scope == "pydantic-ai").then(|| Counting::of(UsageBasis::Inclusive))
}

/// Whether Agno asks Claude by its own API, which Vertex AI has beside Gemini's; a gateway counts as `OpenAI` does.
fn is_claude(evidence: &Evidence<'_>) -> bool {
    let model = || evidence.reading.text(&[field::REQUEST_MODEL, "llm.model_name"]);
    evidence.provider.is_some_and(|provider| CLAUDE_HOSTS.contains(&provider))
        || evidence.provider == Some("gcp.vertex_ai") && model().is_some_and(|model| model.contains("claude"))
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

    /// Brings the counts to OpenTelemetry's meaning, by the rules above.
    fn normalised(self, producer: Option<Counting>) -> Usage {
        let producer = producer.unwrap_or(Counting::of(UsageBasis::Assumed));
        let plus = |count: Option<u64>, more: u64| count.map(|count| count.saturating_add(more));
        let sum = |input: Option<u64>, output: Option<u64>| Some(input?.saturating_add(output?));
        let reasoning = self.reasoning.unwrap_or(0);
        let cached = self.cache_read.unwrap_or(0).saturating_add(self.cache_write.unwrap_or(0));

        let is_reasoning_apart = producer.reasoning_apart || self.output.is_some_and(|output| reasoning > output);
        let output = plus(self.output, if is_reasoning_apart { reasoning } else { 0 });
        let input = plus(self.input, producer.input_apart.unwrap_or(0));
        let adds_up = |input| self.total.is_some() && sum(input, output) == self.total;
        let (basis, is_exclusive) = match input {
            Some(_) if cached > 0 && adds_up(plus(input, cached)) => (UsageBasis::InferredTotal, true),
            Some(count) if cached > count => (UsageBasis::InferredImpossible, true),
            Some(_) if cached > 0 && adds_up(input) && !producer.is_blind_total => (UsageBasis::InferredTotal, false),
            _ => (producer.basis, producer.basis == UsageBasis::Exclusive),
        };
        let input = plus(input, if is_exclusive { cached } else { 0 });
        // The sum of what was reported is the sum of what it means.
        let is_sum = self.total.is_some() && sum(self.input, self.output) == self.total;
        Usage {
            input,
            output,
            total: if is_sum { sum(input, output) } else { self.total },
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            reasoning: self.reasoning,
            basis: Some(basis),
        }
    }
}
