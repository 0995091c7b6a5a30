//! No resurrection: a contribution that was removed stays removed.

use super::convergence::parts;
use crate::swarm::facts::Facts;
use crate::swarm::look::{AfterRound, Checker, Glance, Seen, Setting, Verdict, claim};
use espalier_identity::PeerId;
use espalier_lattice::Dot;
use std::collections::{BTreeMap, BTreeSet};

/// What a node once saw removed is never visible there again. A crash may make a node forget a
/// removal, but what an honest author took back is gone again once everybody is back. A liar need
/// not say twice what it took back, nor to everybody.
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
        scene: &AfterRound<'_>,
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
