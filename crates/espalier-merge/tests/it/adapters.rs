//! Low-rank adapters.

use crate::common::{model, ready};
use core::ops::ControlFlow;
use espalier_merge::MergeTarget;
use espalier_tensor::{Dtype, Model, open_safetensors, write_safetensors};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const RECIPE: &str = "
merge_method: passthrough
models:
  - model: base.safetensors+adapter
";

/// A base of 3 × 2 and an adapter of rank 1 with this configuration.
fn models(folder: &Path, config: &str) {
    model(&folder.join("base.safetensors"), &[("m.q.weight", &[3, 2], &[0.0; 6])]);
    let adapter = folder.join("adapter");
    fs::create_dir_all(&adapter).expect("a folder");
    fs::write(adapter.join("adapter_config.json"), config).expect("a file");
    model(
        &adapter.join("adapter_model.safetensors"),
        &[
            ("base_model.model.m.q.lora_A.weight", &[1, 2], &[1.0, 2.0]),
            ("base_model.model.m.q.lora_B.weight", &[3, 1], &[1.0, 10.0, 100.0]),
        ],
    );
}

fn merged(config: &str) -> Result<Vec<f32>, String> {
    let folder = tempfile::tempdir().expect("a folder");
    models(folder.path(), config);
    let ready = ready(folder.path(), RECIPE)?;
    Ok(ready.merged(folder.path()).values_f32("m.q.weight").expect("f32"))
}

