//! The list of strategies.

use std::sync::Arc;

use crate::{ParameterInfo, method::AnyMethod, parameters::Values, strategies};

/// Facts about a strategy that are needed before using it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct StrategyInfo {
    /// Its name.
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
    pub(crate) build: fn(&Values) -> Arc<dyn AnyMethod>,
}

static REGISTRY: [StrategyInfo; 15] = [
    strategies::weight_average::INFO,
    strategies::slerp::INFO,
    strategies::task_arithmetic::INFO,
    strategies::ties::INFO,
    strategies::dare_linear::INFO,
    strategies::median::INFO,
    strategies::trimmed_mean::INFO,
    strategies::meamed::INFO,
    strategies::geometric_median::INFO,
    strategies::krum::KRUM,
    strategies::krum::MULTI_KRUM,
    strategies::mda::INFO,
    strategies::centered_clipping::INFO,
    strategies::caf::INFO,
    strategies::average::INFO,
];

/// All strategies.
///
/// ```
/// let names: Vec<_> = espalier_resolve::registry().iter().map(|info| info.name).collect();
/// assert!(names.contains(&"ties"));
/// ```
#[must_use]
pub fn registry() -> &'static [StrategyInfo] {
    &REGISTRY
}

/// The strategy that answers to `name`. Case and the difference of `-` and `_` do not matter.
pub(crate) fn find(name: &str) -> Option<&'static StrategyInfo> {
    let name = name.trim().to_ascii_lowercase().replace('_', "-");
    REGISTRY.iter().find(|info| info.name == name || info.aliases.contains(&name.as_str()))
}

/// The candidate that `name` is probably a misspelling of.
pub(crate) fn nearest(
    name: &str,
    candidates: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    const NEAR: f64 = 0.7;
    // Hostile names may be long; comparing is quadratic.
    let name: String = name.chars().take(64).collect::<String>().to_ascii_lowercase();
    candidates
        .map(|candidate| (strsim::jaro_winkler(&name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

pub(crate) fn nearest_strategy(name: &str) -> Option<&'static str> {
    nearest(name, REGISTRY.iter().flat_map(|i| i.aliases.iter().copied().chain([i.name])))
}
