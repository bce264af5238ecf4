//! Reading the tree.

use std::fs;
use std::path::{Path, PathBuf};

/// A file as the rules see it.
pub(crate) struct SourceFile {
    /// Relative to the package's root, with `/` between parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of one file that must exist.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

/// All files with one of `extensions` in `folders`, sorted by path. Build output and recorded test data are left out, as are
/// folders that do not exist.
pub(crate) fn files_under(folders: &[&str], extensions: &[&str]) -> Vec<SourceFile> {
    let mut found = Vec::new();
    let mut todo: Vec<PathBuf> =
        folders.iter().map(|folder| root().join(folder)).filter(|path| path.exists()).collect();
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                if !matches!(name, "target" | "recordings") {
                    todo.push(path);
                }
            } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
                let parts: Vec<_> =
                    path.strip_prefix(root()).unwrap().iter().map(|part| part.to_string_lossy()).collect();
                found.push(SourceFile::new(parts.join("/"), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

#[test]
fn the_tree_is_found() {
    let paths: Vec<_> =
        files_under(&["src", "tests", "no-such-folder"], &["rs"]).into_iter().map(|file| file.path).collect();
    assert!(paths.iter().any(|path| path == "src/lib.rs"), "{paths:?}");
    assert!(paths.iter().any(|path| path == "tests/tidy/source.rs"), "{paths:?}");
    assert!(paths.is_sorted());
}
