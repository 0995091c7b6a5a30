//! Models from files.

use crate::{assert_nobody_honest_convicted, assert_one_model, refused, run, small};
use espalier_sim::{Config, Family, Share, SimError, nodes_of_folder, simulate};
use espalier_tensor::{Dtype, Model, write_f64, write_safetensors};
use std::fs::{self, File};
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Floats of one type, and integers that everybody shares.
fn model(dtype: Dtype, shift: f64) -> Model {
    let values: Vec<f64> = (0..300).map(|i| f64::from(i % 17) / 8.0 + shift).collect();
    let mut bytes = vec![0; 300 * dtype.size()];
    write_f64(dtype, &values, &mut bytes);
    let steps = (0..4_i64).flat_map(i64::to_le_bytes).collect();
    Model::from_tensors(vec![
        ("block.weight".into(), dtype, vec![15, 20], bytes),
        ("steps".into(), Dtype::I64, vec![4], steps),
    ])
    .unwrap()
}

fn write(folder: &TempDir, name: &str, model: &Model) -> PathBuf {
    let path = folder.path().join(name);
    write_safetensors(model, &Default::default(), &path, true).unwrap();
    path
}

fn of(path: &Path) -> Config {
    let model = path.to_str().unwrap().parse().unwrap();
    Config { nodes: 4, model, rounds: 10, ..small() }
}

#[test]
fn a_file_of_any_float_type_is_fine_tuned_and_merged() {
    let folder = TempDir::new().unwrap();
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16, Dtype::F64] {
        let base = model(dtype, 0.5);
        let path = write(&folder, &format!("{dtype}.safetensors"), &base);
        for strategy in ["weight-average", "ties", "slerp"] {
            let report = run(&Config { strategy: strategy.into(), ..of(&path) });
            assert_one_model(&report, &format!("{dtype}, {strategy}"));
            assert_eq!(report.model.base_root, Some(base.root()));
            assert_eq!(report.config.base_root, Some(base.root()));
            assert_eq!((report.model.tensors, report.model.parameters), (2, 304));
            assert_eq!(report.model.bytes, 300 * dtype.size() as u64 + 32);
            assert!(report.rounds[0].mean_pairwise_l2.unwrap() > 0.0, "{dtype}");
            assert_eq!(report.model.base_accuracy, None);
        }
    }
}

#[test]
fn liars_with_model_files_are_found() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "model.safetensors", &model(Dtype::Bf16, 0.5));
    for attack in ["scale", "nan", "equivocation"] {
        let attack = vec![attack.parse().unwrap()];
        let byzantine = Share::Count(2);
        let report = run(&Config { nodes: 8, byzantine, attack, rounds: 20, ..of(&path) });
        assert_eq!(report.summary.detection.unwrap().recall, 1.0);
        assert_eq!(report.summary.detection.unwrap().precision, Some(1.0));
        assert_nobody_honest_convicted(&report, "file");
    }
}

