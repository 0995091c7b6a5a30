//! Drives replicas by hand: frames and tensors go where the effects say.
//!
//! `cargo run -p espalier --example gossip`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use espalier::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys: Vec<Keypair> = (1..=4_u8).map(|i| Keypair::from_seed([i; 32])).collect();
    let roster = keys.iter().map(Keypair::peer_id).collect();
    let model = |i: usize| Model::from_f32(&[("w", &[2], &[i as f32, 1.0])]);
    let policy = Policy::new(PolicySpec { roster, ..PolicySpec::for_model(&model(0)?) })?;
    // One process, one arena: tensors are shared and every signature is checked once.
    let arena = Arena::default();
    let mut nodes = Vec::new();
    for (i, key) in keys.iter().enumerate() {
        let mut state = MergeState::with_arena(policy.clone(), arena.clone());
        state.add(key, Draft::new(format!("node {i}"), model(i)?))?;
        nodes.push(Replica::new(key.clone(), state, Exchange::Delta));
    }
    for (a, b) in [(0, 1), (2, 3), (1, 2), (0, 3), (0, 2), (1, 3)] {
        let bytes = exchange(&mut nodes, a, b)?;
        let state = nodes[a].state();
        println!("{a} ⇄ {b}: {bytes:4} bytes in frames, {} operations", state.op_count());
    }
    assert!(nodes.iter().all(|node| node.state() == nodes[0].state()));
    println!("merged {:?}", nodes[0].state().resolve()?.values_f32("w"));
    Ok(())
}

/// One push–pull exchange; the bytes of its frames.
fn exchange(
    nodes: &mut [Replica],
    a: usize,
    b: usize,
) -> Result<usize, Box<dyn std::error::Error>> {
    let mut bytes = 0;
    let (first, second) = (nodes[a].id(), nodes[b].id());
    let mut inbox: Vec<_> = nodes[a].start(second).into_iter().map(|e| (a, b, e)).collect();
    while !inbox.is_empty() {
        let (from, to, effect) = inbox.remove(0);
        let sender = if from == a { first } else { second };
        let received = match effect {
            Effect::Send { frame, .. } => {
                bytes += frame.len();
                nodes[to].receive(sender, &frame)?
            }
            // Here the arena is shared; a network would move and verify the tensors.
            Effect::Provide { contents, .. } => nodes[to].tensors_stored(&contents),
        };
        inbox.extend(received.effects.into_iter().map(|effect| (to, from, effect)));
    }
    Ok(bytes)
}
