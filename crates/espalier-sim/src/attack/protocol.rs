//! Liars who break the protocol, as behaviours around real replicas. What they sign they sign with
//! their own keys, and what they send travels as frames like everybody else's.

use super::{Attack, flipped};
use crate::behaviour::{Behaviour, Turn};
use crate::world::Node;
use espalier_lattice::Dot;
use espalier_replica::{Body, ChangeError, Draft, Effect, MergeState, Replica, SignedOp};
use espalier_tensor::Model;
use espalier_topology::Network;
use espalier_trust::{Dimension, Q16};
use std::collections::{BTreeSet, VecDeque};

/// By how much `overweight` exaggerates.
const WEIGHT: f64 = 1000.0;
/// How far ahead of its time `future-round` is.
const ROUNDS: u64 = 1_000_000;
/// How many old frames `replay` keeps, and how many it adds to an exchange.
const KEPT: usize = 64;
const REPLAYED: usize = 4;
/// How many operations of each kind `flood` signs in a round.
const FLOOD: u64 = 8;
/// When `amnesia` loses its memory.
const FORGETS: u32 = 5;

/// The liars of one attack, by node number.
#[derive(Debug)]
pub(crate) struct Gang {
    pub(crate) members: Vec<usize>,
    /// Whom they are after, if they are after somebody.
    pub(crate) victim: usize,
    /// How many rounds the run has.
    pub(crate) rounds: u32,
}

impl Attack {
    /// How `node`, a liar of this attack, behaves.
    pub(crate) fn behaviour(
        self,
        node: usize,
        gang: &Gang,
        network: &Network,
    ) -> Box<dyn Behaviour> {
        let members = || gang.members.clone();
        let half_time = gang.rounds / 2;
        match self {
            Self::Equivocation => {
                let peers = network.neighbours(node).skip(1).step_by(2).collect();
                Box::new(TwoFaced { second: peers, friends: BTreeSet::new() })
            }
            Self::EquivocationRelayed => {
                let second = (0..network.nodes()).filter(|peer| peer % 2 == 1).collect();
                Box::new(TwoFaced { second, friends: members().into_iter().collect() })
            }
            Self::RetractOthers => Box::new(RetractOthers { done: false }),
            Self::Withhold(until) => Box::new(Withhold {
                until: until.unwrap_or(half_time),
                kept: Vec::new(),
                open: false,
            }),
            Self::Silent => Box::new(Silent),
            Self::Replay => Box::new(Replay { heard: VecDeque::new(), turn: 0 }),
            Self::Copy => Box::new(Copy { draft: None }),
            Self::Overweight => Box::new(Exaggerate { weight: WEIGHT, rounds: 0 }),
            Self::FutureRound => Box::new(Exaggerate { weight: 1.0, rounds: ROUNDS }),
            Self::Praise => Box::new(Attest { subjects: members(), value: Q16::ONE }),
            Self::VoteDown => Box::new(Attest { subjects: vec![gang.victim], value: Q16::ZERO }),
            Self::Flood => Box::new(Flood { until: half_time }),
            Self::Amnesia => Box::new(Amnesia { before: None }),
            // These lie by their tensors.
            _ => Box::new(Dutiful),
        }
    }
}

/// A liar that follows the protocol.
#[derive(Debug)]
struct Dutiful;

impl Behaviour for Dutiful {}

/// Signs two contributions with one sequence number, the second the opposite of the first.
///
/// Some peers see its second face, always the same ones. Friends are liars too: in even rounds they
/// meet as first faces and in odd rounds as second ones, so that each face passes on only what its
/// half is meant to see.
#[derive(Debug)]
struct TwoFaced {
    second: BTreeSet<usize>,
    friends: BTreeSet<usize>,
}

impl Behaviour for TwoFaced {
    fn contribute(
        &mut self,
        node: &mut Node,
        draft: Draft,
        base: Option<&Model>,
    ) -> Result<(), ChangeError> {
        if node.faces.len() == 1 {
            let twin = node.faces[0].clone();
            node.faces.push(twin);
        }
        let twin = Draft { model: flipped(&draft.model, base), ..draft.clone() };
        for (face, draft) in node.faces.iter_mut().zip([draft, twin]) {
            face.change(|state, key| state.add(key, draft))?;
        }
        Ok(())
    }

    fn face(&self, peer: usize, round: u32) -> usize {
        match self.friends.contains(&peer) {
            true => round as usize % 2,
            false => usize::from(self.second.contains(&peer)),
        }
    }
}

/// Signs, once, a removal of every contribution of others that it sees.
#[derive(Debug)]
struct RetractOthers {
    done: bool,
}

impl Behaviour for RetractOthers {
    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        let id = turn.node.id;
        let visible = turn.node.state().visible().map(|entry| entry.op().op().dot());
        let targets: Vec<_> = visible.filter(|dot| dot.actor != id).collect();
        if !self.done && turn.round >= 2 && !targets.is_empty() {
            self.done = true;
            sign(turn.node, Body::Retract { targets })?;
        }
        Ok(())
    }
}

/// Signs its contributions when everybody does, and shows them only from a round on.
#[derive(Debug)]
struct Withhold {
    until: u32,
    kept: Vec<SignedOp>,
    open: bool,
}

