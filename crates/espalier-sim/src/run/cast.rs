//! Who plays which part, as a run sees it.

use crate::config::Config;
use crate::error::SimError;
use crate::node::behaviour::Behaviour;
use crate::task::Task;
use espalier_replica::{Arena, Policy};
use espalier_tensor::Model;
use espalier_topology::Network;
use std::fmt::Debug;

/// Casts the nodes of a run. A run knows this trait and not who implements it: it hears how nodes
/// behave and what they contribute, and cannot ask who lies.
pub(crate) trait Cast: Debug {
    /// The nodes that join late.
    fn late(&self, config: &Config) -> Vec<usize>;

    /// How each node behaves.
    fn behaviours(&self, config: &Config, network: &Network) -> Vec<Box<dyn Behaviour>>;

    /// Refuses models that a node cannot contribute though it has to.
    fn check_inputs(&self, config: &Config, task: &Task, arena: &Arena) -> Result<(), SimError>;

    /// Refuses what a node trained before the first round if it has to contribute it and cannot.
    fn check_trained(
        &self,
        task: &Task,
        node: usize,
        model: &Model,
        arena: &Arena,
    ) -> Result<(), SimError>;

    /// Replaces what some nodes trained in training round `number` by what they contribute.
    /// `models` has what each node trained, if it did; `mislead` trains a node again on wrong
    /// labels, if the family has labels.
    fn forge(
        &mut self,
        config: &Config,
        task: &Task,
        policy: &Policy,
        number: u64,
        models: &mut [Option<Model>],
        mislead: &dyn Fn(usize) -> Option<Model>,
    );
}
