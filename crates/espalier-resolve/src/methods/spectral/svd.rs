//! Singular value decompositions by one-sided Jacobi (Hestenes 1958): rows are rotated in pairs
//! until all are orthogonal. It is as accurate as any, and every sum has one order.
//!
//! Rows stand in blocks. A sweep lets every block meet every other once, in the order of a
//! tournament; blocks that meet at the same time have nothing in common, so threads share them and
//! no thread decides what is computed. The larger of two rows comes first (de Rijk 1989).
//!
//! Cost: with m ≤ n, a sweep of an m × n matrix takes at most about m² (4 n + 3 m) operations, and
//! sweeps end when no pair has to be rotated. Memory is the matrix and m² once more.

use rayon::prelude::*;

use super::matrix::{Matrix, dot, outer};

/// A = Σ σ u vᵀ over the singular values that count: those above ε max(m, n) times the largest, and
/// above what rounding alone makes.
#[derive(Debug, Clone)]
pub(super) struct Svd {
    /// The vectors u as rows, orthonormal.
    pub(super) left: Matrix,
    /// In descending order.
    pub(super) values: Vec<f64>,
    /// The vectors v as rows, orthonormal.
    pub(super) right: Matrix,
}

/// A singular value, and the right vector times it followed by the left vector.
struct Found {
    value: f64,
    row: Vec<f64>,
}

/// Rows of a block: two of them, with what they carry, stay in the second-level cache.
const BLOCK: usize = 16;
/// More sweeps than any matrix needs.
const SWEEPS: usize = 40;

impl Svd {
    /// Decomposes a matrix of finite numbers. `grain` is the size of the rounding errors that its
    /// elements carry: a matrix of such errors has no singular value above 2 √max(m, n) of it.
    pub(super) fn new(matrix: &Matrix, grain: f64) -> Self {
        if matrix.rows > matrix.columns {
            let Self { left, values, right } = Self::new(&matrix.transposed(), grain);
            return Self { left: right, values, right: left };
        }
        let (m, n) = (matrix.rows, matrix.columns);
        let (sorted, scale) = Sorted::new(matrix);
        let mut found: Vec<Found> = sorted
            .orthogonal()
            .into_iter()
            .map(|row| Found { value: dot(&row[..n], &row[..n]).sqrt(), row })
            .collect();
        found.sort_by(|a, b| b.value.total_cmp(&a.value));
        let largest = found.first().map_or(0.0, |first| first.value);
        let noise = 2.0 * (n as f64).sqrt() * (grain / scale);
        let least = noise.max(f64::EPSILON * n as f64 * largest);
        found.retain(|found| found.value > least);
        let left = found.iter().flat_map(|found| found.row[n..].iter().copied()).collect();
        let unit = |found: &Found| found.row[..n].iter().map(|x| x / found.value).collect();
        let right = found.iter().flat_map::<Vec<f64>, _>(unit).collect();
        Self {
            left: Matrix::new(found.len(), m, left),
            right: Matrix::new(found.len(), n, right),
            values: found.iter().map(|found| found.value * scale).collect(),
        }
    }

    /// The largest singular values alone.
    pub(super) fn first(self, count: usize) -> Self {
        let Self { left, mut values, right } = self;
        values.truncate(count);
        Self { left: left.first_rows(count), values, right: right.first_rows(count) }
    }

    /// Σ w u vᵀ.
    pub(super) fn with(&self, weights: &[f64]) -> Matrix {
        outer(&self.left, weights, &self.right)
    }
}

/// The nearest matrix with orthonormal rows, or columns: Σ u vᵀ. Where rows depend on each other
/// it is the nearest partial isometry.
pub(super) fn polar(matrix: &Matrix) -> Matrix {
    let svd = Svd::new(matrix, 0.0);
    svd.with(&vec![1.0; svd.values.len()])
}

/// Rows of a matrix, longest first, each followed by the row of the orthogonal matrix that made it.
struct Sorted {
    blocks: Vec<Vec<Vec<f64>>>,
    /// The length of a row of the matrix alone.
    length: usize,
    /// A squared norm that counts as zero.
    nothing: f64,
}

impl Sorted {
    /// Divides by a power of two, which is returned, so that no square leaves the range of numbers.
    fn new(matrix: &Matrix) -> (Self, f64) {
        let (m, length) = (matrix.rows, matrix.columns);
        let largest = matrix.values.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
        let scale = power_of_two_below(largest);
        let mut rows: Vec<(f64, Vec<f64>)> = (0..m)
            .map(|place| {
                let mut row = Vec::with_capacity(length + m);
                row.extend(matrix.row(place).iter().map(|x| x / scale));
                let square = dot(&row, &row);
                row.resize(length + m, 0.0);
                row[length + place] = 1.0;
                (square, row)
            })
            .collect();
        let all: f64 = rows.iter().map(|(square, _)| square).sum();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut rows = rows.into_iter().map(|(_, row)| row);
        let mut blocks: Vec<Vec<_>> =
            (0..m.div_ceil(BLOCK)).map(|_| rows.by_ref().take(BLOCK).collect()).collect();
        if blocks.len() % 2 == 1 {
            blocks.push(Vec::new());
        }
        (Self { blocks, length, nothing: f64::EPSILON * f64::EPSILON * all }, scale)
    }

