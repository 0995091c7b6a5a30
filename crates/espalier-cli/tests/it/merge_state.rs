//! A merge of files and a state in a folder come to the same model.

use crate::Place;
use espalier::prelude::*;

/// A base and three models tuned from it, and a key for each of them.
fn tuned(place: &Place) {
    for (seed, name) in ["base", "a", "b", "c"].into_iter().enumerate() {
        let value = |at: u64| {
            let noise = |seed: u64| (at * 7_919 + seed * 104_729) % 10_007;
            let base = noise(1) as f32 / 977.0 - 5.0;
            let change = (noise(seed as u64 + 2) as f32 / 10_007.0 - 0.5) / 64.0;
            if seed == 0 { base } else { base + change }
        };
        let values: Vec<f32> = (0..1_003).map(value).collect();
        let (w, b) = values.split_at(1_000);
        let model = Model::from_f32(&[("w", &[50, 20], w), ("b", &[3], b)]).unwrap();
        let file = place.path().join(format!("{name}.safetensors"));
        write_safetensors(&model, &Default::default(), file, false).unwrap();
        if seed > 0 {
            place.ok(&["key", "new", &format!("{name}.key")]);
        }
    }
}

#[test]
fn in_f64_files_and_a_state_merge_to_the_same_bits() {
    let place = Place::new();
    tuned(&place);
    let cases: [(&str, &[&str], &[&str]); 3] = [
        ("weight-average", &[], &[]),
        ("task-arithmetic", &["--base", "base.safetensors"], &["normalize=true"]),
        ("ties", &["--base", "base.safetensors"], &["density=0.2"]),
    ];
    for (strategy, base, parameters) in cases {
        let init = ["state", "init", strategy, "--strategy", strategy, "--param", "accumulate=f64"];
        place.ok(&[&init[..], base].concat());
        for name in ["a", "b", "c"] {
            let (model, key) = (format!("{name}.safetensors"), format!("{name}.key"));
            place.ok(&["state", "add", strategy, &model, "--key", &key]);
        }
        let out = |kind: &str| format!("{strategy}-{kind}.safetensors");
        place.ok(&["state", "resolve", strategy, "-o", &out("state")]);
        let mut merge = vec!["merge", "--strategy", strategy, "--precise"];
        merge.extend(base);
        parameters.iter().for_each(|parameter| merge.extend(["--param", parameter]));
        // Not in the order of their contents, in which a state merges.
        let file = out("files");
        for models in [["c", "a", "b"], ["a", "b", "c"]] {
            let models = models.map(|name| format!("{name}.safetensors"));
            let models = models.iter().map(String::as_str);
            let args: Vec<&str> =
                merge.iter().copied().chain(models).chain(["--force", "-o", &file]).collect();
            place.ok(&args);
            let read = |kind: &str| {
                let path = place.path().join(out(kind));
                open_safetensors(path).unwrap().into_model().unwrap()
            };
            assert_eq!(read("files"), read("state"), "{strategy}");
        }
    }
}
