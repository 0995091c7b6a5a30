//! Where the bytes of an output go until it is finished: a file without a name, a file with a
//! temporary name, or something that was there before.

use crate::destination::{Destination, folder_of};
use crate::pending::pending;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

#[derive(Debug)]
pub(crate) enum Sink {
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
pub(crate) struct Registered(Option<NamedTempFile>);

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
        // A file that has its name needs no lock: it was taken off the list when it got it.
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

impl Sink {
    /// Begins a file for `given`. With `force` it may replace another; `unnamed` prefers a file
    /// without a name.
    pub(crate) fn open(given: &Path, force: bool, unnamed: bool) -> io::Result<Self> {
        match Destination::of(given)? {
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
                Ok(Self::Named { file: Registered::new(folder_of(&path))?, path })
            }
            Destination::Through(path) => open_through(&path).map(Self::Through),
            Destination::Stdout => Ok(Self::Stdout),
            Destination::Stderr => Ok(Self::Stderr),
        }
    }

    /// The file, if it is a new one.
    pub(crate) fn new_file(&self) -> Option<&File> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Unnamed { file, .. } => Some(file),
            Self::Named { file, .. } => file.0.as_ref().map(NamedTempFile::as_file),
            Self::Through(_) | Self::Stdout | Self::Stderr => None,
        }
    }

    /// Its temporary name, if it has one.
    pub(crate) fn temporary_name(&self) -> Option<&Path> {
        match self {
            Self::Named { file, .. } => file.0.as_ref().map(NamedTempFile::path),
            _ => None,
        }
    }

    /// Gives the file its name; with `force` in place of another.
    pub(crate) fn name(&mut self, force: bool) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Unnamed { file, path } => name_it(file, path, force),
            Self::Named { file, path } => match file.0.take() {
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
            Self::Through(file) => file.flush(),
            Self::Stdout => io::stdout().flush(),
            Self::Stderr => io::stderr().flush(),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Unnamed { file, .. } => file.write(bytes),
            Self::Named { file: Registered(Some(file)), .. } => file.write(bytes),
            Self::Named { .. } => Err(io::ErrorKind::NotFound.into()),
            Self::Through(file) => file.write(bytes),
            Self::Stdout => io::stdout().write(bytes),
            Self::Stderr => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().flush(),
            Self::Stderr => io::stderr().flush(),
            // Files are not buffered here.
            _ => Ok(()),
        }
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

/// Whether an existing file may be written to. A rename would not ask, but whoever made the file
/// read-only meant it.
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
