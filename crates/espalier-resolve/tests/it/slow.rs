//! Robust aggregation as it is defined, over plain vectors.

use espalier_identity::{Digest, Domain};
use espalier_resolve::Strategy;

use crate::robust::{distance, model};

static BUCKETS: Domain = Domain::new("espalier resolve bucketing v1");

type Rows = Vec<Vec<f64>>;

/// The strategy of this name and these parameters, for equal weights.
pub(crate) fn merge(built: &Strategy, rows: &Rows, base: Option<&[f64]>) -> Vec<f64> {
    let parameters = built.parameters();
    let number = |name: &str| parameters[name].parse::<f64>().ok();
    let d = rows[0].len();
    let base = base.map_or(vec![0.0; d], <[f64]>::to_vec);
    let keys: Vec<Digest> = rows.iter().map(|row| model(row).root()).collect();
    let mut rows: Rows = rows.iter().map(|row| minus(row, &base)).collect();
    let asked = number("f").expect("a count") as usize;
    for step in parameters["pre"].split('+') {
        let f = asked.min((rows.len() - 1) / 2);
        rows = match step {
            "nnm" => (0..rows.len()).map(|i| mean(&nearest(&rows, i, rows.len() - f))).collect(),
            "bucketing" => bucketing(&rows, &keys, number("bucket").expect("a size") as usize),
            "clipping" => {
                let norms: Vec<f64> = rows.iter().map(|row| norm(row)).collect();
                clip(&rows, number("clip").unwrap_or(majority(&norms)))
            }
            "arc" => {
                let mut norms: Vec<f64> = rows.iter().map(|row| norm(row)).collect();
                norms.sort_by(|a, b| b.total_cmp(a));
                let n = rows.len() as f64;
                clip(&rows, norms[(2.0 * f as f64 / n * (n - f as f64) + 1e-9).floor() as usize])
            }
            _ => rows,
        };
    }
    let f = asked.min((rows.len() - 1) / 2);
    let result = match built.name() {
        "average" => mean(&rows),
        "median" => columns(&rows, |column| median(&column)),
        "trimmed-mean" => columns(&rows, |column| average(&column[f..column.len() - f])),
        "meamed" => columns(&rows, |column| {
            let centre = median(&column);
            let mut near = column.clone();
            // What differs by rounding only is equally near, and the lower value comes first.
            near.sort_by_key(|x| ((x - centre).abs() * 1e9).round() as u64);
            average(&near[..column.len() - f])
        }),
        "krum" => by_score(&rows, f).remove(0),
        "multi-krum" => mean(&by_score(&rows, f)[..rows.len() - f]),
        "mda" => mda(&rows, f),
        "geometric-median" => geometric_median(&rows),
        "centered-clipping" => {
            let start = match parameters["start"].as_str() {
                "core" => core(&rows),
                _ => vec![0.0; d],
            };
            centered_clipping(&rows, start, number("tau"), number("iterations").expect("some"))
        }
        "caf" => caf(&rows, f, false),
        other => panic!("no twin for {other}"),
    };
    result.iter().zip(&base).map(|(x, b)| x + b).collect()
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(x, y)| x - y).collect()
}

