//! Drives nodes by hand: outputs of one are inputs of another.
//!
//! `cargo run -p espalier --example gossip`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use espalier::node::{Node, NodeConfig, NodeInput, NodeOutput};
use espalier::prelude::*;
use std::collections::VecDeque;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys: Vec<Keypair> = (1..=4_u8).map(|i| Keypair::from_seed([i; 32])).collect();
    let ids: Vec<PeerId> = keys.iter().map(Keypair::peer_id).collect();
    let model = |i: usize| Model::from_f32(&[("w", &[2], &[i as f32, 1.0])]);
    let spec = PolicySpec { roster: ids.clone(), ..PolicySpec::for_model(&model(0)?) };
    let policy = Policy::new(spec)?;
    let mut nodes: Vec<Node> = keys
        .into_iter()
        .map(|key| Replica::new(key, MergeState::new(policy.clone()), ExchangeMode::Delta))
        .map(|replica| Node::new(replica, NodeConfig::default()))
        .collect();

    // What is to be done, and by whom.
    let mut work: VecDeque<(usize, NodeOutput)> = VecDeque::new();
    for (i, node) in nodes.iter_mut().enumerate() {
        let draft = Draft::new(format!("node {i}"), model(i)?);
        let (_, outputs) = node.change(|state, key| state.add(key, draft))?;
        work.extend(outputs.into_iter().map(|output| (i, output)));
    }
    for second in 0..4 {
        let now = Duration::from_secs(second);
        for i in 0..nodes.len() {
            let up = ids.iter().filter(|id| second == 0 && **id != ids[i]);
            let inputs: Vec<_> =
                up.map(|id| NodeInput::PeerUp(*id)).chain([NodeInput::Tick]).collect();
            for input in inputs {
                work.extend(nodes[i].handle(input, now).into_iter().map(|output| (i, output)));
            }
        }
        let bytes = deliver(&mut nodes, &ids, &mut work, now);
        let ops: Vec<_> = nodes.iter().map(|node| node.state().op_count()).collect();
        println!("second {second}: {bytes:5} bytes in frames, operations by node {ops:?}");
    }
    assert!(nodes.iter().all(|node| node.state() == nodes[0].state()));
    println!("merged {:?}", nodes[0].state().resolve()?.values_f32("w"));
    Ok(())
}

/// Carries out everything that is to be done; the bytes of the frames.
fn deliver(
    nodes: &mut [Node],
    ids: &[PeerId],
    work: &mut VecDeque<(usize, NodeOutput)>,
    now: Duration,
) -> usize {
    let mut bytes = 0;
    while let Some((from, output)) = work.pop_front() {
        let (at, input) = match output {
            // A program that keeps its states would write the operations to its disk first.
            NodeOutput::Persist { number, .. } => (from, NodeInput::Persisted(number)),
            NodeOutput::Effect(Effect::Send { to, frame }) => {
                bytes += frame.len();
                let Some(at) = ids.iter().position(|id| *id == to) else { continue };
                (at, NodeInput::Frame { from: ids[from], frame })
            }
            // Tensors as small as these travel inside frames.
            _ => continue,
        };
        work.extend(nodes[at].handle(input, now).into_iter().map(|output| (at, output)));
    }
    bytes
}
