//! How many rounds random push–pull takes until all nodes hold the same, compared with a separate
//! program and with theory.
//!
//! The nodes are merge states of one operation each, in one arena; in a round every node, in random
//! order, asks one random neighbour, and both exchange everything. Nothing is modelled: the joins
//! are those of `espalier-replica`, the calls those of [`simulate`](crate::simulate) with the same
//! seed.
//!
//! ```
//! use espalier_sim::{RoundsConfig, run_rounds};
//!
//! let config = RoundsConfig {
//!     topologies: Some(vec!["star".parse()?]),
//!     nodes: vec![16],
//!     seeds: (1..=5).collect(),
//!     ..RoundsConfig::default()
//! };
//! let found = run_rounds(&config, &|_, _| ())?;
//! assert!(found.cells.iter().all(|cell| cell.rounds.mean == 2.0 && cell.passes()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod exact;
mod play;
mod reference;
mod theory;

pub use reference::{Comparison, Source};
pub use theory::Theory;

use crate::error::{SimError, field};
use crate::lab::estimate::Sample;
use espalier_topology::{Network, Order, Topology};
use play::Crowds;
use rayon::prelude::*;
use reference::Reference;
use serde::Serialize;
use std::collections::BTreeSet;

/// The most nodes: a line of more would take hours.
const MAX_NODES: u32 = 10_000;
/// The most seeds.
const MAX_SEEDS: usize = 100_000;
/// For a random topology, theory is worked out for the networks of this many seeds: it takes longer
/// than a run.
const THEORY_SEEDS: usize = 5;

/// What is measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoundsConfig {
    /// The networks; null stands for all eleven kinds, with parameters that suit the number of
    /// nodes.
    pub topologies: Option<Vec<Topology>>,
    /// Numbers of nodes.
    pub nodes: Vec<u32>,
    /// Whether the exchanges of a round see each other's results.
    pub orders: Vec<Order>,
    /// A run for each seed. Random networks are drawn anew from each.
    pub seeds: Vec<u64>,
}

impl Default for RoundsConfig {
    fn default() -> Self {
        Self {
            topologies: None,
            nodes: vec![8, 64, 1024],
            orders: vec![Order::Sequential, Order::Synchronous],
            seeds: (1..=200).collect(),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rounds {
    /// What was measured.
    pub config: RoundsConfig,
    /// The cells, by topology, number of nodes and order.
    pub cells: Vec<RoundsCell>,
    /// Combinations for which no network exists.
    pub left_out: Vec<NoNetwork>,
}

/// A topology that does not exist with a number of nodes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoNetwork {
    /// The topology that cannot be built.
    pub topology: Topology,
    /// The number of nodes with which it cannot.
    pub nodes: u32,
    /// The reason, in words.
    pub reason: String,
}

/// Runs that differ in their seed only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoundsCell {
    /// The topology of the network.
    pub topology: Topology,
    /// The number of nodes.
    pub nodes: u32,
    /// Whether the exchanges of a round see each other's results.
    pub order: Order,
    /// Rounds until all nodes held the same.
    pub rounds: Sample,
    /// Figures of others.
    pub comparisons: Vec<Comparison>,
    /// What theory says about the mean. Of a random topology: what holds for all networks of the
    /// first five seeds.
    pub theory: Theory,
    /// Whether the mean lies between the bounds, give or take three standard errors.
    pub holds: bool,
    /// With partners by schedule, on the network of the first seed.
    pub scheduled: Scheduled,
    /// The rounds of each seed.
    pub runs: Vec<u32>,
}

/// Rounds with partners by schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Scheduled {
    /// The number of rounds.
    pub rounds: u32,
    /// How many are promised: ⌈log₂ n⌉ on complete networks and hypercubes, else the diameter.
    pub promised: u32,
    /// Whether the promise is kept: exactly with ⌈log₂ n⌉ and an even number of nodes, else with no
    /// more.
    pub kept: bool,
}

impl RoundsCell {
    /// Whether nothing is out: figures of others, theory and the schedule.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.holds && self.scheduled.kept && self.comparisons.iter().all(|other| other.within)
    }
}

/// The eleven kinds of random and other networks with a number of nodes. P of `erdos-renyi` is
/// 2 ln n / n, rounded up to two digits: twice what a connected network needs.
pub(crate) fn standard(nodes: usize) -> [Topology; 11] {
    let n = nodes.max(2) as f64;
    let mut scale = 1.0;
    while 2.0 * libm::log(n) / n * scale < 10.0 {
        scale *= 10.0;
    }
    let p = ((2.0 * libm::log(n) / n * scale).ceil() / scale).min(1.0);
    [
        Topology::Random,
        Topology::Ring,
        Topology::Star,
        Topology::Complete,
        Topology::Line,
        Topology::Torus,
        Topology::Hypercube,
        Topology::Regular(4),
        Topology::ErdosRenyi(p),
        Topology::WattsStrogatz(4, 0.1),
        Topology::BarabasiAlbert(2),
    ]
}

