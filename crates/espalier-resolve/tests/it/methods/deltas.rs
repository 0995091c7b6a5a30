//! Task arithmetic and its family, bit for bit in each arithmetic.

use espalier_identity::{Digest, Domain};
use espalier_resolve::methods::Working;
use espalier_tensor::random::Stream;
use proptest::prelude::*;

use super::{ALL_WORKING, Case, awkward, dtype};

static MASK: Domain = Domain::new("espalier merge random mask v1");

/// The places of the elements by falling magnitude; of equal ones the lower comes first.
pub(super) fn by_magnitude(d: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..d.len()).collect();
    order.sort_by(|&a, &b| d[b].abs().total_cmp(&d[a].abs()).then(a.cmp(&b)));
    order
}

/// What is kept of one difference: at each element nothing, or the factor of what stays.
fn kept(case: &Case, input: usize, d: &[f64]) -> Vec<Option<f64>> {
    let n = d.len();
    let density = |name| case.numbers(name)[input];
    let unbiased = case.word("rescale") == "true";
    let mut kept = vec![None; n];
    match case.method {
        "task-arithmetic" => kept.fill(Some(1.0)),
        "ties" => {
            let density = density("density");
            let least = usize::from(density > 0.0);
            let k = ((density * n as f64) as usize).max(least).min(n);
            by_magnitude(d)[..k].iter().for_each(|&place| kept[place] = Some(1.0));
        }
        "breadcrumbs" | "breadcrumbs-ties" => {
            let k = (density("density") * n as f64) as usize;
            let top = ((density("gamma") * n as f64) as usize).min(n - k);
            by_magnitude(d)[top..top + k].iter().for_each(|&place| kept[place] = Some(1.0));
        }
        method => {
            let epsilon = if method.starts_with("della") { density("epsilon") } else { 0.0 };
            let density = density("density");
            let seed = Digest::of_content(case.seed);
            let fields = MASK.fields().digest(&seed).field(case.name.as_bytes());
            let stream = Stream::new(fields.field(&(input as u64).to_le_bytes()).finish());
            let by_rank = method.starts_with("della");
            let row = case.shape.last().map_or(1, |&length| length as usize);
            for place in 0..n {
                let mut chance = density;
                if by_rank && density > 0.0 && density < 1.0 && row > 1 {
                    let first = place - place % row;
                    let smaller = |&other: &usize| {
                        let (a, b) = (d[other].abs(), d[place].abs());
                        a < b || (a == b && other < place)
                    };
                    let rank = (first..first + row).filter(smaller).count() as f64;
                    let middle = rank / (row - 1) as f64;
                    chance = (density - epsilon + 2.0 * epsilon * middle).clamp(0.0, 1.0);
                }
                let limit = (chance * 4_294_967_296.0).round_ties_even();
                let stays = density >= 1.0 || f64::from(stream.u32_at(place as u64)) < limit;
                let divides = unbiased && density < 1.0;
                kept[place] = stays.then_some(if divides { chance } else { 1.0 });
            }
        }
    }
    kept
}

/// Σ of magnitudes as documented: f64, in pieces of 32,768 elements, or of whole rows.
fn magnitudes(case: &Case, d: &[f64]) -> f64 {
    let row = case.shape.last().map_or(1, |&length| (length as usize).max(1));
    let run = match case.method.starts_with("della") {
        true => row * (1024 / row).max(1),
        false => 1024,
    };
    let piece = run * (32_768 / run).max(1);
    d.chunks(piece).map(|piece| piece.iter().map(|x| x.abs()).sum::<f64>()).sum()
}

