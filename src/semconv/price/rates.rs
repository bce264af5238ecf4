//! What tokens cost.

use crate::model::Usage;

/// US dollars for a million tokens, and for a call. What is not given is not charged; a part of a whole costs what the whole does.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) input: Option<f64>,
    pub(super) output: Option<f64>,
    pub(super) cache_read: Option<f64>,
    pub(super) cache_write: Option<f64>,
    pub(super) reasoning: Option<f64>,
    pub(super) request: Option<f64>,
}

impl Rates {
    /// What is wrong with them, if anything.
    pub(super) fn fault(&self) -> Option<String> {
        let named = [
            ("input", self.input),
            ("output", self.output),
            ("cache_read", self.cache_read),
            ("cache_write", self.cache_write),
            ("reasoning", self.reasoning),
            ("request", self.request),
        ];
        for (name, rate) in named {
            if let Some(rate) = rate.filter(|rate| !rate.is_finite() || *rate < 0.0) {
                return Some(format!("`{name}` is {rate}, which is no price"));
            }
        }
        let is_empty = self.input.or(self.output).or(self.request).is_none();
        is_empty.then(|| "it has none of `input`, `output` and `request`".to_owned())
    }

    /// US dollars for a call of this usage, in OpenTelemetry's meaning. `None` where a count is charged and was not reported, or a part
    /// is greater than its whole.
    pub(super) fn usd(&self, usage: &Usage) -> Option<f64> {
        let (input, output) = (self.input.unwrap_or(0.0), self.output.unwrap_or(0.0));
        let cached = [
            (usage.cache_read, self.cache_read.unwrap_or(input)),
            (usage.cache_write, self.cache_write.unwrap_or(input)),
        ];
        let reasoning = [(usage.reasoning, self.reasoning.unwrap_or(output))];
        let micro_usd = side(usage.input, input, &cached)? + side(usage.output, output, &reasoning)?;
        Some(micro_usd / 1e6 + self.request.unwrap_or(0.0))
    }
}

/// Millionths of a dollar for tokens of which parts have rates of their own.
fn side(whole: Option<u64>, rate: f64, parts: &[(Option<u64>, f64)]) -> Option<f64> {
    let Some(whole) = whole else {
        let is_free = rate == 0.0 && parts.iter().all(|(_, rate)| *rate == 0.0);
        return is_free.then_some(0.0);
    };
    let (mut rest, mut sum) = (whole, 0.0);
    for (count, rate) in parts {
        let count = count.unwrap_or(0);
        rest = rest.checked_sub(count)?;
        sum += tokens(count) * rate;
    }
    Some(sum + tokens(rest) * rate)
}

#[expect(clippy::cast_precision_loss, reason = "exact below 9·10¹⁵ tokens")]
fn tokens(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates = Rates {
        input: Some(3.0),
        output: Some(15.0),
        cache_read: Some(0.3),
        cache_write: Some(3.75),
        reasoning: None,
        request: None,
    };

    fn nano(rates: Rates, usage: Usage) -> Option<f64> {
        rates.usd(&usage).map(|usd| (usd * 1e9).round())
    }

    #[test]
    fn each_token_is_charged_once() {
        let usage = Usage::new(1_000, 100).with_cache_read(600).with_cache_write(300).with_reasoning(40);
        assert_eq!(nano(RATES, usage), Some(100.0 * 3e3 + 600.0 * 300.0 + 300.0 * 3_750.0 + 100.0 * 15e3));
        let dear_thoughts = Rates { reasoning: Some(30.0), ..RATES };
        assert_eq!(nano(dear_thoughts, Usage::new(0, 100).with_reasoning(40)), Some(60.0 * 15e3 + 40.0 * 30e3));
    }

    #[test]
    fn cached_tokens_without_a_rate_are_input() {
        let rates = Rates { cache_read: None, cache_write: None, ..RATES };
        let usage = Usage::new(1_000, 0).with_cache_read(600).with_cache_write(300);
        assert_eq!(nano(rates, usage), nano(rates, Usage::new(1_000, 0)));
    }

    #[test]
    fn a_call_can_have_a_price_of_its_own() {
        let rates = Rates { request: Some(0.04), ..Rates::default() };
        assert_eq!(nano(rates, Usage::new(1_000, 10)), Some(40_000_000.0));
        assert_eq!(nano(rates, Usage { total: Some(9), ..Usage::default() }), Some(40_000_000.0));
    }

    #[test]
    fn what_is_charged_must_be_known() {
        let only_input = Usage { input: Some(1_000), ..Usage::default() };
        assert_eq!(RATES.usd(&only_input), None);
        assert_eq!(RATES.usd(&Usage { output: Some(10), ..Usage::default() }), None);
        let embedding = Rates { input: Some(0.02), ..Rates::default() };
        assert_eq!(nano(embedding, only_input), Some(20_000.0));
    }

    #[test]
    fn a_part_greater_than_its_whole_has_no_price() {
        assert_eq!(RATES.usd(&Usage::new(100, 1).with_cache_read(500)), None);
        assert_eq!(RATES.usd(&Usage::new(100, 1).with_cache_read(60).with_cache_write(60)), None);
        assert_eq!(RATES.usd(&Usage::new(100, 1).with_reasoning(2)), None);
    }

    #[test]
    fn wrong_rates_say_what_is_wrong() {
        for (rates, word) in [
            (Rates { input: Some(-1.0), ..RATES }, "`input` is -1"),
            (Rates { cache_write: Some(f64::NAN), ..RATES }, "`cache_write` is NaN"),
            (Rates { cache_read: Some(1.0), ..Rates::default() }, "none of"),
        ] {
            assert!(rates.fault().is_some_and(|fault| fault.contains(word)), "{rates:?}");
        }
        assert_eq!(Rates { input: Some(0.0), ..Rates::default() }.fault(), None);
    }
}
