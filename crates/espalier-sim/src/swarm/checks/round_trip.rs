//! Round trip: a state says the same after encoding and decoding, in both forms.

use crate::swarm::facts::Facts;
use crate::swarm::look::{Checker, Glance, Seen, Setting, Verdict, claim};
use espalier_replica::{DecodeError, MergeState, Tensors};

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct RoundTrip {
    turn: usize,
}

impl Checker for RoundTrip {
    fn name(&self) -> &'static str {
        "round-trip"
    }

    fn check(&mut self, _: &Setting<'_>, _: &Facts, seen: &Seen<'_>) -> Verdict {
        match seen {
            // Decoding checks every signature again: one node in every fourth round.
            Seen::Round(scene) if scene.round.is_multiple_of(4) && !scene.nodes.is_empty() => {
                self.turn += 1;
                binary(&scene.nodes[self.turn % scene.nodes.len()])
            }
            Seen::End(scene) => scene.nodes.first().map_or(Ok(()), |node| {
                binary(node)?;
                let text = node.state.to_json(Tensors::ByReference);
                same(node, MergeState::from_json(&text), "JSON")
            }),
            _ => Ok(()),
        }
    }
}

fn binary(node: &Glance<'_>) -> Verdict {
    let bytes = node.state.to_bytes(Tensors::ByReference);
    let (said, len) = (node.state.encoded_len(Tensors::ByReference), bytes.len() as u64);
    claim!(said == len, "node_{} says {said} bytes and writes {len}", node.number);
    let decoded = MergeState::from_bytes(&bytes);
    let again = decoded.as_ref().ok().map(|state| state.to_bytes(Tensors::ByReference));
    same(node, decoded, "bytes")?;
    claim!(again.is_some_and(|again| again == bytes), "node_{}: other bytes again", node.number);
    Ok(())
}

fn same(node: &Glance<'_>, decoded: Result<MergeState, DecodeError>, form: &str) -> Verdict {
    let number = node.number;
    let decoded = decoded.map_err(|error| format!("node_{number} as {form}: {error}"))?;
    let ids = decoded.ops().map(|op| op.id());
    claim!(
        ids.eq(node.facts.iter().map(|fact| fact.id())),
        "node_{number} as {form} holds other operations"
    );
    claim!(
        decoded.bound_root() == node.state.bound_root()
            && decoded.state_hash() == node.state.state_hash()
            && decoded.clock() == node.state.clock(),
        "node_{number} as {form} has the same operations and says something else"
    );
    Ok(())
}
