//! Robust strategies against slow, obvious implementations over plain vectors, and their laws.

use espalier_identity::Digest;
use espalier_resolve::{
    Input, Note, Plan, ResolveError, SelectionCache, Strategy, canonical_order,
};
use espalier_tensor::{Dtype, Model, random::Stream, read_f64, write_f64};
use proptest::{prelude::*, strategy::Strategy as _};

use crate::{slow, strategy};

/// A vector as a model of two f64 tensors.
pub(crate) fn model(row: &[f64]) -> Model {
    let (a, b) = row.split_at(row.len() / 2);
    let tensor = |name: &str, values: &[f64]| {
        let mut bytes = vec![0; 8 * values.len()];
        write_f64(Dtype::F64, values, &mut bytes);
        (name.to_owned(), Dtype::F64, vec![values.len() as u64], bytes)
    };
    Model::from_tensors(vec![tensor("a", a), tensor("b", b)]).expect("a valid model")
}

fn vector(model: &Model) -> Vec<f64> {
    let mut row = Vec::new();
    for (_, content) in model.tensors() {
        let mut values = vec![0.0; content.len() / 8];
        read_f64(Dtype::F64, content, &mut values);
        row.extend(values);
    }
    row
}

/// The result on rows in the order they have, and the notes.
pub(crate) fn merged(
    built: &Strategy,
    rows: &[Vec<f64>],
    base: Option<&[f64]>,
) -> (Vec<f64>, Vec<String>) {
    let models: Vec<Model> = rows.iter().map(|row| model(row)).collect();
    let base = base.map(model);
    let inputs: Vec<Input<'_>> =
        models.iter().map(|model| Input { id: model.root(), weight: 1.0, model }).collect();
    let plan = prepared(built, &inputs, base.as_ref());
    (vector(&plan.model().expect("finite")), plan.notes().iter().map(ToString::to_string).collect())
}

fn prepared<'a>(built: &'a Strategy, inputs: &[Input<'a>], base: Option<&'a Model>) -> Plan<'a> {
    let seed = Digest::of_content(b"seed");
    built.prepare(inputs, base, seed, &SelectionCache::new()).expect("fitting inputs")
}

fn normal(seed: u64, n: usize, d: usize) -> Vec<Vec<f64>> {
    let stream = Stream::new(Digest::of_content(&seed.to_le_bytes()));
    let mut values = vec![0.0; n * d];
    stream.fill_normal(0, &mut values);
    values.chunks(d).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
}

pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

const RULES: [(&str, &[(&str, &str)]); 12] = [
    ("median", &[]),
    ("trimmed-mean", &[]),
    ("meamed", &[]),
    ("krum", &[]),
    ("multi-krum", &[]),
    ("mda", &[]),
    ("geometric-median", &[]),
    ("centered-clipping", &[]),
    ("centered-clipping", &[("tau", "0.7"), ("iterations", "3")]),
    ("centered-clipping", &[("start", "core")]),
    ("caf", &[]),
    ("average", &[]),
];
const CHAINS: [&str; 7] =
    ["none", "nnm", "bucketing", "clipping", "arc", "arc+nnm", "bucketing+clipping"];

fn rule(name: &str, pairs: &[(&str, &str)], f: &str, pre: &str) -> Strategy {
    strategy(name, &[pairs, &[("f", f), ("pre", pre)]].concat())
}

#[test]
fn every_rule_after_every_step_is_the_slow_one() {
    let cases = [(1, 3, 0), (2, 4, 1), (3, 2, 1), (4, 5, 1), (7, 6, 3), (8, 4, 2), (11, 8, 4)];
    for (seed, (n, d, f)) in cases.into_iter().enumerate() {
        let mut rows = normal(seed as u64, n, d);
        let base = normal(99, 1, d).remove(0);
        // Some are far away, and some are the same.
        for row in rows.iter_mut().take(f) {
            row.iter_mut().for_each(|x| *x = 3.0 * *x + 4.0);
        }
        if n > 7 {
            rows[n - 1] = rows[n - 2].clone();
        }
        let f = f.to_string();
        for (name, pairs) in RULES {
            for pre in CHAINS {
                if name == "geometric-median" && pre.contains("nnm") && n == 4 {
                    // Two pairs of equal rows: every point between them is a median.
                    continue;
                }
                let more = [("f", f.as_str()), ("pre", pre), ("bucket", "3")];
                let built = strategy(name, &[pairs, &more].concat());
                for base in [None, Some(base.as_slice())] {
                    let expected = slow::merge(&built, &rows, base);
                    let (actual, _) = merged(&built, &rows, base);
                    let off = distance(&expected, &actual);
                    assert!(off < 2e-6, "{built} of {n}, base {}: {off:e}", base.is_some());
                }
            }
        }
    }
}

