//! What a call costs: the program's prices, the bundled ones, and when there is no price.

use super::*;
use crate::model::{Attributes, Kind, SpanId, SpanRecord, TraceId};
use crate::semconv::{field, interpret};

/// 2026-11-22, at noon.
const NOON: i64 = 1_795_348_800_000_000_000;
const DAY: i64 = 86_400_000_000_000;

fn call<'a>(provider: Option<&'a str>, model: &'a str, usage: Usage) -> Call<'a> {
    Call { provider, request_model: Some(model), response_model: None, usage, start_ns: NOON }
}

fn nano(prices: &Prices, call: &Call<'_>) -> Option<i64> {
    prices.cost(call, &Attributes::new()).map(|cost| cost.nano_usd)
}

fn own(entries: impl IntoIterator<Item = Price>) -> Prices {
    Prices::new(PriceTable::new("mine", entries).unwrap())
}

/// A price that tells itself by what a million input tokens cost.
fn price(model: &str, usd: f64) -> Price {
    Price::new(model).input(usd)
}

fn million() -> Usage {
    Usage { input: Some(1_000_000), ..Usage::default() }
}

/// What a million input tokens cost, in whole dollars.
fn dollars(prices: &Prices, call: &Call<'_>) -> Option<i64> {
    let cost = prices.cost(call, &Attributes::new()).filter(|cost| cost.price_version.as_deref() == Some("mine"))?;
    Some(cost.nano_usd / 1_000_000_000)
}

#[test]
fn the_more_specific_price_wins() {
    let prices = own([
        price("own-large", 1.0),
        price("own-*", 2.0),
        price("own-large-*", 3.0),
        price("own-*", 4.0).provider("Mistral"),
        price("own-large", 5.0).provider("x_ai"),
    ]);
    for (provider, model, expected) in [
        (None, "own-large", 1),
        (None, "own-small", 2),
        (None, "OWN-large-2026", 3),
        (Some("groq"), "own-large", 1),
        (Some("mistral_ai"), "own-large", 4),
        (Some("x_ai"), "own-large", 5),
        (Some("x_ai"), "own-small", 2),
    ] {
        assert_eq!(dollars(&prices, &call(provider, model, million())), Some(expected), "{provider:?} {model}");
    }
    assert_eq!(nano(&prices, &call(None, "another", million())), None);
}

#[test]
fn the_price_of_the_day_counts() {
    let moment = |days: u64| std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(days * 86_400);
    let day = u64::try_from(NOON / DAY).unwrap();
    let prices = own([
        price("m-own", 2.0).valid_from(moment(day)),
        price("m-own", 1.0).valid_from(moment(day - 10)),
        price("m-own", 3.0).valid_from(moment(day + 1)),
        price("*-own", 9.0),
    ]);
    let on = |days: i64| dollars(&prices, &Call { start_ns: NOON + days * DAY, ..call(None, "m-own", million()) });
    assert_eq!([-11, -10, -1, 0, 1, 100].map(on), [9, 1, 1, 2, 3, 3].map(Some));
}

#[test]
fn the_model_that_answered_is_billed() {
    let prices = own([price("asked", 1.0), price("answered", 2.0)]);
    let both = Call { response_model: Some("answered"), ..call(None, "asked", million()) };
    assert_eq!(dollars(&prices, &both), Some(2));
    assert_eq!(dollars(&prices, &Call { response_model: Some("unheard of"), ..both }), Some(1));
    assert_eq!(nano(&prices, &Call { request_model: None, response_model: None, ..both }), None);
}

#[test]
fn an_own_price_is_the_last_word() {
    let prices = own([Price::new("gpt-4o").input(0.0).output(0.0), Price::new("o3").input(1.0).output(1.0)]);
    assert_eq!(nano(&prices, &call(Some("openai"), "gpt-4o", Usage::new(812, 96))), Some(0), "free is a price");
    let partly = call(Some("openai"), "o3", million());
    assert_eq!(nano(&prices, &partly), None, "the bundled table is not asked what the own one cannot tell");
}

fn item(attributes: &[(&'static str, crate::model::Value)]) -> InterpretedSpan {
    let mut record = SpanRecord::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]), "call", NOON);
    for (key, value) in attributes {
        record.attributes.push(*key, value.clone());
    }
    let mut item = interpret(record);
    own([Price::new("m-own").input(1.0).output(2.0)]).apply(&mut item);
    item
}

