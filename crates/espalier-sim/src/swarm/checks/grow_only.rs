//! Grow-only: a node that did not crash loses no operation, except by the rule for forks.

use crate::swarm::facts::{Fact, Facts};
use crate::swarm::look::{Checker, Glance, Seen, Setting, Verdict, claim};
use espalier_replica::OpId;
use std::collections::{BTreeMap, BTreeSet};

/// What each node held when it was last looked at, since its last crash.
#[derive(Debug, Default)]
pub(crate) struct GrowOnly(BTreeMap<usize, (u32, BTreeSet<OpId>)>);

impl Checker for GrowOnly {
    fn name(&self) -> &'static str {
        "grow-only"
    }

    fn check(&mut self, _: &Setting<'_>, facts: &Facts, seen: &Seen<'_>) -> Verdict {
        match seen {
            Seen::Node(node) | Seen::Back(node) => self.look(facts, node),
            Seen::Round(scene) => scene.nodes.iter().try_for_each(|node| self.look(facts, node)),
            Seen::Record(_) | Seen::Passed(_) | Seen::End(_) => Ok(()),
        }
    }
}

impl GrowOnly {
    fn look(&mut self, facts: &Facts, node: &Glance<'_>) -> Verdict {
        let now = node.ids();
        claim!(now.len() == node.facts.len(), "node_{} lists an operation twice", node.number);
        let before = self.0.insert(node.number, (node.crashes, now.clone()));
        let Some((_, before)) = before.filter(|(crashes, _)| *crashes == node.crashes) else {
            return Ok(());
        };
        for lost in before.difference(&now).filter_map(|id| facts.get(id)) {
            claim!(
                gives_way(lost, node),
                "node_{} lost operation {} of {}, and no fork took its place",
                node.number,
                lost.op().seq,
                lost.op().author.short()
            );
        }
        Ok(())
    }
}

/// Whether its place holds two operations of lesser identifier, and for each verdict that it shows
/// one of lesser identifier that shows it too.
fn gives_way(lost: &Fact, node: &Glance<'_>) -> bool {
    let rivals = node.facts.iter().filter(|fact| fact.dot() == lost.dot());
    let lesser: Vec<_> = rivals.filter(|fact| fact.id() < lost.id()).collect();
    let shown: BTreeSet<_> = lesser.iter().flat_map(|fact| fact.shows()).collect();
    lesser.len() >= 2 && lost.shows().all(|verdict| shown.contains(&verdict))
}
