//! Which models a price is for.

/// A model's name, in which `*` stands for any text, the empty one too. Letters match in either case: programs do not agree on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_ascii_lowercase())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a model's pattern.
    pub(super) fn matches(&self, model: &str) -> bool {
        self.is_found_in(&model.to_ascii_lowercase()).is_some()
    }

    /// How much a pattern says: a whole name more than one with `*`, of those the one with more letters.
    pub(super) fn rank(&self) -> (bool, usize) {
        let stars = self.0.matches('*').count();
        (stars == 0, self.0.len() - stars)
    }

    fn is_found_in(&self, model: &str) -> Option<()> {
        let mut parts = self.0.split('*');
        let rest = model.strip_prefix(parts.next()?)?;
        let Some(last) = parts.next_back() else { return rest.is_empty().then_some(()) };
        let mut rest = rest.strip_suffix(last)?;
        // The first place is as good as any: what comes after it can only find more.
        for part in parts {
            (_, rest) = rest.split_once(part)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, model, expected) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("GPT-4o", "gpt-4O", true),
            ("gpt-4o*", "gpt-4o", true),
            ("gpt-4o-*", "gpt-4o", false),
            ("gpt-4o-*", "gpt-4o-2024-08-06", true),
            ("*/llama-*-instruct", "meta/llama-3-70b-instruct", true),
            ("*/llama-*-instruct", "llama-3-70b-instruct", false),
            ("a*a", "a", false),
            ("*a*b*", "xbyab", true),
            ("*a*b*", "xby", false),
            ("**", "", true),
            ("*", "any", true),
            ("", "any", false),
            ("*模*", "大模型", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(model), expected, "{pattern} on {model}");
        }
    }

    #[test]
    fn a_name_says_more_than_a_pattern_and_a_long_pattern_more_than_a_short_one() {
        let ranks = ["*", "gpt-*", "*-gpt-*", "gpt-4o-*", "o3"].map(|pattern| Pattern::new(pattern).rank());
        assert!(ranks.is_sorted(), "{ranks:?}");
    }
}
