//! `weight-average` and `passthrough`, bit for bit.

use espalier_resolve::methods::{MethodError, Working};
use proptest::prelude::*;

use super::{ALL_WORKING, Case, awkward, dtype};

/// In the 16-bit types the sum is in f32, and the result is rounded once.
fn average(case: &Case) -> Vec<f64> {
    let a = case.arithmetic();
    let weights: Vec<f64> = case.numbers("weight").iter().map(|&w| a.wide(w)).collect();
    let element = |place: usize| {
        let products = case.inputs.iter().zip(&weights).map(|(x, w)| a.wide(x[place] * w));
        let sum = a.sum(products);
        match case.word("normalize") == "true" {
            true => a.round(sum / a.sum(weights.iter().copied())),
            false => a.round(sum),
        }
    };
    (0..case.inputs[0].len()).map(element).collect()
}

proptest! {
    #[test]
    fn averages_are_their_twins(
        n in 1..3000_usize, seed: u64, working in 0..4_usize, normalize: bool,
        weights in prop::collection::vec(0.1..2.0_f64, 1..7),
    ) {
        let working = ALL_WORKING[working];
        let inputs: Vec<Vec<f64>> = (0..weights.len() as u64)
            .map(|input| awkward(seed ^ input, n, dtype(working)))
            .collect();
        let normalize = if normalize { "true" } else { "false" };
        let case = Case::new("weight-average", working, &inputs).each("weight", &weights);
        let case = case.shared(&[("normalize", normalize)]);
        case.expect(&average(&case));
    }
}

#[test]
fn several_pieces_are_one_tensor() {
    for working in ALL_WORKING {
        let inputs = [1, 2, 3].map(|seed| awkward(seed, 70_001, dtype(working)));
        let case = Case::new("weight-average", working, &inputs).each("weight", &[0.3, 0.5, 0.9]);
        case.expect(&average(&case));
    }
}

#[test]
fn weights_that_sum_up_to_zero_are_refused() {
    let inputs = [vec![0.5, 1.0], vec![0.5, 3.0]];
    let case = Case::new("weight-average", Working::F32, &inputs).each("weight", &[1.0, -1.0]);
    let error = case.merge().expect_err("no finite mean");
    assert!(matches!(error, MethodError::NotFinite { element: 0, .. }), "{error}");
    case.shared(&[("normalize", "false")]).expect(&[0.0, -2.0]);
}

#[test]
fn one_input_passes_through_and_can_be_scaled() {
    for working in ALL_WORKING {
        let x = awkward(4, 40_000, dtype(working));
        let case = Case::new("passthrough", working, std::slice::from_ref(&x));
        case.expect(&x);
        let a = case.arithmetic();
        let scaled: Vec<f64> = x.iter().map(|x| a.round(x * a.wide(0.3))).collect();
        case.each("scale", &[0.3]).expect(&scaled);
    }
}
