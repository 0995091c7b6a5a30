//! Who takes part: the policy's keys, and what they vote.
//!
//! The keys of the policy are the genesis. A key is on the roster
//!
//! ```text
//! (genesis ∪ admitted) ∖ expelled
//! ```
//!
//! where more than half of the genesis vote to admit or to expel it, each by its latest vote. The
//! convicted are silent and still count in the half. That comes and goes with votes and evidence.
//!
//! Which operations are counted at all must not come and go so: those of the genesis, and of every
//! key for which more than half of the genesis have ever voted. An expelled author's operations
//! stay.

use crate::signed::op::OpId;
use crate::signed::policy::Policy;
use espalier_identity::{Digest, Domain, PeerId, canonical};
use std::collections::{BTreeMap, BTreeSet};

static ROSTER: Domain = Domain::new("espalier roster changes v1");

/// A vote: its place in the voter's chain, and what it says.
type Vote = (u64, OpId, bool);

/// The votes and what follows from them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roster {
    /// By subject and voter the latest.
    votes: BTreeMap<PeerId, BTreeMap<PeerId, Vote>>,
    /// By subject who ever voted to admit it.
    ever: BTreeMap<PeerId, BTreeSet<PeerId>>,
    /// Keys outside the genesis whose operations are counted.
    accepted: BTreeSet<PeerId>,
    admitted: BTreeSet<PeerId>,
    expelled: BTreeSet<PeerId>,
    root: Digest,
}

impl Roster {
    /// The same for views that are built anew: `accepted` is settled before anything is taken in.
    pub(crate) fn accepting(accepted: BTreeSet<PeerId>) -> Self {
        Self { accepted, ..Self::default() }
    }

    /// Takes a vote in; true if its subject is accepted and was not.
    pub(crate) fn vote(
        &mut self,
        policy: &Policy,
        voter: PeerId,
        subject: PeerId,
        vote: Vote,
    ) -> bool {
        if policy.roster_index(&voter).is_none() {
            return false;
        }
        let votes = self.votes.entry(subject).or_default();
        if votes.get(&voter).is_none_or(|held| *held < vote) {
            votes.insert(voter, vote);
        }
        if vote.2 {
            self.ever.entry(subject).or_default().insert(voter);
        }
        let voters = self.ever.get(&subject).map_or(0, BTreeSet::len);
        !self.accepts(policy, &subject) && 2 * voters > policy.spec().roster.len()
    }

    /// The keys outside the genesis that the votes so far let in.
    pub(crate) fn will_accept(&self, policy: &Policy) -> BTreeSet<PeerId> {
        let genesis = policy.spec().roster.len();
        let others = self.ever.iter().filter(|(key, _)| policy.roster_index(key).is_none());
        let enough = others.filter(|(_, voters)| 2 * voters.len() > genesis);
        enough.map(|(key, _)| *key).collect()
    }

    /// Whether operations of `author` are counted.
    pub(crate) fn accepts(&self, policy: &Policy, author: &PeerId) -> bool {
        policy.admits(author) || self.accepted.contains(author)
    }

    /// Whether `author` is on the roster; in an open federation everybody is.
    pub(crate) fn contains(&self, policy: &Policy, author: &PeerId) -> bool {
        (policy.admits(author) && !self.expelled.contains(author)) || self.admitted.contains(author)
    }

    /// The number of keys on the roster of a federation that has one.
    pub(crate) fn len(&self, policy: &Policy) -> usize {
        policy.spec().roster.len() + self.admitted.len() - self.expelled.len()
    }

    /// The roster of a federation that has one, ascending.
    pub(crate) fn keys(&self, policy: &Policy) -> BTreeSet<PeerId> {
        let genesis = policy.spec().roster.iter();
        let stay = genesis.filter(|key| !self.expelled.contains(key));
        stay.chain(&self.admitted).copied().collect()
    }

    /// Counts the votes of those for whom `counts` is true; true if the roster is another now.
    pub(crate) fn count(&mut self, policy: &Policy, counts: impl Fn(&PeerId) -> bool) -> bool {
        let genesis = policy.spec().roster.len();
        let (mut admitted, mut expelled) = (BTreeSet::new(), BTreeSet::new());
        for (subject, votes) in &self.votes {
            let counted = votes.iter().filter(|(voter, _)| counts(voter));
            let for_it = counted.clone().filter(|(_, (.., admit))| *admit).count();
            let against = counted.count() - for_it;
            let of_genesis = policy.roster_index(subject).is_some();
            if 2 * for_it > genesis && !of_genesis {
                admitted.insert(*subject);
            }
            if 2 * against > genesis && of_genesis {
                expelled.insert(*subject);
            }
        }
        let changed = (&admitted, &expelled) != (&self.admitted, &self.expelled);
        if changed {
            let none = admitted.is_empty() && expelled.is_empty();
            let changes = canonical::encode(&(&admitted, &expelled));
            self.root = if none { Digest::ZERO } else { ROSTER.hash(&changes) };
            (self.admitted, self.expelled) = (admitted, expelled);
        }
        changed
    }

    /// Commits to how the roster differs from the genesis; zero if it does not.
    pub(crate) fn root(&self) -> Digest {
        self.root
    }
}
