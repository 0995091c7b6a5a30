//! Files whose content is known, written in one call.

use crate::output::{Output, finish_all};
use crate::write_error::WriteError;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes a file completely or not at all, and waits until it is on the disk.
///
/// # Errors
/// As [`Output`].
pub fn write(path: impl AsRef<Path>, bytes: &[u8], force: bool) -> Result<(), WriteError> {
    write_all([(path.as_ref().to_owned(), bytes)], force)
}

/// The same for a secret: never in the place of another file, and readable by its owner alone.
///
/// # Errors
/// As [`Output`].
pub fn write_private(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), WriteError> {
    let mut output = Output::create(path, false)?;
    output.keep_private()?;
    output.write_all(bytes).map_err(WriteError::io(output.path()))?;
    output.sync()?;
    output.finish()
}

/// Writes several files; none gets its name before all are on the disk.
///
/// # Errors
/// As [`Output`].
pub fn write_all<B: AsRef<[u8]>>(
    files: impl IntoIterator<Item = (PathBuf, B)>,
    force: bool,
) -> Result<(), WriteError> {
    let write = |bytes: B| move |out: &mut dyn Write| out.write_all(bytes.as_ref());
    write_each(files.into_iter().map(|(path, bytes)| (path, write(bytes))), force)
}

/// As [`write_all`], with contents that are made while they are written, through a buffer, so that
/// they need not fit into memory.
///
/// # Errors
/// As [`Output`], and with what a writer of contents returns.
pub fn write_each<F: FnOnce(&mut dyn Write) -> io::Result<()>>(
    files: impl IntoIterator<Item = (PathBuf, F)>,
    force: bool,
) -> Result<(), WriteError> {
    let mut outputs = Vec::new();
    for (path, write) in files {
        let mut output = Output::create(&path, force)?;
        let mut buffered = BufWriter::with_capacity(1 << 16, &mut output);
        let written = write(&mut buffered).and_then(|()| buffered.flush());
        drop(buffered);
        written.map_err(WriteError::io(path))?;
        output.sync()?;
        outputs.push(output);
    }
    finish_all(outputs)
}
