//! Laws of all strategies: order, identity, threads, caches, memory, files.

use espalier_identity::Digest;
use espalier_resolve::{Input, SelectionCache, canonical_order, registry};
use espalier_tensor::{Dtype, Model, open_safetensors, write_safetensors};
use proptest::prelude::*;

use crate::{everything, inputs, plan, seeded, strategy};

const SIZES: [usize; 3] = [40, 0, 1000];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_arrival_does_not_matter(
        (order, weights) in (1_usize..7).prop_flat_map(|n| (
            Just((0..n).collect::<Vec<_>>()).prop_shuffle(),
            prop::collection::vec(0.01_f64..100.0, n),
        ))
    ) {
        let base = seeded(0, Dtype::F32, &SIZES);
        let models: Vec<Model> =
            (0..order.len()).map(|i| seeded(1 + i as u32, Dtype::F32, &SIZES)).collect();
        let mut sorted = inputs(&models, &weights);
        let mut shuffled: Vec<Input<'_>> = order.iter().map(|&i| sorted[i]).collect();
        canonical_order(&mut sorted);
        canonical_order(&mut shuffled);
        for (name, pairs) in everything() {
            let built = strategy(name, pairs);
            let first = plan(&built, &sorted, &base).model().expect("finite");
            prop_assert_eq!(first, plan(&built, &shuffled, &base).model().expect("finite"));
        }
    }

    /// An element does not depend on the range it is asked for with.
    #[test]
    fn blocks_are_pieces_of_the_whole(start in 0_usize..9000, len in 0_usize..9000) {
        let base = seeded(0, Dtype::F32, &[9000]);
        let models: Vec<Model> = (1..4).map(|s| seeded(s, Dtype::F32, &[9000])).collect();
        let inputs = inputs(&models, &[1.0, 2.0, 3.0]);
        let end = (start + len).min(9000);
        for (name, pairs) in everything() {
            let built = strategy(name, pairs);
            let plan = plan(&built, &inputs, &base);
            let whole = plan.model().expect("finite").values_f32("t0").expect("present");
            let mut block = vec![0.0; end - start];
            plan.block(1, start, &mut block).expect("finite");
            let whole: Vec<f64> = whole[start..end].iter().map(|&x| f64::from(x)).collect();
            prop_assert_eq!(whole, block);
        }
    }
}

#[test]
fn a_single_input_is_returned() {
    let base = seeded(0, Dtype::F32, &SIZES);
    let models = [seeded(1, Dtype::F32, &SIZES)];
    for (name, pairs) in
        [("weight-average", &[][..]), ("slerp", &[]), ("median", &[]), ("trimmed-mean", &[])]
    {
        let built = strategy(name, pairs);
        let weighted = inputs(&models, &[0.3]);
        assert_eq!(plan(&built, &weighted, &base).model().expect("finite"), models[0], "{built}");
    }
    // Strategies on differences: b + (x - b), which is x up to the rounding of the difference.
    for (name, pairs) in [
        ("task-arithmetic", &[("normalize", "true")][..]),
        ("ties", &[("density", "1")]),
        ("dare-linear", &[("density", "1"), ("normalize", "true")]),
    ] {
        let built = strategy(name, &[pairs, &[("accumulate", "f64")]].concat());
        let weighted = inputs(&models, &[0.3]);
        assert_eq!(plan(&built, &weighted, &base).model().expect("finite"), models[0], "{built}");
    }
}

