//! The outcome of the final state: the merged model or why there is none, whom it leaves out, and
//! what a reader of the result should know.

use super::measure::Seen;
use super::{Detection, NodeInfo, Summary};
use crate::text::some_of;
use espalier_identity::PeerId;
use espalier_replica::{MergeState, ResolutionError, TrustTable};
use espalier_resolve::Note;
use espalier_trust::{Judgement, Q16, Trust};
use std::collections::BTreeMap;

/// The largest number of notes of a merge that are kept.
const MAX_NOTES: usize = 100;

/// Writes down what the merge of `state`, as it was `seen`, comes to. `nodes` are all nodes.
pub(crate) fn fill(summary: &mut Summary, state: &MergeState, seen: &Seen, nodes: &[NodeInfo]) {
    match &seen.resolution {
        Err(problem) => summary.no_model = Some(problem.to_string()),
        Ok(resolution) => match resolution.plan() {
            Err(problem) => summary.no_model = Some(problem.to_string()),
            Ok(plan) => {
                match plan.hash() {
                    Ok(manifest) => summary.final_model_hash = Some(manifest.root()),
                    Err(problem) => summary.no_model = Some(problem.to_string()),
                }
                summary.notes = first_of(Note::summary(plan.notes()));
            }
        },
    }
    summary.final_accuracy = seen.accuracy;
    // What keeps trust from being computed keeps the state from being merged, which was said.
    let Ok(table) = state.trust() else { return };
    let is_out = |node: &&NodeInfo| table.get(&node.id).is_some_and(Trust::is_isolated);
    let isolated: Vec<&NodeInfo> = nodes.iter().filter(is_out).collect();
    summary.detection = detection(nodes, &isolated);
    summary.isolated = Some(isolated.into_iter().map(|node| node.name.clone()).collect());
    summary.not_judged = not_judged(&table, seen);
    summary.notes.extend(sharing(&table, nodes));
}

/// Why nothing can be merged, if that is because nobody has a contribution.
pub(crate) fn nothing_to_merge(state: &MergeState) -> Option<String> {
    let nothing = ResolutionError::Nothing { visible: 0, isolated: 0 };
    state.visible().next().is_none().then(|| nothing.to_string())
}

/// The first notes, and how many more there are.
fn first_of(mut notes: Vec<String>) -> Vec<String> {
    let more = notes.len().saturating_sub(MAX_NOTES);
    notes.truncate(MAX_NOTES);
    notes.extend((more > 0).then(|| format!("and {more} more notes like these")));
    notes
}

/// Isolated nodes against the harness's knowledge; `None` without Byzantine nodes.
fn detection(nodes: &[NodeInfo], isolated: &[&NodeInfo]) -> Option<Detection> {
    let liars = nodes.iter().filter(|node| node.byzantine).count();
    let caught = isolated.iter().filter(|node| node.byzantine).count() as f64;
    (liars > 0).then(|| Detection {
        recall: caught / liars as f64,
        precision: (!isolated.is_empty()).then(|| caught / isolated.len() as f64),
    })
}

/// Why distances could not tell whom to isolate; `None` if they could.
fn not_judged(table: &TrustTable, seen: &Seen) -> Option<String> {
    if let Err(ResolutionError::Incomparable(why)) = &seen.resolution {
        return Some(why.to_string());
    }
    let judgement = table.judgement();
    (judgement != Judgement::Judged).then(|| judgement.to_string())
}

/// Which nodes weigh less than one contribution each because their models are alike.
fn sharing(table: &BTreeMap<PeerId, Trust>, nodes: &[NodeInfo]) -> Vec<String> {
    let mut groups = BTreeMap::<Q16, Vec<String>>::new();
    for node in nodes {
        let provenance = table.get(&node.id).map_or(Q16::ONE, |trust| trust.provenance);
        if provenance > Q16::ZERO && provenance < Q16::ONE {
            groups.entry(provenance).or_default().push(node.label());
        }
    }
    let note = |(provenance, names): (Q16, Vec<String>)| {
        let copies = libm::round(1.0 / provenance.to_f64());
        format!(
            "{} weigh 1/{copies} each: each one's model is a copy, or nearly one, of another's",
            some_of(&names)
        )
    };
    groups.into_iter().map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_identity::Keypair;

    fn node(i: u8, byzantine: bool) -> NodeInfo {
        let id = Keypair::from_seed([i + 1; 32]).peer_id();
        NodeInfo { id, name: format!("node_{i}"), file: None, byzantine, attack: None }
    }

    #[test]
    fn shares_of_nothing_are_no_figures() {
        let nodes: Vec<_> = (0..4).map(|i| node(i, i < 2)).collect();
        assert_eq!(detection(&nodes[2..], &[]), None);
        assert_eq!(detection(&nodes, &[]), Some(Detection { recall: 0.0, precision: None }));
        let found = detection(&nodes, &[&nodes[0], &nodes[3]]);
        assert_eq!(found, Some(Detection { recall: 0.5, precision: Some(0.5) }));
    }

    #[test]
    fn notes_are_bounded() {
        let notes = |count: usize| first_of((0..count).map(|i| i.to_string()).collect());
        assert_eq!(notes(MAX_NOTES).len(), MAX_NOTES);
        let cut = notes(MAX_NOTES + 5);
        assert_eq!(cut.len(), MAX_NOTES + 1);
        assert_eq!(cut.last().map(String::as_str), Some("and 5 more notes like these"));
    }

    #[test]
    fn those_who_share_a_voice_are_named() {
        let mut nodes: Vec<_> = (0..4).map(|i| node(i, false)).collect();
        nodes[1].file = Some("b.safetensors".into());
        let half = Trust { provenance: Q16::from_unit(0.5), ..Trust::FULL };
        let table = [(nodes[0].id, half), (nodes[1].id, half), (nodes[2].id, Trust::FULL)];
        let notes = sharing(&table.into_iter().collect(), &nodes);
        assert_eq!(notes.len(), 1);
        assert!(notes[0].starts_with("node_0 and node_1 (b.safetensors) weigh 1/2 each"));
    }
}
