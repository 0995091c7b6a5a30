//! Edge lists as text: one `a b` pair a line, `#` begins a comment. The input is hostile.

use espalier_blame::Blame;
use std::fmt;
use std::fs::File;
use std::io::Read;

use espalier_file::{EmptyField, ReadError, count, text_of};
use thiserror::Error;

use crate::{MAX_EDGES, TopologyError};

/// The largest edge-list file that is read: 64 MiB.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// A fault in an edge list, and where. The fault of whoever wrote the list.
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
    /// The file is larger than [`MAX_FILE_BYTES`].
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
    /// More edges than [`MAX_EDGES`].
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

/// Edges as they come in, each with its line.
pub(crate) struct Collected {
    nodes: usize,
    edges: Vec<(u32, u32, usize)>,
}

impl Collected {
    pub(crate) fn new(nodes: usize) -> Self {
        Self { nodes, edges: Vec::new() }
    }

    pub(crate) fn push(&mut self, a: u64, b: u64, line: usize) -> Result<(), EdgeListError> {
        let fail = |problem| Err(EdgeListError { line, problem });
        // The node may also exceed u32: numbers beyond it are out of range for any network.
        let fits =
            |node: u64| u32::try_from(node).ok().filter(|small| (*small as usize) < self.nodes);
        let Some(small_a) = fits(a) else {
            return fail(EdgeListProblem::OutOfRange { node: a, nodes: self.nodes });
        };
        let Some(small_b) = fits(b) else {
            return fail(EdgeListProblem::OutOfRange { node: b, nodes: self.nodes });
        };
        if a == b {
            return fail(EdgeListProblem::SelfLoop { node: a });
        }
        if self.edges.len() as u64 >= MAX_EDGES {
            return fail(EdgeListProblem::TooManyEdges { limit: MAX_EDGES });
        }
        self.edges.push((small_a.min(small_b), small_a.max(small_b), line));
        Ok(())
    }

    /// The edges (a, b), a < b, ascending; the earliest repeated line is the error.
    pub(crate) fn finish(mut self) -> Result<Vec<(u32, u32)>, EdgeListError> {
        self.edges.sort_unstable();
        let same = |pair: &&[(u32, u32, usize)]| (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1);
        let repeated = self.edges.windows(2).filter(same).min_by_key(|pair| pair[1].2);
        if let Some(pair) = repeated {
            let (a, b, first) = pair[0];
            let problem = EdgeListProblem::Duplicate { a: a.into(), b: b.into(), first };
            return Err(EdgeListError { line: pair[1].2, problem });
        }
        Ok(self.edges.into_iter().map(|(a, b, _)| (a, b)).collect())
    }
}

/// Parses an edge list for nodes `0..nodes`: two numbers a line, which are
/// [fields](espalier_file::fields); empty lines and everything after a `#` are skipped. Returns the
/// edges (a, b), a < b, ascending. Time and memory in proportion to the text (and a sort of the
/// edges).
///
/// # Errors
///
/// [`EdgeListError`] with the line of the first word, number, range or loop at fault; otherwise
/// of the first repeated edge. A list without edges joins nobody, and is an error too.
///
/// ```
/// let edges = espalier_topology::parse_edge_list("# a triangle\n0 1\n2 1\n0 2 # last\n", 3)?;
/// assert_eq!(edges, [(0, 1), (0, 2), (1, 2)]);
/// let error = espalier_topology::parse_edge_list("0 1\n1 3\n", 3).unwrap_err();
/// assert!(error.to_string().contains("line 2: node 3 does not exist"));
/// # Ok::<(), espalier_topology::EdgeListError>(())
/// ```
pub fn parse_edge_list(text: &str, nodes: usize) -> Result<Vec<(u32, u32)>, EdgeListError> {
    let mut list = Collected::new(nodes);
    for (line, fields) in espalier_file::lines(text) {
        let wrong = |problem| EdgeListError { line, problem };
        let fields = fields.map_err(|error| wrong(error.into()))?;
        let [a, b] = fields[..] else {
            return Err(wrong(EdgeListProblem::Words { words: fields.len() }));
        };
        list.push(number(a, line)?, number(b, line)?, line)?;
    }
    match list.finish()? {
        edges if edges.is_empty() => {
            Err(EdgeListError { line: 0, problem: EdgeListProblem::Empty })
        }
        edges => Ok(edges),
    }
}

fn number(word: &str, line: usize) -> Result<u64, EdgeListError> {
    match word.parse() {
        Ok(number) if word.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => {
            let word = word.chars().take(24).collect();
            Err(EdgeListError { line, problem: EdgeListProblem::Number { word } })
        }
    }
}

/// Reads an edge list to its end, at most [`MAX_FILE_BYTES`], and parses it.
///
/// # Errors
///
/// [`TopologyError::EdgeList`] as [`parse_edge_list`], or for too many bytes or text that is not
/// UTF-8; [`TopologyError::Open`] if reading fails (the path is then `(reader)`).
pub fn read_edge_list(reader: impl Read, nodes: usize) -> Result<Vec<(u32, u32)>, TopologyError> {
    let mut bytes = Vec::new();
    reader.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| {
        TopologyError::Open { path: "(reader)".to_owned(), problem: error.to_string() }
    })?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let problem = EdgeListProblem::TooLarge { limit: MAX_FILE_BYTES };
        return Err(EdgeListError { line: 0, problem }.into());
    }
    let text = text_of(bytes).map_err(|error| match error {
        ReadError::NotText { line } => EdgeListError { line, problem: EdgeListProblem::NotText },
        _ => EdgeListError { line: 0, problem: EdgeListProblem::Utf16 },
    })?;
    Ok(parse_edge_list(&text, nodes)?)
}

/// Opens a file and reads it as [`read_edge_list`] does.
///
/// # Errors
///
/// As [`read_edge_list`]; [`TopologyError::Open`] names the path.
pub fn open_edge_list(path: &str, nodes: usize) -> Result<Vec<(u32, u32)>, TopologyError> {
    let named = |problem: String| TopologyError::Open { path: path.to_owned(), problem };
    let file = File::open(path).map_err(|error| named(error.to_string()))?;
    read_edge_list(file, nodes).map_err(|error| match error {
        TopologyError::Open { problem, .. } => named(problem),
        other => other,
    })
}
