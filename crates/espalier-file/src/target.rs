//! Where a path leads: to a place for a file, or to something that is written through.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// As many links are followed as Linux follows.
const MAX_LINKS: usize = 40;

/// What is written to if a path is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Target {
    /// A regular file, or none yet.
    File {
        /// Where it is or will be, with all links followed.
        path: PathBuf,
        /// What is there.
        existing: Option<Metadata>,
    },
    /// Something that is not a regular file, or one that is open already: bytes go through.
    Through(PathBuf),
    /// The standard output of this process.
    Stdout,
    /// The standard error of this process.
    Stderr,
}

impl Target {
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
        Err(io::Error::other("it leads through too many links, or in a circle"))
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
fn descriptor(path: &Path) -> Option<Target> {
    let number = path.file_name()?.to_str()?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let folder = fs::canonicalize(folder_of(path)).ok()?;
    let text = folder.to_str()?;
    let own = text == "/dev/fd" || text == format!("/proc/{}/fd", std::process::id());
    let others = text.starts_with("/proc/") && text.ends_with("/fd");
    match number {
        "1" if own => Some(Target::Stdout),
        "2" if own => Some(Target::Stderr),
        _ if own || others => fs::metadata(path).is_ok().then(|| Target::Through(path.to_owned())),
        _ => None,
    }
}

/// What makes two targets the same.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    Path(PathBuf),
    Node(u64, u64),
}

/// The first two of `paths` that cannot both be written: they lead to one file, or one is a folder
/// of the other. Whatever takes any number of writers, such as `/dev/null`, is never in the way.
/// A path that leads nowhere is passed over; opening it will tell.
#[must_use]
pub fn clash(paths: &[&Path]) -> Option<(usize, usize)> {
    let known: Vec<_> = paths.iter().map(|path| identity(path)).collect();
    let pairs = (0..known.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
    pairs.into_iter().find(|(a, b)| match (&known[*a], &known[*b]) {
        (Some(Identity::Path(a)), Some(Identity::Path(b))) => a.starts_with(b) || b.starts_with(a),
        (Some(a), Some(b)) => a == b,
        _ => false,
    })
}

fn identity(path: &Path) -> Option<Identity> {
    match Target::of(path).ok()? {
        Target::File { path, .. } => Some(Identity::Path(absolute(&path)?)),
        #[cfg(unix)]
        Target::Through(path) => {
            use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
            let about = fs::metadata(path).ok()?;
            let shared = about.file_type().is_char_device();
            (!shared).then(|| Identity::Node(about.dev(), about.ino()))
        }
        #[cfg(unix)]
        Target::Stdout => node(rustix::fs::fstat(io::stdout())),
        #[cfg(unix)]
        Target::Stderr => node(rustix::fs::fstat(io::stderr())),
        #[cfg(not(unix))]
        _ => None,
    }
}

#[cfg(unix)]
fn node(about: rustix::io::Result<rustix::fs::Stat>) -> Option<Identity> {
    about.ok().map(|about| Identity::Node(about.st_dev, about.st_ino))
}

/// The absolute path, also if its folder is not there yet.
fn absolute(path: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(path).ok()?;
    let there = whole.ancestors().skip(1).find_map(|up| Some((up, fs::canonicalize(up).ok()?)));
    let (up, canonical) = there?;
    Some(canonical.join(whole.strip_prefix(up).ok()?))
}
