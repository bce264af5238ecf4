//! Who may read the files that are made: their owner alone, whatever the umask.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tracing_agents::wire;

use super::client::Client;
use super::server::{database, url};
use super::spans::{PROTOBUF, payload, span};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

/// The binary, in a process that would let everybody read and write everything.
fn careless(file: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_agent-traces")]);
    command.env("AGENT_TRACES_DATABASE_URL", url(file)).stdin(Stdio::null());
    command
}

#[test]
fn what_is_made_is_its_owners_alone_whatever_the_umask() {
    let (folder, file) = database();
    let otlp = folder.path().join("in.otlp.json");
    std::fs::write(&otlp, wire::encode_json(&[span("a")]).unwrap()).unwrap();
    let output = careless(&file).arg("import").arg(&otlp).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(mode(&file), 0o600);

    let exported = folder.path().join("out.json");
    let output = careless(&file).args(["export", "--output"]).arg(&exported).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(mode(&exported), 0o600);
}

#[test]
fn the_files_beside_an_open_database_are_its_owners_alone() {
    let (_folder, file) = database();
    let (server, http) = {
        let mut command = careless(&file);
        command.args(["serve", "--http", "127.0.0.1:0", "--grpc", "none"]).stderr(Stdio::piped());
        let mut server = command.spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(server.stderr.take().unwrap()), &mut line).unwrap();
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
        (Ends(server), address)
    };
    let (_, bytes) = payload("span");
    assert_eq!(Client::connect(http).post(&[PROTOBUF], &bytes).status, 200);
    for end in ["", "-wal", "-shm"] {
        assert_eq!(mode(Path::new(&format!("{}{end}", file.display()))), 0o600, "{end}");
    }
    drop(server);
}

#[test]
fn a_file_that_exists_keeps_its_mode() {
    let (folder, file) = database();
    std::fs::write(&file, "").unwrap();
    let exported = folder.path().join("out.json");
    std::fs::write(&exported, "old").unwrap();
    for path in [&file, &exported] {
        std::fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap();
    }
    let otlp = folder.path().join("in.otlp.json");
    std::fs::write(&otlp, wire::encode_json(&[span("a")]).unwrap()).unwrap();
    assert!(careless(&file).arg("import").arg(&otlp).output().unwrap().status.success());
    assert!(careless(&file).args(["export", "--output"]).arg(&exported).output().unwrap().status.success());
    assert_eq!((mode(&file), mode(&exported)), (0o640, 0o640));
}

/// A process that ends with the test.
struct Ends(std::process::Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
