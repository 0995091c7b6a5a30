//! Local changes: the next operation of an author.

use crate::arena::ancestors::{Search, search};
use crate::error::{ChangeError, OtherSchema};
use crate::signed::bound::Bound;
use crate::signed::fault::{Fault, Judged};
use crate::signed::legal;
use crate::signed::op::{Body, Contribution, MAX_DEPS, Op, OpId, Weight};
use crate::state::{Delta, MergeState};
use espalier_identity::{Digest, Keypair, PeerId};
use espalier_lattice::Dot;
use espalier_tensor::{Manifest, Model, read_f64, schema_mismatch};
use espalier_trust::{Dimension, Q16, Record as _};
use std::cell::Cell;

/// A contribution that is about to be made.
#[derive(Debug, Clone)]
pub struct Draft {
    /// A name for people to read.
    pub name: String,
    /// How much it should count. Default 1.
    pub weight: f64,
    /// The tensors.
    pub model: Model,
    /// Root of the model from which training started. Default: the policy's base.
    pub base: Option<Digest>,
    /// The training round. Default 0.
    pub round: u64,
}

impl Draft {
    /// A contribution of weight 1 in round 0.
    #[must_use]
    pub fn new(name: impl Into<String>, model: Model) -> Self {
        Self { name: name.into(), weight: 1.0, model, base: None, round: 0 }
    }

    /// The same with another weight.
    #[must_use]
    pub fn weight(self, weight: f64) -> Self {
        Self { weight, ..self }
    }
}

impl MergeState {
    /// Contributes a model under `key`, in place of the author's earlier contributions but for
    /// those of earlier rounds that the policy's score averages over. Its tensors go into the
    /// arena. Returns what other replicas need.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed. [`ChangeError::Magnitude`] for a model with NaN or an
    /// infinity, as training that diverges makes them: it would convict (E3).
    /// [`ChangeError::Copy`] if somebody else contributed these very tensors before: signing them
    /// again would convict (E7).
    pub fn add(&mut self, key: &Keypair, draft: Draft) -> Result<Delta, ChangeError> {
        let weight = Weight::new(draft.weight).ok_or(ChangeError::Weight)?;
        let manifest = draft.model.manifest.clone();
        if let Some(expected) = self.policy().spec().schema
            && expected != manifest.schema()
        {
            return Err(self.other_schema(expected, &manifest));
        }
        let author = key.peer_id();
        let base = draft.base.or(self.policy().spec().base);
        let root = manifest.root();
        if base != Some(root) && self.is_copy(author, &root) {
            return Err(ChangeError::Copy { root });
        }
        let magnitude = self.arena().magnitude(&draft.model);
        let bound = Bound::covering(magnitude).ok_or_else(|| self.beyond_all(&draft.model))?;
        let (name, round) = (draft.name, draft.round);
        let history = u64::from(self.policy().spec().constants.history);
        // What the score still averages over stays live.
        let kept = |r: u64| r < round && round - r < history;
        let live = self.view().contributions().entries_of(&author);
        let gone = live.filter(|(dot, id)| {
            let entry = self.view().at(**dot).find(|entry| entry.op().id() == **id);
            !entry.and_then(|e| e.contribution()).is_some_and(|(c, _)| kept(c.round))
        });
        let replaces: Vec<_> = gone.map(|(dot, _)| *dot).take(legal::MAX_TARGETS).collect();
        let body = Contribution { name, weight, manifest, bound, base, round, replaces };
        let delta = self.publish(key, Body::Contribute(body))?;
        self.arena().put_model(draft.model);
        Ok(delta)
    }

    /// How a model differs from those that the federation merges, as far as this state knows one.
    fn other_schema(&self, expected: Digest, manifest: &Manifest) -> ChangeError {
        let manifests = self.view().visible().values().filter_map(|entry| entry.contribution());
        let known = manifests.map(|(it, _)| &it.manifest).find(|known| known.schema() == expected);
        let mismatch = known.and_then(|known| schema_mismatch(known, manifest));
        let found = manifest.schema();
        ChangeError::Schema(Box::new(OtherSchema { expected, found, mismatch }))
    }

    /// The first element that no bound covers.
    fn beyond_all(&self, model: &Model) -> ChangeError {
        let (place, element) = self.arena().first_beyond(model, Bound::MAX).unwrap_or_default();
        let Some((meta, content)) = model.tensors().nth(place) else {
            return ChangeError::Magnitude { tensor: String::new(), element, value: f64::NAN };
        };
        let size = meta.dtype.size();
        let mut value = [0.0];
        read_f64(meta.dtype, &content[element * size..(element + 1) * size], &mut value);
        ChangeError::Magnitude { tensor: meta.name.clone(), element, value: value[0] }
    }

    /// Whether somebody else contributed the tensors with this root as far as this state knows, or
    /// in the past of what `author` signs next. The latter may hold what a fork has pushed out of
    /// this state since, and a restart out of the arena: if something of it is gone, it may have
    /// been a copy of what `author` contributed before, which nobody else could have foreseen.
    fn is_copy(&self, author: PeerId, root: &Digest) -> bool {
        let others = |entry: &crate::arena::entry::Entry| {
            entry.op().op().author != author && entry.contribution().is_some_and(|c| c.1 == *root)
        };
        if self.view().with_root(root).iter().any(|entry| others(entry)) {
            return true;
        }
        let again = !self.view().with_root(root).is_empty();
        if !again && !self.arena().contributes(root, others) {
            return false;
        }
        let next = self.next_op(author, Body::Retract { targets: Vec::new() });
        let gone = Cell::new(false);
        let find = |id: &OpId| {
            let found = self.arena().find(id);
            gone.set(gone.get() || found.is_none());
            found
        };
        let found = search(&next, find, others, usize::MAX);
        matches!(found, Search::Found(_)) || (again && gone.get())
    }

