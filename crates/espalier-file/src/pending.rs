//! Files that are not complete yet but already have a name.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

static PENDING: Mutex<Pending> = Mutex::new(Pending { over: false, paths: BTreeSet::new() });

#[derive(Debug)]
pub(crate) struct Pending {
    over: bool,
    paths: BTreeSet<PathBuf>,
}

/// Only the holder of this lock names or unnames files.
pub(crate) fn pending() -> io::Result<MutexGuard<'static, Pending>> {
    let pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
    match pending.over {
        true => Err(io::Error::new(io::ErrorKind::Interrupted, "the process is ending")),
        false => Ok(pending),
    }
}

impl Pending {
    pub(crate) fn add(&mut self, path: &Path) {
        self.paths.insert(path.to_owned());
    }

    pub(crate) fn forget(&mut self, path: &Path) {
        self.paths.remove(path);
    }
}

/// Removes every file that is not complete. From now on no [`Output`](crate::Output) of this
/// process begins or gets its name.
///
/// For programs that handle signals: call it before the process ends. Files that are getting their
/// names at this moment get them first, all of one [`finish_all`](crate::finish_all) together.
pub fn discard_pending() {
    discard(PENDING.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Like [`discard_pending`], but for a process that has no memory left: it waits for a second at
/// most, as the thread that would be waited for may be this one, or may wait for memory. Returns
/// whether the files were removed.
#[must_use]
pub fn try_discard_pending() -> bool {
    for _ in 0..100 {
        let pending = match PENDING.try_lock() {
            Ok(pending) => pending,
            Err(TryLockError::Poisoned(pending)) => pending.into_inner(),
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
        };
        discard(pending);
        return true;
    }
    false
}

/// Does not allocate for paths of a usual length.
fn discard(mut pending: MutexGuard<'_, Pending>) {
    pending.over = true;
    for path in &pending.paths {
        // It is being given up; there is nobody to tell.
        let _ = std::fs::remove_file(path);
    }
    pending.paths.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_the_list_does_not_wait_for_itself() {
        let held = pending().expect("the process goes on");
        assert!(!try_discard_pending());
        assert!(!held.over);
    }
}
