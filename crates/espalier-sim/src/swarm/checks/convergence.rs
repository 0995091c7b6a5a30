//! Convergence: once all faults are over and everybody had time, honest nodes that can reach each
//! other hold one state and one model.

use crate::config::Clock;
use crate::swarm::facts::Facts;
use crate::swarm::look::{AfterRound, Checker, Glance, Seen, Setting, Verdict, claim};
use espalier_file::count;
use espalier_topology::{Network, Order, round_bound};
use std::collections::BTreeSet;

/// How often everything may have to spread, one after the other: operations; the forks that only
/// show once both sides have seen equally far; the evidence that whoever met them signs; and copies
/// that show by what came last, with evidence again.
const WAVES: u32 = 5;

/// A wave takes longer than the bound with probability at most
/// [`FAILURE`](espalier_topology::FAILURE), 1 %. So many more bounds fail all together with 1e-10.
const RESERVE: u32 = 5;

/// Needs no memory.
#[derive(Debug)]
pub(crate) struct Convergence;

impl Checker for Convergence {
    fn name(&self) -> &'static str {
        "convergence"
    }

    fn check(&mut self, setting: &Setting<'_>, _: &Facts, seen: &Seen<'_>) -> Verdict {
        let Seen::End(scene) = seen else { return Ok(()) };
        for part in parts(setting) {
            let members = || scene.nodes.iter().filter(|node| part.contains(&node.number));
            let back = members().filter(|node| node.up).count();
            claim!(back == part.len(), "of nodes {part:?} only {back} are back");
            let Some(first) = members().next() else { continue };
            for node in members() {
                agree(first, node).map_err(|what| {
                    let (a, b) = (first.number, node.number);
                    format!("node_{a} and node_{b} differ in {what} after round {}", scene.round)
                })?;
            }
        }
        Ok(())
    }
}

fn agree(a: &Glance<'_>, b: &Glance<'_>) -> Verdict {
    let others = a.ids().symmetric_difference(&b.ids()).count();
    claim!(others == 0, "{}", count(others, "operation"));
    claim!(a.state.bound_root() == b.state.bound_root(), "their bound roots");
    claim!(a.state.state_hash() == b.state.state_hash(), "their state hashes");
    let merged = |node: &Glance<'_>| {
        node.state.resolve().map(|model| model.root()).map_err(|error| error.to_string())
    };
    claim!(merged(a) == merged(b), "their models");
    Ok(())
}

/// Whether all honest nodes that can reach each other hold the same operations.
pub(crate) fn is_reached(setting: &Setting<'_>, scene: &AfterRound<'_>) -> bool {
    parts(setting).iter().all(|part| {
        let members = scene.nodes.iter().filter(|node| part.contains(&node.number));
        members.map(|node| node.state.bound_root()).collect::<BTreeSet<_>>().len() <= 1
    })
}

/// The honest nodes in groups that can reach each other by way of honest nodes: liars need not pass
/// anything on.
pub(super) fn parts(setting: &Setting<'_>) -> Vec<BTreeSet<usize>> {
    let mut parts = Vec::<BTreeSet<usize>>::new();
    for node in (0..setting.honest.len()).filter(|node| setting.honest[*node]) {
        if parts.iter().any(|part| part.contains(&node)) {
            continue;
        }
        let (mut part, mut next) = (BTreeSet::from([node]), vec![node]);
        while let Some(node) = next.pop() {
            let others = setting.network.neighbours(node).filter(|peer| setting.honest[*peer]);
            next.extend(others.filter(|peer| part.insert(*peer)));
        }
        parts.push(part);
    }
    parts
}

/// The number of rounds honest nodes may take until they agree, whatever the liars do.
///
/// Within [`round_bound`] of the whole network every edge is used with high probability, so that
/// what liars hold and show comes out. Within that of a group of honest nodes what one of them
/// holds is spread among them, if they called nobody else; of d neighbours h are honest, so every
/// call goes astray with probability 1 - h/d, and takes at most twice d/h as long. Nodes with
/// clocks that run by chance stay silent for a period with probability 1/e: twice as long again.
/// Nodes that broadcast exchange only every few periods; of exchanges by intervals only some show
/// forks. Plans that name their pairs keep within the bound for random ones.
pub(crate) fn rounds_to_agree(setting: &Setting<'_>) -> u32 {
    let network = setting.network;
    let mut bound = upper(network);
    for part in parts(setting) {
        let members: Vec<usize> = part.iter().copied().collect();
        let place = |node: usize| members.binary_search(&node).ok();
        let edges = network.edges().filter_map(|(a, b)| Some((place(a)?, place(b)?)));
        let Ok(inner) = Network::from_edges(members.len(), edges) else { continue };
        let astray = |(at, node): (usize, &usize)| network.degree(*node).div_ceil(inner.degree(at));
        let slower = members.iter().enumerate().map(astray).max().unwrap_or(1) as u32;
        bound = bound.max(upper(&inner).saturating_mul(2 * slower));
    }
    let by_chance = u32::from(setting.config.clock == Clock::Poisson);
    let exchange = setting.config.exchange;
    let every = (exchange.every() * exchange.compares_every()) as u32;
    bound.saturating_mul((1 + by_chance) * (WAVES + RESERVE) * every)
}

fn upper(network: &Network) -> u32 {
    round_bound(network, Order::Synchronous).upper
}
