//! Which elements of a difference are its largest: exactly `keep` of them, larger magnitude
//! first, then lower index.
//!
//! The answer is a magnitude and an index, found in one pass over the data as a rule: a sample
//! brackets the magnitude, the pass counts what lies above the bracket and collects what lies
//! inside. Should the sample mislead (it can only cost time), digits are counted instead, as in
//! radix sort, in a few passes and constant memory.

use super::{
    cache::{Key, Trimmed},
    tensor::{PIECE, Tensor},
};
use crate::{
    real::Real,
    threshold::{SIFTED, Sifted, Threshold, sift_differences},
};

/// Up to this many elements, everything is collected.
const SMALL: usize = 1 << 15;
/// Elements in a sample, taken in short runs.
const SAMPLE: usize = 1 << 14;
const RUN: usize = 8;
/// Elements looked at together.
const TILE: usize = SIFTED;

impl Tensor<'_> {
    pub(crate) fn selection_key<T: Real>(&self, input: usize, keep: usize) -> Option<Key> {
        let content = |model: &espalier_tensor::Model| model.meta(self.index).content;
        debug_assert!(!self.shrunk, "what was selected among other values");
        Some(Key {
            input: content(self.context.inputs[input].model),
            base: content(self.context.base?),
            dtype: self.dtype,
            wide: T::DTYPE == espalier_tensor::Dtype::F64,
            keep,
        })
    }
}

/// For each of these inputs, what keeps `keep` elements of its difference from the
/// base, 1 ≤ `keep` ≤ elements.
pub(crate) fn thresholds<T: Real>(
    tensor: &Tensor<'_>,
    inputs: &[usize],
    keep: usize,
) -> Vec<Trimmed> {
    if keep >= tensor.elements {
        return vec![Trimmed::ALL; inputs.len()];
    }
    let read_base = |start, out: &mut [T]| tensor.read_base(start, out);
    let sample = (tensor.elements > SMALL).then(|| sample(tensor, read_base));
    let search = |&input: &usize| Search::<T>::new(tensor, input, keep, sample.as_deref());
    let mut searches: Vec<_> = inputs.iter().map(search).collect();
    // Block by block and not input by input, so that the base is read once.
    let mut buffers = [vec![T::ZERO; TILE], vec![T::ZERO; TILE]];
    let mut sifted = Sifted::default();
    for piece in tensor.pieces() {
        for start in piece.clone().step_by(TILE) {
            let [base, row] = &mut buffers;
            let base = &mut base[..TILE.min(piece.end - start)];
            tensor.read_base(start, base);
            for search in &mut searches {
                search.sift(tensor, start, base, row, &mut sifted);
                search.take(&sifted);
            }
        }
        tensor.release(piece);
    }
    searches.into_iter().map(|search| search.finish(tensor, keep)).collect()
}

/// The search in one input.
struct Search<T: Real> {
    input: usize,
    low: T::Key,
    high: T::Key,
    above: usize,
    inside: usize,
    largest: T::Key,
    /// What lies inside, unless the bracket is a single magnitude or holds too much.
    candidates: Vec<T::Key>,
    limit: usize,
}

/// A magnitude, how many are greater, and how many equal.
struct Found<K> {
    magnitude: K,
    greater: usize,
    equal: usize,
}

impl<T: Real> Search<T> {
    fn new(tensor: &Tensor<'_>, input: usize, keep: usize, base_sample: Option<&[T]>) -> Self {
        let n = tensor.elements;
        let (low, high) = match base_sample {
            Some(base) => bracket::<T>(tensor, input, keep, base),
            None => (T::Key::default(), T::UNREACHED),
        };
        let limit = if low == high { 0 } else { SMALL + n / 4 };
        let largest = T::Key::default();
        Self { input, low, high, above: 0, inside: 0, largest, candidates: Vec::new(), limit }
    }

