//! A cursor's text form: base64url of the time's 8 bytes and the id.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, ErrorKind, Result};
use crate::model::Cursor;

/// Bytes of the longest id that a list is ordered by: a session's, 255 characters of up to 4 bytes.
const MAX_ID: usize = 1020;
/// Characters of the longest cursor.
const MAX_TEXT: usize = (8 + MAX_ID).div_ceil(3) * 4;

/// The error for a cursor that is none, or none of the list that it was given to.
pub(super) fn refused() -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        "this is no cursor of this list; give the `next` of one of its pages back as it was, or none to begin",
    )
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<u8> = self.time_ns.to_be_bytes().into_iter().chain(self.id.iter().copied()).collect();
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::InvalidInput`] when the text is no cursor's.
    fn from_str(text: &str) -> Result<Self> {
        if text.len() > MAX_TEXT {
            return Err(refused());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
        let (time, id) = bytes.split_first_chunk::<8>().ok_or_else(refused)?;
        Ok(Self { time_ns: i64::from_be_bytes(*time), id: id.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip() {
        for (time_ns, id) in [(0, vec![]), (i64::MIN, vec![0; 16]), (i64::MAX, vec![255; MAX_ID])] {
            let cursor = Cursor { time_ns, id };
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
    }

    #[test]
    fn hostile_text_is_refused() {
        for text in ["", "x", "!!!!", "AAAA", "é", &"A".repeat(5_000), "AAAAAAAAAAA=", "AAAAAAAAAA\0A"] {
            assert_eq!(text.parse::<Cursor>().unwrap_err().kind(), ErrorKind::InvalidInput, "{text:?}");
        }
    }
}
