//! `arcee-fusion` and `nearswap`, which merge one input into the base.

use espalier_resolve::methods::Working;
use proptest::prelude::*;

use super::{ALL_WORKING, Case, awkward, dtype, normal, sum_of};

/// Where the input matters, by softmaxes that are written out.
fn matters(case: &Case) -> Vec<bool> {
    let base = case.base.as_ref().expect("a base");
    let (d, x) = (&case.differences()[0], &case.inputs[0]);
    let length = case.shape.last().map_or(1, |&length| length as usize);
    let softmax = |row: &[f64]| -> Vec<f64> {
        let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|x| libm::exp(x - most)).sum();
        row.iter().map(|x| libm::exp(x - most) / sum).collect()
    };
    let mut importance = Vec::new();
    for ((x, b), d) in x.chunks(length).zip(base.chunks(length)).zip(d.chunks(length)) {
        let terms = softmax(x).into_iter().zip(softmax(b)).map(|(p, q)| p * libm::log(p / q));
        let divergence = terms.sum::<f64>();
        importance.extend(d.iter().map(|d| d.abs() * divergence));
    }
    let mut sorted = importance.clone();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[(share * (sorted.len() - 1) as f64) as usize];
    let limit = at(0.5) + 1.5 * (at(0.75) - at(0.25));
    importance.into_iter().map(|i| i >= limit).collect()
}

#[test]
fn fusion_takes_what_matters() {
    for (shape, seed) in [(vec![12, 20], 1), (vec![5], 2), (vec![2, 3, 7], 3), (vec![300, 301], 4)]
    {
        let n = shape.iter().product::<u64>() as usize;
        let base = normal(seed, n, 1.0, dtype(Working::F64));
        let input =
            sum_of(&base, &normal(seed + 9, n, 0.2, dtype(Working::F64)), dtype(Working::F64));
        let case = Case::new("arcee-fusion", Working::F64, &[input]).base(&base).shape(&shape);
        let matters = matters(&case);
        assert!(n < 100 || matters.iter().any(|m| *m) && matters.iter().any(|m| !*m));
        let d = &case.differences()[0];
        let expected: Vec<f64> =
            (0..n).map(|i| if matters[i] { base[i] + d[i] } else { base[i] }).collect();
        case.expect(&expected);
    }
}

#[test]
fn fusion_of_one_element_takes_it_and_equal_models_stay() {
    for working in ALL_WORKING {
        for shape in [vec![], vec![1], vec![1, 1]] {
            let case = Case::new("arcee-fusion", working, &[vec![3.5]]).base(&[2.0]);
            case.shape(&shape).expect(&[3.5]);
        }
        let x = normal(3, 60, 1.0, dtype(working));
        let case = Case::new("arcee-fusion", working, std::slice::from_ref(&x)).base(&x);
        case.shape(&[6, 10]).expect(&x);
    }
}

#[test]
fn fusion_of_large_values_does_not_overflow() {
    let x: Vec<f64> = (0..40).map(|i| f64::from(i) * 1000.0).collect();
    let b: Vec<f64> = (0..40).map(|i| f64::from(40 - i) * 1000.0).collect();
    let case = Case::new("arcee-fusion", Working::F32, std::slice::from_ref(&x)).base(&b);
    let merged = case.shape(&[4, 10]).merge().expect("a merge");
    assert!(merged.iter().zip(x.iter().zip(&b)).all(|(y, (x, b))| y == x || y == b));
}

fn nearswap(case: &Case) -> Vec<f64> {
    let a = case.arithmetic();
    let t = a.wide(case.number("t"));
    let base = case.base.as_ref().expect("a base");
    let element = |(&x, &b): (&f64, &f64)| {
        let d = a.round(b - x).abs();
        let w = a.round(a.round(1.0 / d) * t);
        let w = if w.is_nan() { 1.0 } else { w.clamp(0.0, 1.0) };
        a.round(a.round(w * x) + a.round(a.round(1.0 - w) * b))
    };
    case.inputs[0].iter().zip(base).map(element).collect()
}

proptest! {
    #[test]
    fn nearswap_is_its_twin(
        n in 1..2000_usize, seed: u64, working in 0..4_usize,
        t in prop_oneof![Just(0.0), -1.0..1.0_f64],
    ) {
        let working = ALL_WORKING[working];
        let input = awkward(seed, n, dtype(working));
        let case = Case::new("nearswap", working, &[input]);
        let case = case.base(&awkward(!seed, n, dtype(working))).shared(&[("t", &t.to_string())]);
        let expected = nearswap(&case);
        prop_assume!(expected.iter().all(|y| y.is_finite()));
        case.expect(&expected);
    }
}
