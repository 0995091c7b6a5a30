//! Every strategy against a slow, obvious implementation over plain vectors, bit for bit.

use espalier_identity::{Digest, Domain};
use espalier_tensor::{Dtype, Model, random::Stream, read_f32, read_f64, write_f32, write_f64};

use crate::{ALL, inputs, parameters, plan, seeded, strategy};

static MASK: Domain = Domain::new("espalier resolve dare mask v1");

/// What a naive implementation is given: one tensor, flat.
struct Case<T> {
    rows: Vec<Vec<T>>,
    weights: Vec<f64>,
    base: Vec<T>,
    ids: Vec<Digest>,
    name: String,
    parameters: std::collections::BTreeMap<String, String>,
}

/// All strategies in f32 and in f64: the same text twice.
macro_rules! naive {
    ($module:ident, $t:ident) => {
        mod $module {
            use super::*;

            fn number(case: &Case<$t>, name: &str) -> f64 {
                case.parameters[name].parse().expect("a number")
            }

            fn flag(case: &Case<$t>, name: &str) -> bool {
                case.parameters[name] == "true"
            }

            /// Weights as they are, except that equal ones are ones.
            fn weights(case: &Case<$t>) -> Vec<$t> {
                let equal = case.weights.iter().all(|w| *w == case.weights[0]);
                case.weights.iter().map(|w| if equal { 1.0 } else { *w as $t }).collect()
            }

            pub(super) fn merge(strategy: &str, case: &Case<$t>) -> Vec<$t> {
                match strategy {
                    "weight-average" => each(case, |case, i| {
                        let values = case.rows.iter().map(|row| row[i]);
                        mean(values.zip(weights(case)).collect())
                    }),
                    "median" => each(case, median),
                    "trimmed-mean" => each(case, trimmed_mean),
                    "task-arithmetic" => each(case, task_arithmetic),
                    "dare-linear" => dare_linear(case),
                    "ties" => ties(case),
                    other => panic!("no twin for {other}"),
                }
            }

            fn each(case: &Case<$t>, element: impl Fn(&Case<$t>, usize) -> $t) -> Vec<$t> {
                (0..case.base.len()).map(|i| element(case, i)).collect()
            }

            fn mean(pairs: Vec<($t, $t)>) -> $t {
                let sum = pairs.iter().map(|(x, w)| x * w).reduce(|a, b| a + b);
                let total = pairs.iter().map(|(_, w)| *w).reduce(|a, b| a + b);
                sum.expect("some") / total.expect("some")
            }

            /// Input indices by value, then by place.
            fn sorted(case: &Case<$t>, i: usize) -> Vec<usize> {
                let mut order: Vec<usize> = (0..case.rows.len()).collect();
                order.sort_by(|&a, &b| case.rows[a][i].total_cmp(&case.rows[b][i]));
                order
            }

            fn median(case: &Case<$t>, i: usize) -> $t {
                let order = sorted(case, i);
                let n = order.len();
                let at = |place: usize| case.rows[order[place]][i];
                if n % 2 == 1 { at(n / 2) } else { (at(n / 2 - 1) + at(n / 2)) / 2.0 }
            }

            fn trimmed_mean(case: &Case<$t>, i: usize) -> $t {
                let order = sorted(case, i);
                let n = order.len();
                let cut = ((number(case, "f") * n as f64).floor() as usize).min((n - 1) / 2);
                let mut kept = order[cut..n - cut].to_vec();
                kept.sort_unstable();
                if let [only] = kept[..] {
                    return case.rows[only][i];
                }
                let weighted = flag(case, "weighted");
                let weight = |k: usize| if weighted { weights(case)[k] } else { 1.0 };
                mean(kept.into_iter().map(|k| (case.rows[k][i], weight(k))).collect())
            }

            fn task_arithmetic(case: &Case<$t>, i: usize) -> $t {
                let differences = case.rows.iter().map(|row| row[i] - case.base[i]);
                add(case, i, differences.collect())
            }

            /// b + λ Σ w d, perhaps divided by Σ w.
            fn add(case: &Case<$t>, i: usize, differences: Vec<$t>) -> $t {
                let normalize = flag(case, "normalize");
                let raw = case.weights.iter().map(|w| *w as $t).collect();
                let weights = if normalize { weights(case) } else { raw };
                let terms = differences.iter().zip(&weights).map(|(d, w)| w * d);
                let mut sum = terms.reduce(|a, b| a + b).expect("some");
                if normalize {
                    sum /= weights.iter().copied().reduce(|a, b| a + b).expect("some");
                }
                case.base[i] + number(case, "lambda") as $t * sum
            }

            fn dare_linear(case: &Case<$t>) -> Vec<$t> {
                let density = number(case, "density");
                let limit = (density * 4_294_967_296.0).round_ties_even() as u64;
                let seed = Digest::of_content(b"seed");
                let stream = |id: &Digest| {
                    let fields = MASK.fields().digest(&seed).digest(id);
                    Stream::new(fields.field(case.name.as_bytes()).finish())
                };
                let masks: Vec<Stream> = case.ids.iter().map(stream).collect();
                each(case, |case, i| {
                    let difference = |k: usize| {
                        let kept = u64::from(masks[k].u32_at(i as u64)) < limit;
                        let d = case.rows[k][i] - case.base[i];
                        if kept { d * (1.0 / density) as $t } else { 0.0 }
                    };
                    add(case, i, (0..case.rows.len()).map(difference).collect())
                })
            }

            fn ties(case: &Case<$t>) -> Vec<$t> {
                let n = case.base.len();
                let keep = ((number(case, "density") * n as f64).floor() as usize).max(1);
                let trimmed: Vec<Vec<$t>> = case
                    .rows
                    .iter()
                    .map(|row| {
                        let d: Vec<$t> = row.iter().zip(&case.base).map(|(x, b)| x - b).collect();
                        let mut order: Vec<usize> = (0..n).collect();
                        order.sort_by(|&i, &j| d[j].abs().total_cmp(&d[i].abs()).then(i.cmp(&j)));
                        let mut out = vec![0.0; n];
                        order.iter().take(keep).for_each(|&i| out[i] = d[i]);
                        out
                    })
                    .collect();
                each(case, |case, i| {
                    let votes: Vec<($t, $t)> =
                        trimmed.iter().map(|d| d[i]).zip(weights(case)).collect();
                    let mass = |of: &dyn Fn($t) -> bool| -> $t {
                        votes.iter().filter(|(d, _)| of(*d)).fold(0.0, |sum, (d, w)| sum + w * d)
                    };
                    let sum = mass(&|_| true);
                    let down = if sum == 0.0 {
                        -mass(&|d| d < 0.0) > mass(&|d| d > 0.0)
                    } else {
                        sum < 0.0
                    };
                    let agrees = |d: $t| if down { d < 0.0 } else { d > 0.0 };
                    let agreeing: Vec<_> = votes.into_iter().filter(|(d, _)| agrees(*d)).collect();
                    let mean = if agreeing.is_empty() { 0.0 } else { mean(agreeing) };
                    case.base[i] + number(case, "lambda") as $t * mean
                })
            }
        }
    };
}

