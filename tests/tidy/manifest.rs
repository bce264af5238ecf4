//! What the manifest promises: explained features, a changelog, few dependencies.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

/// Crates that a default build may compile, this one included.
const MAX_CRATES: usize = 110;
/// These need more than a C compiler, or a licence that this crate's users may not have.
const HEAVY: [&str; 5] = ["cmake", "openssl-sys", "openssl-src", "bindgen", "protobuf-src"];

/// `version` without a heading of its own, or without an item below it.
pub(crate) fn missing_changelog_entry(changelog: &str, version: &str) -> Vec<String> {
    let is_heading = |line: &&str| line.starts_with("## ");
    let names_it =
        |line: &str| line.split_whitespace().nth(1).is_some_and(|word| word.trim_matches(['[', ']']) == version);
    let mut lines = changelog.lines().skip_while(|line| !is_heading(line) || !names_it(line));
    if lines.next().is_none() {
        return vec![format!("CHANGELOG.md has no heading `## {version}`")];
    }
    if !lines.take_while(|line| !is_heading(line)).any(|line| line.starts_with("- ")) {
        return vec![format!("CHANGELOG.md lists nothing for {version}")];
    }
    Vec::new()
}

/// Features, other than `default`, whose line does not follow one that starts with `##`.
pub(crate) fn unexplained_features(manifest: &str) -> Vec<String> {
    let features = manifest.lines().skip_while(|line| line.trim() != "[features]").skip(1);
    let mut before = "";
    let mut found = 0;
    let mut findings = Vec::new();
    for line in features.take_while(|line| !line.starts_with('[')) {
        let name = line.split_once('=').map(|(name, _)| name.trim());
        if let Some(name) = name.filter(|name| !name.starts_with('#') && !line.starts_with(' ')) {
            found += 1;
            if name != "default" && !before.starts_with("## ") {
                findings.push(format!("Cargo.toml: feature `{name}`"));
            }
        }
        before = line;
    }
    if found == 0 {
        findings.push("Cargo.toml: no feature found".to_owned());
    }
    findings
}

/// The default build's graph, as `cargo tree` writes it, a crate a line. Only reads what the build of this test has fetched.
pub(crate) fn default_graph() -> String {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["tree", "--offline", "--package", env!("CARGO_PKG_NAME"), "--edges", "normal,build", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn heavy_graph(tree: &str) -> Vec<String> {
    let crates: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, rest)| (name, rest.split(' ').next().unwrap_or_default()))
        .collect();
    let mut findings: Vec<_> = crates
        .iter()
        .filter(|(name, _)| HEAVY.contains(name))
        .map(|(name, version)| format!("the default build needs {name} {version}"))
        .collect();
    if crates.len() > MAX_CRATES {
        findings.push(format!("the default build compiles {} crates, at most {MAX_CRATES}", crates.len()));
    }
    if crates.is_empty() {
        findings.push("the graph is empty".to_owned());
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_without_an_entry_is_caught() {
        let changelog = "# Changelog\n\n## 0.2.0\n\n### Added\n- b\n\n## [0.1.0] - 2026-11-22\n- a\n\n## 0.0.1\n";
        for (version, count) in [("0.2.0", 0), ("0.1.0", 0), ("0.0.1", 1), ("0.1", 1), ("1.0.0", 1)] {
            assert_eq!(missing_changelog_entry(changelog, version).len(), count, "{version}");
        }
    }

    #[test]
    fn an_unexplained_feature_is_caught() {
        let manifest = "[features]\ndefault = [\"a\"]\n## What a does.\na = [\n    \"x=1\",\n]\nb = []\n[dependencies]\nc = \"1\"\n";
        assert_eq!(unexplained_features(manifest), ["Cargo.toml: feature `b`"]);
        assert_eq!(unexplained_features("[package]\n").len(), 1);
    }

    #[test]
    fn a_heavy_graph_is_caught() {
        assert!(heavy_graph("a v1.0.0 (/a)\nb v1.0.0\nb v1.0.0 (*)\n").is_empty());
        assert_eq!(heavy_graph("a v1.0.0\ncmake v0.1.0\n"), ["the default build needs cmake v0.1.0"]);
        let many: String = (0..=MAX_CRATES).map(|number| format!("a{number} v1.0.0\n")).collect();
        assert_eq!(heavy_graph(&many).len(), 1);
        assert_eq!(heavy_graph("").len(), 1);
    }
}
