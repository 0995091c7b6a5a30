//! Fresh operations for a broadcast that passes them on, and tensors for those who ask before they
//! are here.
//!
//! A broadcast tree hands an operation on before whoever does so holds its tensors. So a replica
//! notes who asks for tensors that it waits for itself, and provides them when they arrive: tensors
//! follow their operation down the tree, once over each of its links.

use crate::gossip::Replica;
use crate::gossip::effect::{Effect, provide};
use crate::signed::op::VerifiedOp;
use crate::wire::batch::op_len;
use crate::wire::frame::HEADER_LEN;
use crate::wire::layouts::layout_len;
use crate::wire::message::Message;
use espalier_identity::{Digest, PeerId};
use std::collections::BTreeSet;

/// No frame is longer than its operations by more bytes: its header, the length of the batch, how
/// many bytes are inside, the envelope, and how many layouts there are.
const OVERHEAD: usize = HEADER_LEN + 2 + 10 + 10 + 33 + 64 + 10;

/// How many bytes at most say which layout a contribution has.
const MAX_INDEX_LEN: usize = 4;

impl Replica {
    /// Frames to be broadcast, with the operations that this replica's own author has signed after
    /// its `after`-th, in their order, in this replica's envelope. No frame is longer than
    /// `max_len`; from the first operation on that does not fit into one they are left to
    /// exchanges, as nobody takes in what follows on what it does not have.
    ///
    /// Tensors are not inside, however small: over a tree that forms a frame comes several times.
    ///
    /// A driver that gets such a frame in any way hands it to [`Replica::receive`] as from the peer
    /// that passed it on, and asks that peer for the tensors. One signature for each frame.
    #[must_use]
    pub fn announcements(&self, after: u64, max_len: usize) -> Vec<Vec<u8>> {
        let mut chain = self.state().view().chain(self.id(), after.saturating_add(1)).peekable();
        let mut frames = Vec::new();
        while chain.peek().is_some() {
            let (mut len, mut ops) = (OVERHEAD, Vec::new());
            while let Some(entry) = chain.next_if(|e| len + self.packed_len(e.op()) <= max_len) {
                len += self.packed_len(entry.op());
                ops.push(entry.op());
            }
            if ops.is_empty() {
                break;
            }
            frames.push(
                Message::Delta { batch: self.seal_with(ops, |_| None), pull: None }.to_frame(),
            );
        }
        frames
    }

    /// No less than an operation takes in a batch.
    fn packed_len(&self, op: &VerifiedOp) -> usize {
        let policy = self.state().policy();
        let layout = op.contribution().map_or(0, |c| layout_len(policy, &c.manifest));
        op_len(policy, op.signed(), false) + MAX_INDEX_LEN + layout
    }

    /// Provides what is here of what a peer asks for, and notes what this replica waits for itself.
    pub(crate) fn answer_want(&mut self, from: PeerId, contents: Vec<Digest>) -> Vec<Effect> {
        let (held, absent): (BTreeSet<_>, BTreeSet<_>) =
            contents.into_iter().partition(|content| self.held.contains(content));
        for content in absent {
            if self.waits_for(&content) {
                self.wishes.note(content, from);
            }
        }
        provide(from, held)
    }

    /// Provides tensors that have just arrived to those who asked for them before.
    pub(crate) fn answer_wishes(&mut self, arrived: &[Digest]) -> Vec<Effect> {
        let wishes = self.wishes.take(arrived).into_iter();
        wishes.flat_map(|(peer, contents)| provide(peer, contents)).collect()
    }
}
