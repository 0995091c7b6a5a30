//! Spherical methods and `model-stock`, within 10⁻⁶ of twins in f64.

use espalier_resolve::methods::{MethodError, Working};

use super::{ALL_WORKING, Case, dtype, normal, sum_of};

type Vector = Vec<f64>;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn combine(pairs: &[(f64, &[f64])]) -> Vector {
    (0..pairs[0].1.len()).map(|i| pairs.iter().map(|(c, x)| c * x[i]).sum()).collect()
}

fn slerp(x: &[f64], y: &[f64], t: f64) -> Vector {
    let unit = |n: f64| if n > 1e-8 { n } else { 1.0 };
    let cosine = dot(x, y) / unit(norm(x)) / unit(norm(y));
    if cosine.abs() > 0.9995 {
        return combine(&[(1.0 - t, x), (t, y)]);
    }
    let angle = libm::acos(cosine);
    let part = |share: f64| libm::sin(share * angle) / libm::sin(angle);
    combine(&[(part(1.0 - t), x), (part(t), y)])
}

fn nuslerp(x: &[f64], y: &[f64], t: f64) -> Vector {
    let cosine = dot(x, y) / norm(x).max(1e-7) / norm(y).max(1e-7);
    let angle = libm::acos(cosine.clamp(-1.0, 1.0));
    if libm::sin(angle) < 1e-7 {
        return combine(&[(1.0 - t, x), (t, y)]);
    }
    let part = |share: f64| libm::sin(share * angle) / libm::sin(angle);
    combine(&[(part(1.0 - t), x), (part(t), y)])
}

