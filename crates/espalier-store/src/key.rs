//! A signing key in a file.

use crate::error::KeyError;
use crate::folder::Folder;
use crate::record::{self, Record, Signed};
use espalier_file::{self as file, WriteError};
use espalier_identity::{Digest, Keypair, PeerId, from_hex};
use espalier_replica::{ChangeError, Delta, MergeState};
use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A key file is 64 digits and the end of the line; a few bytes more are read, to be refused.
const MAX_KEY_LEN: u64 = 256;

/// A key that may sign: its file is open and locked, so no other process signs with it.
///
/// A key has one chain of operations, numbered from 1, and two different ones with one number
/// convict it. So a file next to it, `FILE.seq`, keeps the greatest number that it has signed for
/// each state. The folder itself cannot: it may be restored from a backup, or copied to where it is
/// older. The file goes where the key goes.
pub struct KeyFile {
    /// As it was named.
    given: PathBuf,
    /// Where the file itself is: its record is next to it, whatever leads there.
    path: PathBuf,
    key: Keypair,
    record: Record,
    /// Locked until it is dropped.
    _lock: File,
}

impl KeyFile {
    /// Makes a key, in a file that only its owner may read. Never overwrites anything.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn create(path: impl AsRef<Path>) -> Result<PeerId, KeyError> {
        let path = path.as_ref();
        if fs::symlink_metadata(path).is_ok() {
            return Err(KeyError::Exists(path.to_owned()));
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(KeyError::Random)?;
        let public_key = Keypair::from_seed(seed).peer_id();
        // The record first: a key without one does not sign.
        let record = record::path_of(path);
        match file::write(&record, Record::new(public_key).to_text().as_bytes(), false) {
            Err(WriteError::Exists(record)) => return Err(KeyError::RecordExists(record)),
            written => written?,
        }
        let text = format!("{}\n", Digest::from_bytes(seed));
        if let Err(error) = file::write_private(path, text.as_bytes()) {
            // Nobody has signed with a key that is not there.
            let _ = fs::remove_file(record);
            return Err(match error {
                WriteError::Exists(path) => KeyError::Exists(path),
                error => error.into(),
            });
        }
        file::sync_folder(folder_of(path))?;
        Ok(public_key)
    }

    /// The public half of the key in a file.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn public_key(path: impl AsRef<Path>) -> Result<PeerId, KeyError> {
        Ok(read(path.as_ref())?.1.peer_id())
    }

    /// Opens a key for signing. Waits while another process is signing with it. Open the key before
    /// you load the state: what the other process signed has to be in it.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let given = path.as_ref();
        let failed = |source| KeyError::Read { path: given.to_owned(), source };
        let path = fs::canonicalize(given).map_err(|error| failed(error.into()))?;
        let (lock, key) = read(given)?;
        lock.lock().map_err(|error| failed(error.into()))?;
        let record = Record::read(&record::path_of(&path), &key.peer_id())?;
        Ok(Self { given: given.to_owned(), path, key, record, _lock: lock })
    }

    /// The public half.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.key.peer_id()
    }

    /// Whether the key has signed for states with other policies than this folder's. Operations do
    /// not name their policy: anyone who copies them from one of these folders to another shows two
    /// with one number, which convicts.
    #[must_use]
    pub fn signs_elsewhere(&self, folder: &Folder) -> bool {
        self.record.signed.keys().any(|policy| *policy != folder.policy().hash())
    }

    /// Makes a change to the state of a folder and writes it there: tensors first, then what was
    /// signed into the record of this key, then the operations into the folder. Nothing leaves
    /// before the record is on the disk. What an earlier call could not finish is finished first.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::Behind`] if the folder lacks what the key has signed.
    pub fn publish(
        &mut self,
        folder: &Folder,
        state: &mut MergeState,
        change: impl FnOnce(&mut MergeState, &Keypair) -> Result<Delta, ChangeError>,
    ) -> Result<Delta, KeyError> {
        self.catch_up(folder, state)?;
        let delta = change(state, &self.key)?;
        folder.put_tensors_of(state, &delta)?;
        let seq = state.last_seq(&self.peer_id());
        let pending = delta.ops().map(|op| op.signed().clone()).collect();
        self.note(folder, Signed { seq, pending })?;
        for op in delta.ops() {
            folder.put_op(op)?;
        }
        folder.sync()?;
        self.note(folder, Signed { seq, pending: Vec::new() })?;
        Ok(delta)
    }

    /// Hands on what was signed and may not have reached the folder, and checks that the folder has
    /// everything that was signed for it.
    fn catch_up(&mut self, folder: &Folder, state: &mut MergeState) -> Result<(), KeyError> {
        let Some(signed) = self.record.signed.get(&folder.policy().hash()) else { return Ok(()) };
        let seq = signed.seq;
        let pending = signed.pending.iter().cloned().map(|op| op.verify());
        let pending: Vec<_> = pending.collect::<Result<_, _>>().map_err(|error| {
            let path = record::path_of(&self.path);
            KeyError::Record { path, reason: error.to_string() }
        })?;
        let next = state.last_seq(&self.peer_id()) + 1;
        if pending.first().is_some_and(|op| op.op().seq <= next) {
            for op in &pending {
                folder.put_op(op)?;
            }
            folder.sync()?;
            state.gather(pending);
            self.note(folder, Signed { seq, pending: Vec::new() })?;
        }
        let here = state.last_seq(&self.peer_id());
        if seq > here {
            let (key, folder) = (self.given.clone(), folder.path().to_owned());
            return Err(KeyError::Behind { key, folder, signed: seq, here });
        }
        Ok(())
    }

    /// Writes down what was signed for a folder's state, and waits until it is on the disk.
    fn note(&mut self, folder: &Folder, signed: Signed) -> Result<(), KeyError> {
        self.record.signed.insert(folder.policy().hash(), signed);
        file::write(record::path_of(&self.path), self.record.to_text().as_bytes(), true)?;
        Ok(file::sync_folder(folder_of(&self.path))?)
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFile({}, {:?})", self.given.display(), self.key)
    }
}

/// The folder in which a file is.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Opens a key file that nobody else may read, and reads it.
fn read(path: &Path) -> Result<(File, Keypair), KeyError> {
    let failed = |error: std::io::Error| KeyError::Read { path: path.into(), source: error.into() };
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(KeyError::Malformed(path.to_owned()));
    }
    let file = File::open(path).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed(path.to_owned()));
        }
    }
    let mut text = String::new();
    let malformed = |_| KeyError::Malformed(path.to_owned());
    (&file).take(MAX_KEY_LEN).read_to_string(&mut text).map_err(malformed)?;
    let digits = text.strip_suffix('\n').unwrap_or(&text);
    let seed = from_hex(digits).map_err(|_| KeyError::Malformed(path.to_owned()))?;
    Ok((file, Keypair::from_seed(seed)))
}
