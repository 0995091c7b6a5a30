//! Ways to spread contributions other than exchanges between neighbours, and a comparison of all.
//!
//! * [`broadcast`](crate::world::broadcast): fresh operations over PlumTree and HyParView, with
//!   exchanges for repair. A part of the world: its nodes are the replicas.
//! * [`mean`]: partial sums up a tree and the mean down, a population of its own; [`drive`] runs
//!   it.
//! * [`own`]: protocols that somebody else writes.
//! * [`compare`]: all of them on one network.

mod compare;
mod drive;
mod mean;
mod own;

pub use compare::{
    Exchanges, ExchangesConfig, LeftOut, Protocol, ProtocolResult, ProtocolRun, run_exchanges,
    run_protocol,
};
pub use own::{ExchangeProtocol, Letter, ProtocolNode};
