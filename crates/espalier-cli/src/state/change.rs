//! What `espalier state add` and `espalier state retract` say of a change that they signed.

use crate::failure::Failure;
use crate::state::{say, shown};
use espalier::MergeState;
use espalier::replica::{ChangeError, Delta};
use espalier::store::{Folder, KeyError, KeyFile};
use std::path::Path;

/// Names what a change was refused for.
pub(super) fn refused(error: KeyError, key: &Path, what: &Path) -> Failure {
    let place = match &error {
        KeyError::Change(ChangeError::NotAdmitted { .. }) => format!("--key: {}", key.display()),
        KeyError::Change(_) => what.display().to_string(),
        _ => return error.into(),
    };
    Failure::from(error).within(place)
}

/// Says what a change did.
pub(super) fn done(
    what: &str,
    (folder, state, key): (&Folder, &MergeState, &KeyFile),
    delta: &Delta,
    quiet: bool,
) -> Result<(), Failure> {
    let (dir, author) = (shown(folder.path()), key.peer_id());
    let seq = delta.ops().map(|op| op.op().seq).max().unwrap_or_default();
    let mut text = format!("{what}, as operation {seq} of {author}\n");
    text += &format!("state hash {}\n", state.state_hash());
    if state.evidence().convicts(&author) {
        text += "note: there is evidence against this key, so nothing it signs counts; make a new \
                 one with `espalier key new`\n";
    }
    if key.signs_elsewhere(folder) {
        text += "note: this key signs for states with other policies too; a key for each is safer, \
                 as operations that are copied from one to another could convict it\n";
    }
    text += &format!("next: espalier state show {dir}\n");
    say(quiet, &text)
}
