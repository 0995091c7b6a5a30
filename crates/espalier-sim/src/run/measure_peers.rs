//! What a node measures of its peers' contributions on data of its own.

use crate::node::{Measured, Node};
use crate::task::Task;
use espalier_identity::{Digest, PeerId};
use espalier_replica::Entry;
use espalier_trust::{Dimension, NEUTRAL, Q16, majority};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Values nearer to neutral than this are not said: silence counts as neutral.
const LEAST: u32 = 1 << 12;

/// What a node has to say after a round.
pub(crate) struct Said {
    pub(crate) values: Vec<(PeerId, Dimension, Q16)>,
    pub(crate) measured: Measured,
}

/// Measures what `node`, number `number`, sees and has not measured, if it sees the same as a round
/// ago and a majority of the roster; `None` in families without private data.
pub(crate) fn peers(node: &Node, number: usize, task: &Task) -> Option<Said> {
    let state = node.state();
    let sees = |entry: &Arc<Entry>| Some((entry.op().op().author, entry.contribution()?.1));
    let visible: BTreeMap<PeerId, Digest> = state.visible().filter_map(sees).collect();
    let seen = |author: &PeerId, root: &Digest| {
        node.measured.get(author).filter(|known| known.0 == *root).map(|known| known.1)
    };
    let settled = visible.iter().all(|(author, root)| seen(author, root).is_some());
    let quorum = visible.len() >= majority(state.policy().spec().roster.len());
    let measures =
        settled && quorum && visible.iter().any(|(a, root)| seen(a, root) == Some(false));
    let mut values = Vec::new();
    if measures {
        let (authors, models): (Vec<_>, Vec<_>) = state
            .visible()
            .filter_map(|entry| {
                let (contribution, root) = entry.contribution()?;
                let author = entry.op().op().author;
                let open = author != node.id && seen(&author, &root) == Some(false);
                let fits = contribution.manifest.schema() == task.schema();
                let model = state.arena().load(&root, &contribution.manifest).ok();
                Some((author, model.filter(|_| open && fits)?))
            })
            .unzip();
        // Where nothing can be merged there is nothing to measure against.
        let found = task.measure(number, &state.resolve().ok()?, &models)?;
        let said = authors.into_iter().zip(found);
        let clear = said.filter(|(_, value)| value.raw().abs_diff(NEUTRAL.raw()) >= LEAST);
        values = clear.map(|(author, value)| (author, Dimension::Accuracy, value)).collect();
    }
    let mark = |(author, root)| {
        let before = seen(&author, &root) == Some(true);
        (author, (root, before || measures))
    };
    Some(Said { values, measured: visible.into_iter().map(mark).collect() })
}
