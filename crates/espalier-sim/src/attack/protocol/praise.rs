//! `praise`: liars attest that each other is as good as can be, without measuring anything.

use super::{Liar, visible};
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::behaviour::{Behaviour, Turn};
use espalier_identity::{Digest, PeerId};
use espalier_replica::{ChangeError, Entry};
use espalier_trust::{Dimension, Q16};
use std::collections::BTreeMap;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "praise",
    form: "praise",
    summary: "liars attest each other the best",
    parameters: &[],
    kind: Kind::Protocol(praise),
};

fn praise(liar: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Attest::all(liar.gang.members.clone(), Q16::ONE))
}

/// Says of every contribution of some peers that it measured it, and found it good or harmful.
#[derive(Debug)]
pub(super) struct Attest {
    subjects: Vec<usize>,
    value: Q16,
    /// The contribution that was last praised or harmed, by subject.
    said: BTreeMap<PeerId, Digest>,
}

impl Attest {
    pub(super) fn all(subjects: Vec<usize>, value: Q16) -> Self {
        Self { subjects, value, said: BTreeMap::new() }
    }
}

impl Behaviour for Attest {
    fn measures(&self) -> bool {
        false
    }

    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        for subject in self.subjects.iter().map(|subject| turn.ids[*subject]) {
            let seen = visible(turn.node.state(), &subject).and_then(Entry::contribution);
            let Some((_, root)) = seen else { continue };
            if subject != turn.node.id && self.said.insert(subject, root) != Some(root) {
                turn.node.say(|state, key| {
                    state.attest(key, subject, Dimension::Accuracy, self.value).map(drop)
                })?;
            }
        }
        Ok(())
    }
}
