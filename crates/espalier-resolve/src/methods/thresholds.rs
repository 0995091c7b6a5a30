//! Which elements of a difference, or of anything measured at each element, are the largest:
//! exactly `keep` of them, larger magnitude first, then lower index.
//!
//! A sample brackets the magnitude that is looked for; one pass over the data counts what lies
//! above the bracket and on its ends, and collects what lies inside. So many equal magnitudes, as
//! zeros where nothing was trained, cost no memory. Should the sample mislead, which can only cost
//! time, digits are counted instead, as in radix sort.

use rayon::prelude::*;

use super::{
    arith::Arith,
    groups::vector,
    job::MethodError,
    rows::{Lent, Piece, Pool, RowBuffers, Rows},
};
use crate::{
    real::Real,
    threshold::{SIFTED, Sifted, Threshold, sift},
};

/// `keep` elements of the difference of an input from the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) input: usize,
    pub(crate) keep: usize,
}

/// Elements in a sample, taken in runs.
const SAMPLE: usize = 1 << 15;
const RUN: usize = 128;
/// Up to this many elements everything is collected.
const SMALL: usize = 1 << 16;

/// What is measured at each element of a piece, of an input: magnitudes are compared.
type Measure<'m, T> = &'m (dyn Fn(&Piece<'_, T>, usize) -> Vec<T> + Sync);

/// A threshold for each of `wanted`, of differences from the base.
pub(crate) fn thresholds<A: Arith>(
    rows: &Rows<'_, A>,
    wanted: &[Wanted],
) -> Result<Vec<Threshold>, MethodError> {
    thresholds_of(rows, wanted, &|piece, input| vector::<A>(piece, input, true))
}

/// A threshold for each of `wanted`, of what `measure` finds.
pub(crate) fn thresholds_of<A: Arith>(
    rows: &Rows<'_, A>,
    wanted: &[Wanted],
    measure: Measure<'_, A::T>,
) -> Result<Vec<Threshold>, MethodError> {
    let n = rows.elements;
    let mut out: Vec<Threshold> = wanted
        .iter()
        .map(|wanted| if wanted.keep == 0 { Threshold::NONE } else { Threshold::ALL })
        .collect();
    let open: Vec<usize> =
        (0..wanted.len()).filter(|&at| (1..n).contains(&wanted[at].keep)).collect();
    if open.is_empty() {
        return Ok(out);
    }
    let asked: Vec<Wanted> = open.iter().map(|&at| wanted[at]).collect();
    for (at, threshold) in open.into_iter().zip(ranked(rows, &asked, measure)?) {
        out[at] = threshold;
    }
    Ok(out)
}

/// What a piece has of a bracket: how many magnitudes are above it and on its ends, and those
/// inside.
struct Part<K> {
    above: usize,
    high: usize,
    inside: Vec<K>,
    low: usize,
}

/// The same where from one to all elements are kept, and the least of all is looked for too.
pub(crate) fn ranked<A: Arith>(
    rows: &Rows<'_, A>,
    wanted: &[Wanted],
    measure: Measure<'_, A::T>,
) -> Result<Vec<Threshold>, MethodError> {
    let brackets = brackets(rows, wanted, measure)?;
    let parts = rows.map(|piece| {
        let mut measured = (usize::MAX, Vec::new());
        let of = |(wanted, bracket): (&Wanted, &Bracket<A>)| {
            if measured.0 != wanted.input {
                measured = (wanted.input, measure(&piece, wanted.input));
            }
            Part::of(&measured.1, *bracket)
        };
        wanted.iter().zip(&brackets).map(of).collect::<Vec<_>>()
    })?;
    let find = |(at, (&Wanted { input, keep }, bracket)): (usize, (&Wanted, &Bracket<A>))| {
        let (magnitude, ties, counts) = match within(&parts, at, keep, *bracket) {
            Some((magnitude, ties)) => {
                let equal = |parts: &Vec<Part<Key<A>>>| parts[at].equal(magnitude, *bracket);
                (magnitude, ties, Some(parts.iter().map(equal).collect()))
            }
            None => {
                let (magnitude, ties) = by_digits(rows, input, keep, measure)?;
                (magnitude, ties, None)
            }
        };
        let last = index_of(rows, input, magnitude, ties, counts, measure)?;
        Ok(Threshold { magnitude: magnitude.into(), last })
    };
    wanted.par_iter().zip(brackets.par_iter()).enumerate().map(find).collect()
}

/// The `keep`-th largest magnitude and which of its equals it is, if it lies in the bracket.
fn within<K: Copy + Ord>(
    parts: &[Vec<Part<K>>],
    at: usize,
    keep: usize,
    (low, high): (K, K),
) -> Option<(K, usize)> {
    let total = |count: fn(&Part<K>) -> usize| parts.iter().map(|part| count(&part[at])).sum();
    let (above, on_high, on_low): (usize, usize, usize) =
        (total(|part| part.above), total(|part| part.high), total(|part| part.low));
    let mut rank = keep.checked_sub(above).filter(|&rank| rank > 0)?;
    if rank <= on_high {
        return Some((high, rank));
    }
    rank -= on_high;
    let mut inside: Vec<K> =
        parts.iter().flat_map(|part| part[at].inside.iter().copied()).collect();
    if rank <= inside.len() {
        let (larger, &mut magnitude, _) = inside.select_nth_unstable_by(rank - 1, |a, b| b.cmp(a));
        return Some((magnitude, larger.iter().filter(|&&m| m == magnitude).count() + 1));
    }
    rank -= inside.len();
    (rank <= on_low).then_some((low, rank))
}

impl<K: Copy + Ord + Default> Part<K> {
    fn of<T: Real<Key = K>>(values: &[T], (low, high): (K, K)) -> Self {
        let mut part = Self { above: 0, high: 0, inside: Vec::new(), low: 0 };
        let mut sifted = Sifted::default();
        for values in values.chunks(SIFTED) {
            sift(values, low, high, &mut sifted);
            part.above += sifted.above;
            let found = || sifted.found().iter();
            part.high += found().filter(|&&m| m == high).count();
            part.inside.extend(found().filter(|&&m| (m > low) & (m < high)));
            part.low += found().filter(|&&m| (m == low) & (m < high)).count();
        }
        part
    }

    /// How many have this magnitude, which lies in the bracket.
    fn equal(&self, magnitude: K, (low, high): (K, K)) -> usize {
        if magnitude == high {
            self.high
        } else if magnitude == low {
            self.low
        } else {
            self.inside.iter().filter(|&&m| m == magnitude).count()
        }
    }
}

/// The least and the greatest magnitude.
type Bracket<A> = (Key<A>, Key<A>);

type Key<A> = <<A as Arith>::T as Real>::Key;

/// The magnitudes of what is measured; all NaN count as one.
fn magnitudes<A: Arith>(
    piece: &Piece<'_, A::T>,
    input: usize,
    measure: Measure<'_, A::T>,
) -> Vec<Key<A>> {
    let values = measure(piece, input);
    values.into_iter().map(|value| value.magnitude().min(A::T::NAN_MAGNITUDE)).collect()
}

/// For each of `wanted` two magnitudes between which the one that is looked for very probably is.
fn brackets<A: Arith>(
    rows: &Rows<'_, A>,
    wanted: &[Wanted],
    measure: Measure<'_, A::T>,
) -> Result<Vec<Bracket<A>>, MethodError> {
    let everything = (Key::<A>::default(), A::T::UNREACHED);
    let n = rows.elements;
    if n <= SMALL {
        return Ok(vec![everything; wanted.len()]);
    }
    let runs = SAMPLE / RUN;
    let pool = Pool::new();
    let look = |lent: &mut Lent<'_, RowBuffers<A::T>>, run: usize| {
        let start = (run as u128 * (n - RUN) as u128 / runs as u128) as usize;
        let piece = rows.load(start..start + RUN, &mut lent.memory)?;
        let of = |input| magnitudes::<A>(&piece, input, measure);
        Ok((0..rows.count()).map(of).collect::<Vec<_>>())
    };
    let found = (0..runs).into_par_iter().map_init(|| pool.lend(), look);
    let found = found.collect::<Result<Vec<_>, MethodError>>()?;
    let mut samples: Vec<Vec<Key<A>>> = vec![Vec::with_capacity(SAMPLE); rows.count()];
    for run in found {
        samples.iter_mut().zip(run).for_each(|(sample, more)| sample.extend(more));
    }
    let bracket = |&Wanted { input, keep }: &Wanted| {
        let sample = &mut samples[input];
        let share = keep as f64 / n as f64;
        let rank = share * SAMPLE as f64;
        // Elements of a run resemble each other: six deviations of independent ones, and some.
        let margin = 16.0 + 6.0 * libm::sqrt(rank * (1.0 - share));
        let mut at = |rank: f64| {
            let rank = (rank as usize).min(SAMPLE - 1);
            *sample.select_nth_unstable_by(rank, |a, b| b.cmp(a)).1
        };
        let high = if rank < margin { everything.1 } else { at(rank - margin) };
        let low = if rank + margin >= SAMPLE as f64 { everything.0 } else { at(rank + margin) };
        (low, high)
    };
    Ok(wanted.iter().map(bracket).collect())
}

/// The `keep`-th largest magnitude and which of its equals it is, by counting digits, most
/// significant first: one pass for each.
fn by_digits<A: Arith>(
    rows: &Rows<'_, A>,
    input: usize,
    keep: usize,
    measure: Measure<'_, A::T>,
) -> Result<(Key<A>, usize), MethodError> {
    const DIGIT: u32 = 11;
    let mut shift = 8 * size_of::<A::T>() as u32 - 1;
    let (mut prefix, mut greater) = (0_i64, 0);
    while shift > 0 {
        let width = DIGIT.min(shift);
        shift -= width;
        let counts = rows.gather(
            || vec![0_usize; 1 << width],
            |counts, piece| {
                for m in magnitudes::<A>(&piece, input, measure) {
                    let digits: i64 = m.into() >> shift;
                    if digits >> width == prefix {
                        counts[(digits & ((1 << width) - 1)) as usize] += 1;
                    }
                }
            },
            |mut a, b| {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                a
            },
        )?;
        let mut digit = counts.len() - 1;
        while digit > 0 && greater + counts[digit] < keep {
            greater += counts[digit];
            digit -= 1;
        }
        prefix = prefix << width | digit as i64;
    }
    Ok((Key::<A>::try_from(prefix).unwrap_or(A::T::UNREACHED), keep - greater))
}

/// The index of the `count`-th element of this magnitude. `counts` are how many each piece has, if
/// that is known.
fn index_of<A: Arith>(
    rows: &Rows<'_, A>,
    input: usize,
    magnitude: Key<A>,
    count: usize,
    counts: Option<Vec<usize>>,
    measure: Measure<'_, A::T>,
) -> Result<usize, MethodError> {
    let counts = match counts {
        Some(counts) => counts,
        None => rows.map(|piece| {
            let all = magnitudes::<A>(&piece, input, measure);
            all.iter().filter(|&&m| m == magnitude).count()
        })?,
    };
    let mut left = count;
    for (range, equal) in rows.pieces().zip(counts) {
        if left > equal {
            left -= equal;
            continue;
        }
        let mut buffers = RowBuffers::default();
        let piece = rows.load(range, &mut buffers)?;
        let all = magnitudes::<A>(&piece, input, measure);
        let mut places = all.iter().enumerate().filter(|(_, m)| **m == magnitude);
        return Ok(places.nth(left - 1).map_or(usize::MAX, |(place, _)| piece.start + place));
    }
    Ok(usize::MAX)
}
