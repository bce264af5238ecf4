//! Processes that are started only to end badly.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tracing_agents::AgentTracing;

use crate::eventually;

/// Tells a process what it is to do, and with which database.
const ROLE: &str = "TRACING_AGENTS_TEST_ROLE";
const DATABASE: &str = "TRACING_AGENTS_TEST_DATABASE";

/// Signs of life follow each other closely, so that no test waits long for a missing one.
pub(crate) const HEARTBEAT: Duration = Duration::from_millis(100);

/// What this process is to do, if it was started by a test.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// The tracing of a process that was started by a test.
pub(crate) fn tracing() -> AgentTracing {
    open(&std::env::var(DATABASE).unwrap())
}

/// The file of the database of a process that was started by a test.
pub(crate) fn file() -> String {
    std::env::var(DATABASE).unwrap().trim_start_matches("sqlite://").to_owned()
}

/// Opens the database as both sides do.
pub(crate) fn open(url: &str) -> AgentTracing {
    AgentTracing::builder(url).heartbeat(HEARTBEAT).open().unwrap()
}

pub(crate) fn url_in(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("traces.db").display())
}

/// Tells the test that this process has come so far, and waits for its answer, or its end.
pub(crate) fn say_and_wait(what: &str) {
    let mut out = std::io::stdout();
    // A harness has no end of line before what a test prints.
    writeln!(out, "\n{what}").unwrap();
    out.flush().unwrap();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

/// A process that runs one test of this program in a role.
pub(crate) struct Victim {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    input: Option<ChildStdin>,
}

impl Victim {
    pub(crate) fn start(test: &str, role: &str, url: &str) -> Self {
        Self::start_with(test, role, url, &[])
    }

    /// With more in its environment.
    pub(crate) fn start_with(test: &str, role: &str, url: &str, environment: &[(&str, &Path)]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads", "1"])
            .env(ROLE, role)
            .env(DATABASE, url)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let input = process.stdin.take();
        Self { process, lines, input }
    }

    /// Waits until the process says something.
    #[track_caller]
    pub(crate) fn expect(&mut self, what: &str) {
        let said = self.lines.by_ref().map_while(Result::ok).any(|line| line == what);
        assert!(said, "the process ended before it said {what:?}");
    }

    /// Lets the process go on.
    pub(crate) fn answer(&mut self) {
        writeln!(self.input.as_mut().unwrap(), "go on").unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn runs(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// How the process ended.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.input = None;
        let mut status = None;
        eventually("the process ends", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}
