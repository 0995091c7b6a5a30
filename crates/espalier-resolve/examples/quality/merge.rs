//! The methods that are compared, and how networks become tensors for them.

use espalier_identity::Digest;
use espalier_resolve::find_method;
use espalier_resolve::methods::{Base, Job, MethodInfo, Row, Working};
use espalier_tensor::Dtype;
use std::{collections::BTreeMap, sync::Mutex};

use crate::network::{Layer, Network};

/// Parameters, by the names of the registry.
type Pairs = &'static [(&'static str, &'static str)];

/// Methods that take any number of models, with the parameters of their papers or some near them. λ
/// is 1 while merging.
const CANDIDATES: &[(&str, Pairs, Pairs)] = &[
    ("weight-average", &[], &[("weight", "1")]),
    ("multislerp", &[], &[("weight", "1")]),
    ("karcher", &[], &[]),
    ("model-stock", &[], &[]),
    ("sce", &[("select_topk", "0.1")], &[]),
    ("task-arithmetic", &[], &[("weight", "1")]),
    ("ties", &[], &[("weight", "1"), ("density", "0.2")]),
    ("dare-linear", &[], &[("weight", "1"), ("density", "0.2")]),
    ("dare-ties", &[], &[("weight", "1"), ("density", "0.2")]),
    ("della", &[], &[("weight", "1"), ("density", "0.3")]),
    ("della-linear", &[], &[("weight", "1"), ("density", "0.3")]),
    ("breadcrumbs", &[], &[("weight", "1"), ("density", "0.15"), ("gamma", "0.007")]),
    ("breadcrumbs-ties", &[], &[("weight", "1"), ("density", "0.15"), ("gamma", "0.007")]),
    ("iso-c", &[], &[]),
    ("iso-cts", &[("common_space_fraction", "0.8")], &[]),
    ("iso-cts", &[("common_space_fraction", "0.95")], &[]),
    ("tsv-m", &[], &[]),
    ("star", &[("eta", "0.4")], &[]),
    ("star", &[("eta", "0.8")], &[]),
    ("knots", &[], &[("density", "0.2")]),
    ("knots", &[], &[("density", "0.5")]),
];

/// A method with its parameters.
pub(crate) struct Candidate {
    method: &'static MethodInfo,
    given: [Pairs; 2],
}

pub(crate) fn candidates() -> impl Iterator<Item = Candidate> {
    CANDIDATES.iter().map(|&(name, shared, per_input)| Candidate {
        method: find_method(name).expect("a method of the registry"),
        given: [shared, per_input],
    })
}

fn map(pairs: Pairs) -> BTreeMap<String, String> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl Candidate {
    pub(crate) fn name(&self) -> &'static str {
        self.method.name
    }

    /// Those that are not equal weights.
    pub(crate) fn parameters(&self) -> String {
        let [shared, per_input] = self.given;
        let all = shared.iter().chain(per_input).filter(|(name, _)| *name != "weight");
        let texts: Vec<String> = all.map(|(name, value)| format!("{name} {value}")).collect();
        texts.join(", ")
    }

    /// Whether it has a factor λ.
    pub(crate) fn scales(&self) -> bool {
        self.method.shared.iter().any(|parameter| parameter.name == "lambda")
    }

    /// Merges with λ = 1. The last layer is the same in all and so in the result.
    pub(crate) fn merge(&self, base: &Network, tuned: &[Network]) -> Network {
        let mut merged = base.clone();
        let hidden = base.layers.len() - 1;
        for (depth, layer) in merged.layers[..hidden].iter_mut().enumerate() {
            let of = |network: &Network| network.layers[depth].clone();
            let (base, tuned): (_, Vec<Layer>) = (of(base), tuned.iter().map(of).collect());
            let (outputs, count) = (base.bias.len() as u64, base.weights.len() as u64);
            let matrices: Vec<Vec<f32>> = tuned.iter().map(Layer::by_output).collect();
            let biases: Vec<Vec<f32>> = tuned.iter().map(|layer| layer.bias.clone()).collect();
            let name = |kind: &str| format!("hidden.{depth}.{kind}");
            let shape = [outputs, count / outputs];
            let weights = self.tensor(&name("weight"), &shape, &base.by_output(), &matrices);
            let bias = self.tensor(&name("bias"), &[outputs], &base.bias, &biases);
            *layer = Layer::from_output(&weights, bias);
        }
        merged
    }

    fn tensor(&self, name: &str, shape: &[u64], base: &[f32], inputs: &[Vec<f32>]) -> Vec<f32> {
        let bytes = |values: &[f32]| -> Vec<u8> {
            values.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
        let [shared, per_input] = self.given.map(map);
        let shared = self.method.check_shared(&shared).expect("valid parameters");
        let per_input = self.method.check_input(&per_input).expect("valid parameters");
        let (base, none) = (bytes(base), BTreeMap::new());
        let inputs: Vec<Vec<u8>> = inputs.iter().map(|values| bytes(values)).collect();
        let row = |source, parameters| Row { source, dtype: Dtype::F32, parameters };
        let job = Job {
            method: self.method,
            shared: &shared,
            name,
            shape,
            inputs: inputs.iter().map(|source| row(source, &per_input)).collect(),
            base: (self.method.base == Base::Required).then(|| row(&base, &none)),
            working: Working::F32,
            out: Dtype::F32,
            seed: Digest::of_content(b"espalier quality masks"),
        };
        let out = Mutex::new(vec![0; base.len()]);
        job.run(&|start, bytes| {
            let start = start as usize;
            out.lock().expect("no panic")[start..start + bytes.len()].copy_from_slice(bytes);
            Ok(())
        })
        .expect("finite tensors merge");
        let out = out.into_inner().expect("no panic");
        out.as_chunks().0.iter().map(|&value| f32::from_le_bytes(value)).collect()
    }
}
