//! `config.json` says what the merged model is.

use crate::common::{model, ready};
use espalier_merge::MergeTarget;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// A model with `layers` layers, with or without a head, and this configuration.
fn write(folder: &Path, name: &str, layers: usize, head: bool, config: &Value) {
    let folder = folder.join(name);
    fs::create_dir(&folder).expect("a folder");
    let layer = |layer| format!("model.layers.{layer}.mlp.weight");
    let mut names: Vec<String> = (0..layers).map(layer).collect();
    names.push("model.embed_tokens.weight".into());
    names.extend(head.then(|| "lm_head.weight".into()));
    names.push("model.norm.weight".into());
    let values = [1.0; 2];
    let tensors: Vec<(&str, &[u64], &[f32])> =
        names.iter().map(|name| (name.as_str(), &[2][..], &values[..])).collect();
    model(&folder.join("model.safetensors"), &tensors);
    fs::write(folder.join("config.json"), config.to_string()).expect("a file");
}

fn merged(folder: &Path, recipe: &str) -> Value {
    let out = tempfile::tempdir().expect("a folder");
    let out = out.path().join("out");
    ready(folder, recipe).expect("a plan").merge().write(&MergeTarget::new(&out)).expect("merges");
    let text = fs::read_to_string(out.join("config.json")).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_model_with_a_head_of_its_own_is_not_tied() {
    let folder = tempfile::tempdir().expect("a folder");
    let tied = json!({"tie_word_embeddings": true, "text_config": {"tie_word_embeddings": true}});
    for (name, head) in [("tied", false), ("too", false), ("untied", true)] {
        write(folder.path(), name, 1, head, &tied);
    }
    let recipe = |other: &str| {
        format!(
            "merge_method: linear
parameters: {{weight: 1}}
models: [{{model: tied}}, {{model: {other}}}]"
        )
    };
    assert_eq!(
        merged(folder.path(), &recipe("too")).get("tie_word_embeddings"),
        Some(&json!(true))
    );
    let config = merged(folder.path(), &recipe("untied"));
    assert_eq!(config["tie_word_embeddings"], json!(false));
    assert_eq!(config["text_config"]["tie_word_embeddings"], json!(false));
}

#[test]
fn lists_with_an_entry_for_each_layer_follow_the_layers() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let config = |types: &[&str]| {
        json!({
            "num_hidden_layers": types.len(), "layer_types": types, "architectures": ["a", "b"],
            "no_rope_layers": [1, 0, 1, 0], "max_window_layers": 2,
        })
    };
    write(path, "a", 2, true, &config(&["full", "slides"]));
    write(path, "b", 3, true, &config(&["b0", "b1", "b2"]));
    let stacked = "merge_method: passthrough
slices:
  - sources: [{model: a, layer_range: [0, 2]}]
  - sources: [{model: b, layer_range: [1, 2]}]
  - sources: [{model: a, layer_range: [1, 2]}]
";
    let found = merged(path, stacked);
    assert_eq!(found["num_hidden_layers"], 4);
    assert_eq!(found["layer_types"], json!(["full", "slides", "b1", "slides"]));
    // A list of another length is not about layers, and neither is any other list or number.
    assert_eq!(found["no_rope_layers"], json!([1, 0, 1, 0]));
    assert_eq!(found["architectures"], json!(["a", "b"]));
    assert_eq!(found["max_window_layers"], 2);
    // Of several models the base's layer counts, wherever it stands.
    let merged_layers = "merge_method: task_arithmetic
base_model: a
parameters: {weight: 1}
slices:
  - sources: [{model: b, layer_range: [0, 1]}, {model: a, layer_range: [1, 2]}]
";
    assert_eq!(merged(path, merged_layers)["layer_types"], json!(["slides"]));
    // Without slices all layers are where they were.
    let whole = "merge_method: passthrough\nmodels: [{model: b}]\n";
    assert_eq!(merged(path, whole)["layer_types"], json!(["b0", "b1", "b2"]));
}
