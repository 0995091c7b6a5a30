//! What `merge` does besides merging: adapters, vocabularies, memory, provenance, integers.

use crate::Place;
use crate::merge::{RECIPE, checkpoints};
use espalier::tensor::{Dtype, Model, open_safetensors, write_safetensors};
use serde_json::Value;
use std::fs;
#[cfg(target_os = "linux")]
use std::process::Stdio;

#[test]
fn rows_of_tokens_are_matched_by_token() {
    let place = Place::new();
    for (name, rows, vocab) in [
        ("base", &[1.0, 2.0][..], r#"{"x": 0, "y": 1}"#),
        ("tuned", &[20.0, 30.0, 10.0], r#"{"y": 0, "z": 1, "x": 2}"#),
    ] {
        fs::create_dir(place.path().join(name)).unwrap();
        let tensors: [(&str, &[u64], &[f32]); 1] =
            [("embed_tokens.weight", &[rows.len() as u64, 1], rows)];
        let model = Model::from_f32(&tensors).unwrap();
        let folder = place.path().join(name);
        write_safetensors(&model, &Default::default(), folder.join("model.safetensors"), false)
            .unwrap();
        let tokenizer = format!(r#"{{"model": {{"type": "WordLevel", "vocab": {vocab}}}}}"#);
        fs::write(folder.join("tokenizer.json"), tokenizer).unwrap();
        fs::write(folder.join("config.json"), r#"{"vocab_size": 0}"#).unwrap();
    }
    let recipe = "merge_method: task_arithmetic
base_model: base
models: [{model: tuned, parameters: {weight: 0.5}}]
";
    fs::write(place.path().join("recipe.yaml"), recipe).unwrap();
    let ran = place.run(&["merge", "recipe.yaml", "out"]);
    assert_eq!(ran.code, 2);
    for said in ["[3, 1] in tuned and [2, 1] in base", "--vocab"] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    for (rule, rows) in [("base", &[5.5, 11.0][..]), ("union", &[5.5, 11.0, 30.0])] {
        let out = format!("of-{rule}");
        let said = place.ok(&["merge", "recipe.yaml", &out, "--vocab", rule]);
        let model = open_safetensors(place.path().join(&out)).unwrap().into_model().unwrap();
        assert_eq!(model.values_f32("embed_tokens.weight").unwrap(), rows);
        let config: Value =
            serde_json::from_str(&place.text(&format!("{out}/config.json"))).unwrap();
        assert_eq!(config["vocab_size"], rows.len());
        let line = said.lines().find_map(|line| line.strip_prefix("Check it with: espalier "));
        assert!(place.ok(&line.unwrap().split(' ').collect::<Vec<_>>()).starts_with("PASS"));
        // A recipe may say it, too.
        let own = format!("{recipe}tokenizer_source: {rule}\n");
        fs::write(place.path().join("own.yaml"), own).unwrap();
        assert!(place.ok(&["verify", &out, "--recipe", "own.yaml"]).starts_with("PASS"));
    }
    // As many tokens in another order.
    let turned = r#"{"model": {"vocab": {"y": 0, "x": 1, "z": 2}}}"#;
    fs::create_dir(place.path().join("turned")).unwrap();
    fs::copy(
        place.path().join("tuned/model.safetensors"),
        place.path().join("turned/model.safetensors"),
    )
    .unwrap();
    fs::write(place.path().join("turned/tokenizer.json"), turned).unwrap();
    let models = ["turned", "tuned", "--strategy", "weight-average"];
    let ran = place.run(&[&["merge"], &models[..], &["-o", "out"]].concat());
    assert_eq!(ran.code, 2);
    for said in ["row 1 is that of token `x` in turned, and of token `z` in tuned", "--vocab: "] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    place.ok(&[&["merge"], &models[..], &["-o", "of-rows", "--vocab", "rows"]].concat());
    fs::remove_file(place.path().join("tuned/tokenizer.json")).unwrap();
    let ran = place.run(&["merge", "recipe.yaml", "out", "--vocab", "base"]);
    assert!(ran.code == 2 && ran.stderr.contains("rows of tuned belong to"), "{}", ran.stderr);
    assert!(!place.path().join("out").exists());
}

/// A matrix that differs by one of rank 1, and a norm.
fn matrices() -> Place {
    let place = Place::new();
    for (name, q, norm) in [("base", [1.0, 2.0, 3.0, 4.0], 1.0), ("a", [2.0, 4.0, 5.0, 8.0], 2.0)] {
        fs::create_dir(place.path().join(name)).unwrap();
        let tensors: [(&str, &[u64], &[f32]); 2] =
            [("l.q.weight", &[2, 2], &q), ("norm.weight", &[1], &[norm])];
        let model = Model::from_f32(&tensors).unwrap();
        let path = place.path().join(name).join("model.safetensors");
        write_safetensors(&model, &Default::default(), path, false).unwrap();
    }
    place
}

#[test]
fn a_merge_may_be_written_as_an_adapter() {
    let place = matrices();
    let line = "merge --strategy task-arithmetic --base base a --out-adapter 1 -o adapter";
    let words: Vec<&str> = line.split(' ').collect();
    let ran = place.run(&words);
    assert_eq!(ran.code, 2);
    for said in ["`norm.weight` changed", "--save-modules", "--out-adapter"] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    let plan = place.ok(&[&words[..], &["--dry-run"]].concat());
    assert!(plan.contains("an adapter of rank 1"), "{plan}");
    let planned = place.ok(&[&words[..], &["--dry-run", "--json"]].concat());
    let planned: Value = serde_json::from_str(&planned).unwrap();
    assert_eq!(planned["adapter_rank"], 1);
    assert!(!place.path().join("adapter").exists());
    // What cannot be an adapter is refused with the plan, too.
    let line = "merge --strategy linear a base --out-adapter 1 --dry-run";
    let ran = place.run(&line.split(' ').collect::<Vec<_>>());
    assert!(ran.code == 2 && ran.stderr.contains("no base model is given"), "{}", ran.stderr);
    let said = place.ok(&[&words[..], &["--save-modules"]].concat());
    for part in ["l.q.weight", "relative error", "norm  whole", "adapter of rank 1 for 1 tensor"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let again = [&words[..], &["--save-modules", "--force", "--json"]].concat();
    let json: Value = serde_json::from_str(&place.ok(&again)).unwrap();
    assert_eq!(json["saved_modules"], serde_json::json!(["norm"]));
    // The difference [1 2; 2 4] has rank 1.
    assert!(json["matrices"][0]["error"].as_f64().unwrap() < 1e-6, "{json}");
    // The same bytes on any number of threads.
    let file = || fs::read(place.path().join("adapter/adapter_model.safetensors")).unwrap();
    let before = file();
    place.ok(&[&again[..], &["--threads", "1"]].concat());
    assert_eq!(file(), before);
    place.ok(&["merge", "--strategy", "passthrough", "base+adapter", "-o", "full"]);
    let full = open_safetensors(place.path().join("full")).unwrap().into_model().unwrap();
    let q = full.values_f32("l.q.weight").unwrap();
    assert!(q.iter().zip([2.0, 4.0, 5.0, 8.0]).all(|(a, b)| (a - b).abs() < 1e-5), "{q:?}");
    assert_eq!(full.values_f32("norm.weight").unwrap(), [2.0]);
}

#[test]
fn a_result_says_what_it_was_made_of_and_is_held_to_it() {
    let place = checkpoints();
    fs::write(place.path().join("recipe.yaml"), RECIPE).unwrap();
    place.ok(&["merge", "recipe.yaml", "out.safetensors", "--provenance"]);
    let out = place.path().join("out.safetensors");
    let model = open_safetensors(&out).unwrap().into_model().unwrap();
    let root = |name: &str| {
        open_safetensors(place.path().join(name)).unwrap().into_model().unwrap().root().to_string()
    };
    let roots = ["a", "b", "base"].map(root);
    assert_eq!(model.metadata()["espalier_contributions"], roots.join(","));
    assert_eq!(model.metadata()["espalier_strategy"], "task-arithmetic");
    let verify = ["verify", "out.safetensors", "--recipe", "recipe.yaml"];
    assert!(place.ok(&verify).starts_with("PASS"));
    for key in ["espalier_contributions", "espalier_recipe", "espalier_strategy"] {
        let wrong = [(key.to_owned(), "another".to_owned())].into();
        write_safetensors(&model, &wrong, &out, true).unwrap();
        let ran = place.run(&verify);
        let said = format!("{key}: the header says another, it is ");
        assert!(ran.code == 1 && ran.stdout.contains(&said), "{}", ran.stdout);
    }
    // What it does not say is not held against it.
    place.ok(&["merge", "recipe.yaml", "out.safetensors", "--force"]);
    assert!(place.ok(&verify).starts_with("PASS"));
}

#[test]
fn integers_that_differ_are_those_of_whom_a_flag_names() {
    let place = Place::new();
    for (name, steps) in [("base", 7_i64), ("a", 8), ("b", 9)] {
        let bytes = steps.to_le_bytes().to_vec();
        let tensor = ("n.num_batches_tracked".to_owned(), Dtype::I64, vec![], bytes);
        let model = Model::from_tensors(vec![tensor]).unwrap();
        let path = place.path().join(format!("{name}.safetensors"));
        write_safetensors(&model, &Default::default(), path, false).unwrap();
    }
    let line = "merge --strategy task-arithmetic --base base.safetensors a.safetensors \
                b.safetensors --force -o out.safetensors";
    let words: Vec<&str> = line.split_whitespace().collect();
    let ran = place.run(&words);
    assert!(ran.code == 2 && ran.stderr.contains("integers that differ"), "{}", ran.stderr);
    for (whose, steps) in [("base", 7_i64), ("1", 8), ("2", 9), ("3", 7)] {
        place.ok(&[&words[..], &["--integers", whose]].concat());
        let out = open_safetensors(place.path().join("out.safetensors")).unwrap();
        assert_eq!(**out.into_model().unwrap().content(0), steps.to_le_bytes(), "{whose}");
    }
    for (whose, said) in [("4", "from model 4, but there are only 3 models"), ("0", "from 1")] {
        let ran = place.run(&[&words[..], &["--integers", whose]].concat());
        assert!(ran.code == 2 && ran.stderr.contains(said), "{}", ran.stderr);
    }
}

/// Three models of one matrix.
fn squares(side: u64) -> Place {
    let place = Place::new();
    for (name, step) in [("base", 7), ("a", 11), ("b", 13)] {
        let values: Vec<f32> = (0..side * side).map(|i| (i * step % 97) as f32).collect();
        let tensors: [(&str, &[u64], &[f32]); 1] = [("q.weight", &[side, side], &values)];
        let model = Model::from_f32(&tensors).unwrap();
        let path = place.path().join(format!("{name}.safetensors"));
        write_safetensors(&model, &Default::default(), path, false).unwrap();
    }
    place
}

#[test]
fn a_merge_that_needs_more_memory_than_it_may_have_is_refused_with_the_figure() {
    let place = squares(64);
    let line = "merge --strategy star --base base.safetensors a.safetensors b.safetensors \
                --threads 2 --dry-run";
    let words: Vec<&str> = line.split_whitespace().collect();
    let json: Value = serde_json::from_str(&place.ok(&[&words[..], &["--json"]].concat())).unwrap();
    let need = json["memory_bytes"].as_u64().unwrap();
    // The matrices as a whole, and pieces for each thread.
    let whole = 64 * 64 * 8 * (2 + 4);
    assert!(need > whole && need < whole + 64 * 64 * 2 * 64, "{need}");
    let plan = place.ok(&words);
    assert!(plan.contains("for tensor `q.weight` by star, which is held as a whole"), "{plan}");
    place.ok(&[&words[..], &["--memory", &need.to_string()]].concat());
    let ran = place.run(&[&words[..], &["--memory", &(need - 1).to_string()]].concat());
    let said = format!("allow {need} bytes");
    assert!(ran.code == 2 && ran.stderr.contains(&said), "{}", ran.stderr);
}

/// What a merge says that it needs is what it takes, as the system counts it.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays_within_what_is_said() {
    // What the program needs for itself.
    const PROGRAM: u64 = 24_000_000;
    // Pieces of files of 36 MB each; a matrix as a whole.
    let (pieces, whole) = (squares(3000), squares(512));
    for (place, flags, most_need) in [
        (&pieces, "--strategy weight-average", 8_000_000),
        (&pieces, "--strategy task-arithmetic", 8_000_000),
        (&pieces, "--strategy karcher", 8_000_000),
        (&pieces, "--strategy ties", 20_000_000),
        (&whole, "--strategy star", 20_000_000),
        (&whole, "--strategy task-arithmetic --out-adapter 4", 20_000_000),
    ] {
        let out = if flags.contains("adapter") { "adapter" } else { "out.safetensors" };
        let line = format!(
            "merge {flags} --base base.safetensors a.safetensors b.safetensors --threads 2 \
             --force -o {out}"
        );
        let words: Vec<&str> = line.split_whitespace().collect();
        let plan = place.ok(&[&words[..], &["--dry-run", "--json"]].concat());
        let plan: Value = serde_json::from_str(&plan).unwrap();
        let need = plan["memory_bytes"].as_u64().unwrap();
        let mut command = place.command(&words);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut most = 0;
        while child.try_wait().unwrap().is_none() {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let held = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
            most = most.max(held.unwrap_or(0_u64) * 1024);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(child.wait().unwrap().success(), "{flags}");
        assert!(most > 0 && most < need + PROGRAM, "{flags}: {most} held, {need} said");
        assert!(need < most_need, "{flags}: {need}");
    }
}
