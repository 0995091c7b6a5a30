//! What may happen to the network and to nodes, as a report names it.

use serde::{Deserialize, Serialize};

/// Kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// The network splits.
    Partition,
    /// It is whole again.
    Heal,
    /// Nodes join, or come back after they left.
    Join,
    /// A node leaves, with what it knows.
    Leave,
    /// A node stops and forgets what was not durable.
    Crash,
    /// It comes back.
    Restart,
    /// A node retracts its contribution.
    Retract,
    /// The median honest node begins to leave somebody out of the merge.
    Isolated,
    /// It takes somebody back.
    Readmitted,
    /// A node trained a model with an element that is not finite, or too large to be signed. It
    /// does not contribute it; its last contribution stands.
    NotFinite,
    /// A node trained the very model that another contributed. It does not contribute it, as copies
    /// convict; its last contribution stands.
    SameModel,
    /// Nodes that were to train from what they had merged had merged nothing, and trained from the
    /// base.
    Unmerged,
}
