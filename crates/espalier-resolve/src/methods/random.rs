//! Keeps differences at random (`dare`), and divides them by the share that is kept.
//!
//! The mask of an input depends on the seed, the tensor's name, the input's place and the
//! element's index: element `i` is kept if word `i` of the mask's stream is below ρ · 2³².

use espalier_identity::Domain;
use espalier_tensor::random::Stream;

use super::{arith::Arith, deltas::Sparsify, job::MethodError, rows::Rows};
use crate::real::Real;

static MASK: Domain = Domain::new("espalier merge random mask v1");

#[derive(Debug)]
pub(crate) struct Random {
    pub(crate) rescale: bool,
}

/// What one input keeps.
#[derive(Debug)]
pub(crate) struct Mask {
    stream: Stream,
    density: f64,
}

impl Sparsify for Random {
    type Ready = Vec<Mask>;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Vec<Mask>, MethodError> {
        let job = rows.job;
        let mask = |(input, density): (usize, f64)| {
            let fields = MASK.fields().digest(&job.seed).field(job.name.as_bytes());
            let fields = fields.field(&(input as u64).to_le_bytes());
            Mask { stream: Stream::new(fields.finish()), density }
        };
        Ok(rows.numbers("density").into_iter().enumerate().map(mask).collect())
    }

    fn keep<A: Arith>(
        &self,
        ready: &Vec<Mask>,
        input: usize,
        start: usize,
        differences: &mut [A::T],
    ) {
        let Mask { stream, density } = &ready[input];
        if *density >= 1.0 {
            return;
        }
        let first_dropped = (density * 4_294_967_296.0).round_ties_even() as u64;
        let share = A::T::of(if self.rescale { *density } else { 1.0 });
        let mut words = vec![0; differences.len()];
        stream.fill_u32(start as u64, &mut words);
        for (value, word) in differences.iter_mut().zip(words) {
            let kept = u64::from(word) < first_dropped;
            *value = A::T::select(kept, A::round(*value / share), A::T::ZERO);
        }
    }
}
