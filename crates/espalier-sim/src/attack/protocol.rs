//! Liars who break the protocol, as behaviours around real replicas. What they sign they sign with
//! their own keys, and what they send travels as frames like everybody else's.

use super::Attack;
use super::erratic::Erratic;
use crate::node::Node;
use crate::node::behaviour::{Behaviour, Parcel, Turn};
use crate::tensors::flipped;
use espalier_identity::{Digest, PeerId, canonical};
use espalier_lattice::Dot;
use espalier_provenance::ContentProof;
use espalier_replica::{
    Blob, Body, Bound, ChangeError, Contribution, Draft, Effect, Entry, Fault, MergeState, Replica,
    SignedOp, Weight,
};
use espalier_tensor::{Content, Model};
use espalier_topology::Network;
use espalier_trust::{Dimension, Q16};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

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
            Self::Praise => Box::new(Attest::all(members(), Q16::ONE)),
            Self::VoteDown => Box::new(Attest::all(vec![gang.victim], Q16::ZERO)),
            Self::Slander => Box::new(Accuse { victim: Some(gang.victim), claim: illegal_field }),
            Self::ForgedNan => Box::new(Accuse { victim: Some(gang.victim), claim: forged_nan }),
            Self::PayloadMismatch => Box::new(PayloadMismatch),
            Self::Flood => Box::new(Flood { until: half_time }),
            Self::Amnesia => Box::new(Amnesia { before: None }),
            Self::Erratic => Box::new(Erratic::new(node, half_time)),
            Self::Nan | Self::Inf => Box::new(Reckless),
            // These lie by their tensors.
            _ => Box::new(Dutiful),
        }
    }
}

/// A liar that follows the protocol.
#[derive(Debug)]
struct Dutiful;

impl Behaviour for Dutiful {}

/// Signs whatever its tensors are.
#[derive(Debug)]
struct Reckless;

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
        let other = turn.node.state().visible().find(|entry| entry.op().op().author != id);
        let Some((seen, _)) = other.and_then(|entry| entry.contribution()) else { return Ok(()) };
        let seen = seen.clone();
        // No replica would sign this; what it names as seen holds the original.
        if let Some(Draft { name, weight, round, .. }) = self.draft.take() {
            let weight = Weight::new(weight).unwrap_or(Weight::ONE);
            let copy = Contribution { name, weight, round, replaces: Vec::new(), ..seen };
            sign(turn.node, Body::Contribute(copy))?;
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

/// Says of every contribution of some peers that it measured it, and found it good or harmful.
#[derive(Debug)]
struct Attest {
    subjects: Vec<usize>,
    value: Q16,
    /// By subject the contribution of which that was said last.
    said: BTreeMap<PeerId, Digest>,
}

impl Attest {
    fn all(subjects: Vec<usize>, value: Q16) -> Self {
        Self { subjects, value, said: BTreeMap::new() }
    }
}

impl Behaviour for Attest {
    fn measures(&self) -> bool {
        false
    }

    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        for subject in self.subjects.iter().map(|subject| turn.ids[*subject]) {
            let seen = visible(turn.node.state(), &subject).and_then(Entry::contribution);
            let Some((_, root)) = seen else { continue };
            if subject != turn.node.id && self.said.insert(subject, root) != Some(root) {
                turn.node.say(|state, key| {
                    state.attest(key, subject, Dimension::Accuracy, self.value).map(drop)
                })?;
            }
        }
        Ok(())
    }
}

/// Signs, once it sees a contribution of the victim, a record of evidence that proves nothing.
#[derive(Debug)]
struct Accuse {
    victim: Option<usize>,
    claim: fn(&Entry) -> Option<Fault>,
}

impl Behaviour for Accuse {
    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        let Some(victim) = self.victim else { return Ok(()) };
        let seen = visible(turn.node.state(), &turn.ids[victim]);
        if let Some(fault) = seen.and_then(self.claim) {
            self.victim = None;
            sign(turn.node, Body::Evidence(fault))?;
        }
        Ok(())
    }
}

/// That a field is illegal which is not.
fn illegal_field(entry: &Entry) -> Option<Fault> {
    Some(Fault::IllegalField { op: Blob(canonical::encode(entry.op().signed())) })
}

/// That the first tensor holds NaN, with bytes that are not the tensor's.
fn forged_nan(entry: &Entry) -> Option<Fault> {
    let (contribution, _) = entry.contribution()?;
    let len = contribution.manifest.tensors().first()?.byte_len()?;
    // All ones are NaN in every type of floats.
    let invented = vec![0xff; usize::try_from(len).ok()?];
    let proof = ContentProof::new(&invented, 0)?;
    let op = Blob(canonical::encode(entry.op().signed()));
    Some(Fault::NonFinite { op, tensor: 0, proof })
}

/// Sends other bytes than it names, signed as everything a hop sends.
#[derive(Debug)]
struct PayloadMismatch;

impl Behaviour for PayloadMismatch {
    /// Bytes inside a frame name themselves, so it puts none there.
    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        turn.node.faces.iter_mut().for_each(|face| face.set_inline_limit(0));
        Ok(())
    }

    fn parcel(&mut self, replica: &Replica, contents: &[Digest]) -> Option<Parcel> {
        let other = |address: &Digest| {
            let content = replica.state().arena().store().get(address)?;
            let mut bytes = content.to_vec();
            bytes.iter_mut().take(1).for_each(|byte| *byte ^= 1);
            Some((*address, Content::from(bytes)))
        };
        let tensors: Vec<_> = contents.iter().filter_map(other).collect();
        let sent: Vec<_> = tensors.iter().map(|(at, content)| (*at, content.digest())).collect();
        Some(Parcel { envelope: replica.seal(&sent), tensors })
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
            // Another number each time, so that no two contradict each other.
            let epoch = u64::from(turn.round) * FLOOD + i;
            let (dimension, about) = (Dimension::Accuracy, Digest::ZERO);
            let value = Q16::from_raw((i as u32 * 8_191) % 65_536);
            sign(turn.node, Body::Attest { subject, dimension, epoch, about, value })?;
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

/// The visible contribution of an author.
fn visible<'a>(state: &'a MergeState, author: &PeerId) -> Option<&'a Entry> {
    state.visible().find(|entry| entry.op().op().author == *author).map(|entry| &**entry)
}

/// Signs whatever it is as the node's next operation, on every face.
fn sign(node: &mut Node, body: Body) -> Result<(), ChangeError> {
    node.say(|state: &mut MergeState, key| {
        let op = state.next_op(key.peer_id(), body.clone()).sign(key);
        state.apply(vec![op]).expect("its own next operation");
        Ok(())
    })
}
