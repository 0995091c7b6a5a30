//! A liar without a plan: signs at random what no correct node signs, so that rules meet in ways
//! that
//! nobody thought of. Some are sly: they do nothing that convicts them, and are heard.

use crate::node::Node;
use crate::node::behaviour::{Behaviour, Turn};
use crate::seeds::{Dice, Seeds};
use crate::tensors::map_floats;
use espalier_identity::{Digest, PeerId, canonical};
use espalier_lattice::Dot;
use espalier_replica::{
    Blob, Body, Bound, ChangeError, Contribution, Draft, Fault, MergeState, Op, OpId, Weight,
};
use espalier_tensor::{Manifest, Model, TensorMeta};
use espalier_trust::{Dimension, Q16};

/// The most faces it has. Each signs for itself, so that three operations may meet in one place.
const FACES: usize = 3;
/// The most operations that a face signs in a round.
const MOST: usize = 3;
/// The greatest logical time that is legal.
const MAX_LAMPORT: u64 = 1 << 48;

/// In every round of the first half of the run it signs what comes to its mind, on every face.
#[derive(Debug)]
pub(super) struct Erratic {
    /// Its number among the nodes.
    pub(super) number: usize,
    /// The last round in which it acts.
    pub(super) until: u32,
    trained: Option<Model>,
    heard: Vec<u8>,
}

impl Erratic {
    pub(super) fn new(number: usize, until: u32) -> Self {
        Self { number, until, trained: None, heard: Vec::new() }
    }

    fn is_sly(id: &PeerId) -> bool {
        Self::dice(id, u32::MAX).happens(0.4)
    }

    fn dice(id: &PeerId, round: u32) -> Dice {
        let seed =
            id.as_bytes().iter().fold(0, |seed: u64, byte| seed.rotate_left(8) ^ u64::from(*byte));
        Seeds(seed).rng("erratic", round.into())
    }
}

