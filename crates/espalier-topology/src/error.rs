//! Why a network could not be built, and what would have worked.

use espalier_blame::Blame;
use thiserror::Error;

use crate::edge_list_error::EdgeListError;

/// A network or partition that cannot be built, or an edge list that cannot be read. The fault of
/// the caller, or of the author of an edge list; nothing was changed.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// Fewer than two nodes.
    #[error("a network has at least 2 nodes, not {nodes}")]
    TooFewNodes {
        /// The number asked for.
        nodes: usize,
    },
    /// More nodes than this crate supports.
    #[error("{nodes} nodes are above the limit of {limit}")]
    TooManyNodes {
        /// The number asked for.
        nodes: usize,
        /// [`crate::MAX_NODES`].
        limit: usize,
    },
    /// More stored edges than the limit.
    #[error(
        "{topology} with {nodes} nodes has about {edges} edges, above the limit of {limit}; \
         use at most {nodes_max} nodes, or a sparser topology"
    )]
    TooManyEdges {
        /// The topology's text.
        topology: String,
        /// The number of nodes asked for.
        nodes: usize,
        /// The (expected) number of edges.
        edges: u64,
        /// [`crate::MAX_EDGES`].
        limit: u64,
        /// The most nodes this topology can have within the limit.
        nodes_max: usize,
    },
    /// A parameter that this number of nodes does not allow.
    #[error("{topology} does not exist with {nodes} nodes: {wants}")]
    Parameter {
        /// The topology's text.
        topology: String,
        /// The number of nodes asked for.
        nodes: usize,
        /// What is allowed.
        wants: String,
    },
    /// The number of nodes is not rows × columns with both at least 3.
    #[error(
        "torus needs rows x columns, both at least 3; {nodes} nodes have none: use {}",
        either(below, above)
    )]
    Torus {
        /// The number of nodes asked for.
        nodes: usize,
        /// The nearest smaller number that works, if there is one.
        below: Option<usize>,
        /// The nearest larger number that works.
        above: usize,
    },
    /// The nodes of a hypercube are not a power of two.
    #[error("hypercube needs a power of two, not {nodes}; the nearest is {nearest}")]
    Hypercube {
        /// The number of nodes asked for.
        nodes: usize,
        /// The nearest power of two.
        nearest: usize,
    },
    /// Every network that was drawn fell into pieces.
    #[error("{topology} with {nodes} nodes was not connected in {draws} draws; {hint}")]
    NotConnected {
        /// The topology's text.
        topology: String,
        /// The number of nodes.
        nodes: usize,
        /// The number of draws.
        draws: u32,
        /// A parameter value that would work.
        hint: String,
    },
    /// Given edges (from a file or the caller) do not connect all nodes.
    #[error("the edges do not connect all {nodes} nodes: no path from node 0 to node {unreached}")]
    Disconnected {
        /// The number of nodes.
        nodes: usize,
        /// The smallest node that node 0 does not reach.
        unreached: usize,
    },
    /// An edge list with a fault, and its line.
    #[error(transparent)]
    EdgeList(#[from] EdgeListError),
    /// The file of `file:PATH` could not be opened or read.
    #[error("cannot read the edge list {path:?}: {problem}")]
    Open {
        /// The path asked for.
        path: String,
        /// What the system said.
        problem: String,
    },
    /// The nodes cannot be split into this many parts.
    #[error("{nodes} nodes cannot be split into {parts} parts; use 1 to {nodes}")]
    Parts {
        /// The number of nodes.
        nodes: usize,
        /// The number of parts asked for.
        parts: usize,
    },
}

impl TopologyError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::TooFewNodes { .. }
            | Self::TooManyNodes { .. }
            | Self::TooManyEdges { .. }
            | Self::Parameter { .. }
            | Self::Torus { .. }
            | Self::Hypercube { .. }
            | Self::NotConnected { .. }
            | Self::Disconnected { .. }
            | Self::Open { .. }
            | Self::Parts { .. } => Blame::Caller,
            Self::EdgeList(error) => error.blame(),
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooFewNodes { .. } => "network-too-small",
            Self::TooManyNodes { .. } => "network-too-large",
            Self::TooManyEdges { .. } => "network-edges",
            Self::Parameter { .. } => "network-parameter",
            Self::Torus { .. } => "network-torus",
            Self::Hypercube { .. } => "network-hypercube",
            Self::NotConnected { .. } => "network-not-connected",
            Self::Disconnected { .. } => "edges-disconnected",
            Self::EdgeList(error) => error.code(),
            Self::Open { .. } => "edge-list-not-read",
            Self::Parts { .. } => "partition-parts",
        }
    }
}

fn either(below: &Option<usize>, above: &usize) -> String {
    match below {
        Some(below) => format!("{below} or {above}"),
        None => above.to_string(),
    }
}
