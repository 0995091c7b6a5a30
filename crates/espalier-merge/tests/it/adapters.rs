//! Low-rank adapters.

use crate::common::{model, ready};
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
        (r#"{"r": 1, "lora_alpha": 2, "bias": "all"}"#, "bias"),
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
