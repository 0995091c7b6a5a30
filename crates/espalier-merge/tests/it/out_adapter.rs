//! Merges that are written as adapters.

use crate::common::{Ready, files, model, ready};
use core::ops::ControlFlow;
use espalier_file::WriteError;
use espalier_merge::{AdapterForm, MergeError, MergeTarget, OutAdapterError, WrittenAdapter};
use espalier_tensor::open_safetensors;
use serde_json::Value;
use std::fs;
use std::path::Path;

const RECIPE: &str = "
merge_method: task_arithmetic
base_model: base.safetensors
models:
  - model: tuned.safetensors
    parameters: {weight: 1}
dtype: float32
";

const ROWS: usize = 6;
const COLUMNS: usize = 4;

/// Numbers that look random.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(next).collect()
}

/// Σ of `rank` products of a column and a row.
fn product(seed: u64, rank: u64) -> Vec<f32> {
    let mut sum = vec![0.0; ROWS * COLUMNS];
    for k in 0..rank {
        let (b, a) = (numbers(seed + 2 * k, ROWS), numbers(seed + 2 * k + 1, COLUMNS));
        for (place, sum) in sum.iter_mut().enumerate() {
            *sum += b[place / COLUMNS] * a[place % COLUMNS];
        }
    }
    sum
}

fn plus(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// A base and a tuned model, whose matrix `q` differs by a matrix of rank 2 and `k` by one of full
/// rank, and which has this for a norm and an embedding.
fn models(folder: &Path, norm: f32, embedding: f32) {
    let shape = [ROWS as u64, COLUMNS as u64];
    let all = ROWS * COLUMNS;
    let [q, k, v] = [1, 2, 3].map(|seed| numbers(seed, all));
    let write = |name: &str, q: &[f32], k: &[f32], norm: f32, embedding: f32| {
        let tensors: [(&str, &[u64], &[f32]); 5] = [
            ("l.q.weight", &shape, q),
            ("l.k.weight", &shape, k),
            ("l.v.weight", &shape, &v),
            ("norm.weight", &[2], &[norm; 2]),
            ("embed_tokens.weight", &[2, 2], &[embedding; 4]),
        ];
        model(&folder.join(name), &tensors);
    };
    write("base.safetensors", &q, &k, 1.0, 1.0);
    let (q, k) = (plus(&q, &product(7, 2)), plus(&k, &numbers(9, all)));
    write("tuned.safetensors", &q, &k, norm, embedding);
}

const SAVE: AdapterForm = AdapterForm { rank: 2, save_modules: true };

fn written(ready: &Ready, path: &Path, form: AdapterForm) -> Result<WrittenAdapter, MergeError> {
    ready.merge().write_adapter(&MergeTarget::new(path), form)
}

/// How far the base with the adapter is from the tuned model: relative errors of the differences
/// of `q` and `k`, element by element and not through any decomposition.
fn missed(folder: &Path) -> [f64; 2] {
    let recipe = "merge_method: passthrough\nmodels: [{model: base.safetensors+adapter}]\n";
    let again = ready(folder, recipe).expect("a plan").merged(folder);
    let open = |name: &str| open_safetensors(folder.join(name)).expect("opens").into_model();
    let [base, tuned] = ["base.safetensors", "tuned.safetensors"].map(open).map(Result::unwrap);
    for name in ["l.v.weight", "norm.weight", "embed_tokens.weight"] {
        assert_eq!(again.values_f32(name), tuned.values_f32(name), "{name}");
    }
    ["l.q.weight", "l.k.weight"].map(|name| {
        let values = |model: &espalier_tensor::Model| model.values_f32(name).expect("f32");
        let square = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(a - b) * f64::from(a - b)).sum()
        };
        let (base, tuned, again) = (values(&base), values(&tuned), values(&again));
        (square(&again, &tuned) / square(&tuned, &base)).sqrt()
    })
}

