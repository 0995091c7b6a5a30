//! The rules a grid compares with: robust aggregators that are told how many liars there are.

use espalier_identity::Digest;
use espalier_resolve::{Input, SelectionCache, Strategy, canonical_order};
use espalier_tensor::Model;
use std::collections::BTreeMap;

/// A rule: its label, the strategy, and parameters; `f` is added.
const RULES: [(&str, &str, &[(&str, &str)]); 12] = [
    ("median", "median", &[]),
    ("trimmed-mean", "trimmed-mean", &[]),
    ("geometric-median", "geometric-median", &[]),
    ("krum", "krum", &[]),
    ("multi-krum", "multi-krum", &[]),
    ("meamed", "meamed", &[]),
    ("centered-clipping", "centered-clipping", &[]),
    ("caf", "caf", &[]),
    ("nnm + trimmed-mean", "trimmed-mean", &[("pre", "nnm")]),
    ("nnm + geometric-median", "geometric-median", &[("pre", "nnm")]),
    ("nnm + median", "median", &[("pre", "nnm")]),
    ("nnm + multi-krum", "multi-krum", &[("pre", "nnm")]),
];

/// The rules a grid compares with, in the order of the report.
pub fn rule_names() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(name, ..)| *name)
}

/// What each rule makes of these models, `f` of which are liars'; without those that do not take
/// so many.
pub(super) fn apply(
    models: &[(Digest, &Model)],
    base: Option<&Model>,
    f: usize,
) -> Vec<(&'static str, Model)> {
    let input = |&(id, model): &(Digest, _)| Input { id, weight: 1.0, model };
    let mut inputs: Vec<Input<'_>> = models.iter().map(input).collect();
    canonical_order(&mut inputs);
    let merge = |(label, name, parameters): &(&'static str, &str, &[(&str, &str)])| {
        let mut given: BTreeMap<String, String> =
            parameters.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        if *name != "median" || !parameters.is_empty() {
            given.insert("f".into(), f.to_string());
        }
        let strategy = Strategy::new(name, &given).ok()?;
        let cache = SelectionCache::new();
        let plan = strategy.prepare(&inputs, base, Digest::ZERO, &cache).ok()?;
        Some((*label, plan.model()))
    };
    RULES.iter().filter_map(merge).collect()
}
