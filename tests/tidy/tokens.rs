//! Rust code as tokens, so that comments and strings are never taken for code.

use proc_macro2::{TokenStream, TokenTree};

use crate::source::SourceFile;

pub(crate) fn parse(file: &SourceFile) -> TokenStream {
    file.text.parse().unwrap_or_else(|error| panic!("{} is not Rust: {error}", file.path))
}

/// A token out of its groups, as it is written, with its line. Groups themselves leave no token.
pub(crate) struct Flat {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// All tokens in order, groups opened.
pub(crate) fn flat(tokens: TokenStream) -> Vec<Flat> {
    let mut all = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => all.extend(flat(group.stream())),
            other => all.push(Flat { text: other.to_string(), line: other.span().start().line }),
        }
    }
    all
}

/// The insides of every attribute, `#[…]` and `#![…]`, with the tokens that follow it at its level.
pub(crate) fn attributes(tokens: TokenStream) -> Vec<(Vec<Flat>, Vec<TokenTree>)> {
    let mut all = Vec::new();
    let trees: Vec<_> = tokens.into_iter().collect();
    for (at, token) in trees.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let before = |back: usize| at.checked_sub(back).and_then(|at| trees.get(at)).map(ToString::to_string);
        let is_attribute = before(1).as_deref() == Some("#")
            || (before(1).as_deref() == Some("!") && before(2).as_deref() == Some("#"));
        if is_attribute {
            all.push((flat(group.stream()), trees[at + 1..].to_vec()));
        } else {
            all.extend(attributes(group.stream()));
        }
    }
    all
}

#[test]
fn comments_and_strings_are_no_code() {
    let file = SourceFile::new("src/x.rs", "// one\n/* two */ fn f() { /// three\n let s = \"four\"; }");
    let tokens = flat(parse(&file));
    assert!(tokens.iter().all(|token| token.text != "four" && token.text != "one" && token.text != "three"));
    assert!(tokens.iter().any(|token| token.text == "let" && token.line == 3));
}

#[test]
fn attributes_are_found_at_every_depth() {
    let file = SourceFile::new("src/x.rs", "#![a]\nmod m { #[b(c)] fn f() { let x = [1]; } }");
    let found: Vec<Vec<String>> = attributes(parse(&file))
        .into_iter()
        .map(|(inner, _)| inner.into_iter().map(|token| token.text).collect())
        .collect();
    assert_eq!(found, [vec!["a"], vec!["b", "c"]]);
}
