//! Views: what a state says of itself is what the slow model makes of its operations.

use crate::swarm::facts::{Facts, Verdict as Guilty};
use crate::swarm::look::{Checker, Glance, Seen, Setting, Verdict, claim};
use espalier_identity::PeerId;
use espalier_replica::OpId;
use espalier_trust::Tick;
use std::collections::{BTreeMap, BTreeSet};

/// Needs no memory.
#[derive(Debug)]
pub(crate) struct Views;

impl Checker for Views {
    fn name(&self) -> &'static str {
        "views"
    }

    fn check(&mut self, setting: &Setting<'_>, _: &Facts, seen: &Seen<'_>) -> Verdict {
        let Seen::Round(scene) = seen else { return Ok(()) };
        scene.nodes.iter().try_for_each(|node| {
            look(setting, node).map_err(|problem| format!("node_{}: {problem}", node.number))
        })
    }
}

fn look(setting: &Setting<'_>, node: &Glance<'_>) -> Verdict {
    let (state, model) = (node.state, &node.model);
    let names = |ids: &BTreeMap<PeerId, OpId>| {
        let names: Vec<_> = ids.keys().map(|author| setting.name(author)).collect();
        names.join(", ")
    };
    let visible: BTreeMap<PeerId, OpId> =
        state.visible().map(|entry| (entry.op().op().author, entry.op().id())).collect();
    claim!(
        visible == model.visible,
        "it sees contributions of {}; its operations show those of {}, or other ones of them",
        names(&visible),
        names(&model.visible)
    );
    let contents: BTreeSet<_> = state.live_contents().collect();
    claim!(contents == model.contents, "the tensors of its live contributions are others");
    let (said, counted) = (state.tombstones(), model.tombstones);
    claim!(said == counted, "it counts {said} tombstones, and there are {counted}");
    let tops = state.frontier().0;
    claim!(tops == model.tops, "its frontier is {tops:?}, and should be {:?}", model.tops);
    let count = state.op_count();
    claim!(count == node.facts.len(), "it counts {count} operations of {}", node.facts.len());
    let verdicts: BTreeSet<Guilty> = state.evidence().keys().copied().collect();
    claim!(
        verdicts == model.verdicts,
        "it holds evidence {verdicts:?}, and its operations show {:?}",
        model.verdicts
    );
    clock(node)
}

fn clock(node: &Glance<'_>) -> Verdict {
    let (clock, model) = (node.state.clock(), &node.model);
    let ticks: BTreeMap<_, _> = clock.ticks().map(|(author, tick)| (*author, tick)).collect();
    let tick = |author: &PeerId, top: u64| match model.has_forked(author) {
        true => Tick::Forked,
        false => Tick::Seq(top),
    };
    let expected: BTreeMap<_, _> =
        model.tops.iter().map(|(author, top)| (*author, tick(author, *top))).collect();
    claim!(ticks == expected, "its clock says {ticks:?}, and should say {expected:?}");
    let convictions: BTreeSet<Guilty> = clock.convictions().copied().collect();
    let covered = |(accused, kind): &Guilty| kind.is_of_a_chain() && model.has_forked(accused);
    let expected: BTreeSet<Guilty> =
        model.verdicts.iter().filter(|verdict| !covered(verdict)).copied().collect();
    claim!(convictions == expected, "its clock convicts {convictions:?}, not {expected:?}");
    Ok(())
}