    /// Retracts a contribution. Only its author can.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed.
    pub fn retract(&mut self, key: &Keypair, dot: Dot<PeerId>) -> Result<Delta, ChangeError> {
        let by = key.peer_id();
        if dot.actor != by {
            return Err(ChangeError::NotYours { author: dot.actor, seq: dot.seq, by });
        }
        if self.view().contributions().get(&dot).is_none() {
            return Err(ChangeError::NotLive(dot));
        }
        self.publish(key, Body::Retract { targets: vec![dot] })
    }

    /// Publishes a measurement of a peer's visible contribution.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed. [`ChangeError::NothingToMeasure`] if the peer has no
    /// visible contribution.
    pub fn attest(
        &mut self,
        key: &Keypair,
        subject: PeerId,
        dimension: Dimension,
        value: Q16,
    ) -> Result<Delta, ChangeError> {
        self.attest_all(key, [(subject, dimension, value)])
    }

    /// Publishes measurements of several peers, an operation each. O(log n) and one signature each.
    ///
    /// # Errors
    /// [`ChangeError`], as [`MergeState::attest`]; nothing is changed, not even by those before.
    pub fn attest_all(
        &mut self,
        key: &Keypair,
        measured: impl IntoIterator<Item = (PeerId, Dimension, Q16)>,
    ) -> Result<Delta, ChangeError> {
        self.check_author(key)?;
        let about = |(subject, dimension, value)| {
            let visible = self.view().visible().get(&subject).and_then(|e| e.contribution());
            let (_, about) = visible.ok_or(ChangeError::NothingToMeasure { subject })?;
            if value > Q16::ONE {
                return Err(ChangeError::Illegal { field: "value", range: "0 to 1" });
            }
            Ok((subject, dimension, about, value))
        };
        let measured: Vec<_> = measured.into_iter().map(about).collect::<Result<_, _>>()?;
        let mut said = Vec::with_capacity(measured.len());
        for (subject, dimension, about, value) in measured {
            let last = self.attestations().get(key.peer_id(), subject, dimension);
            let epoch = last.map_or(0, |measured| measured.epoch).saturating_add(1);
            let body = Body::Attest { subject, dimension, epoch, about, value };
            said.extend(self.publish(key, body)?.into_entries());
        }
        Ok(said.into_iter().collect())
    }

    /// Publishes a fault that proves itself. An empty delta if the state has one of this kind
    /// against the same author already.
    ///
    /// # Errors
    /// [`ChangeError::NoFault`] if it proves nothing, which would be slander, and
    /// [`ChangeError::Illegal`] if it is a slander (E8), which everybody sees who holds it; nothing
    /// is changed.
    pub fn accuse(&mut self, key: &Keypair, fault: Fault) -> Result<Delta, ChangeError> {
        let conviction = fault.verify()?;
        if self.evidence().has(&conviction.accused(), conviction.kind()) {
            return Ok(Delta::default());
        }
        self.publish(key, Body::Evidence(fault))
    }

    /// Votes for or against a key on the roster. The latest vote of each voter on each key counts.
    ///
    /// # Errors
    /// [`ChangeError::NotGenesis`] if the voter is not on the policy's own roster; nothing is
    /// changed.
    pub fn vote(
        &mut self,
        key: &Keypair,
        subject: PeerId,
        admit: bool,
    ) -> Result<Delta, ChangeError> {
        let voter = key.peer_id();
        if self.policy().roster_index(&voter).is_none() {
            return Err(ChangeError::NotGenesis { voter });
        }
        self.publish(key, Body::Vote { subject, admit })
    }

    fn check_author(&self, key: &Keypair) -> Result<(), ChangeError> {
        let author = key.peer_id();
        if self.accepts(&author) { Ok(()) } else { Err(ChangeError::NotAdmitted { author }) }
    }

    fn publish(&mut self, key: &Keypair, body: Body) -> Result<Delta, ChangeError> {
        self.check_author(key)?;
        let op = self.next_op(key.peer_id(), body);
        if let Some((field, range)) = legal::illegal_field(&op) {
            return Err(ChangeError::Illegal { field, range });
        }
        let entry = self.arena().insert(Judged::new(op.sign_own(key)?));
        self.join(vec![entry.clone()]);
        Ok(Delta::from_iter([entry]))
    }

    /// The operation with which `author` would say `body` next: its place in the chain, the heads
    /// and the logical time that follow from this state. The caller signs it; see [`Op::sign`].
    ///
    /// It names only heads whose whole past is here: what an author has not seen it does not sign
    /// over.
    #[must_use]
    pub fn next_op(&self, author: PeerId, body: Body) -> Op {
        let seq = self.view().top(&author) + 1;
        let before = Dot::new(author, seq - 1);
        let prev = self.view().at(before).next().map(|entry| entry.op().id());
        let heads = self.view().heads();
        let (deps, lamport) = (heads.latest(MAX_DEPS, prev), heads.next_lamport());
        Op { author, seq, prev, deps, lamport, body }
    }
}
