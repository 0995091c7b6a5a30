//! Where a path leads: to a place for a file, or to something that is written through.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// As many links are followed as Linux follows.
pub(crate) const MAX_LINKS: usize = 40;

/// What writing to a path writes to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Destination {
    /// A regular file, or none yet.
    File {
        /// The path of the file, with all links followed.
        path: PathBuf,
        /// The metadata of the file, if it exists.
        existing: Option<Metadata>,
    },
    /// Something that is not a regular file, or one that is open already: bytes go through.
    Through(PathBuf),
    /// The standard output of this process.
    Stdout,
    /// The standard error of this process.
    Stderr,
}

impl Destination {
    /// Finds out where `path` leads, and opens nothing.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::IsADirectory`] for a folder and for a path that ends
    /// as only a folder's does.
    pub fn of(path: impl AsRef<Path>) -> io::Result<Self> {
        let given = path.as_ref();
        if given.as_os_str().is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is empty"));
        }
        if ends_as_a_folder(given) {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it names a folder"));
        }
        let mut path = given.to_owned();
        for _ in 0..MAX_LINKS {
            if let Some(open) = descriptor(&path) {
                return Ok(open);
            }
            match fs::symlink_metadata(&path) {
                Ok(about) if about.is_symlink() => {
                    let to = fs::read_link(&path)?;
                    path = folder_of(&path).join(to);
                }
                Ok(about) if about.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
                Ok(about) if about.is_file() => {
                    return Ok(Self::File { path, existing: Some(about) });
                }
                Ok(_) => return Ok(Self::Through(path)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Self::File { path, existing: None });
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("it goes through too many links, or in a circle"))
    }

    /// Whether this is a named pipe that nobody reads from yet: opening it waits for a reader, as
    /// it does for everybody.
    #[must_use]
    pub fn waits_for_reader(&self) -> bool {
        #[cfg(unix)]
        if let Self::Through(path) = self {
            use rustix::fs::{Mode, OFlags, open};
            use std::os::unix::fs::FileTypeExt as _;
            let is_pipe = fs::metadata(path).is_ok_and(|about| about.file_type().is_fifo());
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            return is_pipe
                && matches!(open(path, flags, Mode::empty()), Err(rustix::io::Errno::NXIO));
        }
        false
    }
}

/// The folder in which `path` is.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether the text of a path ends in `/`, `/.` or `/..`, or is one of these dots.
fn ends_as_a_folder(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    let last = text.rsplit(|byte| std::path::is_separator(char::from(*byte))).next();
    matches!(last, Some(b"" | b"." | b".."))
}

/// What is open already, if `path` is one of the names that the system gives to it: these look like
/// links to files, but what they lead to must not be replaced.
fn descriptor(path: &Path) -> Option<Destination> {
    let number = path.file_name()?.to_str()?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let folder = fs::canonicalize(folder_of(path)).ok()?;
    let text = folder.to_str()?;
    let own = text == "/dev/fd" || text == format!("/proc/{}/fd", std::process::id());
    let others = text.starts_with("/proc/") && text.ends_with("/fd");
    match number {
        "1" if own => Some(Destination::Stdout),
        "2" if own => Some(Destination::Stderr),
        _ if own || others => {
            fs::metadata(path).is_ok().then(|| Destination::Through(path.to_owned()))
        }
        _ => None,
    }
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    /// Where a file is, or would be.
    path: Option<PathBuf>,
    /// Device and number of what is there.
    node: Option<(u64, u64)>,
}

impl Identity {
    fn is(&self, other: &Self) -> bool {
        match (&self.path, &other.path) {
            // Two names of one file are two files once one is replaced.
            (Some(a), Some(b)) => a == b,
            _ => self.node.is_some() && self.node == other.node,
        }
    }

    fn is_folder_of(&self, other: &Self) -> bool {
        matches!((&self.path, &other.path), (Some(a), Some(b)) if b.starts_with(a))
    }
}

/// Whether both paths lead to one file, device or pipe that cannot serve both.
#[must_use]
pub fn same(a: impl AsRef<Path>, b: impl AsRef<Path>) -> bool {
    let both = (identity(a.as_ref()), identity(b.as_ref()));
    matches!(both, (Some(a), Some(b)) if a.is(&b))
}

/// The first two of `paths` that cannot both be written: they lead to one file, or one is a folder
/// of the other. What takes any number of writers, such as `/dev/null`, never clashes. Paths that
/// cannot be resolved are skipped; opening them reports the error.
#[must_use]
pub fn clash(paths: &[&Path]) -> Option<(usize, usize)> {
    let known: Vec<_> = paths.iter().map(|path| identity(path)).collect();
    let mut pairs = (0..known.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
    pairs.find(|(a, b)| match (&known[*a], &known[*b]) {
        (Some(a), Some(b)) => a.is(b) || a.is_folder_of(b) || b.is_folder_of(a),
        _ => false,
    })
}

fn identity(path: &Path) -> Option<Identity> {
    match Destination::of(path).ok()? {
        Destination::File { path, existing } => {
            let node = existing.and_then(|about| node_of(&about));
            Some(Identity { path: Some(absolute(&path)?), node })
        }
        Destination::Through(path) => {
            let about = fs::metadata(path).ok()?;
            Some(Identity { path: None, node: Some(node_of(&about)?) })
        }
        Destination::Stdout => standard(io::stdout()),
        Destination::Stderr => standard(io::stderr()),
    }
}

/// `None` for a device of characters: it takes what comes.
#[cfg(unix)]
fn node_of(about: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    (!about.file_type().is_char_device()).then(|| (about.dev(), about.ino()))
}

#[cfg(not(unix))]
fn node_of(_: &Metadata) -> Option<(u64, u64)> {
    None
}

/// One of the standard streams; two outputs cannot share it, whatever it is.
#[cfg(unix)]
fn standard(stream: impl std::os::fd::AsFd) -> Option<Identity> {
    let about = rustix::fs::fstat(stream).ok()?;
    Some(Identity { path: None, node: Some((about.st_dev, about.st_ino)) })
}

#[cfg(not(unix))]
fn standard(_: impl Sized) -> Option<Identity> {
    None
}

/// The absolute path, also if its folder is not there yet.
fn absolute(path: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(path).ok()?;
    let there = whole.ancestors().skip(1).find_map(|up| Some((up, fs::canonicalize(up).ok()?)));
    let (up, canonical) = there?;
    Some(canonical.join(whole.strip_prefix(up).ok()?))
}
