//! Proofs that need nothing but a root, and the history of the roots.

use crate::histories::{Node, any_steps, play};
use crate::{add, cases, key, policy};
use espalier_identity::{Digest, canonical};
use espalier_replica::{Body, MergeState, Provenance};
use proptest::prelude::*;

fn all(nodes: &[Node]) -> MergeState {
    let mut all = nodes[0].state.clone();
    nodes.iter().for_each(|node| {
        all.merge(&node.state).expect("one policy");
    });
    all
}

fn steps_of(state: &MergeState) -> Vec<(Digest, Digest, Digest, usize, u64)> {
    let mut steps = Vec::new();
    state.trace(|step| {
        let (hash, bound) = (step.state_hash, step.bound_root);
        steps.push((step.op.id(), hash, bound, step.visible, step.tombstones));
    });
    steps
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn every_operation_has_a_proof_and_no_other_root_accepts_it(steps in any_steps(25)) {
        let state = all(&play(&steps, true));
        let bound = state.bound_root();
        for op in state.ops() {
            let proof = state.provenance(&op.id()).expect("held");
            prop_assert!(proof.verify(&bound).is_ok());
            prop_assert_eq!(proof.inclusion.key, op.id());
            let read: Provenance =
                canonical::decode(&canonical::encode(&proof)).expect("canonical");
            prop_assert_eq!(&read, &proof);
            prop_assert!(proof.verify(&Digest::ZERO).is_err());
            let wrong = Digest::of_content(b"wrong");
            let fields: [fn(&mut Provenance) -> &mut Digest; 5] = [
                |p| &mut p.ops_root,
                |p| &mut p.state_hash,
                |p| &mut p.evidence_root,
                |p| &mut p.inclusion.key,
                |p| &mut p.inclusion.value,
            ];
            for field in fields {
                let mut changed = proof.clone();
                *field(&mut changed) = wrong;
                prop_assert!(changed.verify(&bound).is_err());
            }
            for at in 0..proof.inclusion.path.len() {
                let mut changed = proof.clone();
                changed.inclusion.path[at].sibling = wrong;
                prop_assert!(changed.verify(&bound).is_err());
            }
        }
        prop_assert!(state.provenance(&Digest::ZERO).is_none());
    }

    #[test]
    fn the_trace_is_the_same_everywhere_and_ends_at_the_state(steps in any_steps(30)) {
        let nodes = play(&steps, false);
        let (forwards, mut backwards) = (all(&nodes), nodes.clone());
        backwards.reverse();
        let trace = steps_of(&forwards);
        prop_assert_eq!(&steps_of(&all(&backwards)), &trace);
        prop_assert_eq!(trace.len(), forwards.op_count());
        if let Some((_, hash, bound, visible, tombstones)) = trace.last() {
            prop_assert_eq!(*hash, forwards.state_hash());
            prop_assert_eq!(*bound, forwards.bound_root());
            prop_assert_eq!(*visible, forwards.visible().count());
            prop_assert_eq!(*tombstones, forwards.tombstones());
        }
    }
}

#[test]
fn a_chain_names_only_the_author_s_own_operations() {
    let mut state = MergeState::new(policy(0));
    let first = add(&mut state, &key(0), 1.0);
    let second = add(&mut state, &key(0), 2.0);
    let third = add(&mut state, &key(0), 3.0);
    let chain = state.provenance(&third.id()).expect("held").chain;
    assert_eq!(chain, [second.id(), first.id()]);
    // Somebody claims another's history as its own.
    add(&mut state, &key(1), 1.0);
    let mut op = state.next_op(key(1).peer_id(), Body::Retract { targets: Vec::new() });
    op.prev = Some(third.id());
    let liar = op.sign(&key(1));
    state.apply(vec![liar.clone()]).expect("signed");
    assert!(state.provenance(&liar.id()).expect("held").chain.is_empty());
}
