//! Distances between whole models, streamed.

use core::ops::Range;

use super::{BlockSum, add_terms, squared_difference};
use crate::{convert, dtype::Dtype, model::Model};

/// Elements converted at a time where a type cannot be read in place: f64 scratch that stays in
/// the first-level cache.
pub(super) const TILE: usize = 512;

/// Squared Euclidean distance between the floating-point elements of two models of equal layout.
///
/// The elements of the floating-point tensors are numbered through, in manifest order; `d` is
/// their number. Piece `p` of `parts` covers elements `p d / parts .. (p + 1) d / parts` (integer
/// division) and is a reduction of its own, with the layout of this module. So the pieces add up
/// to the total, up to rounding, and each says how far apart the models are in one part of them.
///
/// Streams: memory is bounded by a few tiles. Cost: one pass over both models.
///
/// ```
/// use espalier_tensor::{Model, kernels::squared_distance_blocks};
/// let a = Model::from_f32(&[("u", &[3], &[1.0, 2.0, 3.0]), ("v", &[1], &[4.0])])?;
/// let b = Model::from_f32(&[("u", &[3], &[0.0, 2.0, 0.0]), ("v", &[1], &[0.0])])?;
/// assert_eq!(squared_distance_blocks(&a, &b, 2), [1.0, 25.0]);
/// # Ok::<(), espalier_tensor::TensorError>(())
/// ```
///
/// # Panics
/// If the models do not have the same floating-point tensors; [`crate::schema_mismatch`] says
/// so beforehand.
#[must_use]
pub fn squared_distance_blocks(a: &Model, b: &Model, parts: usize) -> Vec<f64> {
    let rows = Rows::new(&[a, b]);
    let mut tiles = [[0.0; TILE]; 2];
    pieces(rows.elements, parts)
        .map(|piece| {
            let mut sum = BlockSum::default();
            rows.spans(piece, |spans| {
                push_pair(&mut sum, spans[0], spans[1], &mut tiles);
            });
            sum.total()
        })
        .collect()
}

/// Consecutive elements of one tensor.
pub(super) type Span<'a> = (Dtype, &'a [u8]);

fn push_pair(sum: &mut BlockSum, a: Span<'_>, b: Span<'_>, tiles: &mut [[f64; TILE]; 2]) {
    match (a.0, b.0) {
        (Dtype::F32, Dtype::F32) => {
            add_terms(sum, a.1.as_chunks::<4>().0, b.1.as_chunks::<4>().0, squared_difference);
        }
        (Dtype::F64, Dtype::F64) => {
            add_terms(sum, a.1.as_chunks::<8>().0, b.1.as_chunks::<8>().0, squared_difference);
        }
        _ => {
            let chunks = |span: Span<'_>| TILE * span.0.size();
            for (x, y) in a.1.chunks(chunks(a)).zip(b.1.chunks(chunks(b))) {
                let count = x.len() / a.0.size();
                let [left, right] = tiles;
                convert::read_f64(a.0, x, &mut left[..count]);
                convert::read_f64(b.0, y, &mut right[..count]);
                add_terms(sum, &left[..count], &right[..count], squared_difference);
            }
        }
    }
}

/// The pieces of `elements` elements: nearly equal, contiguous, covering all.
pub(super) fn pieces(elements: u64, parts: usize) -> impl Iterator<Item = Range<u64>> {
    let bound = move |p: usize| (p as u128 * u128::from(elements) / parts as u128) as u64;
    (0..parts).map(move |p| bound(p)..bound(p + 1))
}

/// The floating-point elements of models of equal layout, numbered through.
#[derive(Debug, Clone)]
pub(super) struct Rows<'a> {
    models: Vec<&'a Model>,
    /// Of each floating-point tensor: its index and the number of its first element.
    tensors: Vec<(usize, u64, u64)>,
    pub(super) elements: u64,
}

