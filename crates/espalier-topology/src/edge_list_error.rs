//! What is wrong in an edge list, and where.

use espalier_blame::Blame;
use espalier_file::{EmptyField, count};
use std::fmt;
use thiserror::Error;

/// A fault in an edge list, and where. The fault of its author.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct EdgeListError {
    /// The line, from 1 (0 when the whole file is at fault).
    pub line: usize,
    /// What is wrong with it.
    pub problem: EdgeListProblem,
}

impl EdgeListError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        self.problem.blame()
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.problem.code()
    }
}

impl fmt::Display for EdgeListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "edge list: {}", self.problem),
            line => write!(f, "edge list, line {line}: {}", self.problem),
        }
    }
}

/// What is wrong in an edge list.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EdgeListProblem {
    /// The file is larger than [`crate::MAX_FILE_BYTES`].
    #[error("larger than the limit of {} MiB", limit >> 20)]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The file is not UTF-8 text.
    #[error("not UTF-8 text")]
    NotText,
    /// The file is UTF-16 text.
    #[error("UTF-16 text; save it as UTF-8")]
    Utf16,
    /// There is a comma too many.
    #[error(transparent)]
    Field(#[from] EmptyField),
    /// The list has no edges.
    #[error("no edges; give each edge a line, as in \"0 1\"")]
    Empty,
    /// A line does not have exactly two words.
    #[error("{} where two node numbers are expected, as in \"0 1\"", count(*words, "word"))]
    Words {
        /// The number of them.
        words: usize,
    },
    /// A word that is not the number of a node.
    #[error("{word:?} is not a node number; use digits only")]
    Number {
        /// The word, cut after 24 characters.
        word: String,
    },
    /// A node that does not exist.
    #[error(
        "node {node} does not exist; {nodes} nodes are numbered 0 to {}",
        nodes.saturating_sub(1)
    )]
    OutOfRange {
        /// The number in the list.
        node: u64,
        /// The number of nodes.
        nodes: usize,
    },
    /// An edge from a node to itself.
    #[error("node {node} is connected to itself; remove the line")]
    SelfLoop {
        /// The node.
        node: u64,
    },
    /// An edge is listed twice, in either direction.
    #[error("the edge {a} {b} is already on line {first}; remove one")]
    Duplicate {
        /// Its smaller node.
        a: u64,
        /// Its larger node.
        b: u64,
        /// The line it was on first.
        first: usize,
    },
    /// More edges than [`crate::MAX_EDGES`].
    #[error("more than {limit} edges")]
    TooManyEdges {
        /// The limit.
        limit: u64,
    },
}

impl EdgeListProblem {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::TooLarge { .. }
            | Self::NotText
            | Self::Utf16
            | Self::Empty
            | Self::Words { .. }
            | Self::Number { .. }
            | Self::OutOfRange { .. }
            | Self::SelfLoop { .. }
            | Self::Duplicate { .. }
            | Self::TooManyEdges { .. } => Blame::Peer,
            Self::Field(error) => error.blame(),
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "edge-list-too-large",
            Self::NotText => "edge-list-not-text",
            Self::Utf16 => "edge-list-utf-16",
            Self::Field(error) => error.code(),
            Self::Empty => "edge-list-empty",
            Self::Words { .. } => "edge-list-words",
            Self::Number { .. } => "edge-list-number",
            Self::OutOfRange { .. } => "edge-list-node",
            Self::SelfLoop { .. } => "edge-list-self-loop",
            Self::Duplicate { .. } => "edge-list-duplicate",
            Self::TooManyEdges { .. } => "edge-list-too-many",
        }
    }
}
