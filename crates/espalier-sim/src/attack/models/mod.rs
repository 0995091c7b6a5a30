//! Attacks on the model: what liars contribute in place of what they trained, as rows of deltas
//! from the base.
//!
//! The attacker is omniscient, as in the literature: it knows all honest rows of the round, and
//! the liars of one attack collude. m is the mean of the honest deltas and s their standard
//! deviation, per coordinate and over the population, not the sample. Where several liars would be
//! equal, noise of S times s, drawn per liar, makes them look apart.

pub(super) mod alie;
pub(super) mod block;
pub(super) mod drift;
pub(super) mod gaussian;
pub(super) mod groups;
pub(super) mod inf;
pub(super) mod ipm;
pub(super) mod label_flip;
pub(super) mod mimic;
pub(super) mod min_max;
pub(super) mod min_sum;
pub(super) mod nan;
pub(super) mod optimal_alie;
pub(super) mod optimal_ipm;
pub(super) mod ring;
pub(super) mod scale;
pub(super) mod sign_flip;
pub(super) mod spread;
pub(super) mod top_component;
pub(super) mod white_box;
