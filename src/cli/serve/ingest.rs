//! From the bytes of a request to spans or events that are committed.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tracing_agents::pipeline::Inlet;
use tracing_agents::wire::{self, ForeignSpans, LoggedEvents};
use tracing_agents::{AgentTracing, Error, Result as StoreResult};

use super::answer::{Encoding, Refusal, Signal, Stored};
use super::body::Compression;

/// The way into the database: through the pipeline for spans, at once for events.
pub(super) struct Ingest {
    inlet: Inlet,
    tracing: AgentTracing,
    /// How long a client waits for the commit at most.
    pub(super) patience: Duration,
    /// As many requests are unpacked and decoded at a time as there are processors: more would only take more memory.
    decoding: Arc<Semaphore>,
    /// The store has one connection for writes, so one request's events are written at a time; the others wait here, where it takes no thread.
    writing: Arc<Semaphore>,
    on_error: Box<dyn Fn(&Error) + Send + Sync>,
}

/// A request as it came.
pub(super) struct Payload {
    pub(super) bytes: Vec<u8>,
    pub(super) compression: Compression,
    pub(super) encoding: Encoding,
    /// The most bytes that it may be unpacked.
    pub(super) limit: usize,
    /// The memory that it takes.
    pub(super) memory: OwnedSemaphorePermit,
}

impl Ingest {
    /// `on_error` is told why events could not be stored, as the pipeline tells of spans.
    pub(super) fn new(
        tracing: AgentTracing,
        patience: Duration,
        on_error: impl Fn(&Error) + Send + Sync + 'static,
    ) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, Into::into);
        Self {
            inlet: tracing.inlet(),
            tracing,
            patience,
            decoding: Arc::new(Semaphore::new(processors)),
            writing: Arc::new(Semaphore::new(1)),
            on_error: Box::new(on_error),
        }
    }

    /// Whether the database takes nothing.
    pub(super) fn is_out(&self) -> bool {
        self.inlet.health().degraded
    }

    /// Stores what a request brings; comes back when all of it is committed.
    pub(super) async fn store(&self, signal: Signal, payload: Payload) -> Result<Stored, Refusal> {
        // Before anything is decoded: what cannot be stored now would only be kept, and sent once more.
        if self.is_out() {
            return Err(Refusal::busy("the database is away"));
        }
        match signal {
            Signal::Traces => self.store_spans(payload).await,
            Signal::Logs => self.store_events(payload).await,
        }
    }

    async fn store_spans(&self, payload: Payload) -> Result<Stored, Refusal> {
        let read = |encoding, bytes: &[u8]| match encoding {
            Encoding::Protobuf => wire::decode_foreign(bytes),
            Encoding::Json => wire::decode_json(bytes),
        };
        let (ForeignSpans { records, rejected, .. }, memory) = self.decode(payload, read).await?;
        // The queue has a limit of its own.
        drop(memory);
        let mut stored = Stored::of(Signal::Traces);
        rejected.iter().for_each(|rejected| stored.reject(&rejected.to_string()));
        let (tell, told) = oneshot::channel();
        // Who waits may be gone by then.
        self.inlet.deliver(records, move |receipt| drop(tell.send(receipt))).map_err(not_now)?;
        let receipt = match tokio::time::timeout(self.patience, told).await {
            Ok(Ok(receipt)) if receipt.given_up == 0 => receipt,
            Ok(_) => return Err(shut_down()),
            Err(_) => return Err(self.too_long()),
        };
        receipt.left_out.iter().for_each(|left_out| stored.reject(&left_out.reason));
        Ok(stored)
    }

    async fn store_events(&self, payload: Payload) -> Result<Stored, Refusal> {
        let read = |encoding, bytes: &[u8]| match encoding {
            Encoding::Protobuf => wire::decode_logs(bytes),
            Encoding::Json => wire::decode_logs_json(bytes),
        };
        let (LoggedEvents { events, rejected, .. }, memory) = self.decode(payload, read).await?;
        let mut stored = Stored::of(Signal::Logs);
        rejected.iter().for_each(|rejected| stored.reject(&rejected.to_string()));
        if events.is_empty() {
            return Ok(stored);
        }
        let tracing = self.tracing.clone();
        let writing = async {
            let turn = Arc::clone(&self.writing).acquire_owned().await.ok()?;
            let write = move || {
                let written: StoreResult<()> = tracing.write_events(&events);
                drop((turn, memory));
                written
            };
            tokio::task::spawn_blocking(write).await.ok()
        };
        match tokio::time::timeout(self.patience, writing).await {
            Ok(Some(Ok(()))) => Ok(stored),
            Ok(Some(Err(error))) => {
                (self.on_error)(&error);
                Err(Refusal::busy("the database does not take it now"))
            }
            Ok(None) => Err(shut_down()),
            // What was begun may still be committed. It is not stored twice when it comes again.
            Err(_) => Err(self.too_long()),
        }
    }

    /// Unpacks and decodes, on a thread that may take its time.
    async fn decode<T: Send + 'static>(
        &self,
        payload: Payload,
        read: impl FnOnce(Encoding, &[u8]) -> StoreResult<T> + Send + 'static,
    ) -> Result<(T, OwnedSemaphorePermit), Refusal> {
        let Ok(turn) = Arc::clone(&self.decoding).acquire_owned().await else {
            return Err(shut_down());
        };
        let decoding = tokio::task::spawn_blocking(move || {
            let Payload { bytes, compression, encoding, limit, memory } = payload;
            let read = |bytes: Vec<u8>| read(encoding, &bytes).map_err(|error| Refusal::malformed(error.to_string()));
            let decoded = compression.unpack(bytes, limit).and_then(read);
            drop(turn);
            Ok((decoded?, memory))
        });
        decoding.await.unwrap_or_else(|_| Err(shut_down()))
    }

    fn too_long(&self) -> Refusal {
        Refusal::busy(format!("the database took nothing for {:?}", self.patience))
    }
}

fn shut_down() -> Refusal {
    Refusal::busy("the receiver is shut down")
}

fn not_now(reason: impl Display) -> Refusal {
    Refusal::busy(reason.to_string())
}
