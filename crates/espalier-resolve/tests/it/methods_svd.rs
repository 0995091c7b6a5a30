//! Methods that decompose matrices, against slow twins that share nothing with them.
//!
//! A twin decomposes by the eigenvectors of A Aᵀ, found by two-sided Jacobi rotations, and follows
//! the text of the papers with vectors of rows.

use super::parameters;
use espalier_identity::Digest;
use espalier_resolve::find_method;
use espalier_resolve::methods::{Job, Row, Working};
use espalier_tensor::{Dtype, random::Stream};
use std::{collections::BTreeMap, sync::Mutex};

/// Rows of numbers.
type Table = Vec<Vec<f64>>;
type Pairs<'a> = &'a [(&'a str, &'a str)];

fn normal(rows: usize, columns: usize, seed: u32) -> Table {
    let stream = Stream::new(Digest::of_content(&seed.to_le_bytes()));
    let mut values = vec![0.0_f32; rows * columns];
    stream.fill_normal(0, &mut values);
    let row = |row: &[f32]| row.iter().map(|value| f64::from(*value)).collect();
    values.chunks(columns).map(row).collect()
}

fn transposed(a: &Table) -> Table {
    (0..a.first().map_or(0, Vec::len)).map(|c| a.iter().map(|row| row[c]).collect()).collect()
}

fn product(a: &Table, b: &Table) -> Table {
    let b = transposed(b);
    let entry = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    a.iter().map(|row| b.iter().map(|column| entry(row, column)).collect()).collect()
}

/// Σ f a.
fn combined(parts: &[(f64, &Table)]) -> Table {
    let mut out = vec![vec![0.0; parts[0].1[0].len()]; parts[0].1.len()];
    for (factor, table) in parts {
        for (out, row) in out.iter_mut().zip(*table) {
            out.iter_mut().zip(row).for_each(|(out, value)| *out += factor * value);
        }
    }
    out
}

