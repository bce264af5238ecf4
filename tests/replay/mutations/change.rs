//! The ways in which a copy of a recording is changed, and what each does to the tree.

use std::fmt;

/// One way to change a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Targets, or instrumentation scopes, are those of a framework that nobody knows: all of them, or with an odd seed some crates'.
    Targets,
    /// Agents have other names, also each other's and those of operations.
    Agents,
    /// Fields are declared and recorded in another order; where times are recorded, spans arrive in another order.
    Order,
    /// Sessions, users, runs, calls and answers have other ids; where ids of spans are recorded, those too (else each replay has new ones).
    Ids,
    /// Of the fields of spans, so many in a hundred are missing.
    Fields(u8),
    /// Of the events, so many in a hundred are missing.
    Events(u8),
}

/// A copy that differs from its recording.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mutant {
    pub(super) changes: &'static [Change],
    pub(super) seed: u64,
}

impl Mutant {
    pub(super) fn has(self, change: Change) -> bool {
        self.changes.contains(&change)
    }

    /// What the mutant's ids end in.
    pub(super) fn suffix(self) -> String {
        format!("-m{}", self.seed)
    }

    /// The new names of agents, given the old ones, each with its own.
    pub(super) fn names(self, old: &[String]) -> Vec<(String, String)> {
        let others = match self.seed % 3 {
            0 if old.len() > 1 => old.iter().cycle().skip(1).take(old.len()).cloned().collect(),
            1 => ["chat", "execute_tool", "model", "workflow"].map(str::to_owned).to_vec(),
            _ => (0..old.len()).map(|number| format!("Агент №{number}")).collect::<Vec<_>>(),
        };
        assert!(others.len() >= old.len(), "{old:?} are more agents than there are names");
        old.iter().cloned().zip(others).collect()
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} with seed {}", self.changes, self.seed)
    }
}

/// The tree of a mutant whose agents and ids have other names, made of the tree of its recording.
pub(super) fn renamed(tree: &str, mutant: Mutant, names: &[(String, String)]) -> String {
    tree.lines().map(|line| renamed_line(line, mutant, names) + "\n").collect()
}

fn renamed_line(line: &str, mutant: Mutant, names: &[(String, String)]) -> String {
    let mut line = line.to_owned();
    if mutant.has(Change::Agents) {
        let column = |name: &str| format!(" agent={} model=", super::tree::quoted(name));
        if let Some((old, new)) = names.iter().find(|(old, _)| line.contains(&column(old))) {
            line = line.replacen(&column(old), &column(new), 1);
            line = line.replacen(&format!("\"invoke_agent {old}\""), &format!("\"invoke_agent {new}\""), 1);
        }
    }
    if mutant.has(Change::Ids) {
        for key in [" call_id=", " session="] {
            let Some((before, after)) = line.split_once(key) else { continue };
            let (id, rest) = after.split_once(' ').unwrap();
            if id != "-" {
                line = format!("{before}{key}{id}{} {rest}", mutant.suffix());
            }
        }
    }
    line
}
