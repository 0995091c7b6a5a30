//! Golden values: small computations whose bits are specified. `espalier selfcheck` recomputes
//! them; a machine that gets other values cannot take part in a federation.

use crate::config::{Churn, Clock, Config, Family, Latency, Rate, Span};
use crate::harness::simulate;
use crate::seeds::Seeds;
use crate::tensors::map_floats;
use espalier_identity::{Digest, Domain, Keypair};
use espalier_replica::{Draft, MergeState, Policy, PolicySpec, Tensors};
use espalier_resolve::{Strategy, registry};
use espalier_tensor::{Dtype, Model, kernels, random::Stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

static VECTOR: Domain = Domain::new("espalier golden vector v1");

/// A named value with its specified bits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vector {
    /// What is computed.
    pub name: String,
    /// The result, or its digest.
    pub value: String,
}

/// The specified values.
///
/// # Panics
/// Never: the embedded file is checked by a test.
#[must_use]
pub fn golden_vectors() -> Vec<Vector> {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vectors.json"));
    serde_json::from_str(text).expect("the embedded vectors parse")
}

/// The values as this machine computes them.
///
/// # Panics
/// Only if a part of Espalier fails on its own valid input.
#[must_use]
pub fn vectors() -> Vec<Vector> {
    let mut out = Vec::new();
    let mut push = |name: &str, value: String| out.push(Vector { name: name.into(), value });
    let digest = |bytes: &[u8]| VECTOR.hash(bytes).to_string();

    let key = Keypair::from_seed([7; 32]);
    push("ed25519 public key of seed 07…07", key.peer_id().to_string());
    push("ed25519 signature", key.sign(&Digest::of_content(b"espalier")).to_string());

    let stream = Stream::new(Digest::of_content(b"stream"));
    let mut draws = vec![0; 1000];
    stream.fill_u32(17, &mut draws);
    push(
        "random words 17 to 1016",
        digest(&draws.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>()),
    );
    let mut normal = vec![0.0; 1000];
    stream.fill_normal(17, &mut normal);
    push(
        "normal draws 17 to 1016",
        digest(&normal.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>()),
    );

    let models = models();
    let [a, b] = [&models[0], &models[1]];
    push("model root", a.root().to_string());
    let distance = kernels::squared_distance_blocks(a, b, 16);
    push(
        "squared distances",
        digest(&distance.iter().flat_map(|x| x.to_bits().to_le_bytes()).collect::<Vec<_>>()),
    );
    for info in registry() {
        push(&format!("merge by {}", info.name), merged(info.name, &models).root().to_string());
    }
    let methods = super::merge_vectors::merge_vectors();
    methods.into_iter().for_each(|(name, value)| push(&name, value));
    let state = federation(&models);
    push("policy hash", state.policy().hash().to_string());
    push("state hash", state.state_hash().to_string());
    push("bound root", state.bound_root().to_string());
    push("state bytes", digest(&state.to_bytes(Tensors::Inline)));
    let trust = state.trust().expect("the tensors are here");
    let trust: Vec<u8> =
        trust.values().flat_map(|trust| trust.overall().raw().to_le_bytes()).collect();
    push("trust", digest(&trust));
    push("resolved model", state.resolve().expect("something to merge").root().to_string());

    let config = Config { nodes: 5, rounds: 6, loss: 0.1, ..Config::default() };
    let report = simulate(&config, &mut |_| ControlFlow::Continue(())).expect("runs");
    push("report of a small run", digest(report.to_json().as_bytes()));
    let restless = Config {
        clock: Clock::Poisson,
        latency: Latency::LogNormal(Span(80_000), 0.6),
        bandwidth: Some(Rate(100_000)),
        churn: Some(Churn::Poisson { leave: 0.1, join: 0.5 }),
        crash: 0.1,
        duplicate: 0.1,
        reorder: 0.2,
        model: Family::Synthetic(vec![32]),
        ..config
    };
    let report = simulate(&restless, &mut |_| ControlFlow::Continue(())).expect("runs");
    push("event log in virtual time", report.summary.event_log.to_string());
    out
}

/// Six models: a base and five seeded neighbours, in f32 and bf16.
fn models() -> Vec<Model> {
    let seeds = Seeds(20_260);
    let base: Vec<f32> = {
        let mut dice = seeds.rng("vectors", 0);
        (0..6_000).map(|_| dice.normal() as f32).collect()
    };
    let bytes: Vec<u8> = base.iter().flat_map(|x| x.to_le_bytes()).collect();
    let half: Vec<u8> = base[..500].iter().flat_map(|x| x.to_le_bytes()[2..].to_vec()).collect();
    let base = Model::from_tensors(vec![
        ("a".into(), Dtype::F32, vec![60, 100], bytes),
        ("b".into(), Dtype::Bf16, vec![500], half),
    ])
    .expect("sizes that fit");
    let neighbour = |i: u64| {
        let mut dice = seeds.rng("vectors", i);
        map_floats(&base, None, |values, _| {
            values.iter_mut().for_each(|x| *x += 0.1 * dice.normal());
        })
    };
    std::iter::once(base.clone()).chain((1..6).map(neighbour)).collect()
}

fn merged(strategy: &str, models: &[Model]) -> Model {
    let strategy = Strategy::new(strategy, &BTreeMap::new()).expect("registered");
    let mut inputs: Vec<_> = models[1..]
        .iter()
        .zip([1.0, 2.0, 0.5, 1.5, 1.0])
        .map(|(model, weight)| espalier_resolve::Input { id: model.root(), weight, model })
        .collect();
    espalier_resolve::canonical_order(&mut inputs);
    let seed = Digest::of_content(b"vectors");
    let plan = strategy.prepare(&inputs, Some(&models[0]), seed, &Default::default());
    plan.and_then(|plan| plan.model()).expect("inputs that fit, of moderate size")
}

/// A state with five contributions and a retraction.
fn federation(models: &[Model]) -> MergeState {
    let keys: Vec<_> = (1..6_u8).map(|i| Keypair::from_seed([i; 32])).collect();
    let spec = PolicySpec {
        base: Some(models[0].root()),
        roster: keys.iter().map(Keypair::peer_id).collect(),
        ..PolicySpec::any_schema()
    };
    let mut state = MergeState::new(Policy::new(spec).expect("a valid policy"));
    state.arena().put_model(models[0].clone());
    for (key, model) in keys.iter().zip(&models[1..]) {
        state.add(key, Draft::new("vector", model.clone())).expect("a valid contribution");
    }
    let dot = state.visible().next().expect("five").op().op().dot();
    let author = keys.iter().find(|key| key.peer_id() == dot.actor).expect("one of the keys");
    state.retract(author, dot).expect("its own");
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixture_vectors_are_what_this_machine_computes() {
        let mut json = serde_json::to_string_pretty(&vectors()).expect("writes");
        json.push('\n');
        espalier_testkit::check_fixture("vectors.json", &json);
    }
}
