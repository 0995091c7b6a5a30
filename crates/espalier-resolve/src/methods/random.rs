//! Keeps differences at random (`dare`, `della`), and divides each by its chance of being kept, so
//! that the expected result is that of keeping all.
//!
//! The mask of an input depends on the seed, the tensor's name, the input's place and the element's
//! index: element `i` is kept if word `i` of the mask's stream is below its chance · 2³².
//!
//! * `dare`: the chance is the density ρ.
//! * `della`: by its magnitude each element has a rank 0 … m − 1 in its row, the smallest first,
//!   and of equal magnitudes that of lower index; its chance is ρ − ε + 2 ε · rank / (m − 1). Both
//!   ends are kept within 0 and 1. A vector is one row; a row of one element has the chance ρ.
//!
//! With ρ = 1 all are kept.

use espalier_identity::Domain;
use espalier_tensor::random::Stream;

use super::{arith::Arith, deltas::Sparsify, job::MethodError, rows::Rows};
use crate::real::Real;

static MASK: Domain = Domain::new("espalier merge random mask v1");

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
            let fields = MASK.fields().digest(&job.seed).field(job.name.as_bytes());
            let fields = fields.field(&(input as u64).to_le_bytes());
            Self { stream: Stream::new(fields.finish()), density }
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
            *value = A::T::select(kept, A::round(*value / share), A::T::ZERO);
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

impl Sparsify for RandomByRank {
    /// The masks, and how far chances are from the density.
    type Ready = Vec<(Mask, f64)>;

    fn run_length<A: Arith>(&self, rows: &Rows<'_, A>) -> usize {
        rows.row_length()
    }

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Self::Ready, MethodError> {
        Ok(Mask::all(rows).into_iter().zip(rows.numbers("epsilon")).collect())
    }

    fn keep<A: Arith>(
        &self,
        ready: &Self::Ready,
        input: usize,
        start: usize,
        differences: &mut [A::T],
    ) {
        let (mask, epsilon) = &ready[input];
        if mask.density >= 1.0 {
            return;
        }
        if mask.density <= 0.0 {
            return differences.fill(A::T::ZERO);
        }
        let mut order: Vec<usize> = (0..differences.len()).collect();
        order.sort_by_key(|&place| differences[place].magnitude());
        let mut ranks = vec![0; order.len()];
        order.iter().enumerate().for_each(|(rank, &place)| ranks[place] = rank);
        let chance = |place: usize| {
            let middle = match ranks.len() {
                1 => 0.5,
                m => ranks[place] as f64 / (m - 1) as f64,
            };
            (mask.density - epsilon + 2.0 * epsilon * middle).clamp(0.0, 1.0)
        };
        mask.apply::<A>(start, differences, self.rescale, chance);
    }
}
