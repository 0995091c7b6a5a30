//! The files of a model that are not tensors: tokenizer, configuration, pooling. A merged model
//! gets those of its base.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use espalier_tensor::{Dtype, TensorShape};
use serde_json::Value;

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
const CONFIG: &str = "config.json";
/// What it calls the number of rows of tokens.
const VOCABULARY: &str = "vocab_size";
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

/// Makes `config.json` say the element type and the numbers of layers and of rows of tokens that
/// the model has.
pub(crate) fn correct_config(
    folder: &Path,
    shapes: &[TensorShape],
    layers: Option<usize>,
    rows: Option<u64>,
) -> Result<(), MergeError> {
    let path = folder.join(CONFIG);
    let Ok(text) = espalier_file::read_text(&path, MAX_CONFIG) else { return Ok(()) };
    let Ok(Value::Object(mut config)) = serde_json::from_str(&text) else { return Ok(()) };
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
    if let Some(rows) = rows {
        let sizes = ["text_config", "llm_config", "language_config"];
        for part in sizes {
            if let Some(size) = config.get_mut(part).and_then(|part| part.get_mut(VOCABULARY)) {
                *size = rows.into();
            }
        }
        if let Some(size) = config.get_mut(VOCABULARY) {
            *size = rows.into();
        }
    }
    let text = format!("{:#}\n", Value::Object(config));
    Ok(espalier_file::write(path, text.as_bytes(), true)?)
}

/// What `config.json` says that the model is.
pub(crate) fn model_type(folder: &Path) -> Option<String> {
    let text = espalier_file::read_text(folder.join(CONFIG), MAX_CONFIG).ok()?;
    let config: Value = serde_json::from_str(&text).ok()?;
    Some(config.get("model_type")?.as_str()?.to_owned())
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
