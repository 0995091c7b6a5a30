//! Merge strategies: pure functions of ordered, weighted models.
//!
//! A *strategy* is what a policy or a flag names; the YAML of a recipe calls it a *method*.
//! [`strategies`] lists all names, with what each is in policies and in recipes.
//!
//! A [`Strategy`] is a name with parameters. [`Strategy::prepare`] checks that the inputs fit
//! together, makes the selecting passes if the strategy has any, and gives a [`Plan`]; the plan
//! computes the merged model in blocks, as a whole, as a hash or straight into a file.
//!
//! What is fixed so that every replica gets the same bits:
//!
//! * Inputs stand in canonical order, by content ([`canonical_order`]). Sums are left folds in
//!   that order, without fused multiply-add, in f32 or (`accumulate = f64`, and always for tensors
//!   stored as f64) in f64. There is one rounding, to the output's element type, which is the
//!   inputs' own or the parameter `dtype`.
//! * Weights are positive. Strategies that divide by Σ w compute with weights that are scaled by
//!   a power of two, which changes no bit; equal weights count as 1, and weights below 2⁻⁶⁰ of
//!   the largest count as that.
//! * Byzantine-robust strategies (median, Krum, …) look at the whole model as one vector per
//!   input. How many liars they expect is the parameter `f`, what is done before them `pre`.
//! * Random masks depend on the seed, the contribution's content, the tensor and the element.
//! * Tensors of integers are no strategy's business: the parameter `buffers` says whether they
//!   must be the same in all models, are the base's, or are averaged exactly.
//! * A tensor that all inputs hold alike is the result of every mean, median and selection of
//!   models, bit for bit: no sum is rounded.
//! * NaN and infinities are for the caller to keep out. Every merged element is finite, or an
//!   error names it. Where plain arithmetic overflows on the way to a finite result, the element
//!   is computed again in f64, and in a wider range by strategies that have no formula of recipes.
//! * Memory is bounded by a few blocks for each thread. Strategies that decompose matrices
//!   (`iso-c`, `iso-cts`, `tsv-m`, `star`, `knots`) hold the differences of all inputs in one
//!   tensor.
//!
//! [`methods`](mod@methods) are for recipes: they merge one tensor at a time, with parameters for
//! each input, and some of them are strategies of policies by the same formula.
//!
//! Inside, bottom up: `methods` has the formulas of recipes and what they compute with; `policies`
//! what strategies of policies share, `robust` what the Byzantine-robust ones share; `strategies`
//! has one file for each strategy of policies, and the bridge to the formulas of recipes; `list`
//! has all names; and `plan` merges.
//!
//! This crate knows no replicas, no signatures, no trust and no network.
//!
//! ```
//! use espalier_identity::Digest;
//! use espalier_resolve::{Input, SelectionCache, Strategy, canonical_order};
//! use espalier_tensor::Model;
//!
//! let base = Model::from_f32(&[("w", &[4], &[0.0; 4])])?;
//! let a = Model::from_f32(&[("w", &[4], &[4.0, 0.1, -3.0, 0.0])])?;
//! let b = Model::from_f32(&[("w", &[4], &[2.0, 0.2, 5.0, 0.0])])?;
//! let mut inputs = [&a, &b].map(|model| Input { id: model.root(), weight: 1.0, model });
//! canonical_order(&mut inputs);
//!
//! let strategy = Strategy::new("ties", &[("density".into(), "0.5".into())].into())?;
//! let plan = strategy.prepare(&inputs, Some(&base), Digest::ZERO, &SelectionCache::new())?;
//! let merged = plan.model()?;
//! assert_eq!(merged.values_f32("w"), Some(vec![3.0, 0.0, 5.0, 0.0]));
//! assert_eq!(plan.hash()?, merged.manifest);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod list;
pub mod methods;
mod parameters;
mod plan;
mod policies;
mod real;
mod robust;
mod strategies;
mod threshold;

pub use crate::{
    list::{StrategyEntry, find_method, find_strategy, methods, registry, strategies},
    parameters::{ParameterInfo, ParameterRange, StrategyError},
    plan::{Plan, Strategy},
    policies::{
        Input, MergeWriteError, Note, ResolveError, SelectionCache, StrategyInfo, canonical_order,
    },
};

// What the examples and most callers need besides this crate.
pub use espalier_identity as identity;
pub use espalier_tensor as tensor;

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