fn twin(case: &Case) -> Vec<f64> {
    let a = case.arithmetic();
    let rescale = case.word("rescale");
    let by_chance = case.method.starts_with("da") || case.method.starts_with("de");
    let matched = match case.method {
        "task-arithmetic" => false,
        _ => rescale == if by_chance { "l1" } else { "true" },
    };
    let mut differences = case.differences();
    for (input, d) in differences.iter_mut().enumerate() {
        let before = magnitudes(case, d);
        let kept = kept(case, input, d);
        for (x, kept) in d.iter_mut().zip(kept) {
            let scaled = |chance: f64| a.round(*x / a.wide(chance));
            *x = kept.map_or(0.0, scaled);
        }
        let after = magnitudes(case, d);
        if matched {
            let factor = a.round(if after <= 1e-8 { 1.0 } else { before / after });
            d.iter_mut().for_each(|x| *x = a.round(*x * factor));
        }
    }
    let weights: Vec<f64> = case.numbers("weight").iter().map(|&w| a.round(w)).collect();
    let elect = ["ties", "breadcrumbs-ties", "dare-ties", "della"].contains(&case.method);
    let normalize = case.word("normalize") == "true";
    let lambda = a.wide(case.number("lambda"));
    let base = case.base.as_ref().expect("a base");
    let element = |place: usize| {
        let p: Vec<f64> =
            differences.iter().zip(&weights).map(|(d, w)| a.round(d[place] * w)).collect();
        let sign = if a.round(a.sum(p.iter().copied())) < 0.0 { -1.0 } else { 1.0 };
        let agrees = |p: f64| !elect || p * sign > 0.0;
        let mut s = a.round(a.sum(p.iter().map(|&p| if agrees(p) { p } else { 0.0 })));
        if normalize {
            let shares = p.iter().zip(&weights).map(|(&p, &w)| if agrees(p) { w } else { 0.0 });
            let sum = a.round(a.sum(shares));
            let sum = if sum.abs() < a.wide(1e-8) { 1.0 } else { sum };
            s = a.round(s / sum);
        }
        let s = a.round(s * lambda);
        a.round(a.round(base[place]) + s)
    };
    (0..base.len()).map(element).collect()
}

const FAMILY: [&str; 8] = [
    "task-arithmetic",
    "ties",
    "breadcrumbs",
    "breadcrumbs-ties",
    "dare-linear",
    "dare-ties",
    "della",
    "della-linear",
];

fn shape() -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![
        Just(vec![]),
        Just(vec![1]),
        (1_u64..40).prop_map(|k| vec![k, 1]),
        (1_u64..40).prop_map(|k| vec![1, k]),
        (1_u64..700).prop_map(|n| vec![n]),
        (1_u64..20, 1_u64..90).prop_map(|(k, n)| vec![k, n]),
        (1_u64..5, 1_u64..6, 1_u64..50).prop_map(|(a, b, c)| vec![a, b, c]),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let words = (0..8_usize, 0..4_usize, any::<bool>(), 0..3_usize, any::<u64>());
    let numbers = (-2.0..2.0_f64, prop::collection::vec((-1.5..2.0_f64, 0.0..1.3_f64), 1..6));
    (shape(), words, numbers).prop_map(|(shape, words, (lambda, inputs))| {
        let (method, working, normalize, rescale, seed) = words;
        make(
            FAMILY[method],
            ALL_WORKING[working],
            &shape,
            (normalize, rescale),
            lambda,
            &inputs,
            seed,
        )
    })
}

/// A case of the family: weights that are near one are one, densities above one are one.
fn make(
    method: &'static str,
    working: Working,
    shape: &[u64],
    (normalize, rescale): (bool, usize),
    lambda: f64,
    inputs: &[(f64, f64)],
    seed: u64,
) -> Case {
    let n = shape.iter().product::<u64>() as usize;
    let of = |input: usize| awkward(seed.wrapping_add(input as u64), n, dtype(working));
    let rows: Vec<Vec<f64>> = (1..=inputs.len()).map(of).collect();
    let round = |x: f64| if (x - 1.0).abs() < 0.2 { 1.0 } else { x };
    let weights: Vec<f64> = inputs.iter().map(|input| round(input.0)).collect();
    let densities: Vec<f64> = inputs.iter().map(|input| input.1.min(1.0)).collect();
    let by_chance = method.starts_with("da") || method.starts_with("de");
    let words = if by_chance { ["false", "true", "l1"] } else { ["false", "true", "false"] };
    let lambda = round(lambda).to_string();
    let normalize = if normalize { "true" } else { "false" };
    let mut case = Case::new(method, working, &rows)
        .base(&of(0))
        .shape(shape)
        .each("weight", &weights)
        .each("density", &densities)
        .shared(&[("lambda", &lambda), ("normalize", normalize), ("rescale", words[rescale])]);
    if method.starts_with("br") {
        case = case.each("gamma", &[0.1, 0.0, 0.3, 0.9, 0.02]);
    }
    if method.starts_with("de") {
        case = case.each("epsilon", &[0.15, 0.0, 0.1, 0.3, 0.2]);
    }
    case
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn family_is_its_twin(case in case()) {
        // What is not finite is an error, of other tests.
        let expected = twin(&case);
        prop_assume!(expected.iter().all(|y| y.is_finite()));
        case.expect(&expected);
    }
}

