//! Seeded network graphs, partitions, schedules, spectral gap and round bounds.
//!
//! Names a network ([`Topology`]), draws it from a seed ([`Topology::build`] gives a connected
//! [`Network`]), says who talks to whom when a schedule is wanted ([`RoundPlan`]), splits nodes
//! into parts ([`Partition`]), and says what theory promises about it ([`spectral_gap`],
//! [`round_bound`]).
//!
//! This crate knows no states, no messages, no clock and no sockets. Its only IO is opening the
//! edge list of `file:PATH`, within a size limit.
//!
//! Same topology text, number of nodes and seed: same edges, on every platform.
//!
//! ```
//! use espalier_topology::{Order, Topology, round_bound};
//!
//! let topology: Topology = "watts-strogatz:4:0.2".parse()?;
//! let network = topology.build(64, 1)?;
//! assert_eq!(network.edge_count(), 128);
//! assert!(network.neighbours(5).all(|peer| network.contains_edge(peer, 5)));
//!
//! let bounds = round_bound(&network, Order::Synchronous);
//! assert!(bounds.lower <= bounds.upper && bounds.proven);
//!
//! let error = "hypercub".parse::<Topology>().unwrap_err();
//! assert!(error.to_string().contains("did you mean `hypercube`?"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bound;
mod draw;
mod edge_list;
mod edge_list_error;
mod error;
mod generate;
mod limits;
mod network;
mod partition;
mod regular;
mod rows;
mod schedule;
mod spectral;
mod topology;

pub use bound::{Bounds, FAILURE, round_bound};
pub use edge_list::{MAX_FILE_BYTES, open_edge_list, parse_edge_list, read_edge_list};
pub use edge_list_error::{EdgeListError, EdgeListProblem};
pub use error::TopologyError;
pub use limits::{MAX_EDGES, MAX_NODES};
pub use network::{Neighbours, Network};
pub use partition::{Partition, assign_parts};
pub use schedule::{Order, ParseNameError, RoundPlan, Schedule, scheduled_round};
pub use spectral::{EXACT_NODES, SpectralGap, spectral_gap};
pub use topology::{EXAMPLES, FORMS, ParseTopologyError, Topology};

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