    /// Sifts the differences from `base`, which starts at element `start`.
    fn sift(
        &self,
        tensor: &Tensor<'_>,
        start: usize,
        base: &[T],
        row: &mut [T],
        sifted: &mut Sifted<T::Key>,
    ) {
        let (low, high) = (self.low, self.high);
        if tensor.in_place::<T>() {
            let row = T::raw(tensor.bytes(self.input, start..start + base.len()));
            sift_differences::<T, T::Raw>(row, base, low, high, sifted);
        } else {
            let row = &mut row[..base.len()];
            tensor.read(self.input, start, row);
            sift_differences::<T, T>(row, base, low, high, sifted);
        }
    }

    fn take(&mut self, sifted: &Sifted<T::Key>) {
        self.largest = self.largest.max(sifted.largest);
        self.above += sifted.above;
        self.inside += sifted.inside;
        // A single magnitude is only counted, and so are too many.
        if self.candidates.len() < self.limit {
            self.candidates.extend(sifted.found());
        }
    }

    fn finish(mut self, tensor: &Tensor<'_>, keep: usize) -> Trimmed {
        let found = self.take_bracketed(keep);
        let found = found.unwrap_or_else(|| by_digits::<T>(tensor, self.input, keep));
        let ties = keep - found.greater;
        let last = if ties == found.equal {
            usize::MAX
        } else {
            nth_equal::<T>(tensor, self.input, found.magnitude, ties)
        };
        let threshold = Threshold { magnitude: found.magnitude.into(), last };
        Trimmed { threshold, largest: self.largest.into() }
    }

    /// `None` if the answer is not inside the bracket or too much is.
    fn take_bracketed(&mut self, keep: usize) -> Option<Found<T::Key>> {
        let rank = keep.checked_sub(self.above + 1).filter(|&rank| rank < self.inside)?;
        if self.low == self.high {
            return Some(Found { magnitude: self.low, greater: self.above, equal: self.inside });
        }
        if self.candidates.len() != self.inside {
            // The collection was cut short.
            return None;
        }
        let (larger, &mut magnitude, smaller) =
            self.candidates.select_nth_unstable_by(rank, |a, b| b.cmp(a));
        let ties = larger.iter().filter(|&&m| m == magnitude).count();
        let equal = ties + 1 + smaller.iter().filter(|&&m| m == magnitude).count();
        Some(Found { magnitude, greater: self.above + rank - ties, equal })
    }
}

/// A sample of a row: short runs, evenly spread.
fn sample<T: Real>(tensor: &Tensor<'_>, read: impl Fn(usize, &mut [T])) -> Vec<T> {
    let mut sample = vec![T::ZERO; SAMPLE];
    let spread = (tensor.elements - RUN) as u128;
    let mut seen = 0;
    for (run, out) in sample.chunks_exact_mut(RUN).enumerate() {
        let start = (run as u128 * spread / (SAMPLE / RUN) as u128) as usize;
        read(start, out);
        // Whoever touches a byte here and there has whole pages read, and their neighbours.
        if start - seen >= PIECE {
            tensor.release(seen..start);
            seen = start;
        }
    }
    tensor.release(seen..tensor.elements);
    sample
}

/// Two magnitudes between which the `keep`-th largest very probably is.
fn bracket<T: Real>(
    tensor: &Tensor<'_>,
    input: usize,
    keep: usize,
    base: &[T],
) -> (T::Key, T::Key) {
    let n = tensor.elements;
    let row: Vec<T> = sample(tensor, |start, out| tensor.read(input, start, out));
    let differences = row.into_iter().zip(base).map(|(x, &b)| x - b);
    let mut sample: Vec<T::Key> =
        differences.map(|d: T| d.magnitude().min(T::NAN_MAGNITUDE)).collect();
    let share = keep as f64 / n as f64;
    let rank = share * SAMPLE as f64;
    // Four standard deviations: missing the mark now and then costs less than a wide bracket.
    let margin = 10.0 + 4.0 * (rank * (1.0 - share)).sqrt();
    let mut at = |rank: f64| {
        let rank = rank as usize;
        *sample.select_nth_unstable_by(rank.min(SAMPLE - 1), |a, b| b.cmp(a)).1
    };
    let high = if rank < margin { T::UNREACHED } else { at(rank - margin) };
    let low = if rank + margin >= SAMPLE as f64 { T::Key::default() } else { at(rank + margin) };
    (low, high)
}

