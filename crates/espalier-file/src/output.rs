//! Writing: a file gets its name when it is complete.

use crate::destination::{Destination, folder_of};
use crate::pending::pending;
use espalier_blame::Blame;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that was not written. What was there before is unchanged, unless it was written through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The output exists, and overwriting was not asked for.
    #[error("{} exists", .0.display())]
    Exists(PathBuf),
    /// The system refused to write.
    #[error("cannot write {}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl WriteError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Exists(_) => Blame::Caller,
            Self::Io { .. } => Blame::Environment,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exists(_) => "file-exists",
            Self::Io { .. } => "file-not-written",
        }
    }
}

impl WriteError {
    /// Makes an error of the system into one about `path`.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// A file that is being written. Dropped before [`Output::finish`] it leaves nothing behind, except
/// for what went through a pipe or into a device.
#[derive(Debug)]
pub struct Output {
    given: PathBuf,
    force: bool,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    /// On Linux: it has no name until it is complete.
    #[cfg(target_os = "linux")]
    Unnamed {
        file: File,
        path: PathBuf,
    },
    /// Elsewhere, and on file systems that cannot do that.
    Named {
        file: Registered,
        path: PathBuf,
    },
    Through(File),
    Stdout,
    Stderr,
}

/// A file with a temporary name that [`crate::discard_pending`] knows.
#[derive(Debug)]
struct Registered(Option<NamedTempFile>);

impl Registered {
    fn new(folder: &Path) -> io::Result<Self> {
        let mut pending = pending()?;
        // Absolute, so that it is found again from another working directory.
        let file = builder().tempfile_in(std::path::absolute(folder)?)?;
        pending.add(file.path());
        Ok(Self(Some(file)))
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // One that has its name is not waited for: whoever gave it that holds all.
        let Some(file) = self.0.take() else { return };
        if let Ok(mut pending) = pending() {
            pending.forget(file.path());
            drop(file);
        }
    }
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    // Hidden, and never taken for a model.
    builder.prefix(".espalier-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

impl Output {
    /// Begins a file that will be at `path`; see [the table](crate). With `force` it may replace
    /// another.
    ///
    /// Opening a named pipe waits for a reader, as everywhere;
    /// [`Destination::waits_for_reader`] tells beforehand.
    ///
    /// # Errors
    /// [`WriteError`]: everything that can be known before there is something to write.
    pub fn create(path: impl AsRef<Path>, force: bool) -> Result<Self, WriteError> {
        Self::begin(path.as_ref(), force, true)
    }

    fn begin(given: &Path, force: bool, unnamed: bool) -> Result<Self, WriteError> {
        let sink = Destination::of(given).and_then(|target| match target {
            Destination::File { existing: Some(_), .. } if !force => {
                Err(io::ErrorKind::AlreadyExists.into())
            }
            Destination::File { path, existing } => {
                if existing.is_some() {
                    may_write(&path)?;
                }
                if unnamed && let Some(sink) = without_name(&path)? {
                    return Ok(sink);
                }
                Ok(Sink::Named { file: Registered::new(folder_of(&path))?, path })
            }
            Destination::Through(path) => open_through(&path).map(Sink::Through),
            Destination::Stdout => Ok(Sink::Stdout),
            Destination::Stderr => Ok(Sink::Stderr),
        });
        let given = given.to_owned();
        match sink {
            Ok(sink) => Ok(Self { given, force, sink }),
            Err(error) => Err(blame(given, error)),
        }
    }

    /// Lets nobody but the owner read what will be written, and nobody but the owner ever could.
    pub(crate) fn keep_private(&self) -> Result<(), WriteError> {
        #[cfg(unix)]
        {
            let mode: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            let kept = match &self.sink {
                #[cfg(target_os = "linux")]
                Sink::Unnamed { file, .. } => file.set_permissions(mode),
                Sink::Named { file: Registered(Some(file)), .. } => {
                    file.as_file().set_permissions(mode)
                }
                _ => Ok(()),
            };
            kept.map_err(WriteError::io(&self.given))?;
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
        let synced = match &self.sink {
            #[cfg(target_os = "linux")]
            Sink::Unnamed { file, .. } => file.sync_all(),
            Sink::Named { file, .. } => match &file.0 {
                Some(file) => file.as_file().sync_all(),
                None => Ok(()),
            },
            Sink::Through(_) | Sink::Stdout | Sink::Stderr => Ok(()),
        };
        synced.map_err(WriteError::io(&self.given))
    }

    /// Writes at a place of the file, from any number of threads. Bytes that are skipped are zero.
    ///
    /// # Errors
    /// If the system refuses; always for what is not a file, such as a pipe or standard output.
    pub fn write_all_at(&self, bytes: &[u8], start: u64) -> io::Result<()> {
        let file = match &self.sink {
            #[cfg(target_os = "linux")]
            Sink::Unnamed { file, .. } => file,
            Sink::Named { file: Registered(Some(file)), .. } => file.as_file(),
            _ => return Err(io::ErrorKind::NotSeekable.into()),
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
        let force = self.force;
        let named = match &mut self.sink {
            #[cfg(target_os = "linux")]
            Sink::Unnamed { file, path } => name_it(file, path, force),
            Sink::Named { file, path } => match file.0.take() {
                Some(file) => {
                    keep_mode(file.as_file(), path);
                    let named = match force {
                        true => file.persist(&*path),
                        false => file.persist_noclobber(&*path),
                    };
                    named.map(drop).map_err(|error| error.error)
                }
                None => Ok(()),
            },
            Sink::Through(file) => file.flush(),
            Sink::Stdout => io::stdout().flush(),
            Sink::Stderr => io::stderr().flush(),
        };
        named.map_err(|error| blame(self.given.clone(), error))
    }
}

/// Gives all of these files their names, none before all are complete. A signal that comes
/// meanwhile waits in [`crate::discard_pending`].
///
/// # Errors
/// As [`Output::finish`]; those before the one that failed have their names.
pub fn finish_all(outputs: impl IntoIterator<Item = Output>) -> Result<(), WriteError> {
    let mut outputs = outputs.into_iter().collect::<Vec<_>>().into_iter();
    let Some(first) = outputs.as_slice().first() else { return Ok(()) };
    let mut known = pending().map_err(WriteError::io(first.path()))?;
    let mut named = Ok(());
    for output in outputs.by_ref() {
        if let Sink::Named { file: Registered(Some(file)), .. } = &output.sink {
            known.forget(file.path());
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
        match &mut self.sink {
            #[cfg(target_os = "linux")]
            Sink::Unnamed { file, .. } => file.write(bytes),
            Sink::Named { file: Registered(Some(file)), .. } => file.write(bytes),
            Sink::Named { .. } => Err(io::ErrorKind::NotFound.into()),
            Sink::Through(file) => file.write(bytes),
            Sink::Stdout => io::stdout().write(bytes),
            Sink::Stderr => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Stdout => io::stdout().flush(),
            Sink::Stderr => io::stderr().flush(),
            // Files are not buffered here.
            _ => Ok(()),
        }
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

fn blame(path: PathBuf, error: io::Error) -> WriteError {
    match error.kind() {
        io::ErrorKind::AlreadyExists => WriteError::Exists(path),
        _ => WriteError::Io { path, source: error },
    }
}

/// Opens what is not a regular file, or is open already: bytes are added to what is there.
fn open_through(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        // A terminal that is only written to must not become the one that signals come from.
        rustix::fs::OFlags::NOCTTY.bits() as i32,
    );
    options.open(path)
}

/// Whether an existing file may be written to. A rename would not ask; who made the file read-only
/// means it, though.
fn may_write(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::{Access, AtFlags, CWD, accessat};
        Ok(accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS)?)
    }
    #[cfg(not(unix))]
    match fs::metadata(path)?.permissions().readonly() {
        true => Err(io::ErrorKind::PermissionDenied.into()),
        false => Ok(()),
    }
}

/// Gives a file that will replace the one at `path` its mode and, as far as the system allows, its
/// owner.
fn keep_mode(file: &File, path: &Path) {
    #[cfg(unix)]
    if let Ok(old) = fs::metadata(path)
        && old.is_file()
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        if let Ok(new) = file.metadata()
            && (new.uid(), new.gid()) != (old.uid(), old.gid())
        {
            let owner = Some(rustix::fs::Uid::from_raw(old.uid()));
            let group = Some(rustix::fs::Gid::from_raw(old.gid()));
            // Only root may give files away; the file is as good with another owner.
            let _ = rustix::fs::fchown(file, owner, group);
        }
        let mode = fs::Permissions::from_mode(old.permissions().mode() & 0o777);
        // Some file systems have no modes to keep.
        let _ = file.set_permissions(mode);
    }
    #[cfg(not(unix))]
    let _ = (file, path);
}

#[cfg(not(target_os = "linux"))]
fn without_name(_: &Path) -> io::Result<Option<Sink>> {
    Ok(None)
}

/// A file without a name in the folder of `path`; `None` if this system has none there.
#[cfg(target_os = "linux")]
fn without_name(path: &Path) -> io::Result<Option<Sink>> {
    use rustix::fs::{Mode, OFlags, open};
    use rustix::io::Errno;
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    match open(folder_of(path), flags, Mode::from_raw_mode(0o666)) {
        Ok(file) => {
            let file = File::from(file);
            // Without /proc it could not get a name later.
            let can_be_named = fs::symlink_metadata(proc_name(&file)).is_ok();
            Ok(can_be_named.then(|| Sink::Unnamed { file, path: path.to_owned() }))
        }
        // The ways in which file systems and old kernels say that they cannot do this.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOSYS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(target_os = "linux")]
fn proc_name(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd as _;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Gives a file without a name its name, in the place of another if that is wanted.
#[cfg(target_os = "linux")]
fn name_it(file: &File, path: &Path, force: bool) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    let own = proc_name(file);
    let link = |to: &Path| Ok(linkat(CWD, &own, CWD, to, AtFlags::SYMLINK_FOLLOW)?);
    match link(path) {
        Err(error) if force && io::Error::kind(&error) == io::ErrorKind::AlreadyExists => {
            keep_mode(file, path);
            // A link replaces nothing, so for a moment there is a temporary name.
            builder().make_in(folder_of(path), link)?.into_temp_path().persist(path)?;
            Ok(())
        }
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write;

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
