//! What secrets look like.
//!
//! Two kinds: what is known by its own shape, wherever it stands, and what is known by the name before it (`password=…`, a header, a
//! field of a `Debug` text). Code is full of names without secrets (`password: String`, `token = next()`), so what follows a name
//! without quotes must look like a value.

use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use regex::{Captures, Match, Regex};

use super::decode::looks_random;
use super::keys::{Named, named};

/// Keys that vendors give a beginning of their own. Each must have a digit in it, as random ones do.
const TOKENS: &[&str] = &[
    // OpenAI, Anthropic, DeepSeek, OpenRouter, Langfuse.
    r"sk-[A-Za-z0-9_-]{16,}",
    // AWS.
    r"(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[A-Z0-9]{16}",
    // GitHub and GitLab.
    r"gh[pousr]_[A-Za-z0-9]{20,}",
    r"github_pat_[A-Za-z0-9_]{20,}",
    r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-[A-Za-z0-9_-]{16,}",
    // Google.
    r"AIza[A-Za-z0-9_-]{30,}",
    r"ya29\.[A-Za-z0-9_-]{20,}",
    r"GOCSPX-[A-Za-z0-9_-]{20,}",
    r"1//0[A-Za-z0-9_-]{20,}",
    // Slack, Discord, Telegram.
    r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}",
    r"xapp-[A-Za-z0-9-]{10,}",
    r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,}",
    r"discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]{20,}",
    r"[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}",
    // Stripe, Shopify, Square, SendGrid, Mailgun, Twilio.
    r"[srp]k_(?:live|test)_[A-Za-z0-9]{10,}",
    r"whsec_[A-Za-z0-9+/=]{20,}",
    r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}",
    r"sq0(?:atp|csp)-[A-Za-z0-9_-]{20,}",
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"key-[0-9a-f]{32}",
    r"SK[0-9a-f]{32}",
    // Model vendors and their tools.
    r"hf_[A-Za-z0-9]{20,}",
    r"gsk_[A-Za-z0-9]{20,}",
    r"xai-[A-Za-z0-9]{20,}",
    r"pplx-[A-Za-z0-9]{20,}",
    r"r8_[A-Za-z0-9]{20,}",
    r"fw_[A-Za-z0-9]{20,}",
    r"tvly-[A-Za-z0-9-]{16,}",
    r"nvapi-[A-Za-z0-9_-]{20,}",
    r"pcsk_[A-Za-z0-9_]{20,}",
    r"lsv2_(?:pt|sk)_[A-Za-z0-9_]{20,}",
    // Registries.
    r"npm_[A-Za-z0-9]{30,}",
    r"pypi-[A-Za-z0-9_-]{16,}",
    r"cio[A-Za-z0-9]{32}",
    r"dckr_pat_[A-Za-z0-9_-]{20,}",
    // Clouds and infrastructure.
    r"do[oprt]_v1_[a-f0-9]{40,}",
    r"dapi[0-9a-f]{32}",
    r"hv[sbr]\.[A-Za-z0-9_-]{20,}",
    r"gl(?:sa|c)_[A-Za-z0-9+/=_]{20,}",
    r"dp\.(?:pt|st|sa|ct|scim|audit)\.[A-Za-z0-9._-]{20,}",
    r"lin_api_[A-Za-z0-9]{20,}",
    r"(?:secret|ntn)_[A-Za-z0-9]{40,}",
    r"PMAK-[A-Za-z0-9-]{20,}",
    r"AGE-SECRET-KEY-1[0-9A-Z]{50,}",
    // JSON web tokens, also without a signature.
    r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
];

static TOKEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!(r"(?-u:\b)(?:{})", TOKENS.join("|"))).ok());

/// A private key, to its end; one whose end was cut off, to the text's.
static PRIVATE_KEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\z)",
    )
    .ok()
});

/// The password in a URL.
static IN_URL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s/:@"'<>]{0,256}:([^\s/"'<>]{1,1024})@"#).ok());

/// What stands behind an authentication scheme.
static SCHEME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)(?-u:\b)(bearer|basic)(?:\s|\+)+([A-Za-z0-9._~+/=-]{6,})").ok());

