//! Who lies. Only the harness and the report hold this; replicas never see it.

use crate::attack::Attack;
use crate::config::Config;
use crate::seeds::Seeds;

/// The attack of each node; `None` for the honest.
#[derive(Debug, Clone)]
pub(crate) struct Labels(Vec<Option<Attack>>);

impl Labels {
    pub(crate) fn attack(&self, node: usize) -> Option<Attack> {
        self.0[node]
    }

    pub(crate) fn is_honest(&self, node: usize) -> bool {
        self.0[node].is_none()
    }
}

/// Draws the Byzantine nodes and deals the attacks out among them in turn.
pub(crate) fn deal_attacks(config: &Config, seeds: Seeds) -> Labels {
    let mut labels = vec![None; config.nodes as usize];
    let mut order: Vec<usize> = (0..labels.len()).collect();
    seeds.rng("byzantine", 0).shuffle(&mut order);
    order.truncate(config.byzantine.of(config.nodes) as usize);
    order.sort_unstable();
    for (turn, node) in order.into_iter().enumerate() {
        labels[node] = Some(config.attack[turn % config.attack.len()]);
    }
    Labels(labels)
}
