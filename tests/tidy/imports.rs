//! Which room may import which, and which dependencies a room stays free of.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};

use crate::paths::{module_of, references, starts_path};
use crate::source::SourceFile;
use crate::tokens::parse;

/// What is below the three rooms that bring spans in and keep them.
const BELOW_DOORS: &[&str] = &["model", "error", "semconv", "wire", "pipeline"];

/// Each room, and all it may import besides itself. The binary (`main.rs`, `cli/`) is a crate of its own, which the compiler
/// holds to the public API.
const ROOMS: &[(&str, &[&str])] = &[
    ("model", &["error"]),
    ("error", &[]),
    ("semconv", &["model", "error"]),
    ("wire", &["model", "error"]),
    ("policy", &["model", "error", "semconv"]),
    ("pipeline", &["model", "error", "semconv", "wire"]),
    ("layer", BELOW_DOORS),
    ("otel", BELOW_DOORS),
    ("store", BELOW_DOORS),
    ("propagation", &["model", "error", "layer", "otel"]),
    ("repository", &["model", "error", "semconv", "wire", "pipeline", "layer", "otel", "store"]),
    ("insight", &["model", "error"]),
    ("ui", &["model", "error", "semconv", "wire", "pipeline", "layer", "otel", "store", "repository", "insight"]),
];

/// These put the rooms together, so they see all of them, and no room sees these.
const FRONT: [&str; 2] = ["lib", "agent_tracing"];

const TRACING: &[&str] = &["tracing"];
const OTEL: &[&str] = &["opentelemetry"];
const DIESEL: &[&str] = &["diesel", "libsqlite3_sys", "r2d2"];

/// The dependencies that a room must not see, by the first part of the crates' names: `tracing` stands for
/// `tracing_subscriber` too.
const FOREIGN: &[(&str, &[&[&str]])] = &[
    ("model", &[TRACING, OTEL, DIESEL]),
    ("error", &[TRACING, OTEL, DIESEL]),
    ("semconv", &[TRACING, OTEL, DIESEL]),
    ("policy", &[TRACING, OTEL, DIESEL]),
    ("insight", &[TRACING, OTEL, DIESEL]),
    ("wire", &[TRACING, DIESEL]),
    ("pipeline", &[DIESEL]),
    ("layer", &[DIESEL]),
    ("otel", &[DIESEL]),
];

fn room_of(path: &str) -> Option<String> {
    let room = module_of(path).into_iter().next().unwrap_or_else(|| "lib".to_owned());
    let exempt = FRONT.contains(&room.as_str()) || matches!(room.as_str(), "main" | "cli");
    (!exempt).then_some(room)
}

fn allowed_in(room: &str) -> Option<&'static [&'static str]> {
    ROOMS.iter().find(|(name, _)| *name == room).map(|(_, allowed)| *allowed)
}

/// Imports that go against [`ROOMS`], and files that are in none of them. `root` says which room a name at the crate's root is
/// from ([`crate::paths::root_names`]): the way through the root is as short as the direct one.
pub(crate) fn wrong_way(file: &SourceFile, root: &BTreeMap<String, String>) -> Vec<String> {
    let Some(room) = room_of(&file.path) else { return Vec::new() };
    let Some(allowed) = allowed_in(&room) else {
        return vec![format!("{}: `{room}` is no room of src; give it its place in ROOMS", file.path)];
    };
    let mut findings = Vec::new();
    for reference in references(file) {
        let Some(first) = reference.segments.first() else { continue };
        let target = root.get(first).unwrap_or(first);
        let problem = if *target == room || allowed.contains(&target.as_str()) {
            continue;
        } else if allowed_in(target).is_some() {
            format!("`{room}` may not import `{target}`")
        } else if FRONT.contains(&target.as_str()) {
            format!("no room sees `{target}`")
        } else if reference.for_users {
            continue;
        } else {
            format!("`{target}` is in no room")
        };
        findings.push(format!("{}:{}: {} ({problem})", file.path, reference.line, reference.segments.join("::")));
    }
    findings
}

/// Uses of crates that [`FOREIGN`] keeps out of this file's room.
pub(crate) fn foreign(file: &SourceFile) -> Vec<String> {
    let room = room_of(&file.path).unwrap_or_default();
    let families = FOREIGN.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, families)| *families).concat();
    let mut named = Vec::new();
    first_names(parse(file), &mut named);
    named.retain(|(name, _)| {
        name != "tracing_agents"
            && families
                .iter()
                .any(|family| name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')))
    });
    named.iter().map(|(name, line)| format!("{}:{line}: `{room}` uses `{name}`", file.path)).collect()
}

