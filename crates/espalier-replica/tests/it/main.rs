//! What the replica promises, through its public interface: joins, deltas, removal, evidence,
//! trust, codecs, gossip, provenance. Histories are random and half of the authors may lie.

mod announce;
mod codec;
mod crowds;
mod deltas;
mod driver;
mod equal_outcomes;
mod evidence;
mod fixtures;
mod gain;
mod gossip;
mod guilt;
mod histories;
mod hostile;
mod intervals;
mod joins;
mod majority;
mod memory;
mod naive;
mod overlap;
mod pack;
mod provenance;
mod recovery;
mod refusals;
mod relays;
mod removal;
mod repair;
mod resolve;
mod retraining;
mod roster;
mod rounds;

use espalier_identity::{Keypair, PeerId};
use espalier_lattice::Dot;
use espalier_replica::{
    Arena, Body, Bound, ChangeError, Contribution, Draft, MergeState, Policy, PolicySpec, SignedOp,
    Weight,
};
use espalier_tensor::{Dtype, Model};
use espalier_testkit::Dice;
use espalier_testkit::alloc::CountingAllocator;
use proptest::test_runner::Config;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The key of author `i`, always the same.
fn key(i: u8) -> Keypair {
    Keypair::from_seed([i + 1; 32])
}

/// A policy with a roster of `n` authors; 0 admits everybody.
fn policy(n: u8) -> Policy {
    let roster = (0..n).map(|i| key(i).peer_id()).collect();
    Policy::new(PolicySpec { roster, ..PolicySpec::any_schema() }).expect("a legal policy")
}

/// A model of two numbers.
fn model(x: f32, y: f32) -> Model {
    Model::from_f32(&[("w", &[2], &[x, y])]).expect("a legal model")
}

/// A model of one number and one integer tensor.
fn counted(x: f32, n: u8) -> Model {
    let float = ("w".to_owned(), Dtype::F32, vec![1], x.to_le_bytes().to_vec());
    let integer = ("n".to_owned(), Dtype::I64, vec![1], vec![n; 8]);
    Model::from_tensors(vec![float, integer]).expect("legal")
}

/// Adds a model under `key`: one that nobody else has contributed, as near to (x, −x) as may be.
fn add(state: &mut MergeState, key: &Keypair, x: f32) -> SignedOp {
    if !x.is_finite() {
        return force(state, key, model(x, -x));
    }
    let near = |nudge| model(x, f32::from_bits((-x).to_bits() + nudge));
    let mut add = |nudge| match state.add(key, Draft::new("model", near(nudge))) {
        Err(ChangeError::Copy { .. }) => None,
        added => Some(added.expect("legal")),
    };
    let delta = (0..).find_map(&mut add).expect("there are enough floats");
    delta.ops().next().expect("one operation").signed().clone()
}

/// Contributes a model that no honest author would.
fn force(state: &mut MergeState, key: &Keypair, model: Model) -> SignedOp {
    let body = Body::Contribute(contribution(&model, 0, Vec::new()));
    state.arena().put_model(model);
    say(state, key, body)
}

/// Signs whatever is asked, at the place the state says, and takes it in.
fn say(state: &mut MergeState, key: &Keypair, body: Body) -> SignedOp {
    let op = state.next_op(key.peer_id(), body).sign(key);
    state.apply(vec![op.clone()]).expect("well formed");
    op
}

/// A contribution as it is signed.
fn contribution(model: &Model, round: u64, replaces: Vec<Dot<PeerId>>) -> Contribution {
    Contribution {
        name: "model".into(),
        weight: Weight::ONE,
        manifest: model.manifest.clone(),
        bound: bound(model),
        base: None,
        round,
        replaces,
    }
}

/// The bound that an honest author signs with a model, and the greatest one with what is none.
fn bound(model: &Model) -> Bound {
    Bound::covering(Arena::default().magnitude(model)).unwrap_or(Bound::MAX)
}

/// All operations of a state, as they are sent.
fn signed(state: &MergeState) -> Vec<SignedOp> {
    state.ops().map(|op| op.signed().clone()).collect()
}

/// The number of random cases, without files for those that failed.
fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}
