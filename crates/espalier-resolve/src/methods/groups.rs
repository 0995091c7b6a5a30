//! Inner products of inputs, or of their differences from the base: what spherical methods have
//! to know before they combine.
//!
//! Sums are in f64 with a fixed layout: eight lanes for each run of elements, runs in their order.

use espalier_tensor::widest;

use super::{
    arith::Arith,
    job::MethodError,
    rows::{Piece, RowBuffers, Rows},
};
use crate::real::Real;

/// Which elements form one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vectors {
    /// All of the tensor.
    Whole,
    /// Those that differ in the last index.
    AlongLast,
    /// Those that differ in the first index.
    AlongFirst,
}

/// How elements fall to vectors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Groups {
    vectors: Vectors,
    /// The distance from which on the group changes, or repeats.
    length: usize,
    pub(crate) count: usize,
}

impl Groups {
    pub(crate) fn new<A: Arith>(vectors: Vectors, rows: &Rows<'_, A>) -> Self {
        let (shape, n) = (rows.job.shape, rows.elements);
        match (vectors, shape) {
            (Vectors::AlongLast, [_, .., last]) if n > 0 => {
                let length = *last as usize;
                Self { vectors, length, count: n / length }
            }
            (Vectors::AlongFirst, [first, _, ..]) if n > 0 => {
                let length = n / *first as usize;
                Self { vectors, length, count: length }
            }
            _ => Self { vectors: Vectors::Whole, length: n.max(1), count: 1 },
        }
    }

    /// Elements that have to be in one piece.
    pub(crate) fn run_length(&self) -> usize {
        if self.vectors == Vectors::AlongLast { self.length } else { 1 }
    }

    /// The group of an element.
    pub(crate) fn of(&self, element: usize) -> usize {
        match self.vectors {
            Vectors::Whole => 0,
            Vectors::AlongLast => element / self.length,
            Vectors::AlongFirst => element % self.length,
        }
    }
}

/// The products of all pairs of inputs in each group.
#[derive(Debug)]
pub(crate) struct GroupProducts {
    inputs: usize,
    groups: usize,
    /// Those of a pair in all groups stand together.
    values: Vec<f64>,
}

/// Those of one group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gram<'p> {
    all: &'p GroupProducts,
    group: usize,
}

impl GroupProducts {
    pub(crate) fn group(&self, group: usize) -> Gram<'_> {
        Gram { all: self, group }
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = Gram<'_>> {
        (0..self.groups).map(|group| self.group(group))
    }

    /// Those of a pair, `a` being the first.
    fn pair(&mut self, (a, b): (usize, usize)) -> &mut [f64] {
        let place = a * self.inputs + b;
        &mut self.values[place * self.groups..][..self.groups]
    }
}

impl Gram<'_> {
    pub(crate) fn of(&self, a: usize, b: usize) -> f64 {
        let place = a.min(b) * self.all.inputs + a.max(b);
        self.all.values[place * self.all.groups + self.group]
    }

    /// The length of an input.
    pub(crate) fn norm(&self, input: usize) -> f64 {
        libm::sqrt(self.of(input, input))
    }

    pub(crate) fn count(&self) -> usize {
        self.all.inputs
    }
}

/// The products in each group, of inputs or of their differences from the base. Where vectors lie
/// along the last dimension, pieces have to be in runs of [`Groups::run_length`].
pub(crate) fn products<A: Arith>(
    rows: &Rows<'_, A>,
    groups: &Groups,
    differences: bool,
) -> Result<GroupProducts, MethodError> {
    let vectors = |piece: &Piece<'_, A::T>| -> Vec<Vec<A::T>> {
        (0..rows.count()).map(|input| vector::<A>(piece, input, differences)).collect()
    };
    products_of(rows, groups, vectors, false)
}

/// The same of what `vectors` makes of a piece, one for each input. If `rounded`, elements of two
/// vectors are multiplied in the arithmetic; squares of one are always exact.
pub(crate) fn products_of<A: Arith>(
    rows: &Rows<'_, A>,
    groups: &Groups,
    vectors: impl Fn(&Piece<'_, A::T>) -> Vec<Vec<A::T>> + Sync,
    rounded: bool,
) -> Result<GroupProducts, MethodError> {
    let inputs = rows.count();
    let values = vec![0.0; inputs * inputs * groups.count];
    let mut out = GroupProducts { inputs, groups: groups.count, values };
    if groups.vectors == Vectors::AlongFirst {
        let mut buffers = RowBuffers::default();
        for range in rows.pieces() {
            let piece = rows.load(range, &mut buffers)?;
            let vectors = vectors(&piece);
            for (a, b) in pairs(inputs) {
                let product = product::<A>(rounded && a != b);
                let sums = out.pair((a, b));
                add_products(&vectors[a], &vectors[b], piece.start, sums, product);
            }
        }
        return Ok(out);
    }
    // A piece holds whole vectors, or a part of the only one.
    let parts = rows.map(|piece| {
        let vectors = vectors(&piece);
        let of = |(a, b): (usize, usize)| {
            let pairs = vectors[a].chunks(groups.length).zip(vectors[b].chunks(groups.length));
            let product = product::<A>(rounded && a != b);
            pairs.map(|(a, b)| dot(a, b, product)).collect::<Vec<f64>>()
        };
        (piece.start / groups.length, pairs(inputs).map(of).collect::<Vec<_>>())
    })?;
    for (first, part) in parts {
        for (pair, products) in pairs(inputs).zip(part) {
            let sums = &mut out.pair(pair)[first..];
            sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
        }
    }
    Ok(out)
}

/// Adds the product at each place, the first of which is `start`, to the sum of its group, of which
/// there is one for each of `sums`.
fn add_products<T: Real>(
    a: &[T],
    b: &[T],
    start: usize,
    sums: &mut [f64],
    product: impl Fn(T, T) -> f64,
) {
    let mut place = start % sums.len();
    let (mut a, mut b) = (a, b);
    while !a.is_empty() {
        let n = a.len().min(sums.len() - place);
        let ((a_now, a_rest), (b_now, b_rest)) = (a.split_at(n), b.split_at(n));
        for ((sum, &x), &y) in sums[place..][..n].iter_mut().zip(a_now).zip(b_now) {
            *sum += product(x, y);
        }
        (a, b, place) = (a_rest, b_rest, 0);
    }
}

/// An input, or its difference from the base.
pub(crate) fn vector<A: Arith>(
    piece: &Piece<'_, A::T>,
    input: usize,
    differences: bool,
) -> Vec<A::T> {
    let mut out = piece.row(input).to_vec();
    if differences {
        take_away::<A>(piece.base(), &mut out);
    }
    out
}

widest! {
    fn take_away[A: Arith][A](base: &[A::T], out: &mut [A::T]) {
        for (out, &b) in out.iter_mut().zip(base) {
            *out = A::round(*out - b);
        }
    }
}

fn pairs(inputs: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..inputs).flat_map(move |a| (a..inputs).map(move |b| (a, b)))
}

/// The product of two elements.
fn product<A: Arith>(rounded: bool) -> impl Fn(A::T, A::T) -> f64 + Copy {
    move |x, y| match rounded && !A::PLAIN {
        true => A::round(x * y).wide(),
        false => x.wide() * y.wide(),
    }
}

pub(crate) fn dot<T: Real>(a: &[T], b: &[T], product: impl Fn(T, T) -> f64) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += product(a[lane], b[lane]);
        }
    }
    for (lane, (&a, &b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += product(a, b);
    }
    let [l0, l1, l2, l3, l4, l5, l6, l7] = lanes;
    ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))
}