/// The first name of every path, and what `use` and `extern crate` name without one.
fn first_names(tokens: TokenStream, named: &mut Vec<(String, usize)>) {
    let trees: Vec<_> = tokens.into_iter().collect();
    for (at, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Group(group) => first_names(group.stream(), named),
            TokenTree::Ident(name) => {
                let after_keyword = at.checked_sub(1).is_some_and(
                    |before| matches!(&trees[before], TokenTree::Ident(word) if *word == "use" || *word == "crate"),
                );
                if after_keyword || starts_path(&trees, at) {
                    named.push((name.to_string(), name.span().start().line));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(path: &str, text: &str) -> Vec<String> {
        let root =
            [("AgentLayer", "layer"), ("agent_span", "layer"), ("Error", "error"), ("AgentTracing", "agent_tracing")];
        let root = root.map(|(name, room)| (name.to_owned(), room.to_owned())).into();
        wrong_way(&SourceFile::new(path, text), &root)
    }

    #[test]
    fn an_import_downwards_is_fine() {
        for (path, text) in [
            (
                "src/semconv/gen_ai.rs",
                "use crate::model::{Kind, Usage}; use super::rules::Rule; use crate::error::Result;",
            ),
            ("src/store/writer.rs", "use crate::pipeline::Sink; use super::super::model::Span;"),
            ("src/layer/macros.rs", "macro_rules! m { () => { $crate::field::A; $crate::__private::tracing::x!() } }"),
            ("src/layer/mod.rs", "mod tests { fn f() { crate::agent_span!(\"x\"); } }"),
            ("src/agent_tracing.rs", "use crate::{layer::AgentLayer, store::Store, repository::TraceRepository};"),
            ("src/lib.rs", "mod layer; pub use crate::store::schema;"),
            ("src/cli/list.rs", "use crate::cli::Options; use tracing_agents::AgentTracing;"),
        ] {
            assert_eq!(wrong(path, text), Vec::<String>::new(), "{path}");
        }
    }

    #[test]
    fn an_import_upwards_or_sideways_is_caught() {
        for (path, text) in [
            ("src/layer/mod.rs", "use crate::store::Store;"),
            ("src/layer/mod.rs", "use crate::{model::Span, otel::convert};"),
            ("src/layer/visit.rs", "fn f() { super::super::store::open() }"),
            ("src/layer/macros.rs", "macro_rules! m { () => { $crate::store::open() } }"),
            ("src/model/span.rs", "#[cfg(test)] mod tests { use crate::semconv::interpret; }"),
            ("src/error.rs", "use crate::model::Span;"),
            ("src/semconv/mod.rs", "use crate::wire::encode;"),
            ("src/pipeline/worker.rs", "use crate::layer::AgentLayer;"),
            ("src/store/mod.rs", "use crate::repository::Page;"),
            ("src/insight/tree.rs", "use crate::repository::TraceRepository;"),
            ("src/repository/mod.rs", "use crate::agent_tracing::AgentTracing;"),
        ] {
            assert_eq!(wrong(path, text).len(), 1, "{path}: {text}");
        }
    }

    #[test]
    fn an_import_through_the_root_is_no_way_around() {
        let findings = wrong(
            "src/store/mod.rs",
            "use crate::Error;\nuse crate::AgentLayer;\nuse crate::AgentTracing;\nuse crate::*;\ncrate::agent_span!();",
        );
        let starts = ["2: AgentLayer", "3: AgentTracing", "4: *", "5: agent_span"];
        assert_eq!(findings.len(), starts.len(), "{findings:?}");
        for (finding, start) in findings.iter().zip(starts) {
            assert!(finding.starts_with(&format!("src/store/mod.rs:{start}")), "{finding}");
        }
        assert_eq!(
            wrong("src/extras/mod.rs", ""),
            ["src/extras/mod.rs: `extras` is no room of src; give it its place in ROOMS"]
        );
    }

    #[test]
    fn a_foreign_crate_is_caught_where_it_must_not_be() {
        for (path, text, count) in [
            ("src/model/id.rs", "use opentelemetry::TraceId;\nuse ::tracing_core::Level;\nuse diesel;", 3),
            (
                "src/model/id.rs",
                "use serde::Serialize; use crate::model::tracing::Name; fn f() { tracing_agents::x() }",
                0,
            ),
            ("src/pipeline/worker.rs", "tracing::subscriber::with_default(a, b); diesel::insert_into(c);", 1),
            ("src/semconv/mod.rs", "extern crate diesel_migrations as d;", 1),
            ("src/wire/mod.rs", "use opentelemetry_proto::tonic;", 0),
            ("src/store/writer.rs", "use diesel::prelude::*;", 0),
            ("src/agent_tracing.rs", "use diesel::prelude::*;", 0),
        ] {
            let findings = foreign(&SourceFile::new(path, text));
            assert_eq!(findings.len(), count, "{path}: {text}: {findings:?}");
        }
    }
}
