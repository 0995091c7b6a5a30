//! What a Maelstrom node says, before it is written anywhere.

/// What a node says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// A message, for standard output.
    Line(String),
    /// What is wrong with something that came in, for standard error.
    Complaint(String),
}
