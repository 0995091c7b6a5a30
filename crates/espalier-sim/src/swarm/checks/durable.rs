//! Durable: an operation of one's own that anybody else holds is there after a crash.

use crate::swarm::facts::Facts;
use crate::swarm::look::{Checker, Glance, Seen, Setting, Verdict, claim};
use espalier_identity::PeerId;
use espalier_replica::OpId;
use std::collections::{BTreeMap, BTreeSet};

/// By author the operations that somebody else was seen to hold.
#[derive(Debug, Default)]
pub(crate) struct Durable(BTreeMap<PeerId, BTreeSet<OpId>>);

impl Checker for Durable {
    fn name(&self) -> &'static str {
        "durable"
    }

    fn check(&mut self, _: &Setting<'_>, _: &Facts, seen: &Seen<'_>) -> Verdict {
        match seen {
            Seen::Node(node) => self.note(node),
            Seen::Round(scene) => scene.nodes.iter().for_each(|node| self.note(node)),
            Seen::Back(node) => {
                let known = self.0.get(&node.id).cloned().unwrap_or_default();
                let lost = known.difference(&node.ids()).count();
                claim!(
                    lost == 0,
                    "node_{} came back without operations of its own that others hold: {lost}",
                    node.number
                );
            }
            Seen::Record(_) | Seen::Passed(_) | Seen::End(_) => {}
        }
        Ok(())
    }
}

impl Durable {
    fn note(&mut self, node: &Glance<'_>) {
        for fact in node.facts.iter().filter(|fact| fact.op().author != node.id) {
            self.0.entry(fact.op().author).or_default().insert(fact.id());
        }
    }
}
