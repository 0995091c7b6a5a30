//! The names of the networks: parsing, printing, and errors that say what would be right.

use espalier_blame::{Blame, did_you_mean, nearest};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use espalier_file::count;

/// Every form [`Topology`] parses, in the order help texts list them.
pub const FORMS: [&str; 12] = [
    "random",
    "ring",
    "star",
    "complete",
    "line",
    "torus",
    "hypercube",
    "regular:K",
    "erdos-renyi:P",
    "watts-strogatz:K:B",
    "barabasi-albert:M",
    "file:PATH",
];

/// Each of [`FORMS`] with usual parameters, in the same order.
pub const EXAMPLES: [&str; 12] = [
    "random",
    "ring",
    "star",
    "complete",
    "line",
    "torus",
    "hypercube",
    "regular:4",
    "erdos-renyi:0.3",
    "watts-strogatz:4:0.1",
    "barabasi-albert:2",
    "file:edges.txt",
];

/// A kind of network. The text form (`Display`, `FromStr`, serde) is one of [`FORMS`].
///
/// ```
/// use espalier_topology::Topology;
///
/// let topology: Topology = "erdos-renyi:.25".parse()?;
/// assert_eq!(topology, Topology::ErdosRenyi(0.25));
/// assert_eq!(topology.to_string(), "erdos-renyi:0.25");
/// # Ok::<(), espalier_topology::ParseTopologyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Topology {
    /// A ring, and each other chord with probability .45. Dense: about .225 n² edges.
    Random,
    /// Node i next to node i + 1, closed to a cycle (one edge when n = 2).
    Ring,
    /// Node 0 is the hub, every other node a leaf.
    Star,
    /// Every pair; never stored edge by edge.
    Complete,
    /// Node i next to node i + 1, open.
    Line,
    /// Rows × columns with wrap-around, as square as n allows, both at least 3; node
    /// `row * columns + column`.
    Torus,
    /// n = 2^d; nodes whose numbers differ in one bit.
    Hypercube,
    /// A connected random graph where every node has K neighbours: K < n, n · K even, K ≥ 2
    /// unless n = 2. Steger & Wormald, "Generating random regular graphs quickly", 1999.
    Regular(usize),
    /// Each pair with probability P in (0, 1], conditioned on being connected.
    /// Gilbert 1959; drawn as in Batagelj & Brandes, Phys. Rev. E 71, 2005.
    ErdosRenyi(f64),
    /// A ring of K neighbours (K even, 2 ≤ K < n) whose edges are each rewired with probability
    /// B in [0, 1], conditioned on being connected. Watts & Strogatz, Nature 393, 1998.
    WattsStrogatz(usize, f64),
    /// Grown from a star of M + 1 nodes; each new node picks M distinct peers by their degree,
    /// 1 ≤ M < n. Barabási & Albert, Science 286, 1999.
    BarabasiAlbert(usize),
    /// The edge list in this file; see [`crate::parse_edge_list`].
    File(String),
}

/// A text that names no topology. The caller's fault; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseTopologyError {
    /// The word before the first colon is not a topology.
    #[error("there is no topology `{name}`{}", suggestion(*.nearest))]
    Unknown {
        /// The word that was given.
        name: String,
        /// The nearest form, if one is near.
        nearest: Option<&'static str>,
    },
    /// The wrong number of parameters after the name.
    #[error("topology `{text}` has {}; write it as {form}", count(*given, "parameter"))]
    Parameters {
        /// What was given.
        text: String,
        /// The number of parameters in it.
        given: usize,
        /// The form it must have.
        form: &'static str,
    },
    /// A parameter is not a number, or out of range.
    #[error("{form}: {parameter} is `{value}`, but must be {wants}")]
    Value {
        /// The form being parsed.
        form: &'static str,
        /// The parameter's letter in the form.
        parameter: char,
        /// What was given.
        value: String,
        /// What is allowed.
        wants: &'static str,
    },
}

