//! Other ways to spread contributions than exchanges between neighbours, and a comparison of all.
//!
//! * [`broadcast`]: fresh operations over PlumTree and HyParView, with exchanges for repair. A part
//!   of the world: its nodes are the replicas.

pub(crate) mod broadcast;