impl Behaviour for Erratic {
    fn contribute(
        &mut self,
        node: &mut Node,
        draft: Draft,
        _: Option<&Model>,
    ) -> Result<(), ChangeError> {
        self.trained = Some(draft.model.clone());
        let faces =
            if Self::is_sly(&node.id) { 1 } else { 1 + Self::dice(&node.id, 0).below(FACES) };
        while node.faces.len() < faces {
            let twin = node.faces[0].clone();
            node.faces.push(twin);
        }
        for face in &mut node.faces {
            // What would convict it in the usual way it does not care for either.
            let _ = face.change(|state, key| state.add(key, draft.clone()));
        }
        Ok(())
    }

    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        if turn.round > self.until {
            return Ok(());
        }
        let (id, ids, trained) = (turn.node.id, turn.ids, self.trained.as_ref());
        let dice = &mut Self::dice(&id, turn.round);
        for face in &mut turn.node.faces {
            for _ in 0..dice.below(MOST + 1) {
                face.change(|state, key| {
                    let mind = Mind { state, id, ids, trained, sly: Self::is_sly(&id) };
                    let op = mind.operation(dice);
                    // What has no place in any chain it cannot pass on.
                    let _ = state.apply(vec![op.sign(key)]);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    fn face(&self, peer: usize, _: u32) -> usize {
        (peer + self.number) % FACES
    }

    fn overhear(&mut self, frame: &[u8]) {
        self.heard = frame.to_vec();
    }

    /// What it heard last, with a byte changed.
    fn besides(&mut self) -> Vec<Vec<u8>> {
        let mut frame = std::mem::take(&mut self.heard);
        let middle = frame.len() / 2;
        if let Some(byte) = frame.get_mut(middle) {
            *byte ^= 0x10;
        }
        if frame.is_empty() { Vec::new() } else { vec![frame] }
    }
}

/// What it has in mind when it signs.
struct Mind<'a> {
    state: &'a MergeState,
    id: PeerId,
    ids: &'a [PeerId],
    trained: Option<&'a Model>,
    sly: bool,
}

impl Mind<'_> {
    /// An operation, often at a wrong place.
    fn operation(&self, dice: &mut Dice) -> Op {
        let mut op = self.state.next_op(self.id, self.body(dice));
        let top = op.seq - 1;
        match dice.below(10) {
            _ if self.sly => {}
            0 | 1 if top > 0 => {
                op.seq = 1 + dice.below(top as usize) as u64;
                op.prev = self.own(op.seq - 1, dice);
            }
            2 if top > 0 => op.prev = Some(nothing(dice)),
            3 => {
                let times =
                    [0, 1, op.lamport - 1, MAX_LAMPORT - 1, MAX_LAMPORT, MAX_LAMPORT + 1, u64::MAX];
                op.lamport = times[dice.below(times.len())];
            }
            4 => op.deps = vec![nothing(dice)],
            5 => op.deps.clear(),
            _ => {}
        }
        op
    }

    /// One of its operations with this number, as far as this face knows.
    fn own(&self, seq: u64, dice: &mut Dice) -> Option<OpId> {
        let at = self.state.ops().filter(|op| op.op().dot() == Dot::new(self.id, seq));
        let ids: Vec<OpId> = at.map(|op| op.id()).collect();
        (!ids.is_empty()).then(|| ids[dice.below(ids.len())])
    }

    fn body(&self, dice: &mut Dice) -> Body {
        match dice.below(12) {
            0..=3 => {
                self.contribution(dice).map_or(Body::Retract { targets: vec![] }, Body::Contribute)
            }
            4..=6 => {
                let targets = (0..dice.below(3)).map(|_| self.dot(dice)).collect();
                Body::Retract { targets }
            }
            7 | 8 if !self.sly => self.measurement(dice),
            7..=9 => Body::Vote { subject: self.somebody(dice), admit: dice.happens(0.5) },
            _ if self.sly => Body::Retract { targets: vec![self.dot(dice)] },
            _ => self.record(dice).map_or(Body::Retract { targets: vec![] }, Body::Evidence),
        }
    }

    fn somebody(&self, dice: &mut Dice) -> PeerId {
        self.ids[dice.below(self.ids.len())]
    }

    /// A place in somebody's chain, mostly in its own, there or not.
    fn dot(&self, dice: &mut Dice) -> Dot<PeerId> {
        let top = self.state.last_seq(&self.id);
        match dice.below(8) {
            0 if !self.sly => Dot::new(self.somebody(dice), 1 + dice.below(4) as u64),
            1 => Dot::new(self.id, u64::MAX),
            2 => Dot::new(self.id, 0),
            // The one that it signs now, or signs next.
            3 | 4 => Dot::new(self.id, top + 1 + dice.below(3) as u64),
            _ => Dot::new(self.id, 1 + dice.below(top.max(1) as usize) as u64),
        }
    }

    fn contribution(&self, dice: &mut Dice) -> Option<Contribution> {
        let trained = self.trained?;
        // Within what is credible, and other tensors each time.
        let factor = 0.9 + 0.2 * dice.unit();
        let model = map_floats(trained, None, |values, _| {
            values.iter_mut().for_each(|value| *value *= factor);
        });
        self.state.arena().put_model(model.clone());
        let mut manifest = model.manifest;
        let (mut weight, mut bound, mut name) = (Weight::ONE, Bound::MAX, "erratic".to_owned());
        let mut round = dice.below(4) as u64;
        match dice.below(12) {
            _ if self.sly => {}
            0 => weight = Weight::from_raw(0),
            1 => weight = Weight::from_raw(u64::MAX),
            2 => bound = Bound::ZERO,
            3 => bound = Bound::from_bits(u32::MAX),
            4 => name = "e".repeat(300),
            5 => round = 1 << 33,
            6 => round = 1_000,
            // Tensors that nobody has.
            7 => manifest = invented(&manifest, dice)?,
            _ => {}
        }
        let replaces = (0..dice.below(3)).map(|_| self.dot(dice)).collect();
        let base = self.state.policy().spec().base;
        Some(Contribution { name, weight, manifest, bound, base, round, replaces })
    }

    fn measurement(&self, dice: &mut Dice) -> Body {
        let values = [Q16::ZERO, Q16::ONE, Q16::from_raw(1 << 15), Q16::from_raw(1 << 17)];
        let about = self.state.visible().next().and_then(|entry| entry.contribution());
        Body::Attest {
            subject: self.somebody(dice),
            dimension: Dimension::Accuracy,
            // So few that it soon contradicts itself.
            epoch: dice.below(3) as u64,
            about: about.map_or(Digest::ZERO, |(_, root)| root),
            value: values[dice.below(values.len())],
        }
    }

    /// A record that proves nothing, or a true one against whoever did what it says.
    fn record(&self, dice: &mut Dice) -> Option<Fault> {
        let mut ops: Vec<_> = self.state.ops().collect();
        let mut next = || (!ops.is_empty()).then(|| ops.swap_remove(dice.below(ops.len())));
        let (first, second) = (next()?, next()?);
        let blob = |op: &espalier_replica::VerifiedOp| Blob(canonical::encode(op.signed()));
        let (first, second) = (blob(first), blob(second));
        Some(match dice.below(6) {
            0 => Fault::IllegalField { op: first },
            1 => Fault::Slander { op: first },
            2 => Fault::ForeignRetraction { op: first },
            3 => Fault::BrokenChain { first, second },
            4 => Fault::DoubleAttestation { first, second },
            _ => Fault::Equivocation { first, second },
        })
    }
}

/// The identifier of nothing.
fn nothing(dice: &mut Dice) -> Digest {
    Digest::of_content(&(dice.below(1 << 30) as u64).to_le_bytes())
}

fn invented(manifest: &Manifest, dice: &mut Dice) -> Option<Manifest> {
    let other = |meta: &TensorMeta| TensorMeta { content: nothing(dice), ..meta.clone() };
    Manifest::new(manifest.tensors().iter().map(other).collect()).ok()
}
