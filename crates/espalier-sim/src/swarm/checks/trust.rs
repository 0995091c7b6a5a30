//! Trust: a conviction stays where it was seen, the convicted weigh nothing, and nobody honest is
//! ever convicted.

use crate::swarm::facts::{Facts, Verdict as Guilty};
use crate::swarm::look::{Checker, Glance, Seen, Setting, Verdict, claim};
use espalier_trust::Q16;
use std::collections::{BTreeMap, BTreeSet};

/// What each node knew since its last crash.
#[derive(Debug, Default)]
pub(crate) struct Trust(BTreeMap<usize, (u32, BTreeSet<Guilty>)>);

impl Checker for Trust {
    fn name(&self) -> &'static str {
        "trust"
    }

    fn check(&mut self, setting: &Setting<'_>, _: &Facts, seen: &Seen<'_>) -> Verdict {
        match seen {
            Seen::Node(node) | Seen::Back(node) => self.look(setting, node),
            Seen::Round(scene) => scene.nodes.iter().try_for_each(|node| {
                self.look(setting, node)?;
                weigh(setting, node)
            }),
            Seen::Record(_) | Seen::Passed(_) | Seen::End(_) => Ok(()),
        }
    }
}

impl Trust {
    fn look(&mut self, setting: &Setting<'_>, node: &Glance<'_>) -> Verdict {
        let now: BTreeSet<Guilty> = node.state.evidence().keys().copied().collect();
        for (accused, kind) in &now {
            claim!(
                !setting.is_honest(accused),
                "node_{} convicts {} of {kind}, and it is honest",
                node.number,
                setting.name(accused)
            );
        }
        let before = self.0.insert(node.number, (node.crashes, now.clone()));
        let Some((_, before)) = before.filter(|(crashes, _)| *crashes == node.crashes) else {
            return Ok(());
        };
        for (accused, kind) in before.difference(&now) {
            // What is read off a chain may go with what a fork pushes out; the fork says it all.
            let covered = kind.is_of_a_chain() && node.model.has_forked(accused);
            claim!(
                covered,
                "node_{} no longer convicts {} of {kind}",
                node.number,
                setting.name(accused)
            );
        }
        Ok(())
    }
}

/// What nobody who is convicted may have.
fn weigh(setting: &Setting<'_>, node: &Glance<'_>) -> Verdict {
    let trust = node.state.trust().map_err(|e| format!("node_{}: no trust: {e}", node.number))?;
    for (accused, kind) in &node.model.verdicts {
        let overall = trust.get(accused).map(|trust| trust.overall());
        claim!(
            overall == Some(Q16::ZERO),
            "node_{} trusts {} {overall:?}, in spite of {kind}",
            node.number,
            setting.name(accused)
        );
    }
    let Ok(resolution) = node.state.resolution() else { return Ok(()) };
    for voice in resolution.voices() {
        claim!(
            !node.model.convicts(&voice.author),
            "node_{} merges {} with weight {}, and its operations convict it",
            node.number,
            setting.name(&voice.author),
            voice.weight
        );
    }
    Ok(())
}
