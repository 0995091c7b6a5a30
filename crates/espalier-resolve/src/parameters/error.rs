//! What can be wrong with the name or the parameters of a strategy.

use espalier_blame::{Blame, did_you_mean};

use super::ParameterRange;

/// A strategy cannot be built: the caller's fault. Nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StrategyError {
    /// There is no strategy of this name.
    #[error("there is no strategy `{name}`{}", did_you_mean(*.suggestion))]
    Unknown {
        /// The name or value that was asked for.
        name: String,
        /// The strategy whose name is nearest, if one is near.
        suggestion: Option<&'static str>,
    },
    /// The strategy works in recipes only, or in policies only.
    #[error("`{name}` works in {only} only: {reason}")]
    Elsewhere {
        /// The strategy.
        name: &'static str,
        /// Where it works.
        only: &'static str,
        /// Why not here.
        reason: &'static str,
    },
    /// The strategy has no parameter of this name.
    #[error(
        "`{strategy}` has no parameter `{parameter}`{}; it has: {known}",
        did_you_mean(*.suggestion)
    )]
    UnknownParameter {
        /// The strategy.
        strategy: &'static str,
        /// What was given.
        parameter: String,
        /// The parameter whose name is nearest, if one is near.
        suggestion: Option<&'static str>,
        /// All parameters that the strategy has.
        known: String,
    },
    /// A parameter's value is not in its range.
    #[error("`{parameter} = {value}` is not valid for `{strategy}`; it must be {range}")]
    Range {
        /// The strategy.
        strategy: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// What was given.
        value: String,
        /// The values that are allowed.
        range: ParameterRange,
    },
    /// A parameter that has no default is not given.
    #[error("`{strategy}` needs a value for `{parameter}`")]
    Missing {
        /// The strategy.
        strategy: &'static str,
        /// The parameter.
        parameter: &'static str,
    },
}

impl StrategyError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "strategy-unknown",
            Self::Elsewhere { .. } => "strategy-elsewhere",
            Self::UnknownParameter { .. } => "strategy-parameter",
            Self::Range { .. } => "strategy-range",
            Self::Missing { .. } => "strategy-missing",
        }
    }
}
