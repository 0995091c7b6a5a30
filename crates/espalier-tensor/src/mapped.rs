//! Read-only memory maps, the only place in this crate that is not safe Rust by itself, and
//! positional reads of the same files.

use std::{fs::File, io, ops::Range};

/// A whole file, mapped read-only.
///
/// Changing the file while it is mapped changes the bytes seen here, and truncating it may end
/// the process (`SIGBUS`). Files written by [`crate::write_safetensors`] are replaced by renaming,
/// which leaves the mapped old file untouched.
pub(crate) struct FileMap {
    map: memmap2::Mmap,
    file: File,
}

impl FileMap {
    /// Maps `file`. An empty file cannot be mapped.
    pub(crate) fn new(file: File) -> io::Result<Self> {
        #[expect(
            unsafe_code,
            reason = "mapping a file is unsafe because others may change it: the bytes are only \
                      ever read as plain u8, bounds come from the map itself, and what they \
                      should be is checked against content digests"
        )]
        // SAFETY: the map is private to this type, read-only, and handed out as `&[u8]` tied to
        // its lifetime. That no one modifies the file meanwhile is the documented contract of
        // opening a model.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Ok(Self { map, file })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Fills `out` with the bytes from `start` on, by a call of the system and not through the
    /// map: a file that was truncated meanwhile is an error and not the end of the process.
    pub(crate) fn read(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::read_exact_at(&self.file, out, start);
        #[cfg(not(unix))]
        {
            let bytes = usize::try_from(start).ok().and_then(|start| self.map.get(start..));
            let bytes = bytes.and_then(|rest| rest.get(..out.len()));
            out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }
    }

    /// Lets the system take back the memory of a part of the map; reading it again reads the
    /// file again. A hint: failing changes nothing.
    pub(crate) fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        if range.start < range.end && range.end <= self.map.len() {
            #[expect(
                unsafe_code,
                reason = "this advice is unsafe for maps that are written to or have no file \
                          behind them, because what was written is lost: this map has a file and \
                          is never written to"
            )]
            // SAFETY: the range lies within the map, and the same bytes reappear from the file.
            let _hint = unsafe {
                let advice = memmap2::UncheckedAdvice::DontNeed;
                self.map.unchecked_advise_range(advice, range.start, range.len())
            };
        }
    }
}
