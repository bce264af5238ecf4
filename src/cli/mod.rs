//! The command line: one file a subcommand. It uses nothing but the crate's public interface.

mod doctor;
mod export;
mod failure;
mod framing;
mod import;
mod json;
mod log;
mod ls;
mod output;
mod prune;
mod serve;
mod show;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use failure::Failure;
use tracing_agents::TraceRepository;

/// Agent traces in your own database: receive them over OTLP, list, show, export, import and prune them.
#[derive(Debug, Parser)]
#[command(name = "agent-traces", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Options {
    /// The database: sqlite://FILE, postgres://… or mysql://…
    #[arg(long, global = true, env = DATABASE_VARIABLE, hide_env_values = true, value_name = "URL")]
    database: Option<String>,
    #[command(subcommand)]
    command: Command,
}

const DATABASE_VARIABLE: &str = "AGENT_TRACES_DATABASE_URL";
const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed or (doctor) something needs attention, 2 not understood.";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Options),
    Export(export::Options),
    Import(import::Options),
    Ls(ls::Options),
    Show(show::Options),
    Doctor(doctor::Options),
    Prune(prune::Options),
}

/// Does what the command line says; what the process is to end with.
pub(crate) fn run() -> ExitCode {
    let Options { database, command } = Options::parse();
    let database = Database(database);
    let done = match command {
        Command::Serve(options) => serve::run(&database, &options),
        Command::Export(options) => export::run(&database, &options),
        Command::Import(options) => import::run(&database, &options),
        Command::Ls(options) => ls::run(&database, &options),
        Command::Show(options) => show::run(&database, &options),
        Command::Doctor(options) => doctor::run(&database, &options),
        Command::Prune(options) => prune::run(&database, &options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// The database that was named, if one was.
struct Database(Option<String>);

impl Database {
    fn url(&self) -> Result<&str, Failure> {
        self.0.as_deref().filter(|url| !url.is_empty()).ok_or_else(|| {
            Failure::usage(format!(
                "which database? Name it with --database sqlite://traces.db, or in the environment variable {DATABASE_VARIABLE}"
            ))
        })
    }

    /// A database that exists, for reading.
    fn repository(&self) -> Result<TraceRepository, Failure> {
        Ok(TraceRepository::open(self.url()?)?)
    }
}
