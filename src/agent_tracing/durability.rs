//! How spans wait for the database: options, and what they are by default.

use std::path::PathBuf;

use crate::error::{Error, ErrorKind};
use crate::pipeline::{Durability, Fsync, SpoolDatabase, SpoolSettings, WhenFull};
use crate::store::Store;

/// What the builder was told.
#[derive(Debug, Default)]
pub(super) struct DurabilityOptions {
    pub(super) durability: Option<Durability>,
    pub(super) folder: Option<PathBuf>,
    pub(super) max_bytes: Option<u64>,
    pub(super) when_full: Option<WhenFull>,
    pub(super) fsync: Option<Fsync>,
}

impl DurabilityOptions {
    /// The spool's settings; none where there is no folder for it.
    ///
    /// Where spans wait in memory, what other processes left in the folder is stored all the same. A database in memory ends with the process,
    /// so nothing is kept for it unless the program asks.
    pub(super) fn settings(self, store: &Store, misunderstood: &mut Vec<Error>) -> Option<SpoolSettings> {
        let default = if store.is_in_memory() { Durability::Memory } else { Durability::Spool };
        let durability = self.durability.unwrap_or(default);
        let Some(folder) = self.folder.or_else(|| store.default_spool_folder()) else {
            if durability == Durability::Memory {
                return None;
            }
            let message = "spans wait for the database in memory only: there is no folder for them (neither HOME nor XDG_STATE_HOME is \
                           set); name one by `Builder::spool_folder`, or say `Durability::Memory`";
            misunderstood.push(Error::new(ErrorKind::InvalidInput, message));
            return None;
        };
        let database = SpoolDatabase { fingerprint: store.fingerprint(), identity: store.remembered_identity() };
        let mut settings = SpoolSettings::new(folder, database);
        settings.durability = durability;
        settings.max_bytes = self.max_bytes.unwrap_or(settings.max_bytes);
        settings.when_full = self.when_full.unwrap_or(settings.when_full);
        settings.fsync = self.fsync.unwrap_or(settings.fsync);
        Some(settings)
    }
}
