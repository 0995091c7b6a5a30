//! Attacks that search for the greatest harm: they query the aggregation as a black box, a bounded
//! number of times, always in the same order.

use super::crowd::{trimmed_mean, wide};
use super::forger::Forger;
use espalier_tensor::kernels::squared_distance_f64;

/// The factors that are tried first, ascending.
const FACTORS: [f64; 12] = [0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0];
/// How often the interval around the best factor is halved; each time costs two questions.
const HALVINGS: usize = 6;

/// Asks the aggregation under attack how far from the honest mean it can be brought.
pub(super) struct Judge<'a> {
    forger: &'a Forger<'a>,
    /// The honest rows, and behind them what is tried.
    rows: Vec<Vec<f32>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(forger: &'a Forger<'a>) -> Self {
        Self { forger, rows: forger.crowd.rows.to_vec() }
    }

    /// The squared distance of the aggregate from the honest mean.
    pub(super) fn harm(&mut self, forged: Vec<Vec<f32>>) -> f64 {
        let crowd = &self.forger.crowd;
        self.rows.truncate(crowd.rows.len());
        self.rows.extend(forged);
        let aggregate = match self.forger.scene.target {
            Some(target) => wide(&target(&self.rows)),
            None => trimmed_mean(&self.rows, self.forger.liars()),
        };
        let harm = squared_distance_f64(&aggregate, &crowd.mean);
        // An aggregate that is not a number at all is caught by every node that sees it.
        if harm.is_finite() { harm } else { 0.0 }
    }
}

/// The position of the greatest harm; of equal ones the first.
pub(super) fn worst(harms: &[f64]) -> usize {
    (0..harms.len()).fold(0, |best, i| if harms[i] > harms[best] { i } else { best })
}

/// The factor around `tried[at]`, whose harm is `most`, with which harm is greatest, as far as
/// halving the intervals to its neighbours finds it.
pub(super) fn refine(
    tried: &[f64],
    at: usize,
    mut most: f64,
    mut harm: impl FnMut(f64) -> f64,
) -> f64 {
    let mut low = if at == 0 { 0.0 } else { tried[at - 1] };
    let mut high = tried[(at + 1).min(tried.len() - 1)];
    let mut best = tried[at];
    for _ in 0..HALVINGS {
        let (left, right) = ((low + best) / 2.0, (best + high) / 2.0);
        let (of_left, of_right) = (harm(left), harm(right));
        if of_left > most && of_left >= of_right {
            (high, best, most) = (best, left, of_left);
        } else if of_right > most {
            (low, best, most) = (best, right, of_right);
        } else {
            (low, high) = (left, right);
        }
    }
    best
}

/// The rows of the factor that brings the target farthest from the honest mean. Asks it
/// 24 times.
pub(super) fn worst_factor(
    forger: &Forger<'_>,
    rows: impl Fn(f64) -> Vec<Vec<f32>>,
) -> Vec<Vec<f32>> {
    let mut judge = Judge::new(forger);
    let harms = FACTORS.map(|factor| judge.harm(rows(factor)));
    let at = worst(&harms);
    rows(refine(&FACTORS, at, harms[at], |factor| judge.harm(rows(factor))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refining_finds_the_top_of_a_hill_and_stays_on_the_grid_of_a_plain() {
        let hill = |top: f64| move |x: f64| 100.0 - (x - top) * (x - top);
        for top in [0.02, 0.13, 1.21, 6.6, 40.0] {
            let harms = FACTORS.map(hill(top));
            let at = worst(&harms);
            let found = refine(&FACTORS, at, harms[at], hill(top));
            assert!((found - top.min(12.0)).abs() < 0.05, "{top}: {found}");
        }
        assert_eq!(refine(&FACTORS, 3, 1.0, |_| 1.0), 0.5);
    }
}
