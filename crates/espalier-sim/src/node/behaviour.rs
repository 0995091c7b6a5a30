//! The behaviour of a node, where nodes may differ. The world and the run ask their nodes'
//! behaviours and know nothing else about them.

use super::Node;
use espalier_identity::{Digest, PeerId};
use espalier_replica::{ChangeError, Draft, Effect, Envelope, Replica};
use espalier_tensor::{Content, Model};
use std::fmt::Debug;

/// What a node knows when it acts.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) node: &'a mut Node,
    pub(crate) round: u32,
    /// Everybody's key, by node number: the roster.
    pub(crate) ids: &'a [PeerId],
}

/// Tensors that travel as bytes, each under an address, in the envelope of the hop that sends them.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) envelope: Envelope,
    pub(crate) tensors: Vec<(Digest, Content)>,
}

/// How a node deviates from doing its duty; the defaults are the duty, but for
/// crashes, which are bad luck. Whatever it wants others to
/// hear goes through its replicas' state or as frames over the links.
pub(crate) trait Behaviour: Debug + Send + Sync {
    /// Puts what it trained into the federation. `base` is the model from which training started.
    ///
    /// # Errors
    /// [`ChangeError`]; of these, [`ChangeError::Copy`] and [`ChangeError::Magnitude`] say that it
    /// would convict itself, so that its last contribution stands.
    fn contribute(
        &mut self,
        node: &mut Node,
        draft: Draft,
        base: Option<&Model>,
    ) -> Result<(), ChangeError> {
        let _ = base;
        node.say(|state, key| state.add(key, draft.clone()).map(drop))
    }

    /// Acts at the start of a round.
    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        let _ = turn;
        Ok(())
    }

    /// Which of its faces it shows a peer in a round.
    fn face(&self, peer: usize, round: u32) -> usize {
        let _ = (peer, round);
        0
    }

    /// Frames that it sends a peer besides, when it begins an exchange.
    fn besides(&mut self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    /// Hears a frame, whatever its replica makes of it.
    fn overhear(&mut self, frame: &[u8]) {
        let _ = frame;
    }

    /// What of its replica's messages it lets out, and in which form.
    fn let_out(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        effects
    }

    /// The bytes that it sends where it is to send these tensors of a replica of its; `None` for
    /// what the addresses say, which then need not travel inside one process.
    fn parcel(&mut self, replica: &Replica, contents: &[Digest]) -> Option<Parcel> {
        let _ = (replica, contents);
        None
    }

    /// Whether it signs what it found out about others.
    fn publishes(&self) -> bool {
        true
    }

    /// Whether it measures what others contributed and says so.
    fn measures(&self) -> bool {
        true
    }

    /// Whether power failures strike it.
    fn crashes(&self) -> bool {
        false
    }
}

/// A node that does its duty.
#[derive(Debug)]
pub(crate) struct Honest;

impl Behaviour for Honest {
    fn crashes(&self) -> bool {
        true
    }
}
