//! Tokens, cost and providers.

use proptest::prelude::*;

use super::*;

/// Input, output and cache-read tokens, and how they were understood.
fn counts(usage: Option<Usage>) -> (Option<u64>, Option<u64>, Option<u64>, Option<UsageBasis>) {
    let usage = usage.unwrap_or_default();
    (usage.input, usage.output, usage.cache_read, usage.basis)
}

#[test]
fn absent_is_not_zero() {
    assert_eq!(case("f").with("gen_ai.operation.name", "chat").span().usage, None);
    let zero = case("f").with("gen_ai.usage.input_tokens", 0_u64).span().usage;
    assert_eq!(counts(zero), (Some(0), None, None, Some(UsageBasis::Assumed)));
    let broken = case("f").with("gen_ai.usage.input_tokens", -5_i64).span().usage;
    assert_eq!(broken, None);
}

#[test]
fn every_name_and_type_is_read() {
    for (input, output) in [
        ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
        ("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens"),
        ("llm.token_count.prompt", "llm.token_count.completion"),
        ("llm.usage.prompt_tokens", "llm.usage.completion_tokens"),
        ("ai.usage.promptTokens", "ai.usage.completionTokens"),
    ] {
        let usage = case("f").with(input, "42.0").with(output, debug("Some(7)")).span().usage;
        assert_eq!((usage.unwrap().input, usage.unwrap().output), (Some(42), Some(7)), "{input}");
    }
    let short = case("f").with("gen_ai.operation.name", "chat").with("prompt_tokens", 3_u64).span().usage;
    assert_eq!(short.unwrap().input, Some(3));
    assert_eq!(case("f").with("prompt_tokens", 3_u64).span().usage, None);
    let current = case("f").with("gen_ai.usage.prompt_tokens", 1_u64).with("gen_ai.usage.input_tokens", 2_u64).span();
    assert_eq!(current.usage.unwrap().input, Some(2));
}

#[test]
fn counts_are_brought_to_the_inclusive_meaning() {
    let with = |input: u64, output: u64, total: Option<u64>, read: u64, write: u64| {
        let case = case("f")
            .with("gen_ai.usage.input_tokens", input)
            .with("gen_ai.usage.output_tokens", output)
            .with("gen_ai.usage.cache_read.input_tokens", read)
            .with("gen_ai.usage.cache_creation.input_tokens", write);
        let usage = match total {
            Some(total) => case.with("gen_ai.usage.total_tokens", total),
            None => case,
        };
        usage.span().usage.unwrap()
    };
    for (usage, input, basis) in [
        (with(100, 10, Some(110), 40, 0), 100, UsageBasis::InferredTotal),
        (with(10, 5, Some(1215), 1000, 200), 1210, UsageBasis::InferredTotal),
        (with(10, 5, None, 1000, 200), 1210, UsageBasis::InferredImpossible),
        // more cached than input: a total that leaves them out as well proves nothing
        (with(10, 5, Some(15), 1000, 200), 1210, UsageBasis::InferredImpossible),
        (with(100, 10, None, 40, 0), 100, UsageBasis::Assumed),
        (with(100, 10, Some(110), 0, 0), 100, UsageBasis::Assumed),
        (with(100, 10, Some(999), 40, 0), 100, UsageBasis::Assumed),
        (with(u64::MAX, u64::MAX, Some(1), u64::MAX, u64::MAX), u64::MAX, UsageBasis::Assumed),
    ] {
        assert_eq!((usage.input, usage.basis), (Some(input), Some(basis)));
    }
}