/// Rules that do not know where zero is.
fn is_free_of_origin(built: &Strategy) -> bool {
    let parameters = built.parameters();
    let clips = ["clipping", "arc"].iter().any(|step| parameters["pre"].contains(step));
    !clips && parameters.get("start").is_none_or(|start| start == "core")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn moving_moves_the_result(
        seed: u64, n in 1_usize..9, f in 0_usize..4, shift in -5.0_f64..5.0,
    ) {
        let rows = normal(seed, n, 4);
        let image = |row: &Vec<f64>| row.iter().map(|x| x + shift).collect::<Vec<f64>>();
        let f = f.to_string();
        for (name, pairs) in RULES {
            // Mixed rows have equal distances, of which rounding decides.
            let built = rule(name, pairs, &f, "none");
            if is_free_of_origin(&built) {
                let moved: Vec<Vec<f64>> = rows.iter().map(image).collect();
                let expected = image(&merged(&built, &rows, None).0);
                let off = distance(&merged(&built, &moved, None).0, &expected);
                prop_assert!(off < 1e-5, "{}: {:e}", built, off);
            }
        }
    }

    /// By a power of two, which no rounding sees: not a bit changes.
    #[test]
    fn scaling_scales_the_result(
        seed: u64, n in 1_usize..9, f in 0_usize..4, exponent in -40_i32..40,
    ) {
        let rows = normal(seed, n, 4);
        let image = |row: &Vec<f64>| -> Vec<f64> {
            row.iter().map(|&x| libm::ldexp(x, exponent)).collect()
        };
        let f = f.to_string();
        // All but those with a length among their parameters.
        for (name, pairs) in RULES.iter().filter(|(_, pairs)| pairs.len() < 2) {
            for pre in ["none", "nnm", "arc", "clipping+nnm"] {
                let built = rule(name, pairs, &f, pre);
                let scaled: Vec<Vec<f64>> = rows.iter().map(image).collect();
                let expected = image(&merged(&built, &rows, None).0);
                prop_assert_eq!(merged(&built, &scaled, None).0, expected, "{}", built);
            }
        }
    }

    /// Where the honest are within a ball, whatever fewer than half of the inputs hold, the
    /// result stays near the ball.
    #[test]
    fn liars_do_not_carry_the_result_away(
        seed: u64,
        n in 3_usize..10,
        sizes in prop::collection::vec(prop::sample::select(
            vec![1.0, -3.0, 1e3, -1e9, 1e30, 1e140, 1e200, f64::INFINITY, f64::NAN]), 4),
        alike: bool,
        places: [prop::sample::Index; 4],
    ) {
        let f = (n - 1) / 2;
        let mut rows = normal(seed, n, 3);
        let liars = normal(seed ^ 1, 4, 3);
        let mut lying = std::collections::BTreeSet::new();
        for (k, (size, place)) in sizes.iter().zip(places).take(f).enumerate() {
            let place = place.index(n);
            lying.insert(place);
            rows[place] = liars[if alike { 0 } else { k }].iter().map(|x| x * size).collect();
        }
        let honest = || (0..n).filter(|i| !lying.contains(i)).map(|i| &rows[i]);
        let radius = honest().map(|row| distance(row, &[0.0; 3])).fold(0.0, f64::max);
        let f = f.to_string();
        for (name, pairs) in RULES {
            for pre in ["none", "nnm", "arc", "arc+nnm", "clipping"] {
                if name == "average" && matches!(pre, "none" | "nnm") {
                    continue;
                }
                let built = rule(name, pairs, &f, pre);
                let (result, _) = merged(&built, &rows, None);
                let off = distance(&result, &[0.0; 3]);
                prop_assert!(off <= 8.0 * radius, "{}: {} of {}, {:?}", built, off, radius, rows);
            }
        }
    }

    #[test]
    fn equal_inputs_are_returned_by_all(seed: u64, n in 1_usize..8, f in 0_usize..4) {
        let row = normal(seed, 1, 3).remove(0);
        let f = f.to_string();
        for (name, pairs) in RULES.iter().filter(|(_, pairs)| pairs.len() < 2) {
            for pre in CHAINS {
                let built = rule(name, pairs, &f, pre);
                let (result, _) = merged(&built, &vec![row.clone(); n], None);
                // From zero, ten steps of full length are enough to arrive.
                prop_assert!(distance(&result, &row) < 1e-12, "{}: {:?}", built, result);
            }
        }
    }

    #[test]
    fn the_place_of_a_contribution_does_not_matter(
        order in Just((0..8).collect::<Vec<usize>>()).prop_shuffle()
    ) {
        // Two are the same, and one has them as mirror images: ties in distances.
        let mut rows = normal(5, 8, 3);
        rows[3] = rows[6].clone();
        rows[1] = rows[6].iter().map(|x| -x).collect();
        let models: Vec<Model> = rows.iter().map(|row| model(row)).collect();
        let result = |order: &mut dyn Iterator<Item = usize>, built: &Strategy| {
            let input = |i: usize| Input { id: models[i].root(), weight: 1.0, model: &models[i] };
            let mut inputs: Vec<Input<'_>> = order.map(input).collect();
            canonical_order(&mut inputs);
            prepared(built, &inputs, None).hash()
        };
        for (name, pairs) in RULES {
            for pre in CHAINS {
                let built = rule(name, pairs, "0.3", pre);
                let shuffled = result(&mut order.iter().copied(), &built);
                prop_assert_eq!(result(&mut (0..8), &built), shuffled, "{}", built);
            }
        }
    }
}

