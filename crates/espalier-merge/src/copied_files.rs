//! The files of a model that are not tensors: tokenizer, configuration, pooling. A merged model
//! gets those of its base.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::error::MergeError;

/// Endings of files that hold tensors, or half of a file: they are not copied.
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
/// What says which type and how many layers a model has.
pub(crate) const CONFIG: &str = "config.json";
/// Most bytes of it.
const MAX_CONFIG: u64 = 1 << 24;

/// The other files of a model's folder, relative to it and in order. Hidden ones are left out.
pub(crate) fn others(folder: &Path) -> Result<Vec<PathBuf>, MergeError> {
    let mut found = Vec::new();
    list(folder, Path::new(""), 0, &mut found)?;
    found.sort();
    Ok(found)
}

fn list(
    folder: &Path,
    below: &Path,
    depth: usize,
    found: &mut Vec<PathBuf>,
) -> Result<(), MergeError> {
    let place = folder.join(below);
    for entry in fs::read_dir(&place).map_err(MergeError::read("list", &place))? {
        let path = entry.map_err(MergeError::read("list", &place))?.path();
        let Some(name) = path.file_name() else { continue };
        let text = name.to_string_lossy();
        let tensors = path.extension().is_some_and(|end| TENSORS.iter().any(|t| end == *t));
        if text.starts_with('.') || tensors || text.ends_with(".index.json") {
            continue;
        }
        let name = below.join(name);
        if path.is_dir() && depth < DEPTH {
            list(folder, &name, depth + 1, found)?;
        } else if path.is_file() {
            found.push(name);
        }
    }
    Ok(())
}

/// Copies these files, with the permissions of new ones.
pub(crate) fn copy(names: &[PathBuf], from: &Path, to: &Path) -> Result<(), MergeError> {
    for name in names {
        let (source, copy) = (from.join(name), to.join(name));
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder).map_err(MergeError::io("create", folder))?;
        }
        let mut read = File::open(&source).map_err(MergeError::read("open", &source))?;
        let mut write = File::create(&copy).map_err(MergeError::io("create", &copy))?;
        io::copy(&mut read, &mut write).map_err(MergeError::io("copy", source))?;
    }
    Ok(())
}

/// What `config.json` says that the model is.
pub(crate) fn model_type(folder: &Path) -> Option<String> {
    Some(config_of(folder)?.get("model_type")?.as_str()?.to_owned())
}

/// The `config.json` of a folder, if it is a mapping.
pub(crate) fn config_of(folder: &Path) -> Option<Map<String, Value>> {
    let text = espalier_file::read_text(folder.join(CONFIG), MAX_CONFIG).ok()?;
    serde_json::from_str(&text).ok()
}