impl ParseTopologyError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "topology-unknown",
            Self::Parameters { .. } => "topology-parameters",
            Self::Value { .. } => "topology-value",
        }
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    match nearest {
        Some(_) => did_you_mean(nearest),
        None => format!("; the topologies are {}", FORMS.join(", ")),
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Ring => f.write_str("ring"),
            Self::Star => f.write_str("star"),
            Self::Complete => f.write_str("complete"),
            Self::Line => f.write_str("line"),
            Self::Torus => f.write_str("torus"),
            Self::Hypercube => f.write_str("hypercube"),
            Self::Regular(k) => write!(f, "regular:{k}"),
            Self::ErdosRenyi(p) => write!(f, "erdos-renyi:{p}"),
            Self::WattsStrogatz(k, b) => write!(f, "watts-strogatz:{k}:{b}"),
            Self::BarabasiAlbert(m) => write!(f, "barabasi-albert:{m}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

impl FromStr for Topology {
    type Err = ParseTopologyError;

    fn from_str(text: &str) -> Result<Self, ParseTopologyError> {
        let (name, rest) = match text.split_once(':') {
            Some((name, rest)) => (name, Some(rest)),
            None => (text, None),
        };
        let Some(form) = FORMS.into_iter().find(|form| bare(form) == name) else {
            return Err(ParseTopologyError::Unknown { name: shorten(name), nearest: near(name) });
        };
        if name == "file" {
            // A path may itself hold colons, so it is not split.
            return match rest {
                Some(path) if !path.is_empty() => Ok(Self::File(path.to_owned())),
                _ => Err(count_error(text, 0, form)),
            };
        }
        let given: Vec<&str> = rest.map_or(Vec::new(), |rest| rest.split(':').collect());
        if given.len() != form.matches(':').count() || given.iter().any(|value| value.is_empty()) {
            let count = given.iter().filter(|value| !value.is_empty()).count();
            return Err(count_error(text, count, form));
        }
        Ok(match name {
            "random" => Self::Random,
            "ring" => Self::Ring,
            "star" => Self::Star,
            "complete" => Self::Complete,
            "line" => Self::Line,
            "torus" => Self::Torus,
            "hypercube" => Self::Hypercube,
            "regular" => Self::Regular(whole(form, 'K', given[0])?),
            "erdos-renyi" => {
                let wants = "a probability above 0 and at most 1, such as 0.1";
                Self::ErdosRenyi(real(form, 'P', given[0], wants, |p| p > 0.0 && p <= 1.0)?)
            }
            "watts-strogatz" => {
                let k = whole(form, 'K', given[0])?;
                if k % 2 == 1 {
                    return Err(ParseTopologyError::Value {
                        form,
                        parameter: 'K',
                        value: shorten(given[0]),
                        wants: "an even whole number of at least 2, such as 4",
                    });
                }
                let wants = "a probability from 0 to 1, such as 0.1";
                let b = real(form, 'B', given[1], wants, |b| (0.0..=1.0).contains(&b))?;
                Self::WattsStrogatz(k, b)
            }
            _ => Self::BarabasiAlbert(whole(form, 'M', given[0])?),
        })
    }
}

impl TryFrom<String> for Topology {
    type Error = ParseTopologyError;

    fn try_from(text: String) -> Result<Self, ParseTopologyError> {
        text.parse()
    }
}

impl From<Topology> for String {
    fn from(topology: Topology) -> Self {
        topology.to_string()
    }
}

/// The name a form begins with.
fn bare(form: &'static str) -> &'static str {
    form.split(':').next().unwrap_or(form)
}

/// Unknown words are quoted in errors, but never at length.
fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The form whose name is nearest, if one is near.
fn near(name: &str) -> Option<&'static str> {
    let near = nearest(name, FORMS.map(bare))?;
    FORMS.into_iter().find(|form| bare(form) == near)
}

fn count_error(text: &str, given: usize, form: &'static str) -> ParseTopologyError {
    ParseTopologyError::Parameters { text: shorten(text), given, form }
}

fn whole(form: &'static str, parameter: char, value: &str) -> Result<usize, ParseTopologyError> {
    match value.parse() {
        Ok(number) if number >= 1 && value.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => Err(ParseTopologyError::Value {
            form,
            parameter,
            value: shorten(value),
            wants: "a whole number of at least 1, such as 4",
        }),
    }
}

fn real(
    form: &'static str,
    parameter: char,
    value: &str,
    wants: &'static str,
    valid: impl Fn(f64) -> bool,
) -> Result<f64, ParseTopologyError> {
    match value.parse() {
        // Adding zero turns -0 into 0, so that one value has one text.
        Ok(number) if valid(number) => Ok(number + 0.0),
        _ => Err(ParseTopologyError::Value { form, parameter, value: shorten(value), wants }),
    }
}
