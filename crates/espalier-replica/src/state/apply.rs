//! Taking in operations that somebody sent: everything is checked first, with a typed error; what
//! follows cannot fail.

use crate::arena::entry::Entry;
use crate::error::ApplyError;
use crate::signed::fault::{Conviction, Judged};
use crate::signed::op::{OpId, SignedOp, VerifiedOp};
use crate::state::MergeState;
use crate::wire::compact::Place;
use espalier_identity::PeerId;
use espalier_identity::canonical::CanonicalError;
use espalier_lattice::Dot;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An operation that passed every check.
#[derive(Debug, Clone)]
pub(crate) enum Candidate {
    /// The arena has it.
    Known(Arc<Entry>),
    /// It was checked here.
    Checked(Arc<Judged>),
}

impl Candidate {
    pub(crate) fn op(&self) -> &VerifiedOp {
        match self {
            Self::Known(entry) => entry.op(),
            Self::Checked(judged) => &judged.op,
        }
    }

    /// What it convicts its author of by itself.
    pub(crate) fn guilt(&self) -> Option<&Conviction> {
        match self {
            Self::Known(entry) => entry.guilt.as_ref(),
            Self::Checked(judged) => judged.guilt.as_ref(),
        }
    }

    /// The verified record it carries.
    pub(crate) fn carried(&self) -> Option<&Conviction> {
        match self {
            Self::Known(entry) => entry.carried.as_ref(),
            Self::Checked(judged) => judged.carried.as_ref(),
        }
    }
}

/// Operations that passed every check, by identifier.
pub(crate) type Checks = BTreeMap<OpId, Candidate>;

/// Operations that passed every check and have not been joined, by (author, seq).
#[derive(Debug, Clone, Default)]
pub(crate) struct Prepared(Vec<Candidate>);

impl Prepared {
    pub(crate) fn candidates(&self) -> &[Candidate] {
        &self.0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &VerifiedOp> {
        self.0.iter().map(Candidate::op)
    }

    /// These and those; still by (author, seq) if the authors are others.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self.0.sort_by_key(|c| c.op().op().dot());
        self
    }

    /// Parts the operations of some authors from the rest.
    pub(crate) fn part(self, first: impl Fn(&PeerId) -> bool) -> (Self, Self) {
        let (first, rest) = self.0.into_iter().partition(|c| first(&c.op().op().author));
        (Self(first), Self(rest))
    }
}

/// Operations of which one is refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: ApplyError,
    /// The one, if it was looked into.
    pub(crate) bad: Option<SignedOp>,
}

impl From<ApplyError> for Box<Refused> {
    fn from(error: ApplyError) -> Self {
        Self::new(Refused { error, bad: None })
    }
}

impl MergeState {
    /// Takes operations from a peer: all of them or, on any error, none. The number that were new.
    ///
    /// Checks encoding limits, roster, chain and signatures; each signature once per arena. What
    /// operations *say* is not judged: an illegal statement becomes evidence.
    ///
    /// # Errors
    /// [`ApplyError`]; nothing is changed.
    pub fn apply(&mut self, mut ops: Vec<SignedOp>) -> Result<usize, ApplyError> {
        let all_known = ops.iter().all(|signed| self.accepts(&signed.op.author));
        let mut state = if all_known { None } else { Some(self.clone()) };
        let mut taken = 0;
        loop {
            // Those whom the votes among the operations admit come after these.
            let target = state.as_mut().unwrap_or(self);
            let known = |signed: &SignedOp| target.accepts(&signed.op.author);
            let (known, strangers): (Vec<_>, Vec<_>) = ops.into_iter().partition(known);
            if let (true, Some(stranger)) = (known.is_empty(), strangers.first()) {
                return Err(ApplyError::NotAdmitted { author: stranger.op.author });
            }
            let prepared = target.prepare_all(known, &Checks::new());
            let prepared = prepared.map_err(|refused| refused.error)?;
            taken += target.commit(prepared).len();
            if strangers.is_empty() {
                break;
            }
            ops = strangers;
        }
        if let Some(state) = state {
            *self = state;
        }
        Ok(taken)
    }

