//! What `dare` and `della` keep at random.

use espalier_resolve::methods::Working;

use super::Case;

const N: usize = 200_000;

/// Zero base, all differences one: the result shows what is kept, and how it is scaled.
fn ones(method: &'static str, inputs: usize, density: f64, rescale: &str) -> Case {
    let case = Case::new(method, Working::F64, &vec![vec![1.0; N]; inputs]).base(&[0.0; N]);
    let case = case.each("weight", &[1.0, 10.0]).each("density", &vec![density; inputs]);
    case.shape(&[2000, 100]).shared(&[("rescale", rescale), ("normalize", "false")])
}

/// Whether a count of independent events is as expected, within four standard deviations.
fn likely(count: usize, trials: usize, chance: f64) {
    let expected = trials as f64 * chance;
    let deviation = (trials as f64 * chance * (1.0 - chance)).sqrt();
    let off = (count as f64 - expected).abs();
    assert!(off <= 4.0 * deviation, "{count} of {trials} with a chance of {chance}");
}

#[test]
fn as_many_are_kept_as_the_density_says() {
    for method in ["dare-linear", "dare-ties", "della", "della-linear"] {
        for density in [0.2, 0.5, 0.8] {
            let merged = ones(method, 1, density, "false").merge().expect("a merge");
            likely(merged.iter().filter(|&&y| y == 1.0).count(), N, density);
            assert!(merged.iter().all(|&y| y == 0.0 || y == 1.0));
        }
    }
}

#[test]
fn the_mean_is_that_of_keeping_all() {
    for method in ["dare-linear", "della-linear"] {
        let merged = ones(method, 1, 0.3, "true").merge().expect("a merge");
        let mean = merged.iter().sum::<f64>() / N as f64;
        // The variance of an element is at most 1 / 0.15.
        assert!((mean - 1.0).abs() < 4.0 * (1.0 / 0.15 / N as f64).sqrt(), "{method}: {mean}");
        let merged = ones(method, 1, 0.3, "l1").merge().expect("a merge");
        let sum: f64 = merged.iter().sum();
        assert!((sum / N as f64 - 1.0).abs() < 1e-9, "{method}: {sum}");
    }
}

#[test]
fn masks_of_inputs_are_independent() {
    for method in ["dare-linear", "della-linear"] {
        let merged = ones(method, 2, 0.5, "false").merge().expect("a merge");
        for sum in [0.0, 1.0, 10.0, 11.0] {
            // Ranks are equal in both inputs of `della`, which makes equal fates likelier.
            let chance = match (method, sum) {
                ("dare-linear", _) => 0.25,
                (_, 0.0 | 11.0) => 0.25 + 0.0075 * 101.0 / 99.0,
                _ => 0.25 - 0.0075 * 101.0 / 99.0,
            };
            likely(merged.iter().filter(|&&y| y == sum).count(), N, chance);
        }
    }
}

#[test]
fn seeds_and_names_decide() {
    for method in ["dare-ties", "della"] {
        let case = ones(method, 2, 0.5, "true");
        let merged = case.bytes().expect("a merge");
        assert_eq!(merged, case.bytes().expect("a merge"));
        assert_ne!(merged, Case { seed: b"other", ..case.clone() }.bytes().expect("a merge"));
        assert_ne!(merged, Case { name: "v", ..case.clone() }.bytes().expect("a merge"));
    }
}

#[test]
fn large_magnitudes_are_kept_more_often() {
    // In each row the last of ten is the largest.
    let row: Vec<f64> = (1..=10).map(f64::from).collect();
    let case = Case::new("della-linear", Working::F32, &[row.repeat(N / 10)]).base(&[0.0; N]);
    let case = case.each("weight", &[1.0]).each("density", &[0.5]).each("epsilon", &[0.4]);
    let case = case.shape(&[N as u64 / 10, 10]).shared(&[("rescale", "false")]);
    let merged = case.merge().expect("a merge");
    for place in 0..10 {
        let kept = merged.chunks(10).filter(|row| row[place] != 0.0).count();
        likely(kept, N / 10, 0.1 + 0.8 * place as f64 / 9.0);
    }
}

#[test]
fn rows_of_one_element_have_the_density_as_their_chance() {
    let case = ones("della-linear", 1, 0.3, "false").shape(&[N as u64, 1]);
    let merged = case.merge().expect("a merge");
    likely(merged.iter().filter(|&&y| y == 1.0).count(), N, 0.3);
}

#[test]
fn nothing_kept_is_not_scaled() {
    for method in ["dare-linear", "della-linear"] {
        let case = ones(method, 1, 0.0, "l1");
        case.expect(&[0.0; N]);
        let zeros = Case { inputs: vec![vec![0.0; N]], ..ones(method, 1, 0.5, "l1") };
        zeros.expect(&[0.0; N]);
    }
}
