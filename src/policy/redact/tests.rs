//! What the ready-made redactor finds, wherever and however it is written, and what it leaves alone.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::policy::encodings::{ENCODINGS, secrets};

fn clean(text: &str) -> String {
    Redactor::secrets().redact(text)
}

/// Looks for a secret in all encodings.
fn traces_of(hidden: &str, planted: &str, text: &str) -> Vec<&'static str> {
    let is_in = |encode: fn(&str) -> String| text.contains(&encode(hidden)) || text.contains(&encode(planted));
    ENCODINGS.iter().filter(|(_, encode)| is_in(*encode)).map(|(name, _)| *name).collect()
}

#[test]
fn a_secret_is_found_in_every_encoding() {
    let mut count = 0;
    for number in 0..3 {
        for secret in secrets(number) {
            for (name, encode) in ENCODINGS {
                let text = format!("It said: {} and no more.", encode(&secret.planted));
                let cleaned = clean(&text);
                assert_eq!(traces_of(&secret.hidden, &secret.planted, &cleaned), [""; 0], "{name}: {text}\n{cleaned}");
                assert!(
                    cleaned.starts_with("It said: ") && cleaned.ends_with(" and no more."),
                    "{name}: {text}\n{cleaned}"
                );
                count += 1;
            }
        }
    }
    assert_eq!(count, 3 * 20 * ENCODINGS.len());
}

#[test]
fn a_secret_is_found_in_an_encoding_of_an_encoding() {
    let whole = || ENCODINGS.iter().filter(|(name, _)| !name.contains("in lines"));
    for secret in secrets(7).iter().step_by(6) {
        for (outer, encode) in whole() {
            for (inner, encode_first) in whole() {
                let text = encode(&json!({ "note": encode_first(&secret.planted) }).to_string());
                let cleaned = clean(&text);
                let left = traces_of(&secret.hidden, &secret.planted, &cleaned);
                assert!(cleaned != text && left.is_empty(), "{inner} in {outer}: {text}\n{cleaned}");
            }
        }
    }
}

#[test]
fn json_stays_json_and_only_secrets_change() {
    let text = r#"{ "user": "ada", "password": "correct horse", "pin": 4711, "auth": {"api_key": ["a", 17, null, true]},
        "n": 1.50, "body": "{\"token\":\"abc123def456\",\"q\":\"x\"}", "tokens": {"input_tokens": 12} }"#;
    let expected = r#"{ "user": "ada", "password": "[redacted]", "pin": 4711, "auth": {"api_key": ["[redacted]", "[redacted]", null, true]},
        "n": 1.50, "body": "{\"token\":\"[redacted]\",\"q\":\"x\"}", "tokens": {"input_tokens": 12} }"#;
    assert_eq!(clean(text), expected);
}

#[test]
fn lists_of_bytes_in_json_are_read() {
    let key = "sk-proj-Ab3dEf6hIj9kLm2n";
    let cleaned = clean(&json!({ "body": key.as_bytes() }).to_string());
    assert_eq!(serde_json::from_str::<Json>(&cleaned).unwrap(), json!({ "body": ["[redacted]"] }));
}

#[test]
fn keys_of_ones_own_addresses_cards_and_patterns_are_found() {
    let redactor = Redactor::new().emails().cards().keys(["SSN"]).pattern("ACME-([0-9]+)").unwrap();
    for (text, expected) in [
        ("mail ada@example.org", "mail [redacted]"),
        ("card 4242 4242 4242 4242.", "card [redacted]."),
        ("ACME-123", "ACME-[redacted]"),
        (r#"{"user.ssn":"x","card":4242424242424242}"#, r#"{"user.ssn":"[redacted]","card":"[redacted]"}"#),
        ("password=hunter2abc", "password=hunter2abc"),
    ] {
        assert_eq!(redactor.redact(text), expected);
    }
    assert!(Redactor::new().pattern("(").is_err());
}

#[test]
fn values_are_found_by_the_name_above_them() {
    let redactor = Redactor::secrets().cards();
    for (name, value, expected) in [
        ("http.request.header.authorization", Value::from("x"), Value::from("[redacted]")),
        ("db.password", Value::Debug("Some(\"x\")".into()), Value::Debug("[redacted]".into())),
        ("db.password", Value::from(4711_i64), Value::from("[redacted]")),
        ("db.password", Value::from(b"x".to_vec()), Value::from(b"[redacted]".to_vec())),
        ("db.password", Value::Bool(true), Value::Bool(true)),
        ("gen_ai.usage.input_tokens", Value::from(812_i64), Value::from(812_i64)),
        ("n", Value::from(4_242_424_242_424_242_i64), Value::from("[redacted]")),
    ] {
        let mut clean = value;
        redactor.value(&[name], &mut clean);
        assert_eq!(clean, expected, "{name}");
    }
}

#[test]
fn equal_secrets_can_be_joined_by_their_digest() {
    let redactor = Redactor::secrets().digest_key([9; 16]);
    let key = "sk-proj-Ab3dEf6hIj9kLm2n";
    let plain = redactor.redact(key);
    assert!(plain.starts_with("[redacted:") && !plain.contains("Ab3d"), "{plain}");
    assert_eq!(redactor.redact(&format!("a%20{}", key.replace('-', "%2D"))), format!("a%20{plain}"));
    assert_eq!(redactor.redact(&json!({ "api_key": key }).to_string()), json!({ "api_key": plain }).to_string());
    assert_ne!(Redactor::secrets().digest_key([8; 16]).redact(key), plain);
    assert_eq!(redactor.redact(&plain), plain);
}

#[test]
fn code_is_left_alone() {
    for source in [include_str!("mod.rs"), include_str!("decode.rs"), include_str!("runs.rs")] {
        for (line, cleaned) in source.lines().zip(clean(source).lines()) {
            // The example of the documentation has a key in it.
            assert!(line == cleaned || line.contains("sk-proj-"), "{line}\n{cleaned}");
        }
    }
}

proptest! {
    #[test]
    fn redacting_twice_changes_nothing(text in any::<String>(), number in 0..50_u64, which in 0..20_usize, how in 0..ENCODINGS.len()) {
        let secret = &secrets(number)[which];
        let redactor = Redactor::secrets().emails().cards().digest_key([1; 16]);
        let (_, encode) = ENCODINGS[how];
        for text in [format!("{text}{}", encode(&secret.planted)), format!("{} {text}", encode(&secret.planted)), text] {
            let once = redactor.redact(&text);
            prop_assert_eq!(redactor.redact(&once), once.clone());
            let json = redactor.redact(&json!([text, { "password": text }]).to_string());
            prop_assert!(serde_json::from_str::<Json>(&json).is_ok(), "{json}");
            prop_assert_eq!(redactor.redact(&json), json.clone());
        }
    }

    #[test]
    fn texts_of_signs_and_escapes_are_no_trouble(text in "[\\\\\"%&=;x0-9a-fu{}\n: ,/@-]{0,80}") {
        let once = clean(&text);
        prop_assert_eq!(clean(&once), once);
    }
}
