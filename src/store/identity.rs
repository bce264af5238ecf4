//! Which database this is: an identity that is drawn once and stored in it, and a fingerprint of its address.

use std::sync::{Arc, OnceLock};

use diesel::prelude::*;

use super::connection::dispatch;
use super::rows::IdentityRow;
use super::schema::trace_identity;
use super::{AnyConnection, Failure, Store, dialect};
use crate::error::{Error, ErrorKind, Result};

/// The name of the row.
const DATABASE: &str = "database";

impl Store {
    /// The database's identity: 16 random bytes, drawn by whoever asks first, the same for all and by whatever address. A database that was
    /// removed and made anew has another one. Asked once; then it is remembered.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`] while the database was not reached, [`ErrorKind::Query`] or [`ErrorKind::Write`] when it fails.
    pub fn identity(&self) -> Result<[u8; 16]> {
        if let Some(identity) = self.0.shared.identity.get() {
            return Ok(*identity);
        }
        let stored = match self.read(|connection| Ok(stored(connection)?))? {
            Some(identity) => identity,
            None => self.write(draw)?,
        };
        let identity = whole(stored)?;
        Ok(*self.0.shared.identity.get_or_init(|| identity))
    }

    /// Where the [identity](Self::identity) is once it was asked for.
    pub(crate) fn remembered_identity(&self) -> Arc<OnceLock<[u8; 16]>> {
        Arc::clone(&self.0.shared.identity)
    }

    /// The [identity](Self::identity), if anybody ever asked for it: draws none.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`] while the database was not reached, [`ErrorKind::Query`] when it fails.
    pub fn known_identity(&self) -> Result<Option<[u8; 16]>> {
        match self.0.shared.identity.get() {
            Some(identity) => Ok(Some(*identity)),
            None => self.read(|connection| Ok(stored(connection)?))?.map(whole).transpose(),
        }
    }

    /// A hash of the database's address, known without connecting: of scheme, host, port and name, or of a file's path. User and password
    /// are not in it. Another address of the same database has another one; [`identity`](Self::identity) tells for certain.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 16] {
        self.0.url.fingerprint()
    }
}

fn whole(stored: Vec<u8>) -> Result<[u8; 16]> {
    <[u8; 16]>::try_from(stored)
        .map_err(|_| Error::new(ErrorKind::Decode, "the database holds an identity that is not 16 bytes long"))
}

fn stored(connection: &mut AnyConnection) -> QueryResult<Option<Vec<u8>>> {
    let row = trace_identity::table.select(trace_identity::identity).filter(trace_identity::name.eq(DATABASE));
    dispatch!(connection, concrete => row.get_result(concrete).optional())
}

/// Of several that draw at once, the first to commit is believed: the others wait for it, and read what it wrote.
fn draw(connection: &mut AnyConnection) -> Result<Vec<u8>, Failure> {
    let identity = fastrand::u128(1..).to_be_bytes().to_vec();
    dialect::keep(connection, &[&IdentityRow { name: DATABASE.to_owned(), identity }])?;
    let identity = stored(connection)?;
    Ok(identity.ok_or_else(|| Error::new(ErrorKind::Write, "the database does not keep its identity"))?)
}