impl RoundsConfig {
    /// Checks what can be known before anything runs.
    ///
    /// # Errors
    /// [`SimError::Field`] if there is nothing to run, or too much.
    pub fn check(&self) -> Result<(), SimError> {
        if self.topologies.as_ref().is_some_and(Vec::is_empty) {
            return Err(field("topology", "name at least one"));
        }
        if self.orders.is_empty() {
            return Err(field("order", "name at least one"));
        }
        if self.seeds.is_empty() || self.seeds.len() > MAX_SEEDS {
            let problem = format!("must be 1 to {MAX_SEEDS}, not {}", self.seeds.len());
            return Err(field("seeds", problem));
        }
        let mut seen = BTreeSet::new();
        if let Some(nodes) = self.nodes.iter().find(|nodes| !seen.insert(**nodes)) {
            return Err(field("nodes", format!("{nodes} is named twice")));
        }
        let mut seen = BTreeSet::new();
        let mut named = self.topologies.iter().flatten().map(ToString::to_string);
        if let Some(name) = named.find(|name| !seen.insert(name.clone())) {
            return Err(field("topology", format!("{name} is named twice")));
        }
        let allowed = 2..=MAX_NODES;
        match self.nodes.iter().find(|nodes| !allowed.contains(nodes)) {
            Some(nodes) => Err(field("nodes", format!("must be 2 to {MAX_NODES}, not {nodes}"))),
            None if self.nodes.is_empty() => Err(field("nodes", "name at least one number")),
            None => Ok(()),
        }
    }

    /// The largest number of networks drawn, counting combinations for which none exists.
    #[must_use]
    pub fn draws(&self) -> usize {
        self.topologies.as_ref().map_or(11, Vec::len) * self.nodes.len() * self.seeds.len()
    }

    /// Topologies and numbers of nodes, and those that do not go together.
    fn places(&self) -> Result<(Vec<Place>, Vec<NoNetwork>), SimError> {
        let named = |nodes: u32| match &self.topologies {
            Some(topologies) => topologies.clone(),
            None => standard(nodes as usize).to_vec(),
        };
        let (mut places, mut left_out) = (Vec::new(), Vec::new());
        let (mut first, kinds) = (None, self.topologies.as_ref().map_or(11, Vec::len));
        for kind in 0..kinds {
            for &nodes in &self.nodes {
                let topology = named(nodes).swap_remove(kind);
                match topology.build(nodes as usize, self.seeds[0]) {
                    Ok(_) => places.push(Place { topology, nodes }),
                    Err(error) => {
                        left_out.push(NoNetwork { topology, nodes, reason: error.to_string() });
                        first.get_or_insert(error);
                    }
                }
            }
        }
        match first {
            Some(error) if places.is_empty() => Err(error.into()),
            _ => Ok((places, left_out)),
        }
    }
}

/// A network to measure, up to its seed.
#[derive(Debug, Clone)]
struct Place {
    topology: Topology,
    nodes: u32,
}

/// What one seed of a place gave, by order.
struct Found {
    rounds: Vec<u32>,
    theory: Option<Vec<Theory>>,
    scheduled: Option<Vec<Scheduled>>,
}

impl Place {
    fn is_random(&self) -> bool {
        use Topology::{BarabasiAlbert, ErdosRenyi, Random, Regular, WattsStrogatz};
        matches!(
            self.topology,
            Random | Regular(_) | ErdosRenyi(_) | WattsStrogatz(..) | BarabasiAlbert(_)
        )
    }

    /// Draws the network of the seed at this place of the list and runs on it.
    fn run(&self, config: &RoundsConfig, crowds: &Crowds, at: usize) -> Result<Found, SimError> {
        let seed = config.seeds[at];
        let network = self.topology.build(self.nodes as usize, seed)?;
        let of_orders = |of: &dyn Fn(Order) -> u32| config.orders.iter().map(|o| of(*o)).collect();
        let with_theory = at == 0 || (self.is_random() && at < THEORY_SEEDS);
        let theory = |order: &Order| Theory::of(&network, &self.topology, *order);
        let schedule = |order: &Order| self.schedule(&network, crowds, *order);
        Ok(Found {
            rounds: of_orders(&|order| play::random(crowds.of(&network), &network, order, seed)),
            theory: with_theory.then(|| config.orders.iter().map(theory).collect()),
            scheduled: (at == 0).then(|| config.orders.iter().map(schedule).collect()),
        })
    }

    fn schedule(&self, network: &Network, crowds: &Crowds, order: Order) -> Scheduled {
        let rounds = play::scheduled(crowds.of(network), network, &self.topology, order);
        let halving = network.is_implicit() || self.topology == Topology::Hypercube;
        let nodes = network.nodes();
        let promised =
            if halving { nodes.next_power_of_two().ilog2() } else { network.diameter() as u32 };
        let exactly = halving && nodes.is_multiple_of(2);
        let kept = if exactly { rounds == promised } else { rounds <= promised };
        Scheduled { rounds, promised, kept }
    }

