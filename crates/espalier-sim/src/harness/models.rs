//! Between models and rows: liars forge rows of deltas, and contribute models.

use crate::attack::{Attack, Scene};
use crate::config::Config;
use crate::seeds::Seeds;
use crate::task::Task;
use crate::tensors::{row_of, with_row};
use espalier_identity::Keypair;
use espalier_replica::{Arena, Draft, MergeState, Policy, PolicySpec};
use espalier_tensor::Model;

/// What everybody trained in a training round; liars have trained honestly up to here.
#[derive(Debug)]
pub(super) struct Trained<'a> {
    pub(super) task: &'a Task,
    pub(super) policy: &'a Policy,
    /// Number of the training round.
    pub(super) number: u64,
    /// Models of the honest nodes, by node number.
    pub(super) honest: Vec<(usize, &'a Model)>,
    /// Models of the liars of one attack, by node number.
    pub(super) own: Vec<(usize, &'a Model)>,
}

/// The models that the liars of one attack contribute, in the order of `trained.own`. `previous` is
/// their last push and becomes this one. Elements that the attack leaves alone keep their bytes.
pub(super) fn forge_models(
    attack: Attack,
    config: &Config,
    trained: &Trained<'_>,
    previous: &mut Option<Vec<f32>>,
) -> Vec<Model> {
    let base = trained.task.base();
    let rows = |models: &[(usize, &Model)]| -> Vec<Vec<f32>> {
        models.iter().map(|(_, model)| row_of(model, base)).collect()
    };
    let (honest, own) = (rows(&trained.honest), rows(&trained.own));
    let rehearsal = Rehearsal::new(trained, &own);
    let resolve = |rows: &[Vec<f32>]| rehearsal.resolve(rows);
    let first = trained.own.first().map_or(0, |(node, _)| *node as u64);
    let scene = Scene {
        honest: &honest,
        own: &own,
        roster: config.nodes as usize,
        key: Seeds(config.seed).key("attack", first + (trained.number << 32)),
        target: Some(&resolve),
        previous: previous.as_deref(),
    };
    let forged = attack.forge(&scene);
    if matches!(attack, Attack::Drift(_)) {
        *previous = Some(scene.push(&forged));
    }
    let changed = trained.own.iter().zip(own.iter().zip(&forged));
    let contributed = changed.map(|((_, model), (own, row))| {
        match honest.iter().position(|honest| honest == row) {
            // Deltas are rounded, so a copy of one would not be a copy of the model.
            Some(copied) => trained.honest[copied].1.clone(),
            None => with_row(model, base, own, row),
        }
    });
    contributed.collect()
}

/// What the federation would make of other rows: the merge itself as the target of a search.
///
/// It is a state with everybody's contribution, under keys that stand in for the real ones: the
/// attacker foresees the merge but signs for nobody.
struct Rehearsal<'a> {
    trained: &'a Trained<'a>,
    /// What the liars trained, as rows.
    own: &'a [Vec<f32>],
    keys: Vec<Keypair>,
    policy: Option<Policy>,
}

impl<'a> Rehearsal<'a> {
    fn new(trained: &'a Trained<'a>, own: &'a [Vec<f32>]) -> Self {
        let spec = trained.policy.spec();
        // Those who are away or lie otherwise are on the roster, too, and silent.
        let count = spec.roster.len() as u64;
        let key = |i| Keypair::from_seed(*Seeds(0).key("stand-in key", i).as_bytes());
        let keys: Vec<Keypair> = (0..count).map(key).collect();
        let roster = keys.iter().map(Keypair::peer_id).collect();
        let policy = Policy::new(PolicySpec { roster, ..spec.clone() }).ok();
        Self { trained, own, keys, policy }
    }

    /// From rows, the honest ones first, to the delta of the merged model. Zero, which stands for
    /// the base, where nothing can be merged.
    fn resolve(&self, rows: &[Vec<f32>]) -> Vec<f32> {
        let merged = self.merge(rows);
        merged.map_or_else(
            || vec![0.0; rows.first().map_or(0, Vec::len)],
            |model| row_of(&model, self.trained.task.base()),
        )
    }

    fn merge(&self, rows: &[Vec<f32>]) -> Option<Model> {
        let Trained { task, number, honest, own, .. } = self.trained;
        let arena = Arena::default();
        if let Some(base) = task.base() {
            arena.put_model(base.clone());
        }
        let mut state = MergeState::with_arena(self.policy.clone()?, arena);
        let honest = honest.iter().map(|(node, model)| (*node, (*model).clone()));
        let forged = own.iter().zip(self.own).zip(rows.iter().skip(honest.len()));
        let forged = forged
            .map(|(((node, model), own), row)| (*node, with_row(model, task.base(), own, row)));
        for ((node, model), key) in honest.chain(forged).zip(&self.keys) {
            let draft = Draft { round: *number, ..Draft::new("stand-in", model) };
            state.add(key, draft.weight(task.weight(node))).ok()?;
        }
        state.resolve().ok()
    }
}
