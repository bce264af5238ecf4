//! Which names are those of secrets: `authorization`, `db.password`, `OPENAI_API_KEY`, `clientSecret`, but not `input_tokens`.

/// How surely a name is a secret's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    Not,
    /// Its value may be one, and may be a word of a language model's.
    Maybe,
    /// Whatever stands there is one.
    Surely,
}

/// Words that name a secret by themselves, also at the end of a longer one (`dbpassword`).
const SECRETS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "secrets",
    "credential",
    "credentials",
    "authorization",
    "cookie",
    "cookies",
    "apikey",
    "apikeys",
    "pwd",
    "privatekey",
    "accesskey",
    "secretkey",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "sessiontoken",
    "bearer",
];

/// What makes a `key` a secret one.
const KEYS: &[&str] = &[
    "api",
    "access",
    "private",
    "secret",
    "signing",
    "encryption",
    "account",
    "master",
    "auth",
    "ssh",
    "deploy",
    "service",
    "license",
    "subscription",
];

/// What makes a `token` a secret one.
const TOKENS: &[&str] = &[
    "access",
    "refresh",
    "auth",
    "bearer",
    "api",
    "session",
    "security",
    "id",
    "csrf",
    "xsrf",
    "bot",
    "oauth",
    "oauth2",
    "jwt",
    "personal",
    "deploy",
    "github",
    "gitlab",
    "slack",
    "hf",
    "npm",
    "registry",
    "vault",
    "service",
    "user",
    "login",
    "reset",
    "verification",
    "device",
    "sas",
    "private",
];

/// Words behind which a name is about a secret, and is none: `password_length`, `secret_name`.
const ABOUT: &[&str] = &[
    "length",
    "len",
    "count",
    "name",
    "names",
    "policy",
    "type",
    "hint",
    "expires",
    "expiry",
    "expiration",
    "expired",
    "age",
    "url",
    "uri",
    "path",
    "file",
    "enabled",
    "required",
    "present",
    "set",
    "min",
    "max",
    "size",
    "label",
    "field",
    "version",
    "status",
    "valid",
    "ttl",
    "format",
    "usage",
    "used",
    "limit",
    "cost",
    "rotation",
    "prompt",
];

/// Words behind which a name is still that of the secret: `password_hash`.
const VALUES: &[&str] = &["id", "hash", "value", "text", "raw", "key", "base64", "b64", "plain", "data", "header"];

/// Tokens that language models and lists have.
const NO_SECRET_TOKENS: &[&str] = &[
    "max",
    "min",
    "first",
    "last",
    "next",
    "previous",
    "page",
    "continuation",
    "per",
    "stop",
    "eos",
    "bos",
    "pad",
    "unk",
    "mask",
    "sep",
    "cls",
    "special",
    "input",
    "output",
    "prompt",
    "completion",
    "total",
    "reasoning",
    "cached",
    "new",
    "time",
    "to",
    "text",
    "special",
    "begin",
    "end",
];

/// What a name says of its value.
pub(super) fn named(name: &str) -> Named {
    // Longer ones are no names.
    if name.len() > 256 {
        return Named::Not;
    }
    let words = words(name);
    let Some((last, before)) = words.split_last() else { return Named::Not };
    let previous = before.last().map_or("", String::as_str);
    let is_secret =
        |word: &str| SECRETS.iter().any(|secret| word == *secret || (secret.len() > 5 && word.ends_with(secret)));
    if ABOUT.contains(&last.as_str()) {
        return Named::Not;
    }
    if is_secret(last) || (is_secret(previous) && VALUES.contains(&last.as_str())) {
        return Named::Surely;
    }
    match last.as_str() {
        "key" | "keys" if KEYS.contains(&previous) => Named::Surely,
        "token" if TOKENS.contains(&previous) => Named::Surely,
        "token" if NO_SECRET_TOKENS.contains(&previous) => Named::Not,
        "token" | "auth" => Named::Maybe,
        word if word.ends_with("token") => Named::Maybe,
        _ => Named::Not,
    }
}

/// The words of a name in any of the spellings, in small letters.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut is_open, mut was_small) = (false, false);
    for c in name.chars() {
        if !c.is_alphanumeric() {
            (is_open, was_small) = (false, false);
            continue;
        }
        if !is_open || (was_small && c.is_uppercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
        (is_open, was_small) = (true, c.is_lowercase() || c.is_numeric());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for name in [
            "password",
            "db.password",
            "DB_PASSWORD",
            "userPassword",
            "dbpassword",
            "authorization",
            "http.request.header.authorization",
            "Proxy-Authorization",
            "set-cookie",
            "Cookie",
            "x-api-key",
            "apiKey",
            "OPENAI_API_KEY",
            "api_keys",
            "client_secret",
            "aws_secret_access_key",
            "private_key",
            "access_token",
            "accessToken",
            "refresh-token",
            "GITHUB_TOKEN",
            "secret_id",
            "x-auth-token",
            "AccountKey",
            "credentials",
        ] {
            assert_eq!(named(name), Named::Surely, "{name}");
        }
        for name in ["token", "TOKEN", "x-vendor-token", "mytoken"] {
            assert_eq!(named(name), Named::Maybe, "{name}");
        }
    }

    #[test]
    fn counts_of_tokens_and_what_is_about_secrets_stay() {
        for name in [
            "gen_ai.usage.input_tokens",
            "max_tokens",
            "llm.token_count.prompt",
            "total_tokens",
            "tokens",
            "time_to_first_token",
            "nextPageToken",
            "next_token",
            "eos_token",
            "stop_token",
            "tokenizer",
            "password_length",
            "secret_name",
            "key",
            "primary_key",
            "keyboard",
            "author",
            "authority",
            "secretary",
            "cookie_policy",
            "monkey",
            "",
        ] {
            assert_eq!(named(name), Named::Not, "{name}");
        }
    }
}
