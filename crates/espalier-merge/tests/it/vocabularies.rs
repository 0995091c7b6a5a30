//! Models whose rows belong to different tokens.

use crate::common::{files, model, ready};
use espalier_merge::{
    AlignedVocabulary, Merge, MergeError, MergeTarget, OpenModel, VocabularyError,
    align_vocabularies, check_vocabularies,
};
use espalier_recipe::{MissingTensors, ModelRef, Recipe, VocabularyRule};
use espalier_tensor::open_safetensors;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A model whose rows have these values, and a tokenizer with these ids.
fn write(folder: &Path, name: &str, rows: &[f32], tokenizer: &Value) {
    let folder = folder.join(name);
    fs::create_dir(&folder).expect("a folder");
    let wide: Vec<f32> = rows.iter().flat_map(|row| [*row, -row]).collect();
    let tensors: [(&str, &[u64], &[f32]); 3] = [
        ("model.embed_tokens.weight", &[rows.len() as u64, 2], &wide),
        ("lm_head.weight", &[rows.len() as u64, 2], &wide),
        ("model.norm.weight", &[1], &rows[..1]),
    ];
    model(&folder.join("model.safetensors"), &tensors);
    if !tokenizer.is_null() {
        fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).expect("a file");
    }
    let config = json!({"vocab_size": rows.len(), "text_config": {"vocab_size": rows.len()}});
    fs::write(folder.join("config.json"), config.to_string()).expect("a file");
}

/// A tokenizer of words.
fn words(kind: &str, words: &[(&str, u32)], added: &[(&str, u32)]) -> Value {
    let vocab: BTreeMap<_, _> = words.iter().copied().collect();
    let added: Vec<_> =
        added.iter().map(|(t, id)| json!({"id": id, "content": t, "special": true})).collect();
    json!({"model": {"type": kind, "vocab": vocab}, "added_tokens": added})
}

/// What a merge of `base`, `a` and `b` gives: the first column of its embedding, or an error.
fn merged(folder: &Path, rule: VocabularyRule, out: &str) -> Result<Vec<f32>, MergeError> {
    let text = "merge_method: linear
models:
  - {model: base, parameters: {weight: 1}}
  - {model: a, parameters: {weight: 1}}
  - {model: b, parameters: {weight: 2}}
base_model: base";
    let recipe = Recipe::from_yaml(text).expect("valid");
    let open = |model: &ModelRef| {
        let path = folder.join(&model.path).display().to_string();
        OpenModel::open(&ModelRef { path, adapter: None })
    };
    let mut models = recipe.models().iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let vocabulary: Option<AlignedVocabulary> = align_vocabularies(&mut models, 0, rule)?;
    let tensors: Vec<_> = models.iter().map(|model| model.shapes().to_vec()).collect();
    let plan = recipe.plan(&tensors, MissingTensors::Error).expect("a plan");
    if rule == VocabularyRule::Error {
        check_vocabularies(&models, &plan)?;
    }
    let merge = Merge::new(&plan, &models).with_vocabulary(vocabulary.as_ref());
    merge.write(&MergeTarget::new(folder.join(out)))?;
    let merged = open_safetensors(folder.join(out)).expect("opens").into_model().expect("a model");
    let values = merged.values_f32("model.embed_tokens.weight").expect("f32");
    assert_eq!(merged.values_f32("lm_head.weight").expect("f32"), values);
    assert!(values.chunks(2).all(|row| (row[0] + row[1]).abs() < 1e-6), "{values:?}");
    Ok(values.iter().step_by(2).copied().collect())
}

fn three(kinds: [&str; 3]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    // Row 1 belongs to no token, and rows 4 and 5 pad.
    let base = words(kinds[0], &[("x", 0), ("y", 2)], &[("<s>", 3)]);
    write(path, "base", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &base);
    // No `<s>`, and `z` of its own; `late` has no row.
    let a = words(kinds[1], &[("y", 0), ("z", 1), ("late", 9)], &[("x", 2), ("<a>", 3)]);
    write(path, "a", &[10.0, 20.0, 30.0, 40.0, 99.0], &a);
    let b = words(kinds[2], &[("z", 0), ("x", 1), ("w", 2)], &[("<s>", 3)]);
    write(path, "b", &[100.0, 200.0, 300.0, 400.0], &b);
    folder
}

