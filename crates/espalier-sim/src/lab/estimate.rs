//! A figure over several seeds: its mean, its range, and how much chance may contribute.
//!
//! A [`Sample`] says what was seen. An [`Estimate`] and an [`Interval`] say where the true mean
//! lies: mean ± t s / √n, with s the standard deviation of the sample and t the 97.5 % quantile of
//! Student's distribution with n − 1 degrees of freedom (Student 1908).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Values that differ by chance alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sample {
    /// The number of values.
    pub n: u32,
    /// Their mean.
    pub mean: f64,
    /// Standard error of the mean, s / √n; null for one value.
    pub standard_error: Option<f64>,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

/// A mean over runs that differ in their seed only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half the width of its 95 % confidence interval; null with one run.
    pub half_width: Option<f64>,
}

/// A mean over seeds with its 95 % confidence interval, which may extend beyond the figure's
/// possible range, such as below 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The number of seeds; those without the figure do not count.
    pub n: u32,
    /// The mean.
    pub mean: f64,
    /// Lower end of the interval; null with one seed.
    pub low: Option<f64>,
    /// Upper end; null with one seed.
    pub high: Option<f64>,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

/// The number of runs that had a property, and the 95 % interval of its rate, which is valid near 0
/// and 1 too (Wilson, *Probable inference*, 1927).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Frequency {
    /// The number of runs that had the property.
    pub hits: u32,
    /// The number of runs.
    pub runs: u32,
    /// Lower end of the interval, 0 to 1.
    pub low: f64,
    /// Upper end, 0 to 1.
    pub high: f64,
}

impl Frequency {
    /// The rate of `true`; from 0 to 1 if there are no runs.
    pub(crate) fn of(runs: impl Iterator<Item = bool>) -> Self {
        /// The 97.5 % quantile of the normal distribution.
        const Z: f64 = 1.959_963_984_540_054;
        let (mut hits, mut all) = (0, 0);
        for hit in runs {
            hits += u32::from(hit);
            all += 1;
        }
        if all == 0 {
            return Self { hits, runs: all, low: 0.0, high: 1.0 };
        }
        let n = f64::from(all);
        let (p, c) = (f64::from(hits) / n, Z * Z / n);
        let half = Z * (p * (1.0 - p) / n + c / n / 4.0).sqrt();
        let end = |x: f64| ((p + c / 2.0 + x) / (1.0 + c)).clamp(0.0, 1.0);
        Self { hits, runs: all, low: end(-half), high: end(half) }
    }
}

impl Sample {
    /// What the values say, summed in their order; `None` if there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let first = *values.first()?;
        let n = values.len() as f64;
        // Around the first value, so that equal values have exactly this mean.
        let mean = first + values.iter().fold(0.0, |sum, x| sum + (x - first)) / n;
        let squares = values.iter().fold(0.0, |sum, x| sum + (x - mean) * (x - mean));
        let freedom = values.len() as u32 - 1;
        Some(Self {
            n: values.len() as u32,
            mean,
            standard_error: (freedom > 0).then(|| (squares / f64::from(freedom) / n).sqrt()),
            min: values.iter().copied().fold(first, f64::min),
            max: values.iter().copied().fold(first, f64::max),
        })
    }

    /// s, the standard deviation; `None` for one value.
    pub(crate) fn deviation(&self) -> Option<f64> {
        Some(self.standard_error? * f64::from(self.n).sqrt())
    }
}

impl Estimate {
    /// The estimate from these values; `None` if there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let sample = Sample::of(values)?;
        Some(Self { mean: sample.mean, half_width: Estimator::default().half_width(&sample) })
    }
}

/// Makes intervals, with the quantiles computed so far.
#[derive(Debug, Default)]
pub(crate) struct Estimator(BTreeMap<u32, f64>);

impl Estimator {
    /// What the values that are finite say; `None` if there is none.
    pub(crate) fn of(&mut self, values: impl Iterator<Item = Option<f64>>) -> Option<Interval> {
        let sample = Sample::of(values.flatten().filter(|value| value.is_finite()))?;
        let half = self.half_width(&sample);
        let Sample { n, mean, min, max, .. } = sample;
        let (low, high) = (half.map(|half| mean - half), half.map(|half| mean + half));
        Some(Interval { n, mean, low, high, min, max })
    }

    fn half_width(&mut self, sample: &Sample) -> Option<f64> {
        let (error, freedom) = (sample.standard_error?, sample.n - 1);
        let t = *self.0.entry(freedom).or_insert_with(|| quantile(freedom));
        Some(t * error)
    }
}

/// The probability that Student's t with `freedom` degrees of freedom lies within ± `t`
/// (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4: finite sums, exact for whole degrees).
/// O(freedom).
fn within(t: f64, freedom: u32) -> f64 {
    let nu = f64::from(freedom);
    let length = (nu + t * t).sqrt();
    let (sine, cosine) = (t / length, nu.sqrt() / length);
    let odd = freedom % 2 == 1;
    let mut term = if odd { cosine } else { 1.0 };
    let mut sum = if freedom == 1 { 0.0 } else { term };
    let mut k = if odd { 2.0 } else { 1.0 };
    while k + 1.0 < nu {
        term *= cosine * cosine * k / (k + 1.0);
        sum += term;
        k += 2.0;
    }
    if odd {
        let angle = libm::atan(t / nu.sqrt());
        core::f64::consts::FRAC_2_PI * (angle + sine * sum)
    } else {
        sine * sum
    }
}

