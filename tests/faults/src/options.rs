//! What is to be run, and on what.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::scenarios;
use crate::server::Server;

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) is_long: bool,
    pub(crate) servers: Vec<Server>,
    /// Where the table goes.
    pub(crate) results: Option<PathBuf>,
    /// The scenarios; none means all.
    pub(crate) names: Vec<String>,
}

impl Options {
    /// `--servers SCRIPT DIR`, `--long`, `--results FILE`, and names.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self { is_long: false, servers: Vec::new(), results: None, names: Vec::new() };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--long" => options.is_long = true,
                "--results" => options.results = Some(value()?.into()),
                "--servers" => {
                    let (script, folder) = (PathBuf::from(value()?), PathBuf::from(value()?));
                    for (name, variable) in [
                        ("postgres", "TRACING_AGENTS_TEST_POSTGRES_URL"),
                        ("mariadb", "TRACING_AGENTS_TEST_MARIADB_URL"),
                    ] {
                        let url = std::env::var(variable).with_context(|| format!("{variable} is not set"))?;
                        options.servers.push(Server::new(name, url, script.clone(), folder.clone())?);
                    }
                }
                name if scenarios::ALL.iter().any(|(known, _)| *known == name) => options.names.push(argument),
                _ => {
                    let known: Vec<_> = scenarios::ALL.iter().map(|(name, _)| *name).collect();
                    bail!("there is no scenario {argument}, only {}", known.join(", "));
                }
            }
        }
        if options.servers.is_empty() {
            bail!("needs --servers SCRIPT DIR: `tests/faults/run` starts some");
        }
        Ok(options)
    }
}