#[test]
fn several_pieces_are_one_tensor() {
    let inputs = [(0.7, 0.3), (1.2, 0.6), (-0.4, 1.0)];
    for method in FAMILY {
        for working in ALL_WORKING {
            for (shape, rescale) in [(vec![70_001], 1), (vec![331, 211], 2)] {
                if method.starts_with("de") && shape.len() == 1 {
                    // Its twin counts ranks one by one.
                    continue;
                }
                let case = make(method, working, &shape, (true, rescale), 0.9, &inputs, 7);
                case.expect(&twin(&case));
            }
        }
    }
}

#[test]
fn inputs_of_another_type_are_rounded_first_and_the_result_last() {
    for method in ["task-arithmetic", "ties"] {
        for out in [espalier_tensor::Dtype::F64, espalier_tensor::Dtype::F16] {
            let mut case =
                make(method, Working::Bf16, &[500], (true, 0), 0.7, &[(0.3, 1.0), (0.9, 1.0)], 3);
            case.stored = espalier_tensor::Dtype::F32;
            case.inputs = (1..3).map(|seed| awkward(seed, 500, case.stored)).collect();
            case.base = Some(awkward(9, 500, case.stored));
            case.out = out;
            case.expect(&twin(&case));
        }
    }
}

#[test]
fn lambda_is_not_rounded() {
    // 0.3 is not a value of bf16: 1.25 · 0.3 rounds to another neighbour if it is rounded first.
    let inputs = [vec![1.25, 1.5, 1.75, 1.0]];
    let case = Case::new("task-arithmetic", Working::Bf16, &inputs)
        .base(&[0.0; 4])
        .each("weight", &[1.0])
        .shared(&[("lambda", "0.3")]);
    let a = case.arithmetic();
    let expected: Vec<f64> = inputs[0].iter().map(|x| a.round(x * a.wide(0.3))).collect();
    let rounded: Vec<f64> = inputs[0].iter().map(|x| a.round(x * a.round(0.3))).collect();
    assert_ne!(expected, rounded);
    case.expect(&expected);
}

#[test]
fn ties_of_signs_go_up() {
    let merge = |values: &[f64]| {
        let inputs: Vec<Vec<f64>> = values.iter().map(|&x| vec![x]).collect();
        let case = Case::new("ties", Working::F32, &inputs).base(&[0.0]);
        case.each("weight", &vec![1.0; values.len()]).merge().expect("a merge")[0]
    };
    assert_eq!(merge(&[1.0, -1.0]), 1.0);
    assert_eq!(merge(&[2.0, -1.0, -1.0]), 2.0);
    assert_eq!(merge(&[-2.0, 1.0, 1.0]), 1.0);
}

#[test]
fn no_density_leaves_the_base_and_weights_that_cancel_divide_by_one() {
    for method in &FAMILY[1..] {
        let case = make(method, Working::F32, &[50], (false, 0), 1.0, &[(1.0, 0.0); 2], 5);
        case.expect(
            &case.base.clone().expect("a base").iter().map(|b| b + 0.0).collect::<Vec<_>>(),
        );
    }
    let inputs = [vec![3.0], vec![1.0]];
    let case = Case::new("task-arithmetic", Working::F64, &inputs).base(&[0.0]);
    let case = case.each("weight", &[1.0, -1.0]).shared(&[("normalize", "true")]);
    case.expect(&[2.0]);
}

#[test]
fn negative_weights_turn_votes_round() {
    let inputs = [vec![3.0], vec![2.0]];
    let case = Case::new("ties", Working::F32, &inputs).base(&[0.0]);
    let case = case.each("weight", &[-1.0, 1.0]).shared(&[("normalize", "false")]);
    case.expect(&[-3.0]);
}
