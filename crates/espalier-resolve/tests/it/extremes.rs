//! The largest numbers that there are: every merged element is finite and right, or an error
//! names it.

use espalier_identity::Digest;
use espalier_resolve::{
    Input, MergeWriteError, Note, Plan, ResolveError, SelectionCache, Strategy,
};
use espalier_tensor::{Dtype, Model, read_f64, write_f64};
use proptest::{prelude::*, strategy::Strategy as _};

use crate::{everything, strategy};

const FLOATS: [Dtype; 4] = [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::Bf16];

fn largest(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F64 => f64::MAX,
        Dtype::F32 => f64::from(f32::MAX),
        Dtype::F16 => 65504.0,
        _ => f64::from(f32::from_bits(0x7f7f_0000)),
    }
}

/// How far a result may be from the exact one, as a share of the largest number.
fn tolerance(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F64 => 1e-9,
        Dtype::F32 => 1e-5,
        Dtype::F16 => 1e-3,
        _ => 1e-2,
    }
}

/// Two tensors of one type.
fn model(dtype: Dtype, values: &[f64]) -> Model {
    let tensor = |name: &str, values: &[f64]| {
        let mut bytes = vec![0; values.len() * dtype.size()];
        write_f64(dtype, values, &mut bytes);
        (name.to_owned(), dtype, vec![values.len() as u64], bytes)
    };
    let (a, b) = values.split_at(values.len() / 2);
    Model::from_tensors(vec![tensor("a", a), tensor("b", b)]).expect("model")
}

fn vector(model: &Model) -> Vec<f64> {
    let mut all = Vec::new();
    for (meta, content) in model.tensors() {
        let mut values = vec![0.0; content.len() / meta.dtype.size()];
        read_f64(meta.dtype, content, &mut values);
        all.extend(values);
    }
    all
}

fn prepared<'a>(
    built: &'a Strategy,
    models: &'a [Model],
    weights: &[f64],
    base: &'a Model,
) -> Plan<'a> {
    // By place, so that a model in another type has the same masks and buckets.
    let input = |(i, (model, &weight)): (usize, (&'a Model, &f64))| Input {
        id: Digest::of_content(&[i as u8]),
        weight,
        model,
    };
    let inputs: Vec<Input<'a>> = models.iter().zip(weights).enumerate().map(input).collect();
    built.prepare(&inputs, Some(base), Digest::ZERO, &SelectionCache::new()).expect("fitting")
}

