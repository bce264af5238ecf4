//! The one place for unsafe code.

use proc_macro2::TokenTree;

use crate::source::SourceFile;
use crate::tokens::{attributes, flat, parse};

const PLACE: &str = "src/layer/";
const FUNCTION: &str = "downcast_raw";

/// Allowances of unsafe code other than the one at `downcast_raw` in the layer, and `unsafe` in files without it.
pub(crate) fn misplaced(files: &[SourceFile]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut right_ones = 0;
    for file in files {
        let mut has_right_one = false;
        for (inside, after) in attributes(parse(file)) {
            let lifts = |word: &str| inside.iter().any(|token| token.text == word);
            let Some(lint) = inside.iter().find(|token| token.text == "unsafe_code") else { continue };
            if lifts("deny") || lifts("forbid") {
                continue;
            }
            if file.path.starts_with(PLACE) && names_the_function(&after) && right_ones == 0 {
                right_ones += 1;
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

/// The item that an attribute stands on is `fn downcast_raw`: the first name after the first `fn`.
fn names_the_function(after: &[TokenTree]) -> bool {
    let is = |tree: &TokenTree, word: &str| matches!(tree, TokenTree::Ident(ident) if *ident == word);
    let name = after.iter().skip_while(|tree| !is(tree, "fn")).nth(1);
    name.is_some_and(|name| is(name, FUNCTION))
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
    fn other_unsafe_code_is_caught() {
        assert_eq!(count(&[("src/layer/mod.rs", RIGHT), ("src/layer/two.rs", RIGHT)]), 2);
        assert_eq!(count(&[("src/store/mod.rs", "fn f() { unsafe { g() } }")]), 1);
        assert_eq!(count(&[("src/store/mod.rs", "#![allow(unsafe_code)]")]), 1);
        assert_eq!(count(&[("src/layer/mod.rs", "#[allow(unsafe_code)] fn f() { unsafe { g() } }")]), 2);
        assert_eq!(count(&[("tests/a.rs", "unsafe extern \"C\" {}")]), 1);
    }
}
