//! Between models and rows: liars forge rows of deltas, and contribute models.

use super::{Attack, Scene};
use crate::config::Config;
use crate::seeds::Seeds;
use crate::task::Task;
use crate::tensors::{map_floats, row_of};
use espalier_identity::Keypair;
use espalier_replica::{Arena, Draft, MergeState, Policy, PolicySpec};
use espalier_tensor::Model;

/// What everybody trained in a training round; liars have trained honestly up to here.
#[derive(Debug)]
pub(crate) struct Trained<'a> {
    pub(crate) task: &'a Task,
    pub(crate) policy: &'a Policy,
    /// Number of the training round.
    pub(crate) number: u64,
    /// Models of the honest nodes, by node number.
    pub(crate) honest: Vec<(usize, &'a Model)>,
    /// Models of the liars of one attack, by node number.
    pub(crate) own: Vec<(usize, &'a Model)>,
}

/// The models that the liars of one attack contribute, in the order of `trained.own`. `previous` is
/// their last push and becomes this one. Elements that the attack leaves alone keep their bytes.
pub(crate) fn forge_models(
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

/// `model` with the opposite delta.
pub(crate) fn flipped(model: &Model, base: Option<&Model>) -> Model {
    let own = row_of(model, base);
    let row: Vec<f32> = own.iter().map(|x| -x).collect();
    with_row(model, base, &own, &row)
}

/// base + `row`, but for the elements that are as in `own`, which keep those of `model`.
fn with_row(model: &Model, base: Option<&Model>, own: &[f32], row: &[f32]) -> Model {
    let mut at = 0;
    map_floats(model, base, |values, base| {
        for (i, value) in values.iter_mut().enumerate() {
            if row[at].to_bits() != own[at].to_bits() {
                *value = base.map_or(0.0, |base| base[i]) + f64::from(row[at]);
            }
            at += 1;
        }
    })
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
