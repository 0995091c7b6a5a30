//! What another merger makes of the same recipes; see `fixtures/README.md`.

use crate::common::ready;
use espalier_tensor::{Dtype, Model, open_safetensors, read_f64};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;

/// What a case is for, and how closely to compare.
#[derive(Debug, Deserialize)]
struct Case {
    compare: String,
    about: String,
}

/// Cases of which we make something else on purpose, and why.
const DIFFERENT: &[(&str, &str)] = &[("error-dtype", "`bf16` is a name for bfloat16 here")];

#[test]
fn fixtures_of_another_merger_come_out_alike() {
    let folder = espalier_testkit::fixture_path("merge");
    let cases = fs::read_to_string(folder.join("cases.json")).expect("the cases");
    let cases: BTreeMap<String, Case> = serde_json::from_str(&cases).expect("JSON");
    let mut wrong = Vec::new();
    for (name, case) in &cases {
        if DIFFERENT.iter().any(|(different, _)| different == name) {
            continue;
        }
        let place = folder.join("cases").join(name);
        let yaml = fs::read_to_string(place.join("config.yml")).expect("a recipe");
        let expected = place.join("expected.safetensors");
        let problem = match (ready(&folder, &yaml), expected.exists()) {
            (Ok(ready), true) => {
                let out = tempfile::tempdir().expect("a folder");
                let expected = open_safetensors(expected).expect("opens");
                let expected = expected.into_model().expect("a model");
                compare(&expected, &ready.merged(out.path()), &case.compare)
            }
            (Err(_), false) => None,
            (Ok(_), false) => Some("it is refused elsewhere".to_owned()),
            (Err(error), true) => Some(error),
        };
        wrong.extend(problem.map(|problem| format!("{name} ({}): {problem}", case.about)));
    }
    assert!(cases.len() > 60, "only {} cases", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compare(expected: &Model, found: &Model, how: &str) -> Option<String> {
    let names = |model: &Model| -> Vec<_> {
        let tensors = model.manifest.tensors().iter();
        tensors.map(|meta| (meta.name.clone(), meta.dtype, meta.shape.clone())).collect()
    };
    let (theirs, ours) = (names(expected), names(found));
    if theirs != ours {
        return Some(format!("other tensors: {theirs:?}, and ours {ours:?}"));
    }
    for (index, (name, dtype, _)) in ours.iter().enumerate() {
        let (a, b) = (expected.content(index), found.content(index));
        if a[..] == b[..] {
            continue;
        }
        if how == "bits" {
            return Some(format!("{name} has other bytes"));
        }
        let values = |bytes: &[u8]| {
            let mut values = vec![0.0; bytes.len() / dtype.size()];
            read_f64(*dtype, bytes, &mut values);
            values
        };
        let (a, b) = (values(a), values(b));
        let square = a.iter().map(|x| x * x).sum::<f64>() / a.len() as f64;
        // Units in the last place of the 16-bit types.
        let units = if how == "near" { 2.0 } else { 1.0 };
        let within = match dtype {
            Dtype::Bf16 => units * 7.82e-3,
            Dtype::F16 => units * 9.8e-4,
            _ => 1e-5,
        };
        let far = a.iter().zip(&b).map(|(x, y)| (x - y).abs() / x.abs().max(square.sqrt()));
        let far = far.fold(0.0, f64::max);
        if far > within {
            return Some(format!("{name} is {far:.1e} away"));
        }
    }
    None
}
