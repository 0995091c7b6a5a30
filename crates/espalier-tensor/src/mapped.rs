//! Read-only memory maps: the only place in this crate that is not safe Rust by itself.

use std::{fs::File, io, ops::Range};

/// A whole file, mapped read-only.
///
/// Changing the file while it is mapped changes the bytes seen here, and truncating it may end
/// the process (`SIGBUS`). Files written by [`crate::write_safetensors`] are replaced by renaming,
/// which leaves the mapped old file untouched.
pub(crate) struct FileMap(memmap2::Mmap);

impl FileMap {
    /// Maps `file`. An empty file cannot be mapped.
    pub(crate) fn new(file: &File) -> io::Result<Self> {
        #[expect(
            unsafe_code,
            reason = "mapping a file is unsafe because others may change it: the bytes are only \
                      ever read as plain u8, bounds come from the map itself, and what they \
                      should be is checked against content digests"
        )]
        // SAFETY: the map is private to this type, read-only, and handed out as `&[u8]` tied to
        // its lifetime. That no one modifies the file meanwhile is the documented contract of
        // opening a model.
        let map = unsafe { memmap2::Mmap::map(file)? };
        Ok(Self(map))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Lets the system take back the memory of a part of the map; reading it again reads the
    /// file again. A hint: failing changes nothing.
    pub(crate) fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        if range.start < range.end && range.end <= self.0.len() {
            #[expect(
                unsafe_code,
                reason = "this advice is unsafe for maps that are written to or have no file \
                          behind them, because what was written is lost: this map has a file and \
                          is never written to"
            )]
            // SAFETY: the range lies within the map, and the same bytes reappear from the file.
            let _hint = unsafe {
                let advice = memmap2::UncheckedAdvice::DontNeed;
                self.0.unchecked_advise_range(advice, range.start, range.len())
            };
        }
    }
}