/// Distances of 10⁻⁹ of the norm are told apart, since products are relative to an input.
#[test]
fn near_models_far_from_zero() {
    let mut rows = normal(3, 7, 6);
    let krum = strategy("krum", &[("f", "2")]);
    let best = merged(&krum, &rows, None).0;
    let winner = rows.iter().position(|row| *row == best).expect("one of them");
    for row in &mut rows {
        row.iter_mut().for_each(|x| *x = 1e6 + *x * 1e-3);
    }
    assert_eq!(merged(&krum, &rows, None).0, rows[winner]);
    // Nor does a liar who is still farther away change that.
    rows.push(vec![-1e25; 6]);
    assert_eq!(merged(&strategy("krum", &[("f", "3")]), &rows, None).0, rows[winner]);
}

#[test]
fn notes_of_robust_strategies() {
    let mut rows = normal(1, 6, 3);
    let notes = |pairs: &[(&str, &str)], rows: &[Vec<f64>]| {
        merged(&strategy("krum", pairs), rows, None).1.join("\n")
    };
    assert_eq!(notes(&[("f", "2")], &rows), "");
    assert_eq!(notes(&[("f", "3")], &rows), "`krum` of 6 rows tolerates 2 liars, not 3");
    assert_eq!(
        notes(&[("f", "3"), ("pre", "nnm+bucketing"), ("bucket", "2")], &rows),
        "`nnm` of 6 rows tolerates 2 liars, not 3\n`krum` of 3 rows tolerates 1 liar, not 3"
    );
    // A row that is no number is one of the liars.
    rows[4][1] = f64::NAN;
    assert_eq!(
        notes(&[("f", "3")], &rows),
        "inputs left out because they are not finite or too long to be measured: 1 of 6"
    );
    let all = [const { [f64::NAN; 3] }; 6].map(|row| model(&row));
    let inputs = crate::inputs(&all, &[1.0; 6]);
    let krum = strategy("krum", &[]);
    let plan = prepared(&krum, &inputs, None);
    let text = "inputs left out because they are not finite or too long to be measured: 6 of 6";
    assert_eq!(Note::summary(plan.notes()), [text]);
    let error = plan.model().expect_err("no number");
    assert!(matches!(error, ResolveError::NotFinite { element: 0, .. }), "{error}");
}

/// A model without float tensors is passed on, and one without elements too.
#[test]
fn nothing_to_measure() {
    let ids = ("ids".to_owned(), Dtype::I64, vec![2], vec![7; 16]);
    let whole = Model::from_tensors(vec![ids]).expect("model");
    let empty = Model::from_f32(&[("w", &[0], &[])]).expect("model");
    for model in [&whole, &empty] {
        let inputs = [Input { id: model.root(), weight: 1.0, model }; 3];
        for (name, _) in RULES {
            let built = strategy(name, &[]);
            let merged = prepared(&built, &inputs, None).model();
            assert_eq!(merged.expect("finite"), *model, "{name}");
        }
    }
}

/// A replica that does not have the base must not compute another model than one that has it.
#[test]
fn a_base_that_is_not_used_changes_nothing() {
    let rows = normal(4, 7, 6);
    let base = normal(5, 1, 6).remove(0);
    for (name, pairs) in RULES {
        for pre in CHAINS {
            let built = rule(name, pairs, "0.3", pre);
            let same = merged(&built, &rows, None) == merged(&built, &rows, Some(&base));
            assert!(same || built.uses_base(), "{built}");
            assert_eq!(built.uses_base(), !is_free_of_origin(&built), "{built}");
        }
    }
    assert!(strategy("ties", &[]).uses_base() && !strategy("linear", &[]).uses_base());
}

/// The seed decides which inputs share a bucket, and nothing else.
#[test]
fn only_bucketing_depends_on_the_seed() {
    let models: Vec<Model> = normal(2, 9, 4).iter().map(|row| model(row)).collect();
    let inputs: Vec<Input<'_>> =
        models.iter().map(|model| Input { id: model.root(), weight: 1.0, model }).collect();
    for (name, pairs) in RULES.iter().filter(|(name, _)| *name != "average") {
        for pre in CHAINS {
            let built = rule(name, pairs, "0.3", pre);
            let root = |seed: &[u8]| {
                let seed = Digest::of_content(seed);
                let plan = built.prepare(&inputs, None, seed, &SelectionCache::new());
                plan.expect("fitting inputs").hash().expect("finite").root()
            };
            assert_eq!(root(b"a") != root(b"b"), pre.contains("bucketing"), "{built}");
        }
    }
}
