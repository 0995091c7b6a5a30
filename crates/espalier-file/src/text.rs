//! Reading: bounded bytes, text, and the fields of lists.

use espalier_blame::Blame;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Why a file or its text was not read: it does not exist, may not be read, or is not what it
/// should be. The message does not name the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system refused to read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file has more bytes than the limit.
    #[error("it is over the limit of {}", Size(*.limit))]
    TooLong {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The file is UTF-16 text.
    #[error("it is UTF-16 text; save it as UTF-8")]
    Utf16,
    /// The file is not text.
    #[error("line {line} is not UTF-8 text")]
    NotText {
        /// The number of the line, from 1.
        line: usize,
    },
}

impl ReadError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Io(_) => Blame::Caller,
            Self::TooLong { .. } | Self::Utf16 | Self::NotText { .. } => Blame::Peer,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "file-not-read",
            Self::TooLong { .. } => "file-too-long",
            Self::Utf16 => "file-utf-16",
            Self::NotText { .. } => "file-not-text",
        }
    }
}

/// A limit in words.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        match units.iter().find(|(bits, _)| self.0 >= 1 << bits && self.0.is_multiple_of(1 << bits))
        {
            Some((bits, unit)) => write!(f, "{} {unit}", self.0 >> bits),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

/// Reads a file of at most `limit` bytes. It may be a pipe.
///
/// # Errors
/// [`ReadError::Io`] and [`ReadError::TooLong`].
pub fn read(path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    // One more than may be, so that a file that is too long shows.
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(ReadError::TooLong { limit });
    }
    Ok(bytes)
}

/// Reads a text file of at most `limit` bytes, as [`text_of`] has it.
///
/// # Errors
/// [`ReadError`].
pub fn read_text(path: impl AsRef<Path>, limit: u64) -> Result<String, ReadError> {
    text_of(read(path, limit)?)
}

/// Bytes as text: UTF-8, without the byte order mark at its beginning if there is one.
///
/// # Errors
/// [`ReadError::Utf16`] and [`ReadError::NotText`].
///
/// ```
/// assert_eq!(espalier_file::text_of(b"\xef\xbb\xbf0 1\r\n".into())?, "0 1\r\n");
/// # Ok::<(), espalier_file::ReadError>(())
/// ```
pub fn text_of(mut bytes: Vec<u8>) -> Result<String, ReadError> {
    if is_utf16(&bytes) {
        return Err(ReadError::Utf16);
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        ReadError::NotText { line }
    })
}

/// Whether bytes begin as UTF-16 text does, with or without a byte order mark.
#[must_use]
pub fn is_utf16(bytes: &[u8]) -> bool {
    match *bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        [a, 0, b, 0, ..] | [0, a, 0, b, ..] => a != 0 && b != 0,
        _ => false,
    }
}

/// Two commas with nothing between them, or a comma at an end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a comma without a value before or after it")]
pub struct EmptyField;

impl EmptyField {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "empty-field"
    }
}

/// The fields of a line: separated by blanks or tabs, by a comma, or by a comma among blanks. What
/// follows a `#` is for people. No field is empty.
///
/// # Errors
/// [`EmptyField`].
///
/// ```
/// use espalier_file::{EmptyField, fields};
/// assert_eq!(fields("0, node_1\tleave # for good"), Ok(vec!["0", "node_1", "leave"]));
/// assert_eq!(fields("  # nothing"), Ok(vec![]));
/// assert_eq!(fields("1,,2"), Err(EmptyField));
/// ```
pub fn fields(line: &str) -> Result<Vec<&str>, EmptyField> {
    let line = line.split('#').next().unwrap_or_default();
    let blank = |c: char| matches!(c, ' ' | '\t' | '\r');
    if line.trim_matches(blank).is_empty() {
        return Ok(Vec::new());
    }
    let mut fields = Vec::new();
    for part in line.split(',') {
        let before = fields.len();
        fields.extend(part.split(blank).filter(|field| !field.is_empty()));
        if fields.len() == before {
            return Err(EmptyField);
        }
    }
    Ok(fields)
}

/// The fields of every line that has some, with its number from 1.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, Result<Vec<&str>, EmptyField>)> {
    let lines = (1..).zip(text.lines()).map(|(number, line)| (number, fields(line)));
    lines.filter(|(_, fields)| fields.as_ref().map_or(true, |fields| !fields.is_empty()))
}
