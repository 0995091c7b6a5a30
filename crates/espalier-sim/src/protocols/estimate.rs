//! Means over seeds, with intervals.

use serde::Serialize;

/// A mean over runs that differ in their seed only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half the width of its 95 % interval (Student 1908); null with one run.
    pub half_width: Option<f64>,
}

/// 97.5 % points of Student's distribution with 1, 2, … degrees of freedom.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];
/// The point for all others: a little wide.
const MANY: f64 = 2.042;

impl Estimate {
    /// The estimate from these values, summed in their order; `None` if there are none.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let mean = values.iter().fold(0.0, |sum, value| sum + value) / count;
        let freedom = values.len().checked_sub(1)?;
        let half_width = (freedom > 0).then(|| {
            let squares = values.iter().fold(0.0, |sum, v| sum + (v - mean) * (v - mean));
            let point = STUDENT.get(freedom - 1).copied().unwrap_or(MANY);
            point * libm::sqrt(squares / freedom as f64 / count)
        });
        Some(Self { mean, half_width })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_as_wide_as_students_tables_say() {
        assert_eq!(Estimate::of(&[]), None);
        assert_eq!(Estimate::of(&[7.0]), Some(Estimate { mean: 7.0, half_width: None }));
        let same = Estimate::of(&[3.0; 9]).expect("some");
        assert_eq!(same, Estimate { mean: 3.0, half_width: Some(0.0) });
        // Standard deviation sqrt(2.5), five values: 2.776 sqrt(2.5 / 5).
        let five = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("some");
        assert_eq!(five.mean, 3.0);
        assert!((five.half_width.expect("five") - 1.962_928_424).abs() < 1e-6);
    }
}