fn norm(row: &[f64]) -> f64 {
    distance(row, &vec![0.0; row.len()])
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn mean(rows: &[Vec<f64>]) -> Vec<f64> {
    (0..rows[0].len())
        .map(|k| average(&rows.iter().map(|row| row[k]).collect::<Vec<_>>()))
        .collect()
}

/// Of sorted values.
fn median(sorted: &[f64]) -> f64 {
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

fn majority(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[values.len() / 2]
}

fn columns(rows: &Rows, of: impl Fn(Vec<f64>) -> f64) -> Vec<f64> {
    let column = |k: usize| {
        let mut column: Vec<f64> = rows.iter().map(|row| row[k]).collect();
        column.sort_by(f64::total_cmp);
        of(column)
    };
    (0..rows[0].len()).map(column).collect()
}

fn nearest(rows: &Rows, i: usize, count: usize) -> Rows {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let far = |j: usize| distance(&rows[j], &rows[i]);
    order.sort_by(|&a, &b| far(a).total_cmp(&far(b)));
    order.truncate(count);
    order.sort_unstable();
    order.into_iter().map(|j| rows[j].clone()).collect()
}

fn bucketing(rows: &Rows, keys: &[Digest], size: usize) -> Rows {
    let seed = Digest::of_content(b"seed");
    let key = |i: &usize| BUCKETS.fields().digest(&seed).digest(&keys[*i]).finish();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(key);
    order
        .chunks(size)
        .map(|b| mean(&b.iter().map(|&i| rows[i].clone()).collect::<Rows>()))
        .collect()
}

fn clip(rows: &Rows, limit: f64) -> Rows {
    let one = |row: &Vec<f64>| {
        let factor = if norm(row) > limit { limit / norm(row) } else { 1.0 };
        row.iter().map(|x| factor * x).collect()
    };
    rows.iter().map(one).collect()
}

fn by_score(rows: &Rows, f: usize) -> Rows {
    let score = |row: &Vec<f64>| {
        let mut squares: Vec<f64> =
            rows.iter().map(|other| distance(row, other) * distance(row, other)).collect();
        squares.sort_by(f64::total_cmp);
        squares[..rows.len() - f].iter().sum::<f64>()
    };
    let mut sorted = rows.clone();
    sorted.sort_by(|a, b| score(a).total_cmp(&score(b)));
    sorted
}

/// All subsets.
fn mda(rows: &Rows, f: usize) -> Vec<f64> {
    let n = rows.len();
    let mut best = (f64::INFINITY, Vec::new());
    for bits in 0_u32..1 << n {
        if bits.count_ones() as usize != n - f {
            continue;
        }
        // The first row is the highest bit, so that of equals the last is the first in order.
        let chosen: Rows =
            (0..n).filter(|i| bits >> (n - 1 - i) & 1 == 1).map(|i| rows[i].clone()).collect();
        let pairs = chosen.iter().flat_map(|a| chosen.iter().map(move |b| distance(a, b)));
        let diameter = pairs.fold(0.0, f64::max);
        if diameter <= best.0 {
            best = (diameter, mean(&chosen));
        }
    }
    best.1
}

/// Weiszfeld's iteration for very long, from the mean.
fn geometric_median(rows: &Rows) -> Vec<f64> {
    let mut centre = mean(rows);
    let scale = rows.iter().map(|row| distance(row, &centre)).fold(0.0, f64::max);
    for _ in 0..20_000 {
        let weights: Vec<f64> = rows
            .iter()
            .map(|row| 1.0 / distance(row, &centre).max(1e-7 * scale).max(1e-300))
            .collect();
        let total: f64 = weights.iter().sum();
        let coordinate = |k: usize| {
            rows.iter().zip(&weights).map(|(row, weight)| weight * row[k]).sum::<f64>() / total
        };
        centre = (0..centre.len()).map(coordinate).collect();
    }
    centre
}

fn core(rows: &Rows) -> Vec<f64> {
    let radius = |row: &Vec<f64>| {
        majority(&rows.iter().map(|other| distance(row, other)).collect::<Vec<_>>())
    };
    rows.iter().min_by(|a, b| radius(a).total_cmp(&radius(b))).expect("some").clone()
}

fn centered_clipping(rows: &Rows, start: Vec<f64>, tau: Option<f64>, steps: f64) -> Vec<f64> {
    let mut centre = start;
    for _ in 0..steps as usize {
        let differences: Rows = rows.iter().map(|row| minus(row, &centre)).collect();
        let norms: Vec<f64> = differences.iter().map(|row| norm(row)).collect();
        let pull = mean(&clip(&differences, tau.unwrap_or(majority(&norms))));
        centre.iter_mut().zip(pull).for_each(|(c, p)| *c += p);
    }
    centre
}

/// The filter; with `all`, rows without mass also have a say in what the greatest deviation is.
pub(crate) fn caf(rows: &Rows, f: usize, all: bool) -> Vec<f64> {
    let (n, d) = (rows.len(), rows[0].len());
    let mut mass = vec![1.0; n];
    let mut best = (f64::INFINITY, mean(rows));
    while mass.iter().sum::<f64>() > (n - 2 * f) as f64 {
        let total: f64 = mass.iter().sum();
        let sum =
            |term: &dyn Fn(usize) -> f64| (0..n).map(|i| mass[i] * term(i)).sum::<f64>() / total;
        let centre: Vec<f64> = (0..d).map(|k| sum(&|i| rows[i][k])).collect();
        let x = |i: usize, k: usize| rows[i][k] - centre[k];
        let covariance: Rows =
            (0..d).map(|k| (0..d).map(|l| sum(&|i| x(i, k) * x(i, l))).collect()).collect();
        let (variance, direction) = largest(covariance);
        if variance < best.0 {
            best = (variance, centre.clone());
        }
        let square = |i: usize| {
            let along: f64 = (0..d).map(|k| x(i, k) * direction[k]).sum();
            along * along
        };
        let squares: Vec<f64> = (0..n).map(square).collect();
        let heard = (0..n).filter(|&i| all || mass[i] > 0.0);
        let greatest = heard.map(|i| squares[i]).fold(0.0, f64::max);
        if greatest == 0.0 {
            break;
        }
        mass.iter_mut().zip(squares).for_each(|(m, s)| *m *= (1.0 - s / greatest).max(0.0));
    }
    best.1
}

/// The largest eigenvalue of a symmetric matrix and its vector, by Jacobi's rotations.
fn largest(mut a: Rows) -> (f64, Vec<f64>) {
    let d = a.len();
    let mut vectors: Rows =
        (0..d).map(|i| (0..d).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..60 {
        for (p, q) in (0..d).flat_map(|q| (0..q).map(move |p| (p, q))) {
            if a[p][q] == 0.0 {
                continue;
            }
            let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
            let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
            let c = 1.0 / (t * t + 1.0).sqrt();
            let s = t * c;
            let turn = |row: &mut Vec<f64>| {
                (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
            };
            a.iter_mut().for_each(turn);
            let (old_p, old_q) = (a[p].clone(), a[q].clone());
            a[p] = old_p.iter().zip(&old_q).map(|(x, y)| c * x - s * y).collect();
            a[q] = old_p.iter().zip(&old_q).map(|(x, y)| s * x + c * y).collect();
            vectors.iter_mut().for_each(turn);
        }
    }
    let best = (0..d).max_by(|&i, &j| a[i][i].total_cmp(&a[j][j])).expect("some");
    (a[best][best], vectors.iter().map(|row| row[best]).collect())
}