/// Whatever their number, weights, values and element type.
#[test]
fn equal_inputs_are_returned() {
    let means: Vec<_> = registry().filter(|info| !info.needs_base).collect();
    assert!(means.len() >= 10, "{means:?}");
    let extreme = |value: f32| Model::from_f32(&[("w", &[3], &[value, 1.0, -0.1])]).expect("valid");
    let mut ones = [Dtype::F32, Dtype::F16, Dtype::Bf16, Dtype::F64]
        .map(|dtype| seeded(1, dtype, &SIZES))
        .to_vec();
    ones.extend([f32::MIN, f32::MAX, 1e-45, -0.0].map(extreme));
    for (one, count) in ones.iter().flat_map(|one| [2, 3, 4, 5, 7, 50].map(|count| (one, count))) {
        let models = vec![one.clone(); count];
        let different: Vec<f64> = (0..count).map(|i| 0.1 + i as f64).collect();
        let equal = vec![0.3; count];
        for (info, weights) in means.iter().flat_map(|info| [(info, &different), (info, &equal)]) {
            let built = strategy(info.name, &[]);
            let inputs = inputs(&models, weights);
            let merged = built.prepare(&inputs, None, Digest::ZERO, &SelectionCache::new());
            let merged = merged.expect("valid inputs").model().expect("finite");
            assert_eq!(&merged, one, "{built} of {count}");
        }
    }
}

#[test]
fn dare_keeps_the_mean_and_the_density() {
    let n = 64;
    let base = Model::from_f32(&[("w", &[n], &[1.0; 64])]).expect("model");
    let input = Model::from_f32(&[("w", &[n], &[3.0; 64])]).expect("model");
    let built = strategy("dare-linear", &[("density", "0.25")]);
    let seeds = 400_u32;
    let (mut sum, mut kept) = (0.0, 0);
    for seed in 0..seeds {
        let seed = Digest::of_content(&seed.to_le_bytes());
        let input = [Input { id: input.root(), weight: 1.0, model: &input }];
        let plan = built.prepare(&input, Some(&base), seed, &SelectionCache::new()).expect("fits");
        let values = plan.model().expect("finite").values_f32("w").expect("present");
        sum += values.iter().map(|v| f64::from(*v)).sum::<f64>();
        kept += values.iter().filter(|v| **v != 1.0).count();
        assert!(values.iter().all(|v| *v == 1.0 || *v == 9.0));
    }
    let total = f64::from(seeds) * n as f64;
    // Standard errors: 8 sqrt(.25 × .75 / 25,600) = .022 and sqrt(.25 × .75 / 25,600) = .0027.
    assert!((sum / total - 3.0).abs() < 0.11, "{}", sum / total);
    assert!((kept as f64 / total - 0.25).abs() < 0.014);
}

#[test]
fn robust_strategies_resist_a_minority() {
    let base = seeded(0, Dtype::F32, &[500]);
    let mut models: Vec<Model> = vec![seeded(1, Dtype::F32, &[500]); 5];
    let ids = ("ids".to_owned(), Dtype::I64, vec![2], vec![7; 16]);
    for (i, bad) in [1e30_f32, -1e30, f32::NAN, f32::INFINITY].into_iter().enumerate() {
        let bytes = (0..500).flat_map(|_| bad.to_le_bytes()).collect();
        let tensors = vec![ids.clone(), ("t0".into(), Dtype::F32, vec![500], bytes)];
        models.insert(i, Model::from_tensors(tensors).expect("model"));
    }
    for (name, pairs) in [("median", &[][..]), ("trimmed-mean", &[("f", "0.45")])] {
        let built = strategy(name, pairs);
        let merged = plan(&built, &inputs(&models, &[1.0; 9]), &base).model().expect("finite");
        assert_eq!(merged, models[8], "{built}");
    }
}

/// Weights so small that f32 cannot tell them from zero must not make a mean of nothing.
#[test]
fn tiny_weights_do_not_divide_by_zero() {
    let base = seeded(0, Dtype::F32, &[200]);
    let models: Vec<Model> = (1..9).map(|seed| seeded(seed, Dtype::F32, &[200])).collect();
    let weights = [1e-40, 1e-40, 1e-40, 1e-40, 1e-40, 1e-40, 1e30, 1.0];
    for (name, pairs) in everything().chain([("trimmed-mean", &[("f", "0.4")][..])]) {
        let built = strategy(name, pairs);
        let merged = plan(&built, &inputs(&models, &weights), &base).model().expect("finite");
        let values = merged.values_f32("t0").expect("present");
        assert!(values.iter().all(|v| v.is_finite()), "{built}");
    }
}