/// A header with a secret, in a text of headers: the credentials of a scheme that has one word for them, else all of its line.
static HEADER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?ix)(?-u:\b)(?:
            (?:proxy-)?authorization["']?\s*[:=]\s*["']?(?:
                (?:bearer|basic|negotiate|token|apikey)\s+([^\s"'\[,;][^\s"',;]*)
                | (?:digest|aws4-hmac-sha256)\s+([^\s"'\[][^"'\r\n]*)
            )
            | (?:set-)?cookie["']?\s*:\s*["']?([^\s"'\[=;]+=[^"'\r\n]*)
        )"#,
    )
    .ok()
});

/// A name, a sign between, and a value with quotes or without.
static ASSIGNMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?ix)
        ([a-z0-9_.\-]{0,64}(?:passw|passphrase|passcode|pwd|secret|token|credential|authorization|cookie|key|auth|bearer)[a-z0-9_\-]{0,32})
        ["']?[)\]]?\s{0,8}(=>|:=|==|=|:)\s{0,8}
        (?:(?:Some|Ok|Secret)\(\s*)?
        (?: [bru]{0,2}"((?:[^"\\]|\\.)*)" | [bru]{0,2}'((?:[^'\\\n]|\\.)*)' | ([^\s"'&,;<>(){}\[\]|`]+) )"#,
    )
    .ok()
});

static EMAIL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?-u:\b)[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?-u:\b)").ok()
});

static CARD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?-u:\b)[2-6][0-9](?:[ -]?[0-9]){11,17}(?-u:\b)").ok());

/// Calls `found` with the place of each secret in a text.
pub(super) fn secrets(text: &str, mut found: impl FnMut(Range<usize>)) {
    for key in matches(&TOKEN, text).filter(|key| has_digit(key.as_str())) {
        found(key.range());
    }
    if text.contains("-----BEGIN") {
        matches(&PRIVATE_KEY, text).for_each(|key| found(key.range()));
    }
    if text.contains("://") {
        captures(&IN_URL, text).filter_map(|url| url.get(1)).for_each(|password| found(password.range()));
    }
    for scheme in captures(&SCHEME, text) {
        let (Some(word), Some(value)) = (scheme.get(1), scheme.get(2)) else { continue };
        let is_secret = match word.as_str().len() {
            // `Bearer` and `Basic` are of different lengths; the latter is a name, a colon and a password in base64.
            6 => looks_random(value.as_str()),
            _ => BASE64
                .decode(value.as_str().trim_end_matches('='))
                .is_ok_and(|pair| pair.is_ascii() && pair.contains(&b':')),
        };
        if is_secret {
            found(value.range());
        }
    }
    let values = captures(&HEADER, text).filter_map(|header| header.iter().skip(1).flatten().next());
    values.for_each(|value| found(value.range()));
    captures(&ASSIGNMENT, text).filter_map(|it| assigned(text, &it)).for_each(found);
}

/// The value of an assignment to the name of a secret.
fn assigned(text: &str, assignment: &Captures<'_>) -> Option<Range<usize>> {
    let name = assignment.get(1)?;
    let of = named(name.as_str());
    if of == Named::Not {
        return None;
    }
    if let Some(quoted) = assignment.get(3).or_else(|| assignment.get(4)) {
        let is_secret = of == Named::Surely || looks_random(quoted.as_str());
        return (is_secret && !quoted.is_empty()).then(|| quoted.range());
    }
    let value = assignment.get(5)?;
    let before = text.get(..name.start())?.bytes().next_back();
    let after = text.get(value.end()..)?.bytes().next();
    let is_call = matches!(after, Some(b'(' | b'[' | b'{')) || value.as_str().contains("::");
    let is_equals = assignment.get(2).is_some_and(|sign| sign.as_str() == "=");
    let is_query = matches!(before, Some(b'?' | b'&')) && is_equals;
    let is_variable = is_equals && !name.as_str().bytes().any(|c| c.is_ascii_lowercase()) && value.len() >= 4;
    let is_secret =
        !is_call && !value.as_str().starts_with('$') && (is_query || is_variable || looks_random(value.as_str()));
    is_secret.then(|| value.range())
}

/// Calls `found` with the place of each e-mail address.
pub(super) fn emails(text: &str, mut found: impl FnMut(Range<usize>)) {
    if text.contains('@') {
        matches(&EMAIL, text).for_each(|address| found(address.range()));
    }
}

/// Calls `found` with the place of each number of a payment card.
pub(super) fn cards(text: &str, mut found: impl FnMut(Range<usize>)) {
    matches(&CARD, text).filter(|number| is_card(number.as_str())).for_each(|number| found(number.range()));
}

/// Luhn's check, which nine of ten numbers that are none do not pass.
fn is_card(number: &str) -> bool {
    let digits: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let of = |(place, digit): (usize, &u32)| if place % 2 == 1 { doubled(*digit) } else { *digit };
    let is_same = digits.windows(2).all(|pair| matches!(pair, [one, other] if one == other));
    (13..=19).contains(&digits.len()) && !is_same && digits.iter().rev().enumerate().map(of).sum::<u32>() % 10 == 0
}

fn matches<'t>(regex: &'static LazyLock<Option<Regex>>, text: &'t str) -> impl Iterator<Item = Match<'t>> {
    regex.iter().flat_map(move |regex| regex.find_iter(text))
}

