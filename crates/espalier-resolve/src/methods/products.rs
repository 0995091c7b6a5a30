//! Inner products of inputs, or of their differences from the base: what spherical methods have
//! to know before they combine.
//!
//! Sums are in f64 with a fixed layout: eight lanes for each run of elements, runs in their order.

use super::{
    arith::Arith,
    job::MethodError,
    rows::{Buffers, Piece, Rows},
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

    /// The group of an element.
    pub(crate) fn of(&self, element: usize) -> usize {
        match self.vectors {
            Vectors::Whole => 0,
            Vectors::AlongLast => element / self.length,
            Vectors::AlongFirst => element % self.length,
        }
    }
}

/// The products of all pairs of inputs.
#[derive(Debug, Clone)]
pub(crate) struct Products {
    inputs: usize,
    values: Vec<f64>,
}

impl Products {
    pub(crate) fn of(&self, a: usize, b: usize) -> f64 {
        self.values[a.min(b) * self.inputs + a.max(b)]
    }

    /// The length of an input.
    pub(crate) fn norm(&self, input: usize) -> f64 {
        libm::sqrt(self.of(input, input))
    }

    pub(crate) fn count(&self) -> usize {
        self.inputs
    }
}

/// The products in each group, of inputs or of their differences from the base.
pub(crate) fn products<A: Arith>(
    rows: &Rows<'_, A>,
    groups: &Groups,
    differences: bool,
) -> Result<Vec<Products>, MethodError> {
    let inputs = rows.count();
    let empty = Products { inputs, values: vec![0.0; inputs * inputs] };
    let mut out = vec![empty; groups.count];
    let vectors = |piece: &Piece<'_, A::T>| -> Vec<Vec<A::T>> {
        (0..inputs).map(|input| vector::<A>(piece, input, differences)).collect()
    };
    if groups.vectors == Vectors::Whole {
        let parts = rows.map(|piece| {
            let vectors = vectors(&piece);
            pairs(inputs).map(|(a, b)| dot(&vectors[a], &vectors[b])).collect::<Vec<_>>()
        })?;
        for part in parts {
            for ((a, b), product) in pairs(inputs).zip(part) {
                out[0].values[a * inputs + b] += product;
            }
        }
        return Ok(out);
    }
    let mut buffers = Buffers::default();
    for range in rows.pieces() {
        let piece = rows.load(range, &mut buffers)?;
        let vectors = vectors(&piece);
        for place in 0..piece.len {
            let group = &mut out[groups.of(piece.start + place)].values;
            for (a, b) in pairs(inputs) {
                group[a * inputs + b] += vectors[a][place].wide() * vectors[b][place].wide();
            }
        }
    }
    Ok(out)
}

/// An input, or its difference from the base.
pub(crate) fn vector<A: Arith>(
    piece: &Piece<'_, A::T>,
    input: usize,
    differences: bool,
) -> Vec<A::T> {
    let row = piece.row(input);
    match differences {
        true => row.iter().zip(piece.base()).map(|(&x, &b)| A::round(x - b)).collect(),
        false => row.to_vec(),
    }
}

fn pairs(inputs: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..inputs).flat_map(move |a| (a..inputs).map(move |b| (a, b)))
}

fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane].wide() * b[lane].wide();
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += a.wide() * b.wide();
    }
    let [l0, l1, l2, l3, l4, l5, l6, l7] = lanes;
    ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))
}
