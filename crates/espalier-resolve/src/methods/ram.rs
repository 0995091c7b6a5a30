//! `ram` and `ram-plus`: elements that several inputs changed are averaged over these, and
//! elements that one input changed are its own (Yuan et al., Behavior knowledge merge in
//! reinforced agentic models, 2026, arXiv 2601.13572).
//!
//! With differences d = r(x − b), r rounding to the arithmetic, an input is active where |d| > ε.
//! With c active inputs the result is b + r(r(Σ p) / c) over these, and b where there is none. If
//! several are active, p = d; if one alone is, p = r(d · r(λ)) with the factor of the input:
//!
//! * `ram`: λ = 1.
//! * `ram-plus`: λ = 1 + ρ · min(α, S / max(U, 1)), where the input is active with others at S
//!   elements of the tensor, and alone at U; ρ is the parameter `r`.

use super::{
    arith::Arith,
    formula::Formula,
    groups::vector,
    info::{Base, MANY, MethodInfo, POSITIVE_OR_ZERO, method, parameter},
    job::MethodError,
    rows::{Piece, Rows},
};
use crate::{parameters::ParameterInfo, real::Real};

const STILL: ParameterInfo =
    parameter("epsilon", "0.00001", POSITIVE_OR_ZERO, "the largest difference that counts as none");

pub(crate) static RAM: MethodInfo = method(
    ("ram", &[]),
    "average elements that several inputs changed, keep those that one changed",
    "Yuan et al., Behavior knowledge merge, 2026, arXiv 2601.13572",
    (&[STILL], &[]),
    Base::Required,
    MANY,
    |values| Box::new(Ram { epsilon: values.number("epsilon"), boost: None }),
);

pub(crate) static RAM_PLUS: MethodInfo = method(
    ("ram-plus", &["ramplus_tl", "ram_plus"]),
    "as `ram`, and scale what one input changed by how much it shares with others",
    "Yuan et al., Behavior knowledge merge, 2026, arXiv 2601.13572",
    (
        &[
            STILL,
            parameter("r", "0.1", POSITIVE_OR_ZERO, "how much is added to the factor"),
            parameter("alpha", "0.2", POSITIVE_OR_ZERO, "what counts of the ratio, at most"),
        ],
        &[],
    ),
    Base::Required,
    MANY,
    |values| {
        let boost = Boost { r: values.number("r"), alpha: values.number("alpha") };
        Box::new(Ram { epsilon: values.number("epsilon"), boost: Some(boost) })
    },
);

#[derive(Debug)]
pub(crate) struct Ram {
    pub(crate) epsilon: f64,
    pub(crate) boost: Option<Boost>,
}

/// How `ram-plus` scales what one input changed.
#[derive(Debug)]
pub(crate) struct Boost {
    pub(crate) r: f64,
    pub(crate) alpha: f64,
}

impl Formula for Ram {
    /// The factor of each input where it alone is active.
    type Ready = Vec<f64>;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Vec<f64>, MethodError> {
        let Some(boost) = &self.boost else {
            return Ok(vec![1.0; rows.count()]);
        };
        let counts = rows.gather(
            || vec![[0_usize; 2]; rows.count()],
            |counts, piece| self.count::<A>(&piece, counts),
            |mut a, b| {
                a.iter_mut().zip(b).for_each(|(a, b)| *a = [a[0] + b[0], a[1] + b[1]]);
                a
            },
        )?;
        let factor = |[alone, shared]: [usize; 2]| {
            1.0 + boost.r * boost.alpha.min(shared as f64 / alone.max(1) as f64)
        };
        Ok(counts.into_iter().map(factor).collect())
    }

    fn merge<A: Arith>(
        &self,
        factors: &Vec<f64>,
        rows: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        let differences: Vec<Vec<A::T>> =
            (0..rows.count()).map(|input| vector::<A>(piece, input, true)).collect();
        let factors: Vec<A::T> = factors.iter().map(|&factor| A::round(A::T::of(factor))).collect();
        for (place, (value, &b)) in out.iter_mut().zip(piece.base()).enumerate() {
            let active = || {
                let all = differences.iter().map(|d| d[place]).zip(&factors);
                all.filter(|(d, _)| self.is_active(*d))
            };
            *value = match active().count() {
                0 => b,
                1 => b + active().fold(A::T::ZERO, |sum, (d, &factor)| sum + A::round(d * factor)),
                c => {
                    let sum = A::round(active().fold(A::T::ZERO, |sum, (d, _)| sum + d));
                    b + A::round(sum / A::T::of(c as f64))
                }
            };
        }
    }
}

impl Ram {
    /// What is not a number counts, so that it is refused.
    fn is_active<T: Real>(&self, difference: T) -> bool {
        let still = difference.wide().abs() <= self.epsilon;
        !still
    }

    /// Adds, for each input, at how many elements of a piece it is active alone and with others.
    fn count<A: Arith>(&self, piece: &Piece<'_, A::T>, counts: &mut [[usize; 2]]) {
        let mut active = vec![0_usize; piece.len];
        let differences: Vec<Vec<A::T>> =
            (0..piece.inputs()).map(|input| vector::<A>(piece, input, true)).collect();
        for row in &differences {
            active.iter_mut().zip(row).for_each(|(n, &d)| *n += usize::from(self.is_active(d)));
        }
        for (row, count) in differences.iter().zip(counts) {
            for (&d, &n) in row.iter().zip(&active) {
                count[usize::from(n > 1)] += usize::from(self.is_active(d));
            }
        }
    }
}