#[test]
fn known_producers_decide() {
    let rig = |provider: &'static str, declared: &[&str]| {
        let span = case("chat").target("rig::completions", declared).with("gen_ai.provider.name", provider);
        span.with("gen_ai.usage.input_tokens", 100_u64)
            .with("gen_ai.usage.output_tokens", 10_u64)
            .with("gen_ai.usage.cache_read.input_tokens", 40_u64)
            .with("gen_ai.usage.reasoning_tokens", 5_u64)
            .with("gen_ai.usage.tool_use_prompt_tokens", 3_u64)
            .span()
            .usage
    };
    let old: &[&str] = &[];
    let recent: &[&str] = &["gen_ai.request.stream"];
    for (provider, declared, input, output, basis) in [
        ("anthropic", old, 140, 10, UsageBasis::Exclusive),
        ("aws_bedrock", old, 140, 10, UsageBasis::Exclusive),
        ("openai", old, 100, 10, UsageBasis::Inclusive),
        ("gcp.gemini", old, 103, 15, UsageBasis::Inclusive),
        ("anthropic", recent, 100, 10, UsageBasis::Inclusive),
        ("gcp.gemini", recent, 100, 10, UsageBasis::Inclusive),
    ] {
        let found = counts(rig(provider, declared));
        assert_eq!(found, (Some(input), Some(output), Some(40), Some(basis)), "{provider} {declared:?}");
    }
    let agno = |provider: &'static str| {
        let span = case("Claude.invoke").scope("openinference.instrumentation.agno").with("llm.provider", provider);
        let span = span.with("llm.token_count.prompt", 100_i64);
        counts(span.with("llm.token_count.prompt_details.cache_read", 40_i64).span().usage)
    };
    assert_eq!(agno("Anthropic"), (Some(140), None, Some(40), Some(UsageBasis::Exclusive)));
    assert_eq!(agno("OpenAI"), (Some(100), None, Some(40), Some(UsageBasis::Assumed)));
    let vercel = case("f").with("ai.usage.inputTokens", 100_i64).with("ai.usage.cachedInputTokens", 40_i64).span();
    assert_eq!(vercel.usage.unwrap().basis, Some(UsageBasis::Inclusive));
}

