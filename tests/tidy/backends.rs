//! Where the code may ask which databases are compiled in.

use crate::source::SourceFile;
use crate::tokens::{Flat, attributes, flat, parse};

const BACKENDS: [&str; 3] = ["\"sqlite\"", "\"postgres\"", "\"mysql\""];
/// Files, or folders with all that is in them. A URL's scheme is how a user asks for a backend.
const PLACES: [&str; 5] =
    ["src/lib.rs", "src/store/url", "src/store/connection", "src/store/migrate", "src/store/dialect"];

fn may_ask(path: &str) -> bool {
    let place = path.strip_suffix(".rs").unwrap_or(path);
    PLACES.iter().any(|allowed| {
        path == *allowed || place == *allowed || path.strip_prefix(allowed).is_some_and(|rest| rest.starts_with('/'))
    })
}

/// `feature = "<backend>"` in an attribute or in `cfg!`, outside of the few places for it. A test may say which database it
/// needs: `cfg(all(test, feature = "<backend>"))`.
pub(crate) fn misplaced_cfg(file: &SourceFile) -> Vec<String> {
    if may_ask(&file.path) {
        return Vec::new();
    }
    let of_tests: Vec<usize> = attributes(parse(file))
        .into_iter()
        .filter(|(inside, _)| {
            inside.len() > 3 && inside[..3].iter().map(|token| token.text.as_str()).eq(["cfg", "all", "test"])
        })
        .flat_map(|(inside, _)| lines_asking(&inside))
        .collect();
    let lines = lines_asking(&flat(parse(file)));
    let misplaced = lines.into_iter().filter(|line| !of_tests.contains(line));
    misplaced.map(|line| format!("{}:{line}: asks for a backend", file.path)).collect()
}

fn lines_asking(tokens: &[Flat]) -> Vec<usize> {
    let asks = tokens.windows(3).filter(|three| {
        three[0].text == "feature" && three[1].text == "=" && BACKENDS.contains(&three[2].text.as_str())
    });
    asks.map(|three| three[0].line).collect()
}

#[test]
fn a_misplaced_cfg_is_caught() {
    for (path, text, count) in [
        ("src/repository/mod.rs", "#[cfg(feature = \"sqlite\")] fn f() {}", 1),
        ("src/repository/mod.rs", "fn f() { if cfg!(any(feature = \"postgres\", feature = \"mysql\")) {} }", 2),
        ("src/store/writer.rs", "#[cfg_attr(not(feature = \"mysql\"), doc = \"x\")] fn f() {}", 1),
        ("src/store/writer.rs", "#[cfg(all(test, feature = \"sqlite\"))] mod tests;", 0),
        ("src/store/writer.rs", "#[cfg(any(test, feature = \"sqlite\"))] mod tests;", 1),
        ("src/store/mod.rs", "#[cfg(feature = \"mysql\")] fn f() {}", 1),
        ("src/store/connections.rs", "#[cfg(feature = \"mysql\")] fn f() {}", 1),
        ("src/otel/mod.rs", "#[cfg(feature = \"opentelemetry\")] fn f() { g(\"sqlite\") } // feature = \"sqlite\"", 0),
        ("src/lib.rs", "#[cfg(feature = \"mysql\")] fn f() {}", 0),
        ("src/store/migrate.rs", "#[cfg(feature = \"mysql\")] fn f() {}", 0),
        ("src/store/connection/url.rs", "#[cfg(feature = \"mysql\")] fn f() {}", 0),
        ("src/store/dialect/mod.rs", "#[cfg(feature = \"mysql\")] mod mysql;", 0),
    ] {
        assert_eq!(misplaced_cfg(&SourceFile::new(path, text)).len(), count, "{path}: {text}");
    }
}
