//! From the bytes of a request to spans that are committed.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tracing_agents::pipeline::Inlet;
use tracing_agents::wire::{self, ForeignSpans};

use super::answer::{Encoding, Refusal, Stored};
use super::body::Compression;

/// The way into the pipeline.
pub(super) struct Ingest {
    inlet: Inlet,
    /// How long a client waits for the commit at most.
    pub(super) patience: Duration,
    /// As many requests are unpacked and decoded at a time as there are processors: more would only take more memory.
    decoding: Arc<Semaphore>,
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
    pub(super) fn new(inlet: Inlet, patience: Duration) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, Into::into);
        Self { inlet, patience, decoding: Arc::new(Semaphore::new(processors)) }
    }

    /// Whether the database takes nothing.
    pub(super) fn is_out(&self) -> bool {
        self.inlet.health().degraded
    }

    /// Stores the spans of a request; comes back when all of them are committed.
    pub(super) async fn store(&self, payload: Payload) -> Result<Stored, Refusal> {
        // Before anything is decoded: what cannot be stored now would only be kept, and sent once more.
        if self.is_out() {
            return Err(Refusal::busy("the database is away"));
        }
        let ForeignSpans { records, rejected, .. } = self.decode(payload).await?;
        let mut stored = Stored::default();
        rejected.iter().for_each(|rejected| stored.reject(&rejected.to_string()));
        let (tell, told) = oneshot::channel();
        // Who waits may be gone by then.
        self.inlet.deliver(records, move |receipt| drop(tell.send(receipt))).map_err(not_now)?;
        let receipt = match tokio::time::timeout(self.patience, told).await {
            Ok(Ok(receipt)) if receipt.given_up == 0 => receipt,
            Ok(_) => return Err(Refusal::busy("the receiver is shut down")),
            Err(_) => return Err(Refusal::busy(format!("the database took nothing for {:?}", self.patience))),
        };
        receipt.left_out.iter().for_each(|left_out| stored.reject(&left_out.reason));
        Ok(stored)
    }

    /// Unpacks and decodes, on a thread that may take its time.
    async fn decode(&self, payload: Payload) -> Result<ForeignSpans, Refusal> {
        let Ok(turn) = Arc::clone(&self.decoding).acquire_owned().await else {
            return Err(Refusal::busy("the receiver is shut down"));
        };
        let decoding = tokio::task::spawn_blocking(move || {
            let Payload { bytes, compression, encoding, limit, memory } = payload;
            let spans = compression.unpack(bytes, limit).and_then(|bytes| decode(encoding, &bytes));
            drop((turn, memory));
            spans
        });
        decoding.await.unwrap_or_else(|_| Err(Refusal::busy("the receiver is shut down")))
    }
}

fn not_now(reason: impl Display) -> Refusal {
    Refusal::busy(reason.to_string())
}

fn decode(encoding: Encoding, bytes: &[u8]) -> Result<ForeignSpans, Refusal> {
    let spans = match encoding {
        Encoding::Protobuf => wire::decode_foreign(bytes),
        Encoding::Json => wire::decode_json(bytes),
    };
    spans.map_err(|error| Refusal::malformed(error.to_string()))
}
