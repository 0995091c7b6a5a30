//! One model: equal states merge to equal models, across nodes and rounds, and from nothing but
//! the state's bytes.

use crate::swarm::facts::Facts;
use crate::swarm::look::{AfterRound, Checker, Glance, Seen, Setting, Verdict, claim};
use espalier_identity::Digest;
use espalier_replica::{MergeState, Tensors};
use std::collections::BTreeMap;

/// By state hash the root of the merged model, or why there is none.
#[derive(Debug, Default)]
pub(crate) struct OneModel(BTreeMap<Digest, Result<Digest, String>>);

impl Checker for OneModel {
    fn name(&self) -> &'static str {
        "one-model"
    }

    fn check(&mut self, setting: &Setting<'_>, _: &Facts, seen: &Seen<'_>) -> Verdict {
        match seen {
            Seen::Round(scene) => self.round(setting, scene),
            Seen::End(scene) => scene.nodes.iter().try_for_each(|node| self.decoded(setting, node)),
            Seen::Record(_) | Seen::Passed(_) | Seen::Node(_) | Seen::Back(_) => Ok(()),
        }
    }
}

impl OneModel {
    fn round(&mut self, setting: &Setting<'_>, scene: &AfterRound<'_>) -> Verdict {
        let mut news = None;
        for node in &scene.nodes {
            let hash = node.state.state_hash();
            let merged = merged(node.state);
            let first = self.0.entry(hash).or_insert_with(|| {
                news = news.or(Some(node));
                merged.clone()
            });
            claim!(
                *first == merged,
                "node_{} merges state {hash} to {merged:?}, and it was {first:?} before",
                node.number
            );
        }
        // Checking every signature again takes its time: one new state a round.
        news.map_or(Ok(()), |node| self.decoded(setting, node))
    }

    fn decoded(&self, setting: &Setting<'_>, node: &Glance<'_>) -> Verdict {
        let number = node.number;
        let bytes = node.state.to_bytes(Tensors::Inline);
        let decoded = MergeState::from_bytes(&bytes);
        let decoded = decoded.map_err(|e| format!("the bytes of node_{number}: {e}"))?;
        if let Some(base) = &setting.base {
            decoded.arena().put_model(base.clone());
        }
        let (known, merged) = (self.0.get(&node.state.state_hash()), merged(&decoded));
        claim!(
            known == Some(&merged),
            "what node_{number} holds merges to {known:?} there, and to {merged:?} from its bytes"
        );
        Ok(())
    }
}

fn merged(state: &MergeState) -> Result<Digest, String> {
    state.resolve().map(|model| model.root()).map_err(|error| error.to_string())
}