naive!(narrow, f32);
naive!(wide, f64);

/// Merges with the twin and rounds to the output's type.
fn expected(
    name: &str,
    pairs: &[(&str, &str)],
    models: &[Model],
    weights: &[f64],
    base: &Model,
) -> Vec<Vec<u8>> {
    let built = strategy(name, pairs);
    let parameters = built.parameters().clone();
    let ids: Vec<Digest> = models.iter().map(Model::root).collect();
    let tensor = |(index, (meta, content)): (usize, (&espalier_tensor::TensorMeta, &_))| {
        let content: &espalier_tensor::Content = content;
        if !meta.dtype.is_float() {
            return content.to_vec();
        }
        let n = content.len() / meta.dtype.size();
        let out_dtype = Dtype::ALL
            .into_iter()
            .find(|dtype| dtype.name() == parameters["dtype"])
            .unwrap_or(meta.dtype);
        let mut out = vec![0; n * out_dtype.size()];
        let (weights, ids) = (weights.to_vec(), ids.clone());
        let (name_of, parameters) = (meta.name.clone(), parameters.clone());
        if parameters["accumulate"] == "f64" || meta.dtype == Dtype::F64 {
            let read = |model: &Model| {
                let mut values = vec![0.0; n];
                read_f64(meta.dtype, model.content(index), &mut values);
                values
            };
            let (rows, base) = (models.iter().map(read).collect(), read(base));
            let case = Case { rows, weights, base, ids, name: name_of, parameters };
            write_f64(out_dtype, &wide::merge(built.name(), &case), &mut out);
        } else {
            let read = |model: &Model| {
                let mut values = vec![0.0; n];
                read_f32(meta.dtype, model.content(index), &mut values);
                values
            };
            let (rows, base) = (models.iter().map(read).collect(), read(base));
            let case = Case { rows, weights, base, ids, name: name_of, parameters };
            write_f32(out_dtype, &narrow::merge(built.name(), &case), &mut out);
        }
        out
    };
    base.tensors().enumerate().map(tensor).collect()
}

