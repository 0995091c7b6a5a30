//! A merged model as a folder: shards, their index, and the base's other files.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use espalier_tensor::TensorShape;

use crate::{
    config,
    copied_files::copy,
    error::MergeError,
    layout::{INDEX, bytes, shards},
    merge::Merge,
    resume::Growing,
    target::MergeTarget,
};

pub(crate) fn write(
    merge: &Merge<'_>,
    target: &MergeTarget,
    base: Option<&Path>,
    others: &[PathBuf],
) -> Result<(), MergeError> {
    let shapes = merge.shapes();
    let shards = shards(&shapes, target.shard_size);
    let ours = |name: &str| shards.iter().any(|(shard, _)| shard == name);
    let mut growing = Growing::open(merge, target, "model", ours)?;
    let within = MergeTarget { force: true, ..target.clone() };
    let done = AtomicU64::new(0);
    for (name, tensors) in &shards {
        if growing.has(name) {
            done.fetch_add(bytes(&shapes, tensors), Ordering::Relaxed);
            continue;
        }
        let file = growing.path().join(name);
        merge.write_shard(tensors, &file, &within, &done)?.finish()?;
        if shards.len() > 1 {
            growing.finish(name)?;
        }
    }
    if shards.len() > 1 {
        growing.save(INDEX, &index(&shapes, &shards))?;
    }
    if let Some(base) = base {
        copy(others, base, growing.path())?;
        config::correct(growing.path(), merge, &shapes)?;
        if let Some(vocabulary) = merge.vocabulary {
            vocabulary.extend(growing.path())?;
        }
    }
    merge.check_unchanged()?;
    growing.name_it(target)
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