/// Agno's instrumentor with Claude: the input leaves cached tokens out, and where a total is told (asynchronous runs) so does it.
#[test]
fn agnos_claude_counts_cached_tokens_apart() {
    let usage = |provider: &'static str, model: &'static str, pairs: &[(&'static str, u64)]| {
        let mut span = case("Claude.ainvoke").scope("openinference.instrumentation.agno");
        span = span.pairs(&[("openinference.span.kind", "LLM"), ("llm.provider", provider), ("llm.model_name", model)]);
        for (key, count) in pairs {
            span = span.with(key, *count);
        }
        let usage = span.span().usage.unwrap();
        (usage.input, usage.total(), usage.basis)
    };
    let counts = |input| {
        [
            ("llm.token_count.prompt", input),
            ("llm.token_count.completion", 50),
            ("llm.token_count.prompt_details.cache_read", 1000),
            ("llm.token_count.total", input + 50),
        ]
    };
    let exclusive = (Some(3000), Some(3050), Some(UsageBasis::Exclusive));
    assert_eq!(usage("Anthropic", "claude-sonnet-4", &counts(2000)), exclusive);
    assert_eq!(usage("AwsBedrock", "anthropic.claude-sonnet-4", &counts(2000)), exclusive);
    assert_eq!(usage("VertexAI", "claude-sonnet-4@20250514", &counts(2000)), exclusive);
    let impossible = (Some(1010), Some(1060), Some(UsageBasis::InferredImpossible));
    assert_eq!(usage("Anthropic", "claude-sonnet-4", &counts(10)), impossible);
    let inclusive = (Some(2000), Some(2050), Some(UsageBasis::InferredTotal));
    assert_eq!(usage("OpenAI", "gpt-4o", &counts(2000)), inclusive);
    assert_eq!(usage("OpenRouter", "anthropic/claude-sonnet-4", &counts(2000)), inclusive);
    assert_eq!(usage("VertexAI", "gemini-2.5-pro", &counts(2000)), inclusive);
    let derived = case("OpenRouter.invoke")
        .scope("openinference.instrumentation.agno")
        .pairs(&[("llm.provider", "OpenRouter"), ("llm.system", "anthropic"), ("gen_ai.provider.name", "anthropic")])
        .with("gen_ai.usage.input_tokens", 2000_i64)
        .with("gen_ai.usage.cache_read.input_tokens", 1000_i64)
        .span();
    assert_eq!(derived.usage.unwrap().input, Some(2000));
}

#[test]
fn reasoning_beyond_the_output_was_left_out_of_it() {
    let span = case("f").with("llm.token_count.prompt", 100_i64).with("llm.token_count.completion", 20_i64);
    let span =
        span.with("llm.token_count.completion_details.reasoning", 300_i64).with("llm.token_count.total", 420_i64);
    let usage = span.span().usage.unwrap();
    assert_eq!((usage.input, usage.output, usage.total, usage.reasoning), (Some(100), Some(320), Some(420), Some(300)));
}

/// A count as producers report it: absent, or of any size.
fn reported() -> impl Strategy<Value = Option<u64>> {
    prop::option::of(prop_oneof![4 => 0..50_u64, 4 => 0..5_000_u64, 1 => any::<u64>()])
}

proptest! {
    #[test]
    fn no_part_is_greater_than_its_whole(
        (input, output, read, write, reasoning) in (reported(), reported(), reported(), reported(), reported()),
        totals in 0..3_usize,
        producer in 0..6_usize,
    ) {
        let sum = |counts: &[Option<u64>]| counts.iter().fold(0_u64, |sum, count| sum.saturating_add(count.unwrap_or(0)));
        // A total, where one is told, is the sum of what is told beside it, or of all that was billed.
        let apart = reasoning.filter(|reasoning| producer == 2 || output.is_some_and(|output| *reasoning > output));
        let total = match totals {
            0 => input.zip(output).map(|_| sum(&[input, output])),
            1 => input.zip(output).map(|_| sum(&[input, output, read, write, apart])),
            _ => None,
        };
        let mut span = match producer {
            0 => case("f").scope("openinference.instrumentation.agno").with("llm.provider", "Anthropic"),
            1 => case("chat").target("rig::completions", &[]).with("gen_ai.provider.name", "anthropic"),
            2 => case("chat").target("rig::completions", &[]).with("gen_ai.provider.name", "gcp.gemini"),
            3 => case("f").scope("pydantic-ai"),
            _ => case("f"),
        };
        for (key, count) in [
            ("gen_ai.usage.input_tokens", input),
            ("gen_ai.usage.output_tokens", output),
            ("gen_ai.usage.total_tokens", total),
            ("gen_ai.usage.cache_read.input_tokens", read),
            ("gen_ai.usage.cache_write.input_tokens", write),
            ("gen_ai.usage.reasoning.output_tokens", reasoning),
        ] {
            span = match count {
                Some(count) => span.with(key, count),
                None => span,
            };
        }
        let Some(usage) = span.span().usage else {
            prop_assert_eq!(sum(&[input, output, total, read, write, reasoning]), 0);
            return Ok(());
        };
        for (count, before) in [
            (usage.input, input),
            (usage.output, output),
            (usage.total, total),
            (usage.cache_read, read),
            (usage.cache_write, write),
            (usage.reasoning, reasoning),
        ] {
            prop_assert_eq!(count.is_some(), before.is_some(), "what is not reported stays absent: {:?}", usage);
            prop_assert!(count >= before, "nothing reported is taken away: {:?}", usage);
        }
        if let Some(input) = usage.input {
            prop_assert!(sum(&[read, write]) <= input, "{:?}", usage);
        }
        if let Some(output) = usage.output {
            prop_assert!(reasoning.unwrap_or(0) <= output, "{:?}", usage);
        }
        if let (Some(input), Some(output), Some(total)) = (usage.input, usage.output, usage.total) {
            prop_assert!(input.saturating_add(output) <= total, "{:?}", usage);
        }
    }
}

#[test]
fn langfuse_details_add_up() {
    let details =
        r#"{"input":10,"output":5,"input_cached_tokens":1000,"input_cache_creation":200,"output_reasoning_tokens":2}"#;
    let usage = case("f").with("langfuse.observation.usage_details", details).span().usage.unwrap();
    assert_eq!((usage.input, usage.output, usage.reasoning), (Some(1210), Some(7), Some(2)));
    let typed = case("f").with("langfuse.observation.usage_details", details).with("gen_ai.usage.input_tokens", 3_u64);
    assert_eq!(typed.span().usage.unwrap().input, Some(3));
    assert_eq!(case("f").with("langfuse.observation.usage_details", "{broken").span().usage, None);
}

#[test]
fn costs_are_those_that_were_reported() {
    let cost = |pairs: &[(&'static str, &str)]| {
        case("f").pairs(pairs).span().cost.map(|Cost { nano_usd, source, .. }| (nano_usd, source))
    };
    for (pairs, expected) in [
        (&[("llm.cost.total", "0.25")][..], Some((250_000_000, CostSource::Client))),
        (&[("llm.cost.prompt", "0.25"), ("llm.cost.completion", "0.5")], Some((750_000_000, CostSource::Client))),
        (&[("llm.cost.prompt", "0.25")], None),
        (&[("llm.cost.total", "0.25"), ("gen_ai.usage.cost", "1")], Some((1_000_000_000, CostSource::Provider))),
        (
            &[("langfuse.observation.cost_details", r#"{"input":0.1,"output":0.2}"#)],
            Some((300_000_000, CostSource::Provider)),
        ),
        (
            &[("langfuse.observation.cost_details", r#"{"input":0.1,"total":0.2}"#)],
            Some((200_000_000, CostSource::Provider)),
        ),
        (
            &[("gen_ai.usage.cost.amount", "2"), ("gen_ai.usage.cost.source", "provider")],
            Some((2_000_000_000, CostSource::Provider)),
        ),
        (&[("gen_ai.usage.cost.amount", "2")], Some((2_000_000_000, CostSource::Client))),
        (&[("gen_ai.usage.cost.amount", "2"), ("gen_ai.usage.cost.currency", "EUR")], None),
        (&[("agent_traces.cost.usd", "0.5"), ("llm.cost.total", "9")], Some((500_000_000, CostSource::Client))),
        (&[("llm.cost.total", "0")], Some((0, CostSource::Client))),
        (&[("llm.cost.total", "-1")], None),
        (&[("llm.cost.total", "NaN")], None),
        (&[], None),
    ] {
        assert_eq!(cost(pairs), expected, "{pairs:?}");
    }
}

#[test]
fn providers_have_one_spelling() {
    let provider = |pairs: &[(&'static str, &str)]| case("f").pairs(pairs).span().provider;
    assert_eq!(provider(&[("gen_ai.system", "az.ai.openai")]).as_deref(), Some("azure.ai.openai"));
    assert_eq!(provider(&[("gen_ai.system", "x"), ("gen_ai.provider.name", "xai")]).as_deref(), Some("x_ai"));
    assert_eq!(provider(&[("llm.provider", "OpenAI"), ("llm.system", "openai")]).as_deref(), Some("openai"));
    assert_eq!(provider(&[("provider", "OpenAI")]), None);
    // Both conventions' names, the one derived from the other.
    let both = |derived, host, vendor| {
        provider(&[("gen_ai.provider.name", derived), ("llm.provider", host), ("llm.system", vendor)]).unwrap()
    };
    assert_eq!(both("anthropic", "OpenRouter", "anthropic"), "openrouter");
    assert_eq!(both("anthropic", "AwsBedrock", "anthropic"), "aws.bedrock");
    assert_eq!(both("openai", "OpenAI", "openai"), "openai");
    assert_eq!(both("azure.ai.openai", "Azure", "openai"), "azure.ai.openai");
    assert_eq!(both("gcp.vertex_ai", "Google", "vertexai"), "gcp.vertex_ai");
}
