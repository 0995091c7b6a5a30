//! Work on another thread while this one waits for its results.

use std::sync::mpsc::Sender;
use std::thread::{Builder, Scope};

/// Lets `work` fill a channel on a thread of its own. Where the system has no thread left, all of
/// it is done now, and heard after.
pub(crate) fn beside<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl Fn(Sender<T>) + Copy + Send + 'scope,
    results: Sender<T>,
) {
    let there = results.clone();
    if Builder::new().spawn_scoped(scope, move || work(there)).is_err() {
        work(results);
    }
}
