//! Strategies of policies that merge by the formula of a recipe's method: the same bits as there,
//! and what every strategy promises.

use std::{collections::BTreeMap, sync::Mutex};

use espalier_identity::Digest;
use espalier_resolve::{
    Input, ResolveError, SelectionCache, canonical_order, find_method,
    methods::{Job, Row, Working},
    registry,
};
use espalier_tensor::{Dtype, Model, random::Stream, write_f32};
use proptest::prelude::*;

use crate::{ALL, FORMULAS, ROBUST, inputs, parameters, plan, strategy};

/// Differences of two matrices, a vector and a scalar from normal values; and an empty tensor.
fn model(seed: u32, dtype: Dtype, size: f32) -> Model {
    let mut start = 0;
    let mut tensor = |name: &str, shape: &[u64]| {
        let n = shape.iter().product::<u64>() as usize;
        let draw = |seed: u32| {
            let mut values = vec![0.0; n];
            Stream::new(Digest::of_content(&seed.to_le_bytes())).fill_normal(start, &mut values);
            values
        };
        let values: Vec<f32> = draw(0).iter().zip(draw(seed)).map(|(b, d)| b + size * d).collect();
        start += n as u64;
        let mut bytes = vec![0; n * dtype.size()];
        write_f32(dtype, &values, &mut bytes);
        (name.to_owned(), dtype, shape.to_vec(), bytes)
    };
    let shapes: [(&str, &[u64]); 5] =
        [("a", &[90, 100]), ("b", &[7, 5, 3]), ("c", &[300]), ("d", &[]), ("e", &[0, 4])];
    Model::from_tensors(shapes.map(|(name, shape)| tensor(name, shape)).into()).expect("valid")
}

fn some(count: u32, dtype: Dtype) -> (Model, Vec<Model>) {
    (model(0, dtype, 0.0), (1..=count).map(|seed| model(seed, dtype, 0.1)).collect())
}

#[test]
fn every_strategy_is_tested() {
    let all = ALL.iter().map(|case| case.0).chain(ROBUST.iter().map(|case| case.0));
    let mut tested: Vec<_> = all.chain(FORMULAS.iter().map(|case| case.0)).collect();
    let mut known: Vec<_> = registry().map(|info| info.name).collect();
    tested.sort_unstable();
    tested.dedup();
    known.sort_unstable();
    assert_eq!(tested, known);
}

