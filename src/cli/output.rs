//! The standard streams. `print!` and its siblings panic when nobody reads; these do not.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};

/// The standard output, buffered: flush it at the end, to hear of what could not be written.
pub(super) fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::new(io::stdout().lock())
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
