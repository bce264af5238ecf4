//! Where spans wait for a database, by default.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Store;

impl Store {
    /// The folder in which spans wait for this database by default: beside a SQLite file, with its name and `-spool`; for a server,
    /// `tracing-agents/spool` in the user's folder for state (`XDG_STATE_HOME`, else `~/.local/state`; on Windows `LOCALAPPDATA`), which
    /// databases share. `None` for a database in memory, and where there is no such folder.
    #[must_use]
    pub fn default_spool_folder(&self) -> Option<PathBuf> {
        if self.is_in_memory() {
            return None;
        }
        match self.0.url.file() {
            Some(file) => Some(beside(file)),
            None => state_folder(|name| std::env::var_os(name)),
        }
    }

    /// Whether the database ends with the process.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.0.url.is_memory()
    }
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-spool");
    name.into()
}

fn state_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let state = folder("XDG_STATE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/state")))
        .or_else(|| folder("LOCALAPPDATA"));
    Some(state?.join("tracing-agents").join("spool"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_where_state_belongs() {
        let folder = |given: &'static [(&str, &str)]| {
            state_folder(|name| given.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
        };
        let home = Some(PathBuf::from("/home/ada/.local/state/tracing-agents/spool"));
        assert_eq!(folder(&[("HOME", "/home/ada")]), home);
        assert_eq!(folder(&[("HOME", "/home/ada"), ("XDG_STATE_HOME", "relative")]), home);
        let state = Some(PathBuf::from("/var/state/tracing-agents/spool"));
        assert_eq!(folder(&[("HOME", "/home/ada"), ("XDG_STATE_HOME", "/var/state")]), state);
        assert_eq!(folder(&[]), None);
        assert_eq!(beside(Path::new("/tmp/traces.db")), Path::new("/tmp/traces.db-spool"));
    }
}
