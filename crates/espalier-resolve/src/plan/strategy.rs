//! A strategy with its parameters.

use core::fmt;
use std::{collections::BTreeMap, sync::Arc};

use espalier_identity::Digest;
use espalier_tensor::Model;

use super::Plan;
use crate::{
    list::find,
    parameters::{StrategyError, Values},
    policies::{
        Input, ResolveError, SelectionCache, StrategyInfo, by_tensor::AnyStrategy,
        integers::IntegerRule,
    },
};

/// A merge strategy with valid parameters.
///
/// ```
/// use espalier_resolve::Strategy;
/// let given = [("density".to_owned(), "0.30".to_owned())].into();
/// let ties = Strategy::new("ties", &given)?;
/// assert_eq!(ties.parameters()["density"], "0.3");
/// assert_eq!(ties.parameters()["lambda"], "1");
/// let error = Strategy::new("tise", &given).expect_err("misspelled");
/// assert_eq!(error.to_string(), "there is no strategy `tise` (did you mean `ties`?)");
/// # Ok::<(), espalier_resolve::StrategyError>(())
/// ```
#[derive(Clone)]
pub struct Strategy {
    info: &'static StrategyInfo,
    values: Values,
    inner: Arc<dyn AnyStrategy>,
}

impl Strategy {
    /// The strategy that answers to `name`, with `parameters` and defaults for the others.
    ///
    /// # Errors
    /// [`StrategyError`] for an unknown name (with the nearest one there is), one of recipes only,
    /// an unknown parameter or a value out of its range.
    pub fn new(name: &str, parameters: &BTreeMap<String, String>) -> Result<Self, StrategyError> {
        Self::of(find(name)?, parameters)
    }

    fn of(
        info: &'static StrategyInfo,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, StrategyError> {
        let values = Values::new(info.name, info.parameters, parameters)?;
        let inner = (info.build)(&values);
        Ok(Self { info, values, inner })
    }

    /// Its name; never an alias.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.info.name
    }

    /// Facts about it.
    #[must_use]
    pub fn info(&self) -> &'static StrategyInfo {
        self.info
    }

    /// All parameters, defaults included, each in its one canonical spelling: what the hash of a
    /// policy covers.
    #[must_use]
    pub fn parameters(&self) -> &BTreeMap<String, String> {
        self.values.as_map()
    }

    /// Whether a base model is needed: by the strategy, or by `buffers = base`.
    #[must_use]
    pub fn needs_base(&self) -> bool {
        self.info.needs_base || self.buffers() == IntegerRule::Base
    }

    /// Whether a base changes the result: of those that need one, and of robust strategies where
    /// norms matter, which take zero if there is none. A caller that merges for others must then
    /// not leave out a base that others have.
    #[must_use]
    pub fn uses_base(&self) -> bool {
        self.needs_base() || self.inner.reads_base()
    }

    /// Whether integer tensors must be identical in all models: true with `buffers = error`.
    #[must_use]
    pub fn compares_integers(&self) -> bool {
        self.buffers() == IntegerRule::Error
    }

    /// Whether the result depends on a seed, or may.
    #[must_use]
    pub fn uses_randomness(&self) -> bool {
        self.info.uses_randomness
    }

    /// The greatest number of times that an input is read.
    #[must_use]
    pub fn passes(&self) -> u8 {
        self.info.passes
    }

    /// For strategies whose result is Σ c x + `c_base` b with factors that depend on the weights
    /// only: these factors, and the base's. `None` for all others. They sum to one, up to
    /// rounding. The result itself is rounded to its element type, these are not.
    #[must_use]
    pub fn affine_coefficients(&self, weights: &[f64]) -> Option<(Vec<f64>, f64)> {
        self.inner.coefficients(weights)
    }

    /// Checks the inputs and makes the passes that come before merging.
    ///
    /// `inputs` are in canonical order; see [`canonical_order`](crate::canonical_order). `seed`
    /// matters to strategies that use randomness. A `base` that the strategy does not use still
    /// has to fit. The result is the same with any `cache`.
    ///
    /// # Errors
    /// [`ResolveError`]: no inputs, no base, a weight that is not positive, a layout that differs
    /// (naming the tensor and both sides), integers that differ and shall not. Nothing is changed.
    pub fn prepare<'a>(
        &'a self,
        inputs: &[Input<'a>],
        base: Option<&'a Model>,
        seed: Digest,
        cache: &SelectionCache,
    ) -> Result<Plan<'a>, ResolveError> {
        Plan::new(self, inputs, base, seed, cache)
    }

    pub(crate) fn inner(&self) -> &dyn AnyStrategy {
        &*self.inner
    }

    pub(crate) fn buffers(&self) -> IntegerRule {
        IntegerRule::new(self.values.word("buffers"))
    }

    pub(crate) fn values(&self) -> &Values {
        &self.values
    }
}

impl PartialEq for Strategy {
    fn eq(&self, other: &Self) -> bool {
        (self.name(), &self.values) == (other.name(), &other.values)
    }
}

impl Eq for Strategy {}

impl fmt::Debug for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Strategy({self})")
    }
}

/// The name and all parameters, as in `ties(accumulate=f32, density=0.2, …)`.
impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters: Vec<_> =
            self.parameters().iter().map(|(k, v)| format!("{k}={v}")).collect();
        write!(f, "{}({})", self.name(), parameters.join(", "))
    }
}

#[cfg(test)]
mod tests;
