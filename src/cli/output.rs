//! The standard streams, and files. `print!` and its siblings panic when nobody reads; these do not.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};
use std::path::Path;

/// The standard output, buffered: flush it at the end, to hear of what could not be written.
pub(super) fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::new(io::stdout().lock())
}

/// A new file, which its owner alone may read, since it holds what people and models said; one that exists is emptied, and keeps its mode.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Says something beside the output. Where that cannot be said, there is nobody to tell.
pub(super) fn note(message: &str) {
    let _ = writeln!(io::stderr().lock(), "agent-traces: {message}");
}

/// Columns of the terminal that shows the output; `None` when it goes elsewhere.
pub(super) fn columns() -> Option<usize> {
    let stdout = io::stdout();
    let size = stdout.is_terminal().then(|| terminal_size::terminal_size_of(&stdout))?;
    size.map(|(terminal_size::Width(columns), _)| usize::from(columns)).filter(|columns| *columns > 0)
}
