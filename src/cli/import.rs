//! `import`: whole spans out of a file.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use clap::Args;
use tracing_agents::model::{SpanId, SpanRecord, TraceId};
use tracing_agents::pipeline::{Durability, Receipt};
use tracing_agents::{AgentTracing, SpanFilter, TraceRepository, wire};

use super::failure::Failure;
use super::framing::Format;
use super::{Database, log, output};

/// Messages that may be on their way into the database at a time.
const MAX_UNDERWAY: usize = 3;
/// Ids that are remembered of spans that are in the database.
const MAX_KNOWN: usize = 1_000_000;
/// Reasons that are told.
const MAX_REASONS: u64 = 10;
/// How long the end may take, when all is stored.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads spans from a file of OTLP, which may be one of `export` or of a Collector's file exporter.
#[derive(Debug, Args)]
#[command(
    after_long_help = "What is in the database already stays as it is: importing a file twice is as good as once."
)]
pub(super) struct Options {
    /// The file, in JSON or in protobuf with lengths; `-` is the standard input.
    #[arg(value_name = "FILE")]
    file: String,
}

pub(super) fn run(database: &Database, options: &Options) -> Result<(), Failure> {
    let url = database.url()?;
    let mut input: Box<dyn BufRead> = if options.file == "-" {
        Box::new(BufReader::new(io::stdin().lock()))
    } else {
        Box::new(BufReader::new(open(Path::new(&options.file))?))
    };
    let tracing = AgentTracing::builder(url)
        // Whoever sends waits until the database has it, and sends it again otherwise.
        .durability(Durability::Memory)
        // What bounds it is the number of messages that are underway.
        .max_queue_size(usize::MAX)
        .max_queue_bytes(usize::MAX)
        .max_export_batch_size(1_000)
        .on_error(log::errors())
        .open()?;
    let mut import =
        Import { known: Known::of(tracing.repository()), tracing, underway: VecDeque::new(), done: Done::default() };
    let read = import.read(&mut *input, &options.file);
    let stored = import.wait_for_all();
    // What was stored before something went wrong is stored.
    import.done.report()?;
    read?;
    stored?;
    import.tracing.shutdown(SHUTDOWN_TIMEOUT)?;
    if import.done.is_whole() { Ok(()) } else { Err(Failure::failed("not everything in the file could be imported")) }
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))
}

/// An import that goes on.
struct Import {
    tracing: AgentTracing,
    known: Known,
    underway: VecDeque<Receiver<Receipt>>,
    done: Done,
}

impl Import {
    /// Reads all messages. `name` is that of the file.
    fn read(&mut self, input: &mut (impl BufRead + ?Sized), name: &str) -> Result<(), Failure> {
        let mut input = input;
        let Some(format) = Format::of(&mut input).map_err(|error| broken(name, 1, &error))? else { return Ok(()) };
        for number in 1_u64.. {
            let message = format.read(&mut input).map_err(|error| broken(name, number, &error))?;
            let Some(message) = message else { break };
            let spans = match format {
                Format::Json => wire::decode_json(&message),
                Format::Protobuf => wire::decode_foreign(&message),
            };
            let spans = match spans {
                Ok(spans) => spans,
                Err(error) => {
                    self.done.skip(&format!("message {number} is left out: {error}"));
                    continue;
                }
            };
            for rejected in &spans.rejected {
                self.done.reject(&format!("message {number}, {rejected}"));
            }
            self.store(spans.records)?;
        }
        Ok(())
    }

    /// Hands spans over to be stored.
    fn store(&mut self, records: Vec<SpanRecord>) -> Result<(), Failure> {
        let known = self.known.count(&records)?;
        self.done.known += known;
        if self.underway.len() >= MAX_UNDERWAY {
            self.wait_for_one()?;
        }
        let (tell, told) = channel();
        let delivered = self.tracing.inlet().deliver(records, move |receipt| drop(tell.send(receipt)));
        delivered.map_err(|refused| Failure::failed(format!("cannot store spans: {refused}")))?;
        self.underway.push_back(told);
        Ok(())
    }

    /// Waits until the oldest message is stored.
    fn wait_for_one(&mut self) -> Result<(), Failure> {
        let Some(told) = self.underway.pop_front() else { return Ok(()) };
        let receipt = told.recv().map_err(|_| Failure::failed("the writer is gone; please report this"))?;
        self.done.stored += receipt.stored;
        receipt.left_out.iter().for_each(|left_out| self.done.reject(&left_out.reason));
        Ok(())
    }

    fn wait_for_all(&mut self) -> Result<(), Failure> {
        while !self.underway.is_empty() {
            self.wait_for_one()?;
        }
        Ok(())
    }
}

fn broken(name: &str, number: u64, reason: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!("{name}: message {number} cannot be read, nor what comes after it: {reason}"))
}

/// What became of the spans.
#[derive(Default)]
struct Done {
    /// Spans that are in the database now, those that were there before among them.
    stored: u64,
    known: u64,
    rejected: u64,
    /// Messages that are none.
    unreadable: u64,
}

impl Done {
    /// A span cannot be kept.
    fn reject(&mut self, reason: &str) {
        self.rejected += 1;
        self.tell(reason);
    }

    /// A message cannot be read.
    fn skip(&mut self, reason: &str) {
        self.unreadable += 1;
        self.tell(reason);
    }

    fn tell(&self, reason: &str) {
        if self.rejected + self.unreadable <= MAX_REASONS {
            output::note(reason);
        }
    }

    const fn is_whole(&self) -> bool {
        self.rejected + self.unreadable == 0
    }

    fn report(&self) -> Result<(), Failure> {
        let Self { stored, known, rejected, unreadable } = self;
        let new = stored.saturating_sub(*known);
        let mut out = output::stdout();
        write!(out, "{new} spans stored, {known} were there already, {rejected} rejected")?;
        if *unreadable > 0 {
            write!(out, ", {unreadable} messages unreadable")?;
        }
        writeln!(out)?;
        out.flush()?;
        Ok(())
    }
}

/// Which spans the database holds, of the traces that came by.
struct Known {
    repository: TraceRepository,
    spans: HashMap<TraceId, HashSet<SpanId>>,
    /// How many ids it remembers.
    size: usize,
}

impl Known {
    fn of(repository: TraceRepository) -> Self {
        Self { repository, spans: HashMap::new(), size: 0 }
    }

    /// How many of these are known already; from now on, they all are.
    fn count(&mut self, records: &[SpanRecord]) -> Result<u64, Failure> {
        let mut known = 0;
        for record in records {
            if !self.spans.contains_key(&record.trace_id) {
                self.learn(record.trace_id)?;
            }
            let is_new = self.spans.entry(record.trace_id).or_default().insert(record.span_id);
            if is_new {
                self.size += 1;
            } else {
                known += 1;
            }
        }
        Ok(known)
    }

    /// Looks up the spans of a trace.
    fn learn(&mut self, trace: TraceId) -> Result<(), Failure> {
        if self.size > MAX_KNOWN {
            // Asked for again where they are met again.
            self.spans.clear();
            self.size = 0;
        }
        let mut spans = HashSet::new();
        let mut filter = SpanFilter::new().trace(trace).limit(1_000);
        loop {
            let page = self.repository.spans(&filter)?;
            spans.extend(page.iter().map(|span| span.span_id));
            match page.next {
                Some(next) => filter = filter.after(next),
                None => break,
            }
        }
        self.size += spans.len();
        self.spans.insert(trace, spans);
        Ok(())
    }
}
