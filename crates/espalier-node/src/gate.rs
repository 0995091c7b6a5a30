//! Durable before it leaves.
//!
//! A node that signs an operation, sends it, crashes before the operation is on its disk, and signs
//! another one with the same sequence number has equivocated: every peer convicts it for good (E1).
//! So whatever could tell anybody of an own operation waits until that operation is durable. What
//! others signed need not wait: they hold it themselves.

use crate::io::{NodeEvent, NodeOutput};
use espalier_identity::PeerId;
use espalier_replica::Effect;
use std::collections::VecDeque;

/// How many bytes of effects may wait. What is beyond that is dropped like a lost message.
const MAX_WAITING: usize = 64 << 20;

/// Bytes of an effect besides what it carries.
const EACH: usize = 64;

/// Numbers what is to be written, and holds back what must not leave before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate {
    /// The last number given to something to be written.
    written: u64,
    /// Up to here everything is durable.
    durable: u64,
    /// The last number that holds own operations.
    own: u64,
    waiting: VecDeque<Effect>,
    /// Bytes of what waits.
    len: usize,
}

impl Gate {
    /// The number of what is to be written next.
    pub(crate) fn number(&mut self, own: bool) -> u64 {
        self.written += 1;
        if own {
            self.own = self.written;
        }
        self.written
    }

    /// Whether everything that is our own is durable.
    pub(crate) fn is_open(&self) -> bool {
        self.durable >= self.own
    }

    /// Lets an effect pass, or holds it back.
    pub(crate) fn pass(&mut self, effect: Effect, out: &mut Vec<NodeOutput>) {
        if self.is_open() {
            out.push(NodeOutput::Effect(effect));
            return;
        }
        let len = len(&effect);
        if self.len + len > MAX_WAITING {
            out.push(NodeOutput::Tell(NodeEvent::Dropped));
            return;
        }
        self.len += len;
        self.waiting.push_back(effect);
    }

    /// Notes that everything up to a number is durable. Numbers that were never given count for
    /// nothing.
    pub(crate) fn persisted(&mut self, number: u64, out: &mut Vec<NodeOutput>) {
        if number <= self.written {
            self.durable = self.durable.max(number);
        }
        if self.is_open() {
            self.len = 0;
            out.extend(self.waiting.drain(..).map(NodeOutput::Effect));
        }
    }

    /// Drops what waits for a peer that is gone.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.waiting.retain(|effect| effect.peer() != *peer);
        self.len = self.waiting.iter().map(len).sum();
    }
}

fn len(effect: &Effect) -> usize {
    EACH + match effect {
        Effect::Send { frame, .. } => frame.len(),
        Effect::Provide { contents, .. } | Effect::Fetch { contents, .. } => contents.len() * 32,
    }
}
