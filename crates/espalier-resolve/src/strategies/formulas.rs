//! Strategies that merge by the formula of a recipe's method: which parameters they have in a
//! policy.
//!
//! A parameter whose default differs from that of recipes has a reason: a density of 1 drops
//! nothing, and a federation of many parties adds up too much unless sums are divided.

use std::sync::Arc;

use super::{LAMBDA, NORMALIZE, RANDOM_DENSITY, bridge::bridge};
use crate::{
    methods::{self, MethodInfo, consensus, negmerge, ram, spectral, stitch},
    parameters::{ParameterInfo, ParameterRange, Values},
    policies::{StrategyInfo, by_tensor::AnyStrategy},
};

/// What only some of these strategies have; see [`StrategyInfo`].
struct Facts {
    uses_weights: bool,
    passes: u8,
}

const fn weighted(passes: u8) -> Facts {
    Facts { uses_weights: true, passes }
}

const fn unweighted(passes: u8) -> Facts {
    Facts { uses_weights: false, passes }
}

/// The entry of a method that merges differences from a base, as all of these do.
const fn formula(
    method: &'static MethodInfo,
    parameters: &'static [ParameterInfo],
    Facts { uses_weights, passes }: Facts,
    build: fn(&Values) -> Arc<dyn AnyStrategy>,
) -> StrategyInfo {
    StrategyInfo {
        name: method.name,
        aliases: method.aliases,
        summary: method.summary,
        source: method.source,
        parameters,
        needs_base: true,
        uses_randomness: method.uses_randomness,
        uses_weights,
        passes,
        build,
    }
}

/// The same parameter with another default.
const fn with_default(parameter: ParameterInfo, default: &'static str) -> ParameterInfo {
    ParameterInfo { default, ..parameter }
}

/// The same with another range as well: that of λ in policies.
const fn factor(parameter: ParameterInfo) -> ParameterInfo {
    ParameterInfo { default: "1", range: ParameterRange::FACTOR, ..parameter }
}

/// The share that is kept by magnitude, of which Davari and Belilovsky keep a seventh.
const MIDDLE_DENSITY: ParameterInfo =
    ParameterInfo { range: ParameterRange::SHARE, ..with_default(methods::DENSITY, "0.15") };
/// As that of `ties`.
const LARGEST_DENSITY: ParameterInfo = with_default(MIDDLE_DENSITY, "0.2");

pub(crate) static DARE_TIES: StrategyInfo = formula(
    &methods::DARE_TIES,
    &[RANDOM_DENSITY, LAMBDA, NORMALIZE, methods::UNBIASED],
    weighted(2),
    |values| bridge(&methods::DARE_TIES, values),
);

pub(crate) static BREADCRUMBS: StrategyInfo = formula(
    &methods::BREADCRUMBS,
    &[MIDDLE_DENSITY, methods::GAMMA, LAMBDA, NORMALIZE, methods::RESCALE],
    weighted(3),
    |values| bridge(&methods::BREADCRUMBS, values),
);

pub(crate) static BREADCRUMBS_TIES: StrategyInfo = formula(
    &methods::BREADCRUMBS_TIES,
    &[MIDDLE_DENSITY, methods::GAMMA, LAMBDA, NORMALIZE, methods::RESCALE],
    weighted(3),
    |values| bridge(&methods::BREADCRUMBS_TIES, values),
);

pub(crate) static DELLA: StrategyInfo = formula(
    &methods::DELLA,
    &[RANDOM_DENSITY, methods::EPSILON, LAMBDA, NORMALIZE, methods::UNBIASED],
    weighted(2),
    |values| bridge(&methods::DELLA, values),
);

pub(crate) static DELLA_LINEAR: StrategyInfo = formula(
    &methods::DELLA_LINEAR,
    &[RANDOM_DENSITY, methods::EPSILON, LAMBDA, NORMALIZE, methods::UNBIASED],
    weighted(2),
    |values| bridge(&methods::DELLA_LINEAR, values),
);

pub(crate) static MODEL_STOCK: StrategyInfo =
    formula(&methods::MODEL_STOCK, methods::MODEL_STOCK.shared, unweighted(2), |values| {
        bridge(&methods::MODEL_STOCK, values)
    });

pub(crate) static SCE: StrategyInfo =
    formula(&methods::SCE, methods::SCE.shared, unweighted(4), |values| {
        bridge(&methods::SCE, values)
    });

pub(crate) static CONSENSUS_TA: StrategyInfo = formula(
    &consensus::INFO,
    &[factor(consensus::LAMBDA), consensus::K, consensus::THRESHOLD, NORMALIZE],
    unweighted(1),
    |values| bridge(&consensus::INFO, values),
);

pub(crate) static RAM: StrategyInfo =
    formula(&ram::RAM, ram::RAM.shared, unweighted(1), |values| bridge(&ram::RAM, values));

pub(crate) static RAM_PLUS: StrategyInfo =
    formula(&ram::RAM_PLUS, ram::RAM_PLUS.shared, unweighted(2), |values| {
        bridge(&ram::RAM_PLUS, values)
    });

pub(crate) static NEGMERGE: StrategyInfo =
    formula(&negmerge::INFO, &[factor(negmerge::LAMBDA)], unweighted(1), |values| {
        bridge(&negmerge::INFO, values)
    });

pub(crate) static LOCALIZE_STITCH: StrategyInfo =
    formula(&stitch::INFO, stitch::INFO.per_input, unweighted(2), |values| {
        bridge(&stitch::INFO, values)
    });

pub(crate) static ISO_C: StrategyInfo =
    formula(&spectral::ISO_C, &[LAMBDA, NORMALIZE], weighted(2), |values| {
        bridge(&spectral::ISO_C, values)
    });

pub(crate) static ISO_CTS: StrategyInfo =
    formula(&spectral::ISO_CTS, &[LAMBDA, spectral::COMMON, NORMALIZE], weighted(2), |values| {
        bridge(&spectral::ISO_CTS, values)
    });

pub(crate) static TSV_M: StrategyInfo =
    formula(&spectral::TSV_M, &[LAMBDA, NORMALIZE], weighted(2), |values| {
        bridge(&spectral::TSV_M, values)
    });

pub(crate) static STAR: StrategyInfo =
    formula(&spectral::STAR, &[LAMBDA, spectral::ETA], weighted(2), |values| {
        bridge(&spectral::STAR, values)
    });

pub(crate) static KNOTS: StrategyInfo =
    formula(&spectral::KNOTS, &[LARGEST_DENSITY, LAMBDA, NORMALIZE], weighted(2), |values| {
        bridge(&spectral::KNOTS, values)
    });
