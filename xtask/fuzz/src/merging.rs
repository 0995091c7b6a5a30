//! What a merge reads besides models: adapters and tokenizers.

use crate::files::file;
use crate::samples::Samples;
use crate::within;
use espalier_merge::{Merge, MergeTarget, OpenModel, align_vocabularies};
use espalier_recipe::{MissingTensors, ModelRef, Recipe, VocabularyRule};
use espalier_tensor::{Model, write_safetensors};
use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

/// For text and headers in JSON: a token of one letter is held in a string with its id.
const OF_TEXT: usize = 96;

thread_local! {
    static PLACES: OnceCell<PathBuf> = const { OnceCell::new() };
}

/// A folder with two models, of which the second lacks its tokenizer, and one for an adapter.
fn places() -> PathBuf {
    let make = || {
        let folder = file("merging", b"").with_file_name("models");
        for (name, rows) in [("base", 3), ("other", 4)] {
            let own = folder.join(name);
            fs::create_dir_all(&own).expect("a folder can be made");
            let values = vec![1.0; rows];
            let tensors: [(&str, &[u64], &[f32]); 2] = [
                ("embed_tokens.weight", &[rows as u64, 1], &values),
                ("q.weight", &[1, 1], &[1.0]),
            ];
            save(&own.join("model.safetensors"), &tensors);
        }
        fs::write(folder.join("base/tokenizer.json"), BASE).expect("a file can be written");
        fs::create_dir_all(folder.join("adapter")).expect("a folder can be made");
        folder
    };
    PLACES.with(|places| places.get_or_init(make).clone())
}

fn save(path: &Path, tensors: &[(&str, &[u64], &[f32])]) {
    let model = Model::from_f32(tensors).expect("small");
    write_safetensors(&model, &Default::default(), path, true).expect("it can be written");
}

fn open(folder: &Path, name: &str, adapter: bool) -> Result<OpenModel, espalier_merge::MergeError> {
    let path = |name: &str| folder.join(name).display().to_string();
    OpenModel::open(&ModelRef { path: path(name), adapter: adapter.then(|| path("adapter")) })
}

/// Merges what there is; an error is as good.
fn merge(recipe: &Recipe, models: &mut [OpenModel], rule: VocabularyRule, out: &Path) {
    let Ok(vocabulary) = align_vocabularies(models, 0, rule) else { return };
    let tensors: Vec<_> = models.iter().map(|model| model.shapes().to_vec()).collect();
    let Ok(plan) = recipe.plan(&tensors, MissingTensors::Error) else { return };
    let merge = Merge::new(&plan, models).with_vocabulary(vocabulary.as_ref());
    let target = MergeTarget { force: true, ..MergeTarget::new(out) };
    let _ = merge.write(&target);
}

const CONFIG: &str = r#"{"peft_type": "LORA", "r": 1, "lora_alpha": 2.0, "use_rslora": false,
    "rank_pattern": {"q": 1}, "alpha_pattern": {}, "bias": "none", "modules_to_save": ["x"]}"#;

/// A configuration after a zero, or the other file.
pub(crate) fn adapters(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let folder = places();
    let adapter = folder.join("adapter");
    let write = |name: &str, bytes: &[u8]| {
        fs::write(adapter.join(name), bytes).expect("a file can be written");
    };
    let matrices = "adapter_model.safetensors";
    match kind {
        0 => {
            write("adapter_config.json", bytes);
            let tensors: [(&str, &[u64], &[f32]); 2] =
                [("q.lora_A.weight", &[1, 1], &[1.0]), ("q.lora_B.weight", &[1, 1], &[1.0])];
            save(&adapter.join(matrices), &tensors);
        }
        _ => {
            write("adapter_config.json", CONFIG.as_bytes());
            write(matrices, bytes);
        }
    }
    let Ok(model) = within(OF_TEXT, bytes, || open(&folder, "base", true)) else { return };
    let recipe = "{merge_method: passthrough, models: [{model: a}]}";
    let recipe = Recipe::from_yaml(recipe).expect("a recipe");
    let out = folder.join("merged.safetensors");
    merge(&recipe, &mut [model], VocabularyRule::Error, &out);
}

pub(crate) fn sample_adapters() -> Samples {
    let folder = places();
    let path = folder.join("sample.safetensors");
    let mut samples = vec![[&[0], CONFIG.as_bytes()].concat()];
    for tensors in [
        [("base_model.model.q.lora_A.weight", &[1, 1][..]), ("q.lora_B.weight", &[1, 1])],
        [("q.lora_A.default.weight", &[2, 1][..]), ("x.weight", &[1])],
    ] {
        let tensors = tensors.map(|(name, shape)| (name, shape, &[1.0_f32, 2.0][..]));
        let cut = |(name, shape, values): (&'static str, &'static [u64], &'static [f32])| {
            (name, shape, &values[..shape.iter().product::<u64>() as usize])
        };
        save(&path, &tensors.map(cut));
        samples.push([&[1], &fs::read(&path).expect("it was written")[..]].concat());
    }
    samples
}

const BASE: &str = r#"{"model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1}},
    "added_tokens": [{"id": 2, "content": "<s>", "special": true}]}"#;
/// The files of a tokenizer, by the first byte.
const NAMES: [&str; 4] = ["tokenizer.json", "vocab.json", "vocab.txt", "added_tokens.json"];

/// The kind of the file, then its bytes.
pub(crate) fn tokenizers(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let name = NAMES[usize::from(*kind) % NAMES.len()];
    let folder = places();
    let other = folder.join("other");
    for name in NAMES {
        let _ = fs::remove_file(other.join(name));
    }
    if name == "added_tokens.json" {
        fs::write(other.join("vocab.json"), r#"{"b": 0}"#).expect("a file can be written");
    }
    fs::write(other.join(name), bytes).expect("a file can be written");
    let recipe = "{merge_method: linear, base_model: a, parameters: {weight: 1},
        models: [{model: a}, {model: b}]}";
    let recipe = Recipe::from_yaml(recipe).expect("a recipe");
    for rule in [VocabularyRule::Base, VocabularyRule::Union] {
        let models = ["base", "other"].map(|name| open(&folder, name, false));
        let mut models = models.map(|model| model.expect("a model"));
        let aligned = within(OF_TEXT, bytes, || align_vocabularies(&mut models, 0, rule).is_ok());
        if aligned {
            let models = ["base", "other"].map(|name| open(&folder, name, false));
            let mut models = models.map(|model| model.expect("a model"));
            merge(&recipe, &mut models, rule, &folder.join("out"));
            assert!(models[0].shapes() == models[1].shapes(), "rows of the same tokens");
        }
    }
}

pub(crate) fn sample_tokenizers() -> Samples {
    let texts = [
        (
            0,
            r#"{"model": {"type": "WordLevel", "vocab": {"b": 0, "c": 1}}, "version": "1.0",
            "added_tokens": [{"id": 2, "content": "<t>", "special": false}]}"#,
        ),
        (0, r#"{"model": {"vocab": [["a", -1.5], ["b", 0], ["c", -3e2]]}}"#),
        (0, r#"{"model": {"type": "BPE", "vocab": {"b": 0}, "merges": ["a b"]}}"#),
        (1, r#"{"b": 1, "a": 0, "Ġc": 3}"#),
        (2, "a\nb\r\nc\n"),
        (3, r#"{"<t>": 3}"#),
    ];
    texts.iter().map(|(kind, text)| [&[*kind], text.as_bytes()].concat()).collect()
}
