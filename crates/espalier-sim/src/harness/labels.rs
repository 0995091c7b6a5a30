//! Who lies. Visible in the harness alone: the type cannot be named outside, and the harness denies
//! the lints that would let it leak.

use crate::attack::Attack;
use crate::config::Config;
use crate::seeds::Seeds;

/// The attack of each node; `None` for the honest.
#[derive(Debug, Clone)]
pub(super) struct Labels(Vec<Option<Attack>>);

impl Labels {
    /// Draws the Byzantine nodes and deals the attacks out among them in turn.
    pub(super) fn deal(config: &Config) -> Self {
        let mut labels = vec![None; config.nodes as usize];
        let mut order: Vec<usize> = (0..labels.len()).collect();
        Seeds(config.seed).rng("byzantine", 0).shuffle(&mut order);
        order.truncate(config.byzantine.of(config.nodes) as usize);
        order.sort_unstable();
        for (turn, node) in order.into_iter().enumerate() {
            labels[node] = Some(config.attack[turn % config.attack.len()]);
        }
        Self(labels)
    }

    pub(super) fn attack(&self, node: usize) -> Option<Attack> {
        self.0[node]
    }

    pub(super) fn is_honest(&self, node: usize) -> bool {
        self.0[node].is_none()
    }

    /// The honest nodes, ascending.
    pub(super) fn honest(&self) -> Vec<usize> {
        (0..self.0.len()).filter(|&node| self.is_honest(node)).collect()
    }

    /// The nodes that join late: the last of those that may.
    pub(super) fn late(&self, config: &Config) -> Vec<usize> {
        let count = config.late_joiners.map_or(0, |late| late.count as usize);
        let honest = self.honest();
        honest[honest.len() - count..].to_vec()
    }

    /// Each attack with its liars, ascending.
    pub(super) fn gangs(&self) -> Vec<(Attack, Vec<usize>)> {
        let mut gangs: Vec<(Attack, Vec<usize>)> = Vec::new();
        for (node, attack) in self.0.iter().enumerate() {
            let Some(attack) = *attack else { continue };
            match gangs.iter_mut().find(|(known, _)| *known == attack) {
                Some((_, nodes)) => nodes.push(node),
                None => gangs.push((attack, vec![node])),
            }
        }
        gangs
    }
}
