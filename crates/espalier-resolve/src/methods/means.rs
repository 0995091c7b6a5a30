//! `karcher`: a mean on the sphere. It is a combination of inputs whose factors follow from their
//! inner products.
//!
//! With n = |x| and û = x / n, from m = M / |M| with M = Σ û / K, or from the first input where |M|
//! < `tol`, it takes at most `max_iter` steps along the mean of the logarithms θ / sin θ
//! (û − cos θ m), until one is shorter than `tol`. The result is m times the mean of the norms;
//! inputs of zeros count there alone, and an input opposite to m moves it nowhere.

use super::{
    arith::Arith,
    factors::{Factoring, Factors},
    groups::{Gram, Groups, Vectors, products},
    job::MethodError,
    rows::Rows,
};

/// The length of a combination of the inputs.
pub(crate) fn length(found: Gram<'_>, factors: &[f64]) -> f64 {
    let product = |(i, a): (usize, &f64)| {
        let with = |(j, b): (usize, &f64)| a * b * found.of(i, j);
        factors.iter().enumerate().map(with).sum::<f64>()
    };
    let square: f64 = factors.iter().enumerate().map(product).sum();
    libm::sqrt(square.max(0.0))
}

#[derive(Debug)]
pub(crate) struct Karcher {
    pub(crate) steps: usize,
    pub(crate) tolerance: f64,
}

impl Factoring for Karcher {
    fn factors<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Factors, MethodError> {
        let groups = Groups::new(Vectors::Whole, rows);
        let products = products(rows, &groups, false)?;
        let found = products.group(0);
        Ok(Factors { values: self.mean(found), differences: false })
    }
}

/// Below this sine, vectors are parallel or opposite as far as rounded elements tell.
const FLAT: f64 = 1e-6;

impl Karcher {
    /// The factors of the inputs.
    fn mean(&self, found: Gram<'_>) -> Vec<f64> {
        let n = found.count();
        let norms: Vec<f64> = (0..n).map(|input| found.norm(input)).collect();
        let present: Vec<usize> = (0..n).filter(|&input| norms[input] > 0.0).collect();
        let share = 1.0 / present.len() as f64;
        // Factors of the inputs throughout: û has the factor 1 / n.
        let mut mean = vec![0.0; n];
        present.iter().for_each(|&input| mean[input] = share / norms[input]);
        let size = length(found, &mean);
        if size < self.tolerance {
            mean.fill(0.0);
            present.iter().take(1).for_each(|&input| mean[input] = 1.0 / norms[input]);
        } else {
            mean.iter_mut().for_each(|factor| *factor /= size);
        }
        for _ in 0..self.steps {
            let mut tangent = vec![0.0; n];
            let mut back = 0.0;
            for &input in &present {
                let product: f64 = (0..n).map(|other| mean[other] * found.of(input, other)).sum();
                let cosine = (product / norms[input]).clamp(-1.0, 1.0);
                let angle = libm::acos(cosine);
                let sine = libm::sin(angle);
                let stretch = match sine < FLAT {
                    // No direction leads to the opposite point.
                    true if cosine < 0.0 => continue,
                    true => share,
                    false => share * angle / sine,
                };
                tangent[input] += stretch / norms[input];
                back += stretch * cosine;
            }
            tangent.iter_mut().zip(&mean).for_each(|(factor, m)| *factor -= back * m);
            let step = length(found, &tangent);
            if step < self.tolerance {
                break;
            }
            let (sine, cosine) = libm::sincos(step);
            for (m, factor) in mean.iter_mut().zip(tangent) {
                *m = cosine * *m + sine / step * factor;
            }
            let size = length(found, &mean);
            mean.iter_mut().for_each(|factor| *factor /= size);
        }
        let norm = norms.iter().sum::<f64>() / n as f64;
        mean.into_iter().map(|factor| factor * norm).collect()
    }
}
