//! Ways to write a text that hide it from whoever only looks for it as it is. The tests plant secrets in all of them, and look for all.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// A way to write a text.
pub(crate) type Encode = fn(&str) -> String;

/// All of them, by name.
pub(crate) const ENCODINGS: &[(&str, Encode)] = &[
    ("plain", str::to_owned),
    ("JSON in JSON", |text| quoted(&quoted(text))),
    ("Debug", |text| format!("{:?}", format!("{text:?}"))),
    ("\\u in JSON", |text| each(text, |byte| format!("\\u{byte:04x}"))),
    ("\\u in JSON in JSON", |text| each(text, |byte| format!("\\\\u{byte:04X}"))),
    ("\\u{} in Rust", |text| each(text, |byte| format!("\\u{{{byte:x}}}"))),
    ("\\x", |text| each(text, |byte| format!("\\x{byte:02x}"))),
    ("octal", |text| each(text, |byte| format!("\\{byte:03o}"))),
    ("URL", |text| each(text, |byte| format!("%{byte:02X}"))),
    ("URL in small letters", |text| each(text, |byte| format!("%{byte:02x}"))),
    ("URL in URL", |text| each(text, |byte| format!("%25{byte:02X}"))),
    ("HTML", |text| each(text, |byte| format!("&#{byte};"))),
    ("HTML, hexadecimal", |text| each(text, |byte| format!("&#x{byte:X};"))),
    ("quoted-printable", |text| each(text, |byte| format!("={byte:02X}"))),
    ("quoted-printable, broken", |text| broken(text, 9, "\r\n").replace('=', "=3D").replace("\r\n", "=\r\n")),
    ("base64", |text| STANDARD.encode(text)),
    ("base64 of URLs", |text| URL_SAFE_NO_PAD.encode(text)),
    ("base64 in lines", |text| broken(&STANDARD.encode(text), 16, "\r\n")),
    ("base64 twice", |text| STANDARD.encode(STANDARD.encode(text))),
    ("base64 of UTF-16", |text| STANDARD.encode(text.bytes().flat_map(|byte| [byte, 0]).collect::<Vec<u8>>())),
    ("hexadecimal", |text| each(text, |byte| format!("{byte:02x}"))),
    ("hexadecimal in capitals", |text| each(text, |byte| format!("{byte:02X}"))),
    ("hexadecimal with colons", |text| listed(text, ":", |byte| format!("{byte:02x}"))),
    ("hexadecimal numbers", |text| listed(text, ", ", |byte| format!("0x{byte:02x}"))),
    ("numbers", |text| listed(text, ", ", |byte| byte.to_string())),
    ("in lines", |text| broken(text, 12, "\n")),
];

fn each(text: &str, encode: impl Fn(u8) -> String) -> String {
    text.bytes().map(encode).collect()
}

fn listed(text: &str, sign: &str, encode: impl Fn(u8) -> String) -> String {
    text.bytes().map(encode).collect::<Vec<_>>().join(sign)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn broken(text: &str, length: usize, end: &str) -> String {
    let lines = text.as_bytes().chunks(length).map(|line| String::from_utf8_lossy(line).into_owned());
    lines.collect::<Vec<_>>().join(end)
}

/// A secret: the text that is planted, and the part of it that nobody may find.
pub(crate) struct Secret {
    pub(crate) planted: String,
    pub(crate) hidden: String,
}

/// Secrets of many shapes, each another one: as many as there are shapes, for each number.
pub(crate) fn secrets(number: u64) -> Vec<Secret> {
    // Letters and digits that look random and are the same each time.
    let random = |length: usize, salt: u64| -> String {
        let mut state =
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd129_0dd6_9f3b_21b5) ^ 0x1234_5678;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut text: String =
            (1..length).map(|_| char::from(letters[usize::try_from(next() % 62).unwrap()])).collect();
        // A random text without any digit is rare, and a word.
        text.push(char::from(b'0' + u8::try_from(next() % 10).unwrap()));
        text
    };
    let whole = |text: String| Secret { hidden: text.clone(), planted: text };
    let after = |before: &str, secret: String, behind: &str| Secret {
        planted: format!("{before}{secret}{behind}"),
        hidden: secret,
    };
    vec![
        whole(format!("sk-proj-{}", random(40, 1))),
        whole(format!("sk-ant-api03-{}", random(60, 2))),
        whole(format!("AKIA{}", random(16, 3).to_ascii_uppercase())),
        whole(format!("ghp_{}", random(36, 4))),
        whole(format!("github_pat_{}", random(50, 5))),
        whole(format!("AIza{}", random(35, 6))),
        whole(format!("xoxb-{}", random(30, 7))),
        whole(format!("sk_live_{}", random(24, 8))),
        whole(format!("hf_{}", random(34, 9))),
        whole(format!("gsk_{}", random(48, 10))),
        whole(format!("glpat-{}", random(20, 11))),
        whole(format!("npm_{}", random(36, 12))),
        whole(format!("SG.{}.{}", random(22, 13), random(43, 14))),
        whole(format!("eyJ{}.eyJ{}.{}", random(30, 15), random(60, 16), random(40, 17))),
        after("Authorization: Bearer ", random(32, 18), ""),
        after("password=", random(16, 19), ""),
        after("postgres://app:", random(14, 20), "@db/traces"),
        after("https://api.example.com/v1?api_key=", random(28, 21), "&x=1"),
        after("\"client_secret\": \"", random(24, 22), "\""),
        after("Config { access_token: Some(\"", random(26, 23), "\"), retries: 3 }"),
    ]
}