fn agrees(name: &str, pairs: &[(&str, &str)], models: &[Model], weights: &[f64], base: &Model) {
    let built = strategy(name, pairs);
    let inputs = inputs(models, weights);
    let plan = plan(&built, &inputs, base);
    let expected = expected(name, pairs, models, weights, base);
    for (index, expected) in expected.iter().enumerate() {
        let actual = plan.run_tensor(index).expect("finite");
        let at = actual.iter().zip(expected).position(|(a, b)| a != b);
        let dtype = base.meta(1).dtype;
        assert_eq!(at, None, "{built} of {} {dtype} inputs, tensor {index}", models.len());
        assert_eq!(actual.len(), expected.len());
    }
    let merged = plan.model().expect("finite");
    assert_eq!(plan.hash().expect("finite"), merged.manifest, "{built}");
}

#[test]
fn every_strategy_type_and_arithmetic() {
    let sizes = [1, 9, 5000, 0, 333];
    for dtype in [Dtype::F32, Dtype::Bf16, Dtype::F16, Dtype::F64] {
        let base = seeded(0, dtype, &sizes);
        for count in [1, 2, 3, 4, 5, 7] {
            let models: Vec<Model> = (1..=count).map(|s| seeded(s, dtype, &sizes)).collect();
            let different: Vec<f64> = (0..count).map(|i| 0.3 + 0.7 * f64::from(i)).collect();
            let equal = vec![0.3; models.len()];
            for (name, pairs) in ALL.iter().filter(|(name, _)| *name != "slerp") {
                let mut more = pairs.to_vec();
                if count % 2 == 0 {
                    more.push(("accumulate", "f64"));
                    more.push(("dtype", ["bf16", "f16", "f32"][count as usize / 2 % 3]));
                }
                agrees(name, &more, &models, &different, &base);
                agrees(name, &more, &models, &equal, &base);
            }
        }
    }
}

#[test]
fn normalised_differences() {
    let base = seeded(0, Dtype::F32, &[700]);
    let models: Vec<Model> = (1..4).map(|seed| seeded(seed, Dtype::F32, &[700])).collect();
    for name in ["task-arithmetic", "dare-linear"] {
        agrees(name, &[("normalize", "true")], &models, &[0.2, 7.0, 1.0], &base);
    }
}

/// More inputs than are ranked by pairs, and values that are often equal.
#[test]
fn many_inputs_with_ties() {
    let coarse = |seed: u32| {
        let fine = seeded(seed, Dtype::F32, &[100]).values_f32("t0").expect("present");
        let values: Vec<f32> = fine.iter().map(|v| (v * 2.0).round_ties_even() / 2.0).collect();
        Model::from_f32(&[("a", &[0], &[]), ("t", &[100], &values)]).expect("model")
    };
    let base = coarse(0);
    for count in [2, 6, 20, 61, 100] {
        let models: Vec<Model> = (1..=count).map(coarse).collect();
        let weights: Vec<f64> = (0..count).map(|i| 1.0 + f64::from(i % 7) / 3.0).collect();
        for (name, pairs) in ALL.iter().filter(|(name, _)| *name != "slerp") {
            agrees(name, pairs, &models, &weights, &base);
        }
    }
}

/// Long enough that selecting samples first.
#[test]
fn a_long_tensor() {
    let sizes = [200_000];
    for dtype in [Dtype::F32, Dtype::Bf16] {
        let base = seeded(0, dtype, &sizes);
        let models: Vec<Model> = (1..4).map(|seed| seeded(seed, dtype, &sizes)).collect();
        for (name, pairs) in ALL.iter().filter(|(name, _)| *name != "slerp") {
            agrees(name, pairs, &models, &[1.0, 2.0, 0.5], &base);
        }
        agrees("ties", &[("density", "0.0001")], &models, &[1.0; 3], &base);
        agrees("ties", &[("density", "0.9999")], &models, &[1.0; 3], &base);
    }
}

