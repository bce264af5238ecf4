//! A password that is part of a database URL is in no error, whatever is wrong, and in no `Debug` text.

use std::error::Error as _;

use tracing_agents::store::Store;
use tracing_agents::{AgentTracing, Error, TraceRepository};

const SECRET: &str = "hunter2";

/// All that an error tells: to users, to logs, and on request.
fn told(error: &Error) -> String {
    let mut told = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        told.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    told
}

/// A password in every place where a URL has one, in URLs that go wrong at every step: the text, the address, the server's answer.
fn urls() -> Vec<String> {
    let mut urls = Vec::new();
    for scheme in ["postgres", "postgresql", "mysql", "mariadb", "oracle", ""] {
        for address in [
            // Nobody listens there, or nobody has the name.
            "127.0.0.1:1/db",
            "no-such-host.invalid/db",
            // Not understood.
            "127.0.0.1:port/db",
            "127.0.0.1:1",
            "127.0.0.1:1/",
            "[::1/db",
            "127.0.0.1:1/db?color=red",
            "127.0.0.1:1/db?sslmode=sometimes",
            "127.0.0.1:1/db?ssl-mode=sometimes",
            "127.0.0.1:1/db?sslmode=verify-full&sslrootcert=/no/such/file",
            "127.0.0.1:1/db?ssl-mode=VERIFY_CA&ssl-ca=/no/such/file",
            "127.0.0.1:1/db?partition=hourly",
        ] {
            for user in ["ana", "", "ana%40home"] {
                urls.push(format!("{scheme}://{user}:{SECRET}@{address}"));
                urls.push(format!("{scheme}://{user}:{SECRET}?@{address}"));
                urls.push(format!("{scheme}://{user}:a@{SECRET}@{address}"));
                urls.push(format!("{scheme}:{user}:{SECRET}@{address}"));
            }
            let sign = if address.contains('?') { '&' } else { '?' };
            urls.push(format!("{scheme}://ana@{address}{sign}password={SECRET}"));
            urls.push(format!("{scheme}://ana@{address}{sign}PASSWORD={SECRET}"));
        }
    }
    urls
}

#[test]
fn no_error_tells_the_password_of_a_database() {
    for url in urls() {
        let builder = AgentTracing::builder(&url);
        assert!(!format!("{builder:?}").contains(SECRET), "{url}");
        for error in
            [builder.open().unwrap_err(), Store::open(&url).unwrap_err(), TraceRepository::open(&url).unwrap_err()]
        {
            assert!(!told(&error).contains(SECRET), "{url}: {}", told(&error));
        }
    }
}
