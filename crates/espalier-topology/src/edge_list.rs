//! Edge lists as text: one `a b` pair a line, `#` begins a comment. The input is hostile.

use std::fs::File;
use std::io::Read;

use espalier_file::{ReadError, text_of};

use crate::edge_list_error::{EdgeListError, EdgeListProblem};
use crate::error::TopologyError;
use crate::limits::MAX_EDGES;

/// The largest edge-list file that is read: 64 MiB.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

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