fn multislerp(rows: &[Vector], weights: &[f64], eps: f64) -> Vector {
    let sum: f64 = weights.iter().sum();
    let weights: Vec<f64> = weights.iter().map(|w| w / sum).collect();
    let parts = |of: fn(f64, f64) -> f64| -> Vec<(f64, &[f64])> {
        let part = |(x, w): (&'_ Vector, &f64)| of(*w, norm(x) + 1e-8);
        rows.iter().zip(&weights).map(|pair| (part(pair), pair.0.as_slice())).collect()
    };
    let mean = combine(&parts(|w, n| w / n));
    if norm(&mean) < eps {
        return combine(&parts(|w, _| w));
    }
    let length: f64 = rows.iter().zip(&weights).map(|(x, w)| w * norm(x)).sum();
    let factor = length / norm(&mean);
    mean.iter().map(|m| m * factor).collect()
}

fn karcher(rows: &[Vector], steps: usize, tolerance: f64) -> Vector {
    let scale = |x: &[f64], c: f64| -> Vector { x.iter().map(|x| x * c).collect() };
    let units: Vec<Vector> =
        rows.iter().filter(|x| norm(x) > 0.0).map(|x| scale(x, 1.0 / norm(x))).collect();
    if units.is_empty() {
        return vec![0.0; rows[0].len()];
    }
    let mean = |vectors: &[Vector]| {
        let parts: Vec<(f64, &[f64])> =
            vectors.iter().map(|x| (1.0 / vectors.len() as f64, x.as_slice())).collect();
        combine(&parts)
    };
    let start = mean(&units);
    let mut m = match norm(&start) < tolerance {
        true => units[0].clone(),
        false => scale(&start, 1.0 / norm(&start)),
    };
    for _ in 0..steps {
        let logarithm = |u: &Vector| {
            let cosine = dot(u, &m).clamp(-1.0, 1.0);
            let angle = libm::acos(cosine);
            let stretch = if libm::sin(angle) < 1e-12 { 0.0 } else { angle / libm::sin(angle) };
            combine(&[(stretch, u), (-stretch * cosine, &m)])
        };
        let tangent = mean(&units.iter().map(logarithm).collect::<Vec<_>>());
        let step = norm(&tangent);
        if step < tolerance {
            break;
        }
        m = combine(&[(libm::cos(step), &m), (libm::sin(step) / step, &tangent)]);
        m = scale(&m, 1.0 / norm(&m));
    }
    let length = rows.iter().map(|x| norm(x)).sum::<f64>() / rows.len() as f64;
    scale(&m, length)
}

fn stock(rows: &[Vector], base: &[f64]) -> Vector {
    let d: Vec<Vector> = rows.iter().map(|x| combine(&[(1.0, x), (-1.0, base)])).collect();
    let k = rows.len();
    let mut cosines = Vec::new();
    for i in 0..k {
        for j in 0..i {
            let cosine = dot(&d[i], &d[j]) / (norm(&d[i]) * norm(&d[j])).max(1e-6);
            cosines.push(cosine.clamp(-1.0, 1.0));
        }
    }
    let c = cosines.iter().sum::<f64>() / cosines.len() as f64;
    let below = 1.0 + (k as f64 - 1.0) * c;
    let t = if below == 0.0 { 0.0 } else { k as f64 * c / below };
    let mean = |i: usize| rows.iter().map(|x| x[i]).sum::<f64>() / k as f64;
    (0..base.len()).map(|i| t * mean(i) + (1.0 - t) * base[i]).collect()
}

/// Applies a formula to each vector along an axis of a matrix.
fn along(
    first: bool,
    (k, n): (usize, usize),
    rows: &[&Vector],
    formula: impl Fn(&[Vector]) -> Vector,
) -> Vector {
    let mut out = vec![0.0; k * n];
    for group in 0..if first { n } else { k } {
        let at = |i: usize| if first { i * n + group } else { group * n + i };
        let length = if first { k } else { n };
        let vectors: Vec<Vector> =
            rows.iter().map(|row| (0..length).map(|i| row[at(i)]).collect()).collect();
        formula(&vectors).into_iter().enumerate().for_each(|(i, y)| out[at(i)] = y);
    }
    out
}

/// Inputs near each other, and a base.
fn near(count: usize, n: usize, working: Working) -> (Vector, Vec<Vector>) {
    let dtype = dtype(working);
    let base = normal(99, n, 1.0, dtype);
    let input = |seed: u64| sum_of(&base, &normal(seed, n, 0.3, dtype), dtype);
    (base.clone(), (0..count as u64).map(input).collect())
}

const EXACT: [Working; 2] = [Working::F32, Working::F64];
const SIZES: [usize; 5] = [1, 3, 1000, 32_769, 70_001];

#[test]
fn slerp_is_its_twin() {
    for working in EXACT {
        for n in SIZES {
            let (base, inputs) = near(1, n, working);
            let far = normal(5, n, 2.0, dtype(working));
            for other in [&inputs[0], &far] {
                for t in [0.0, 0.25, 1.0, -0.3, 1.4] {
                    let case = Case::new("slerp", working, &[base.clone(), other.clone()]);
                    let case = case.shared(&[("t", &t.to_string())]);
                    case.expect_near(&slerp(&base, other, t), 1e-6);
                }
            }
        }
    }
}

#[test]
fn slerp_of_parallel_opposite_and_zero_vectors() {
    let v = normal(1, 1000, 1.0, dtype(Working::F32));
    let times = |c: f64| -> Vector { v.iter().map(|x| x * c).collect() };
    let merge =
        |a: Vector, b: Vector| Case::new("slerp", Working::F32, &[a, b]).shared(&[("t", "0.25")]);
    merge(v.clone(), times(2.0)).expect_near(&times(1.25), 1e-6);
    merge(v.clone(), times(-2.0)).expect_near(&times(0.25), 1e-6);
    let sine = libm::sin(0.25 * core::f64::consts::FRAC_PI_2);
    merge(times(0.0), v.clone()).expect_near(&times(sine), 1e-6);
    merge(times(0.0), times(0.0)).expect(&times(0.0).iter().map(|x| x + 0.0).collect::<Vec<_>>());
}

#[test]
fn slerp_ends_are_the_inputs_bit_for_bit() {
    for working in ALL_WORKING {
        let inputs = [1, 2].map(|seed| normal(seed, 500, 1.0, dtype(working)));
        for (t, end) in [("0", 0), ("1", 1)] {
            Case::new("slerp", working, &inputs).shared(&[("t", t)]).expect(&inputs[end]);
        }
    }
}

#[test]
fn nuslerp_is_its_twin() {
    for working in EXACT {
        for n in SIZES {
            let (base, inputs) = near(2, n, working);
            for (weights, t) in [([1.0, 3.0], 0.75), ([0.5, -0.2], -0.2 / 0.3), ([1.0, -1.0], 0.5)]
            {
                let case = Case::new("nuslerp", working, &inputs).each("weight", &weights);
                case.expect_near(&nuslerp(&inputs[0], &inputs[1], t), 1e-6);
                let d = case.clone().base(&base).differences();
                let moved = nuslerp(&d[0], &d[1], t);
                let expected = combine(&[(1.0, &base), (1.0, &moved)]);
                case.base(&base).expect_near(&expected, 1e-6);
            }
        }
    }
}

#[test]
fn nuslerp_has_an_angle_for_each_row_or_column() {
    for working in EXACT {
        for (k, n) in [(1, 9), (9, 1), (30, 40), (300, 331)] {
            let (_, inputs) = near(2, k * n, working);
            for first in [false, true] {
                let rows = if first { "true" } else { "false" };
                let case = Case::new("nuslerp", working, &inputs).each("weight", &[1.0, 2.0]);
                let case = case.shape(&[k as u64, n as u64]);
                let case = case.shared(&[("nuslerp_flatten", "false"), ("nuslerp_row_wise", rows)]);
                let of = |v: &[Vector]| nuslerp(&v[0], &v[1], 2.0 / 3.0);
                let expected = along(first, (k, n), &[&inputs[0], &inputs[1]], of);
                case.expect_near(&expected, 1e-6);
            }
        }
    }
}

#[test]
fn multislerp_is_its_twin() {
    for working in EXACT {
        for n in SIZES {
            let (base, inputs) = near(3, n, working);
            let weights = [0.5, 1.0, 0.25];
            let case = Case::new("multislerp", working, &inputs).each("weight", &weights);
            case.expect_near(&multislerp(&inputs, &weights, 1e-8), 1e-6);
            let d = case.clone().base(&base).differences();
            let moved = multislerp(&d, &weights, 1e-8);
            let expected = combine(&[(1.0, &base), (1.0, &moved)]);
            if n > 1 {
                case.base(&base).expect_near(&expected, 1e-6);
            }
        }
    }
}

#[test]
fn multislerp_of_opposite_one_and_weightless_inputs() {
    let v = normal(1, 100, 1.0, dtype(Working::F64));
    let times = |c: f64| -> Vector { v.iter().map(|x| x * c).collect() };
    let case = Case::new("multislerp", Working::F64, &[v.clone(), times(-2.0)]);
    let case = case.each("weight", &[1.0, 1.0]);
    case.clone().shared(&[("normalize_weights", "false")]).expect_near(&times(-1.0), 1e-12);
    let error = case.each("weight", &[1.0, -1.0]).merge().expect_err("no mean");
    assert!(matches!(error, MethodError::NotFinite { element: 0, .. }), "{error}");
    let lone = Case::new("multislerp", Working::F64, std::slice::from_ref(&v));
    lone.base(&times(3.0)).each("weight", &[0.2]).expect(&v);
    let half = Case::new("multislerp", Working::F64, &[v.clone(), times(0.0)]);
    half.each("weight", &[1.0, 1.0]).expect_near(&times(0.5), 1e-12);
}

#[test]
fn karcher_is_its_twin() {
    for working in EXACT {
        for n in SIZES {
            let (_, mut inputs) = near(3, n, working);
            inputs.push(normal(7, n, 2.0, dtype(working)));
            inputs.push(vec![0.0; n]);
            for steps in [0, 1, 10] {
                let case = Case::new("karcher", working, &inputs);
                let case = case.shared(&[("max_iter", &steps.to_string())]);
                case.expect_near(&karcher(&inputs, steps, 1e-5), 1e-6);
            }
        }
    }
}

#[test]
fn karcher_of_zero_one_and_opposite_vectors() {
    let v = normal(1, 100, 1.0, dtype(Working::F32));
    let times = |c: f64| -> Vector { v.iter().map(|x| x * c).collect() };
    let merge = |inputs: &[Vector]| Case::new("karcher", Working::F32, inputs);
    merge(&[vec![0.0; 9], vec![0.0; 9]]).expect(&[0.0; 9]);
    merge(std::slice::from_ref(&v)).expect_near(&v, 1e-6);
    merge(&[v.clone(), times(-3.0)]).expect_near(&times(2.0), 1e-6);
    merge(&[v.clone(), times(3.0)]).expect_near(&times(2.0), 1e-6);
}

#[test]
fn model_stock_is_its_twin() {
    for working in EXACT {
        for n in SIZES {
            for count in [2, 4] {
                let (base, inputs) = near(count, n, working);
                let case = Case::new("model-stock", working, &inputs).base(&base);
                case.expect_near(&stock(&inputs, &base), 1e-6);
            }
        }
        for (k, n) in [(1, 9), (9, 1), (30, 40), (300, 331), (3, 40_000)] {
            let (base, inputs) = near(3, k * n, working);
            let case = Case::new("model-stock", working, &inputs).base(&base);
            let case = case.shape(&[k as u64, n as u64]).shared(&[("filter_wise", "true")]);
            let rows: Vec<&Vector> = inputs.iter().chain([&base]).collect();
            let of = |v: &[Vector]| stock(&v[..3], &v[3]);
            case.expect_near(&along(false, (k, n), &rows, of), 1e-6);
        }
    }
}

#[test]
fn model_stock_of_equal_and_opposite_models_is_the_base() {
    let base = normal(2, 100, 1.0, dtype(Working::F64));
    let d = normal(3, 100, 1.0, dtype(Working::F64));
    let equal = Case::new("model-stock", Working::F64, &[base.clone(), base.clone()]);
    equal.base(&base).expect_near(&base, 1e-15);
    let opposite = [combine(&[(1.0, &base), (1.0, &d)]), combine(&[(1.0, &base), (-1.0, &d)])];
    let merged = Case::new("model-stock", Working::F32, &opposite).base(&base).merge();
    // 1 + c is about zero: whatever it is, it is finite, or an error says so.
    assert!(merged.is_ok() || matches!(merged, Err(MethodError::NotFinite { .. })));
}

/// All steps of `nuslerp` and `model-stock` in a 16-bit type, as documented.
#[test]
fn narrow_types_round_each_step() {
    for working in [Working::Bf16, Working::F16] {
        let (base, inputs) = near(2, 40, working);
        let case = Case::new("nuslerp", working, &inputs).each("weight", &[1.0, 3.0]);
        let a = case.arithmetic();
        let [n1, n2] = [0, 1].map(|i| a.round(norm(&inputs[i])));
        let part = |i: usize| a.round(a.round(inputs[0][i] / n1) * a.round(inputs[1][i] / n2));
        let c = a.round((0..40).map(part).sum());
        let angle = a.round(libm::acos(c));
        let part = |share: f64| a.round(libm::sin(a.round(share * angle)));
        let (p, q, s) = (part(0.25), part(0.75), a.round(libm::sin(angle)));
        let element = |i: usize| {
            let sum = a.round(a.round(p * inputs[0][i]) + a.round(q * inputs[1][i]));
            a.round(sum / s)
        };
        case.expect(&(0..40).map(element).collect::<Vec<_>>());
        let case = Case::new("model-stock", working, &inputs).base(&base);
        let d = case.differences();
        let [n1, n2] = [0, 1].map(|i| a.round(norm(&d[i])));
        let product: f64 = (0..40).map(|i| a.round(d[0][i] * d[1][i])).sum();
        let c = a.round(a.round(product) / a.round(n1 * n2));
        let t = a.round(a.round(2.0 * c) / a.round(1.0 + c));
        let element = |i: usize| {
            let mean = a.round(a.round(inputs[0][i] + inputs[1][i]) / 2.0);
            a.round(a.round(t * mean) + a.round(a.round(1.0 - t) * base[i]))
        };
        case.expect(&(0..40).map(element).collect::<Vec<_>>());
    }
}

/// All steps of `multislerp` in a 16-bit type, as documented.
#[test]
fn multislerp_rounds_each_step_of_narrow_types() {
    const N: usize = 70_000;
    for working in [Working::Bf16, Working::F16] {
        for based in [false, true] {
            let (base, inputs) = near(3, N, working);
            let case = Case::new("multislerp", working, &inputs).each("weight", &[0.3, 0.7, 0.2]);
            let case = if based { case.base(&base) } else { case };
            let a = case.arithmetic();
            let x = if based { case.differences() } else { inputs.clone() };
            let each = |x: &[f64], of: &dyn Fn(f64) -> f64| -> Vector {
                x.iter().map(|x| a.round(of(*x))).collect()
            };
            let sum = [0.3, 0.7, 0.2].map(|w| a.round(w)).iter().sum::<f64>();
            let w = [0.3, 0.7, 0.2].map(|w| a.round(a.round(w) / a.round(sum)));
            let n: Vector = x.iter().map(|x| a.round(norm(x))).collect();
            let unit = |(x, n): (&Vector, &f64)| {
                let n = a.round(n + 1e-8);
                each(x, &|x| x / n)
            };
            let units: Vec<Vector> = x.iter().zip(&n).map(unit).collect();
            let sum_of = |vectors: &[Vector]| -> Vector {
                let element = |i: usize| {
                    let parts = vectors.iter().zip(w).map(|(x, w)| a.round(w * x[i]) as f32);
                    a.round(f64::from(parts.sum::<f32>()))
                };
                (0..N).map(element).collect()
            };
            let mean = sum_of(&units);
            let length = a.round(norm(&mean));
            let m = each(&mean, &|x| x / length);
            let tangent = |u: &Vector| -> Vector {
                let along = a.round((0..N).map(|i| a.round(u[i] * m[i])).sum());
                (0..N).map(|i| a.round(u[i] - a.round(along * m[i]))).collect()
            };
            let v = sum_of(&units.iter().map(tangent).collect::<Vec<_>>());
            let angle = a.round(norm(&v)).max(1e-8);
            let (sine, cosine) = (a.round(libm::sin(angle)), a.round(libm::cos(angle)));
            let norm = a.round(n.iter().zip(w).map(|(n, w)| a.round(w * n)).sum());
            let element = |i: usize| {
                let moved = a.round(sine * a.round(v[i] / angle));
                let y = a.round(a.round(a.round(cosine * m[i]) + moved) * norm);
                if based { a.round(base[i] + y) } else { y }
            };
            case.expect(&(0..N).map(element).collect::<Vec<_>>());
        }
    }
}
