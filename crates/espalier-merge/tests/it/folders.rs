//! Folders: shards, other files, and merges that are interrupted.

use crate::common::{Ready, files, model, ready};
use core::ops::ControlFlow;
use espalier_file::WriteError;
use espalier_merge::{Merge, MergeError, MergeTarget, TensorDifference};
use espalier_tensor::open_safetensors;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

const RECIPE: &str = "
merge_method: linear
models:
  - model: a
    parameters: {weight: 1}
  - model: b
    parameters: {weight: 3}
";

/// Two models in folders, the first with all that belongs to one.
fn models(folder: &Path) -> Ready {
    for (name, value) in [("a", 1.0_f32), ("b", 2.0)] {
        fs::create_dir_all(folder.join(name).join("1_Pooling")).expect("a folder");
        let long = vec![value; 100_000];
        let path = folder.join(name).join("model.safetensors");
        model(&path, &[("x", &[100_000], &long), ("y", &[2], &[value; 2]), ("z", &[1], &[value])]);
    }
    let a = folder.join("a");
    fs::write(a.join("config.json"), r#"{"torch_dtype": "bfloat16", "hidden": 7}"#).expect("file");
    fs::write(a.join("tokenizer.json"), "{}").expect("a file");
    fs::write(a.join("1_Pooling/config.json"), "{\"mean\": true}").expect("a file");
    fs::write(a.join("pytorch_model.bin"), "not copied").expect("a file");
    fs::write(a.join(".hidden"), "not copied").expect("a file");
    ready(folder, RECIPE).expect("a plan")
}

fn shards(path: &Path) -> MergeTarget {
    MergeTarget { shard_size: 100, ..MergeTarget::new(path) }
}

#[test]
fn a_folder_has_shards_an_index_and_what_belongs_to_the_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = models(folder.path());
    let out = folder.path().join("out");
    ready.merge().write(&shards(&out)).expect("merges");
    let names: Vec<String> =
        files(&out).into_keys().map(|path| path.display().to_string()).collect();
    assert_eq!(
        names,
        [
            "1_Pooling/config.json",
            "config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "tokenizer.json",
        ]
    );
    let config = fs::read_to_string(out.join("config.json")).expect("a file");
    assert!(config.contains("\"float32\"") && config.contains("\"hidden\": 7"), "{config}");
    let merged = open_safetensors(&out).expect("opens").into_model().expect("a model");
    assert_eq!(merged.values_f32("y"), Some(vec![1.75; 2]));
    let left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").flatten().collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn what_is_there_stays_unless_it_may_be_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = models(folder.path());
    let out = folder.path().join("out");
    ready.merge().write(&shards(&out)).expect("merges");
    let refused = ready.merge().write(&MergeTarget::new(&out)).expect_err("exists");
    assert!(matches!(refused, MergeError::Write(WriteError::Exists(_))), "{refused}");
    assert_eq!(files(&out).len(), 6);
    // Two shards and their index become one file.
    let replace = MergeTarget { force: true, ..MergeTarget::new(&out) };
    ready.merge().write(&replace).expect("merges");
    let names: Vec<_> = files(&out).into_keys().collect();
    let expected = ["1_Pooling/config.json", "config.json", "model.safetensors", "tokenizer.json"];
    assert_eq!(names, expected.map(std::path::PathBuf::from));
    assert!(!folder.path().join(".out.merging").exists());
    // A file may be replaced by a folder.
    let file = folder.path().join("file");
    fs::write(&file, "x").expect("a file");
    ready.merge().write(&MergeTarget { path: file.clone(), ..replace }).expect("merges");
    assert_eq!(files(&file).len(), 4);
}

/// Whoever names the wrong folder loses nothing, whatever the flags.
#[test]
fn nothing_is_replaced_that_the_merged_model_does_not_have() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = models(folder.path());
    let force = |path: &Path| MergeTarget { force: true, ..MergeTarget::new(path) };
    let out = folder.path().join("out");
    for name in ["mine", "1_Pooling/mine", "sub/config.json", "other.safetensors", ".hidden"] {
        let file = out.join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(&file, "precious").expect("a file");
        let before = files(folder.path());
        let refused = ready.merge().write(&force(&out)).expect_err(name);
        assert!(matches!(refused, MergeError::Foreign { .. }), "{name}: {refused}");
        assert_eq!(files(folder.path()), before);
        fs::remove_dir_all(&out).expect("removed");
    }
    let before = files(folder.path());
    let a = folder.path().join("a");
    for path in [a.clone(), a.join("model.safetensors"), folder.path().to_owned()] {
        let refused = ready.merge().write(&force(&path)).expect_err("an input");
        assert!(matches!(refused, MergeError::IsInput { .. }), "{refused}");
        assert_eq!(files(folder.path()), before);
    }
    // Within the folder of a model there is room.
    ready.merge().write(&force(&a.join("merged"))).expect("merges");
}

