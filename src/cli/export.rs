//! `export`: whole spans into a file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::PathBuf;

use clap::Args;
use tracing_agents::model::SpanRecord;
use tracing_agents::{SpanFilter, TraceFilter, TraceRepository, wire};

use super::failure::Failure;
use super::framing::Format;
use super::{Database, output};

/// Spans that are read, and encoded, at once.
const PAGE: u32 = 1_000;
/// Bytes after which spans of several traces are no longer put into one message.
const MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// Writes whole spans as OTLP, losing nothing.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Options {
    /// Which traces, in the language of `ls`; without a filter, all of them.
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// How.
    #[arg(long, value_enum, default_value = "otlp-json")]
    format: Format,
    /// Where to. Without it, to the standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  agent-traces export session:s-17 > session.json
  agent-traces export last:24h --format otlp --output day.otlp
  agent-traces import day.otlp --database postgres://…

The OpenTelemetry Collector's file receiver reads these files, and import those of its file exporter.";

pub(super) fn run(database: &Database, options: &Options) -> Result<(), Failure> {
    let repository = database.repository()?;
    let filter: TraceFilter = options.filter.join(" ").parse()?;
    let Some(path) = &options.output else {
        if options.format == Format::Protobuf && io::stdout().is_terminal() {
            return Err(Failure::usage("this is nothing for a terminal: name a file with --output"));
        }
        return write(&repository, filter, options, Messages::new(output::stdout(), options.format));
    };
    let cannot = |error: io::Error| Failure::failed(format!("cannot write {}: {error}", path.display()));
    let file = BufWriter::new(output::create(path).map_err(cannot)?);
    write(&repository, filter, options, Messages::new(Named { file, path }, options.format))
}

/// Writes what is asked for, and says how much it was.
fn write(
    repository: &TraceRepository,
    filter: TraceFilter,
    options: &Options,
    mut messages: Messages<impl Write>,
) -> Result<(), Failure> {
    if options.filter.is_empty() {
        add_spans(repository, SpanFilter::new(), &mut messages)?;
    } else {
        add_traces(repository, filter, &mut messages)?;
    }
    let spans = messages.finish()?;
    output::note(&format!("{spans} spans exported"));
    Ok(())
}

/// All spans of the traces that pass a filter. How many those are, and which page, does not matter.
fn add_traces(
    repository: &TraceRepository,
    filter: TraceFilter,
    messages: &mut Messages<impl Write>,
) -> Result<(), Failure> {
    let mut filter = filter.limit(PAGE).after(None);
    loop {
        let page = repository.traces(&filter)?;
        for trace in &page {
            // A run that came torn is several traces, of which the list has one.
            let tree = repository.trace(trace.trace_id)?;
            let traces: BTreeSet<_> = tree.spans.iter().map(|span| span.trace_id).collect();
            let spans = traces.into_iter().fold(SpanFilter::new(), SpanFilter::trace);
            add_spans(repository, spans, messages)?;
        }
        match page.next {
            Some(next) => filter = filter.after(next),
            None => return Ok(()),
        }
    }
}

fn add_spans(
    repository: &TraceRepository,
    filter: SpanFilter,
    messages: &mut Messages<impl Write>,
) -> Result<(), Failure> {
    let mut filter = filter.limit(PAGE);
    loop {
        let page = repository.span_records(&filter)?;
        messages.add(page.items)?;
        match page.next {
            Some(next) => filter = filter.after(next),
            None => return Ok(()),
        }
    }
}

/// Gathers spans to messages of a good size.
struct Messages<W> {
    out: W,
    format: Format,
    spans: Vec<SpanRecord>,
    bytes: usize,
    written: u64,
}

impl<W: Write> Messages<W> {
    const fn new(out: W, format: Format) -> Self {
        Self { out, format, spans: Vec::new(), bytes: 0, written: 0 }
    }

    fn add(&mut self, spans: Vec<SpanRecord>) -> Result<(), Failure> {
        self.bytes += spans.iter().map(SpanRecord::size).sum::<usize>();
        self.spans.extend(spans);
        if self.bytes >= MESSAGE_BYTES || self.spans.len() >= PAGE as usize { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), Failure> {
        if self.spans.is_empty() {
            return Ok(());
        }
        let message = match self.format {
            Format::Json => wire::encode_json(&self.spans)?,
            Format::Protobuf => wire::encode_export(&self.spans),
        };
        self.format.write(&mut self.out, &message)?;
        self.written += self.spans.len() as u64;
        self.spans.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Writes the rest; how many spans it were in all.
    fn finish(mut self) -> Result<u64, Failure> {
        self.write()?;
        self.out.flush()?;
        Ok(self.written)
    }
}

/// A file whose errors name it.
struct Named<'a> {
    file: BufWriter<File>,
    path: &'a PathBuf,
}

impl Named<'_> {
    fn explain<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display())))
    }
}

impl Write for Named<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        self.explain(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.flush();
        self.explain(flushed)
    }
}
