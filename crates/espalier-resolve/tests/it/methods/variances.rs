//! `sce` against its definition.

use espalier_resolve::methods::Working;

use super::{ALL_WORKING, Case, awkward, deltas::by_magnitude, dtype, normal};

fn twin(case: &Case) -> Vec<f64> {
    let a = case.arithmetic();
    let differences = case.differences();
    let (n, count) = (differences[0].len(), differences.len() as f64);
    let share = case.number("select_topk");
    let variance = |place: usize| {
        let mean = differences.iter().map(|d| d[place]).sum::<f64>() / count;
        let squares: f64 = differences.iter().map(|d| (d[place] - mean) * (d[place] - mean)).sum();
        a.round(squares / count)
    };
    let variances: Vec<f64> = (0..n).map(variance).collect();
    let differ = variances.iter().filter(|variance| **variance > 0.0).count();
    let k = if share >= 1.0 { n } else { (share * differ as f64) as usize };
    let mut kept = vec![false; n];
    by_magnitude(&variances)[..k].iter().for_each(|&place| kept[place] = true);
    let energy = |d: &Vec<f64>| {
        let all = d.iter().zip(&kept).filter(|(_, kept)| **kept);
        a.round(all.map(|(d, _)| a.round(d * d)).sum::<f64>() / n as f64)
    };
    let energies: Vec<f64> = differences.iter().map(energy).collect();
    let sum = a.round(energies.iter().sum());
    let weight = |e: &f64| if sum < 1e-6 { a.round(1.0 / count) } else { a.round(e / sum) };
    let weights: Vec<f64> = energies.iter().map(weight).collect();
    let element = |place: usize| {
        let b = a.round(case.base.as_ref().expect("a base")[place]);
        if !kept[place] {
            return b;
        }
        let sign = a.round(a.sum(differences.iter().map(|d| d[place])));
        let agrees = |d: f64| if sign < 0.0 { d < 0.0 } else { d > 0.0 };
        let agree: Vec<usize> =
            (0..differences.len()).filter(|&i| agrees(differences[i][place])).collect();
        let part =
            a.round(a.sum(agree.iter().map(|&i| a.round(weights[i] * differences[i][place]))));
        let weight = a.round(a.sum(agree.iter().map(|&i| weights[i])));
        a.round(b + if weight < 1e-6 { part } else { a.round(part / weight) })
    };
    (0..n).map(element).collect()
}

#[test]
fn it_is_its_twin() {
    for working in ALL_WORKING {
        for (n, inputs) in [(1, 1), (1, 2), (300, 2), (70_000, 3)] {
            let rows: Vec<Vec<f64>> =
                (1..=inputs).map(|seed| normal(seed, n, 0.5, dtype(working))).collect();
            for share in ["1", "0.3", "0"] {
                let case =
                    Case::new("sce", working, &rows).base(&normal(9, n, 1.0, dtype(working)));
                let case = case.shared(&[("select_topk", share)]);
                case.expect_near(&twin(&case), if n > 1 { 1e-6 } else { 0.0 });
            }
        }
    }
}

#[test]
fn ties_and_zeros_are_those_of_the_twin() {
    let rows = [1, 2, 3].map(|seed| awkward(seed, 2000, dtype(Working::F64)));
    let case = Case::new("sce", Working::F64, &rows).base(&[0.0; 2000]);
    for share in ["0.1", "0.5", "0.9"] {
        let case = case.clone().shared(&[("select_topk", share)]);
        case.expect_near(&twin(&case), 1e-12);
    }
}

#[test]
fn equal_models_stay_as_they_are() {
    let x = awkward(3, 500, dtype(Working::F32));
    let case = Case::new("sce", Working::F32, &[x.clone(), x.clone()]).base(&x);
    let expected: Vec<f64> = x.iter().map(|x| x + 0.0).collect();
    case.expect(&expected);
}

#[test]
fn small_differences_count_in_narrow_types() {
    // Their squares are below the smallest number of f16.
    let (rows, base) = ([vec![1e-4; 10], vec![1.2e-4; 10]], [0.0; 10]);
    let merged = Case::new("sce", Working::F16, &rows).base(&base).merge().expect("a merge");
    assert!(merged.iter().all(|&y| y > 1e-4 && y < 1.2e-4), "{merged:?}");
}
