//! The liars' workshop: knows what everybody trained, and makes what the liars contribute of it.

use super::labels::Labels;
use crate::attack::{Attack, Trained, forge_models};
use crate::config::Config;
use crate::task::Task;
use espalier_replica::Policy;
use espalier_tensor::Model;

/// The attacks of a run with their liars. Whoever holds it can have models forged, not look inside.
#[derive(Debug)]
pub(crate) struct Forgery {
    labels: Labels,
    /// Each attack with its liars, and their last push.
    gangs: Vec<(Attack, Vec<usize>, Option<Vec<f32>>)>,
}

impl Forgery {
    pub(super) fn new(labels: Labels) -> Self {
        let gangs = labels.gangs().into_iter();
        let gangs = gangs.map(|(attack, nodes)| (attack, nodes, None)).collect();
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