/// The `keep`-th largest magnitude by counting its digits, most significant first: one pass for
/// each, in constant memory.
fn by_digits<T: Real>(tensor: &Tensor<'_>, input: usize, keep: usize) -> Found<T::Key> {
    const DIGIT: u32 = 11;
    let mut shift = 8 * size_of::<T>() as u32 - 1;
    let (mut prefix, mut greater, mut equal) = (0_i64, 0, tensor.elements);
    while shift > 0 {
        let width = DIGIT.min(shift);
        shift -= width;
        let mut counts = vec![0_usize; 1 << width];
        each_magnitude::<T>(tensor, input, |m| {
            let digits = m >> shift;
            if digits >> width == prefix {
                counts[(digits & ((1 << width) - 1)) as usize] += 1;
            }
        });
        let mut digit = counts.len() - 1;
        while greater + counts[digit] < keep && digit > 0 {
            greater += counts[digit];
            digit -= 1;
        }
        equal = counts[digit];
        prefix = prefix << width | digit as i64;
    }
    Found { magnitude: T::Key::try_from(prefix).unwrap_or(T::UNREACHED), greater, equal }
}

/// The index of the `count`-th element that has this magnitude.
fn nth_equal<T: Real>(tensor: &Tensor<'_>, input: usize, magnitude: T::Key, count: usize) -> usize {
    let (mut index, mut left) = (usize::MAX, count);
    each_tile::<T>(tensor, input, |start, magnitudes| {
        let equal = |m: T::Key| m.min(T::NAN_MAGNITUDE) == magnitude;
        let found: u32 = magnitudes.iter().map(|&m| u32::from(equal(m))).sum();
        if left > found as usize {
            left -= found as usize;
            return true;
        }
        let mut places = magnitudes.iter().enumerate().filter(|(_, m)| equal(**m));
        index = places.nth(left - 1).map_or(usize::MAX, |(place, _)| start + place);
        false
    });
    index
}

/// Calls `each` with every magnitude in order.
fn each_magnitude<T: Real>(tensor: &Tensor<'_>, input: usize, mut each: impl FnMut(i64)) {
    each_tile::<T>(tensor, input, |_, magnitudes| {
        magnitudes.iter().for_each(|&m| each(m.min(T::NAN_MAGNITUDE).into()));
        true
    });
}

