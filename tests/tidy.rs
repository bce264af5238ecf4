//! The rules of the house, held by reading the source tree.
//!
//! Each test here is one rule over the real tree, and its message says what to do. The rules themselves are pure functions
//! of files' paths and texts, in `tests/tidy/`, where each is shown to catch what it forbids.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "tidy/backends.rs"]
mod backends;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/manifest.rs"]
mod manifest;
#[path = "tidy/migrations.rs"]
mod migrations;
#[path = "tidy/paths.rs"]
mod paths;
#[path = "tidy/promises.rs"]
mod promises;
#[path = "tidy/size.rs"]
mod size;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/sql.rs"]
mod sql;
#[path = "tidy/tokens.rs"]
mod tokens;
#[path = "tidy/unsafety.rs"]
mod unsafety;
#[path = "tidy/words.rs"]
mod words;

use source::{SourceFile, files_under, read};

/// Where Rust code of this package and its examples lives.
const CODE: [&str; 5] = ["src", "tests", "examples", "benches", "fuzz"];

#[track_caller]
fn hold(what_to_do: &str, findings: &[String]) {
    assert!(findings.is_empty(), "\n{what_to_do}\n\n  {}\n", findings.join("\n  "));
}

fn each(files: &[SourceFile], rule: impl Fn(&SourceFile) -> Vec<String>) -> Vec<String> {
    assert!(!files.is_empty(), "the rule found no file to read");
    files.iter().flat_map(rule).collect()
}

#[test]
fn imports_go_one_way() {
    let files = files_under(&["src"], &["rs"]);
    let root = paths::root_names(&files);
    hold(
        "Imports between rooms go one way (ROOMS in tests/tidy/imports.rs). Move the code to the room that may see both, \
         or let the lower room define a trait that the upper one implements.",
        &each(&files, |file| imports::wrong_way(file, &root)),
    );
}

#[test]
fn rooms_see_no_foreign_crate_they_must_not() {
    hold(
        "This room stays free of that dependency (FOREIGN in tests/tidy/imports.rs). Convert at the border, in a room \
         that owns the dependency.",
        &each(&files_under(&["src"], &["rs"]), imports::foreign),
    );
}

#[test]
fn files_are_small() {
    hold("Split the file by purpose.", &each(&files_under(&CODE, &["rs"]), size::too_long));
}

#[test]
fn the_median_file_is_short() {
    hold("Split the longest files of src by purpose.", &size::median_too_long(&files_under(&["src"], &["rs"])));
}

#[test]
fn code_is_documented() {
    hold(
        "Document what is public: shapes, units, errors, sources.",
        &size::too_few_docs(&files_under(&["src"], &["rs"])),
    );
}

#[test]
fn files_are_named_after_what_they_hold() {
    hold("Name the file after the thing it holds.", &each(&files_under(&CODE, &["rs"]), words::vague_name));
}

#[test]
fn nothing_is_left_unfinished() {
    let files = files_under(&CODE, &["rs", "sql", "js", "mjs", "css", "html"]);
    hold("Finish it, or delete it and open an issue.", &each(&files, words::unfinished));
}

#[test]
fn no_test_is_ignored() {
    hold("Mend the test or delete it.", &each(&files_under(&CODE, &["rs"]), words::ignored_tests));
}

#[test]
fn backends_are_told_apart_in_few_places() {
    hold(
        "What differs between databases is a function in src/store/dialect/; call that, without a `cfg` of your own.",
        &each(&files_under(&["src"], &["rs"]), backends::misplaced_cfg),
    );
}

#[test]
fn the_backends_have_the_same_migrations() {
    hold(
        "Every backend's folder holds the same migrations, each with an up.sql and a down.sql.",
        &migrations::unequal(&files_under(&["migrations"], &["sql"])),
    );
}

#[test]
fn pages_are_built_without_html_strings() {
    // The page does not exist in every version of the tree, so no file to read is fine here.
    let findings: Vec<_> =
        files_under(&["src/ui"], &["rs", "js", "mjs", "html"]).iter().flat_map(words::html_strings).collect();
    hold("A trace holds text of strangers: build nodes and set `textContent`.", &findings);
}

#[test]
fn unsafe_code_has_one_place() {
    hold(
        "The one allowance is an `#[expect(unsafe_code, reason = …)]` on `downcast_raw` in src/layer.",
        &unsafety::misplaced(&files_under(&CODE, &["rs"])),
    );
}

#[test]
fn no_text_reaches_sql_unbound() {
    hold(
        "Bind the value. If it is a name of ours, and nothing else can stand in its place, list it in tests/tidy/sql.rs.",
        &each(&files_under(&["src"], &["rs"]), sql::unbound),
    );
}

#[test]
fn the_changelog_knows_this_version() {
    hold(
        "Write what users notice under a heading of this version in CHANGELOG.md.",
        &manifest::missing_changelog_entry(&read("CHANGELOG.md"), env!("CARGO_PKG_VERSION")),
    );
}

#[test]
fn every_promise_has_a_test() {
    hold(
        "Name a test that there is, by its file and its function, or write it.",
        &promises::unshown(&read("tests/faults/PROMISES.md"), &files_under(&["src", "tests"], &["rs"])),
    );
}

#[test]
fn every_feature_is_explained() {
    hold("Put a `## …` line above the feature.", &manifest::unexplained_features(&read("Cargo.toml")));
}

#[test]
fn the_default_build_is_lean() {
    hold(
        "A default build needs Rust and a C compiler, and compiles few crates: turn default features off, or make the \
         dependency optional.",
        &manifest::heavy_graph(&manifest::default_graph()),
    );
}
