//! `merge`, `strategies` and `verify --recipe`, as a user runs them.

use crate::Place;
use espalier::tensor::{Model, open_safetensors, write_safetensors};
use serde_json::Value;
use std::fs;
#[cfg(unix)]
use std::process::Stdio;
use std::time::Duration;

impl Place {
    /// A folder with a model of two tensors, and what belongs to it.
    pub(crate) fn checkpoint(&self, name: &str, values: &[f32]) {
        let folder = self.path().join(name);
        fs::create_dir(&folder).unwrap();
        let tensors = [("w", &[values.len() as u64][..], values), ("z", &[1], &values[..1])];
        let model = Model::from_f32(&tensors).unwrap();
        write_safetensors(&model, &Default::default(), folder.join("model.safetensors"), false)
            .unwrap();
        fs::write(folder.join("config.json"), "{}").unwrap();
        fs::write(folder.join("tokenizer.json"), name).unwrap();
    }

    pub(crate) fn values(&self, name: &str) -> Vec<f32> {
        let model = open_safetensors(self.path().join(name)).unwrap().into_model().unwrap();
        model.values_f32("w").unwrap()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }
}

/// A base and two fine-tuned models.
pub(crate) fn checkpoints() -> Place {
    let place = Place::new();
    place.checkpoint("base", &[1.0, 1.0, 1.0]);
    place.checkpoint("a", &[2.0, 1.0, 0.0]);
    place.checkpoint("b", &[2.0, 3.0, 1.0]);
    place
}

pub(crate) const RECIPE: &str = "merge_method: task_arithmetic
base_model: base
models:
  - model: a
    parameters: {weight: 1}
  - model: b
    parameters: {weight: 0.5}
";