/// Where no input is finite, there is the same error everywhere; elsewhere the same bits.
#[test]
fn nan_and_infinities_do_not_panic_and_are_one_error() {
    let base = seeded(0, Dtype::F32, &[6]);
    let ids = ("ids".to_owned(), Dtype::I64, vec![2], vec![7; 16]);
    let bad = |bits: u32| {
        let values = [bits, f32::INFINITY.to_bits(), 0xff80_0000, 0x8000_0000, 1, 0x7f7f_ffff];
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let tensors = vec![ids.clone(), ("t0".into(), Dtype::F32, vec![6], bytes)];
        Model::from_tensors(tensors).expect("model")
    };
    let first = [bad(0x7fc0_0000), bad(0x7fc0_0000), seeded(1, Dtype::F32, &[6])];
    let other = [bad(0x7fff_ffff), bad(0x7f80_0001), seeded(1, Dtype::F32, &[6])];
    for (name, pairs) in everything() {
        let built = strategy(name, pairs);
        let merged = |models: &[Model]| {
            let mut inputs = inputs(models, &[1.0; 3]);
            inputs.iter_mut().enumerate().for_each(|(i, input)| {
                input.id = Digest::of_content(&[i as u8]);
            });
            let plan = plan(&built, &inputs, &base);
            let single = |element| {
                let mut value = [0.0];
                plan.block(1, element, &mut value).map(|()| value)
            };
            let model = plan.model();
            assert_eq!(plan.hash().err(), model.as_ref().err().cloned(), "{built}");
            assert_eq!(plan.run_tensor(1).err(), model.as_ref().err().cloned(), "{built}");
            (model, (0..6).map(single).collect::<Vec<_>>())
        };
        let ((model, elements), again) = (merged(&first), merged(&other));
        assert_eq!((&model, &elements), (&again.0, &again.1), "{built}");
        assert_eq!(model.err().as_ref(), elements.iter().find_map(|e| e.as_ref().err()), "{built}");
    }
}

#[test]
fn caches_change_nothing_and_are_used() {
    let base = seeded(0, Dtype::F32, &SIZES);
    let models: Vec<Model> = (1..5).map(|seed| seeded(seed, Dtype::F32, &SIZES)).collect();
    let all = inputs(&models, &[1.0; 4]);
    let built = strategy("ties", &[]);
    let cache = SelectionCache::new();
    let prepare = |inputs: &[Input<'_>]| {
        let plan = built.prepare(inputs, Some(&base), Digest::ZERO, &cache).expect("fits");
        plan.hash().expect("finite")
    };
    for count in [2, 4, 4, 1] {
        assert_eq!(
            prepare(&all[..count]),
            plan(&built, &all[..count], &base).hash().expect("finite")
        );
    }
    // Two tensors that are not empty, four inputs.
    assert_eq!(cache.len(), 8);
    let content = models[0].meta(1).content;
    cache.retain(|digest| *digest != content);
    assert_eq!(cache.len(), 7);
    let other = strategy("ties", &[("density", "0.7")]);
    other.prepare(&all, Some(&base), Digest::ZERO, &cache).expect("fits");
    assert_eq!(cache.len(), 15);
    cache.clear();
    assert!(cache.is_empty());
}

#[test]
fn one_thread_or_two() {
    let sizes = [300_000, 3];
    let base = seeded(0, Dtype::F32, &sizes);
    let models: Vec<Model> = (1..4).map(|seed| seeded(seed, Dtype::F32, &sizes)).collect();
    let inputs = inputs(&models, &[1.0, 2.0, 3.0]);
    for (name, pairs) in everything() {
        let built = strategy(name, pairs);
        let merged = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("a pool").install(|| {
                let plan = plan(&built, &inputs, &base);
                (plan.model().expect("finite"), plan.hash().expect("finite"))
            })
        };
        let (one, two) = (merged(1), merged(2));
        assert_eq!(one, two, "{built}");
        assert_eq!(one.0.manifest, one.1);
    }
}