/// The twin: rows of each model by token, as the documentation says it.
fn expected(tokens: &[&str], padding: &BTreeMap<usize, f32>) -> Vec<f32> {
    let base = BTreeMap::from([("x", 1.0), ("y", 3.0), ("<s>", 4.0)]);
    let a = BTreeMap::from([("y", 10.0), ("z", 20.0), ("x", 30.0), ("<a>", 40.0)]);
    let b = BTreeMap::from([("z", 100.0), ("x", 200.0), ("w", 300.0), ("<s>", 400.0)]);
    let models: [(&BTreeMap<&str, f32>, f32); 3] = [(&base, 1.0), (&a, 1.0), (&b, 2.0)];
    let row = |(place, token): (usize, &&str)| {
        if let Some(padding) = padding.get(&place) {
            return *padding;
        }
        let have: Vec<f32> =
            models.iter().filter_map(|(rows, _)| rows.get(token)).copied().collect();
        let mean = have.iter().sum::<f32>() / have.len() as f32;
        // By the rule `base` the base has every token and stands in alone.
        let stand_in = |union: bool| if union { mean } else { base[token] };
        let union = tokens.len() > 6;
        let value = |rows: &BTreeMap<&str, f32>| {
            rows.get(token).copied().unwrap_or_else(|| stand_in(union))
        };
        models.iter().map(|(rows, weight)| weight * value(rows)).sum::<f32>() / 4.0
    };
    tokens.iter().enumerate().map(row).collect()
}

#[test]
fn rows_are_matched_by_token_and_what_lacks_one_takes_the_bases() {
    for kinds in [["BPE", "BPE", "Unigram"], ["WordLevel"; 3]] {
        let folder = three(kinds);
        let rows = merged(folder.path(), VocabularyRule::Base, "out").expect("merges");
        let padding = BTreeMap::from([(1, 2.0), (4, 5.0), (5, 6.0)]);
        assert_eq!(rows, expected(&["x", "", "y", "<s>", "", ""], &padding));
        let (out, base) = (files(&folder.path().join("out")), files(&folder.path().join("base")));
        let name = Path::new("tokenizer.json");
        assert_eq!(out[name], base[name], "its tokenizer is the base's");
    }
}

#[test]
fn a_union_has_the_bases_tokens_and_then_the_others_in_order() {
    let folder = three(["WordLevel"; 3]);
    let rows = merged(folder.path(), VocabularyRule::Union, "out").expect("merges");
    let padding = BTreeMap::from([(1, 2.0)]);
    // `late` has no row in its model, so the result does not have it either.
    let tokens = ["x", "", "y", "<s>", "z", "<a>", "w"];
    assert_eq!(rows, expected(&tokens, &padding));
    let read = |name: &str| -> Value {
        let text = fs::read_to_string(folder.path().join("out").join(name)).expect("a file");
        serde_json::from_str(&text).expect("JSON")
    };
    let tokenizer = read("tokenizer.json");
    assert_eq!(tokenizer["model"]["vocab"], json!({"x": 0, "y": 2, "z": 4, "w": 6}));
    let added = tokenizer["added_tokens"].as_array().expect("a list");
    let added: Vec<_> = added.iter().map(|token| (&token["content"], &token["id"])).collect();
    assert_eq!(added, [(&json!("<s>"), &json!(3)), (&json!("<a>"), &json!(5))]);
    let config = read("config.json");
    assert_eq!(
        (&config["vocab_size"], &config["text_config"]["vocab_size"]),
        (&7.into(), &7.into())
    );
}

#[test]
fn the_same_rows_whatever_the_size_of_the_pieces() {
    // Enough rows for several pieces, in the reverse order in one of the models.
    let folder = tempfile::tempdir().expect("a folder");
    let count = 40_000_u32;
    let names: Vec<String> = (0..count).map(|id| format!("t{id}")).collect();
    let list = |turned: bool| {
        let id = |id: u32| if turned { count - 1 - id } else { id };
        let pairs: Vec<_> = (0..count).map(|i| (names[i as usize].as_str(), id(i))).collect();
        words("WordLevel", &pairs, &[])
    };
    let rows: Vec<f32> = (0..count).map(|row| row as f32).collect();
    let turned: Vec<f32> = rows.iter().rev().copied().collect();
    write(folder.path(), "base", &rows, &list(false));
    write(folder.path(), "a", &turned, &list(true));
    write(folder.path(), "b", &rows, &list(false));
    let found = merged(folder.path(), VocabularyRule::Base, "out").expect("merges");
    assert_eq!(found, rows);
}