/// Left vectors as rows, singular values, right vectors as rows: those that are not nearly zero.
fn decomposed(a: &Table) -> (Table, Vec<f64>, Table) {
    let n = a.len();
    let mut gram = product(a, &transposed(a));
    let mut vectors: Table =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..30 {
        for p in 0..n {
            for q in p + 1..n {
                let angle = 0.5 * libm::atan2(2.0 * gram[p][q], gram[q][q] - gram[p][p]);
                let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
                let turn = |x: f64, y: f64| (cosine * x - sine * y, sine * x + cosine * y);
                for row in &mut gram {
                    (row[p], row[q]) = turn(row[p], row[q]);
                }
                for k in 0..n {
                    (gram[p][k], gram[q][k]) = turn(gram[p][k], gram[q][k]);
                    (vectors[p][k], vectors[q][k]) = turn(vectors[p][k], vectors[q][k]);
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| gram[b][b].total_cmp(&gram[a][a]));
    let least = 1e-12 * order.first().map_or(0.0, |&first| gram[first][first]);
    order.retain(|&at| gram[at][at] > least);
    let left: Table = order.iter().map(|&at| vectors[at].clone()).collect();
    let values: Vec<f64> = order.iter().map(|&at| gram[at][at].sqrt()).collect();
    let mut right = product(&left, a);
    for (row, value) in right.iter_mut().zip(&values) {
        row.iter_mut().for_each(|x| *x /= value);
    }
    (left, values, right)
}

/// Σ w u vᵀ.
fn composed(left: &Table, values: &[f64], right: &Table) -> Table {
    let mut weighted = left.clone();
    for (row, value) in weighted.iter_mut().zip(values) {
        row.iter_mut().for_each(|x| *x *= value);
    }
    product(&transposed(&weighted), right)
}

fn orthonormal(rows: &Table) -> Table {
    let (left, values, right) = decomposed(rows);
    composed(&left, &vec![1.0; values.len()], &right)
}

fn iso_c(inputs: &[(f64, &Table)]) -> Table {
    let (left, values, right) = decomposed(&combined(inputs));
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    composed(&left, &vec![mean; values.len()], &right)
}

fn iso_cts(inputs: &[(f64, &Table)], share: f64) -> Table {
    let together = combined(inputs);
    let rank = together.len().min(together[0].len());
    let own = (rank - (share * rank as f64) as usize) / inputs.len();
    let common = rank - own * inputs.len();
    let (mut left, mut values, mut right) = decomposed(&together);
    left.truncate(common);
    values.truncate(common);
    right.truncate(common);
    let shared = left.clone();
    for (weight, input) in inputs {
        let projected = product(&transposed(&shared), &product(&shared, input));
        let rest = combined(&[(*weight, *input), (-weight, &projected)]);
        let (u, s, v) = decomposed(&rest);
        left.extend(u.into_iter().take(own));
        values.extend(s.into_iter().take(own));
        right.extend(v.into_iter().take(own));
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    composed(&orthonormal(&left), &vec![mean; values.len()], &orthonormal(&right))
}

fn tsv_m(inputs: &[(f64, &Table)]) -> Table {
    let kept = (inputs[0].1.len().min(inputs[0].1[0].len()) / inputs.len()).max(1);
    let (mut left, mut values, mut right) = (Table::new(), Vec::new(), Table::new());
    for (weight, input) in inputs {
        let (u, s, v) = decomposed(input);
        left.extend(u.into_iter().take(kept));
        values.extend(s.into_iter().take(kept).map(|value| value * weight));
        right.extend(v.into_iter().take(kept));
    }
    composed(&orthonormal(&left), &values, &orthonormal(&right))
}

fn star(inputs: &[(f64, &Table)], eta: f64) -> Table {
    let truncated: Vec<Table> = inputs
        .iter()
        .map(|(_, input)| {
            let (left, values, right) = decomposed(input);
            let all: f64 = values.iter().sum();
            let sums = |count: usize| values[..count].iter().sum::<f64>();
            let count = (1..values.len()).find(|&k| sums(k) >= eta * all).unwrap_or(values.len());
            let scaled: Vec<f64> =
                values[..count].iter().map(|value| value * all / sums(count)).collect();
            composed(&left[..count].to_vec(), &scaled, &right[..count].to_vec())
        })
        .collect();
    let sum: f64 = inputs.iter().map(|(weight, _)| weight).sum();
    let parts = inputs.iter().zip(&truncated).map(|((weight, _), table)| (weight / sum, table));
    combined(&parts.collect::<Vec<_>>())
}

/// For distinct magnitudes.
fn knots(inputs: &[(f64, &Table)], density: f64) -> Table {
    let row = |row: usize| inputs.iter().flat_map(|(_, d)| d[row].clone()).collect();
    let side_by_side: Table = (0..inputs[0].1.len()).map(row).collect();
    let (left, values, right) = decomposed(&side_by_side);
    let columns = inputs[0].1[0].len();
    let trimmed: Vec<Table> = (0..inputs.len())
        .map(|input| {
            let part: Table = right
                .iter()
                .map(|row| row[input * columns..(input + 1) * columns].to_vec())
                .collect();
            let mut magnitudes: Vec<f64> = part.iter().flatten().map(|v| v.abs()).collect();
            magnitudes.sort_by(|a, b| b.total_cmp(a));
            let keep = ((density * magnitudes.len() as f64) as usize).max(1);
            let least = magnitudes[keep - 1];
            let kept = |value: &f64| if value.abs() >= least { *value } else { 0.0 };
            part.iter().map(|row| row.iter().map(kept).collect()).collect()
        })
        .collect();
    let mut merged = vec![vec![0.0; columns]; right.len()];
    for (r, row) in merged.iter_mut().enumerate() {
        for (c, value) in row.iter_mut().enumerate() {
            let votes = || inputs.iter().zip(&trimmed).map(|((w, _), part)| (*w, part[r][c]));
            let sign = if votes().map(|(w, v)| w * v).sum::<f64>() < 0.0 { -1.0 } else { 1.0 };
            let agree = || votes().filter(|(w, v)| w * v * sign > 0.0);
            let weight: f64 = agree().map(|(w, _)| w).sum();
            if weight > 0.0 {
                *value = agree().map(|(w, v)| w * v).sum::<f64>() / weight;
            }
        }
    }
    composed(&left, &values, &merged)
}

/// Merges tensors of f64, each input with its parameters.
fn merged(
    method: &str,
    shared: Pairs<'_>,
    shape: &[u64],
    inputs: &[(Pairs<'_>, Vec<f64>)],
    base: &[f64],
) -> Vec<f64> {
    merged_in(Working::F64, method, shared, shape, inputs, base)
}

fn merged_in(
    working: Working,
    method: &str,
    shared: Pairs<'_>,
    shape: &[u64],
    inputs: &[(Pairs<'_>, Vec<f64>)],
    base: &[f64],
) -> Vec<f64> {
    let method = find_method(method).expect("a method");
    let bytes = |values: &[f64]| -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    };
    let shared = method.check_shared(&parameters(shared)).expect("valid parameters");
    let own: Vec<(BTreeMap<String, String>, Vec<u8>)> = inputs
        .iter()
        .map(|(given, values)| {
            let given = method.check_input(&parameters(given)).expect("valid parameters");
            (given, bytes(values))
        })
        .collect();
    let (base, none) = (bytes(base), BTreeMap::new());
    let row = |source, parameters| Row { source, dtype: Dtype::F64, parameters };
    let job = Job {
        method,
        shared: &shared,
        name: "layer",
        shape,
        inputs: own.iter().map(|(given, bytes)| row(bytes, given)).collect(),
        base: Some(row(&base, &none)),
        working,
        out: Dtype::F64,
        seed: Digest::of_content(b"seed"),
    };
    let out = Mutex::new(vec![0; base.len()]);
    job.run(&|start, bytes| {
        out.lock().expect("no panic")[start as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    })
    .expect("finite tensors");
    let out = out.into_inner().expect("no panic");
    out.as_chunks().0.iter().map(|&value| f64::from_le_bytes(value)).collect()
}

/// Merges differences of a matrix from a base of zeros.
fn matrix(method: &str, shared: Pairs<'_>, inputs: &[(Pairs<'_>, &Table)]) -> Table {
    let (rows, columns) = (inputs[0].1.len(), inputs[0].1[0].len());
    let inputs: Vec<_> = inputs.iter().map(|(given, d)| (*given, d.concat())).collect();
    let shape = [rows as u64, columns as u64];
    let values = merged(method, shared, &shape, &inputs, &vec![0.0; rows * columns]);
    values.chunks(columns).map(<[f64]>::to_vec).collect()
}

fn agree(ours: &Table, slow: &Table, what: &str) {
    let scale = slow.iter().flatten().fold(1e-300_f64, |scale, value| scale.max(value.abs()));
    for (ours, slow) in ours.iter().flatten().zip(slow.iter().flatten()) {
        assert!((ours - slow).abs() <= 1e-7 * scale, "{what}: {ours} is not {slow}");
    }
}

const WEIGHTS: [(f64, Pairs<'static>); 3] =
    [(1.0, &[]), (0.5, &[("weight", "0.5")]), (2.0, &[("weight", "2")])];
const ALL: [&str; 5] = ["iso-c", "iso-cts", "tsv-m", "star", "knots"];

#[test]
fn each_equals_its_slow_twin() {
    for (shape, (rows, columns)) in
        [(12, 12), (18, 11), (9, 20), (1, 7), (7, 1)].into_iter().enumerate()
    {
        for count in 1..=3 {
            let tables: Vec<Table> = (0..count as u32)
                .map(|seed| normal(rows, columns, 10 * shape as u32 + seed))
                .collect();
            let pairs: Vec<(Pairs<'_>, &Table)> =
                WEIGHTS.iter().zip(&tables).map(|((_, given), d)| (*given, d)).collect();
            let weighted: Vec<(f64, &Table)> =
                WEIGHTS.iter().zip(&tables).map(|((weight, _), d)| (*weight, d)).collect();
            let what = |method: &str| format!("{method} of {count} × ({rows}, {columns})");
            let cts = [("common_space_fraction", "0.5")];
            agree(&matrix("iso-c", &[], &pairs), &iso_c(&weighted), &what("iso-c"));
            agree(&matrix("iso-cts", &cts, &pairs), &iso_cts(&weighted, 0.5), &what("iso-cts"));
            agree(&matrix("tsv-m", &[], &pairs), &tsv_m(&weighted), &what("tsv-m"));
            agree(&matrix("star", &[("eta", "0.6")], &pairs), &star(&weighted, 0.6), &what("star"));
            agree(&matrix("knots", &[], &pairs), &knots(&weighted, 0.2), &what("knots"));
        }
    }
}

#[test]
fn parameters_at_their_ends_are_what_they_say() {
    let tables: Vec<Table> = (0..3).map(|seed| normal(10, 14, seed)).collect();
    let pairs: Vec<(Pairs<'_>, &Table)> = tables.iter().map(|d| (&[] as Pairs<'_>, d)).collect();
    let equal: Vec<(f64, &Table)> = tables.iter().map(|d| (1.0, d)).collect();
    // All directions are common: no input has its own.
    let all = matrix("iso-cts", &[("common_space_fraction", "1")], &pairs);
    agree(&all, &matrix("iso-c", &[], &pairs), "all in common");
    let none = matrix("iso-cts", &[("common_space_fraction", "0")], &pairs);
    agree(&none, &iso_cts(&equal, 0.0), "nothing in common but what does not divide");
    // Nothing is cut off, and all but one direction is.
    let mean: Vec<(f64, &Table)> = tables.iter().map(|d| (1.0 / 3.0, d)).collect();
    agree(&matrix("star", &[("eta", "1")], &pairs), &combined(&mean), "a mean");
    agree(&matrix("star", &[("eta", "0")], &pairs), &star(&equal, 0.0), "one direction");
    let dense: Pairs<'_> = &[("density", "1")];
    let all: Vec<(Pairs<'_>, &Table)> = tables.iter().map(|d| (dense, d)).collect();
    agree(&matrix("knots", &[], &all), &knots(&equal, 1.0), "all kept");
    let none: Vec<(Pairs<'_>, &Table)> =
        tables.iter().map(|d| (&[("density", "0")] as Pairs<'_>, d)).collect();
    agree(&matrix("knots", &[], &none), &vec![vec![0.0; 14]; 10], "nothing kept");
}

#[test]
fn one_input_comes_back_where_nothing_is_flattened_or_cut() {
    let table = normal(8, 12, 1);
    agree(&matrix("tsv-m", &[], &[(&[], &table)]), &table, "tsv-m");
    agree(&matrix("star", &[("eta", "1")], &[(&[], &table)]), &table, "star");
    agree(&matrix("knots", &[], &[(&[("density", "1")], &table)]), &table, "knots");
}

#[test]
fn differences_of_zero_leave_the_base() {
    let base: Vec<f64> = (0..12).map(f64::from).collect();
    let inputs = [(&[] as Pairs<'_>, base.clone()), (&[], base.clone())];
    for method in ALL {
        for shape in [&[3_u64, 4][..], &[12], &[2, 3, 2], &[12, 1], &[1, 12]] {
            assert_eq!(merged(method, &[], shape, &inputs, &base), base, "{method} {shape:?}");
        }
        let scalar = [(&[] as Pairs<'_>, vec![3.0])];
        assert_eq!(merged(method, &[], &[], &scalar, &[3.0]), [3.0], "{method} of a scalar");
        let nothing = [(&[] as Pairs<'_>, Vec::new())];
        assert!(merged(method, &[], &[0, 4], &nothing, &[]).is_empty(), "{method} of nothing");
    }
}

#[test]
fn what_is_no_matrix_is_averaged() {
    let inputs: [(Pairs<'_>, _); 2] =
        [(&[], vec![1.0, 2.0]), (&[("weight", "3")], vec![5.0, -2.0])];
    for method in ALL {
        let lambda = [("lambda", "0.5")];
        let out = merged(method, &lambda, &[2], &inputs, &[1.0, 0.0]);
        assert_eq!(out, [1.0 + 0.5 * 3.0, -0.5], "{method}");
        let scalars: [(Pairs<'_>, _); 2] = [(&[], vec![1.0]), (&[], vec![4.0])];
        assert_eq!(merged(method, &[], &[], &scalars, &[0.0]), [2.5], "{method}");
    }
}

#[test]
fn dimensions_after_the_first_are_columns() {
    let tables: Vec<Vec<f64>> = (0..2).map(|seed| normal(4, 6, seed).concat()).collect();
    let inputs: Vec<(Pairs<'_>, _)> =
        tables.iter().map(|d| (&[] as Pairs<'_>, d.clone())).collect();
    let base = vec![0.25; 24];
    for method in ALL {
        let flat = merged(method, &[], &[4, 6], &inputs, &base);
        assert_eq!(merged(method, &[], &[4, 3, 2], &inputs, &base), flat, "{method}");
    }
}

#[test]
fn differences_of_low_rank_keep_their_rank_and_the_sum_of_singular_values() {
    let table = product(&normal(15, 2, 1), &normal(2, 20, 2));
    let (_, values, _) = decomposed(&table);
    let isotropic = matrix("iso-c", &[], &[(&[], &table)]);
    let (_, flat, _) = decomposed(&isotropic);
    assert_eq!(flat.len(), 2);
    assert!((flat.iter().sum::<f64>() - values.iter().sum::<f64>()).abs() < 1e-6);
    // Two equal inputs count as one.
    let twice: [(Pairs<'_>, &Table); 2] = [(&[], &table), (&[], &table)];
    agree(&matrix("tsv-m", &[], &twice), &table, "tsv-m");
    agree(&matrix("star", &[("eta", "1")], &twice), &table, "star");
    agree(&matrix("knots", &[], &[(&[("density", "1")] as Pairs<'_>, &table); 2]), &table, "knots");
}

#[test]
fn threads_change_nothing() {
    let tables: Vec<Table> = (0..3).map(|seed| normal(70, 90, seed)).collect();
    let pairs: Vec<(Pairs<'_>, &Table)> = tables.iter().map(|d| (&[] as Pairs<'_>, d)).collect();
    let with = |threads: usize, method: &str| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| matrix(method, &[], &pairs))
    };
    for method in ALL {
        assert_eq!(with(1, method), with(5, method), "{method}");
    }
}

#[test]
fn low_rank_adapters_in_f32_keep_their_rank() {
    // Adapters that were added to a base in f32: rounding adds something of full rank.
    let update = product(&normal(24, 2, 1), &normal(2, 30, 2));
    let base: Vec<f64> = normal(24, 30, 3).concat();
    let tuned = |factor: f64| -> Vec<f64> {
        let sums = base.iter().zip(update.iter().flatten()).map(|(b, d)| b + factor * d);
        sums.map(|sum| f64::from(sum as f32)).collect()
    };
    let none: Pairs<'_> = &[];
    let inputs = [(none, tuned(0.01)), (none, tuned(0.02))];
    let exact = matrix("iso-c", &[], &[(&[("weight", "0.03")], &update)]);
    let rounded = merged_in(Working::F32, "iso-c", &[], &[24, 30], &inputs, &base);
    for ((sum, b), exact) in rounded.iter().zip(&base).zip(exact.iter().flatten()) {
        assert!((sum - b - exact).abs() < 1e-5, "{sum} {b} {exact}");
    }
}
