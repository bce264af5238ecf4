//! One history of migrations for all databases.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::SourceFile;

const BACKENDS: [&str; 3] = ["sqlite", "postgres", "mysql"];
const FILES: [&str; 2] = ["up.sql", "down.sql"];

/// What differs between the folders that exist, given all `.sql` files under `migrations/`.
pub(crate) fn unequal(files: &[SourceFile]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for file in files {
        let parts: Vec<_> = file.path.split('/').collect();
        match parts[..] {
            ["migrations", backend, name, script] if BACKENDS.contains(&backend) && FILES.contains(&script) => {
                names.entry(backend).or_default().insert(name);
                seen.insert((backend, name, script));
                if !file.text.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with("--")) {
                    findings.push(format!("{}: does nothing", file.path));
                }
                if script == "up.sql"
                    && !file.text.contains(&format!("INSERT INTO trace_schema (version) VALUES ('{}')", version(name)))
                {
                    findings.push(format!("{}: does not say in trace_schema that it has run", file.path));
                }
            }
            _ => findings.push(format!("{}: expected migrations/<backend>/<date>_<name>/{{up,down}}.sql", file.path)),
        }
    }
    let all: BTreeSet<_> = names.values().flatten().copied().collect();
    if all.is_empty() {
        findings.push("migrations/: no migration found".to_owned());
    }
    for backend in names.keys() {
        for name in &all {
            for script in FILES {
                if !seen.contains(&(*backend, *name, script)) {
                    findings.push(format!("migrations/{backend}/{name}/{script}: missing"));
                }
            }
        }
    }
    findings
}

/// The version that Diesel reads from a migration's name: the digits before the first `_`.
fn version(name: &str) -> String {
    name.split('_').next().unwrap_or_default().replace('-', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(paths: &[&str]) -> Vec<String> {
        unequal(&paths.iter().map(|path| SourceFile::new(*path, TEXT)).collect::<Vec<_>>())
    }

    const TEXT: &str = "-- x\nINSERT INTO trace_schema (version) VALUES ('1');";
    const ONE: [&str; 2] = ["migrations/sqlite/1_a/up.sql", "migrations/sqlite/1_a/down.sql"];

    #[test]
    fn equal_folders_are_fine() {
        assert!(findings(&ONE).is_empty());
        assert!(findings(&[ONE[0], ONE[1], "migrations/mysql/1_a/up.sql", "migrations/mysql/1_a/down.sql"]).is_empty());
    }

    #[test]
    fn differences_are_caught() {
        assert_eq!(findings(&ONE[..1]), ["migrations/sqlite/1_a/down.sql: missing"]);
        // Another name is missing on both sides.
        assert_eq!(
            findings(&[ONE[0], ONE[1], "migrations/mysql/1_b/up.sql", "migrations/mysql/1_b/down.sql"]).len(),
            4
        );
        assert_eq!(findings(&[ONE[0], ONE[1], "migrations/oracle/1_a/up.sql"]).len(), 1);
        assert_eq!(findings(&[]).len(), 1);
        let of = |up: &'static str| unequal(&[SourceFile::new(ONE[0], up), SourceFile::new(ONE[1], "DROP TABLE x;")]);
        assert_eq!(of("-- nothing\n")[0], "migrations/sqlite/1_a/up.sql: does nothing");
        let silent = of("INSERT INTO trace_schema (version) VALUES ('2');");
        assert_eq!(silent, ["migrations/sqlite/1_a/up.sql: does not say in trace_schema that it has run"]);
    }
}
