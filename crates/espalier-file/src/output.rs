//! Writing: a file gets its name when it is complete.

use crate::destination::Destination;
use crate::pending::pending;
use crate::sink::Sink;
use crate::write_error::{WriteError, refused};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that is being written. Dropped before [`Output::finish`] it leaves nothing behind, except
/// for what went through a pipe or into a device.
#[derive(Debug)]
pub struct Output {
    given: PathBuf,
    force: bool,
    sink: Sink,
}

impl Output {
    /// Begins a file that will be at `path`; see [the table](crate). With `force` it may replace
    /// another.
    ///
    /// Opening a named pipe waits for a reader, as it does in other programs;
    /// [`Destination::waits_for_reader`] tells beforehand.
    ///
    /// # Errors
    /// [`WriteError`]: everything that can be known before there is something to write.
    pub fn create(path: impl AsRef<Path>, force: bool) -> Result<Self, WriteError> {
        Self::begin(path.as_ref(), force, true)
    }

    fn begin(given: &Path, force: bool, unnamed: bool) -> Result<Self, WriteError> {
        let sink = Sink::open(given, force, unnamed);
        let sink = sink.map_err(|error| refused(given.to_owned(), error))?;
        Ok(Self { given: given.to_owned(), force, sink })
    }

    /// Lets nobody but the owner read what will be written, and nobody but the owner ever could.
    pub(crate) fn keep_private(&self) -> Result<(), WriteError> {
        #[cfg(unix)]
        if let Some(file) = self.sink.new_file() {
            let mode: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            file.set_permissions(mode).map_err(WriteError::io(&self.given))?;
        }
        Ok(())
    }

    /// The standard output of this process.
    #[must_use]
    pub fn stdout() -> Self {
        Self { given: "/dev/stdout".into(), force: false, sink: Sink::Stdout }
    }

    /// The path as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.given
    }

    /// Waits until what was written is on the disk, so that a power failure cannot leave a name
    /// without content.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn sync(&mut self) -> Result<(), WriteError> {
        let synced = self.sink.new_file().map_or(Ok(()), std::fs::File::sync_all);
        synced.map_err(WriteError::io(&self.given))
    }

    /// Writes at a place of the file, from any number of threads. Bytes that are skipped are zero.
    ///
    /// # Errors
    /// If the system refuses; always for what is not a file, such as a pipe or standard output.
    pub fn write_all_at(&self, bytes: &[u8], start: u64) -> io::Result<()> {
        let Some(file) = self.sink.new_file() else {
            return Err(io::ErrorKind::NotSeekable.into());
        };
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::write_all_at(file, bytes, start);
        #[cfg(not(unix))]
        {
            let _one_at_a_time = pending()?;
            let mut file = file;
            io::Seek::seek(&mut file, io::SeekFrom::Start(start))?;
            io::Write::write_all(&mut file, bytes)
        }
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// [`WriteError::Exists`] if the name was taken meanwhile and may not be replaced,
    /// [`WriteError::Io`] if the system refuses.
    pub fn finish(self) -> Result<(), WriteError> {
        finish_all([self])
    }

    fn name(mut self) -> Result<(), WriteError> {
        self.sink.name(self.force).map_err(|error| refused(self.given.clone(), error))
    }
}

/// Gives all of these files their names, none before all are complete. A signal handler that calls
/// [`crate::discard_pending`] meanwhile waits for it.
///
/// # Errors
/// As [`Output::finish`]; those before the one that failed have their names.
pub fn finish_all(outputs: impl IntoIterator<Item = Output>) -> Result<(), WriteError> {
    let mut outputs = outputs.into_iter().collect::<Vec<_>>().into_iter();
    let Some(first) = outputs.as_slice().first() else { return Ok(()) };
    let mut known = pending().map_err(WriteError::io(first.path()))?;
    let mut named = Ok(());
    for output in outputs.by_ref() {
        if let Some(path) = output.sink.temporary_name() {
            known.forget(path);
        }
        named = output.name();
        if named.is_err() {
            break;
        }
    }
    // The others want it when they are dropped.
    drop(known);
    named
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Whether a file could be written to `path` now, as far as can be known without writing to it.
/// Leaves nothing behind and waits for nobody.
///
/// # Errors
/// As [`Output::create`].
pub fn check(path: impl AsRef<Path>, force: bool) -> Result<(), WriteError> {
    let path = path.as_ref();
    match Destination::of(path) {
        Ok(Destination::Through(_) | Destination::Stdout | Destination::Stderr) => Ok(()),
        _ => Output::create(path, force).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write;
    use std::fs;

    /// What happens on file systems on which files have names from the beginning.
    #[test]
    fn a_file_with_a_temporary_name_behaves_as_one_without() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        let names = || {
            let list = fs::read_dir(folder.path()).expect("lists");
            list.map(|entry| entry.expect("an entry").file_name()).collect::<Vec<_>>()
        };
        let begin = |force| Output::begin(&path, force, false);
        let mut given_up = begin(false).expect("begins");
        given_up.write_all(b"half").expect("writes");
        assert!(matches!(given_up.sink, Sink::Named { .. }));
        assert_eq!(names().len(), 1);
        drop(given_up);
        assert!(names().is_empty());
        let (mut first, second) = (begin(false).expect("begins"), begin(false).expect("begins"));
        first.write_all(b"first").expect("writes");
        first.finish().expect("named");
        assert!(matches!(second.finish(), Err(WriteError::Exists(taken)) if taken == path));
        assert!(matches!(begin(false), Err(WriteError::Exists(_))));
        let mut third = begin(true).expect("begins");
        third.write_all(b"third").expect("writes");
        third.finish().expect("named");
        assert_eq!(fs::read(&path).expect("reads"), b"third");
        assert_eq!(names(), ["x"]);
    }

    #[test]
    #[cfg(unix)]
    fn a_secret_is_for_its_owner_with_a_name_or_without() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        for unnamed in [false, true] {
            let path = folder.path().join(format!("{unnamed}"));
            let output = Output::begin(&path, false, unnamed).expect("begins");
            output.keep_private().expect("may change the mode");
            output.finish().expect("named");
            let mode = fs::metadata(path).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    const CHILD: &str = "ESPALIER_FILE_TEST_CHILD";

    /// In a process of its own, as this ends all writing.
    #[test]
    fn pending_files_are_removed_and_none_gets_its_name() {
        if let Some(how) = std::env::var_os(CHILD) {
            for unnamed in [false, true] {
                let path = format!("{unnamed}");
                let mut output = Output::begin(Path::new(&path), false, unnamed).expect("begins");
                output.write_all(b"half").expect("writes");
                std::mem::forget(output);
            }
            let late = Output::create("late", false).expect("begins");
            match how.to_str() {
                Some("signal") => crate::discard_pending(),
                _ => assert!(crate::try_discard_pending()),
            }
            assert!(late.finish().is_err() && write("another", b"x", false).is_err());
            return;
        }
        for how in ["signal", "memory"] {
            let folder = tempfile::tempdir().expect("a folder");
            let mut child = std::process::Command::new(std::env::current_exe().expect("a name"));
            child.args([
                "--exact",
                "output::tests::pending_files_are_removed_and_none_gets_its_name",
            ]);
            let ran = child.env(CHILD, how).current_dir(folder.path()).output().expect("runs");
            assert!(ran.status.success(), "{ran:?}");
            assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 0);
        }
    }
}
