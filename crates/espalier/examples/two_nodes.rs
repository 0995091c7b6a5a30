//! Two parties merge a model by handing each other bytes, and check where it came from.
//!
//! `cargo run -p espalier --example two_nodes`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use espalier::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys = [1, 2, 3].map(|i| Keypair::from_seed([i; 32]));
    let roster = keys.iter().map(Keypair::peer_id).collect();
    let weights = |values: &[f32]| Model::from_f32(&[("w", &[3], values)]);
    let layout = weights(&[0.0; 3])?;
    let policy = Policy::new(PolicySpec { roster, ..PolicySpec::for_model(&layout) })?;

    let mut clinic = MergeState::new(policy.clone());
    let mut lab = MergeState::new(policy);
    clinic.add(&keys[0], Draft::new("clinic", weights(&[1.0, 2.0, 3.0])?).weight(300.0))?;
    let added = lab.add(&keys[1], Draft::new("lab", weights(&[2.0, 2.0, 2.0])?).weight(100.0))?;

    // Any transport will do: a file, a socket, a letter.
    let letter = lab.to_bytes(Tensors::Inline);
    clinic.merge(&MergeState::from_bytes(&letter)?)?;
    lab.merge(&clinic)?;
    assert_eq!(clinic.state_hash(), lab.state_hash());
    println!("state   {}", clinic.state_hash());
    println!("merged  {:?}", clinic.resolve()?.values_f32("w"));

    // Where did the lab's contribution come from? Offline, against the root alone.
    let id = added.ops().next().ok_or("one operation")?.id();
    let proof = clinic.provenance(&id).ok_or("it is there")?;
    proof.verify(&clinic.bound_root())?;
    println!("proof   {} steps to {}", proof.inclusion.path.len(), clinic.bound_root());

    // Only its author takes a contribution back, and everybody forgets it.
    let dot = Dot::new(keys[1].peer_id(), 1);
    assert!(clinic.retract(&keys[0], dot).is_err());
    lab.retract(&keys[1], dot)?;
    clinic.merge(&lab)?;
    println!("after   {:?}, {} tombstone", clinic.resolve()?.values_f32("w"), clinic.tombstones());
    Ok(())
}
