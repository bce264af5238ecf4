//! Reading what clients send, within limits: of one request, of all at a time, and of what compressed bytes become.

use std::future::poll_fn;
use std::io::{ErrorKind, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderMap, header};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::Refusal;

/// How long a client may take to send a request that is refused anyway.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);
/// How many of the largest requests may be in memory at a time. Others wait.
const LARGEST_AT_ONCE: usize = 16;
const MIB: usize = 1024 * 1024;
/// What memory is counted in.
const UNIT: usize = 1024;

/// How large requests may be.
#[derive(Debug)]
pub(super) struct Limits {
    /// Bytes of one request, as it is sent. Of a gRPC message, which has one limit, unpacked as well.
    pub(super) body: usize,
    /// Bytes of one request, unpacked.
    pub(super) unpacked: usize,
    /// How long a client may take to send a request.
    pub(super) read: Duration,
    /// For all requests that are being read.
    memory: Arc<Semaphore>,
}

impl Limits {
    pub(super) fn new(body_mib: u32, unpacked_mib: u32, read: Duration) -> Self {
        let bytes = |mib| usize::try_from(mib).unwrap_or(usize::MAX).saturating_mul(MIB);
        let body = bytes(body_mib);
        let units = body.saturating_mul(LARGEST_AT_ONCE) / UNIT;
        Self {
            body,
            unpacked: bytes(unpacked_mib),
            read,
            memory: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Waits until there is memory for a request with these headers. It is held as long as what this returns.
    pub(super) async fn reserve(&self, headers: &HeaderMap) -> Result<OwnedSemaphorePermit, Refusal> {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let units = u32::try_from(announced.unwrap_or(self.body).min(self.body).div_ceil(UNIT)).unwrap_or(u32::MAX);
        let memory = tokio::time::timeout(self.read, Arc::clone(&self.memory).acquire_many_owned(units)).await;
        memory.ok().and_then(Result::ok).ok_or_else(|| Refusal::busy("too many requests at a time"))
    }

    /// Reads a body to its end.
    pub(super) async fn read(&self, body: Body) -> Result<Vec<u8>, Refusal> {
        match tokio::time::timeout(self.read, self.read_all(body)).await {
            Ok(read) => read,
            Err(_) => Err(Refusal::too_slow(format!("the request did not come within {:?}", self.read))),
        }
    }

    /// Reads a body for nothing, if it is none of the largest: whoever is still sending does not hear the answer, and the connection ends.
    pub(super) async fn discard(&self, mut body: Body) {
        let discard = async {
            let mut length: usize = 0;
            while length <= self.body
                && let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
            {
                length = length.saturating_add(frame.data_ref().map_or(0, |data| data.len()));
            }
        };
        let _ = tokio::time::timeout(DISCARD_TIMEOUT, discard).await;
    }

    async fn read_all(&self, mut body: Body) -> Result<Vec<u8>, Refusal> {
        let mut bytes = Vec::new();
        let mut length: usize = 0;
        // What is too large is read and thrown away up to a point: a client that is still sending does not hear the answer.
        while length <= self.body.saturating_mul(4)
            && let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
        {
            let frame = frame.map_err(|error| Refusal::malformed(format!("the request breaks off: {error}")))?;
            let Ok(data) = frame.into_data() else { continue };
            length = length.saturating_add(data.len());
            if length <= self.body {
                bytes.extend_from_slice(&data);
            } else {
                bytes = Vec::new();
            }
        }
        if length > self.body {
            let most = self.body / MIB;
            return Err(Refusal::too_large(format!("the request is larger than {most} MiB; export smaller batches")));
        }
        Ok(bytes)
    }
}

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Identity,
    Gzip,
    Deflate,
}

impl Compression {
    /// What a request says of itself.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut named = headers.get_all(header::CONTENT_ENCODING).iter();
        let text = match (named.next(), named.next()) {
            (None, _) => return Ok(Self::Identity),
            (Some(value), None) => value.to_str().unwrap_or("?").trim().to_ascii_lowercase(),
            _ => "several".to_owned(),
        };
        match text.as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "deflate" => Ok(Self::Deflate),
            _ => Err(Refusal::unsupported(format!("content encoding {text:?} is not gzip, deflate or identity"))),
        }
    }

    /// The bytes as they were before, unless they are more than `limit`.
    pub(super) fn unpack(self, bytes: Vec<u8>, limit: usize) -> Result<Vec<u8>, Refusal> {
        match self {
            Self::Identity => Ok(bytes),
            Self::Gzip => unpacked(MultiGzDecoder::new(&*bytes), limit),
            // HTTP means zlib's format. Some clients send the bare one.
            Self::Deflate if is_zlib(&bytes) => unpacked(ZlibDecoder::new(&*bytes), limit),
            Self::Deflate => unpacked(DeflateDecoder::new(&*bytes), limit),
        }
    }
}

