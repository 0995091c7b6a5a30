//! Who asks whom in a round without a schedule.

use crate::seeds::Dice;
use espalier_topology::Network;

/// Puts the starters into a random order; each then asks one of its neighbours, all equally likely.
/// Pairs of (starter, neighbour), in the order of their exchanges.
pub(crate) fn random_pairs(
    network: &Network,
    mut starters: Vec<usize>,
    dice: &mut Dice,
) -> Vec<(usize, usize)> {
    dice.shuffle(&mut starters);
    let mut pairs = Vec::with_capacity(starters.len());
    for starter in starters {
        let degree = network.degree(starter);
        let choice = dice.below(degree.max(1));
        pairs.extend(network.neighbour(starter, choice).map(|peer| (starter, peer)));
    }
    pairs
}