#[test]
fn only_model_calls_without_a_reported_cost_are_priced() {
    let usage = [(field::INPUT_TOKENS, 10.into()), (field::OUTPUT_TOKENS, 5.into())];
    let with = |more: &[(&'static str, crate::model::Value)]| item(&[more, &usage].concat()).span;
    let model = (field::REQUEST_MODEL, "m-own".into());
    let chat = (field::OPERATION, "chat".into());

    let span = with(&[model.clone(), chat.clone()]);
    let cost = span.cost.unwrap();
    assert_eq!((cost.nano_usd, cost.source), (20_000, CostSource::Computed));
    assert_eq!(cost.price_version.as_deref(), Some("mine"));

    let reported = with(&[model.clone(), chat.clone(), (field::COST_USD, 0.5.into())]).cost.unwrap();
    assert_eq!((reported.nano_usd, reported.source), (500_000_000, CostSource::Client));
    let free = with(&[model.clone(), chat.clone(), ("gen_ai.usage.cost", 0.0.into())]).cost.unwrap();
    assert_eq!((free.nano_usd, free.source), (0, CostSource::Provider));

    let run = with(&[model.clone(), (field::OPERATION, "invoke_agent".into())]);
    assert_eq!((run.kind, run.cost), (Kind::Agent, None));
    assert_eq!(with(std::slice::from_ref(&chat)).cost, None, "no model");
    assert_eq!(item(&[model, chat]).span.cost, None, "no usage");
}

#[test]
fn without_prices_nothing_is_priced() {
    assert_eq!(Prices::default().is_empty(), cfg!(not(feature = "pricing")));
    assert_eq!(nano(&Prices::default(), &call(None, "no such model", Usage::new(1, 1))), None);
}

#[cfg(feature = "pricing")]
mod with_the_bundled_table {
    use super::*;

    fn bundled(provider: Option<&str>, model: &str, usage: Usage) -> Option<i64> {
        nano(&Prices::default(), &call(provider, model, usage))
    }

    /// The cost with an attribute.
    fn with(call: &Call<'_>, key: &'static str, value: impl Into<crate::model::Value>) -> Option<i64> {
        let mut attributes = Attributes::new();
        attributes.push(key, value);
        Prices::default().cost(call, &attributes).map(|cost| cost.nano_usd)
    }

    #[test]
    fn costs_name_the_version_that_the_lock_file_has() {
        let cost =
            Prices::default().cost(&call(Some("openai"), "gpt-4o", Usage::new(1, 1)), &Attributes::new()).unwrap();
        let version = cost.price_version.unwrap();
        let (name, number) = version.split_once(' ').unwrap();
        let lock_file = include_str!("../../../Cargo.lock");
        assert!(lock_file.contains(&format!("name = \"{name}\"\nversion = \"{number}\"\n")), "{version}");
        assert_eq!(cost.source, CostSource::Computed);
    }

    #[test]
    fn tokens_are_charged_at_their_rates() {
        // 2.5 dollars for a million, 1.25 where cached, 10 for output.
        assert_eq!(bundled(Some("openai"), "gpt-4o", Usage::new(812, 96)), Some(812 * 2_500 + 96 * 10_000));
        let cached = Usage::new(812, 96).with_cache_read(800).with_reasoning(64);
        assert_eq!(bundled(Some("openai"), "gpt-4o", cached), Some(12 * 2_500 + 800 * 1_250 + 96 * 10_000));
        let claude = Usage::new(1_000, 10).with_cache_read(600).with_cache_write(300);
        assert_eq!(
            bundled(Some("anthropic"), "claude-sonnet-4-5", claude),
            Some(100 * 3_000 + 600 * 300 + 300 * 3_750 + 10 * 15_000)
        );
        assert_eq!(bundled(Some("openai"), "gpt-4o", Usage::new(0, 0)), Some(0));
    }

    #[test]
    fn the_day_of_the_call_decides() {
        let on = |start_ns| {
            nano(&Prices::default(), &Call { start_ns, ..call(Some("openai"), "o3", Usage::new(1_000, 100)) })
        };
        let may_2025 = 1_746_057_600_000_000_000;
        let august_2025 = 1_754_006_400_000_000_000;
        assert_eq!(on(may_2025), Some(1_000 * 10_000 + 100 * 40_000));
        assert_eq!(on(august_2025), Some(1_000 * 2_000 + 100 * 8_000));
        assert_eq!(on(-DAY), on(may_2025), "before the first known price, the first known price");
    }

    #[test]
    fn every_spelling_of_a_provider_finds_its_prices() {
        for (provider, model) in [
            ("x_ai", "grok-4"),
            ("gcp.gen_ai", "gemini-2.5-pro"),
            ("gcp.gemini", "gemini-2.5-pro"),
            ("gcp.vertex_ai", "gemini-2.5-pro"),
            ("azure.ai.openai", "gpt-4o"),
            ("azure.ai.inference", "gpt-4o"),
            ("aws.bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
            ("mistral_ai", "mistral-large-latest"),
            ("moonshot_ai", "kimi-k2.6"),
            ("together_ai", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
            ("deepseek", "deepseek-chat"),
            ("groq", "llama-3.3-70b-versatile"),
            ("perplexity", "sonar"),
            ("cohere", "command-r-plus"),
            ("openrouter", "openai/gpt-4o"),
        ] {
            let cost = bundled(Some(provider), model, Usage::new(1_000, 100));
            assert!(cost.is_some_and(|cost| cost > 0), "{provider} {model}: {cost:?}");
        }
    }

    #[test]
    fn an_unknown_provider_leaves_the_models_name() {
        let usage = Usage::new(812, 96);
        assert_eq!(bundled(Some("our gateway"), "gpt-4o", usage), bundled(Some("openai"), "gpt-4o", usage));
        assert_eq!(bundled(None, "gpt-4o", usage), bundled(Some("openai"), "gpt-4o", usage));
        assert_eq!(bundled(Some("our gateway"), "our-model", usage), None);
        assert_eq!(bundled(Some("openai"), "our-model", usage), None);
        for local in ["ollama", "llama.cpp", "lm studio"] {
            assert_eq!(bundled(Some(local), "gpt-4o", usage), None, "{local}: nobody takes a price");
        }
    }

    #[test]
    fn the_service_tier_selects_a_price() {
        let call = call(Some("openai"), "gpt-5", Usage::new(1_000, 100));
        let standard = with(&call, "other", "flex");
        assert_eq!(standard, Some(1_000 * 1_250 + 100 * 10_000));
        for key in
            ["openai.response.service_tier", "gen_ai.openai.response.service_tier", "openai.request.service_tier"]
        {
            assert_eq!(with(&call, key, "flex"), standard.map(|cost| cost / 2), "{key}");
        }
        assert_eq!(with(&call, "openai.response.service_tier", "Priority"), standard.map(|cost| cost * 2));
        for tier in ["default", "auto", "unheard of"] {
            assert_eq!(with(&call, "openai.response.service_tier", tier), standard, "{tier}");
        }
        assert!(with(&call, "gen_ai.response.service_tier", "batch") < standard);
        let mut asked_and_answered = Attributes::new();
        asked_and_answered.push("openai.request.service_tier", "flex");
        asked_and_answered.push("openai.response.service_tier", "default");
        let cost = Prices::default().cost(&call, &asked_and_answered).map(|cost| cost.nano_usd);
        assert_eq!(cost, standard, "what was answered is billed");
    }

    #[test]
    fn heard_tokens_have_a_price_of_their_own() {
        let call = call(Some("openai"), "gpt-audio", Usage::new(1_000, 100));
        let text = with(&call, "other", 0_i64).unwrap();
        for key in ["gen_ai.usage.audio.input_tokens", "llm.token_count.prompt_details.audio"] {
            assert!(with(&call, key, 900_i64).is_some_and(|cost| cost > text), "{key}");
        }
    }

    #[test]
    fn counts_that_contradict_each_other_have_no_price() {
        let usage = Usage { cache_read: Some(500), ..Usage::new(100, 10) };
        assert_eq!(bundled(Some("openai"), "gpt-4o", usage), None);
        assert_eq!(bundled(Some("openai"), "gpt-4o", Usage::new(u64::MAX, u64::MAX)), None);
    }

    #[test]
    fn what_is_charged_and_not_reported_has_no_price() {
        let only_total = Usage { total: Some(100), ..Usage::default() };
        for usage in [only_total, million(), Usage { output: Some(5), ..Usage::default() }] {
            assert_eq!(bundled(Some("openai"), "gpt-4o", usage), None, "{usage:?}");
        }
        assert_eq!(
            bundled(Some("openai"), "text-embedding-3-small", million()),
            Some(20_000_000),
            "no output is charged"
        );
        // Charged by the second, of which the tokens say nothing.
        assert_eq!(bundled(Some("groq"), "whisper-large-v3", Usage::new(100, 100)), None);
    }
}