/// The example of the paper's Figure 1 in numbers: trim, elect, merge, worked by hand.
#[test]
fn ties_by_hand() {
    let base = Model::from_f32(&[("w", &[5], &[1.0; 5])]).expect("model");
    // Differences; three of five are kept: those in brackets go.
    let rows: [[f32; 5]; 3] = [
        [4.0, -2.0, 3.0, 0.5, 0.0],  // [0.5] [0]
        [-1.0, -4.0, 2.0, 0.5, 1.0], // [0.5] [1.0: equal to -1 but later]
        [2.0, 6.0, -6.0, 0.5, 0.25], // [0.5] [0.25]
    ];
    let model = |row: &[f32; 5]| Model::from_f32(&[("w", &[5], &row.map(|d| d + 1.0))]);
    let models: Vec<Model> = rows.iter().map(|row| model(row).expect("model")).collect();
    let ties = strategy("ties", &[("density", "0.6"), ("lambda", "2")]);
    let weighted = inputs(&models, &[1.0, 1.0, 1.0]);
    let merged = plan(&ties, &weighted, &base).model().expect("finite");
    // 0: 4 - 1 + 2 > 0: mean of 4 and 2. 1: -2 - 4 + 6 = 0, equal masses: +. 2: 3 + 2 - 6 < 0.
    let deltas = [3.0, 6.0, -6.0, 0.0, 0.0];
    let values = deltas.map(|delta| 1.0 + 2.0 * delta);
    assert_eq!(merged.values_f32("w"), Some(values.to_vec()));
    // With more weight on the first, the sign of element 1 turns and its mean is weighted.
    let weighted = inputs(&models, &[4.0, 1.0, 1.0]);
    let merged =
        plan(&ties, &weighted, &base).model().expect("finite").values_f32("w").expect("present");
    assert_eq!(merged[1], 1.0 + 2.0 * ((4.0 * -2.0 - 4.0) / 5.0));
}

/// The spherical mean of two against the classical formula on whole vectors.
#[test]
fn slerp_is_the_classical_formula() {
    let base = seeded(0, Dtype::F32, &[999]);
    for (t, scale) in [(0.3, 1.0_f32), (0.5, 1.0), (0.75, 2.5)] {
        let a = seeded(1, Dtype::F32, &[999]).values_f32("t0").expect("present");
        let b: Vec<f32> = seeded(2, Dtype::F32, &[999])
            .values_f32("t0")
            .expect("present")
            .iter()
            .zip(&a)
            .map(|(x, y)| scale * (x + 0.5 * y))
            .collect();
        let wide = |v: &[f32]| v.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let (wa, wb) = (wide(&a), wide(&b));
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        let (na, nb) = (dot(&wa, &wa).sqrt(), dot(&wb, &wb).sqrt());
        let angle = libm::acos(dot(&wa, &wb) / na / nb);
        let norm = (1.0 - t) * na + t * nb;
        let share = |s: f64| libm::sin(s * angle) / libm::sin(angle);
        let tensor = |v: &[f32]| {
            let mut bytes = vec![0; 4 * v.len()];
            write_f32(Dtype::F32, v, &mut bytes);
            let ids = ("ids".to_owned(), Dtype::I64, vec![2], vec![7; 16]);
            Model::from_tensors(vec![ids, ("t0".into(), Dtype::F32, vec![999], bytes)])
        };
        let models = [tensor(&a).expect("model"), tensor(&b).expect("model")];
        let built = strategy("slerp", &[]);
        let weighted = inputs(&models, &[2.0 * (1.0 - t), 2.0 * t]);
        let merged = plan(&built, &weighted, &base)
            .model()
            .expect("finite")
            .values_f32("t0")
            .expect("present");
        for (i, value) in merged.iter().enumerate() {
            let expected = norm * (share(1.0 - t) * wa[i] / na + share(t) * wb[i] / nb);
            assert!(
                (f64::from(*value) - expected).abs() < 1e-6 * norm / 30.0,
                "{value} {expected}"
            );
        }
    }
}

#[test]
fn parameters_have_one_spelling() {
    let a = strategy("TIES_merging", &[("density", " 0.50 "), ("lambda", "-0")]);
    let b = strategy("ties", &[("density", "5e-1"), ("lambda", "0")]);
    assert_eq!(a, b);
    let all = [
        ("accumulate", "f32"),
        ("buffers", "error"),
        ("density", "0.5"),
        ("dtype", "same"),
        ("lambda", "0"),
    ];
    assert_eq!(a.parameters(), &parameters(&all));
}
