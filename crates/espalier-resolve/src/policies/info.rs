//! What is known of a strategy before it is used.

use std::sync::Arc;

use super::by_tensor::AnyStrategy;
use crate::parameters::{ParameterInfo, Values};

/// Facts about a strategy that are needed before using it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct StrategyInfo {
    /// The strategy's name.
    pub name: &'static str,
    /// Other names it answers to.
    pub aliases: &'static [&'static str],
    /// What it computes, in a line.
    pub summary: &'static str,
    /// The publication that it comes from.
    pub source: &'static str,
    /// Its own parameters. Every strategy also has `accumulate`, `dtype` and `buffers`.
    pub parameters: &'static [ParameterInfo],
    /// Whether it merges differences from a base model.
    pub needs_base: bool,
    /// Whether its result depends on a seed, or may with some parameters: that of robust
    /// strategies does where `pre` names `bucketing`.
    pub uses_randomness: bool,
    /// Whether weights change the result.
    pub uses_weights: bool,
    /// How often it reads every input at most. Robust strategies read once for each of what
    /// they need: norms, products, the merge.
    pub passes: u8,
    pub(crate) build: fn(&Values) -> Arc<dyn AnyStrategy>,
}
