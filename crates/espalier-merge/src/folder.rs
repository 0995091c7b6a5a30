//! A merged model as a folder: shards, their index, and the base's other files.
//!
//! The folder grows next to its final place, under a hidden name, and is renamed when it is
//! complete. A list in it says which shards are finished, for which merge, and with which digest,
//! so that the same merge, started again, continues after them.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use espalier_file::WriteError;
use espalier_identity::Digest;
use espalier_tensor::TensorShape;
use serde::{Deserialize, Serialize};

use crate::{
    error::MergeError,
    layout::{INDEX, LOCK, bytes, shards},
    merge::Merge,
    others::{copy, correct_config},
    replace::is_free,
    target::MergeTarget,
};

const LIST: &str = ".finished.json";

/// What is finished of a folder.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Finished {
    /// The merge that it is of.
    merge: String,
    /// Digests of shards by their names.
    shards: BTreeMap<String, String>,
}

pub(crate) fn write(
    merge: &Merge<'_>,
    target: &MergeTarget,
    base: Option<&Path>,
    others: &[PathBuf],
) -> Result<(), MergeError> {
    let growing = target.growing();
    fs::create_dir_all(&growing).map_err(MergeError::io("create", &growing))?;
    let lock = growing.join(LOCK);
    let held = File::create(&lock).map_err(MergeError::io("create", &lock))?;
    match held.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(MergeError::Busy { path: target.path.clone() });
        }
        Err(TryLockError::Error(source)) => return Err(MergeError::io("lock", &lock)(source)),
    }
    let shapes = merge.shapes();
    let shards = shards(&shapes, target.shard_size);
    let mut finished = begin(merge, target, &growing, &shards)?;
    let within = MergeTarget { force: true, ..target.clone() };
    let done = AtomicU64::new(0);
    for (name, tensors) in &shards {
        let file = growing.join(name);
        if finished.shards.contains_key(name) {
            done.fetch_add(bytes(&shapes, tensors), Ordering::Relaxed);
            continue;
        }
        merge.write_shard(tensors, &file, &within, &done)?.finish()?;
        if shards.len() > 1 {
            finished.shards.insert(name.clone(), digest(&file)?.to_string());
            save(&growing, LIST, &finished)?;
        }
    }
    if shards.len() > 1 {
        save(&growing, INDEX, &index(&shapes, &shards))?;
    }
    if let Some(base) = base {
        copy(others, base, &growing)?;
        correct_config(&growing, &shapes, merge.plan.layers)?;
    }
    merge.check_unchanged()?;
    let list = growing.join(LIST);
    fs::remove_file(&list).map_err(MergeError::io("remove", list))?;
    name_it(&growing, &target.path, target.force)?;
    // The lock goes last: until then nobody else may write where this folder grew.
    let lock = target.path.join(LOCK);
    fs::remove_file(&lock).map_err(MergeError::io("remove", lock))
}

/// What is finished of this merge; everything else in the folder is removed.
fn begin(
    merge: &Merge<'_>,
    target: &MergeTarget,
    growing: &Path,
    shards: &[(String, Vec<usize>)],
) -> Result<Finished, MergeError> {
    let this = fingerprint(merge, target);
    let known = espalier_file::read_text(growing.join(LIST), 1 << 24).ok();
    let known: Option<Finished> = known.and_then(|text| serde_json::from_str(&text).ok());
    let mut finished = known.filter(|known| known.merge == this).unwrap_or_default();
    finished.merge = this;
    finished.shards.retain(|name, expected| {
        let known = shards.iter().any(|(shard, _)| shard == name);
        known && digest(&growing.join(name)).is_ok_and(|found| found.to_string() == *expected)
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

/// A digest of all that decides the bytes of the shards.
fn fingerprint(merge: &Merge<'_>, target: &MergeTarget) -> String {
    let mut hasher = espalier_tensor::ContentHasher::new();
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.update(format!("{:?}", merge.plan).as_bytes());
    hasher.update(format!("{:?}", merge.seed()).as_bytes());
    for model in merge.models {
        let (stamps, adapter) = (model.stamps(), model.adapter_digest());
        hasher.update(format!("{stamps:?} {adapter:?}").as_bytes());
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

fn index(shapes: &[TensorShape], shards: &[(String, Vec<usize>)]) -> serde_json::Value {
    let all: Vec<usize> = (0..shapes.len()).collect();
    let mut places = BTreeMap::new();
    for (name, tensors) in shards {
        for &tensor in tensors {
            places.insert(&shapes[tensor].name, name);
        }
    }
    serde_json::json!({
        "metadata": { "total_size": bytes(shapes, &all) },
        "weight_map": places,
    })
}

fn save(folder: &Path, name: &str, value: &impl Serialize) -> Result<(), MergeError> {
    let text = serde_json::to_string_pretty(value).expect("plain data has a JSON form") + "\n";
    Ok(espalier_file::write(folder.join(name), text.as_bytes(), true)?)
}

/// Gives the finished folder its name, and removes what it replaces.
fn name_it(growing: &Path, path: &Path, force: bool) -> Result<(), MergeError> {
    if is_free(path)? {
        return fs::rename(growing, path).map_err(MergeError::io("rename", growing));
    }
    if !force {
        return Err(WriteError::Exists(path.to_owned()).into());
    }
    let old = espalier_file::exchange(growing, path)?;
    let removed = match old.is_dir() {
        true => fs::remove_dir_all(&old),
        false => fs::remove_file(&old),
    };
    removed.map_err(MergeError::io("remove", old))
}