#[test]
fn straight_into_a_file() {
    let folder = tempfile::tempdir().expect("folder");
    let sizes = [100_000, 5];
    let base = seeded(0, Dtype::Bf16, &sizes);
    // Mapped inputs, so that releasing them is part of the test.
    let models: Vec<Model> = (1..4)
        .map(|seed| {
            let path = folder.path().join(format!("{seed}.safetensors"));
            let model = seeded(seed, Dtype::Bf16, &sizes);
            write_safetensors(&model, &Default::default(), &path, false).expect("written");
            open_safetensors(&path).and_then(|file| file.into_model()).expect("mapped")
        })
        .collect();
    let built = strategy("ties", &[("dtype", "f32")]);
    let inputs = inputs(&models, &[1.0; 3]);
    let plan = plan(&built, &inputs, &base);
    let path = folder.path().join("out.safetensors");
    plan.write_safetensors(&Default::default(), &path, false).expect("written");
    let read = open_safetensors(&path).and_then(|file| file.into_model()).expect("read");
    assert_eq!(read.manifest, plan.hash().expect("finite"));
    assert_eq!(read.meta(1).dtype, Dtype::F32);
    assert!(plan.write_safetensors(&Default::default(), &path, false).is_err());
}

/// What a file says about its tensors is said about the merged ones, too.
#[test]
fn free_text_survives_a_merge() {
    let folder = tempfile::tempdir().expect("folder");
    let text = |pairs: &[(&str, &str)]| crate::parameters(pairs);
    let file = |name: &str, seed, metadata: &[(&str, &str)]| {
        let path = folder.path().join(name);
        write_safetensors(&seeded(seed, Dtype::F32, &[3]), &text(metadata), &path, false)
            .expect("written");
        open_safetensors(&path).and_then(|file| file.into_model()).expect("read")
    };
    let base = file("base", 0, &[("format", "pt"), ("from", "base")]);
    let models = [file("a", 1, &[("format", "tf")]), file("b", 2, &[])];
    let built = strategy("linear", &[]);
    let inputs = inputs(&models, &[1.0; 2]);
    let written = |base: Option<&Model>, name: &str, more: &[(&str, &str)]| {
        let plan = built.prepare(&inputs, base, Digest::ZERO, &SelectionCache::new()).expect("fit");
        let path = folder.path().join(name);
        plan.write_safetensors(&text(more), &path, false).expect("written");
        let notes = espalier_resolve::Note::summary(plan.notes());
        let model = plan.model().expect("finite");
        assert_eq!(model.metadata(), plan.metadata());
        (open_safetensors(&path).expect("read").metadata().clone(), notes)
    };
    let said = text(&[("format", "pt"), ("from", "base")]);
    assert_eq!(written(Some(&base), "1", &[]), (said, vec![]));
    let said = text(&[("format", "pt"), ("from", "merge"), ("by", "us")]);
    assert_eq!(written(Some(&base), "2", &[("from", "merge"), ("by", "us")]).0, said);
    assert_eq!(written(None, "3", &[]).0, text(&[("format", "tf")]));
    assert_eq!(written(Some(&seeded(0, Dtype::F32, &[3])), "4", &[]).0, text(&[("format", "tf")]));
    let long = base.clone().with_metadata(text(&[("format", &"x".repeat(1 << 20))]));
    assert_eq!(long, base, "it is no part of a model's identity");
    let note = "the free text of the model's header was left out: 1048582 bytes, more than 2^20";
    assert_eq!(written(Some(&long), "5", &[]), (text(&[]), vec![note.to_owned()]));
}

