//! Token counts that can be compared to the last token.

use std::fmt;
use tracing_agents::model::Usage;

/// Token counts, in OpenAI's sense: `cached` is part of `input`, `reasoning` part of `output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// Tokens of the prompt.
    pub input: u64,
    /// Those of the prompt that came from the provider's cache.
    pub cached: u64,
    /// Tokens of the answer.
    pub output: u64,
    /// Those of the answer that were spent on reasoning.
    pub reasoning: u64,
}

impl Tokens {
    /// What one answer of the fake server reports. Four different numbers, none of them 0: a count in the wrong place shows.
    pub const PER_ANSWER: Self = Self { input: 17, cached: 4, output: 9, reasoning: 3 };

    /// The counts of `usage`; `None` unless all four were reported.
    #[must_use]
    pub fn reported(usage: &Usage) -> Option<Self> {
        Some(Self {
            input: usage.input?,
            cached: usage.cache_read?,
            output: usage.output?,
            reasoning: usage.reasoning?,
        })
    }

    /// What `answers` of them report together.
    #[must_use]
    pub const fn of_answers(answers: u64) -> Self {
        let Self { input, cached, output, reasoning } = Self::PER_ANSWER;
        Self {
            input: input * answers,
            cached: cached * answers,
            output: output * answers,
            reasoning: reasoning * answers,
        }
    }
}

impl fmt::Display for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { input, cached, output, reasoning } = self;
        write!(f, "tokens {input} in / {output} out ({cached} cached, {reasoning} reasoning)")
    }
}
