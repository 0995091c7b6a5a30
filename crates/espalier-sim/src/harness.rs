//! Who lies. Only the harness and the report hold this; replicas never see it.

use crate::attack::{Attack, Trained, forge_models};
use crate::config::Config;
use crate::family::Task;
use crate::seeds::Seeds;
use espalier_replica::Policy;
use espalier_tensor::Model;

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

/// The liars' workshop: knows what everybody trained, and what was forged before.
#[derive(Debug)]
pub(crate) struct Forgery {
    labels: Labels,
    /// Each attack with its liars, and their last push.
    gangs: Vec<(Attack, Vec<usize>, Option<Vec<f32>>)>,
}

impl Forgery {
    pub(crate) fn new(labels: Labels) -> Self {
        let mut gangs: Vec<(Attack, Vec<usize>, _)> = Vec::new();
        for (node, attack) in labels.0.iter().enumerate() {
            let Some(attack) = *attack else { continue };
            match gangs.iter_mut().find(|(known, ..)| *known == attack) {
                Some((_, nodes, _)) => nodes.push(node),
                None => gangs.push((attack, vec![node], None)),
            }
        }
        Self { labels, gangs }
    }

    /// Replaces what liars trained in a training round by what they contribute. `models` has what
    /// each node trained, if it did; `mislead` trains a node again on wrong labels, if the family
    /// has labels.
    pub(crate) fn forge(
        &mut self,
        config: &Config,
        task: &Task,
        policy: &Policy,
        number: u64,
        models: &mut [Option<Model>],
        mislead: &dyn Fn(usize) -> Option<Model>,
    ) {
        let mut forged = Vec::new();
        for (attack, gang, previous) in &mut self.gangs {
            let there = |nodes: &mut dyn Iterator<Item = usize>| -> Vec<(usize, &Model)> {
                nodes.filter_map(|i| Some((i, models[i].as_ref()?))).collect()
            };
            let own = there(&mut gang.iter().copied());
            if own.is_empty() || !attack.changes_models() {
                continue;
            }
            let nodes: Vec<usize> = own.iter().map(|(node, _)| *node).collect();
            if *attack == Attack::LabelFlip
                && let Some(misled) = nodes.iter().map(|i| mislead(*i)).collect::<Option<Vec<_>>>()
            {
                forged.extend(nodes.into_iter().zip(misled));
                continue;
            }
            let honest = there(&mut (0..models.len()).filter(|i| self.labels.is_honest(*i)));
            let trained = Trained { task, policy, number, honest, own };
            let models = forge_models(*attack, config, &trained, previous);
            forged.extend(nodes.into_iter().zip(models));
        }
        for (node, model) in forged {
            models[node] = Some(model);
        }
    }
}