#[test]
fn flags_and_a_recipe_do_the_same() {
    let place = checkpoints();
    let flags = ["merge", "--strategy", "task-arithmetic", "--base", "base", "--weight", "1,0.5"];
    let said = place.ok(&[&flags[..], &["a", "b", "-o", "flags"]].concat());
    assert!(said.starts_with("2 models by task-arithmetic: 2 tensors of "), "{said}");
    fs::write(place.path().join("recipe.yaml"), RECIPE).unwrap();
    let said = place.ok(&["merge", "recipe.yaml", "yaml"]);
    assert!(said.contains("espalier verify yaml --recipe recipe.yaml"), "{said}");
    assert_eq!(place.values("flags"), [2.5, 2.0, 0.0]);
    assert_eq!(place.values("yaml"), place.values("flags"));
    // What is not tensors is the base's.
    assert_eq!(place.text("yaml/tokenizer.json"), "base");
    assert_eq!(place.text("yaml/config.json"), "{\n  \"torch_dtype\": \"float32\"\n}\n");

    let said = place.ok(&["verify", "yaml", "--recipe", "recipe.yaml"]);
    assert_eq!(said, "PASS: the recipe gives the same 2 tensors\n");
    fs::write(place.path().join("other.yaml"), RECIPE.replace("0.5", "0.25")).unwrap();
    let ran = place.run(&["verify", "yaml", "--recipe", "other.yaml"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.contains("FAIL") && ran.stdout.contains("w: other values"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_recipe_is_found_with_its_models_from_another_folder() {
    let place = checkpoints();
    fs::write(place.path().join("recipe.yaml"), RECIPE).unwrap();
    fs::create_dir(place.path().join("elsewhere")).unwrap();
    let mut command = place.command(&["merge", "../recipe.yaml", "out"]);
    let ran = command.current_dir(place.path().join("elsewhere")).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(place.values("elsewhere/out"), [2.5, 2.0, 0.0]);
}

#[test]
fn a_plan_is_shown_and_nothing_is_written() {
    let place = checkpoints();
    fs::write(place.path().join("recipe.yaml"), RECIPE).unwrap();
    let text = place.ok(&["merge", "recipe.yaml", "out", "--dry-run"]);
    for said in ["task-arithmetic", "model     base (base)", "read", "write", "weight=0.5"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let json: Value =
        serde_json::from_str(&place.ok(&["merge", "recipe.yaml", "--dry-run", "--json"])).unwrap();
    assert_eq!(json["written_bytes"], 16);
    assert_eq!(json["read_bytes"], 48);
    assert_eq!(json["tensors"][0]["inputs"][1]["parameters"]["weight"], "0.5");
    assert!(!place.path().join("out").exists());
}

#[test]
fn what_is_wrong_is_said_before_anything_is_written() {
    let place = checkpoints();
    place.checkpoint("short", &[1.0, 2.0]);
    fs::write(place.path().join("wrong.yaml"), RECIPE.replace("models:", "modles:")).unwrap();
    for (line, said) in [
        ("merge --strategy tise a b -o out", "did you mean `ties`"),
        ("merge --strategy ties a b -o out", "base"),
        ("merge --strategy slerp a b -o out", "`t`"),
        ("merge --strategy linear a nowhere -o out", "nowhere: no such file or folder"),
        ("merge --strategy linear a short -o out", "tensor `w` is [3] in a and [2] in short"),
        ("merge --strategy linear --param weigth=1 a b -o out", "did you mean `weight`"),
        (
            "merge --strategy linear --weight 1 a b -o out",
            "the number of weights is 1, but the number of models is 2",
        ),
        ("merge --strategy linear --dtype i8 a b -o out", "`--dtype` is `i8`"),
        ("merge --strategy linear --param normalize=maybe a b -o out", "`--param normalize` is"),
        ("merge --strategy linear a a -o out", "`a`: a is listed twice"),
        ("merge --strategy linear a b", "-o: where to write is missing"),
        ("merge --strategy linear a b -o a", "a exists; use --force"),
        ("merge a b", "a is a folder; a recipe is a YAML file"),
        ("merge wrong.yaml out", "`modles` (line 3) is not a known key"),
        ("merge wrong.yaml out --base base", "--base: does nothing without --strategy"),
        ("merge --strategy linear a b -o out --shard-size 5X", "500MB"),
        ("verify --recipe wrong.yaml", "give the merged model"),
    ] {
        let ran = place.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.code, 2, "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{line}: {}", ran.stderr);
        assert!(!place.path().join("out").exists(), "{line}");
    }
}

#[test]
fn strategies_are_listed() {
    let place = Place::new();
    let text = place.ok(&["strategies"]);
    for name in ["ties", "slerp", "krum", "needs a base", "default 1"] {
        assert!(text.contains(name), "{name}");
    }
    let json: Value = serde_json::from_str(&place.ok(&["strategies", "--json"])).unwrap();
    assert!(json["merge"].as_array().unwrap().len() > 10);
    let one = place.ok(&["strategies", "task_arithmetic"]);
    assert!(one.contains("Ilharco") && !one.contains("Yadav"), "{one}");
    for (name, said) in [
        ("tsv-m", "tsv-m (also tsv_m, tsv), in recipes and policies, needs a base"),
        ("nearswap", "not in policies: it takes one input"),
        ("krum", "not in recipes: it or its steps measure whole models"),
        (
            "ties",
            "a number from 0 to 1; default 1; in policies a number above 0, at most 1, default 0.2",
        ),
    ] {
        let text = place.ok(&["strategies", name]);
        assert!(text.contains(said), "{text}");
    }
    let ran = place.run(&["strategies", "tise"]);
    assert!(ran.code == 2 && ran.stderr.contains("did you mean"), "{}", ran.stderr);
}

/// Killed at any time, a merge leaves nothing under its name, and can be run again.
#[cfg(unix)]
#[test]
fn a_merge_that_is_killed_leaves_nothing_that_looks_finished() {
    let place = Place::new();
    for (name, value) in [("a", 1.0), ("b", 3.0)] {
        place.checkpoint(name, &vec![value; 3_000_000]);
    }
    let words = ["merge", "--strategy", "linear", "a", "b", "--shard-size", "1MB", "-o", "out"];
    for wait in [0, 3, 10, 30] {
        let mut command = place.command(&words);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        let finished = child.wait().unwrap().success();
        assert_eq!(place.path().join("out").exists(), finished, "after {wait} ms");
        if finished {
            fs::remove_dir_all(place.path().join("out")).unwrap();
        }
    }
    place.ok(&words);
    assert_eq!(place.values("out"), vec![2.0; 3_000_000]);
    assert!(!place.path().join(".out.merging").exists());
}

/// The line that `merge` prints is the one that passes, whatever the flags.
#[test]
fn the_line_to_check_with_has_the_flags_of_the_merge() {
    let place = checkpoints();
    place.checkpoint("more", &[3.0, 1.0, 2.0]);
    let values = Model::from_f32(&[("w", &[3], &[1.0, 5.0, 2.0])]).unwrap();
    let fewer = place.path().join("fewer.safetensors");
    write_safetensors(&values, &Default::default(), fewer, false).unwrap();
    let recipe = "merge_method: dare_linear
base_model: base
models: [{model: more}, {model: fewer.safetensors}]
parameters: {weight: 0.3, density: 0.5}
dtype: bfloat16
";
    fs::write(place.path().join("recipe.yaml"), recipe).unwrap();
    let flags = ["--precise", "--missing", "intersection", "--seed", "9"];
    let said = place.ok(&[&["merge", "recipe.yaml", "out"], &flags[..]].concat());
    let line = said.lines().find_map(|line| line.strip_prefix("Check it with: espalier "));
    let line: Vec<&str> = line.expect("a line").split(' ').collect();
    assert_eq!(line[4..], flags);
    assert!(place.ok(&line).starts_with("PASS"));
    // Without the seed other elements are dropped.
    assert_eq!(place.run(&line[..7]).code, 1);
}

#[test]
fn force_loses_nothing() {
    let place = checkpoints();
    let merge = |out: &str| {
        let line = format!("merge --strategy linear a b --force -o {out}");
        place.run(&line.split(' ').collect::<Vec<_>>())
    };
    fs::create_dir(place.path().join("mine")).unwrap();
    fs::write(place.path().join("mine/notes"), "precious").unwrap();
    for (out, said) in [
        ("a", "is, or contains, the input a"),
        (".", "is, or contains, the input a"),
        ("mine", "holds notes, which the merged model does not have"),
    ] {
        let ran = merge(out);
        assert!(ran.code == 2 && ran.stderr.contains(said), "{out}: {}", ran.stderr);
    }
    assert_eq!(place.values("a"), [2.0, 1.0, 0.0]);
    assert_eq!(place.text("mine/notes"), "precious");
    assert_eq!(merge("out").code, 0);
    assert_eq!(merge("out").code, 0);
}
