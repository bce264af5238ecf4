//! `agent-traces`: receives agent traces over OTLP, lists and shows them, exports and imports them.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
