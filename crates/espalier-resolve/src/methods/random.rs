//! Keeps differences at random (`dare`, `della`), and divides each by its chance of being kept, so
//! that the expected result is that of keeping all.
//!
//! The mask of an input depends on the seed, the tensor's name, the element's index and the input's
//! place, in policies on the input's content instead, so that other inputs do not matter. Element
//! `i` is kept if word `i` of the mask's stream is below its chance · 2³².
//!
//! * `dare`: the chance is the density ρ.
//! * `della`: by its magnitude each element has a rank 0 … m − 1 in its row, the smallest first,
//!   and of equal magnitudes that of lower index; its chance is ρ − ε + 2 ε · rank / (m − 1). Both
//!   ends are kept within 0 and 1. A vector is one row; a row of one element has the chance ρ.
//!
//! With ρ = 1 all are kept. What is kept stays as it is without `rescale`; matching the sum of
//! magnitudes is the business of [`super::rescale`].

use espalier_identity::{Digest, Domain};
use espalier_tensor::random::Stream;

use super::{
    arith::Arith,
    deltas::{Sparsify, TILE, or_zero},
    job::MethodError,
    rows::Rows,
};
use crate::real::Real;

static MASK: Domain = Domain::new("espalier merge random mask v1");
static MASK_OF_CONTENT: Domain = Domain::new("espalier resolve dare mask v1");

/// The words of the mask of a contribution's tensor.
pub(crate) fn mask_of_content(seed: &Digest, content: &Digest, tensor: &str) -> Stream {
    let fields = MASK_OF_CONTENT.fields().digest(seed).digest(content);
    Stream::new(fields.field(tensor.as_bytes()).finish())
}

fn mask_of_place(seed: &Digest, place: usize, tensor: &str) -> Stream {
    let fields = MASK.fields().digest(seed).field(tensor.as_bytes());
    Stream::new(fields.field(&(place as u64).to_le_bytes()).finish())
}

#[derive(Debug)]
pub(crate) struct Random {
    pub(crate) rescale: bool,
}

/// The mask of one input.
#[derive(Debug)]
pub(crate) struct Mask {
    stream: Stream,
    density: f64,
}

impl Mask {
    fn all<A: Arith>(rows: &Rows<'_, A>) -> Vec<Self> {
        let job = rows.job;
        let mask = |(input, density): (usize, f64)| {
            let stream = match rows.identities {
                Some(identities) => mask_of_content(&job.seed, &identities[input], job.name),
                None => mask_of_place(&job.seed, input, job.name),
            };
            Self { stream, density }
        };
        rows.numbers("density").into_iter().enumerate().map(mask).collect()
    }

    /// Keeps each value with its chance.
    fn apply<A: Arith>(
        &self,
        start: usize,
        values: &mut [A::T],
        rescale: bool,
        chance: impl Fn(usize) -> f64,
    ) {
        let mut words = vec![0; values.len()];
        self.stream.fill_u32(start as u64, &mut words);
        for (place, (value, word)) in values.iter_mut().zip(words).enumerate() {
            let chance = chance(place);
            let kept = u64::from(word) < (chance * 4_294_967_296.0).round_ties_even() as u64;
            let share = A::T::of(if rescale { chance } else { 1.0 });
            let scaled = A::T::select(kept, A::round(*value / share), *value);
            *value = or_zero(kept, scaled);
        }
    }
}

impl Sparsify for Random {
    type Ready = Vec<Mask>;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Vec<Mask>, MethodError> {
        Ok(Mask::all(rows))
    }

    fn keep<A: Arith>(
        &self,
        ready: &Vec<Mask>,
        input: usize,
        start: usize,
        differences: &mut [A::T],
    ) {
        let mask = &ready[input];
        if mask.density < 1.0 {
            mask.apply::<A>(start, differences, self.rescale, |_| mask.density);
        }
    }
}

#[derive(Debug)]
pub(crate) struct RandomByRank {
    pub(crate) rescale: bool,
}

/// What `della` has to know.
pub(crate) struct MasksByRank {
    /// The masks, and how far chances are from the density.
    masks: Vec<(Mask, f64)>,
    /// Elements in a row.
    length: usize,
}

impl Sparsify for RandomByRank {
    type Ready = MasksByRank;

    /// Whole rows, together when they are short.
    fn run_length<A: Arith>(&self, rows: &Rows<'_, A>) -> usize {
        let length = rows.row_length().max(1);
        length * (TILE / length).max(1)
    }

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<MasksByRank, MethodError> {
        let masks = Mask::all(rows).into_iter().zip(rows.numbers("epsilon")).collect();
        Ok(MasksByRank { masks, length: rows.row_length().max(1) })
    }

    fn keep<A: Arith>(
        &self,
        ready: &MasksByRank,
        input: usize,
        start: usize,
        differences: &mut [A::T],
    ) {
        let (mask, epsilon) = &ready.masks[input];
        if mask.density >= 1.0 {
            return;
        }
        if mask.density <= 0.0 {
            return differences.iter_mut().for_each(|d| *d = or_zero(false, *d));
        }
        let ranks = ranks(differences, ready.length);
        let chance = |place: usize| {
            if ready.length == 1 {
                return mask.density;
            }
            let middle = ranks[place] as f64 / (ready.length - 1) as f64;
            (mask.density - epsilon + 2.0 * epsilon * middle).clamp(0.0, 1.0)
        };
        mask.apply::<A>(start, differences, self.rescale, chance);
    }
}

/// The rank of each value in its row by magnitude, the smallest first.
fn ranks<T: Real>(values: &[T], length: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let mut ranks = vec![0; values.len()];
    for row in order.chunks_mut(length) {
        // Of equal magnitudes the lower index comes first; a stable sort would allocate.
        row.sort_unstable_by_key(|&place| (values[place].magnitude(), place));
        row.iter().enumerate().for_each(|(rank, &place)| ranks[place] = rank);
    }
    ranks
}
