//! The table of promises: what it names must be there, and be run.

use crate::source::SourceFile;

/// Where every function is part of what is run.
const SCENARIOS: &str = "tests/faults/src/scenarios/";
/// Where tests are listed, and not marked.
const LISTED: &str = "tests/contract/";

/// Rows that name no test, and tests that are not there, given the table and all code that there is.
pub(crate) fn unshown(page: &str, files: &[SourceFile]) -> Vec<String> {
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #")).collect();
    let mut findings = Vec::new();
    if rows.is_empty() {
        findings.push("the table has no rows".to_owned());
    }
    for row in rows {
        let failure = row.split('|').nth(2).unwrap_or_default().trim();
        let names: Vec<_> = row.split('`').skip(1).step_by(2).filter_map(|name| name.split_once(".rs: ")).collect();
        if names.is_empty() {
            findings.push(format!("{failure}: no test is named"));
        }
        for (path, name) in names {
            let path = format!("{path}.rs");
            match files.iter().find(|file| file.path == path) {
                None => findings.push(format!("{failure}: there is no file {path}")),
                Some(file) if !is_run(file, name) => findings.push(format!("{failure}: {path} runs no test {name}")),
                Some(_) => {}
            }
        }
    }
    findings
}

fn is_run(file: &SourceFile, name: &str) -> bool {
    let mut before = Vec::new();
    for line in file.text.lines().map(str::trim) {
        if line.contains(&format!("fn {name}(")) {
            let is_marked = before.iter().any(|line: &&str| line.starts_with("#[") && line.contains("test"));
            return is_marked
                || file.path.starts_with(SCENARIOS)
                || (file.path.starts_with(LISTED) && lists(file, name));
        }
        if line.is_empty() || line.ends_with('}') || line.ends_with(';') {
            before.clear();
        } else {
            before.push(line);
        }
    }
    false
}

/// Whether the name stands in a list of cases, and not only where the function is.
fn lists(file: &SourceFile, name: &str) -> bool {
    let list = file.text.split("crate::cases!(").nth(1).and_then(|rest| rest.split(");").next());
    list.is_some_and(|list| list.split(',').any(|listed| listed.trim() == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(test: &str, file: (&str, &str)) -> Vec<String> {
        unshown(&format!("| # | what |\n|--:|---|\n| 1 | fire | holds | {test} |"), &[SourceFile::new(file.0, file.1)])
    }

    #[test]
    fn what_is_there_and_run_is_fine() {
        for (test, path, text) in [
            (
                "`tests/a.rs: put_out`, `tests/a.rs: again`",
                "tests/a.rs",
                "#[test]\nfn put_out() {}\n\n#[test]\nfn again() {}",
            ),
            (
                "`tests/contract/a.rs: put_out`",
                "tests/contract/a.rs",
                "crate::cases!(\n    put_out,\n);\n\nfn put_out() {}",
            ),
            ("`tests/faults/src/scenarios/a.rs: run`", "tests/faults/src/scenarios/a.rs", "pub(super) fn run() {}"),
        ] {
            assert_eq!(findings(test, (path, text)), [""; 0], "{test}");
        }
    }

    #[test]
    fn what_is_not_there_or_not_run_is_caught() {
        for (test, path, text) in [
            ("by hand", "tests/a.rs", ""),
            ("`tests/b.rs: put_out`", "tests/a.rs", "#[test]\nfn put_out() {}"),
            ("`tests/a.rs: put_out`", "tests/a.rs", "#[test]\nfn puts_out() {}"),
            ("`tests/a.rs: put_out`", "tests/a.rs", "#[test]\nfn other() {}\n\nfn put_out() {}"),
            ("`tests/contract/a.rs: put_out`", "tests/contract/a.rs", "crate::cases!(other);\nfn put_out() {}"),
        ] {
            assert_eq!(findings(test, (path, text)).len(), 1, "{test}");
        }
        assert_eq!(unshown("| # | what |", &[]), ["the table has no rows"]);
    }
}
