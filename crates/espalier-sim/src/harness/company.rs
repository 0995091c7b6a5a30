//! The cast of a run: who behaves how, who comes late, and the liars' workshop, which knows what
//! everybody trained, and makes what the liars contribute of it.

use super::labels::Labels;
use super::models::{Trained, forge_models};
use crate::attack::{Attack, Gang};
use crate::config::Config;
use crate::error::SimError;
use crate::node::behaviour::{Behaviour, Honest};
use crate::run::cast::Cast;
use crate::seeds::Seeds;
use crate::task::{Task, inputs};
use espalier_replica::{Arena, Policy};
use espalier_tensor::Model;
use espalier_topology::Network;

/// The nodes of a run by the parts that they play.
#[derive(Debug)]
pub(super) struct Company {
    labels: Labels,
    /// Each attack with its liars, and their last push.
    gangs: Vec<(Attack, Vec<usize>, Option<Vec<f32>>)>,
}

impl Company {
    /// What a run may know of the labels.
    pub(super) fn cast(labels: &Labels) -> Box<dyn Cast> {
        let gangs = labels.gangs().into_iter();
        let gangs = gangs.map(|(attack, nodes)| (attack, nodes, None)).collect();
        Box::new(Self { labels: labels.clone(), gangs })
    }
}

impl Cast for Company {
    fn late(&self, config: &Config) -> Vec<usize> {
        self.labels.late(config)
    }

    fn behaviours(&self, config: &Config, network: &Network) -> Vec<Box<dyn Behaviour>> {
        let honest = self.labels.honest();
        let victim = honest[Seeds(config.seed).rng("victim", 0).below(honest.len())];
        let mut cast: Vec<Box<dyn Behaviour>> = Vec::new();
        cast.resize_with(config.nodes as usize, || Box::new(Honest));
        for (attack, members, _) in &self.gangs {
            let gang = Gang { members: members.clone(), victim, rounds: config.rounds };
            for node in members {
                cast[*node] = attack.behaviour(*node, &gang, network);
            }
        }
        cast
    }

    /// Liars may bring what they want.
    fn check_inputs(&self, config: &Config, task: &Task, arena: &Arena) -> Result<(), SimError> {
        inputs::check(config, task, arena, &|node| self.labels.is_honest(node))
    }

    fn check_trained(
        &self,
        task: &Task,
        node: usize,
        model: &Model,
        arena: &Arena,
    ) -> Result<(), SimError> {
        if self.labels.is_honest(node) {
            inputs::check_trained(task, node, model, arena)?;
        }
        Ok(())
    }

    fn forge(
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