/// The factors do what the merge does, up to its rounding.
#[test]
fn affine_coefficients_describe_the_merge() {
    let base = seeded(0, Dtype::F64, &[50]);
    let models: Vec<Model> = (1..4).map(|seed| seeded(seed, Dtype::F64, &[50])).collect();
    let inputs = inputs(&models, &[1.0, 2.0, 0.5]);
    let read = |model: &Model| {
        let mut values = vec![0.0; 50];
        espalier_tensor::read_f64(Dtype::F64, model.content(1), &mut values);
        values
    };
    for (name, pairs) in everything() {
        let built = strategy(name, pairs);
        let plan = plan(&built, &inputs, &base);
        let affine = name == "weight-average" || name == "task-arithmetic";
        assert_eq!(plan.coefficients().is_some(), affine, "{name}");
        let Some((factors, base_factor)) = plan.coefficients() else { continue };
        assert!((factors.iter().sum::<f64>() + base_factor - 1.0).abs() < 1e-12);
        let rows: Vec<Vec<f64>> = models.iter().map(read).collect();
        for (i, value) in read(&plan.model().expect("finite")).iter().enumerate() {
            let terms = rows.iter().zip(&factors).map(|(row, factor)| factor * row[i]);
            let expected = terms.sum::<f64>() + base_factor * read(&base)[i];
            assert!((value - expected).abs() < 1e-12);
        }
    }
}

#[test]
fn notes_say_what_was_done_on_purpose() {
    let base = Model::from_f32(&[("w", &[3], &[1.0, 2.0, 3.0])]).expect("model");
    let near = Model::from_f32(&[("w", &[3], &[1.0, 2.0, 3.001])]).expect("model");
    let models = [base.clone(), near];
    let inputs = inputs(&models, &[1.0, 1.0]);
    let text = |name: &str, pairs: &[(&str, &str)]| {
        let built = strategy(name, pairs);
        let notes: Vec<_> =
            plan(&built, &inputs, &base).notes().iter().map(ToString::to_string).collect();
        notes.join("\n")
    };
    assert_eq!(
        text("ties", &[("density", "0.3")]),
        "tensor `w`: the density keeps none of its elements (3); one was kept"
    );
    assert_eq!(
        text("slerp", &[]),
        "tensor `w`: averaged linearly because all directions are nearly parallel"
    );
    assert_eq!(text("slerp", &[("parallel", "1")]), "");
    assert_eq!(text("ties", &[("density", "0.4")]), "");
    assert_eq!(
        text("dare-linear", &[("density", "1e-12")]),
        "a density of 0.000000000001 is below 2^-32 and counts as that"
    );
}

/// Opposite directions have no mean on the sphere, whatever their weights.
#[test]
fn opposite_directions_are_averaged_linearly_with_a_note() {
    let row = Model::from_f32(&[("w", &[3], &[1.0, -2.0, 0.5])]).expect("model");
    let opposite = Model::from_f32(&[("w", &[3], &[-2.0, 4.0, -1.0])]).expect("model");
    let models = [row.clone(), opposite];
    let slerp = strategy("slerp", &[]);
    for (weights, expected) in [([3.0, 1.0], [0.25, -0.5, 0.125]), ([1.0, 1.0], [-0.5, 1.0, -0.25])]
    {
        let inputs = inputs(&models, &weights);
        let plan = plan(&slerp, &inputs, &row);
        let values = plan.model().expect("finite").values_f32("w").expect("present");
        assert_eq!(values, expected);
        let note = "tensor `w`: averaged linearly because two directions are nearly opposite";
        assert_eq!(espalier_resolve::Note::summary(plan.notes()), [note]);
        let json = serde_json::to_value(plan.notes()).expect("JSON");
        assert_eq!(json, serde_json::json!([note]));
    }
}

#[test]
fn weights_that_are_too_small_are_told() {
    let models: Vec<Model> = (1..4).map(|seed| seeded(seed, Dtype::F32, &[3])).collect();
    let inputs = inputs(&models, &[1e-30, 1.0, 1e-20]);
    let notes = |name| {
        let built = strategy(name, &[]);
        espalier_resolve::Note::summary(plan(&built, &inputs, &models[0]).notes())
    };
    let note = "weights below 2^-60 of the largest, which count as that: 2 of 3";
    assert_eq!(notes("linear"), [note]);
    assert_eq!(notes("krum"), [""; 0]);
}
