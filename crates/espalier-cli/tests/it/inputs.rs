//! What a user hears of models that cannot be merged, and of figures that nobody computed.

use crate::{Place, simulate};
use espalier::tensor::{Dtype, Model, write_safetensors};
use serde_json::Value;

/// A model of 64 elements and a counter; element 3 is `element`.
fn model(number: u8, element: f32, counter: i64) -> Model {
    let mut values: Vec<f32> =
        (0..64).map(|at| ((at * 7 + i32::from(number) * 5) % 23) as f32 / 8.0).collect();
    values[3] = element;
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Model::from_tensors(vec![
        ("w".into(), Dtype::F32, vec![64], bytes),
        ("steps".into(), Dtype::I64, vec![], counter.to_le_bytes().to_vec()),
    ])
    .unwrap()
}

/// A folder `models` with these, by name.
fn place(models: &[(&str, Model)]) -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path().join("models")).unwrap();
    for (name, model) in models {
        let path = place.path().join(format!("models/{name}.safetensors"));
        write_safetensors(model, &Default::default(), path, false).unwrap();
    }
    place
}

/// The value of a line of the summary.
#[track_caller]
fn says<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))[name.len()..].trim()
}

const MODELS: [&str; 4] = ["simulate", "--model", "models", "--until-converged"];

#[test]
fn integers_are_refused_with_the_flag_that_merges_them() {
    let four =
        |counter| (0..4).map(move |i| (["m0", "m1", "m2", "m3"][i], model(i as u8, 1.0, counter)));
    let models: Vec<_> = four(100).chain([("base", model(9, 1.0, 0))]).collect();
    let place = place(&models);
    let problem = place.fails(2, &MODELS);
    for part in ["--buffers", "`steps`", "m0.safetensors", "base.safetensors", "100", "`base`"] {
        assert!(problem.contains(part), "{part}: {problem}");
    }
    for rule in ["base", "mean"] {
        let flags = ["--buffers", rule, "--require-convergence", "--out", rule];
        let text = place.ok(&[&MODELS[..], &flags].concat());
        assert_eq!(says(&text, "isolated"), "nobody");
        assert_eq!(says(&text, "merged model").len(), 64);
    }
    let problem = place.fails(2, &[&MODELS[..], &["--buffers", "median"]].concat());
    assert!(problem.contains("--buffers") && problem.contains("base, mean or error"), "{problem}");

    let file = "title = \"t\"\nseeds = 1\n[[run]]\nname = \"a\"\n\
                model = \"models\"\n";
    std::fs::write(place.path().join("s.toml"), file).unwrap();
    let problem = place.run(&["simulate", "--scenario", "s.toml"]);
    assert_eq!(problem.code, 2, "{}", problem.stderr);
    assert!(problem.stderr.contains("`a`") && problem.stderr.contains("--buffers: tensor `steps`"));
    std::fs::write(place.path().join("s.toml"), format!("{file}buffers = \"mean\"\n")).unwrap();
    place.ok(&["simulate", "--scenario", "s.toml", "--require-convergence"]);
}

#[test]
fn a_value_that_is_no_number_is_refused_where_it_is() {
    let place = place(&[("a", model(0, f32::NAN, 1)), ("b", model(1, 1.0, 1))]);
    for flags in [&["--wire", "frames"][..], &["--wire", "counted"]] {
        let problem = place.fails(2, &[&MODELS[..], flags].concat());
        assert!(problem.contains("--model: models/a.safetensors: element 3 of tensor `w` is NaN"));
        assert_eq!(place.files("."), ["models"]);
    }
    let problem = place.fails(2, &["simulate", "--model", "models/a.safetensors"]);
    assert!(problem.contains("models/a.safetensors: element 3 of tensor `w` is NaN"), "{problem}");
}

#[test]
fn equal_files_and_outliers_are_told_by_name() {
    let outlier = model(3, 40.0, 1);
    let place = place(&[
        ("a", model(0, 1.0, 1)),
        ("b", model(1, 1.0, 1)),
        ("c", outlier),
        ("d", model(2, 1.0, 1)),
        ("e", model(4, 1.0, 1)),
        ("f", model(5, 1.0, 1)),
        ("g", model(0, 1.0, 1)),
    ]);
    let text = place.ok(&MODELS);
    let second = text.lines().nth(1).unwrap();
    assert!(second.starts_with("note: a.safetensors and g.safetensors hold the same"), "{text}");
    assert!(text.contains("node_0 (a.safetensors) and node_6 (g.safetensors) weigh 1/2"), "{text}");
    if says(&text, "isolated") != "nobody" {
        assert!(says(&text, "isolated").contains("node_2 (c.safetensors)"), "{text}");
    }
    assert_eq!(place.ok(&[&MODELS[..], &["--quiet", "--force"]].concat()), "");
}

