//! Removal: what is gone stays gone, and only its author can make it so.

use super::convergence::parts;
use crate::swarm::facts::{Facts, removes};
use crate::swarm::look::{Checker, Glance, Scene, Seen, Setting, Verdict, claim};
use espalier_identity::PeerId;
use espalier_lattice::Dot;
use espalier_trust::FaultKind;
use std::collections::{BTreeMap, BTreeSet};

/// No resurrection: what a node once saw removed is never visible there again. A crash may make a
/// node forget a removal, but what an honest author took back is gone again once everybody is back.
/// A liar need not say twice what it took back, nor to everybody.
#[derive(Debug, Default)]
pub(crate) struct NoResurrection {
    /// By node, since its last crash.
    gone: BTreeMap<usize, (u32, BTreeSet<Dot<PeerId>>)>,
    /// What honest authors ever took back.
    ever: BTreeSet<Dot<PeerId>>,
}

impl Checker for NoResurrection {
    fn name(&self) -> &'static str {
        "no-resurrection"
    }

    fn check(&mut self, setting: &Setting<'_>, facts: &Facts, seen: &Seen<'_>) -> Verdict {
        match seen {
            Seen::Node(node) | Seen::Back(node) => self.look(setting, facts, node),
            Seen::Round(scene) => {
                scene.nodes.iter().try_for_each(|node| self.look(setting, facts, node))
            }
            Seen::End(scene) => self.nothing_came_back(setting, facts, scene),
            Seen::Record(_) | Seen::Passed(_) => Ok(()),
        }
    }
}

impl NoResurrection {
    fn look(&mut self, setting: &Setting<'_>, facts: &Facts, node: &Glance<'_>) -> Verdict {
        let (crashes, gone) = self.gone.entry(node.number).or_default();
        if *crashes != node.crashes {
            (*crashes, *gone) = (node.crashes, BTreeSet::new());
        }
        stays_gone(setting, facts, node, gone)?;
        gone.extend(&node.model.removed);
        self.ever.extend(node.model.removed.iter().filter(|dot| dot.actor == node.id));
        Ok(())
    }

    fn nothing_came_back(
        &self,
        setting: &Setting<'_>,
        facts: &Facts,
        scene: &Scene<'_>,
    ) -> Verdict {
        for part in parts(setting) {
            let of_part = |dot: &&Dot<PeerId>| part.iter().any(|i| setting.ids[*i] == dot.actor);
            let gone = self.ever.iter().filter(of_part).copied().collect();
            let members = scene.nodes.iter().filter(|node| part.contains(&node.number));
            members.into_iter().try_for_each(|node| stays_gone(setting, facts, node, &gone))?;
        }
        Ok(())
    }
}

/// Of an author who forked a removal may be pushed out; it is convicted, and nothing of it visible.
fn stays_gone(
    setting: &Setting<'_>,
    facts: &Facts,
    node: &Glance<'_>,
    gone: &BTreeSet<Dot<PeerId>>,
) -> Verdict {
    for entry in node.state.visible() {
        let dot = entry.op().op().dot();
        claim!(
            !gone.contains(&dot),
            "node_{} sees contribution {} of {} again, which was removed",
            node.number,
            dot.seq,
            setting.name(&dot.actor)
        );
    }
    let forked = |dot: &Dot<PeerId>| node.model.has_forked(&dot.actor);
    let stay = node.model.live.iter().filter(|(dot, _)| !gone.contains(dot) || forked(dot));
    let stay = stay.filter_map(|(_, id)| facts.get(id)?.op.contribution());
    let tensors: BTreeSet<_> =
        stay.flat_map(|c| c.manifest.tensors()).map(|meta| meta.content).collect();
    claim!(
        node.state.live_contents().all(|content| tensors.contains(&content)),
        "node_{} holds tensors live of which every contribution was removed",
        node.number
    );
    Ok(())
}

/// Authors retract only their own: a foreign retraction convicts its author. That it has no effect
/// follows from the views, which the model makes without it.
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