#[test]
fn what_cannot_be_matched_is_refused_by_name() {
    let code = |folder: &Path, rule: VocabularyRule, out: &str| {
        let error = merged(folder, rule, out).expect_err("refused");
        assert!(!folder.join(out).exists());
        (error.code(), error.to_string())
    };
    // Merges cannot be added to.
    let folder = three(["BPE"; 3]);
    let (code_, said) = code(folder.path(), VocabularyRule::Union, "out");
    assert_eq!(code_, "vocabulary-not-extended");
    assert!(said.contains("`z` of ") && said.contains("merges"), "{said}");
    // A file has no place for a tokenizer.
    let folder = three(["WordPiece"; 3]);
    let (found, _) = code(folder.path(), VocabularyRule::Union, "out.safetensors");
    assert_eq!(found, "vocabulary-file");
    // Nobody knows which rows are which.
    fs::remove_file(folder.path().join("b/tokenizer.json")).expect("removed");
    let (found, said) = code(folder.path(), VocabularyRule::Base, "out");
    assert!(found == "vocabulary-no-tokenizer" && said.contains("/b "), "{said}");
    // Hostile files.
    for (text, expected) in [
        ("{", "vocabulary-format"),
        (r#"{"model": {"vocab": {"a": 1, "b": 1}}}"#, "vocabulary-two-tokens"),
    ] {
        fs::write(folder.path().join("b/tokenizer.json"), text).expect("a file");
        assert_eq!(code(folder.path(), VocabularyRule::Base, "out").0, expected);
    }
    let long = fs::File::create(folder.path().join("b/tokenizer.json")).expect("a file");
    long.set_len((64 << 20) + 1).expect("long");
    assert_eq!(code(folder.path(), VocabularyRule::Base, "out").0, "file-too-long");
}

#[test]
fn equal_rows_need_no_tokenizer_and_other_sizes_are_refused_without_a_rule() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, value) in [("base", 1.0), ("a", 2.0), ("b", 3.0)] {
        write(folder.path(), name, &[value, 2.0 * value], &Value::Null);
    }
    use VocabularyRule::{Base, Error, Rows, Union};
    for rule in [Error, Base, Union, Rows] {
        let out = format!("{rule:?}");
        assert_eq!(merged(folder.path(), rule, &out).expect("merges"), [2.25, 4.5]);
    }
    let mut models = Vec::new();
    for name in ["base", "a"] {
        let path = folder.path().join(name).display().to_string();
        models.push(OpenModel::open(&ModelRef { path, adapter: None }).expect("opens"));
    }
    let base = words("WordLevel", &[("far", 7)], &[]);
    fs::write(folder.path().join("base/tokenizer.json"), base.to_string()).expect("a file");
    let error = align_vocabularies(&mut models, 0, VocabularyRule::Union).expect_err("no row");
    assert!(matches!(error, VocabularyError::NoRow { row: 7, .. }), "{error}");
}

#[test]
fn rows_of_other_tokens_are_not_merged_as_they_stand() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let tokens = |name: &str, tokens: &Value| {
        fs::write(path.join(name).join("tokenizer.json"), tokens.to_string()).expect("a file");
    };
    let plain = words("BPE", &[("x", 0), ("y", 1), ("late", 7)], &[]);
    for (name, value) in [("base", 1.0), ("a", 2.0), ("b", 3.0)] {
        write(path, name, &[value, 2.0 * value, 0.0], &plain);
    }
    let rows = [2.25, 4.5, 0.0];
    let out = |rule, name: &str| merged(path, rule, name).map_err(|error| error.to_string());
    assert_eq!(out(VocabularyRule::Error, "equal"), Ok(rows.to_vec()));
    // The same tokens in another file, and one without a row.
    tokens("b", &words("WordLevel", &[("x", 0), ("later", 8)], &[("y", 1)]));
    assert_eq!(out(VocabularyRule::Error, "alike"), Ok(rows.to_vec()));
    // A model that has none is not looked at; the other two still are.
    fs::remove_file(path.join("base/tokenizer.json")).expect("removed");
    for (other, said) in [
        (words("BPE", &[("y", 0), ("x", 1)], &[]), "row 0 is that of token `x` in"),
        (words("BPE", &[("x", 0)], &[("z", 1)]), "and of token `z` in"),
        (words("BPE", &[("x", 0), ("y", 1)], &[("z", 2)]), "row 2 is that of no token in"),
    ] {
        tokens("b", &other);
        let error = out(VocabularyRule::Error, "out").expect_err(said);
        for said in [said, "`base` and `union` match", "`rows` takes"] {
            assert!(error.contains(said), "{said}: {error}");
        }
        assert!(!path.join("out").exists());
    }
    assert_eq!(out(VocabularyRule::Rows, "rows"), Ok(rows.to_vec()));
    fs::write(path.join("b/tokenizer.json"), "{").expect("a file");
    let error = merged(path, VocabularyRule::Error, "out").expect_err("refused");
    assert_eq!(error.code(), "vocabulary-format");
}

/// Where all rows are one model's, the tokens of the others do not matter.
#[test]
fn models_whose_rows_are_not_merged_may_have_any_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    for (name, tokens) in [("a", [("x", 0), ("y", 1)]), ("b", [("y", 0), ("x", 1)])] {
        write(path, name, &[1.0, 2.0], &words("BPE", &tokens, &[]));
    }
    let text = |method: &str| {
        format!("merge_method: {method}\nmodels: [{{model: a, parameters: {{weight: 1}}}}")
    };
    let single = ready(path, &(text("linear") + "]")).expect("a plan");
    check_vocabularies(&single.models, &single.plan).expect("one model");
    let two = text("linear") + ", {model: b, parameters: {weight: 1}}]";
    let two = ready(path, &two).expect("a plan");
    let error = check_vocabularies(&two.models, &two.plan).expect_err("two models");
    assert_eq!(error.code(), "vocabulary-unlike");
}