    /// One cell for each order.
    fn cells(
        &self,
        config: &RoundsConfig,
        reference: &Reference,
        all: &[Found],
    ) -> Vec<RoundsCell> {
        let cell = |(i, order): (usize, &Order)| {
            let runs: Vec<u32> = all.iter().map(|found| found.rounds[i]).collect();
            let rounds = Sample::of(runs.iter().copied().map(f64::from))?;
            let theories = all.iter().filter_map(|found| found.theory.as_ref().map(|t| t[i]));
            let theory = theories.reduce(Theory::of_both)?;
            let scheduled = all.first()?.scheduled.as_ref()?[i];
            let (topology, nodes) = (&self.topology, self.nodes);
            let others = [
                reference.compare(topology, nodes, *order, &rounds),
                Comparison::with_earlier(topology, nodes, *order, &rounds),
            ];
            // An exact mean may be off in its last bits.
            let slack = 3.0 * rounds.standard_error.unwrap_or(f64::INFINITY) + 1e-9;
            let holds = rounds.mean + slack >= theory.lower && rounds.mean - slack <= theory.upper;
            Some(RoundsCell {
                topology: topology.clone(),
                nodes,
                order: *order,
                rounds,
                comparisons: others.into_iter().flatten().collect(),
                theory,
                holds,
                scheduled,
                runs,
            })
        };
        config.orders.iter().enumerate().filter_map(cell).collect()
    }
}

/// Runs all networks with all seeds, in parallel. The result does not depend on the number of
/// threads. `watch` hears of every network on which all orders have been run, in no order.
///
/// Cost: of a run, rounds × nodes joins of nodes / 64 words; with the default configuration some
/// minutes.
///
/// # Errors
/// [`SimError::Field`] as [`RoundsConfig::check`]; [`SimError::Topology`] if there is no network at
/// all, or one that the first seed drew cannot be drawn with another.
pub fn run_rounds(
    config: &RoundsConfig,
    watch: &(dyn Fn(&Topology, u32) + Sync),
) -> Result<Rounds, SimError> {
    run_beside(config, &Reference::shipped(), watch)
}

fn run_beside(
    config: &RoundsConfig,
    reference: &Reference,
    watch: &(dyn Fn(&Topology, u32) + Sync),
) -> Result<Rounds, SimError> {
    config.check()?;
    let (places, left_out) = config.places()?;
    let crowds = Crowds::new(places.iter().map(|place| place.nodes as usize))?;
    let seeds = config.seeds.len();
    let jobs: Vec<_> = places.iter().flat_map(|p| (0..seeds).map(move |at| (p, at))).collect();
    let run = |&(place, at): &(&Place, usize)| {
        let found = place.run(config, &crowds, at)?;
        watch(&place.topology, place.nodes);
        Ok(found)
    };
    let found: Vec<Found> = jobs.par_iter().map(run).collect::<Result<_, SimError>>()?;
    let of_places = places.iter().zip(found.chunks(seeds));
    let cells = of_places.flat_map(|(place, all)| place.cells(config, reference, all)).collect();
    Ok(Rounds { config: config.clone(), cells, left_out })
}

impl Rounds {
    /// Whether nothing is out in any cell.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.cells.iter().all(RoundsCell::passes)
    }

    /// As one line of JSON; `docs/SIMULATION.md` says what the fields mean.
    ///
    /// # Panics
    /// Never: all of it can be written.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data is always JSON")
    }

    /// As a table, a line for each cell; without the rounds of each seed.
    ///
    /// # Panics
    /// Never: it is written to memory.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut table = csv::Writer::from_writer(Vec::new());
        for cell in &self.cells {
            table.serialize(Line::of(cell)).expect("writing to memory does not fail");
        }
        let bytes = table.into_inner().expect("writing to memory does not fail");
        String::from_utf8(bytes).expect("made of text")
    }
}

/// A line of the table.
#[derive(Serialize)]
struct Line<'a> {
    topology: &'a Topology,
    nodes: u32,
    order: Order,
    runs: u32,
    mean: f64,
    standard_error: Option<f64>,
    min: f64,
    max: f64,
    reference: Option<f64>,
    reference_error: Option<f64>,
    earlier: Option<f64>,
    lower: f64,
    upper: f64,
    scheduled: u32,
    passes: bool,
}

impl<'a> Line<'a> {
    fn of(cell: &'a RoundsCell) -> Self {
        let Sample { n, mean, standard_error, min, max } = cell.rounds;
        let of = |source| cell.comparisons.iter().find(|other| other.source == source);
        Self {
            topology: &cell.topology,
            nodes: cell.nodes,
            order: cell.order,
            runs: n,
            mean,
            standard_error,
            min,
            max,
            reference: of(Source::Reference).map(|other| other.mean),
            reference_error: of(Source::Reference).map(|other| other.standard_error),
            earlier: of(Source::Earlier).map(|other| other.mean),
            lower: cell.theory.lower,
            upper: cell.theory.upper,
            scheduled: cell.scheduled.rounds,
            passes: cell.passes(),
        }
    }
}

#[cfg(test)]
mod tests;