#[test]
fn a_sharded_model_is_the_same_as_a_whole_one() {
    let folder = TempDir::new().unwrap();
    let whole = model(Dtype::F32, 0.25);
    let one = |index: usize| {
        let (meta, bytes) = whole.tensors().nth(index).unwrap();
        let tensor = (meta.name.clone(), meta.dtype, meta.shape.clone(), bytes.to_vec());
        Model::from_tensors(vec![tensor]).unwrap()
    };
    write(&folder, "part-1.safetensors", &one(0));
    write(&folder, "part-2.safetensors", &one(1));
    let index = folder.path().join("model.safetensors.index.json");
    let map = r#"{"block.weight": "part-1.safetensors", "steps": "part-2.safetensors"}"#;
    fs::write(&index, format!(r#"{{"metadata": {{}}, "weight_map": {map}}}"#)).unwrap();

    let elsewhere = TempDir::new().unwrap();
    let file = write(&elsewhere, "model.safetensors", &whole);
    let expected = run(&of(&file)).summary;
    for path in [index.as_path(), folder.path()] {
        let summary = run(&of(path)).summary;
        assert_eq!(summary.final_state_hash, expected.final_state_hash);
        assert_eq!(summary.final_model_hash, expected.final_model_hash);
    }
    // A folder with one file is that file.
    assert_eq!(run(&of(elsewhere.path())).summary, expected);
}

/// Four models of a folder; a base among them if wanted.
fn folder_of_models(with_base: bool) -> TempDir {
    let folder = TempDir::new().unwrap();
    for i in 0..4 {
        write(&folder, &format!("node-{i}.safetensors"), &model(Dtype::F32, f64::from(i) / 7.0));
    }
    if with_base {
        write(&folder, "base.safetensors", &model(Dtype::F32, 0.2));
    }
    fs::write(folder.path().join("README.md"), "not a model").unwrap();
    folder
}

#[test]
fn a_folder_of_models_gives_each_node_one() {
    for with_base in [false, true] {
        let folder = folder_of_models(with_base);
        let config = of(folder.path());
        assert_eq!(nodes_of_folder(&config.model).unwrap(), Some(4));
        let report = run(&config);
        assert_one_model(&report, "folder");
        assert_eq!(report.model.base_root.is_some(), with_base);
        let contents: std::collections::BTreeSet<_> =
            report.trace.iter().filter_map(|op| op.content).collect();
        let files: std::collections::BTreeSet<_> =
            (0..4).map(|i| model(Dtype::F32, f64::from(i) / 7.0).root()).collect();
        assert_eq!(contents, files);

        let problem = refused(&Config { nodes: 5, ..config.clone() });
        assert!(
            problem.starts_with("nodes: ") && problem.contains("must be 4, one for each"),
            "{problem}"
        );
        let problem = refused(&Config { retrain: Some(3), ..config.clone() });
        assert!(problem.starts_with("retrain: "), "{problem}");
        let ties = Config { strategy: "ties".into(), ..config };
        if with_base {
            assert_one_model(&run(&ties), "ties");
        } else {
            let problem = refused(&ties);
            assert!(problem.contains("base.safetensors"), "{problem}");
        }
    }
}

/// The second file claims 64 GiB of data, which are holes: reading them would show.
#[test]
fn models_that_do_not_fit_are_refused_from_their_headers() {
    let folder = TempDir::new().unwrap();
    let first = write(&folder, "a.safetensors", &model(Dtype::F32, 0.0));
    let second = folder.path().join("b.safetensors");
    let elements = 1_u64 << 34;
    let header = format!(
        r#"{{"block.weight":{{"dtype":"F32","shape":[{elements}],"data_offsets":[0,{}]}}}}"#,
        4 * elements
    );
    let mut file = File::create(&second).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.set_len(8 + header.len() as u64 + 4 * elements).unwrap();
    let config = Config { nodes: 2, ..of(folder.path()) };
    match simulate(&config, &mut |_| ControlFlow::Continue(())) {
        Err(SimError::Mismatch { first: a, second: b, mismatch }) => {
            assert_eq!((a, b), (first, second));
            assert_eq!(mismatch.tensor, "block.weight");
        }
        other => panic!("{other:?}"),
    }
    let problem = refused(&config);
    for part in ["model: ", "a.safetensors", "b.safetensors", "block.weight", "[15, 20]"] {
        assert!(problem.contains(part), "{part}: {problem}");
    }
}

#[test]
fn a_base_that_does_not_fit_is_named() {
    let folder = folder_of_models(false);
    write(&folder, "base.safetensors", &model(Dtype::F16, 0.0));
    let problem = refused(&of(folder.path()));
    assert!(problem.contains("base.safetensors") && problem.contains("f16"), "{problem}");
}

#[test]
fn what_is_no_model_is_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("garbage.safetensors"), [0xff; 100]).unwrap();
    fs::write(at("empty.safetensors"), []).unwrap();
    fs::create_dir(at("nothing")).unwrap();
    let integers = Model::from_tensors(vec![("n".into(), Dtype::I64, vec![1], vec![0; 8])]);
    write(&folder, "integers.safetensors", &integers.unwrap());
    let names = ["garbage.safetensors", "empty.safetensors", "nothing", "integers.safetensors"];
    for name in names {
        let problem = refused(&of(Path::new(&at(name))));
        assert!(problem.starts_with("model: ") && problem.contains(name), "{problem}");
    }
    let problem = refused(&of(Path::new(&at("absent.safetensors"))));
    assert!(problem.contains("there is no file or folder"), "{problem}");
    assert!(problem.contains("digits") && problem.contains("synthetic:SHAPE"), "{problem}");
    for (word, meant) in [("digit", "`digits`"), ("synthetic", "`synthetic:16x16`")] {
        let problem = refused(&of(Path::new(word)));
        assert!(problem.contains(&format!("did you mean {meant}?")), "{problem}");
    }
    assert_eq!(nodes_of_folder(&Family::Digits).unwrap(), None);
}

#[test]
fn a_report_of_a_changed_file_is_not_checked() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "model.safetensors", &model(Dtype::F32, 0.0));
    let json = run(&of(&path)).to_json();
    let verify = || espalier_sim::verify_report(&json, &mut |_| ControlFlow::Continue(()));
    assert_eq!(verify().unwrap(), []);
    write(&folder, "model.safetensors", &model(Dtype::F32, 1.0));
    match verify() {
        Err(espalier_sim::VerifyError::Run(SimError::BaseChanged { expected, found })) => {
            assert_eq!(expected, model(Dtype::F32, 0.0).root());
            assert_eq!(found, model(Dtype::F32, 1.0).root());
        }
        other => panic!("{other:?}"),
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(verify(), Err(espalier_sim::VerifyError::Run(SimError::Field { .. }))));
}

#[test]
fn what_is_hidden_or_a_shard_is_not_a_node() {
    let folder = folder_of_models(true);
    let family = || of(folder.path()).model;
    let nodes = nodes_of_folder(&family()).unwrap();
    for name in [".m0.safetensors.part.safetensors", "._m1.safetensors", ".base.safetensors"] {
        write(&folder, name, &model(Dtype::F32, 9.0));
    }
    fs::write(folder.path().join(".x.safetensors.index.json"), "{}").unwrap();
    assert_eq!(nodes_of_folder(&family()).unwrap(), nodes);
    write(&folder, "model-00001-of-00002.safetensors", &model(Dtype::F32, 0.0));
    let problem = nodes_of_folder(&family()).unwrap_err().to_string();
    assert!(problem.contains("one of 2 shards of one model"), "{problem}");
}

#[test]
fn a_report_of_a_changed_folder_shows_where() {
    let folder = folder_of_models(false);
    let json = run(&of(folder.path())).to_json();
    write(&folder, "node-2.safetensors", &model(Dtype::F32, 3.0));
    let found = espalier_sim::verify_report(&json, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(found.iter().any(|difference| difference.place.starts_with("trace[")), "{found:?}");
}
