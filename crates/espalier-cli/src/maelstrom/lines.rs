//! Lines of bounded length: a stranger's line must not take all memory.

use std::io::{BufRead, ErrorKind};

/// A line that was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadLine {
    /// Too long.
    #[error("a line of input is longer than the limit of {0} bytes, and was passed over")]
    TooLong(usize),
    /// No text.
    #[error("a line of input is not UTF-8, and was passed over")]
    NotText,
}

/// The lines of a reader without their ends.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    limit: usize,
    broken: bool,
}

impl<R: BufRead> Lines<R> {
    /// Lines of at most `limit` bytes. Of a longer one no more than that is ever held.
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        Self { reader, limit, broken: false }
    }

    fn read(&mut self) -> std::io::Result<Option<Result<String, BadLine>>> {
        let (mut line, mut len, mut begun) = (Vec::new(), 0_usize, false);
        loop {
            let piece = match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                piece => piece?,
            };
            if piece.is_empty() && !begun {
                return Ok(None);
            }
            begun = true;
            let end = piece.iter().position(|byte| *byte == b'\n');
            let part = &piece[..end.unwrap_or(piece.len())];
            len = len.saturating_add(part.len());
            if len <= self.limit {
                line.extend_from_slice(part);
            } else {
                line = Vec::new();
            }
            let (over, used) = (end.is_some() || piece.is_empty(), part.len());
            self.reader.consume(used + usize::from(end.is_some()));
            if over {
                break;
            }
        }
        if len > self.limit {
            return Ok(Some(Err(BadLine::TooLong(self.limit))));
        }
        Ok(Some(String::from_utf8(line).map_err(|_| BadLine::NotText)))
    }
}

/// Ends with the input, and after an error of reading.
impl<R: BufRead> Iterator for Lines<R> {
    type Item = std::io::Result<Result<String, BadLine>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.broken {
            return None;
        }
        let line = self.read();
        self.broken = line.is_err();
        line.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn lines(bytes: &[u8], limit: usize, buffer: usize) -> Vec<Result<String, BadLine>> {
        let reader = BufReader::with_capacity(buffer, bytes);
        Lines::new(reader, limit).map(|line| line.expect("memory can be read")).collect()
    }

    #[test]
    fn lines_are_the_same_in_any_pieces() {
        let bytes = b"one\n\nthree is long\nfour\xff\nfive";
        let ok = |text: &str| Ok(text.to_owned());
        let long = || Err(BadLine::TooLong(8));
        let expected = [ok("one"), ok(""), long(), Err(BadLine::NotText), ok("five")];
        for buffer in 1..bytes.len() + 2 {
            assert_eq!(lines(bytes, 8, buffer), expected, "{buffer}");
        }
        assert_eq!(lines(b"", 8, 4), []);
        assert_eq!(lines(b"12345678\n123456789", 8, 4), [ok("12345678"), long()]);
    }

    #[test]
    fn reading_ends_with_an_error() {
        struct Broken;
        impl std::io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(ErrorKind::Other.into())
            }
        }
        let mut lines = Lines::new(BufReader::new(Broken), 8);
        assert!(lines.next().is_some_and(|line| line.is_err()));
        assert!(lines.next().is_none());
    }
}