/// The t within which 95 % lie, by bisection. It is greatest for one degree of freedom: 12.7.
fn quantile(freedom: u32) -> f64 {
    let (mut low, mut high) = (0.0, 13.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if within(middle, freedom) < 0.95 { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::Seeds;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Interval {
        Estimator::default().of(values.iter().copied().map(Some)).expect("a value")
    }

    #[test]
    fn rates_are_those_of_wilson() {
        let rate = |hits: u32, runs: u32| Frequency::of((0..runs).map(|i| i < hits));
        // Worked out by hand from the formula, and as statistical packages print them.
        for ((hits, runs), (low, high)) in
            [((0, 100), (0.0, 0.0370)), ((2, 100), (0.0055, 0.0700)), ((5, 10), (0.2366, 0.7634))]
        {
            let rate = rate(hits, runs);
            assert!((rate.low - low).abs() < 1e-4 && (rate.high - high).abs() < 1e-4, "{rate:?}");
        }
        assert_eq!((rate(0, 0).low, rate(0, 0).high), (0.0, 1.0));
        assert!(rate(7, 7).high <= 1.0);
    }

    #[test]
    fn quantiles_are_those_of_the_printed_tables() {
        let table = [
            (1, 12.7062),
            (2, 4.3027),
            (3, 3.1824),
            (4, 2.7764),
            (5, 2.5706),
            (9, 2.2622),
            (19, 2.0930),
            (30, 2.0423),
            (120, 1.9799),
            (9_999, 1.9602),
        ];
        for (freedom, expected) in table {
            let found = quantile(freedom);
            assert!((found - expected).abs() < 5e-5, "{freedom}: {found}");
        }
    }

    /// The sums against the density itself, by the trapezoidal rule.
    #[test]
    fn the_finite_sums_are_the_integral() {
        for freedom in 1..=9_u32 {
            let nu = f64::from(freedom);
            let density = |x: f64| libm::pow(1.0 + x * x / nu, -(nu + 1.0) / 2.0);
            let norm = libm::tgamma((nu + 1.0) / 2.0)
                / (libm::tgamma(nu / 2.0) * (nu * core::f64::consts::PI).sqrt());
            let (t, steps) = (1.7, 20_000);
            let step = t / f64::from(steps);
            let inner = (1..steps).fold(0.0, |sum, i| sum + density(f64::from(i) * step));
            let integral = 2.0 * norm * step * (inner + (density(0.0) + density(t)) / 2.0);
            assert!((within(t, freedom) - integral).abs() < 1e-8, "{freedom}");
        }
    }

    #[test]
    fn few_and_equal_values() {
        let mut estimator = Estimator::default();
        assert_eq!(estimator.of([None, Some(f64::NAN)].into_iter()), None);
        let one = estimator.of([Some(3.0), None].into_iter()).expect("one");
        assert_eq!((one.n, one.mean, one.low, one.high), (1, 3.0, None, None));
        let equal = of(&[0.1; 20]);
        assert_eq!((equal.mean, equal.low, equal.high), (0.1, Some(0.1), Some(0.1)));
        // 1, 2, 3: s = 1, so half of the interval is 4.3027 / √3.
        let three = of(&[1.0, 2.0, 3.0]);
        assert!((three.high.expect("three") - 2.0 - 4.302_652_7 / 3.0_f64.sqrt()).abs() < 1e-6);
        assert_eq!((three.min, three.max), (1.0, 3.0));
        assert_eq!(Sample::of([]), None);
        let sample = Sample::of([1.0, 2.0, 3.0]).expect("three");
        assert_eq!((sample.n, sample.mean, sample.min, sample.max), (3, 2.0, 1.0, 3.0));
        assert_eq!(sample.standard_error, Some((1.0_f64 / 3.0).sqrt()));
    }

    #[test]
    fn an_estimate_is_half_of_an_interval() {
        assert_eq!(Estimate::of([]), None);
        assert_eq!(Estimate::of([7.0]), Some(Estimate { mean: 7.0, half_width: None }));
        let values = [1.0, 2.0, 3.0, 4.0, 5.0];
        let (five, interval) = (Estimate::of(values).expect("five"), of(&values));
        assert_eq!(interval.high, five.half_width.map(|half| 3.0 + half));
        // Standard deviation sqrt(2.5): 2.776 445 sqrt(2.5 / 5).
        assert!((five.half_width.expect("five") - 1.963_243).abs() < 1e-6);
    }

    /// What the interval promises, tried out: 95 % of them hold the true mean.
    #[test]
    fn intervals_hold_the_true_mean_as_often_as_they_promise() {
        for size in [2, 5, 20] {
            let mut dice = Seeds(1).rng("coverage", size);
            let trials = 4_000;
            let mut held = 0;
            for _ in 0..trials {
                let sample: Vec<f64> = (0..size).map(|_| 5.0 + 2.0 * dice.normal()).collect();
                let found = of(&sample);
                held += i32::from(found.low <= Some(5.0) && Some(5.0) <= found.high);
            }
            // Three standard errors of a share of .95.
            let share = f64::from(held) / f64::from(trials);
            assert!((share - 0.95).abs() < 0.0104, "{size}: {share}");
        }
    }

    proptest! {
        #[test]
        fn the_mean_lies_inside_and_units_do_not_matter(
            values in proptest::collection::vec(-1e3..1e3_f64, 2..30),
            scale in 0.1..100.0_f64,
        ) {
            let found = of(&values);
            prop_assert!(found.low <= Some(found.mean) && Some(found.mean) <= found.high);
            prop_assert!(found.min <= found.mean + 1e-9 && found.mean <= found.max + 1e-9);
            let scaled: Vec<f64> = values.iter().map(|x| scale * x + 7.0).collect();
            let other = of(&scaled).high.expect("two values");
            let expected = scale * found.high.expect("two values") + 7.0;
            prop_assert!((other - expected).abs() <= 1e-6 * (1.0 + expected.abs()));
        }
    }
}
