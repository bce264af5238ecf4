//! A private database server that can be killed and frozen.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    script: PathBuf,
    folder: PathBuf,
}

impl Server {
    pub(crate) fn new(name: &str, url: String, script: PathBuf, folder: PathBuf) -> Result<Self> {
        let host = url.rsplit('@').next().and_then(|rest| rest.split('/').next());
        let address = host.and_then(|host| host.to_socket_addrs().ok()?.next());
        let address = address.with_context(|| format!("the URL of {name} names no address"))?;
        Ok(Self { name: name.to_owned(), url, address, script, folder })
    }

    /// The same database by another address, without encryption, so that what is sent can be read on the way.
    pub(crate) fn url_by(&self, address: SocketAddr) -> String {
        // MariaDB's driver would go on by the server's own socket, where it finds one.
        let plain = if self.name == "postgres" { "sslmode=disable" } else { "ssl-mode=DISABLED&prefer_socket=false" };
        format!("{}?{plain}", self.url.replace(&self.address.to_string(), &address.to_string()))
    }

    /// The name of the database in its URL.
    pub(crate) fn database(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    /// SIGKILL to all of its processes.
    pub(crate) fn kill(&self) -> Result<()> {
        self.tell("kill")
    }

    /// Starts it again with its data, and returns when it answers.
    pub(crate) fn restart(&self) -> Result<()> {
        self.tell("restart")
    }

    /// SIGSTOP to all of its processes.
    pub(crate) fn freeze(&self) -> Result<()> {
        self.tell("freeze")
    }

    /// SIGCONT to all of its processes.
    pub(crate) fn thaw(&self) -> Result<()> {
        self.tell("thaw")
    }

    fn tell(&self, what: &str) -> Result<()> {
        let output = Command::new(&self.script).arg(what).arg(&self.folder).arg(&self.name).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "tests/servers {what} {}: {said}", self.name);
        Ok(())
    }
}
