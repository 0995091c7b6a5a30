//! Files: models, networks and recipes.

use crate::{within, within_and};
use espalier_recipe::{MAX_NODES, MissingTensors, Recipe};
use espalier_tensor::{Dtype, TensorShape, open_safetensors, write_safetensors};
use espalier_topology::read_edge_list;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// For headers in JSON, of which an entry of 60 bytes takes a few strings and lists.
const OF_A_HEADER: usize = 48;

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir().expect("a folder for files can be made");
}

/// The path of a file with this content in this thread's folder.
pub(crate) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.with(|folder| folder.path().join(name));
    fs::write(&path, bytes).expect("a small file can be written");
    path
}

pub(crate) fn safetensors(bytes: &[u8]) {
    let path = file("model.safetensors", bytes);
    let opened = within(OF_A_HEADER, bytes, || open_safetensors(&path));
    let Ok(model) = opened.and_then(|opened| opened.into_model()) else { return };
    let copy = file("copy.safetensors", b"");
    write_safetensors(&model, &Default::default(), &copy, true)
        .expect("what was read can be written");
    let again = open_safetensors(&copy).and_then(|opened| opened.into_model());
    assert_eq!(again.expect("and read").root(), model.root());
}

pub(crate) fn shards(bytes: &[u8]) {
    for (name, tensor) in [("a.safetensors", "a"), ("b.safetensors", "b")] {
        file(name, &crate::samples::model_file(tensor));
    }
    let index = file("model.safetensors.index.json", bytes);
    let _ = within(OF_A_HEADER, bytes, || open_safetensors(&index).map(drop));
}

pub(crate) fn edge_lists(bytes: &[u8]) {
    // An edge is written in four bytes and held in eight, twice while it is sorted.
    if let Ok(edges) = within(16, bytes, || read_edge_list(bytes, 64)) {
        assert!(edges.is_sorted_by(|a, b| a < b), "ascending, each once");
        assert!(edges.iter().all(|(a, b)| a < b && *b < 64));
        let text: String = edges.iter().map(|(a, b)| format!("{a} {b}\n")).collect();
        assert_eq!(read_edge_list(text.as_bytes(), 64).expect("written"), edges);
    }
}

/// For tokens, nodes and what a recipe makes of them: a byte may be an empty item of a list.
const OF_YAML: usize = 512;

pub(crate) fn recipes(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // What an alias stands for is as long as it likes, up to a limit.
    let aliases = |_: &_| if text.contains('*') { MAX_NODES } else { 0 };
    let Ok(recipe) = within_and(OF_YAML, bytes, aliases, || Recipe::from_yaml(text)) else {
        return;
    };
    let tensor = |name: String| TensorShape { name, dtype: Dtype::Bf16, shape: vec![2] };
    let layers = (0..3).map(|i| format!("layers.{i}.w"));
    let outside = ["embed_tokens.weight", "norm.weight", "lm_head.weight"].map(String::from);
    let tensors: Vec<_> = layers.chain(outside).map(tensor).collect();
    let models = vec![tensors; recipe.models().len()];
    if let Ok(plan) = recipe.plan(&models, MissingTensors::Error) {
        assert!(plan.tensors.is_sorted_by(|a, b| a.name < b.name), "ascending, each once");
        assert_eq!(recipe.plan(&models, MissingTensors::Intersection).expect("the same"), plan);
    }
}