/// Whether bytes begin as zlib's do: with its method, and a check sum over that.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..] if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

fn unpacked(packed: impl Read, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let more_than_the_limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match packed.take(more_than_the_limit).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() <= limit => Ok(bytes),
        Ok(_) => {
            let most = limit / MIB;
            Err(Refusal::too_large(format!(
                "the request is larger than {most} MiB when it is unpacked; export smaller batches"
            )))
        }
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Err(Refusal::malformed("the compressed request breaks off"))
        }
        Err(error) => Err(Refusal::malformed(format!("the request is not compressed as it says: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use axum::http::{HeaderValue, StatusCode};
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn zeros(number: usize) -> Vec<u8> {
        vec![0; number]
    }

    fn packed(bytes: &[u8]) -> [(Compression, Vec<u8>); 3] {
        let level = flate2::Compression::default();
        let mut gzip = GzEncoder::new(Vec::new(), level);
        let mut zlib = ZlibEncoder::new(Vec::new(), level);
        let mut bare = DeflateEncoder::new(Vec::new(), level);
        gzip.write_all(bytes).unwrap();
        zlib.write_all(bytes).unwrap();
        bare.write_all(bytes).unwrap();
        [
            (Compression::Gzip, gzip.finish().unwrap()),
            (Compression::Deflate, zlib.finish().unwrap()),
            (Compression::Deflate, bare.finish().unwrap()),
        ]
    }

    #[test]
    fn what_was_packed_is_unpacked_up_to_the_limit() {
        for (compression, bytes) in packed(&zeros(1000)) {
            assert_eq!(compression.unpack(bytes.clone(), 1000).unwrap(), zeros(1000));
            assert_eq!(compression.unpack(bytes, 999).unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked_whole() {
        for (compression, bytes) in packed(&zeros(50 * MIB)) {
            assert!(bytes.len() < MIB);
            assert_eq!(compression.unpack(bytes, MIB).unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
        }
    }

    #[test]
    fn what_is_cut_or_no_compression_at_all_is_malformed() {
        for (compression, mut bytes) in packed(b"some words that compress to some more bytes than these few") {
            bytes.truncate(bytes.len() - 9);
            assert_eq!(compression.unpack(bytes, 1000).unwrap_err().status(), StatusCode::BAD_REQUEST);
            let none = vec![0xff; 40];
            assert_eq!(compression.unpack(none, 1000).unwrap_err().status(), StatusCode::BAD_REQUEST);
        }
    }

    #[test]
    fn encodings_that_nobody_unpacks_are_named() {
        let of =
            |text| Compression::of(&HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(text))]));
        for (text, compression) in [
            ("gzip", Compression::Gzip),
            (" GZIP", Compression::Gzip),
            ("deflate", Compression::Deflate),
            ("identity", Compression::Identity),
        ] {
            assert_eq!(of(text).unwrap(), compression);
        }
        for text in ["br", "zstd", "gzip, gzip"] {
            assert_eq!(of(text).unwrap_err().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        assert_eq!(Compression::of(&HeaderMap::new()).unwrap(), Compression::Identity);
    }
}
