//! An observer that is told what becomes of every message, and changes nothing.

use super::{Engine, Mail, Population};
use std::fmt::Debug;

/// What becomes of a message, or of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It was sent, in a number of copies of some bytes each.
    Sent { bytes: u64, copies: usize },
    /// A copy will never be heard.
    Lost,
    /// A copy came where nobody was, or no longer passed.
    Dropped,
    /// A copy was taken in, with the number of operations that were new.
    TakenIn { news: u32 },
    /// A node is back from a crash; not about a message.
    Restarted,
}

/// A passage, between whom, and the fingerprint of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) mark: u64,
    pub(crate) what: Passage,
}

/// Sees everybody right after each passage.
pub(crate) trait Onlooker<P>: Debug {
    fn see(&mut self, peers: &P, passed: Passed);
}

impl<P: Population> Engine<'_, P> {
    pub(crate) fn show(&mut self, passed: Passed) {
        if let Some(onlooker) = &mut self.onlooker {
            onlooker.see(&self.peers, passed);
        }
    }

    pub(super) fn show_mail(&mut self, mail: &Mail<P::Message>, what: Passage) {
        if self.onlooker.is_some() {
            let Mail { from, to, ref message, .. } = *mail;
            self.show(Passed { from, to, mark: self.peers.mark(message), what });
        }
    }
}
