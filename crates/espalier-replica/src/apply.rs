//! Taking in operations that somebody sent: everything is checked first, with a typed error; what
//! follows cannot fail.

use crate::arena::Entry;
use crate::error::ApplyError;
use crate::fault::{Conviction, Judged};
use crate::op::{Checked, OpId, SignedOp, VerifiedOp};
use crate::state::MergeState;
use espalier_identity::PeerId;
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

/// How an operation passed.
enum Found {
    Known(Candidate),
    Checked(Checked),
}

/// Operations of which one is refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: ApplyError,
    pub(crate) ops: Vec<SignedOp>,
    /// Which of them.
    pub(crate) at: usize,
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
            let prepared =
                target.prepare(known, &Checks::new()).map_err(|refused| refused.error)?;
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

    /// The first half of [`MergeState::apply`]: everything that can fail. Operations among `checks`
    /// are not checked again.
    pub(crate) fn prepare(
        &self,
        mut ops: Vec<SignedOp>,
        checks: &Checks,
    ) -> Result<Prepared, Box<Refused>> {
        ops.sort_by_key(|signed| (signed.op.author, signed.op.seq));
        let mut found = Vec::with_capacity(ops.len());
        let mut tops = BTreeMap::new();
        for (at, signed) in ops.iter().enumerate() {
            match self.check(signed, checks, &mut tops) {
                Ok(checked) => found.push(checked),
                Err(error) => return Err(Box::new(Refused { error, ops, at })),
            }
        }
        let stamp = |(signed, found): (SignedOp, Found)| match found {
            Found::Known(candidate) => candidate,
            Found::Checked(checked) => {
                Candidate::Checked(Arc::new(Judged::new(checked.of(signed))))
            }
        };
        Ok(Prepared(ops.into_iter().zip(found).map(stamp).collect()))
    }

    /// Checks one operation; `tops` says how far the batch before it comes.
    fn check(
        &self,
        signed: &SignedOp,
        checks: &Checks,
        tops: &mut BTreeMap<PeerId, u64>,
    ) -> Result<Found, ApplyError> {
        let (author, seq) = (signed.op.author, signed.op.seq);
        if !self.accepts(&author) {
            return Err(ApplyError::NotAdmitted { author });
        }
        let top = tops.entry(author).or_insert_with(|| self.view().top(&author));
        if seq > top.saturating_add(1) {
            return Err(ApplyError::Gap { author, seq, have: *top });
        }
        *top = seq.max(*top);
        let id = signed.id();
        if let Some(known) = self.arena().find(&id) {
            return Ok(Found::Known(Candidate::Known(known)));
        }
        if let Some(known) = checks.get(&id) {
            return Ok(Found::Known(known.clone()));
        }
        let refused = |source| ApplyError::Op { author, seq, source };
        signed.check().map(Found::Checked).map_err(refused)
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