impl<'a> Rows<'a> {
    pub(super) fn new(models: &[&'a Model]) -> Self {
        let mut tensors = Vec::new();
        let mut elements = 0;
        if let Some(first) = models.first() {
            for (index, (meta, content)) in first.tensors().enumerate() {
                if !meta.dtype.is_float() {
                    continue;
                }
                let count = (content.len() / meta.dtype.size()) as u64;
                for model in models {
                    let other = model.manifest.tensors().get(index);
                    let same = other.is_some_and(|other| {
                        other.dtype.is_float() && other.elements() == Some(count)
                    });
                    assert!(same, "models of different layouts: compare their schemas first");
                }
                tensors.push((index, elements, count));
                elements += count;
            }
        }
        Self { models: models.to_vec(), tensors, elements }
    }

    /// Those of some of the models, in this order.
    pub(super) fn of(&self, models: impl Iterator<Item = usize>) -> Self {
        let models = models.map(|model| self.models[model]).collect();
        Self { models, tensors: self.tensors.clone(), elements: self.elements }
    }

    /// The number of models.
    pub(super) fn count(&self) -> usize {
        self.models.len()
    }

    /// Calls `each` with one span per model for every tensor that the range touches, in order.
    pub(super) fn spans(&self, range: Range<u64>, mut each: impl FnMut(&[Span<'a>])) {
        let first = self.tensors.partition_point(|&(_, start, count)| start + count <= range.start);
        let mut spans = Vec::with_capacity(self.models.len());
        for &(index, start, count) in &self.tensors[first..] {
            if start >= range.end {
                break;
            }
            let from = (range.start.max(start) - start) as usize;
            let to = (range.end.min(start + count) - start) as usize;
            spans.clear();
            spans.extend(self.models.iter().map(|model| {
                let dtype = model.meta(index).dtype;
                let bytes: &'a [u8] = model.content(index);
                (dtype, &bytes[from * dtype.size()..to * dtype.size()])
            }));
            if from < to {
                each(&spans);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::squared_distance_f64;
    use proptest::prelude::*;

    /// Some tensors of every float type and one of integers between them.
    fn model(seed: u32, sizes: &[usize]) -> Model {
        let types = [Dtype::F32, Dtype::Bf16, Dtype::I32, Dtype::F64, Dtype::F16, Dtype::F32];
        let mut state = seed;
        let tensor = |(i, &n): (usize, &usize)| {
            let dtype = types[i % types.len()];
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 1e6
            };
            let values: Vec<f32> = (0..n).map(|_| next()).collect();
            let mut bytes = vec![0; n * dtype.size()];
            convert::write_f32(dtype, &values, &mut bytes);
            (format!("t{i:02}"), dtype, vec![n as u64], bytes)
        };
        let tensors = sizes.iter().enumerate().map(tensor).collect();
        Model::from_tensors(tensors).expect("a valid model")
    }

    /// All float elements in one vector, cut and reduced.
    fn slow(a: &Model, b: &Model, parts: usize) -> Vec<f64> {
        let flat = |model: &Model| {
            let mut flat = Vec::new();
            for (meta, content) in model.tensors().filter(|(meta, _)| meta.dtype.is_float()) {
                let mut values = vec![0.0; content.len() / meta.dtype.size()];
                convert::read_f64(meta.dtype, content, &mut values);
                flat.extend(values);
            }
            flat
        };
        let (a, b) = (flat(a), flat(b));
        let d = a.len();
        let piece = |p: usize| p * d / parts..(p + 1) * d / parts;
        (0..parts).map(|p| squared_distance_f64(&a[piece(p)], &b[piece(p)])).collect()
    }

    #[test]
    fn long_tensors_equal_the_flat_reduction() {
        let sizes = [5000, 4097, 10, 9000, 1, 0, 3000];
        let (a, b) = (model(1, &sizes), model(2, &sizes));
        for parts in [1, 2, 7] {
            assert_eq!(squared_distance_blocks(&a, &b, parts), slow(&a, &b, parts));
        }
        assert_eq!(squared_distance_blocks(&a, &b, 0), [0.0; 0]);
    }

    proptest! {
        #[test]
        fn streamed_equals_flat(
            sizes in prop::collection::vec(0_usize..40, 0..9),
            parts in 1_usize..50,
        ) {
            let (a, b) = (model(1, &sizes), model(2, &sizes));
            prop_assert_eq!(squared_distance_blocks(&a, &b, parts), slow(&a, &b, parts));
        }
    }
}