/// Calls `each` with consecutive magnitudes and the index of their first, until it returns false.
fn each_tile<T: Real>(
    tensor: &Tensor<'_>,
    input: usize,
    mut each: impl FnMut(usize, &[T::Key]) -> bool,
) {
    let (mut base, mut row) = (vec![T::ZERO; TILE], vec![T::ZERO; TILE]);
    let mut magnitudes = Vec::with_capacity(TILE);
    for piece in tensor.pieces() {
        let mut go_on = true;
        for start in piece.clone().step_by(TILE) {
            let len = TILE.min(piece.end - start);
            let (base, row) = (&mut base[..len], &mut row[..len]);
            tensor.read_base(start, base);
            tensor.read(input, start, row);
            magnitudes.clear();
            magnitudes.extend(row.iter().zip(&*base).map(|(&x, &b)| (x - b).magnitude()));
            go_on = go_on && each(start, &magnitudes);
        }
        tensor.release(piece);
        if !go_on {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::{Input, tensor::Context};
    use espalier_identity::Digest;
    use espalier_tensor::{Dtype, Model, random::Stream};

    /// Whether each element is kept, by sorting.
    fn slow<T: Real>(tensor: &Tensor<'_>, keep: usize) -> Vec<bool> {
        let mut magnitudes = Vec::new();
        each_magnitude::<T>(tensor, 0, |m| {
            magnitudes.push(m);
        });
        let mut order: Vec<usize> = (0..magnitudes.len()).collect();
        order.sort_by_key(|&i| (core::cmp::Reverse(magnitudes[i]), i));
        let mut kept = vec![false; magnitudes.len()];
        order[..keep].iter().for_each(|&i| kept[i] = true);
        kept
    }

    fn fast<T: Real>(tensor: &Tensor<'_>, threshold: Threshold) -> Vec<bool> {
        let (split, limits) = threshold.split::<T>(0, tensor.elements);
        let mut kept = Vec::new();
        each_magnitude::<T>(tensor, 0, |m| {
            let limit: i64 = limits[usize::from(kept.len() >= split)].magnitude().into();
            kept.push(m >= limit);
        });
        kept
    }

    fn check<T: Real>(values: &[f32], dtype: Dtype, keeps: &[usize]) {
        let n = values.len();
        let model = |values: &[f32]| {
            let mut bytes = vec![0; n * dtype.size()];
            espalier_tensor::write_f32(dtype, values, &mut bytes);
            let tensor = ("w".to_owned(), dtype, vec![n as u64], bytes);
            Model::from_tensors(vec![tensor]).expect("model")
        };
        let (input, base) = (model(values), model(&vec![0.25; n]));
        let inputs = vec![Input { id: Digest::ZERO, weight: 1.0, model: &input }];
        let (relative, seed) = (vec![1.0], Digest::ZERO);
        let context = Context { inputs, relative, base: Some(&base), seed };
        let tensor = Tensor { context: &context, index: 0, dtype, elements: n, shrunk: false };
        for &keep in keeps {
            let threshold = thresholds::<T>(&tensor, &[0], keep)[0].threshold;
            let expected = slow::<T>(&tensor, keep);
            assert_eq!(fast::<T>(&tensor, threshold), expected, "{dtype} {n} {keep}");
            let digits = by_digits::<T>(&tensor, 0, keep);
            let smallest = digits.greater < keep && digits.greater + digits.equal >= keep;
            assert!(smallest, "by digits: {dtype} {n} {keep}");
            if keep < n {
                assert_eq!(digits.magnitude.into(), threshold.magnitude);
            }
        }
    }

    fn normal(n: usize) -> Vec<f32> {
        let mut values = vec![0.0; n];
        Stream::new(Digest::of_content(b"select")).fill_normal(0, &mut values);
        values
    }

    #[test]
    fn equals_sorting() {
        for n in [1, 2, 1000, SMALL + 1, 200_000] {
            let keeps = [1, n / 1000 + 1, n / 2 + 1, n - n / 1000, n].map(|keep| keep.clamp(1, n));
            let values = normal(n);
            for dtype in [Dtype::F32, Dtype::Bf16, Dtype::F64] {
                check::<f32>(&values, dtype, &keeps);
                check::<f64>(&values, dtype, &keeps[1..3]);
            }
        }
    }

    /// Many equal magnitudes, all equal, mostly zero, and NaN.
    #[test]
    fn equals_sorting_with_ties() {
        let n = 100_000;
        let keeps = [1, 100, n / 3, n / 2, n - 1];
        let values = normal(n);
        let coarse: Vec<f32> = values.iter().map(|v| v.round_ties_even()).collect();
        check::<f32>(&coarse, Dtype::F32, &keeps);
        check::<f32>(&vec![1.5; n], Dtype::F32, &keeps);
        let sparse = |v: &f32| if *v > 1.0 { *v } else { 0.25 };
        check::<f32>(&values.iter().map(sparse).collect::<Vec<_>>(), Dtype::F32, &keeps);
        let holes = |v: &f32| if *v > 0.5 { f32::NAN } else { *v };
        check::<f32>(&values.iter().map(holes).collect::<Vec<_>>(), Dtype::F32, &keeps);
    }

    /// Values that differ wherever the sample does not look: it has to cost time only.
    #[test]
    fn equals_sorting_when_the_sample_misleads() {
        let n = 200_000;
        let mut values: Vec<f32> = (0..n).map(|i| 10.0 + (i % 977) as f32).collect();
        for run in 0..SAMPLE / RUN {
            let start = run * (n - RUN) / (SAMPLE / RUN);
            values[start..start + RUN].fill(0.5);
        }
        check::<f32>(&values, Dtype::F32, &[1, 1000, n / 2, n - 100]);
    }
}
