//! What a strategy did on purpose that a reader of the result should know.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

/// Something a strategy did on purpose that a reader of the result should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Note {
    /// The density would have kept nothing of a small tensor.
    KeptOne {
        /// The tensor.
        tensor: String,
        /// The number of elements it has.
        elements: usize,
    },
    /// A direction could not be averaged on the sphere.
    Linear {
        /// The tensor.
        tensor: String,
        /// The reason.
        reason: &'static str,
    },
    /// More liars were assumed than a rule or a step tolerates: less than half of its rows.
    Liars {
        /// The rule or the step before it.
        step: &'static str,
        /// The number of rows it has: fewer than inputs after `bucketing`.
        rows: usize,
        /// The number that the parameter `f` stands for.
        asked: usize,
        /// The number that was assumed instead.
        used: usize,
    },
    /// A density was too small to be drawn.
    Density {
        /// The name or value that was asked for.
        asked: String,
    },
    /// An iteration was stopped before it converged.
    StillMoving {
        /// What was sought.
        what: String,
        /// The number of steps taken.
        steps: usize,
    },
    /// Weights were too small compared with the largest.
    SmallWeights {
        /// The number of them.
        count: usize,
        /// The number of all inputs.
        inputs: usize,
    },
    /// Inputs that are not finite, or too long to be measured, were left out.
    NotFinite {
        /// The number of them.
        count: usize,
        /// The number of all inputs.
        inputs: usize,
    },
    /// There was too much free text in the header of the base or of the first input.
    Metadata {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The set of least diameter was too hard to find.
    Approximate {
        /// The number of rows.
        rows: usize,
        /// The number of rows left out.
        liars: usize,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeptOne { tensor, elements } => {
                write!(
                    f,
                    "tensor `{tensor}`: the density keeps none of its elements ({elements}); "
                )?;
                f.write_str("one was kept")
            }
            Self::Linear { tensor, reason } => {
                write!(f, "tensor `{tensor}`: averaged linearly because {reason}")
            }
            Self::Liars { step, rows, asked, used } => {
                let s = plural(*used);
                write!(f, "`{step}` of {rows} rows tolerates {used} liar{s}, not {asked}")
            }
            Self::Density { asked } => {
                write!(f, "a density of {asked} is below 2^-32 and counts as that")
            }
            Self::StillMoving { what, steps } => {
                write!(f, "{what} was still moving after {steps} steps; what it was then is used")
            }
            Self::SmallWeights { count, inputs } => {
                f.write_str("weights below 2^-60 of the largest, which count as that: ")?;
                write!(f, "{count} of {inputs}")
            }
            Self::NotFinite { count, inputs } => {
                f.write_str("inputs left out because they are not finite or too long to be ")?;
                write!(f, "measured: {count} of {inputs}")
            }
            Self::Metadata { bytes } => {
                f.write_str("the free text of the model's header was left out: ")?;
                write!(f, "{bytes} bytes, more than 2^20")
            }
            Self::Approximate { rows, liars } => {
                write!(f, "which {liars} of {rows} rows to leave out was too hard to find; the ")?;
                f.write_str("set that was used has at most twice the least diameter")
            }
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// The largest number of tensors that a line names.
const NAMED: usize = 3;

impl Note {
    /// Lines for a reader, each once, in the order of `notes`. Notes that say the same of several
    /// tensors are one line, which names the first three: a model has thousands of tensors.
    ///
    /// ```
    /// use espalier_resolve::Note;
    /// let note = |tensor: &str| Note::Linear { tensor: tensor.into(), reason: "it is zero" };
    /// let notes: Vec<Note> = ["a", "b", "c", "d", "a"].map(note).into();
    /// assert_eq!(
    ///     Note::summary(&notes),
    ///     ["tensors `a`, `b`, `c` and 1 more: averaged linearly because it is zero"]
    /// );
    /// assert_eq!(Note::summary(&notes[..1]), [notes[0].to_string()]);
    /// ```
    #[must_use]
    pub fn summary(notes: &[Self]) -> Vec<String> {
        let (mut seen, mut places) = (BTreeSet::new(), BTreeMap::<String, usize>::new());
        let mut lines = Vec::<Line<'_>>::new();
        for note in notes.iter().filter(|note| seen.insert(*note)) {
            let text = note.said();
            let place = *places.entry(text.clone()).or_insert(lines.len());
            if place == lines.len() {
                lines.push(Line { text, tensors: Vec::new() });
            }
            lines[place].tensors.extend(note.tensor());
        }
        lines.iter().map(ToString::to_string).collect()
    }

    /// The tensor that a note is about.
    fn tensor(&self) -> Option<&str> {
        match self {
            Self::KeptOne { tensor, .. } | Self::Linear { tensor, .. } => Some(tensor),
            _ => None,
        }
    }

    /// What the note says, without the tensor.
    fn said(&self) -> String {
        let text = self.to_string();
        match self.tensor() {
            Some(tensor) => text.replacen(&format!("tensor `{tensor}`: "), "", 1),
            None => text,
        }
    }
}

/// Some tensors and what is said of them.
struct Line<'n> {
    text: String,
    tensors: Vec<&'n str>,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> =
            self.tensors.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
        let more = self.tensors.len() - names.len();
        match (names.len(), more) {
            (0, _) => {}
            (1, _) => write!(f, "tensor {}: ", names[0])?,
            (_, 0) => write!(f, "tensors {}: ", names.join(", "))?,
            _ => write!(f, "tensors {} and {more} more: ", names.join(", "))?,
        }
        f.write_str(&self.text)
    }
}

/// As its text.
impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
