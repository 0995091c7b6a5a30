//! Folders for outputs, created if they do not exist.

use crate::destination::{MAX_LINKS, folder_of};
use crate::output::check;
use crate::write_error::WriteError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Whether files of these `names` could be written into `folder` now, which may have to be made
/// first. Leaves nothing behind.
///
/// # Errors
/// As [`Output::create`](crate::Output::create).
pub fn check_folder(folder: &Path, names: &[&str], force: bool) -> Result<(), WriteError> {
    let failed = WriteError::io(folder);
    match absent(folder) {
        Err(error) => Err(failed(error)),
        Ok(absent) => match absent.last() {
            None => names.iter().try_for_each(|name| check(folder.join(name), force)),
            Some(first) => tempfile::tempfile_in(folder_of(first)).map(drop).map_err(failed),
        },
    }
}

/// Makes a folder with all folders above it, as far as they are not there. Links are followed, also
/// one that leads to no folder yet.
///
/// # Errors
/// [`WriteError::Io`].
pub fn make_folder(folder: &Path) -> Result<(), WriteError> {
    let make = |path: &PathBuf| match fs::create_dir(path) {
        Err(_) if path.is_dir() => Ok(()),
        made => made,
    };
    let made = absent(folder).and_then(|absent| absent.iter().rev().try_for_each(make));
    made.map_err(WriteError::io(folder))
}

/// Renames `new` to `old` and returns where the former `old` is now. Atomic where the system can
/// swap names.
///
/// # Errors
/// [`WriteError::Io`].
pub fn swap(new: &Path, old: &Path) -> Result<PathBuf, WriteError> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE).is_ok() {
            return Ok(new.to_owned());
        }
    }
    let mut aside = new.as_os_str().to_owned();
    aside.push(".replaced");
    let aside = PathBuf::from(aside);
    fs::rename(old, &aside).map_err(WriteError::io(old))?;
    fs::rename(new, old).map_err(WriteError::io(new))?;
    Ok(aside)
}

/// Waits until the names of the files in a folder are on the disk, so that a power failure cannot
/// take one back. Where the system cannot do this it does nothing.
///
/// # Errors
/// [`WriteError::Io`].
pub fn sync_folder(folder: &Path) -> Result<(), WriteError> {
    #[cfg(unix)]
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(WriteError::io(folder))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// The folders that have to be made so that `folder` is there, the last one first.
fn absent(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if folder.as_os_str().is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is empty"));
    }
    let (mut path, mut absent, mut links) = (folder.to_owned(), Vec::new(), 0);
    loop {
        match fs::metadata(&path) {
            Ok(about) if about.is_dir() => return Ok(absent),
            Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) => {}
        }
        let up = folder_of(&path);
        match fs::read_link(&path) {
            Ok(_) if links == MAX_LINKS => {
                return Err(io::Error::other("it goes through too many links, or in a circle"));
            }
            Ok(to) => (path, links) = (up.join(to), links + 1),
            Err(_) => {
                let up = up.to_owned();
                absent.push(std::mem::replace(&mut path, up));
            }
        }
    }
}