fn captures<'t>(regex: &'static LazyLock<Option<Regex>>, text: &'t str) -> impl Iterator<Item = Captures<'t>> {
    regex.iter().flat_map(move |regex| regex.captures_iter(text))
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut places = Vec::new();
        secrets(text, |range| places.push(range));
        // What is found twice is the longer one.
        let is_part = |one: &Range<usize>| {
            places.iter().any(|other| other != one && other.start <= one.start && one.end <= other.end)
        };
        let mut texts: Vec<&str> =
            places.iter().filter(|one| !is_part(one)).map(|range| &text[range.clone()]).collect();
        texts.sort_unstable();
        texts.dedup();
        texts
    }

    #[test]
    fn the_patterns_compile() {
        let all = [&TOKEN, &PRIVATE_KEY, &IN_URL, &SCHEME, &HEADER, &ASSIGNMENT, &EMAIL, &CARD];
        assert!(all.iter().all(|regex| regex.is_some()));
    }

    #[test]
    fn secrets_are_known_by_their_shape() {
        for key in [
            "sk-proj-Ab3dEf6hIj9kLm2nOp5q",
            "sk-ant-api03-x7Yz_12-abcdefghijklmn",
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_1234567890abcdefghijABCDEFGHIJ123456",
            "github_pat_11ABCDEFG0abcdefghij_klmnopqrst",
            "AIzaSyA1234567890abcdefghijklmnopqrstuv",
            "xoxb-123456789012-abcdefGHIJ",
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
            "hf_AbCdEfGhIjKlMnOpQrSt12345",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN",
        ] {
            assert_eq!(found(&format!("it is {key}, so")), [key]);
        }
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----";
        assert_eq!(found(&format!("a {pem} b")), [pem]);
        assert_eq!(found("x -----BEGIN PRIVATE KEY-----\nMIIB"), ["-----BEGIN PRIVATE KEY-----\nMIIB"]);
    }

    #[test]
    fn secrets_are_known_by_what_stands_before_them() {
        for (text, secret) in [
            ("postgres://app:hunter2@db/x", "hunter2"),
            ("Authorization: Bearer abc.def-123", "abc.def-123"),
            ("authorization: Digest username=x, response=y", "username=x, response=y"),
            ("Basic YWxhZGRpbjpvcGVuc2VzYW1l", "YWxhZGRpbjpvcGVuc2VzYW1l"),
            ("Set-Cookie: sid=31d4d96e; Path=/\r\nHost: x", "sid=31d4d96e; Path=/"),
            (r#"{"password": "hunter"}"#, "hunter"),
            (r#"Config { api_key: Some("abc"), n: 1 }"#, "abc"),
            ("password: 'it is'", "it is"),
            ("DB_PASSWORD=hunter", "hunter"),
            ("GET /?token=a&x=1", "a"),
            ("client_secret=8fd2ab71", "8fd2ab71"),
        ] {
            assert_eq!(found(text), [secret], "{text}");
        }
    }

    #[test]
    fn code_and_prose_stay() {
        for text in [
            "fn login(password: String, token: &str) -> Result<Token> { let token = next_token(); check(token)? }",
            "struct Config { api_key: Option<SecretString>, secret: Secret<String> }",
            "let password = std::env::var(name)?; if token == expected { return; }",
            "self.token = self.tokens[0]; key: u64, secret_key: [u8; 32]",
            "export API_KEY=$OPENAI_KEY",
            "Bearer authentication is described in RFC 6750. The basic idea: task-oriented agents.",
            "sk-circle-bounce-delay-animation is a class, task-runner is not a key",
            "The password must be changed. Token: a piece of a word. Cookie policy.",
            "input_tokens=812 max_tokens: 4096 total_tokens=900",
            "use crate::policy::redact::{keys, shapes}; // see src/policy/redact/shapes.rs",
            "https://example.com:8080/a/b?c=d@e",
            "3f2504e0-4f89-11d3-9a0c-0305e82c3301 2026-11-23T09:43:18Z e3b0c44298fc1c149afbf4c8996fb924",
        ] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn cards_pass_luhns_check_and_times_are_none() {
        let cards = |text: &str| {
            let mut count = 0;
            cards(text, |_| count += 1);
            count
        };
        assert_eq!(cards("4242 4242 4242 4242 and 4242424242424242, 5555-5555-5555-4444; 378282246310005"), 4);
        assert_eq!(cards("4242424242424241 1780000000000000000 4444444444444444 1234567890123"), 0);
    }

    #[test]
    fn addresses_are_found() {
        let mut found = Vec::new();
        let text = "Write to ada.l+x@mail.example.org, or @ada; a@b is none.";
        emails(text, |range| found.push(&text[range]));
        assert_eq!(found, ["ada.l+x@mail.example.org"]);
    }
}