/// What a recipe makes of a tensor, with these parameters for all inputs.
fn recipe(
    method: &str,
    given: &BTreeMap<String, String>,
    models: &[Model],
    weights: &[f64],
    base: &Model,
    tensor: usize,
) -> Vec<u8> {
    let info = find_method(method).expect("a method");
    let named = |parameters: &[espalier_resolve::ParameterInfo]| -> BTreeMap<String, String> {
        let of = |p: &espalier_resolve::ParameterInfo| given.get_key_value(p.name);
        parameters.iter().filter_map(of).map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    let own = |weight: &f64| {
        let mut own = named(info.per_input);
        if info.per_input.iter().any(|parameter| parameter.name == "weight") {
            own.insert("weight".into(), weight.to_string());
        }
        info.check_input(&own).expect("valid")
    };
    let own: Vec<_> = weights.iter().map(own).collect();
    let shared = info.check_shared(&named(info.shared)).expect("valid");
    let meta = base.meta(tensor);
    let bytes = |model: &Model| model.content(tensor).to_vec();
    let (rows, base): (Vec<Vec<u8>>, Vec<u8>) = (models.iter().map(bytes).collect(), bytes(base));
    let none = BTreeMap::new();
    let working = if meta.dtype == Dtype::F64 { Working::F64 } else { Working::F32 };
    let rows = rows.iter().zip(&own);
    let job = Job {
        method: info,
        shared: &shared,
        name: &meta.name,
        shape: &meta.shape,
        inputs: rows
            .map(|(source, parameters)| Row { source, dtype: meta.dtype, parameters })
            .collect(),
        base: Some(Row { source: &base, dtype: meta.dtype, parameters: &none }),
        working,
        out: meta.dtype,
        seed: Digest::ZERO,
    };
    let out = Mutex::new(vec![0; base.len()]);
    let sink = |start: u64, bytes: &[u8]| {
        out.lock().expect("free")[start as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    };
    job.run(&sink).expect("a merge");
    out.into_inner().expect("free")
}

/// Without division by weights, and with inputs in canonical order, nothing differs.
#[test]
fn policies_have_the_bits_of_recipes() {
    for dtype in [Dtype::F32, Dtype::Bf16, Dtype::F64] {
        let (base, mut models) = some(4, dtype);
        models.sort_by_key(Model::root);
        let weights = [1.0, 0.5, 0.3, 2.0];
        for (name, pairs) in FORMULAS {
            let info = registry().find(|info| info.name == name).expect("registered");
            if info.uses_randomness {
                continue;
            }
            let mut pairs = pairs.to_vec();
            if info.parameters.iter().any(|parameter| parameter.name == "normalize") {
                pairs.push(("normalize", "false"));
            }
            let built = strategy(name, &pairs);
            let inputs = inputs(&models, &weights);
            let merged = plan(&built, &inputs, &base).model().expect("finite");
            for tensor in 0..base.manifest.tensors().len() {
                let given = built.parameters();
                let expected = recipe(name, given, &models, &weights, &base, tensor);
                assert!(**merged.content(tensor) == expected, "{built}: {tensor} in {dtype}");
            }
        }
    }
}

/// With `normalize` the result is that of weights that sum to one.
#[test]
fn sums_do_not_grow_with_the_number_of_inputs() {
    let (base, mut models) = some(3, Dtype::F64);
    models.sort_by_key(Model::root);
    for (name, pairs) in FORMULAS {
        let info = registry().find(|info| info.name == name).expect("registered");
        if info.uses_randomness || info.parameters.iter().all(|p| p.name != "normalize") {
            continue;
        }
        let built = strategy(name, &[pairs, &[("accumulate", "f64")]].concat());
        let merged = |weights: &[f64]| plan(&built, &inputs(&models, weights), &base).model();
        // Powers of two change no bit.
        let weights = [2.0, 1.0, 4.0];
        let scaled = weights.map(|weight| weight / (1 << 30) as f64);
        let first = merged(&weights).expect("finite");
        assert_eq!(first, merged(&scaled).expect("finite"), "{built}");
        let mut given = built.parameters().clone();
        let method = find_method(name).expect("a method");
        let own = method.shared.iter().any(|parameter| parameter.name == "normalize");
        let mut shares = weights;
        if !own && info.uses_weights {
            shares = weights.map(|weight| weight / 7.0);
        } else if !own {
            let lambda = given["lambda"].parse::<f64>().expect("a number") / 3.0;
            given.insert("lambda".into(), lambda.to_string());
        }
        for tensor in 0..4 {
            let bytes = recipe(name, &given, &models, &shares, &base, tensor);
            let expected: Vec<f64> =
                bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
            let mut block = vec![0.0; expected.len()];
            plan(&built, &inputs(&models, &weights), &base)
                .block(tensor, 0, &mut block)
                .expect("finite");
            for (a, b) in block.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-9, "{built}: {a} and {b}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn blocks_are_pieces_of_the_whole(start in 0_usize..9000, len in 0_usize..9000) {
        let (base, models) = some(3, Dtype::F32);
        let inputs = inputs(&models, &[1.0, 2.0, 3.0]);
        let end = (start + len).min(9000);
        for (name, pairs) in FORMULAS {
            let built = strategy(name, pairs);
            let plan = plan(&built, &inputs, &base);
            let mut block = vec![0.0; end - start];
            plan.block(0, start, &mut block).expect("finite");
            let mut last = [0.0];
            plan.block(1, 104, &mut last).expect("finite");
            let whole = plan.model().expect("finite");
            let values = whole.values_f32("a").expect("present");
            let values: Vec<f64> = values[start..end].iter().map(|&x| f64::from(x)).collect();
            prop_assert_eq!(values, block);
            prop_assert_eq!(f64::from(whole.values_f32("b").expect("present")[104]), last[0]);
        }
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(
        order in (1_usize..6).prop_flat_map(|n| Just((0..n).collect::<Vec<_>>()).prop_shuffle()),
    ) {
        let (base, models) = some(order.len() as u32, Dtype::F32);
        let weights: Vec<f64> = (0..order.len()).map(|i| 0.3 + i as f64).collect();
        let mut sorted = inputs(&models, &weights);
        let mut shuffled: Vec<Input<'_>> = order.iter().map(|&i| sorted[i]).collect();
        canonical_order(&mut sorted);
        canonical_order(&mut shuffled);
        for (name, pairs) in FORMULAS {
            let built = strategy(name, pairs);
            let first = plan(&built, &sorted, &base).model().expect("finite");
            prop_assert_eq!(first, plan(&built, &shuffled, &base).model().expect("finite"));
        }
    }
}

#[test]
fn threads_change_nothing() {
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a pool");
    let (one, three) = (pool(1), pool(3));
    // Several tasks of a tensor, in rows that do not divide them.
    let wide = |seed: u32| {
        let mut values = vec![0.0; 150 * 999];
        Stream::new(Digest::of_content(&seed.to_le_bytes())).fill_normal(0, &mut values);
        Model::from_f32(&[("w", &[150, 999], &values)]).expect("valid")
    };
    let (base, models) = (wide(0), [wide(1), wide(2), wide(3)]);
    let inputs = inputs(&models, &[1.0, 2.0, 0.7]);
    for (name, pairs) in FORMULAS {
        let built = strategy(name, pairs);
        let hash = || plan(&built, &inputs, &base).hash().expect("finite").root();
        let first = one.install(hash);
        assert_eq!(first, three.install(hash), "{built}");
        assert_eq!(first, plan(&built, &inputs, &base).model().expect("finite").root(), "{built}");
    }
}

/// Each contribution adds what it would add alone.
#[test]
fn who_else_arrives_does_not_change_a_mask() {
    let (base, models) = some(3, Dtype::F64);
    let values = |models: &[Model]| {
        let given = [("normalize", "false"), ("density", "0.4"), ("epsilon", "0.2")];
        let built = strategy("della-linear", &given);
        let inputs = inputs(models, &[1.0, 2.0, 3.0][..models.len()]);
        let mut block = vec![0.0; 9000];
        plan(&built, &inputs, &base).block(0, 0, &mut block).expect("finite");
        block
    };
    let mut from = vec![0.0; 9000];
    let weights = [1.0, 1.0, 1.0];
    let built = strategy("task-arithmetic", &[("lambda", "0")]);
    plan(&built, &inputs(&models, &weights), &base).block(0, 0, &mut from).expect("finite");
    let together = values(&models);
    let lone: Vec<Vec<f64>> = models.iter().map(|one| values(std::slice::from_ref(one))).collect();
    let mut dropped = 0;
    for place in 0..9000 {
        let each = (0..3).map(|i| (i as f64 + 1.0) * (lone[i][place] - from[place])).sum::<f64>();
        assert!((together[place] - from[place] - each).abs() < 1e-9, "{place}");
        dropped += usize::from(lone[0][place] == from[place]);
    }
    assert!((4500..6300).contains(&dropped), "{dropped}");
}

#[test]
fn what_is_not_finite_is_named() {
    let one = |values: &[f32]| Model::from_f32(&[("w", &[2, 2], values)]).expect("valid");
    let (base, far) = (one(&[0.0; 4]), one(&[1.0, 2.0, 3e38, 4.0]));
    let near = one(&[1.0, 2.0, 3.0, 4.0]);
    let broken = one(&[1.0, f32::NAN, 3.0, 4.0]);
    let merge = |name: &str, pairs: &[(&str, &str)], models: &[Model]| {
        let built = strategy(name, pairs);
        let inputs = inputs(models, &vec![1.0; models.len()]);
        let plan = built.prepare(&inputs, Some(&base), Digest::ZERO, &SelectionCache::new());
        plan.expect("fits").model()
    };
    for (name, _) in FORMULAS {
        let error = merge(name, &[], &[near.clone(), broken.clone()]).expect_err("no number");
        assert!(matches!(error, ResolveError::NotFinite { .. }), "{name}: {error}");
    }
    // A sum that overflows in f32, and fits after the division.
    let given = [("lambda", "0.25"), ("normalize", "false"), ("density", "1")];
    let merged = merge("dare-ties", &given, &[far.clone(), far.clone()]).expect("finite");
    let values = merged.values_f32("w").expect("present");
    assert_eq!(values, [0.5, 1.0, 1.5e38, 2.0]);
    let given = [("lambda", "3"), ("normalize", "false"), ("density", "1")];
    let error = merge("dare-ties", &given, &[far.clone(), far]).expect_err("too large");
    let expected = ResolveError::Overflow { tensor: "w".into(), element: 2, dtype: Dtype::F32 };
    assert_eq!(error, expected);
}

#[test]
fn one_contribution_is_model_stock() {
    let (base, models) = some(1, Dtype::F64);
    let merged = plan(&strategy("model-stock", &[]), &inputs(&models, &[0.7]), &base).model();
    assert_eq!(merged.expect("finite"), models[0]);
}

#[test]
fn what_recipes_only_have_is_refused_with_a_reason() {
    let error = espalier_resolve::Strategy::new("passthrough", &parameters(&[])).expect_err("one");
    assert_eq!(
        (error.code(), error.blame()),
        ("strategy-elsewhere", espalier_blame::Blame::Caller)
    );
}
