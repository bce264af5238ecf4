//! Where and how spans wait on a disk.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What the end of the process, however it comes, can cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Spans wait in memory: whoever kills the process kills them too.
    Memory,
    /// Within some milliseconds, ten at most on a machine that is not overloaded, a span is in a file too. A thread of its own does that.
    #[default]
    Spool,
    /// A span is in a file before the call that ended it returns: that costs the caller a write to a file, and nothing is ever lost by a kill.
    Journal,
}

/// What becomes of spans when the spool is full, and memory too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// The new ones are dropped and counted.
    #[default]
    DropNewest,
    /// The oldest ones are dropped and counted, a file of them at a time.
    DropOldest,
    /// The threads that end spans wait, each time as long as this at most; then their spans are refused and counted.
    Block(Duration),
}

/// When what was written to the spool is made to survive a power failure. What ends only the process costs nothing of what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fsync {
    /// When the system sees fit.
    Never,
    /// After so long a time at most, by a thread of its own.
    Interval(Duration),
    /// At each write. With [`Durability::Journal`] each span that ends waits for the disk.
    Always,
}

impl Default for Fsync {
    fn default() -> Self {
        Self::Interval(Duration::from_millis(500))
    }
}

/// Which database a spool is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpoolDatabase {
    /// What is known of it without having reached it: a hash of its address, without user and password.
    pub fingerprint: [u8; 16],
    /// Its own id, once it was reached.
    pub identity: Arc<OnceLock<[u8; 16]>>,
}

/// A folder in which spans wait for the store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolSettings {
    /// The folder. It is made when the first span is written, for its owner only, and may be shared by processes and databases.
    pub folder: PathBuf,
    /// [`Spool`](Durability::Spool), [`Journal`](Durability::Journal), or [`Memory`](Durability::Memory): then only what other processes left
    /// there is stored.
    pub durability: Durability,
    /// Bytes that the files of this process may have together; default 1 GiB.
    pub max_bytes: u64,
    /// Bytes from which on a file is closed and the next one begun; default 4 MiB.
    pub segment_bytes: u64,
    /// What becomes of spans when that is used up.
    pub when_full: WhenFull,
    /// When files are made to survive a power failure.
    pub fsync: Fsync,
    /// The database that the spans are for.
    pub database: SpoolDatabase,
}

impl SpoolSettings {
    /// A folder with the defaults.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, database: SpoolDatabase) -> Self {
        Self {
            folder: folder.into(),
            durability: Durability::Spool,
            max_bytes: 1 << 30,
            segment_bytes: 4 << 20,
            when_full: WhenFull::default(),
            fsync: Fsync::default(),
            database,
        }
    }
}