    /// Takes in what it can of verified operations, in whatever order they come, and returns the
    /// others by (author, seq, id): something before them in their author's chain is not here, or
    /// their author is not admitted. For stores, which hold whatever has arrived: handing the
    /// others in again, with what was missing, gives what taking in all at once gives.
    pub fn gather(&mut self, mut ops: Vec<VerifiedOp>) -> Vec<VerifiedOp> {
        ops.sort_by_key(|op| (op.op().dot(), op.id()));
        loop {
            let (mut ready, mut waiting) = (Vec::new(), Vec::new());
            let mut last: Option<Dot<PeerId>> = None;
            for op in ops {
                let Dot { actor, seq } = op.op().dot();
                let before = last.filter(|dot| dot.actor == actor).map_or(0, |dot| dot.seq);
                let have = self.view().top(&actor).max(before);
                if self.accepts(&actor) && seq <= have.saturating_add(1) {
                    last = Some(op.op().dot());
                    ready.push(Candidate::Checked(Arc::new(Judged::new(op))));
                } else {
                    waiting.push(op);
                }
            }
            if ready.is_empty() {
                return waiting;
            }
            self.commit(Prepared(ready));
            // Votes among them may have admitted others.
            ops = waiting;
        }
    }

    /// [`MergeState::prepare`] for operations that are unpacked.
    pub(crate) fn prepare_all(
        &self,
        mut ops: Vec<SignedOp>,
        checks: &Checks,
    ) -> Result<Prepared, Box<Refused>> {
        ops.sort_by_key(|signed| (signed.op.author, signed.op.seq));
        let place = |signed: &SignedOp| Place { dot: signed.op.dot(), id: signed.id() };
        let places: Vec<_> = ops.iter().map(place).collect();
        let mut ops: Vec<_> = ops.into_iter().map(Some).collect();
        self.prepare(places.into_iter(), checks, |number| ops.get_mut(number)?.take())
    }

    /// The first half of [`MergeState::apply`]: everything that can fail. The operations come by
    /// (author, seq); `read` gets the one with a number, counted from 0, and is called only for
    /// those that are not known here nor among `checks`, one at a time: what fails is not kept.
    pub(crate) fn prepare(
        &self,
        places: impl Iterator<Item = Place>,
        checks: &Checks,
        mut read: impl FnMut(usize) -> Option<SignedOp>,
    ) -> Result<Prepared, Box<Refused>> {
        let mut prepared = Vec::new();
        let mut last: Option<Dot<PeerId>> = None;
        for (number, Place { dot, id }) in places.enumerate() {
            let Dot { actor: author, seq } = dot;
            if !self.accepts(&author) {
                return Err(ApplyError::NotAdmitted { author }.into());
            }
            let before = last.filter(|before| before.actor == author).map_or(0, |dot| dot.seq);
            let have = self.view().top(&author).max(before);
            if seq > have.saturating_add(1) {
                return Err(ApplyError::Gap { author, seq, have }.into());
            }
            last = Some(dot);
            if let Some(known) = self.arena().find(&id) {
                prepared.push(Candidate::Known(known));
                continue;
            }
            if let Some(known) = checks.get(&id) {
                prepared.push(known.clone());
                continue;
            }
            let refused = |source| ApplyError::Op { author, seq, source };
            let Some(signed) = read(number) else {
                return Err(refused(CanonicalError::Malformed.into()).into());
            };
            match signed.check() {
                Ok(checked) => {
                    let judged = Judged::new(checked.of(signed));
                    prepared.push(Candidate::Checked(Arc::new(judged)));
                }
                Err(source) => {
                    return Err(Box::new(Refused { error: refused(source), bad: Some(signed) }));
                }
            }
        }
        Ok(Prepared(prepared))
    }

    /// The second half: cannot fail. Returns what was new.
    pub(crate) fn commit(&mut self, prepared: Prepared) -> Vec<Arc<Entry>> {
        let entries = prepared.0.into_iter().filter_map(|candidate| match candidate {
            Candidate::Known(entry) => Some(entry),
            // The arena forgets nothing, so what has no place does not get there.
            Candidate::Checked(judged) if self.refuses(&judged) => None,
            Candidate::Checked(judged) => Some(self.arena().insert(Arc::unwrap_or_clone(judged))),
        });
        let entries = entries.collect();
        self.join(entries)
    }
}
