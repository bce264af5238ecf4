//! The paths into this crate that a file writes, made absolute.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::source::SourceFile;
use crate::tokens::parse;

/// A path into this crate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// From the crate's root: `crate::model::Span`, and `super::Span` in `model/usage.rs`, are both `["model", "Span"]`.
    pub(crate) segments: Vec<String>,
    /// What the path is called where it is written: its last part, or what follows `as`.
    pub(crate) name: String,
    pub(crate) line: usize,
    /// It starts with `$crate`, so it is written for users' crates.
    pub(crate) for_users: bool,
}

/// The module that a file of `src` is: `src/layer/visit.rs` is `["layer", "visit"]`, `src/lib.rs` is empty.
pub(crate) fn module_of(path: &str) -> Vec<String> {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let stem = inside.strip_suffix(".rs").unwrap_or(inside);
    let mut parts: Vec<String> = stem.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

/// All paths in `file` that start at `crate`, `$crate`, this crate's own name, `self` or `super`, `use` groups opened.
pub(crate) fn references(file: &SourceFile) -> Vec<Reference> {
    let mut found = Vec::new();
    scan(parse(file), &module_of(&file.path), &mut found);
    found
}

/// What the crate's root offers under a name of its own, and the room it comes from: what `lib.rs` takes up with `use`, and the
/// exported macros, which live at the root wherever they are written.
pub(crate) fn root_names(files: &[SourceFile]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for file in files {
        let trees: Vec<_> = parse(file).into_iter().collect();
        if file.path == "src/lib.rs" {
            let mut taken_up = Vec::new();
            for statement in trees.split(|tree| matches!(tree, TokenTree::Punct(end) if end.as_char() == ';')) {
                if let Some(at) =
                    statement.iter().position(|tree| matches!(tree, TokenTree::Ident(word) if *word == "use"))
                {
                    open_group(statement[at + 1..].iter().cloned().collect(), &[], false, &mut taken_up);
                }
            }
            names.extend(taken_up.into_iter().map(|taken| (taken.name, taken.segments[0].clone())));
        }
        let mut exported = false;
        for (at, tree) in trees.iter().enumerate() {
            exported |=
                is_punct(&trees, at, '#') && trees.get(at + 1).is_some_and(|next| next.to_string() == "[macro_export]");
            if matches!(tree, TokenTree::Ident(word) if *word == "macro_rules") {
                if let (true, Some(name), Some(room)) = (exported, trees.get(at + 2), module_of(&file.path).first()) {
                    names.insert(name.to_string(), room.clone());
                }
                exported = false;
            }
        }
    }
    names
}

fn scan(tokens: TokenStream, module: &[String], found: &mut Vec<Reference>) {
    let trees: Vec<_> = tokens.into_iter().collect();
    for (at, tree) in trees.iter().enumerate() {
        match tree {
            // The group of a `use`: what is in it goes on from the path before, which is read from its start.
            TokenTree::Group(_) if at.checked_sub(2).is_some_and(|before| is_path_separator(&trees, before)) => {}
            TokenTree::Group(group) => {
                let mut inner = module.to_vec();
                if let Some(name) = inline_module(&trees, at) {
                    inner.push(name);
                }
                scan(group.stream(), &inner, found);
            }
            TokenTree::Ident(ident) if starts_path(&trees, at) => {
                let base = match ident.to_string().as_str() {
                    "crate" | "tracing_agents" => Vec::new(),
                    "self" => module.to_vec(),
                    "super" => parent(module),
                    _ => continue,
                };
                let for_users = at.checked_sub(1).is_some_and(|before| is_punct(&trees, before, '$'));
                follow(&trees, at + 1, base, for_users, found);
            }
            _ => {}
        }
    }
}

/// Reads on from the `::` at `at`, where `path` is what came before.
fn follow(trees: &[TokenTree], mut at: usize, mut path: Vec<String>, for_users: bool, found: &mut Vec<Reference>) {
    let line = trees[at].span().start().line;
    while is_path_separator(trees, at) {
        match trees.get(at + 2) {
            Some(TokenTree::Ident(ident)) if *ident == "super" => path = parent(&path),
            Some(TokenTree::Ident(ident)) if *ident == "self" || *ident == "crate" => {}
            Some(TokenTree::Ident(ident)) => path.push(ident.to_string()),
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => path.push("*".to_owned()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                return open_group(group.stream(), &path, for_users, found);
            }
            // `::<T>` ends the part that names a module.
            _ => break,
        }
        at += 3;
    }
    let name = match (trees.get(at), trees.get(at + 1)) {
        (Some(TokenTree::Ident(keyword)), Some(TokenTree::Ident(alias))) if *keyword == "as" => alias.to_string(),
        _ => path.last().cloned().unwrap_or_default(),
    };
    found.push(Reference { segments: path, name, line, for_users });
}

/// Each member of `{a::b, c}` after the prefix `path`.
fn open_group(group: TokenStream, path: &[String], for_users: bool, found: &mut Vec<Reference>) {
    let trees: Vec<_> = group.into_iter().collect();
    for member in trees.split(|tree| matches!(tree, TokenTree::Punct(comma) if comma.as_char() == ',')) {
        let Some(first) = member.first() else { continue };
        // A member reads like the rest of a path, so it gets the `::` that it shares with its group.
        let mut rest: Vec<TokenTree> = "::".parse::<TokenStream>().unwrap().into_iter().collect();
        rest.iter_mut().for_each(|separator| separator.set_span(first.span()));
        rest.extend_from_slice(member);
        follow(&rest, 0, path.to_vec(), for_users, found);
    }
}

/// The name of the module whose body is at `group_at`, also where a macro gives the name (`mod $name { … }`).
fn inline_module(trees: &[TokenTree], group_at: usize) -> Option<String> {
    let TokenTree::Ident(name) = trees.get(group_at.checked_sub(1)?)? else { return None };
    let keyword_at = group_at.checked_sub(if is_punct(trees, group_at.checked_sub(2)?, '$') { 3 } else { 2 })?;
    matches!(trees.get(keyword_at)?, TokenTree::Ident(keyword) if *keyword == "mod").then(|| name.to_string())
}

fn parent(module: &[String]) -> Vec<String> {
    module.split_last().map(|(_, rest)| rest.to_vec()).unwrap_or_default()
}

fn is_punct(trees: &[TokenTree], at: usize, wanted: char) -> bool {
    matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_path_separator(trees: &[TokenTree], at: usize) -> bool {
    is_punct(trees, at, ':') && is_punct(trees, at + 1, ':')
}

/// The name at `at` is a path's first, as `a` in `a::b` and in `use ::a::b`, where the space tells that no part came before.
pub(crate) fn starts_path(trees: &[TokenTree], at: usize) -> bool {
    let continues = at.checked_sub(3).is_some_and(|before| {
        is_path_separator(trees, before + 1) && trees[before].span().end() == trees[before + 1].span().start()
    });
    is_path_separator(trees, at + 1) && !continues
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        references(&SourceFile::new(path, text)).into_iter().map(|reference| reference.segments.join("::")).collect()
    }

    #[test]
    fn every_way_to_write_a_path_is_found() {
        assert_eq!(found("src/layer/mod.rs", "use crate::model::Span;"), ["model::Span"]);
        assert_eq!(
            found(
                "src/layer/mod.rs",
                "pub(crate) use crate::{model::{Span, usage::*}, store, error::{self, Error as E}};"
            ),
            ["model::Span", "model::usage::*", "store", "error", "error::Error"],
        );
        assert_eq!(found("src/layer/mod.rs", "fn f() { crate::store::Store::<u8>::open(1) }"), ["store::Store"]);
        assert_eq!(found("src/layer/visit.rs", "use super::super::store::X;"), ["store::X"]);
        assert_eq!(
            found("src/layer/visit.rs", "use super::{state::Slot, super::store::X};"),
            ["layer::state::Slot", "store::X"]
        );
        assert_eq!(found("src/layer/mod.rs", "use self::visit::Visitor;"), ["layer::visit::Visitor"]);
        assert_eq!(found("src/store/mod.rs", "use ::tracing_agents::layer::X;"), ["layer::X"]);
        assert_eq!(found("src/store/mod.rs", "use tracing_agents::layer::X;"), ["layer::X"]);
    }

    #[test]
    fn inline_modules_count() {
        let text = "mod tests { use super::*; use super::super::store::X; mod deep { use super::super::visit::Y; } }";
        assert_eq!(found("src/layer/mod.rs", text), ["layer::*", "store::X", "layer::visit::Y"]);
        assert_eq!(found("src/layer/mod.rs", "pub(crate) mod $name { use super::super::X; }"), ["X"]);
        assert_eq!(found("src/layer/mod.rs", "pub(crate) mod $name { use super::X; }"), ["layer::X"]);
    }

    #[test]
    fn comments_strings_and_other_crates_are_not_paths_into_this_crate() {
        let text = "/// See [x](crate::store::X).\nfn f() { let _ = \"crate::store::X\"; std::fmt::self_test(); a::b(); self.c() }";
        assert_eq!(found("src/model/mod.rs", text), Vec::<String>::new());
    }

    #[test]
    fn paths_for_users_are_told_apart() {
        let file = SourceFile::new("src/layer/mod.rs", "$crate::field::A;\ncrate::model::f(!x)");
        let found: Vec<_> = references(&file).into_iter().map(|found| (found.line, found.for_users)).collect();
        assert_eq!(found, [(1, true), (2, false)]);
    }

    #[test]
    fn names_at_the_root_are_traced_to_their_room() {
        let names = root_names(&[
            SourceFile::new(
                "src/lib.rs",
                "//! Tour.\nmod layer;\npub use layer::{AgentLayer, span_ext::SpanExt as Ext};\n#[doc(inline)]\npub use crate::semconv::field;",
            ),
            SourceFile::new(
                "src/layer/macros.rs",
                "/// Doc.\n#[macro_export]\nmacro_rules! agent_span { () => {} }\nmacro_rules! inner { () => {} }",
            ),
        ]);
        let names: Vec<_> = names.iter().map(|(name, room)| (name.as_str(), room.as_str())).collect();
        assert_eq!(names, [("AgentLayer", "layer"), ("Ext", "layer"), ("agent_span", "layer"), ("field", "semconv")]);
    }

    #[test]
    fn a_file_is_a_module() {
        for (path, module) in [
            ("src/lib.rs", vec![]),
            ("src/error.rs", vec!["error"]),
            ("src/model/mod.rs", vec!["model"]),
            ("src/store/dialect/sqlite.rs", vec!["store", "dialect", "sqlite"]),
        ] {
            assert_eq!(module_of(path), module);
        }
    }
}