    fn orthogonal(mut self) -> Vec<Vec<f64>> {
        for _ in 0..SWEEPS {
            if self.sweep() == 0 {
                break;
            }
        }
        self.blocks.into_iter().flatten().collect()
    }

    /// Lets every row meet every other once: how many had to be rotated.
    fn sweep(&mut self) -> usize {
        let count = self.blocks.len();
        let (length, nothing) = (self.length, self.nothing);
        let meet = |first_round: bool, blocks: &mut [Vec<Vec<f64>>; 2]| {
            let [a, b] = blocks;
            let mut turned = 0;
            if first_round {
                turned += within(a, length, nothing) + within(b, length, nothing);
            }
            turned + between(a, b, length, nothing)
        };
        let mut turned = 0;
        for round in 0..count.saturating_sub(1) {
            let places = tournament(count, round);
            let take =
                |place: usize, blocks: &mut [Vec<Vec<f64>>]| core::mem::take(&mut blocks[place]);
            let mut pairs: Vec<[Vec<Vec<f64>>; 2]> = places
                .iter()
                .map(|&[a, b]| [take(a, &mut self.blocks), take(b, &mut self.blocks)])
                .collect();
            turned += pairs.par_iter_mut().map(|pair| meet(round == 0, pair)).sum::<usize>();
            for ([a, b], [first, second]) in places.into_iter().zip(pairs) {
                (self.blocks[a], self.blocks[b]) = (first, second);
            }
        }
        turned
    }
}

/// Who meets whom in a round: the last player stays, and all others move on by one place.
fn tournament(players: usize, round: usize) -> Vec<[usize; 2]> {
    let others = players - 1;
    let at = |place: usize| (place + round) % others;
    let pair = |a: usize, b: usize| [a.min(b), a.max(b)];
    let rest = (1..players / 2).map(|place| pair(at(place), at(others - place)));
    core::iter::once(pair(at(0), others)).chain(rest).collect()
}

/// Rotates the rows of a block against each other.
fn within(rows: &mut [Vec<f64>], length: usize, nothing: f64) -> usize {
    let mut squares = squares(rows, length);
    let mut turned = 0;
    for second in 1..rows.len() {
        let (before, after) = rows.split_at_mut(second);
        for (first, row) in before.iter_mut().enumerate() {
            let square = [squares[first], squares[second]];
            let done = rotate(row, &mut after[0], square, length, nothing);
            if let Some(square) = done {
                [squares[first], squares[second]] = square;
                turned += 1;
            }
        }
    }
    turned
}

/// Rotates the rows of a block against those of another.
fn between(a: &mut [Vec<f64>], b: &mut [Vec<f64>], length: usize, nothing: f64) -> usize {
    let (mut a_squares, mut b_squares) = (squares(a, length), squares(b, length));
    let mut turned = 0;
    for (a, a_square) in a.iter_mut().zip(&mut a_squares) {
        for (b, b_square) in b.iter_mut().zip(&mut b_squares) {
            if let Some(square) = rotate(a, b, [*a_square, *b_square], length, nothing) {
                [*a_square, *b_square] = square;
                turned += 1;
            }
        }
    }
    turned
}

fn squares(rows: &[Vec<f64>], length: usize) -> Vec<f64> {
    rows.iter().map(|row| dot(&row[..length], &row[..length])).collect()
}

/// Makes two rows orthogonal and puts the longer one first: their squared norms then, or nothing
/// if they are so already, or one of them is nothing beside the matrix.
fn rotate(
    a: &mut [f64],
    b: &mut [f64],
    [a_square, b_square]: [f64; 2],
    length: usize,
    nothing: f64,
) -> Option<[f64; 2]> {
    if !(a_square > nothing && b_square > nothing) {
        return None;
    }
    let product = dot(&a[..length], &b[..length]);
    let close = f64::EPSILON * (length as f64).sqrt().max(4.0);
    if product.abs() <= close * a_square.sqrt() * b_square.sqrt() {
        return None;
    }
    let zeta = (b_square - a_square) / (2.0 * product);
    let tangent = 1.0_f64.copysign(zeta) / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
    let sine = cosine * tangent;
    let squares = [a_square - tangent * product, b_square + tangent * product];
    if squares[0] >= squares[1] {
        turn(a, b, [cosine, -sine], [sine, cosine]);
        Some(squares)
    } else {
        turn(a, b, [sine, cosine], [cosine, -sine]);
        Some([squares[1], squares[0]])
    }
}

/// Two combinations of a and b in their places.
#[inline(never)]
fn turn(a: &mut [f64], b: &mut [f64], first: [f64; 2], second: [f64; 2]) {
    for (a, b) in a.iter_mut().zip(b) {
        let (x, y) = (*a, *b);
        *a = first[0] * x + first[1] * y;
        *b = second[0] * x + second[1] * y;
    }
}

/// The largest power of two that is not above a positive number; 1 for zero.
fn power_of_two_below(value: f64) -> f64 {
    if value == 0.0 {
        return 1.0;
    }
    let (_, exponent) = libm::frexp(value);
    // The least normal power at least, whose inverse is finite.
    libm::ldexp(1.0, (exponent - 1).clamp(-1022, 1023))
}
