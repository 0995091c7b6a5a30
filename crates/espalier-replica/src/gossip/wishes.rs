//! Who asked for tensors before they are here.

use espalier_identity::{Digest, PeerId};
use std::collections::{BTreeMap, BTreeSet};

/// How many wishes are noted. Who is not among them asks again in a later exchange.
const MAX_WISHES: usize = 4096;

/// Who asked for tensors for which a replica waits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    by_content: BTreeMap<Digest, BTreeSet<PeerId>>,
    count: usize,
}

impl Wishes {
    pub(crate) fn note(&mut self, content: Digest, peer: PeerId) {
        if self.count < MAX_WISHES && self.by_content.entry(content).or_default().insert(peer) {
            self.count += 1;
        }
    }

    /// Drops what `peer` asked for.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        for peers in self.by_content.values_mut() {
            self.count -= usize::from(peers.remove(peer));
        }
        self.by_content.retain(|_, peers| !peers.is_empty());
    }

    /// Who wants what of `arrived`, by peer.
    pub(crate) fn take(&mut self, arrived: &[Digest]) -> BTreeMap<PeerId, BTreeSet<Digest>> {
        let mut of_peer = BTreeMap::<PeerId, BTreeSet<Digest>>::new();
        for content in arrived {
            for peer in self.by_content.remove(content).unwrap_or_default() {
                self.count -= 1;
                of_peer.entry(peer).or_default().insert(*content);
            }
        }
        of_peer
    }
}
