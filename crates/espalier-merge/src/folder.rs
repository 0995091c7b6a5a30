//! A merged model as a folder: shards, their index, and the base's other files.
//!
//! The folder grows beside its place, under a hidden name, and is renamed when it is complete. A
//! list in it says which shards are finished, for which merge, and with which digest: whoever
//! begins the same merge again goes on after them.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use espalier_identity::Digest;
use espalier_tensor::{Dtype, TensorShape};
use serde::{Deserialize, Serialize};

use crate::{Merge, MergeError, MergeTarget};

const LIST: &str = ".finished.json";
const LOCK: &str = ".lock";
const INDEX: &str = "model.safetensors.index.json";

/// What is finished of a folder.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Finished {
    /// The merge that it is of.
    merge: String,
    /// Digests of shards by their names.
    shards: BTreeMap<String, String>,
}

pub(crate) fn write(merge: &Merge<'_>, target: &MergeTarget) -> Result<(), MergeError> {
    let path = &target.path;
    if !target.force && !is_free(path)? {
        return Err(MergeError::Exists { path: path.clone() });
    }
    let growing = target.growing();
    fs::create_dir_all(&growing).map_err(MergeError::io("create", &growing))?;
    let lock = growing.join(LOCK);
    let held = File::create(&lock).map_err(MergeError::io("create", &lock))?;
    match held.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(MergeError::Busy { path: path.clone() }),
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
    if let Some(base) = merge.plan.base.or(Some(0)).and_then(|at| merge.models[at].folder()) {
        copy_others(&base, &growing, 0)?;
        correct_config(&growing, &shapes, merge.plan.layers)?;
    }
    merge.check_unchanged()?;
    for name in [LIST, LOCK] {
        match fs::remove_file(growing.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(MergeError::io("remove", growing.join(name))(error));
            }
            _ => {}
        }
    }
    name_it(&growing, path, target.force)
}

/// Whether nothing is there, or an empty folder.
fn is_free(path: &Path) -> Result<bool, MergeError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(MergeError::io("look at", path)(error)),
    }
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
        hasher.update(format!("{:?}", model.stamps()).as_bytes());
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

fn bytes(shapes: &[TensorShape], tensors: &[usize]) -> u64 {
    let size =
        |shape: &TensorShape| shape.shape.iter().product::<u64>() * shape.dtype.size() as u64;
    tensors.iter().map(|&tensor| size(&shapes[tensor])).sum()
}

/// Names of shards and the tensors in each.
fn shards(shapes: &[TensorShape], limit: u64) -> Vec<(String, Vec<usize>)> {
    let mut groups: Vec<Vec<usize>> = vec![Vec::new()];
    let mut size = 0;
    for tensor in 0..shapes.len() {
        let more = bytes(shapes, &[tensor]);
        if size + more > limit && size > 0 {
            groups.push(Vec::new());
            size = 0;
        }
        size += more;
        if let Some(group) = groups.last_mut() {
            group.push(tensor);
        }
    }
    let count = groups.len();
    let name = |place: usize| match count {
        1 => "model.safetensors".to_owned(),
        _ => format!("model-{:05}-of-{count:05}.safetensors", place + 1),
    };
    groups.into_iter().enumerate().map(|(place, group)| (name(place), group)).collect()
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

/// Endings of files that hold tensors: they are not copied.
const TENSORS: [&str; 12] = [
    "safetensors",
    "bin",
    "pt",
    "pth",
    "ckpt",
    "gguf",
    "npz",
    "npy",
    "h5",
    "onnx",
    "msgpack",
    "part",
];
/// Folders in folders that are looked into.
const DEPTH: usize = 3;

/// Copies what is not tensors: tokenizer, configuration, pooling.
fn copy_others(from: &Path, to: &Path, depth: usize) -> Result<(), MergeError> {
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(from).map_err(MergeError::io("list", from))? {
        entries.push(entry.map_err(MergeError::io("list", from))?.path());
    }
    entries.sort();
    for path in entries {
        let Some(name) = path.file_name() else { continue };
        let text = name.to_string_lossy();
        let tensors = path.extension().is_some_and(|end| TENSORS.iter().any(|t| end == *t));
        if text.starts_with('.') || tensors || text.ends_with(".index.json") {
            continue;
        }
        let copy = to.join(name);
        if path.is_dir() {
            if depth < DEPTH && has_others(&path, depth + 1) {
                fs::create_dir_all(&copy).map_err(MergeError::io("create", &copy))?;
                copy_others(&path, &copy, depth + 1)?;
            }
        } else if path.is_file() {
            let bytes = fs::read(&path).map_err(MergeError::io("read", &path))?;
            fs::write(&copy, bytes).map_err(MergeError::io("write", copy))?;
        }
    }
    Ok(())
}

/// Whether a folder has a file to copy.
fn has_others(folder: &Path, depth: usize) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        let tensors = path.extension().is_some_and(|end| TENSORS.iter().any(|t| end == *t));
        (path.is_file() && !tensors)
            || (path.is_dir() && depth < DEPTH && has_others(&path, depth + 1))
    })
}

/// Makes `config.json` say the element type and the number of layers that the model has.
fn correct_config(
    folder: &Path,
    shapes: &[TensorShape],
    layers: Option<usize>,
) -> Result<(), MergeError> {
    let path = folder.join("config.json");
    let Ok(text) = espalier_file::read_text(&path, 1 << 24) else { return Ok(()) };
    let Ok(serde_json::Value::Object(mut config)) = serde_json::from_str(&text) else {
        return Ok(());
    };
    if let Some(name) = common_dtype(shapes) {
        let key = if config.contains_key("dtype") { "dtype" } else { "torch_dtype" };
        config.insert(key.to_owned(), name.into());
    }
    if let Some(layers) = layers {
        for key in ["num_hidden_layers", "n_layer", "num_layers", "n_layers"] {
            if let Some(value) = config.get_mut(key) {
                *value = layers.into();
            }
        }
    }
    save(folder, "config.json", &config)
}

/// The type of most elements that are floating-point numbers.
fn common_dtype(shapes: &[TensorShape]) -> Option<&'static str> {
    let mut counts: BTreeMap<Dtype, u64> = BTreeMap::new();
    for shape in shapes.iter().filter(|shape| shape.dtype.is_float()) {
        *counts.entry(shape.dtype).or_default() += shape.shape.iter().product::<u64>();
    }
    let (dtype, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    Some(match dtype {
        Dtype::F64 => "float64",
        Dtype::F16 => "float16",
        Dtype::Bf16 => "bfloat16",
        Dtype::F8E4M3 => "float8_e4m3fn",
        Dtype::F8E5M2 => "float8_e5m2",
        _ => "float32",
    })
}

/// Renames the finished folder. What it replaces is moved away first and removed after it.
fn name_it(growing: &Path, path: &Path, force: bool) -> Result<(), MergeError> {
    let failed = MergeError::io("rename", growing);
    if is_free(path)? {
        return fs::rename(growing, path).map_err(failed);
    }
    if !force {
        return Err(MergeError::Exists { path: path.to_owned() });
    }
    let old = growing.with_extension("replaced");
    fs::rename(path, &old).map_err(MergeError::io("rename", path))?;
    fs::rename(growing, path).map_err(failed)?;
    let removed = match old.is_dir() {
        true => fs::remove_dir_all(&old),
        false => fs::remove_file(&old),
    };
    removed.map_err(MergeError::io("remove", old))
}
