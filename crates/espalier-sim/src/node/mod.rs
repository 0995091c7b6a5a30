//! A node: a real replica, what survives its crashes, and how it behaves.

pub(crate) mod behaviour;
pub(crate) mod disk;
pub(crate) mod face;

use disk::Disk;
use espalier_identity::{Digest, Keypair, PeerId};
use espalier_replica::{ChangeError, MergeState};
use face::Face;
use std::collections::BTreeMap;

/// By author the root of the contribution that was looked at last, and whether it was measured.
pub(crate) type Measured = BTreeMap<PeerId, (Digest, bool)>;

/// A node. Nothing in here tells whether it lies.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: PeerId,
    pub(crate) name: String,
    /// What it shows its peers: one face, or several, one of which its behaviour shows to each
    /// peer.
    pub(crate) faces: Vec<Face>,
    /// Whether it takes part now.
    pub(crate) active: bool,
    /// What survives a crash.
    pub(crate) disk: Disk,
    /// Its own last sequence number when it was last looked at.
    pub(crate) own_seq: u64,
    /// The authors whose contributions it has measured.
    pub(crate) measured: Measured,
    /// Accuracy of what it trained before the first round, on the common test part and on its own
    /// validation part.
    pub(crate) alone: Option<(f64, f64)>,
}

impl Node {
    pub(crate) fn state(&self) -> &MergeState {
        self.faces[0].state()
    }

    /// Makes a change with the node's key on every face.
    pub(crate) fn say(
        &mut self,
        mut change: impl FnMut(&mut MergeState, &Keypair) -> Result<(), ChangeError>,
    ) -> Result<(), ChangeError> {
        self.faces.iter_mut().try_for_each(|face| face.change(&mut change))
    }
}
