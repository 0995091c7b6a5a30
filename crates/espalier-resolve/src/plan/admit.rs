//! What has to be true before anything is merged.

use std::borrow::Cow;

use espalier_tensor::{Dtype, Model, schema_mismatch};

use super::Strategy;
use crate::policies::{
    Input, ResolveError,
    integers::{self, IntegerRule},
};

/// Checks layouts, integers, weights and the base. Integers are compared by their digests, and
/// not at all if they are to be merged; tensor data are read only to say where they differ.
pub(crate) fn check(
    strategy: &Strategy,
    inputs: &[Input<'_>],
    base: Option<&Model>,
) -> Result<(), ResolveError> {
    let first = inputs.first().ok_or(ResolveError::Empty)?;
    if strategy.info().needs_base && base.is_none() {
        return Err(ResolveError::BaseRequired { strategy: strategy.name() });
    }
    if strategy.buffers() == IntegerRule::Base && base.is_none() {
        return Err(ResolveError::BuffersFromBase);
    }
    for &Input { id, weight, .. } in inputs {
        if !(weight > 0.0 && weight <= f64::from(f32::MAX)) {
            return Err(ResolveError::Weight { id, weight });
        }
    }
    let (reference, with, others) = match base {
        Some(base) => (base, Cow::Borrowed("the base model"), inputs),
        None => (first.model, Cow::Owned(format!("contribution {}", first.id)), &inputs[1..]),
    };
    for input in others {
        fits(reference, &with, input)?;
        if strategy.compares_integers() {
            same_integers(reference, &with, input)?;
        }
    }
    Ok(())
}

fn fits(reference: &Model, with: &str, input: &Input<'_>) -> Result<(), ResolveError> {
    let id = input.id;
    if let Some(mismatch) = schema_mismatch(reference, input.model) {
        let mismatch = Box::new(mismatch);
        return Err(ResolveError::Mismatch { id, with: with.to_owned(), mismatch });
    }
    Ok(())
}

/// Of models of one layout.
fn same_integers(reference: &Model, with: &str, input: &Input<'_>) -> Result<(), ResolveError> {
    for (index, ours) in reference.manifest.tensors().iter().enumerate() {
        let dtype = ours.dtype;
        if dtype.is_float() || ours.content == input.model.meta(index).content {
            continue;
        }
        let pair = [input.model, reference].map(|model| model.content(index));
        let of = |content: &'_ [u8], element: usize| {
            let bytes = content.chunks_exact(dtype.size()).nth(element).unwrap_or_default();
            // Truth values may differ as bytes and be the same.
            integers::read(if dtype == Dtype::Bool { Dtype::U8 } else { dtype }, bytes)
        };
        let place = pair[0].iter().zip(pair[1].iter()).position(|(a, b)| a != b).unwrap_or(0);
        let element = place / dtype.size();
        return Err(ResolveError::IntegersDiffer {
            tensor: ours.name.clone(),
            dtype,
            id: input.id,
            with: with.to_owned(),
            element,
            values: Box::new(pair.map(|content| of(content, element))),
        });
    }
    Ok(())
}

/// Weights up to a common factor: all 1 if they are equal, otherwise scaled by the power of two
/// that brings the largest between 1 and 2. Far smaller ones are raised to 2⁻⁶⁰, which changes no
/// mean noticeably: so no sum of weights can be zero in f32, whichever inputs a strategy keeps.
pub(crate) fn relative(weights: &[f64]) -> Vec<f64> {
    let Some(&first) = weights.first() else { return Vec::new() };
    if weights.iter().all(|&weight| weight == first) {
        return vec![1.0; weights.len()];
    }
    let largest = weights.iter().copied().fold(first, f64::max);
    let exponent = libm::ilogb(largest);
    let smallest = libm::scalbn(1.0, -60);
    weights.iter().map(|&weight| libm::scalbn(weight, -exponent).max(smallest)).collect()
}

/// How many weights [`relative`] raises.
pub(crate) fn raised(weights: &[f64]) -> usize {
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let smallest = libm::scalbn(1.0, -60);
    let scaled = |&weight: &f64| libm::scalbn(weight, -libm::ilogb(largest));
    weights.iter().map(scaled).filter(|weight| *weight < smallest).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_weights() {
        assert_eq!(relative(&[0.3, 0.3]), [1.0, 1.0]);
        assert_eq!(relative(&[3.0, 12.0]), [0.375, 1.5]);
        assert_eq!(relative(&[5e-324, 1e-323]), [0.5, 1.0]);
        assert_eq!(relative(&[1e-300, 1.0])[0] as f32, 1.0 / (1_u64 << 60) as f32);
        assert_eq!(raised(&[1e-300, 1.0, 1e-10, 1e-19]), 2);
        assert_eq!(raised(&[1e-300, 1e-300]), 0);
    }
}
