//! What the crate promises to its users, through its public interface.

mod buffers;
mod byzfl;
mod errors;
mod extremes;
mod formulas;
mod golden;
mod methods;
mod methods_svd;
mod properties;
mod robust;
mod slow;
mod twins;

use std::collections::BTreeMap;

use espalier_identity::Digest;
use espalier_resolve::{Input, Plan, SelectionCache, Strategy};
use espalier_tensor::{Dtype, Model, random::Stream, write_f32};

/// Parameters from pairs.
fn parameters(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn strategy(name: &str, pairs: &[(&str, &str)]) -> Strategy {
    Strategy::new(name, &parameters(pairs)).expect("a valid strategy")
}

/// Normal values in a few tensors of one float type, and one tensor of integers.
fn seeded(seed: u32, dtype: Dtype, sizes: &[usize]) -> Model {
    let stream = Stream::new(Digest::of_content(&seed.to_le_bytes()));
    let mut start = 0;
    let mut tensors = vec![("ids".to_owned(), Dtype::I64, vec![2], vec![7; 16])];
    for (i, &n) in sizes.iter().enumerate() {
        let mut values = vec![0.0; n];
        stream.fill_normal(start, &mut values);
        start += n as u64;
        let mut bytes = vec![0; n * dtype.size()];
        write_f32(dtype, &values, &mut bytes);
        tensors.push((format!("t{i}"), dtype, vec![n as u64], bytes));
    }
    Model::from_tensors(tensors).expect("a valid model")
}

fn inputs<'a>(models: &'a [Model], weights: &[f64]) -> Vec<Input<'a>> {
    let input = |(model, &weight): (&'a Model, &f64)| Input { id: model.root(), weight, model };
    models.iter().zip(weights).map(input).collect()
}

fn plan<'a>(strategy: &'a Strategy, inputs: &[Input<'a>], base: &'a Model) -> Plan<'a> {
    let seed = Digest::of_content(b"seed");
    strategy.prepare(inputs, Some(base), seed, &SelectionCache::new()).expect("fitting inputs")
}

/// One of each strategy that works tensor by tensor, with parameters that make it do something.
const ALL: [(&str, &[(&str, &str)]); 8] = [
    ("weight-average", &[]),
    ("slerp", &[]),
    ("task-arithmetic", &[("lambda", "0.7"), ("normalize", "false")]),
    ("ties", &[("density", "0.3"), ("lambda", "1.25")]),
    ("dare-linear", &[("density", "0.4"), ("lambda", "0.9"), ("normalize", "false")]),
    ("median", &[]),
    ("trimmed-mean", &[("f", "0.25")]),
    ("trimmed-mean", &[("f", "0.2"), ("weighted", "false")]),
];

/// The same for strategies that look at the whole model first.
const ROBUST: [(&str, &[(&str, &str)]); 13] = [
    ("meamed", &[("f", "1")]),
    ("geometric-median", &[]),
    ("krum", &[("f", "1")]),
    ("multi-krum", &[("f", "1")]),
    ("mda", &[("f", "2")]),
    ("centered-clipping", &[("tau", "20")]),
    ("centered-clipping", &[("start", "core")]),
    ("caf", &[("f", "1")]),
    ("average", &[("pre", "arc+nnm"), ("f", "0.4")]),
    ("trimmed-mean", &[("pre", "nnm"), ("f", "1")]),
    ("median", &[("pre", "bucketing+nnm")]),
    ("meamed", &[("pre", "clipping+bucketing"), ("clip", "15"), ("bucket", "3")]),
    ("multi-krum", &[("pre", "clipping"), ("f", "2")]),
];

/// The same for those that merge by the formula of a recipe's method.
const FORMULAS: [(&str, &[(&str, &str)]); 17] = [
    ("dare-ties", &[("density", "0.4"), ("lambda", "0.9")]),
    ("breadcrumbs", &[("density", "0.4"), ("gamma", "0.1"), ("rescale", "true")]),
    ("breadcrumbs-ties", &[("lambda", "0.7")]),
    ("della", &[("epsilon", "0.3")]),
    ("della-linear", &[("rescale", "l1")]),
    ("sce", &[("select_topk", "0.3")]),
    ("consensus-ta", &[("lambda", "0.5")]),
    ("ram", &[("epsilon", "0.1")]),
    ("ram-plus", &[("epsilon", "0.1")]),
    ("localize-stitch", &[]),
    ("negmerge", &[]),
    ("model-stock", &[("filter_wise", "true")]),
    ("iso-c", &[]),
    ("iso-cts", &[("lambda", "1.2")]),
    ("tsv-m", &[]),
    ("star", &[]),
    ("knots", &[]),
];

/// All but those.
fn everything() -> impl Iterator<Item = (&'static str, &'static [(&'static str, &'static str)])> {
    ALL.into_iter().chain(ROBUST)
}
