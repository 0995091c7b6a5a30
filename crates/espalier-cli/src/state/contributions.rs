//! What is contributed, and why it is merged or not.

use espalier::MergeState;
use espalier::identity::PeerId;
use espalier::replica::{Contribution, Entry, OpId, ResolutionError};
use espalier::store::Missing;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A live contribution.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) author: PeerId,
    pub(super) name: String,
    pub(super) weight: f64,
    /// From 0 to 1; `None` where nobody can tell.
    pub(super) trust: Option<f64>,
    pub(super) in_merge: bool,
    /// Why it is not merged.
    pub(super) reason: Option<String>,
}

/// The live contributions by author and number. The tensors that are here are in the arena.
pub(super) fn of(state: &MergeState, missing: &[Missing]) -> Vec<Shown> {
    state.measure_ahead();
    let look = Look {
        state,
        visible: state.visible().map(|entry| entry.op().id()).collect(),
        missing: super::missing_by_op(missing),
        merged: state
            .resolution()
            .map(|resolution| resolution.voices().iter().map(|voice| voice.op).collect()),
    };
    let shown = |entry: &Entry| Some(look.shown(entry, entry.op().contribution()?));
    state.live().filter_map(|entry| shown(entry)).collect()
}

/// What a contribution is judged by.
struct Look<'a> {
    state: &'a MergeState,
    visible: BTreeSet<OpId>,
    missing: BTreeMap<Option<OpId>, usize>,
    merged: Result<BTreeSet<OpId>, ResolutionError>,
}

impl Look<'_> {
    fn shown(&self, entry: &Entry, contribution: &Contribution) -> Shown {
        let (author, op) = (entry.op().op().author, entry.op().id());
        let trust = self.state.trust().ok();
        let trust = trust.and_then(|table| Some(table.get(&author)?.overall().to_f64()));
        let reason = self.reason(author, op, contribution);
        Shown {
            author,
            name: contribution.name.clone(),
            weight: contribution.weight.to_f64(),
            trust,
            in_merge: reason.is_none(),
            reason,
        }
    }

    /// Why a contribution is not merged.
    fn reason(&self, author: PeerId, op: OpId, contribution: &Contribution) -> Option<String> {
        let kinds = self.state.evidence().keys().filter(|(accused, _)| *accused == author);
        let kinds: Vec<String> = kinds.map(|(_, kind)| kind.to_string()).collect();
        if !kinds.is_empty() {
            return Some(format!("convicted: {}", kinds.join(", ")));
        }
        if !self.visible.contains(&op) {
            let by_author = self.state.visible().any(|entry| entry.op().op().author == author);
            let why = match by_author {
                true => "an earlier one of its author",
                false if !self.state.roster().contains(&author) => "its author is off the roster",
                false => "its round is far ahead of the majority's",
            };
            return Some(why.into());
        }
        if let Some(lacking) = self.missing.get(&Some(op)) {
            let of = contribution.manifest.tensors().len();
            return Some(format!("{lacking} of its {of} tensors missing"));
        }
        match &self.merged {
            Ok(merged) if merged.contains(&op) => None,
            Ok(_) | Err(ResolutionError::Nothing { .. }) => {
                Some("isolated: it does not agree with the majority".into())
            }
            Err(ResolutionError::Tensor { .. }) => {
                Some("not judged while tensors of others are missing".into())
            }
            Err(error) => Some(error.to_string()),
        }
    }
}
