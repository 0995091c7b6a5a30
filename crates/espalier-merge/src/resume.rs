//! A folder that grows next to its final place, under a hidden name, and is renamed when it is
//! complete. A list in it says which of its files are finished, for which merge, and with which
//! digest, so that the same merge, started again, continues after them.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use espalier_file::WriteError;
use espalier_identity::Digest;
use serde::{Deserialize, Serialize};

use crate::{error::MergeError, layout::LOCK, merge::Merge, replace::is_free, target::MergeTarget};

const LIST: &str = ".finished.json";

/// What is finished of a folder.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Finished {
    /// The merge that it is of.
    merge: String,
    /// Digests of files by their names.
    shards: BTreeMap<String, String>,
}

/// A folder that nobody else writes to.
#[derive(Debug)]
pub(crate) struct Growing {
    path: PathBuf,
    finished: Finished,
    _held: File,
}

impl Growing {
    /// The folder of a merge that makes `what`, with those of its files that are finished. `ours`
    /// says which names may be; everything else in it is removed.
    pub(crate) fn open(
        merge: &Merge<'_>,
        target: &MergeTarget,
        what: &str,
        ours: impl Fn(&str) -> bool,
    ) -> Result<Self, MergeError> {
        let path = target.growing();
        fs::create_dir_all(&path).map_err(MergeError::io("create", &path))?;
        let lock = path.join(LOCK);
        let held = File::create(&lock).map_err(MergeError::io("create", &lock))?;
        match held.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(MergeError::Busy { path: target.path.clone() });
            }
            Err(TryLockError::Error(source)) => return Err(MergeError::io("lock", &lock)(source)),
        }
        let finished = begin(fingerprint(merge, target, what), &path, ours)?;
        Ok(Self { path, finished, _held: held })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a file is finished.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.finished.shards.contains_key(name)
    }

    /// A file is finished.
    pub(crate) fn finish(&mut self, name: &str) -> Result<(), MergeError> {
        let digest = digest(&self.path.join(name))?.to_string();
        self.finished.shards.insert(name.to_owned(), digest);
        save(&self.path, LIST, &self.finished)
    }

    /// Writes a file of JSON.
    pub(crate) fn save(&self, name: &str, value: &impl Serialize) -> Result<(), MergeError> {
        save(&self.path, name, value)
    }

    /// Gives the finished folder its name.
    pub(crate) fn name_it(self, target: &MergeTarget) -> Result<(), MergeError> {
        let list = self.path.join(LIST);
        fs::remove_file(&list).map_err(MergeError::io("remove", list))?;
        rename(&self.path, &target.path, target.force)?;
        // The lock goes last: until then nobody else may write where this folder grew.
        let lock = target.path.join(LOCK);
        fs::remove_file(&lock).map_err(MergeError::io("remove", lock))
    }
}

/// What is finished of this merge; everything else in the folder is removed.
fn begin(
    this: String,
    growing: &Path,
    ours: impl Fn(&str) -> bool,
) -> Result<Finished, MergeError> {
    let known = espalier_file::read_text(growing.join(LIST), 1 << 24).ok();
    let known: Option<Finished> = known.and_then(|text| serde_json::from_str(&text).ok());
    let mut finished = known.filter(|known| known.merge == this).unwrap_or_default();
    finished.merge = this;
    finished.shards.retain(|name, expected| {
        ours(name) && digest(&growing.join(name)).is_ok_and(|found| found.to_string() == *expected)
    });
    let entries = fs::read_dir(growing).map_err(MergeError::io("list", growing))?;
    for entry in entries {
        let entry = entry.map_err(MergeError::io("list", growing))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name == LOCK || finished.shards.contains_key(&*name) {
            continue;
        }
        let path = entry.path();
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        removed.map_err(MergeError::io("remove", path))?;
    }
    save(growing, LIST, &finished)?;
    Ok(finished)
}

/// A digest of all that decides the bytes of the files.
fn fingerprint(merge: &Merge<'_>, target: &MergeTarget, what: &str) -> String {
    let mut hasher = espalier_tensor::ContentHasher::new();
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.update(what.as_bytes());
    hasher.update(format!("{:?}", merge.plan).as_bytes());
    hasher.update(format!("{:?}", merge.seed()).as_bytes());
    for model in merge.models {
        let (stamps, adapter) = (model.stamps(), model.adapter_digest());
        hasher.update(format!("{stamps:?} {adapter:?}").as_bytes());
    }
    if let Some(vocabulary) = merge.vocabulary {
        hasher.update(vocabulary.digest.as_bytes());
    }
    hasher.update(format!("{} {:?}", target.shard_size, target.metadata).as_bytes());
    hasher.finish().to_string()
}

fn digest(path: &Path) -> Result<Digest, MergeError> {
    let mut file = File::open(path).map_err(MergeError::io("open", path))?;
    let mut hasher = espalier_tensor::ContentHasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match io::Read::read(&mut file, &mut buffer).map_err(MergeError::io("read", path))? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn save(folder: &Path, name: &str, value: &impl Serialize) -> Result<(), MergeError> {
    let text = serde_json::to_string_pretty(value).expect("plain data has a JSON form") + "\n";
    Ok(espalier_file::write(folder.join(name), text.as_bytes(), true)?)
}

/// Renames the finished folder, and removes what it replaces.
fn rename(growing: &Path, path: &Path, force: bool) -> Result<(), MergeError> {
    if is_free(path)? {
        return fs::rename(growing, path).map_err(MergeError::io("rename", growing));
    }
    if !force {
        return Err(WriteError::Exists(path.to_owned()).into());
    }
    let old = espalier_file::swap(growing, path)?;
    let removed = match old.is_dir() {
        true => fs::remove_dir_all(&old),
        false => fs::remove_file(&old),
    };
    removed.map_err(MergeError::io("remove", old))
}
