//! A node's disk: a log of signed operations whose end a crash may tear off.
//!
//! What was written and not yet synchronised survives up to a random byte, and what is left of the
//! last record may be damaged. A record is its length, a checksum and the operation; reading
//! stops at
//! the first that is not whole, so that a torn end costs what was in it and nothing else.

use crate::seeds::Dice;
use espalier_identity::{Digest, canonical};
use espalier_replica::{Arena, Delta, MergeState, OpId, Policy, SignedOp, VerifiedOp};
use std::collections::BTreeSet;

/// Bytes of a record before the operation: length and checksum.
const HEAD: usize = 12;

/// The durable part of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    log: Vec<u8>,
    /// How much of the log survives a crash for certain.
    synced: usize,
    logged: BTreeSet<OpId>,
}

impl Disk {
    /// Appends operations that are not in the log yet, by (author, seq).
    pub(crate) fn write(&mut self, state: &MergeState, news: Vec<Delta>) {
        // Whoever is not accepted any more is not taken back in.
        let accepted = |op: &&VerifiedOp| state.accepts(&op.op().author);
        let mut ops: Vec<_> = news.iter().flat_map(Delta::ops).filter(accepted).collect();
        ops.sort_by_key(|op| (op.op().author, op.op().seq, op.id()));
        for op in ops {
            if self.logged.insert(op.id()) {
                let bytes = canonical::encode(op.signed());
                self.log.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
                self.log.extend_from_slice(&checksum(&bytes));
                self.log.extend_from_slice(&bytes);
            }
        }
    }

    /// Makes durable what was written.
    pub(crate) fn sync(&mut self) {
        self.synced = self.log.len();
    }

    /// Loses power: of what was not synchronised a random part is left, and its last byte may be
    /// another.
    pub(crate) fn tear(&mut self, dice: &mut Dice) {
        let left = dice.below(self.log.len() - self.synced + 1);
        self.log.truncate(self.synced + left);
        if left > 0
            && dice.happens(0.5)
            && let Some(last) = self.log.last_mut()
        {
            *last ^= 1 << dice.below(8);
        }
    }

    /// The state that the log holds, and the log cut to what of it could be read.
    pub(crate) fn read(&mut self, policy: &Policy, arena: &Arena) -> MergeState {
        let mut ops = Vec::new();
        let mut at = 0;
        while let Some((op, len)) = record(&self.log[at..]) {
            at += len;
            ops.push(op);
        }
        self.log.truncate(at);
        self.synced = at;
        self.logged = ops.iter().map(SignedOp::id).collect();
        let mut state = MergeState::with_arena(policy.clone(), arena.clone());
        state.apply(ops).expect("a node reads back what it took in");
        state
    }
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    let digest = Digest::of_content(bytes);
    let mut out = [0; 8];
    out.copy_from_slice(&digest.as_bytes()[..8]);
    out
}

/// The first record of `log` and its length, if it is whole.
fn record(log: &[u8]) -> Option<(SignedOp, usize)> {
    let (head, rest) = log.split_at_checked(HEAD)?;
    let (len, sum) = head.split_first_chunk::<4>()?;
    let len = u32::from_le_bytes(*len) as usize;
    let bytes = rest.get(..len).filter(|bytes| checksum(bytes) == *sum)?;
    Some((SignedOp::from_bytes(bytes).ok()?, HEAD + len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::Seeds;
    use espalier_identity::Keypair;
    use espalier_replica::{Draft, PolicySpec};
    use espalier_tensor::Model;

    fn grown(state: &mut MergeState, author: u8) -> Delta {
        let key = Keypair::from_seed([author; 32]);
        let model = Model::from_f32(&[("w", &[1], &[f32::from(author)])]).expect("a model");
        state.add(&key, Draft::new("test", model)).expect("a contribution")
    }

    /// Cut anywhere, with a bit flipped or not: everything synchronised is there, nothing is there
    /// that never was, and the next crash after it is no worse.
    #[test]
    fn a_torn_end_costs_only_what_was_in_it() {
        let policy = Policy::new(PolicySpec::any_schema()).expect("a policy");
        let arena = Arena::default();
        let mut torn = BTreeSet::new();
        for seed in 0..200 {
            let dice = &mut Seeds(seed).rng("tear", 0);
            let mut state = MergeState::with_arena(policy.clone(), arena.clone());
            let mut disk = Disk::default();
            let news = (1..4).map(|author| grown(&mut state, author)).collect();
            disk.write(&state, news);
            disk.sync();
            let safe: BTreeSet<_> = state.ops().map(|op| op.id()).collect();
            let news: Vec<_> = (4..8).map(|author| grown(&mut state, author)).collect();
            disk.write(&state, news.clone());
            disk.tear(dice);
            let back = disk.read(&policy, &arena);
            let there: BTreeSet<_> = back.ops().map(|op| op.id()).collect();
            let all: BTreeSet<_> = state.ops().map(|op| op.id()).collect();
            assert!(safe.is_subset(&there) && there.is_subset(&all), "seed {seed}");
            torn.insert(there.len());
            // The log goes on where it was cut.
            disk.write(&state, news);
            disk.sync();
            disk.tear(dice);
            assert_eq!(disk.read(&policy, &arena).ops_root(), state.ops_root(), "seed {seed}");
        }
        assert!((3..=6).all(|len| torn.contains(&len)), "cuts everywhere: {torn:?}");
    }
}