#[test]
fn what_nobody_computed_is_said_to_be_not_computed() {
    let place = Place::new();
    for flags in [["--wire", "counted"], ["--metrics", "off"]] {
        let text = place.ok(&simulate(&[&flags[..], &["--force"]].concat()));
        assert_eq!(says(&text, "isolated"), "not computed", "{text}");
        assert_eq!(says(&text, "merged model"), "not computed", "{text}");
        let report: Value =
            serde_json::from_str(&place.read("espalier-report/report.json")).unwrap();
        assert!(
            report["summary"]["isolated"].is_null() && report["rounds"][3]["isolated"].is_null()
        );
        // Round 0 of the table: states, and no figures but what was sent.
        let row = text.lines().find(|line| line.trim_start().starts_with("0 ")).unwrap();
        assert_eq!(row.split_whitespace().last(), Some("–"), "{row}");
    }
    let text = place.ok(&["simulate", "--metrics", "off", "--force", "--rounds", "6"]);
    assert_eq!(says(&text, "accuracy"), "not computed", "{text}");
    let flags = ["--byzantine", "1", "--attack", "silent", "--force"];
    let text = place.ok(&simulate(&flags));
    assert_eq!(says(&text, "liars found"), "0.0 %; nobody is isolated");

    let file = "title = \"t\"\nseeds = 2\n[defaults]\nmodel = \"synthetic:32x32\"\nrounds = 8\n\
                [[run]]\nname = \"a\"\nbyzantine = 1\nattack = \"silent\"\n\
                [[run]]\nname = \"b\"\nmetrics = \"off\"\n";
    std::fs::write(place.path().join("s.toml"), file).unwrap();
    place.ok(&["simulate", "--scenario", "s.toml"]);
    let found: Value =
        serde_json::from_str(&place.read("espalier-scenario/scenario.json")).unwrap();
    let summaries = &found["summaries"];
    assert_eq!(summaries[0]["figures"]["isolated"]["n"], 2);
    assert!(summaries[0]["figures"]["precision"].is_null());
    assert!(summaries[1]["figures"]["isolated"].is_null());
    assert!(found["results"][2]["isolated"].is_null() && found["results"][2]["recall"].is_null());
}

#[test]
fn no_merged_model_has_a_reason_and_fails_where_convergence_is_required() {
    let place = Place::new();
    let retract = [
        "--retract",
        "0@3",
        "--retract",
        "1@3",
        "--retract",
        "2@3",
        "--retract",
        "3@3",
        "--nodes",
        "4",
    ];
    let text = place.ok(&simulate(&retract));
    assert!(says(&text, "converged").starts_with("yes"), "{text}");
    assert!(says(&text, "merged model").starts_with("none: no contribution is left"), "{text}");
    assert!(
        says(&text, "isolated").starts_with("not judged: fewer comparable contributions than"),
        "{text}"
    );
    let required = ["--force", "--require-convergence"];
    let ran = place.run(&simulate(&[&retract[..], &required].concat()));
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("converged, but there is no merged model: "), "{}", ran.stderr);

    let file = "title = \"t\"\nseeds = 1\n[[run]]\nname = \"a\"\nmodel = \"synthetic:4x4\"\n\
                nodes = 4\n\
                rounds = 8\nretract = [\"0@3\", \"1@3\", \"2@3\", \"3@3\"]\n";
    std::fs::write(place.path().join("s.toml"), file).unwrap();
    let ran = place.run(&["simulate", "--scenario", "s.toml", "--require-convergence"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, "no merged model: `a` with 1 of 1 seeds\n"));
    assert!(ran.stdout.contains("note: `a`, 1 of 1 seeds: no merged model: "), "{}", ran.stdout);
}

#[test]
fn notes_of_the_strategy_are_shown() {
    let place = Place::new();
    let flags = ["--nodes", "3", "--strategy", "krum", "--param", "f=100"];
    let text = place.ok(&simulate(&flags));
    assert!(says(&text, "note").contains("tolerates") && says(&text, "note").contains("not 100"));
}