#[test]
fn the_base_with_the_adapter_is_the_merge_within_the_error_that_is_said() {
    for rank in 1..=5 {
        let folder = tempfile::tempdir().expect("a folder");
        models(folder.path(), 1.0, 1.0);
        let ready = ready(folder.path(), RECIPE).expect("a plan");
        let form = AdapterForm { rank, save_modules: false };
        let found = written(&ready, &folder.path().join("adapter"), form).expect("written");
        let names: Vec<_> = found.matrices.iter().map(|matrix| matrix.tensor.as_str()).collect();
        assert_eq!(names, ["l.k.weight", "l.q.weight"], "what did not change is left out");
        assert!(found.matrices.iter().all(|matrix| matrix.rank == rank.min(4) as usize));
        let (k, q) = (found.matrices[0].error, found.matrices[1].error);
        let [missed_q, missed_k] = missed(folder.path());
        assert!((missed_q - q).abs() < 2e-6 && (missed_k - k).abs() < 2e-6, "{rank}");
        assert_eq!((q < 2e-6, k < 2e-6), (rank >= 2, rank >= 4), "{rank}: {q} {k}");
    }
}

#[test]
fn the_configuration_is_what_peft_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    models(folder.path(), 1.0, 2.0);
    let ready = ready(folder.path(), RECIPE).expect("a plan");
    let adapter = folder.path().join("adapter");
    let form = AdapterForm { rank: 9, save_modules: true };
    let found = written(&ready, &adapter, form).expect("written");
    assert_eq!(found.saved, ["embed_tokens"]);
    let config = fs::read_to_string(adapter.join("adapter_config.json")).expect("a file");
    let config: Value = serde_json::from_str(&config).expect("JSON");
    assert_eq!(config["peft_type"], "LORA");
    assert_eq!((&config["r"], &config["lora_alpha"]), (&9.into(), &9.into()));
    assert_eq!(config["target_modules"], serde_json::json!(["l.k", "l.q"]));
    assert_eq!(config["rank_pattern"], serde_json::json!({r"^l\.k": 4, r"^l\.q": 4}));
    assert_eq!(config["rank_pattern"], config["alpha_pattern"]);
    assert_eq!(config["modules_to_save"], serde_json::json!(["embed_tokens"]));
    let tensors = open_safetensors(adapter.join("adapter_model.safetensors")).expect("opens");
    let shapes: Vec<_> =
        tensors.shapes().iter().map(|shape| (shape.name.as_str(), &shape.shape[..])).collect();
    let expected: [(&str, &[u64]); 5] = [
        ("base_model.model.embed_tokens.weight", &[2, 2]),
        ("base_model.model.l.k.lora_A.weight", &[4, 4]),
        ("base_model.model.l.k.lora_B.weight", &[6, 4]),
        ("base_model.model.l.q.lora_A.weight", &[4, 4]),
        ("base_model.model.l.q.lora_B.weight", &[6, 4]),
    ];
    assert_eq!(shapes, expected);
    assert_eq!(files(&adapter).len(), 2);
    missed(folder.path());
}

