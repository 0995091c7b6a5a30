//! What it costs to find out what a replica lacks where no frontier shows it: bytes of one exchange
//! between replicas of which one lacks `d` of 10,000 operations, the second halves of forks.
//!
//! `cargo run --release -p espalier --example repair`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use espalier::prelude::*;
use espalier::replica::{Body, SignedOp};

const AUTHORS: u8 = 100;
const OPERATIONS: usize = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys: Vec<Keypair> = (0..AUTHORS).map(|i| Keypair::from_seed([i; 32])).collect();
    let roster = keys.iter().map(Keypair::peer_id).collect();
    let policy = Policy::new(PolicySpec { roster, ..PolicySpec::any_schema() })?;
    let mut state = MergeState::new(policy);
    for number in 0..OPERATIONS {
        let key = &keys[number % keys.len()];
        let op = state.next_op(key.peer_id(), Body::Retract { targets: Vec::new() });
        state.apply(vec![op.sign(key)])?;
    }
    println!("{OPERATIONS} operations of {AUTHORS} authors; operations themselves not counted");
    for d in [1, 10, 100, 1000] {
        let forks = forks(&state, &keys, d);
        let mut whole = state.clone();
        whole.apply(forks)?;
        for (name, states) in
            [("which starts", [&state, &whole]), ("which answers", [&whole, &state])]
        {
            let mut pair = [0, 1].map(|i: usize| {
                Replica::new(keys[i].clone(), states[i].clone(), ExchangeMode::Delta)
            });
            let (bytes, frames) = exchange(&mut pair)?;
            assert!(pair[0].state() == pair[1].state());
            let bytes = bytes - state.gain(&whole)?.op_bytes as usize;
            let each = bytes as f64 / d as f64;
            println!(
                "{d:5} missing at the side {name:13}: {bytes:6} bytes in {frames} frames, \
                 {each:.1} each"
            );
        }
    }
    Ok(())
}

/// Another operation in the place of each of `count`.
fn forks(state: &MergeState, keys: &[Keypair], count: usize) -> Vec<SignedOp> {
    let every = state.op_count() / count;
    let forked = state.ops().step_by(every).take(count).map(|op| {
        let mut op = op.op().clone();
        op.lamport += 1 << 20;
        let key = keys.iter().find(|key| key.peer_id() == op.author);
        key.map(|key| op.sign(key))
    });
    forked.flatten().collect()
}

/// One push–pull exchange; the bytes of its frames, and how many there were.
fn exchange(pair: &mut [Replica; 2]) -> Result<(usize, usize), Box<dyn std::error::Error>> {
    let ids = pair.each_ref().map(Replica::id);
    let (mut bytes, mut frames) = (0, 0);
    let mut inbox: Vec<_> = pair[0].start(ids[1]).into_iter().map(|e| (1, e)).collect();
    while !inbox.is_empty() {
        let (to, effect) = inbox.remove(0);
        if let Effect::Send { frame, .. } = effect {
            (bytes, frames) = (bytes + frame.len(), frames + 1);
            let received = pair[to].receive(ids[1 - to], &frame)?;
            inbox.extend(received.effects.into_iter().map(|effect| (1 - to, effect)));
        }
    }
    Ok((bytes, frames))
}
