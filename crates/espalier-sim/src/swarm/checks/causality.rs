//! Causality: chains have no gaps, nobody holds more of an author than the author, and what an
//! honest author names as its past is older and was there.

use crate::swarm::facts::{Fact, Facts};
use crate::swarm::look::{AfterRound, Checker, Glance, Seen, Setting, Verdict, claim};
use espalier_identity::PeerId;
use espalier_replica::OpId;
use std::collections::{BTreeMap, BTreeSet};

/// Whose pasts have been looked into.
#[derive(Debug, Default)]
pub(crate) struct Causality {
    known: BTreeSet<OpId>,
}

impl Checker for Causality {
    fn name(&self) -> &'static str {
        "causality"
    }

    fn check(&mut self, setting: &Setting<'_>, facts: &Facts, seen: &Seen<'_>) -> Verdict {
        let Seen::Round(scene) = seen else { return Ok(()) };
        for node in &scene.nodes {
            no_gaps(setting, node)?;
            self.signs_over_its_past(facts, node)?;
        }
        nobody_is_ahead(setting, scene)
    }
}

fn no_gaps(setting: &Setting<'_>, node: &Glance<'_>) -> Verdict {
    let mut numbers = BTreeMap::<PeerId, BTreeSet<u64>>::new();
    for fact in &node.facts {
        numbers.entry(fact.op().author).or_default().insert(fact.op().seq);
    }
    for (author, numbers) in numbers {
        claim!(
            numbers.iter().copied().eq(1..=numbers.len() as u64),
            "node_{} holds a chain of {} with gaps: {numbers:?}",
            node.number,
            setting.name(&author)
        );
    }
    Ok(())
}

/// Own operations are durable before anybody sees them, so crashes excuse nothing. A node that is
/// down is compared by what it held last.
fn nobody_is_ahead(setting: &Setting<'_>, scene: &AfterRound<'_>) -> Verdict {
    for author in &scene.nodes {
        let own = of_author(author, &author.id);
        for node in scene.nodes.iter().filter(|node| node.number != author.number) {
            let ahead = of_author(node, &author.id).difference(&own).count();
            claim!(
                ahead == 0,
                "node_{} holds operations of {} that this one does not hold itself: {ahead}",
                node.number,
                setting.name(&author.id)
            );
        }
    }
    Ok(())
}

fn of_author(node: &Glance<'_>, author: &PeerId) -> BTreeSet<OpId> {
    let of_author = node.facts.iter().filter(|fact| fact.op().author == *author);
    of_author.map(|fact| fact.id()).collect()
}

impl Causality {
    /// Looks at what a node has signed since the last time.
    fn signs_over_its_past(&mut self, facts: &Facts, node: &Glance<'_>) -> Verdict {
        let held = node.ids();
        let own = node.facts.iter().filter(|fact| fact.op().author == node.id);
        for fact in own {
            if !self.known.insert(fact.id()) {
                continue;
            }
            let mut todo: Vec<&Fact> = vec![fact];
            let mut seen = BTreeSet::new();
            while let Some(later) = todo.pop() {
                for id in later.op().past().filter(|id| seen.insert(**id)) {
                    let earlier = facts.get(id);
                    // What a fork has pushed out since may be gone.
                    let gone = earlier.is_some_and(|fact| facts.is_forked(&fact.dot()));
                    claim!(
                        gone || held.contains(id),
                        "operation {} of node_{} has {id} in its past, which was never there",
                        fact.op().seq,
                        node.number
                    );
                    todo.extend(earlier.map(|fact| &**fact));
                }
            }
            for earlier in fact.op().past().filter_map(|id| facts.get(id)) {
                let (before, now) = (earlier.op().lamport, fact.op().lamport);
                // A liar may push its own clock beyond what is legal.
                let legal = before <= crate::swarm::facts::MAX_LAMPORT;
                claim!(
                    now > before || !legal || now == crate::swarm::facts::MAX_LAMPORT,
                    "operation {} of node_{} has logical time {now}, and names one of {before}",
                    fact.op().seq,
                    node.number
                );
            }
        }
        Ok(())
    }
}