#[test]
fn the_product_is_added_with_its_factor() {
    let plain = [1.0, 2.0, 10.0, 20.0, 100.0, 200.0];
    let times = |factor: f32| plain.map(|value| value * factor).to_vec();
    assert_eq!(merged(r#"{"r": 1, "lora_alpha": 2}"#), Ok(times(2.0)));
    assert_eq!(merged(r#"{"r": 1, "lora_alpha": 3, "use_rslora": true}"#), Ok(times(3.0)));
    let pattern =
        r#"{"r": 8, "lora_alpha": 2, "rank_pattern": {"m.q": 1}, "alpha_pattern": {"q": 5}}"#;
    assert_eq!(merged(pattern), Ok(times(5.0)));
}

#[test]
fn what_cannot_be_merged_is_refused_by_name() {
    for (config, said) in [
        (r#"{"r": 1, "lora_alpha": 2, "use_dora": true}"#, "DoRA"),
        (r#"{"r": 1, "lora_alpha": 2, "fan_in_fan_out": true}"#, "fan_in_fan_out"),
        (r#"{"r": 1, "lora_alpha": 2, "alpha_pattern": {"(?=q)": 1}}"#, "look-around"),
        (r#"{"r": 1, "lora_alpha": 2, "peft_type": "LOHA"}"#, "LOHA"),
        (r#"{"r": 2, "lora_alpha": 2}"#, "rank"),
        (r#"{"r": 0, "lora_alpha": 2}"#, "rank"),
        (r#"{"lora_alpha": 2}"#, "`r`"),
        ("{", "adapter_config.json"),
    ] {
        let error = merged(config).expect_err(config);
        assert!(error.contains(said), "{config}: {error}");
    }
}

/// Biases that were trained are stored next to the matrices; a model without biases has none.
#[test]
fn trained_biases_are_refused_where_there_are_any() {
    let config = r#"{"r": 1, "lora_alpha": 1, "bias": "lora_only"}"#;
    assert_eq!(merged(config).map(|values| values[0]), Ok(1.0));
    let folder = tempfile::tempdir().expect("a folder");
    models(folder.path(), config);
    let matrices = folder.path().join("adapter/adapter_model.safetensors");
    fs::remove_file(&matrices).expect("removed");
    model(&matrices, &[("base_model.model.m.q.bias", &[3], &[1.0; 3])]);
    let error = ready(folder.path(), RECIPE).err().expect("refused");
    assert!(error.contains("m.q.bias` is a bias"), "{error}");
}

#[test]
fn an_adapter_of_another_model_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    models(folder.path(), r#"{"r": 1, "lora_alpha": 2}"#);
    fs::remove_file(folder.path().join("base.safetensors")).expect("removed");
    for (name, shape, values) in
        [("other.weight", [3, 2], vec![0.0; 6]), ("m.q.weight", [2, 2], vec![0.0; 4])]
    {
        model(&folder.path().join("base.safetensors"), &[(name, &shape, &values)]);
        let error = ready(folder.path(), RECIPE).err().expect("refused");
        assert!(error.contains("m.q"), "{error}");
        fs::remove_file(folder.path().join("base.safetensors")).expect("removed");
    }
}

/// A shard that another adapter made is not taken over, though the base has not changed.
#[test]
fn a_changed_adapter_makes_another_merge() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    models(path, r#"{"r": 1, "lora_alpha": 1}"#);
    fs::remove_file(path.join("base.safetensors")).expect("removed");
    let zeros = [0.0; 6];
    let tensors: [(&str, &[u64], &[f32]); 2] =
        [("m.q.weight", &[3, 2], &zeros), ("z.weight", &[3, 2], &zeros)];
    model(&path.join("base.safetensors"), &tensors);
    let target = MergeTarget { shard_size: 24, ..MergeTarget::new(path.join("out")) };
    let stop = |done: u64| match done > 24 {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let first = ready(path, RECIPE).expect("a plan");
    first.merge().with_progress(&stop).write(&target).expect_err("stopped");
    let config = path.join("adapter/adapter_config.json");
    fs::write(config, r#"{"r": 1, "lora_alpha": 2}"#).expect("a file");
    ready(path, RECIPE).expect("a plan").merge().write(&target).expect("merges");
    let merged = open_safetensors(path.join("out")).expect("opens").into_model().expect("a model");
    assert_eq!(merged.values_f32("m.q.weight").map(|values| values[0]), Some(2.0));
}

#[test]
fn wide_models_keep_their_digits_and_integers_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    models(folder.path(), r#"{"r": 1, "lora_alpha": 1}"#);
    let path = folder.path().join("base.safetensors");
    // With the adapter's 1 it needs more digits than f32 has.
    let wide = [1.0_f64 + 1e-12; 6];
    let tensors = |dtype, bytes| vec![("m.q.weight".to_owned(), dtype, vec![3, 2], bytes)];
    let write = |dtype, bytes: Vec<u8>| {
        let model = Model::from_tensors(tensors(dtype, bytes)).expect("a model");
        write_safetensors(&model, &BTreeMap::new(), &path, true).expect("written");
    };
    write(Dtype::F64, wide.iter().flat_map(|x| x.to_le_bytes()).collect());
    let merged = ready(folder.path(), RECIPE).expect("a plan").merged(folder.path());
    let first = f64::from_le_bytes(merged.content(0)[..8].try_into().expect("eight bytes"));
    assert_eq!(first, 1.0 + 1e-12 + 1.0);
    write(Dtype::I8, vec![1; 6]);
    let error = ready(folder.path(), RECIPE).err().expect("refused");
    assert!(error.contains("of type i8"), "{error}");
}

#[test]
fn one_matrix_has_one_name() {
    let folder = tempfile::tempdir().expect("a folder");
    models(folder.path(), r#"{"r": 1, "lora_alpha": 1}"#);
    let adapter = folder.path().join("adapter/adapter_model.safetensors");
    fs::remove_file(&adapter).expect("removed");
    model(
        &adapter,
        &[
            ("m.q.lora_A.weight", &[1, 2], &[1.0, 2.0]),
            ("m.q.lora_A.default.weight", &[1, 2], &[3.0, 4.0]),
            ("m.q.lora_B.weight", &[3, 1], &[1.0, 1.0, 1.0]),
        ],
    );
    let error = ready(folder.path(), RECIPE).err().expect("refused");
    assert!(error.contains("two names"), "{error}");
}

/// Modules that an adapter has whole take the place of the model's, in the model's type.
#[test]
fn saved_modules_replace_those_of_the_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    models(path, r#"{"r": 1, "lora_alpha": 1, "modules_to_save": ["n", "e"]}"#);
    let adapter = path.join("adapter/adapter_model.safetensors");
    let [one, two] = [("m.q.lora_A.weight", [1, 2]), ("m.q.lora_B.weight", [3, 1])];
    let saved = |name: &str, shape: &[u64], values: &[f32]| {
        fs::remove_file(&adapter).expect("removed");
        let tensors: [(&str, &[u64], &[f32]); 3] =
            [(one.0, &one.1, &[1.0; 2]), (two.0, &two.1, &[1.0; 3]), (name, shape, values)];
        model(&adapter, &tensors);
    };
    let bytes = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>();
    let half = [0x3c00_u16, 0x4000].iter().flat_map(|x| x.to_le_bytes()).collect();
    let tensors = vec![
        ("m.q.weight".to_owned(), Dtype::F32, vec![3, 2], bytes(&[0.0; 6])),
        ("m.n.weight".to_owned(), Dtype::F16, vec![2], half),
    ];
    let base = Model::from_tensors(tensors).expect("a model");
    write_safetensors(&base, &BTreeMap::new(), path.join("base.safetensors"), true).expect("it");
    // 0.1 is not a number of f16.
    saved("base_model.model.m.n.weight", &[2], &[0.1, 5.0]);
    let merged = ready(path, RECIPE).expect("a plan").merged(path);
    assert_eq!(merged.values_f32("m.n.weight"), Some(vec![0.099_975_586, 5.0]));
    assert_eq!(merged.values_f32("m.q.weight"), Some(vec![1.0; 6]));
    for (name, shape, said) in [
        ("m.n.weight", [1].as_slice(), "tensor `m.n.weight` is f32 [1] and f16 [2]"),
        ("m.e.weight", &[1], "the model has no tensor `m.e.weight` to replace"),
        ("m.other.weight", &[1], "tensor `m.other.weight` is not a low-rank matrix"),
    ] {
        saved(name, shape, &[1.0]);
        let error = ready(path, RECIPE).err().expect("refused");
        assert!(error.contains(said), "{error}");
    }
}
