//! `consensus-ta`, `ram`, `ram-plus`, `negmerge` and `localize-stitch`, bit for bit.

use espalier_resolve::methods::Working;
use proptest::prelude::*;

use super::{ALL_WORKING, Arithmetic, Case, awkward, deltas::by_magnitude, dtype};

fn twin(case: &Case) -> Vec<f64> {
    let a = case.arithmetic();
    let d = case.differences();
    let column = |place: usize| -> Vec<f64> { d.iter().map(|d| d[place]).collect() };
    let n = d[0].len();
    let added: Vec<Option<f64>> = match case.method {
        "consensus-ta" => {
            let (thresholds, k) = (case.numbers("threshold"), case.number("k"));
            let lambda = a.wide(case.number("lambda"));
            let of = |place| consensus(a, &column(place), &thresholds, k, lambda);
            (0..n).map(of).collect()
        }
        "negmerge" => {
            let lambda = a.wide(case.number("lambda"));
            (0..n).map(|place| negmerge(a, &column(place), lambda)).collect()
        }
        "localize-stitch" => stitch(case, a, &d),
        _ => ram(case, a, &d),
    };
    let base = case.base.as_ref().expect("a base").iter().map(|&b| a.round(b));
    // Without a part b stays as it is, even minus zero.
    base.zip(added).map(|(b, s)| s.map_or(b, |s| a.round(b + s))).collect()
}

fn consensus(a: Arithmetic, d: &[f64], thresholds: &[f64], k: f64, lambda: f64) -> Option<f64> {
    let sum = a.round(a.sum(d.iter().copied()));
    let votes = d
        .iter()
        .zip(thresholds)
        .filter(|(d, t)| d.abs() >= a.round(a.wide(**t) * a.round(sum - **d).abs()));
    (votes.count() as f64 >= k).then(|| a.round(lambda * sum))
}

fn negmerge(a: Arithmetic, d: &[f64], lambda: f64) -> Option<f64> {
    let agree = d.iter().all(|d| *d > 0.0) || d.iter().all(|d| *d < 0.0);
    let mean = a.round(a.round(a.sum(d.iter().copied())) / d.len() as f64);
    agree.then(|| -a.round(lambda * mean))
}

fn stitch(case: &Case, a: Arithmetic, d: &[Vec<f64>]) -> Vec<Option<f64>> {
    let n = d[0].len();
    let mut regions: Vec<Vec<f64>> = vec![Vec::new(); n];
    for (d, density) in d.iter().zip(case.numbers("density")) {
        let least = usize::from(density > 0.0);
        let k = ((density * n as f64) as usize).max(least).min(n);
        for &place in by_magnitude(d)[..k].iter().filter(|&&place| d[place] != 0.0) {
            regions[place].push(d[place]);
        }
    }
    let mean = |d: Vec<f64>| match d.len() {
        0 => Some(0.0),
        c => Some(a.round(a.round(a.sum(d)) / c as f64)),
    };
    regions.into_iter().map(mean).collect()
}

fn ram(case: &Case, a: Arithmetic, d: &[Vec<f64>]) -> Vec<Option<f64>> {
    let n = d[0].len();
    let epsilon = case.number("epsilon");
    let active = |input: usize, place: usize| d[input][place].abs() > epsilon;
    let count = |place: usize| (0..d.len()).filter(|&input| active(input, place)).count();
    let factor = |input: usize| {
        if case.method == "ram" {
            return 1.0;
        }
        let mine = |place: &usize| active(input, *place);
        let alone = (0..n).filter(mine).filter(|&place| count(place) == 1).count();
        let shared = (0..n).filter(mine).count() - alone;
        let ratio = shared as f64 / alone.max(1) as f64;
        a.round(1.0 + case.number("r") * ratio.min(case.number("alpha")))
    };
    let factors: Vec<f64> = (0..d.len()).map(factor).collect();
    let element = |place: usize| {
        let those: Vec<usize> = (0..d.len()).filter(|&input| active(input, place)).collect();
        match those[..] {
            [] => None,
            [one] => Some(a.round(d[one][place] * factors[one])),
            _ => {
                let sum = a.round(a.sum(those.iter().map(|&input| d[input][place])));
                Some(a.round(sum / those.len() as f64))
            }
        }
    };
    (0..n).map(element).collect()
}

/// A case of each method.
fn make(method: &'static str, working: Working, n: usize, inputs: usize, seed: u64) -> Case {
    let of = |input: usize| awkward(seed.wrapping_add(input as u64), n, dtype(working));
    let rows: Vec<Vec<f64>> = (1..=inputs).map(of).collect();
    let case = Case::new(method, working, &rows).base(&of(0));
    match method {
        "consensus-ta" => case
            .shared(&[("lambda", "0.3"), ("k", if seed.is_multiple_of(2) { "2" } else { "1" })])
            .each("threshold", &[0.4, 0.2, 1.0, 0.0]),
        "negmerge" => case.shared(&[("lambda", "0.7")]),
        "localize-stitch" => case.each("density", &[0.3, 0.05, 0.0, 1.0]),
        "ram" => case.shared(&[("epsilon", "0.6")]),
        _ => case.shared(&[("epsilon", "0.9"), ("alpha", "0.8"), ("r", "0.37")]),
    }
}

const ALL: [&str; 5] = ["consensus-ta", "negmerge", "localize-stitch", "ram", "ram-plus"];

proptest! {
    #[test]
    fn each_is_its_twin(
        method in 0..5_usize, working in 0..4_usize, n in 1..600_usize, inputs in 1..5_usize,
        seed: u64,
    ) {
        let case = make(ALL[method], ALL_WORKING[working], n, inputs, seed);
        case.expect(&twin(&case));
    }
}

#[test]
fn several_pieces_are_one_tensor() {
    for method in ALL {
        for working in ALL_WORKING {
            let case = make(method, working, 70_001, 3, 6);
            case.expect(&twin(&case));
        }
    }
}

#[test]
fn published_examples() {
    let inputs = [vec![1.0, 1.0, 1.0, 0.0], vec![1.0, -1.0, 0.0, 0.0], vec![4.0, 4.0, 0.0, 0.0]];
    let case = |method| Case::new(method, Working::F32, &inputs).base(&[0.0; 4]);
    // Where one alone has a task, nothing is left.
    let one = case("consensus-ta").shared(&[("lambda", "1")]).each("threshold", &[0.2; 3]);
    one.expect(&[6.0, 4.0, 0.0, 0.0]);
    case("negmerge").shared(&[("lambda", "0.5")]).expect(&[-1.0, 0.0, 0.0, 0.0]);
    case("localize-stitch").each("density", &[1.0; 3]).expect(&[2.0, 4.0 / 3.0, 1.0, 0.0]);
    case("ram").expect(&[2.0, f64::from(4.0_f32 / 3.0), 1.0, 0.0]);
    // The first input shares two elements and has one of its own.
    let ours = case("ram-plus").shared(&[("alpha", "5")]);
    ours.expect(&[2.0, f64::from(4.0_f32 / 3.0), f64::from(1.2_f32), 0.0]);
}