/// Stops once more bytes of the result are done than `after`.
fn stopped(ready: &Ready, target: &MergeTarget, after: u64) -> MergeError {
    let stop = move |done: u64| match done > after {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let merge = Merge::new(&ready.plan, &ready.models);
    merge.with_progress(&stop).write(target).expect_err("stopped")
}

#[test]
fn a_merge_goes_on_after_its_finished_shards() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = models(folder.path());
    let out = folder.path().join("out");
    // The first shard is finished, the second is not.
    let error = stopped(&ready, &shards(&out), 400_000);
    assert!(matches!(error, MergeError::Stopped), "{error}");
    assert!(!out.exists());
    let seen = AtomicU64::new(0);
    let count = |_: u64| {
        seen.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    ready.merge().with_progress(&count).write(&shards(&out)).expect("merges");
    // Two tensors of one piece each; the first would be several.
    assert_eq!(seen.into_inner(), 2);
    let merged = files(&out);
    let again = folder.path().join("again");
    ready.merge().write(&shards(&again)).expect("merges");
    assert_eq!(merged, files(&again));
}

#[test]
fn a_damaged_or_foreign_shard_is_computed_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = models(folder.path());
    let (out, whole) = (folder.path().join("out"), folder.path().join("whole"));
    ready.merge().write(&shards(&whole)).expect("merges");
    for damage in 0..3 {
        stopped(&ready, &shards(&out), 400_000);
        let growing = folder.path().join(".out.merging");
        let shard = growing.join("model-00001-of-00002.safetensors");
        let mut bytes = fs::read(&shard).expect("the finished shard");
        match damage {
            0 => bytes[1000] ^= 1,
            1 => bytes.truncate(500),
            _ => fs::write(growing.join("junk"), "x").expect("a file"),
        }
        fs::write(&shard, bytes).expect("a file");
        ready.merge().write(&shards(&out)).expect("merges");
        assert_eq!(files(&out), files(&whole), "{damage}");
        fs::remove_dir_all(&out).expect("removed");
    }
}

#[test]
fn another_merge_does_not_take_over_what_is_finished() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = models(folder.path());
    let out = folder.path().join("out");
    stopped(&ready, &shards(&out), 400_000);
    let other = RECIPE.replace("weight: 3", "weight: 1");
    let other = crate::common::ready(folder.path(), &other).expect("a plan");
    other.merge().write(&shards(&out)).expect("merges");
    let merged = open_safetensors(&out).expect("opens").into_model().expect("a model");
    assert_eq!(merged.values_f32("x").map(|x| x[0]), Some(1.5));
}

#[test]
fn a_changed_model_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = models(folder.path());
    let path = folder.path().join("b/model.safetensors");
    let change = |_: u64| {
        let file = fs::OpenOptions::new().append(true).open(&path).expect("opens");
        file.set_len(file.metadata().expect("a file").len() + 1).expect("longer");
        ControlFlow::Continue(())
    };
    for name in ["out", "out.safetensors"] {
        let out = folder.path().join(name);
        let ready = crate::common::ready(folder.path(), RECIPE);
        let ready = ready.unwrap_or_else(|_| {
            models(folder.path());
            crate::common::ready(folder.path(), RECIPE).expect("a plan")
        });
        let merge = ready.merge().with_progress(&change);
        let error = merge.write(&MergeTarget::new(&out)).expect_err("changed");
        assert!(matches!(error, MergeError::Changed { .. }), "{error}");
        assert!(!out.exists());
        fs::remove_file(&path).expect("removed");
        model(
            &path,
            &[("x", &[100_000], &vec![2.0; 100_000]), ("y", &[2], &[2.0; 2]), ("z", &[1], &[2.0])],
        );
    }
    drop(ready);
}

#[test]
fn verifying_says_what_differs() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = models(folder.path());
    let out = folder.path().join("out.safetensors");
    ready.merge().write(&MergeTarget::new(&out)).expect("merges");
    let open = || open_safetensors(&out).expect("opens");
    assert_eq!(ready.merge().verify(&open()).expect("verifies"), []);
    let mut bytes = fs::read(&out).expect("a file");
    *bytes.last_mut().expect("bytes") ^= 1;
    fs::write(&out, bytes).expect("a file");
    let found = ready.merge().verify(&open()).expect("verifies");
    assert_eq!(found, [TensorDifference::Values("z".into())]);
    fs::remove_file(&out).expect("removed");
    model(&out, &[("x", &[1], &[1.0]), ("w", &[1], &[1.0]), ("y", &[2], &[1.75; 2])]);
    let found = ready.merge().verify(&open()).expect("verifies");
    let expected = [
        TensorDifference::Extra("w".into()),
        TensorDifference::Layout("x".into()),
        TensorDifference::Missing("z".into()),
    ];
    assert_eq!(found, expected);
}

#[test]
fn two_merges_into_one_folder_do_not_mix() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = models(folder.path());
    let out = folder.path().join("out");
    let busy = |_: u64| {
        let error = ready.merge().write(&shards(&out)).expect_err("busy");
        assert!(matches!(error, MergeError::Busy { .. }), "{error}");
        ControlFlow::Continue(())
    };
    ready.merge().with_progress(&busy).write(&shards(&out)).expect("merges");
}
