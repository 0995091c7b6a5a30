//! Frames: magic, version, length, checksum, payload.
//!
//! ```text
//! 0      4        5        9           17
//! "ESPL" version  length   checksum    payload …
//!        u8       u32 LE   8 bytes of BLAKE3 over the payload
//! ```
//!
//! The checksum finds damage, not malice: what matters is signed inside.

use espalier_blame::Blame;
use espalier_identity::Digest;

/// The first four bytes.
pub(crate) const MAGIC: [u8; 4] = *b"ESPL";
/// The version of everything inside.
pub(crate) const VERSION: u8 = 1;
/// Bytes before the payload.
pub const HEADER_LEN: usize = 17;
/// The longest payload of a message between peers, in bytes.
pub const MAX_MESSAGE_LEN: usize = 64 << 20;

/// Why bytes are not a frame. The sender or the link is at fault; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The bytes end before the frame does.
    #[error("the frame is incomplete: it ends after {len} bytes")]
    Short {
        /// The number of bytes there are.
        len: usize,
    },
    /// The bytes do not begin like a frame.
    #[error("the bytes do not begin with ESPL")]
    Magic,
    /// The version is not supported.
    #[error("version {0} is not supported, only {VERSION}")]
    Version(u8),
    /// The payload is longer than the limit.
    #[error("a payload of {len} bytes is over the limit of {limit}")]
    TooLong {
        /// The length that the header claims, in bytes.
        len: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Bytes follow the frame.
    #[error("bytes follow the frame: {0}")]
    Trailing(usize),
    /// The payload was damaged.
    #[error("the checksum does not match the payload")]
    Checksum,
}

impl FrameError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Short { .. } => "frame-short",
            Self::Magic => "frame-magic",
            Self::Version(_) => "frame-version",
            Self::TooLong { .. } => "frame-too-long",
            Self::Trailing(_) => "frame-trailing",
            Self::Checksum => "frame-checksum",
        }
    }
}

fn checksum(payload: &[u8]) -> [u8; 8] {
    let digest = Digest::of_content(payload);
    let mut out = [0; 8];
    out.copy_from_slice(&digest.as_bytes()[..8]);
    out
}

/// Puts a payload into a frame.
///
/// # Panics
/// If the payload is longer than 4 GiB.
#[must_use]
pub(crate) fn wrap(payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("payloads are far below 4 GiB");
    let mut frame = Vec::with_capacity(HEADER_LEN + payload.len());
    frame.extend_from_slice(&MAGIC);
    frame.push(VERSION);
    frame.extend_from_slice(&len.to_le_bytes());
    frame.extend_from_slice(&checksum(payload));
    frame.extend_from_slice(payload);
    frame
}

/// Takes the payload out of exactly one frame.
///
/// # Errors
/// [`FrameError`]. The length is checked against `limit` before anything is read.
pub(crate) fn unwrap(frame: &[u8], limit: usize) -> Result<&[u8], FrameError> {
    let short = FrameError::Short { len: frame.len() };
    let (header, payload) = frame.split_at_checked(HEADER_LEN).ok_or(short)?;
    if header[..4] != MAGIC {
        return Err(FrameError::Magic);
    }
    if header[4] != VERSION {
        return Err(FrameError::Version(header[4]));
    }
    let len = header[5..9].iter().rev().fold(0_usize, |len, byte| len << 8 | usize::from(*byte));
    if len > limit {
        return Err(FrameError::TooLong { len, limit });
    }
    if payload.len() < len {
        return Err(short);
    }
    if payload.len() > len {
        return Err(FrameError::Trailing(payload.len() - len));
    }
    if header[9..] != checksum(payload) {
        return Err(FrameError::Checksum);
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_found() {
        let frame = wrap(b"payload");
        assert_eq!(unwrap(&frame, 100), Ok(&b"payload"[..]));
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(unwrap(&damaged, 100).is_err(), "bit {bit}");
        }
        for cut in 0..frame.len() {
            assert_eq!(unwrap(&frame[..cut], 100), Err(FrameError::Short { len: cut }));
        }
        assert_eq!(unwrap(&frame, 6), Err(FrameError::TooLong { len: 7, limit: 6 }));
    }
}
