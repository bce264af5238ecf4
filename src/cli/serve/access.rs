//! Who may write: nobody from elsewhere without a token, and no web page.

use std::hint::black_box;
use std::net::SocketAddr;

use axum::http::{HeaderMap, header};

use super::answer::Refusal;
use crate::cli::failure::Failure;

pub(super) const TOKEN_VARIABLE: &str = "AGENT_TRACES_TOKEN";

/// What a request must show.
pub(super) struct Access {
    token: Option<String>,
}

impl Access {
    pub(super) fn new(token: Option<&str>) -> Result<Self, Failure> {
        let is_sendable = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if token.is_some_and(|token| !is_sendable(token)) {
            let what = "the token cannot be sent in a header: it needs one or more visible ASCII characters";
            return Err(Failure::usage(format!("{what}, such as those of `openssl rand -hex 32`")));
        }
        Ok(Self { token: token.map(str::to_owned) })
    }

    /// Whether these addresses may be listened on.
    pub(super) fn check<'a>(
        &self,
        addresses: impl IntoIterator<Item = &'a SocketAddr>,
        insecure: bool,
    ) -> Result<(), Failure> {
        let open = addresses.into_iter().find(|address| !address.ip().to_canonical().is_loopback());
        match open {
            Some(address) if self.token.is_none() && !insecure => Err(Failure::usage(format!(
                "other machines reach {address}, and whoever does could write: set a token in {TOKEN_VARIABLE} or with --token, or say \
                 --insecure-no-token if that is what you want"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether a request may write.
    ///
    /// Browsers name the page's origin with all that a page posts, other clients do not. So this also stops pages that reach this
    /// address by a name of their own.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if headers.contains_key(header::ORIGIN) {
            return Err(Refusal::forbidden("web pages may not write here"));
        }
        let Some(token) = &self.token else { return Ok(()) };
        let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes()).and_then(bearer);
        match given {
            Some(given) if is_equal(given, token.as_bytes()) => Ok(()),
            Some(_) => Err(Refusal::unauthorized("this is not the token")),
            None => Err(Refusal::unauthorized("a token is needed: send `Authorization: Bearer TOKEN`")),
        }
    }
}

/// The token in an `Authorization` header.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Whether both are the same, in a time that does not tell how far they are: only their lengths show.
fn is_equal(given: &[u8], token: &[u8]) -> bool {
    let differences = given.iter().zip(token).fold(0, |differences, (a, b)| black_box(differences | (a ^ b)));
    given.len() == token.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, StatusCode};

    use super::*;

    fn answer(access: &Access, name: header::HeaderName, value: &'static str) -> Result<(), StatusCode> {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        access.admit(&headers).map_err(|refusal| refusal.status())
    }

    #[test]
    fn only_the_whole_token_opens() {
        let access = Access::new(Some("s3cret")).unwrap();
        for value in ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret "] {
            assert_eq!(answer(&access, header::AUTHORIZATION, value), Ok(()), "{value}");
        }
        for value in ["Bearer s3cre", "Bearer s3cret1", "Bearer S3cret", "Bearer ", "Bearer", "s3cret", "Basic s3cret"]
        {
            assert_eq!(answer(&access, header::AUTHORIZATION, value), Err(StatusCode::UNAUTHORIZED), "{value}");
        }
        assert_eq!(access.admit(&HeaderMap::new()).map_err(|refusal| refusal.status()), Err(StatusCode::UNAUTHORIZED));
    }

    #[test]
    fn no_page_writes_whatever_it_knows() {
        let access = Access::new(None).unwrap();
        assert_eq!(access.admit(&HeaderMap::new()).map_err(|refusal| refusal.status()), Ok(()));
        for origin in ["https://example.com", "http://127.0.0.1:4318", "null"] {
            assert_eq!(answer(&access, header::ORIGIN, origin), Err(StatusCode::FORBIDDEN));
        }
    }

    #[test]
    fn an_address_that_others_reach_needs_a_token_or_the_word_insecure() {
        let none = Access::new(None).unwrap();
        for (address, is_open) in [
            ("127.0.0.1:1", false),
            ("127.8.0.1:1", false),
            ("[::1]:1", false),
            ("[::ffff:127.0.0.1]:1", false),
            ("0.0.0.0:1", true),
            ("[::]:1", true),
            ("192.168.1.4:1", true),
        ] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(none.check([&address], false).is_err(), is_open, "{address}");
            assert!(none.check([&address], true).is_ok());
            assert!(Access::new(Some("x")).unwrap().check([&address], false).is_ok());
        }
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_refused_at_the_start() {
        for token in ["", "two words", "naïve", "line\n"] {
            assert!(Access::new(Some(token)).is_err(), "{token:?}");
        }
    }
}
