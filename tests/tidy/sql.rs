//! Texts that become SQL are written in the source: a value from outside is bound, never put into them.

use proc_macro2::{TokenStream, TokenTree};

use crate::source::SourceFile;
use crate::tokens::parse;

/// What makes SQL of a text.
const CALLS: [&str; 5] = ["sql_query", "batch_execute", "simple_query", "push_sql", "sql"];

/// Names that may stand in such a text: each is one of our own tables, columns, statements or numbers, never text that came from somewhere.
const KNOWN: [(&str, &[&str]); 9] = [
    ("src/store/migrate.rs", &["table_and_row"]),
    ("src/store/dialect/sqlite.rs", &["checkpoint", "pragma"]),
    // Tables, definitions of their indexes as the server quotes them, days as numbers, a word of an enum.
    (
        "src/store/dialect/postgres/partition.rs",
        &["contents", "end", "first", "keys", "indexes", "partition", "query", "spans", "table"],
    ),
    ("src/store/dialect/postgres/bulk.rs", &["sql"]),
    ("src/store/dialect/mysql/bulk.rs", &["column", "place", "sql"]),
    ("src/store/dialect/sqlite/bulk.rs", &["sql"]),
    ("src/store/dialect/values.rs", &["place"]),
    // What is passed on as it came, and a literal of each database.
    ("src/store/dialect/timed.rs", &["query"]),
    ("src/store/inspecting.rs", &["connection", "version_query"]),
];
/// Known everywhere: which of two literals is meant.
const WORDS: [&str; 9] = ["as_str", "concat", "else", "format", "if", "join", "match", "place", "to_owned"];

/// Names in texts that become SQL which are not known to be harmless there.
pub(crate) fn unbound(file: &SourceFile) -> Vec<String> {
    if file.path.ends_with("tests.rs") || file.path.contains("/tests/") {
        return Vec::new();
    }
    let known = KNOWN.iter().find(|(path, _)| *path == file.path).map_or(&[][..], |(_, names)| names);
    let mut findings = Vec::new();
    look(parse(file), &mut |line, name| {
        if !known.contains(&name) && !WORDS.contains(&name) {
            findings.push(format!("{}:{line}: `{name}` is put into SQL", file.path));
        }
    });
    findings
}

/// Goes through all calls, at every depth.
fn look(tokens: TokenStream, found: &mut impl FnMut(usize, &str)) {
    let trees: Vec<_> = tokens.into_iter().collect();
    for (at, tree) in trees.iter().enumerate() {
        let TokenTree::Group(group) = tree else { continue };
        if called(&trees[..at]).is_some_and(|name| CALLS.contains(&name.as_str())) {
            names(group.stream(), found);
        }
        look(group.stream(), found);
    }
}

/// The name of what is called with the group that follows: `f(…)`, `a.f(…)`, `f::<Type>(…)`. A function that is being defined is no call.
fn called(before: &[TokenTree]) -> Option<String> {
    let is = |at: usize, sign: char| matches!(before.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    let mut end = before.len().checked_sub(1)?;
    if is(end, '>') && !end.checked_sub(1).is_some_and(|at| is(at, '=') || is(at, '-')) {
        let mut depth = 0;
        loop {
            depth += i32::from(is(end, '>')) - i32::from(is(end, '<'));
            end = end.checked_sub(1)?;
            if depth == 0 {
                break;
            }
        }
        while is(end, ':') {
            end = end.checked_sub(1)?;
        }
    }
    let TokenTree::Ident(name) = before.get(end)? else { return None };
    let is_defined = end.checked_sub(1).and_then(|at| before.get(at)).is_some_and(|token| token.to_string() == "fn");
    (!is_defined).then(|| name.to_string())
}

/// The names in a call's arguments: variables and functions, and what a format string takes up. Constants are written in capitals.
fn names(tokens: TokenStream, found: &mut impl FnMut(usize, &str)) {
    for tree in tokens {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => names(group.stream(), found),
            TokenTree::Ident(ident) => {
                let name = ident.to_string();
                if name.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_') {
                    found(line, &name);
                }
            }
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                for piece in text.replace("{{", "").split('{').skip(1) {
                    let name = piece.split(['}', ':']).next().unwrap_or_default();
                    if name.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_') {
                        found(line, name);
                    }
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
}

#[test]
fn text_from_outside_is_caught() {
    for text in [
        "fn f(name: &str) { sql_query(name); }",
        "fn f(name: &str) { diesel::sql_query(format!(\"SELECT {name}\")); }",
        "fn f() { c.batch_execute(&format!(\"SELECT {}\", self.name)); }",
        "fn f() { dsl::sql::<Text>(&name); }",
        "fn f() { if x { out.push_sql(name) } }",
        "fn f() { m!(c => sql_query(query(name))) }",
    ] {
        assert!(!unbound(&SourceFile::new("src/a.rs", text)).is_empty(), "{text}");
    }
    for text in [
        "fn f() { sql_query(\"SELECT $1\").bind::<Text, _>(name); }",
        "fn f() { c.batch_execute(SETTINGS); out.push_sql(R::COLUMNS); out.push_sql(if place == 0 { \"a\" } else { \"b\" }) }",
        "fn batch_execute(&mut self, query: &str) {}",
        "// sql_query(name)\nfn f() { \"sql_query(name)\"; }",
    ] {
        assert_eq!(unbound(&SourceFile::new("src/a.rs", text)), Vec::<String>::new(), "{text}");
    }
}
