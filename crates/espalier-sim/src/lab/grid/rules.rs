//! The rules a grid compares with: robust aggregators that are told how many liars there are.

use espalier_identity::Digest;
use espalier_resolve::{Input, SelectionCache, Strategy, canonical_order};
use espalier_tensor::Model;
use std::collections::BTreeMap;

/// A rule: its label, the strategy, and what is done before it.
const RULES: [(&str, &str, Option<&str>); 12] = [
    ("median", "median", None),
    ("trimmed-mean", "trimmed-mean", None),
    ("geometric-median", "geometric-median", None),
    ("krum", "krum", None),
    ("multi-krum", "multi-krum", None),
    ("meamed", "meamed", None),
    ("centered-clipping", "centered-clipping", None),
    ("caf", "caf", None),
    ("nnm + trimmed-mean", "trimmed-mean", Some("nnm")),
    ("nnm + geometric-median", "geometric-median", Some("nnm")),
    ("nnm + median", "median", Some("nnm")),
    ("nnm + multi-krum", "multi-krum", Some("nnm")),
];

/// The rules a grid compares with, in the order of the report.
pub fn rule_names() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(name, ..)| *name)
}

/// What each rule makes of these models, `f` of which are liars'; without the rules that do not
/// tolerate that many, or whose result has a non-finite element.
pub(super) fn apply(
    models: &[(Digest, &Model)],
    base: Option<&Model>,
    f: usize,
) -> Vec<(&'static str, Model)> {
    let input = |&(id, model): &(Digest, _)| Input { id, weight: 1.0, model };
    let mut inputs: Vec<Input<'_>> = models.iter().map(input).collect();
    canonical_order(&mut inputs);
    let merge = |&(label, name, before): &(&'static str, &str, Option<&str>)| {
        let mut given = BTreeMap::from([("f".to_owned(), f.to_string())]);
        given.extend(before.map(|before| ("pre".to_owned(), before.to_owned())));
        let strategy = Strategy::new(name, &given).ok()?;
        let cache = SelectionCache::new();
        let plan = strategy.prepare(&inputs, base, Digest::ZERO, &cache).ok()?;
        Some((label, plan.model().ok()?))
    };
    RULES.iter().filter_map(merge).collect()
}
