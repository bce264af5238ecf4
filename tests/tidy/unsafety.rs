//! The places for unsafe code: one in the library, and one in a test.

use proc_macro2::TokenTree;

use crate::source::SourceFile;
use crate::tokens::{attributes, flat, parse};

/// Where unsafe code is allowed, once each, and what it stands before: the only way in which a `Span` finds its layer, and the call that
/// the standard library has not, for the test of what a forked process does.
const PLACES: [(&str, &str); 2] = [("src/layer/", "fn downcast_raw"), ("tests/host/fork.rs", "unsafe")];

/// Allowances of unsafe code elsewhere, and `unsafe` in files without one.
pub(crate) fn misplaced(files: &[SourceFile]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut left = PLACES.to_vec();
    for file in files {
        let mut has_right_one = false;
        for (inside, after) in attributes(parse(file)) {
            let lifts = |word: &str| inside.iter().any(|token| token.text == word);
            let Some(lint) = inside.iter().find(|token| token.text == "unsafe_code") else { continue };
            if lifts("deny") || lifts("forbid") {
                continue;
            }
            let right = left.iter().position(|(place, what)| file.path.starts_with(place) && is_before(what, &after));
            if let Some(right) = right {
                left.remove(right);
                has_right_one = true;
            } else {
                findings.push(format!("{}:{}: unsafe code is allowed here", file.path, lint.line));
            }
        }
        if !has_right_one {
            let keyword = flat(parse(file)).into_iter().find(|token| token.text == "unsafe");
            findings.extend(keyword.map(|keyword| format!("{}:{}: unsafe code", file.path, keyword.line)));
        }
    }
    findings
}

/// What an attribute stands on: a function of that name, which is the first after the first `fn`, or a block with that word before it.
fn is_before(what: &str, after: &[TokenTree]) -> bool {
    let is = |tree: &TokenTree, word: &str| matches!(tree, TokenTree::Ident(ident) if *ident == word);
    let named = match what.strip_prefix("fn ") {
        Some(function) => (after.iter().skip_while(|tree| !is(tree, "fn")).nth(1), function),
        None => (after.first(), what),
    };
    named.0.is_some_and(|tree| is(tree, named.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "impl L { #[expect(unsafe_code, reason = \"r\")] unsafe fn downcast_raw(&self) {} }";

    fn count(files: &[(&str, &str)]) -> usize {
        misplaced(&files.iter().map(|(path, text)| SourceFile::new(*path, *text)).collect::<Vec<_>>()).len()
    }

    #[test]
    fn the_one_allowance_is_fine() {
        assert_eq!(count(&[("src/lib.rs", "#![deny(unsafe_code)] // unsafe"), ("src/layer/mod.rs", RIGHT)]), 0);
        assert_eq!(count(&[("src/model/mod.rs", "fn f() { g(\"unsafe\") }")]), 0);
    }

    #[test]
    fn a_block_is_allowed_in_its_place_alone_and_once() {
        let fork = "fn fork() { #[expect(unsafe_code, reason = \"r\")] unsafe { f() } }";
        assert_eq!(count(&[("tests/host/fork.rs", fork)]), 0);
        assert_eq!(count(&[("tests/host/fork.rs", &fork.repeat(2))]), 1);
        assert_eq!(count(&[("tests/host/ends.rs", fork)]), 2);
        assert_eq!(count(&[("tests/host/fork.rs", "#[allow(unsafe_code)] fn f() {}")]), 1);
    }

    #[test]
    fn other_unsafe_code_is_caught() {
        assert_eq!(count(&[("src/layer/mod.rs", RIGHT), ("src/layer/two.rs", RIGHT)]), 2);
        assert_eq!(count(&[("src/store/mod.rs", "fn f() { unsafe { g() } }")]), 1);
        assert_eq!(count(&[("src/store/mod.rs", "#![allow(unsafe_code)]")]), 1);
        assert_eq!(count(&[("src/layer/mod.rs", "#[allow(unsafe_code)] fn f() { unsafe { g() } }")]), 2);
        assert_eq!(count(&[("tests/a.rs", "unsafe extern \"C\" {}")]), 1);
    }
}