impl Behaviour for Withhold {
    fn contribute(
        &mut self,
        node: &mut Node,
        draft: Draft,
        _: Option<&Model>,
    ) -> Result<(), ChangeError> {
        if self.open {
            return node.say(|state, key| state.add(key, draft.clone()).map(drop));
        }
        // A copy of the state signs, so that numbers go on where the kept ones end.
        let mut kept = Vec::new();
        node.faces[0].clone().change(|state, key| {
            state.apply(self.kept.clone()).expect("its own chain from the beginning");
            kept.extend(state.add(key, draft)?.ops().map(|op| op.signed().clone()));
            Ok(())
        })?;
        self.kept.extend(kept);
        Ok(())
    }

    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        if turn.round >= self.until && !self.open {
            self.open = true;
            turn.node.say(|state, _| {
                state.apply(self.kept.clone()).expect("its own chain from the beginning");
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Its next number is taken by what it keeps back.
    fn publishes(&self) -> bool {
        self.open
    }
}

/// Takes what others send and answers nothing, asks nothing, and passes nothing on.
#[derive(Debug)]
struct Silent;

impl Behaviour for Silent {
    fn let_out(&mut self, _: Vec<Effect>) -> Vec<Effect> {
        Vec::new()
    }
}

/// Adds frames that it once heard, from whomever, to every exchange that it begins.
#[derive(Debug)]
struct Replay {
    heard: VecDeque<Vec<u8>>,
    turn: usize,
}

impl Behaviour for Replay {
    fn overhear(&mut self, frame: &[u8]) {
        self.heard.push_back(frame.to_vec());
        if self.heard.len() > KEPT {
            self.heard.pop_front();
        }
    }

    fn besides(&mut self) -> Vec<Vec<u8>> {
        self.turn += 1;
        let again = self.heard.iter().cycle().skip(self.turn * REPLAYED);
        again.take(REPLAYED.min(self.heard.len())).cloned().collect()
    }
}

/// Trains nothing: contributes the tensors of the first other author that it sees as its own.
#[derive(Debug)]
struct Copy {
    draft: Option<Draft>,
}

impl Behaviour for Copy {
    fn contribute(
        &mut self,
        _: &mut Node,
        draft: Draft,
        _: Option<&Model>,
    ) -> Result<(), ChangeError> {
        self.draft = Some(draft);
        Ok(())
    }

    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        let id = turn.node.id;
        let state = turn.node.state();
        let other = state.visible().find(|entry| entry.op().op().author != id);
        let seen = other.and_then(|entry| entry.contribution());
        let model = seen.and_then(|(c, root)| state.arena().load(&root, &c.manifest).ok());
        let Some(model) = model else { return Ok(()) };
        if let Some(draft) = self.draft.take() {
            let draft = Draft { model: (*model).clone(), ..draft };
            turn.node.say(|state, key| state.add(key, draft.clone()).map(drop))?;
        }
        Ok(())
    }
}

/// Declares more weight than it has, or a training round that has not come.
#[derive(Debug)]
struct Exaggerate {
    weight: f64,
    rounds: u64,
}

impl Behaviour for Exaggerate {
    fn contribute(
        &mut self,
        node: &mut Node,
        draft: Draft,
        _: Option<&Model>,
    ) -> Result<(), ChangeError> {
        let (weight, round) = (draft.weight * self.weight, draft.round + self.rounds);
        let draft = Draft { weight, round, ..draft };
        node.say(|state, key| state.add(key, draft.clone()).map(drop))
    }
}

/// Says, once, that it measured some peers, and found them all good or all harmful.
#[derive(Debug)]
struct Attest {
    subjects: Vec<usize>,
    value: Q16,
}

impl Behaviour for Attest {
    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        for subject in std::mem::take(&mut self.subjects) {
            let (subject, value) = (turn.ids[subject], self.value);
            if subject != turn.node.id {
                turn.node.say(|state, key| {
                    state.attest(key, subject, Dimension::Accuracy, value).map(drop)
                })?;
            }
        }
        Ok(())
    }
}

/// Signs measurements that say nothing and removals of what never was, many in each round of the
/// first half of the run. None of it is a fault.
#[derive(Debug)]
struct Flood {
    until: u32,
}

impl Behaviour for Flood {
    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        let id = turn.node.id;
        for i in 0..FLOOD * u64::from(turn.round <= self.until) {
            let subject = turn.ids[i as usize % turn.ids.len()];
            let value = Q16::from_raw((i as u32 * 8_191) % 65_536);
            sign(turn.node, Body::Attest { subject, dimension: Dimension::Accuracy, value })?;
            let targets = vec![Dot::new(id, u64::MAX - i)];
            sign(turn.node, Body::Retract { targets })?;
        }
        Ok(())
    }
}

/// Comes back from a crash as it was before it first signed anything, and signs again.
#[derive(Debug)]
struct Amnesia {
    before: Option<(Replica, Draft)>,
}

impl Behaviour for Amnesia {
    fn contribute(
        &mut self,
        node: &mut Node,
        draft: Draft,
        _: Option<&Model>,
    ) -> Result<(), ChangeError> {
        if draft.round == 0 {
            self.before = Some((node.faces[0].clone(), draft.clone()));
        }
        node.say(|state, key| state.add(key, draft.clone()).map(drop))
    }

    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        if turn.round < FORGETS {
            return Ok(());
        }
        if let Some((replica, draft)) = self.before.take() {
            turn.node.faces = vec![replica];
            // Training after a crash does not give the same model; another weight will do here.
            let draft = Draft { weight: draft.weight / 2.0, ..draft };
            turn.node.say(|state, key| state.add(key, draft.clone()).map(drop))?;
        }
        Ok(())
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