/// What a plan gives, after asking all ways of computing it, which must agree.
fn outcome(plan: &Plan<'_>) -> Result<Vec<f64>, ResolveError> {
    let model = plan.model();
    let error = model.as_ref().err();
    assert_eq!(plan.hash().err().as_ref(), error);
    assert_eq!(plan.hash().ok(), model.as_ref().ok().map(|model| model.manifest.clone()));
    let whole: Result<Vec<_>, _> =
        (0..plan.tensors()).map(|tensor| plan.run_tensor(tensor)).collect();
    assert_eq!(whole.err().as_ref(), error);
    let streamed: Result<Vec<_>, _> =
        (0..plan.tensors()).map(|tensor| plan.stream_tensor(tensor, |_| Ok(()))).collect();
    assert_eq!(streamed.err().as_ref(), error);
    let mut blocks = Vec::new();
    for (tensor, shape) in plan.shapes().iter().enumerate() {
        let mut block = vec![0.0; shape.shape[0] as usize];
        blocks.push(plan.block(tensor, 0, &mut block).map(|()| block));
    }
    let blocks: Result<Vec<_>, _> = blocks.into_iter().collect();
    assert_eq!(blocks.as_ref().err(), error);
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("out.safetensors");
    match (plan.write_safetensors(&Default::default(), &path, false), error) {
        (Ok(()), None) => {}
        (Err(MergeWriteError::Merge(written)), Some(error)) => {
            assert_eq!(&written, error);
            assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 0);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(blocks.ok().map(|blocks| blocks.concat()), model.as_ref().ok().map(vector));
    model.map(|model| vector(&model))
}

/// The strategy on the same values times a power of two in f64, where nothing overflows.
fn expected(
    built: &Strategy,
    rows: &[Vec<f64>],
    weights: &[f64],
    base: &[f64],
    dtype: Dtype,
) -> Vec<f64> {
    let factor = if dtype == Dtype::F64 { libm::scalbn(1.0, -900) } else { 1.0 };
    let scaled = |row: &[f64]| {
        let row: Vec<f64> = row.iter().map(|x| x * factor).collect();
        model(Dtype::F64, &row)
    };
    let models: Vec<Model> = rows.iter().map(|row| scaled(row)).collect();
    let base = scaled(base);
    let mut parameters = built.parameters().clone();
    parameters.insert("dtype".into(), "same".into());
    for length in ["tau", "clip"] {
        let scale = |text: &mut String| {
            if let Ok(length) = text.parse::<f64>() {
                *text = (length * factor).to_string();
            }
        };
        parameters.entry(length.into()).and_modify(scale);
    }
    let built = Strategy::new(built.name(), &parameters).expect("valid");
    let merged = prepared(&built, &models, weights, &base).model().expect("finite");
    // In units of the largest number of the type: f64 would overflow.
    vector(&merged).iter().map(|x| x / (largest(dtype) * factor)).collect()
}

fn check(built: &Strategy, rows: &[Vec<f64>], weights: &[f64], base: &[f64], dtype: Dtype) {
    let models: Vec<Model> = rows.iter().map(|row| model(dtype, row)).collect();
    let base_model = model(dtype, base);
    // As stored: what the type rounds is not at issue.
    let stored: Vec<Vec<f64>> = models.iter().map(vector).collect();
    let base = vector(&base_model);
    let plan = prepared(built, &models, weights, &base_model);
    let result = outcome(&plan);
    let what = || format!("{built} of {dtype}: {stored:?} {weights:?} {base:?}");
    if plan.notes().iter().any(|note| matches!(note, Note::NotFinite { .. })) {
        // A liar was left out: the result is among the others, or the base.
        let result = result.unwrap_or_else(|error| panic!("{error}: {}", what()));
        for (k, value) in result.iter().enumerate() {
            let column = || stored.iter().map(|row| row[k]).chain([base[k]]);
            let (low, high) =
                (column().fold(f64::MAX, f64::min), column().fold(f64::MIN, f64::max));
            assert!((low..=high).contains(value), "{value}: {}", what());
        }
        return;
    }
    let exact = expected(built, &stored, weights, &base, dtype);
    let tolerance = tolerance(dtype);
    match result {
        Ok(values) => {
            for (value, exact) in values.iter().zip(&exact) {
                let value = value / largest(dtype);
                assert!((value - exact).abs() <= tolerance, "{value} not {exact}: {}", what());
            }
        }
        Err(ResolveError::Overflow { tensor, element, dtype: named }) => {
            let element = element + if tensor == "b" { exact.len() / 2 } else { 0 };
            assert_eq!(named, dtype);
            assert!(exact[element].abs() > 1.0 - tolerance, "{element} {exact:?}: {}", what());
            let earlier = exact[..element].iter().all(|x| x.abs() < 1.0 + tolerance);
            assert!(earlier, "{element} is not the first of {exact:?}");
        }
        Err(other) => panic!("{other}: {}", what()),
    }
}

/// Shares of the largest number, often nearly the whole of it.
fn shares() -> impl proptest::strategy::Strategy<Value = f64> {
    prop_oneof![2 => -1.0_f64..=1.0, 1 => 0.95_f64..=1.0, 1 => -1.0_f64..=-0.95]
}

/// To quarters, for a strategy that looks at which differences are equal: those of quarters are
/// equal in every arithmetic, so that rounding decides nothing.
fn quarters(rows: &[Vec<f64>], largest: f64) -> Vec<Vec<f64>> {
    let quarter = |x: &f64| (x / largest * 4.0).round_ties_even() / 4.0 * largest;
    rows.iter().map(|row| row.iter().map(quarter).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_strategy_and_type(
        (rows, base, weights) in (1_usize..7).prop_flat_map(|n| (
            prop::collection::vec(prop::collection::vec(shares(), 6), n),
            prop::collection::vec(shares(), 6),
            prop::collection::vec(0.1_f64..4.0, n),
        )),
    ) {
        for dtype in FLOATS {
            let of = |row: &Vec<f64>| row.iter().map(|x| x * largest(dtype)).collect::<Vec<f64>>();
            let rows: Vec<Vec<f64>> = rows.iter().map(of).collect();
            let base = of(&base);
            let more: [(&str, &[(&str, &str)]); 3] = [
                ("task-arithmetic", &[("lambda", "-0.1")]),
                ("ties", &[("lambda", "2"), ("density", "1")]),
                ("dare-linear", &[("density", "0.5"), ("lambda", "0.25")]),
            ];
            let coarse = quarters(&rows, largest(dtype));
            let coarse_base = quarters(core::slice::from_ref(&base), largest(dtype)).remove(0);
            let equal = vec![1.0; weights.len()];
            for (name, pairs) in everything().chain(more) {
                let (rows, base) =
                    if name == "ties" { (&coarse, &coarse_base) } else { (&rows, &base) };
                // Of mixed rows that are equal, rounding says which is first; so let all weigh
                // the same there.
                let mixed = pairs.iter().any(|(parameter, _)| *parameter == "pre");
                for weights in [if mixed { &equal } else { &weights }, &equal] {
                    check(&strategy(name, pairs), rows, weights, base, dtype);
                }
            }
        }
    }
}

/// The lowest number there is, in models that are otherwise ordinary, as masks hold it.
#[test]
fn the_same_lowest_number_is_returned() {
    for dtype in FLOATS {
        let ordinary = [0.5, -1.25, 3.0, 0.0, -0.5];
        for lowest in [-largest(dtype), largest(dtype)] {
            let one = [&[lowest], &ordinary[..]].concat();
            for count in [2, 3, 4, 7] {
                let models = vec![model(dtype, &one); count];
                let base = model(dtype, &[lowest, 0.0, 0.0, 0.0, 0.0, 0.0]);
                let returning: [(&str, &[(&str, &str)]); 11] = [
                    ("weight-average", &[]),
                    ("average", &[("f", "0")]),
                    ("slerp", &[]),
                    ("median", &[("f", "0")]),
                    ("trimmed-mean", &[("f", "0")]),
                    ("meamed", &[("f", "0")]),
                    ("krum", &[]),
                    ("multi-krum", &[("f", "0")]),
                    ("mda", &[("f", "0")]),
                    ("geometric-median", &[]),
                    ("caf", &[("f", "0")]),
                ];
                for (name, pairs) in returning {
                    let built = strategy(name, pairs);
                    let result = outcome(&prepared(&built, &models, &vec![1.0; count], &base));
                    let result = result.expect("finite");
                    if matches!(count, 2 | 4) && name != "geometric-median" {
                        assert_eq!(result, vector(&models[0]), "{built} of {count} {dtype}");
                    }
                    let near = result[0] / lowest;
                    assert!((near - 1.0).abs() < 1e-6, "{built} of {count} {dtype}: {near}");
                }
            }
        }
    }
}

/// A minority that shows another number where all others hold the lowest one changes nothing.
#[test]
fn masks_do_not_blind_robust_strategies() {
    let low = f64::MIN;
    let mut rows: Vec<Vec<f64>> =
        (0..5).map(|i| vec![low, 1.0 + f64::from(i) / 8.0, 2.0, -1.0]).collect();
    rows.push(vec![0.0, 99.0, 99.0, 99.0]);
    let models: Vec<Model> = rows.iter().map(|row| model(Dtype::F64, row)).collect();
    let base = model(Dtype::F64, &[low, 0.0, 0.0, 0.0]);
    let built: [(&str, &[(&str, &str)]); 8] = [
        ("krum", &[("f", "1")]),
        ("multi-krum", &[("f", "1")]),
        ("mda", &[("f", "1")]),
        ("geometric-median", &[("f", "1")]),
        ("centered-clipping", &[("start", "core"), ("f", "1")]),
        ("caf", &[("f", "1")]),
        ("median", &[("pre", "nnm"), ("f", "1")]),
        ("meamed", &[("f", "1")]),
    ];
    for (name, pairs) in built {
        let built = strategy(name, pairs);
        let result = outcome(&prepared(&built, &models, &[1.0; 6], &base)).expect("finite");
        assert!((result[0] / low - 1.0).abs() < 1e-9, "{built}: {result:?}");
        assert!((1.0..=1.5).contains(&result[1]), "{built}: {result:?}");
    }
}

/// The smallest numbers there are have distances and directions, too.
#[test]
fn tiny_numbers_do_not_vanish() {
    let tiny = |row: [f64; 4]| model(Dtype::F64, &row.map(|x| x * 1e-200));
    let models =
        [tiny([1.0, 0.0, 0.0, 9.0]), tiny([0.0, 1.0, 0.0, 1.0]), tiny([0.0, 1.0, 0.1, 1.0])];
    let base = tiny([0.0; 4]);
    let result = |name, pairs: &[(&str, &str)]| {
        let built = strategy(name, pairs);
        let plan = prepared(&built, &models, &[1.0; 3], &base);
        (outcome(&plan).expect("finite"), Note::summary(plan.notes()))
    };
    assert_eq!(result("krum", &[("f", "1")]).0, vector(&models[1]));
    let (mean, notes) = result("slerp", &[]);
    assert!(notes.iter().all(|note| !note.contains("zero")), "{notes:?}");
    let norm = mean[..2].iter().map(|x| (x * 1e200) * (x * 1e200)).sum::<f64>().sqrt();
    assert!((norm - 1.0).abs() < 1e-9, "{mean:?}");
}

#[test]
fn what_does_not_fit_the_output_is_named() {
    let half = [
        model(Dtype::F16, &[1.0, 2.0, 60_000.0, 3.0]),
        model(Dtype::F16, &[1.0, 2.0, 40_000.0, 3.0]),
    ];
    let base = model(Dtype::F16, &[0.0; 4]);
    let sum = strategy("task-arithmetic", &[("normalize", "false")]);
    let error = outcome(&prepared(&sum, &half, &[1.0, 1.0], &base)).expect_err("too large");
    assert_eq!(
        error.to_string(),
        "tensor `b`: merged element 0 is too large for f16, whose largest value is 65504; the \
         parameter `dtype` can name a wider type"
    );
    let wide = strategy("task-arithmetic", &[("normalize", "false"), ("dtype", "f32")]);
    let result = outcome(&prepared(&wide, &half, &[1.0, 1.0], &base)).expect("fits");
    assert_eq!(result, [2.0, 4.0, 100_000.0, 6.0]);
    let single = [model(Dtype::F32, &[1e30, 1e5])];
    let narrow = strategy("weight-average", &[("dtype", "f16")]);
    let error = outcome(&prepared(&narrow, &single, &[1.0], &single[0])).expect_err("too large");
    assert!(matches!(error, ResolveError::Overflow { element: 0, dtype: Dtype::F16, .. }));
    // In f32 the sum overflows; an output of f64 holds it.
    let high = [model(Dtype::F32, &[3e38, 1.0]), model(Dtype::F32, &[3e38, 1.0])];
    let base = model(Dtype::F32, &[0.0; 2]);
    let wide = strategy("task-arithmetic", &[("normalize", "false"), ("dtype", "f64")]);
    let result = outcome(&prepared(&wide, &high, &[1.0, 1.0], &base)).expect("fits");
    assert_eq!(result, [2.0 * f64::from(3e38_f32), 2.0]);
}

/// Differences that f32 cannot hold are told apart all the same: the larger one is kept.
#[test]
fn ties_selects_among_differences_that_overflow() {
    let max = f64::from(f32::MAX);
    let base = model(Dtype::F32, &[-max, -max, 0.0, 0.0, 0.0, 0.0]);
    let models = [model(Dtype::F32, &[0.5 * max, max, 1.0, 0.0, 0.0, 0.0])];
    let built = strategy("ties", &[("density", "0.34")]);
    let result = outcome(&prepared(&built, &models, &[1.0], &base)).expect("finite");
    assert_eq!(result[..2], [-max, max]);
}
