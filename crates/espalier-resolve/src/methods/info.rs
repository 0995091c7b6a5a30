//! What is known of a method before it is used, and how its entry in the list is written.

use std::collections::BTreeMap;

use super::formula::AnyFormula;
use crate::parameters::{ParameterInfo, ParameterRange, StrategyError, Values};

/// What a method does with a base model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// It is an input like any other; unlisted, it comes last.
    Input,
    /// It is the first input, wherever it is listed.
    First,
    /// Inputs are differences from it if there is one.
    Optional,
    /// Inputs are differences from it.
    Required,
}

/// Facts about a method that are needed before using it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MethodInfo {
    /// The method's name.
    pub name: &'static str,
    /// Other names it answers to; that of recipes comes first.
    pub aliases: &'static [&'static str],
    /// What it computes, in a line.
    pub summary: &'static str,
    /// The publication that it comes from.
    pub source: &'static str,
    /// Parameters that hold for a tensor as a whole. One without a default has to be given.
    pub shared: &'static [ParameterInfo],
    /// Parameters that each input has, the base excepted where it is not an input.
    pub per_input: &'static [ParameterInfo],
    /// What it does with a base model.
    pub base: Base,
    /// The least and the largest number of inputs, the base included where it is one.
    pub inputs: (usize, usize),
    /// Whether its result depends on a seed.
    pub uses_randomness: bool,
    pub(crate) build: fn(&Values) -> Box<dyn AnyFormula>,
}

impl MethodInfo {
    /// Checks the parameters of a tensor: the same with canonical spelling, and defaults for those
    /// that are missing.
    ///
    /// # Errors
    /// [`StrategyError`]: an unknown parameter, a value out of its range, one that has no default.
    pub fn check_shared(
        &self,
        given: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, StrategyError> {
        Ok(Values::exactly(self.name, self.shared, given)?.into_map())
    }

    /// As [`MethodInfo::check_shared`], for the parameters of one input.
    ///
    /// # Errors
    /// As there.
    pub fn check_input(
        &self,
        given: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, StrategyError> {
        Ok(Values::exactly(self.name, self.per_input, given)?.into_map())
    }
}

/// Any finite number.
pub(super) const ANY: ParameterRange =
    ParameterRange::Number { min: -f64::MAX, above: false, max: f64::MAX };
/// A share, zero and one included.
pub(super) const PART: ParameterRange = ParameterRange::Number { min: 0.0, above: false, max: 1.0 };
/// Zero or above.
pub(super) const POSITIVE_OR_ZERO: ParameterRange =
    ParameterRange::Number { min: 0.0, above: false, max: f64::MAX };

pub(super) const fn parameter(
    name: &'static str,
    default: &'static str,
    range: ParameterRange,
    help: &'static str,
) -> ParameterInfo {
    ParameterInfo { name, default, range, help }
}

pub(crate) const DENSITY: ParameterInfo =
    parameter("density", "1", PART, "the share of elements of the difference that is kept");
pub(super) const LAMBDA: ParameterInfo =
    parameter("lambda", "1", ANY, "the factor of what is added to the base");
pub(super) const NORMALIZE: ParameterInfo =
    parameter("normalize", "true", ParameterRange::FLAG, "divide by the sum of the weights");

pub(super) const MANY: (usize, usize) = (1, usize::MAX);

pub(super) const fn method(
    names: (&'static str, &'static [&'static str]),
    summary: &'static str,
    source: &'static str,
    parameters: (&'static [ParameterInfo], &'static [ParameterInfo]),
    base: Base,
    inputs: (usize, usize),
    build: fn(&Values) -> Box<dyn AnyFormula>,
) -> MethodInfo {
    let ((name, aliases), (shared, per_input)) = (names, parameters);
    let uses_randomness = false;
    MethodInfo {
        name,
        aliases,
        summary,
        source,
        shared,
        per_input,
        base,
        inputs,
        uses_randomness,
        build,
    }
}
