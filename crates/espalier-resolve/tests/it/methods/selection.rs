//! Selection of the largest elements against sorting, where a sample helps and where it misleads.

use espalier_resolve::methods::{MethodError, Working};
use proptest::prelude::*;

use super::{ALL_WORKING, Case, awkward, deltas::by_magnitude, dtype, normal};

/// What `ties` keeps of one input whose base is zero: the elements themselves.
fn select(values: &[f64], density: f64, working: Working) -> Case {
    let case = Case::new("ties", working, &[values.to_vec()]).base(&vec![0.0; values.len()]);
    case.each("weight", &[1.0]).each("density", &[density])
}

fn sorted(values: &[f64], k: usize) -> Vec<f64> {
    let mut out = vec![0.0; values.len()];
    by_magnitude(values)[..k].iter().for_each(|&place| out[place] = values[place] + 0.0);
    out
}

fn check(values: &[f64], density: f64, working: Working) {
    let k = ((density * values.len() as f64) as usize).max(1);
    select(values, density, working).expect(&sorted(values, k));
}

proptest! {
    #[test]
    fn selects_as_sorting_does(
        n in 1..3000_usize, seed: u64, density in 0.001..1.0_f64, working in 0..4_usize,
    ) {
        let working = ALL_WORKING[working];
        check(&awkward(seed, n, dtype(working)), density, working);
    }
}

#[test]
fn selects_from_more_than_is_collected() {
    for working in ALL_WORKING {
        for n in [65_536, 65_537, 100_003] {
            for density in [0.00002, 0.1, 0.5, 0.9, 0.99999] {
                check(&awkward(1, n, dtype(working)), density, working);
                check(&normal(2, n, 0.01, dtype(working)), density, working);
            }
        }
    }
}

#[test]
fn equal_magnitudes_are_kept_from_the_front() {
    for n in [1000, 70_000] {
        for value in [0.0, -0.0, 1.0, -3.5] {
            check(&vec![value; n], 0.37, Working::F32);
        }
        let signs: Vec<f64> = (0..n).map(|i| if i % 3 == 0 { -2.0 } else { 2.0 }).collect();
        check(&signs, 0.9, Working::F64);
    }
}

/// Values where a sample of evenly placed short runs looks sees nothing of the others.
fn hidden(n: usize, seen: f64) -> Vec<f64> {
    let mut values = normal(5, n, 1.0, dtype(Working::F32));
    for run in 0..1024 {
        let start = run * (n - 32) / 1024;
        values[start..start + 32].fill(seen);
    }
    values
}

#[test]
fn a_sample_that_misleads_changes_nothing() {
    for working in [Working::F32, Working::F64] {
        for seen in [0.0, 100.0] {
            for density in [0.001, 0.2, 0.6, 0.95] {
                check(&hidden(150_000, seen), density, working);
            }
        }
    }
}

#[test]
fn middles_are_those_of_sorting() {
    for n in [7, 1000, 90_001] {
        let values = awkward(11, n, dtype(Working::F32));
        for (density, gamma) in [(0.5, 0.2), (0.9, 0.3), (0.1, 0.0), (0.0, 0.5), (0.3, 1.0)] {
            let k = (density * n as f64) as usize;
            let top = ((gamma * n as f64) as usize).min(n - k);
            let mut expected = vec![0.0; n];
            let order = by_magnitude(&values);
            order[top..top + k].iter().for_each(|&place| expected[place] = values[place] + 0.0);
            let case = Case::new("breadcrumbs", Working::F32, std::slice::from_ref(&values));
            let case = case.base(&vec![0.0; n]).each("weight", &[1.0]);
            case.each("density", &[density]).each("gamma", &[gamma]).expect(&expected);
        }
    }
}

#[test]
fn what_is_not_finite_is_refused_wherever_it_stands() {
    let methods = [
        "ties",
        "breadcrumbs",
        "breadcrumbs-ties",
        "dare-linear",
        "dare-ties",
        "della",
        "della-linear",
        "task-arithmetic",
        "sce",
        "nearswap",
        "arcee-fusion",
        "consensus-ta",
        "ram",
        "ram-plus",
        "negmerge",
        "localize-stitch",
        "model-stock",
    ];
    for method in methods {
        for value in [f64::NAN, -f64::NAN, f64::INFINITY] {
            for n in [40, 70_000] {
                for place in [0, n / 2, n - 1] {
                    let mut inputs = [1, 2].map(|seed| normal(seed, n, 1.0, dtype(Working::F32)));
                    inputs[0][place] = value;
                    refused(method, &inputs, place);
                }
            }
        }
    }
}

fn refused(method: &'static str, inputs: &[Vec<f64>], place: usize) {
    let single = ["nearswap", "arcee-fusion"].contains(&method);
    let inputs = if single { &inputs[..1] } else { inputs };
    let info = espalier_resolve::find_method(method).expect("a method");
    let mut case = Case::new(method, Working::F32, inputs).base(&vec![0.25; inputs[0].len()]);
    for parameter in info.per_input {
        let value = match parameter.name {
            "density" => 0.4,
            "gamma" => 0.1,
            "weight" => 1.0,
            _ => continue,
        };
        case = case.each(parameter.name, &vec![value; inputs.len()]);
    }
    for parameter in info.shared {
        match parameter.name {
            "t" => case = case.shared(&[("t", "0.5")]),
            "lambda" => case = case.shared(&[("lambda", "0.5")]),
            "select_topk" => case = case.shared(&[("select_topk", "0.4")]),
            _ => {}
        }
    }
    match case.merge() {
        // Methods that compute norms spread it over the tensor.
        Err(MethodError::NotFinite { element, .. }) => {
            let spreads = ["model-stock", "sce"].contains(&method);
            assert!(element == place || spreads, "{method}: {element} and not {place}");
        }
        other => panic!("{method} with {:e} at {place}: {other:?}", inputs[0][place]),
    }
}
