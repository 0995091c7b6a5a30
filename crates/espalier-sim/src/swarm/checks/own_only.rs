//! Own only: authors retract only what is their own, and a foreign retraction convicts its author.
//! That it has no effect follows from the views, which the model makes without it.

use crate::swarm::facts::{Facts, removes};
use crate::swarm::look::{Checker, Glance, Seen, Setting, Verdict, claim};
use espalier_identity::PeerId;
use espalier_lattice::Dot;
use espalier_trust::FaultKind;
use std::collections::{BTreeMap, BTreeSet};

/// Needs no memory.
#[derive(Debug)]
pub(crate) struct OwnOnly;

impl Checker for OwnOnly {
    fn name(&self) -> &'static str {
        "own-only"
    }

    fn check(&mut self, setting: &Setting<'_>, _: &Facts, seen: &Seen<'_>) -> Verdict {
        let Seen::Round(scene) = seen else { return Ok(()) };
        scene.nodes.iter().try_for_each(|node| look(setting, node))
    }
}

fn look(setting: &Setting<'_>, node: &Glance<'_>) -> Verdict {
    let mut removed_by_author = BTreeSet::<Dot<PeerId>>::new();
    let mut aimed_at = BTreeMap::new();
    for fact in &node.facts {
        let author = fact.op().author;
        let targets = removes(fact.op());
        if targets.iter().all(|dot| dot.actor == author) {
            removed_by_author.extend(targets);
            continue;
        }
        aimed_at.extend(targets.iter().filter(|dot| dot.actor != author).map(|dot| (*dot, author)));
        let has = |kind| node.state.evidence().has(&author, kind);
        claim!(
            has(FaultKind::ForeignRetraction) || has(FaultKind::IllegalField),
            "{} retracts what is not its own, and node_{} does not convict it",
            setting.name(&author),
            node.number
        );
    }
    for (dot, by) in aimed_at {
        // Whoever is heard at all is heard by its latest contribution, unless it took that back.
        let Some(id) = node.model.live.get(&dot) else { continue };
        let visible = node.state.visible().any(|entry| entry.op().id() == *id);
        let chosen = node.model.visible.get(&dot.actor) == Some(id);
        claim!(
            visible || !chosen || removed_by_author.contains(&dot),
            "{} took contribution {} of {} away at node_{}",
            setting.name(&by),
            dot.seq,
            setting.name(&dot.actor),
            node.number
        );
    }
    Ok(())
}
