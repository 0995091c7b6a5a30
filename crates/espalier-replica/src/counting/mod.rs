//! What exchanges bring and how many bytes that is, counted instead of sent.
//!
//! For programs that move sets directly and have to know what the frames would have been, such as a
//! simulator of thousands of nodes. Nobody who sends frames needs it.
//!
//! Every length is that of the frame which a replica makes, header included. An exchange is
//!
//! ```text
//! A → B  Hello                        HELLO_LEN
//! B → A  Same, or Differs             SAME_LEN, differs_len(frontier of B)
//! A → B  Delta with A's frontier      delta_len(key of A, Some(frontier of A), what B gains)
//! B → A  Delta                        delta_len(key of B, None, what A gains)
//! each   Want, if something lacks     want_len(contents)
//!        tensors                      tensors_len(contents, their bytes)
//! ```
//!
//! Counts are those of [`Gain`], which `MergeState::merge_counted` makes; frontiers are those of
//! `MergeState::frontier_len`. Operations that do not fit into one message come with later
//! exchanges, and then these are not the lengths of one exchange. A replica that admits somebody
//! while it takes operations in asks for that one's tensors apart. Exchanges do not overlap here,
//! and small tensors travel inside, as a new replica sends them.

pub(crate) mod gain;
pub(crate) mod lengths;
pub(crate) mod reach;
pub(crate) mod tally;

pub use gain::Gain;
pub use lengths::{
    HELLO_LEN, SAME_LEN, batch_len, delta_len, differs_len, inside_len, key_len, tensors_len,
    want_len,
};