#[test]
fn what_has_no_place_in_an_adapter_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    models(folder.path(), 2.0, 3.0);
    let adapter = folder.path().join("adapter");
    let good = ready(folder.path(), RECIPE).expect("a plan");
    let refuse = |ready: &Ready, path: &Path, form: AdapterForm| match written(ready, path, form)
        .expect_err("refused")
    {
        MergeError::OutAdapter(error) => error,
        other => panic!("{other}"),
    };
    let form = AdapterForm { save_modules: false, ..SAVE };
    let names = ["embed_tokens.weight", "norm.weight"].map(str::to_owned).to_vec();
    assert_eq!(refuse(&good, &adapter, form), OutAdapterError::NotMatrices { tensors: names });
    let file = folder.path().join("adapter.safetensors");
    assert_eq!(refuse(&good, &file, SAVE), OutAdapterError::File);
    let zero = AdapterForm { rank: 0, ..SAVE };
    assert_eq!(refuse(&good, &adapter, zero), OutAdapterError::Rank);
    let none = "merge_method: linear\nmodels: [{model: base.safetensors, parameters: {weight: 1}}]";
    let none = ready(folder.path(), none).expect("a plan");
    assert_eq!(refuse(&none, &adapter, SAVE), OutAdapterError::NoBase);
    let same = RECIPE.replace("weight: 1", "weight: 0");
    let same = ready(folder.path(), &same).expect("a plan");
    assert_eq!(refuse(&same, &adapter, SAVE), OutAdapterError::Nothing);
    let fewer = "merge_method: passthrough\nbase_model: base.safetensors\nslices: [{sources: \
                 [{model: base.safetensors, layer_range: [0, 1]}]}]";
    assert!(ready(folder.path(), fewer).is_err(), "the base has no layers");
    assert!(!adapter.exists());
}

#[test]
fn a_difference_that_rounding_makes_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let values = numbers(5, 24);
    for (name, change) in [("base", 0.0), ("tuned", 1.0), ("other", 0.0)] {
        let q: Vec<f32> = values.iter().map(|value| value + change).collect();
        let tensors: [(&str, &[u64], &[f32]); 2] =
            [("q.weight", &[6, 4], &q), ("norm.weight", &[24], &values)];
        model(&folder.join(format!("{name}.safetensors")), &tensors);
    }
    let recipe = "
merge_method: linear
base_model: base.safetensors
models:
  - {model: base.safetensors, parameters: {weight: 0.1}}
  - {model: tuned.safetensors, parameters: {weight: 0.7}}
  - {model: other.safetensors, parameters: {weight: 0.3}}
";
    let ready = ready(folder, recipe).expect("a plan");
    let norm = ready.merged(folder).values_f32("norm.weight").expect("f32");
    assert_ne!(norm, values, "rounding made a difference");
    let form = AdapterForm { rank: 1, save_modules: false };
    let found = written(&ready, &folder.join("adapter"), form).expect("written");
    assert!(found.matrices.len() == 1 && found.matrices[0].error < 1e-5, "{found:?}");
}

#[test]
fn an_adapter_goes_on_after_its_finished_matrices_and_force_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    models(folder.path(), 2.0, 1.0);
    let ready = ready(folder.path(), RECIPE).expect("a plan");
    let (out, whole) = (folder.path().join("out"), folder.path().join("whole"));
    let expected = written(&ready, &whole, SAVE).expect("written");
    let all = ready.merge().volume().written;
    // After the first matrix, k.
    let stop = |done: u64| match done > all {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let merge = ready.merge().with_progress(&stop);
    let error = merge.write_adapter(&MergeTarget::new(&out), SAVE).expect_err("stopped");
    assert!(matches!(error, MergeError::Stopped), "{error}");
    assert!(!out.exists());
    let growing = folder.path().join(".out.merging");
    let part = |path: &&std::path::PathBuf| path.to_string_lossy().starts_with("part-");
    let parts = files(&growing).keys().filter(part).count();
    assert_eq!(parts, 1);
    assert_eq!(written(&ready, &out, SAVE).expect("written"), expected);
    assert_eq!(files(&out), files(&whole));
    let error = written(&ready, &out, SAVE).expect_err("exists");
    assert!(matches!(error, MergeError::Write(WriteError::Exists(_))), "{error}");
    let force = MergeTarget { force: true, ..MergeTarget::new(&out) };
    let other = AdapterForm { rank: 1, ..SAVE };
    ready.merge().write_adapter(&force, other).expect("replaced");
    assert_ne!(files(&out), files(&whole));
    fs::write(out.join("mine"), "precious").expect("a file");
    let error = ready.merge().write_adapter(&force, SAVE).expect_err("foreign");
    assert!(matches!(error, MergeError::Foreign { .. }), "{error}");
    assert!(out.join("mine").exists());
}
