//! Liars who break the protocol, as behaviours around real replicas. What they sign they sign with
//! their own keys, and what they send travels as frames like everybody else's.

pub(super) mod amnesia;
pub(super) mod copy;
pub(super) mod equivocation;
pub(super) mod equivocation_relayed;
pub(super) mod erratic;
pub(super) mod flood;
pub(super) mod forged_nan;
pub(super) mod future_round;
pub(super) mod overweight;
pub(super) mod payload_mismatch;
pub(super) mod praise;
pub(super) mod replay;
pub(super) mod retract_others;
pub(super) mod silent;
pub(super) mod slander;
pub(super) mod vote_down;
pub(super) mod withhold;

use super::Attack;
use crate::node::Node;
use crate::node::behaviour::Behaviour;
use espalier_identity::PeerId;
use espalier_replica::{Body, Bound, ChangeError, Contribution, Draft, Entry, MergeState, Weight};
use espalier_tensor::Model;
use espalier_topology::Network;

/// The liars of one attack, by node number.
#[derive(Debug)]
pub(crate) struct Gang {
    pub(crate) members: Vec<usize>,
    /// Whom they are after, if they are after somebody.
    pub(crate) victim: usize,
    /// The number of rounds of the run.
    pub(crate) rounds: u32,
}

/// A liar, and what it knows when it makes up its mind.
#[derive(Debug)]
pub(super) struct Liar<'a> {
    pub(super) attack: Attack,
    /// Its number among the nodes.
    pub(super) node: usize,
    pub(super) gang: &'a Gang,
    pub(super) network: &'a Network,
}

impl Liar<'_> {
    /// Half of the rounds of the run.
    fn half_time(&self) -> u32 {
        self.gang.rounds / 2
    }
}

/// A liar that follows the protocol.
#[derive(Debug)]
pub(super) struct Dutiful;

impl Behaviour for Dutiful {}

/// Signs whatever its tensors are.
#[derive(Debug)]
pub(super) struct Reckless;

impl Behaviour for Reckless {
    fn contribute(
        &mut self,
        node: &mut Node,
        draft: Draft,
        base: Option<&Model>,
    ) -> Result<(), ChangeError> {
        let Draft { name, weight, model, round, .. } = draft;
        node.state().arena().put_model(model.clone());
        let weight = Weight::new(weight).unwrap_or(Weight::ONE);
        let manifest = model.manifest.clone();
        let (bound, base, replaces) = (Bound::MAX, base.map(Model::root), Vec::new());
        let body = Contribution { name, weight, manifest, bound, base, round, replaces };
        sign(node, Body::Contribute(body))
    }
}

/// Signs whatever it is as the node's next operation, on every face.
fn sign(node: &mut Node, body: Body) -> Result<(), ChangeError> {
    node.say(|state: &mut MergeState, key| {
        let op = state.next_op(key.peer_id(), body.clone()).sign(key);
        state.apply(vec![op]).expect("its own next operation");
        Ok(())
    })
}

/// The visible contribution of an author.
fn visible<'a>(state: &'a MergeState, author: &PeerId) -> Option<&'a Entry> {
    state.visible().find(|entry| entry.op().op().author == *author).map(|entry| &**entry)
}
