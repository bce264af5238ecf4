//! The real binary, serving.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tracing_agents::TraceRepository;

/// Long enough for a busy machine; only a hang takes it all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A database file, and the binary that writes to it.
pub(crate) struct Server {
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
    process: Child,
}

pub(crate) fn url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

/// The binary with a clean environment.
pub(crate) fn command(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-traces"));
    command.env_remove("AGENT_TRACES_TOKEN").env("AGENT_TRACES_DATABASE_URL", url(file)).stdin(Stdio::null());
    command
}

impl Server {
    /// On any free ports.
    pub(crate) fn start(file: &Path, options: &[&str]) -> Self {
        Self::start_at(file, ["127.0.0.1:0", "127.0.0.1:0"], options)
    }

    pub(crate) fn start_at(file: &Path, [http, grpc]: [&str; 2], options: &[&str]) -> Self {
        let mut command = command(file);
        command.args(["serve", "--http", http, "--grpc", grpc]).args(options);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        let address = |scheme: &str| {
            let after = line.split_once(scheme).unwrap_or_else(|| panic!("the server says {line:?}")).1;
            after.split(['/', ' ', '\n']).next().unwrap().parse().unwrap()
        };
        let (http, grpc) = (address("http://"), address("grpc://"));
        // What it says later must not fill the pipe.
        std::thread::spawn(move || errors.read_to_end(&mut Vec::new()));
        Self { http, grpc, process }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}/v1/traces", self.http)
    }

    /// Sends it a signal: `TERM`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder for a database, and the file.
pub(crate) fn database() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("traces.db");
    (folder, file)
}

pub(crate) fn repository(file: &Path) -> TraceRepository {
    TraceRepository::open(&url(file)).unwrap()
}
