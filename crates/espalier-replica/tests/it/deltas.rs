//! Deltas bring what a frontier lacks; batches are taken whole or not at all.

use crate::histories::{AUTHORS, honest, look, play};
use crate::{add, cases, key, policy, signed};
use espalier_identity::Signature;
use espalier_lattice::Dot;
use espalier_replica::{ApplyError, Body, MergeState, OpError, SignedOp};
use proptest::prelude::*;

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn a_delta_has_the_effect_of_a_merge(steps in honest(40), shared in any::<bool>()) {
        let nodes = play(&steps, shared);
        for (a, b) in nodes.iter().zip(nodes.iter().skip(1)) {
            let mut merged = a.state.clone();
            merged.merge(&b.state).expect("one policy");
            let mut applied = a.state.clone();
            let delta = b.state.delta(&a.state.frontier());
            let ops: Vec<_> = delta.ops().map(|op| op.signed().clone()).collect();
            prop_assert_eq!(applied.apply(ops.clone()), Ok(ops.len()), "nothing known is sent");
            prop_assert_eq!(look(&applied), look(&merged));
            prop_assert!(b.state.delta(&merged.frontier()).is_empty());
        }
    }

    #[test]
    fn a_bad_batch_changes_nothing(steps in honest(30), at in any::<prop::sample::Index>()) {
        let nodes = play(&steps, true);
        let mut all = nodes[0].state.clone();
        nodes.iter().for_each(|node| { all.merge(&node.state).expect("one policy"); });
        let mut ops = signed(&all);
        prop_assume!(!ops.is_empty());
        let at = at.index(ops.len());
        let mut state = MergeState::new(policy(AUTHORS));
        let empty = look(&state);

        let mut bad = ops.clone();
        bad[at].op.lamport += 1;
        let refused = state.apply(bad);
        let by_signature = matches!(
            refused, Err(ApplyError::Op { source: OpError::Signature(_), .. })
        );
        prop_assert!(by_signature, "{:?}", refused);
        prop_assert_eq!(look(&state), empty.clone());

        let mut stranger = MergeState::new(policy(0));
        let mut with_stranger = ops.clone();
        with_stranger.insert(at, add(&mut stranger, &key(200), 1.0));
        let author = key(200).peer_id();
        prop_assert_eq!(state.apply(with_stranger), Err(ApplyError::NotAdmitted { author }));
        prop_assert_eq!(look(&state), empty.clone());

        let gone = ops.remove(at).op;
        let gap = ops.iter().any(|op| op.op.author == gone.author && op.op.seq > gone.seq);
        let refused = state.apply(ops);
        if gap {
            let (author, seq, have) = (gone.author, gone.seq + 1, gone.seq - 1);
            prop_assert_eq!(refused, Err(ApplyError::Gap { author, seq, have }));
            prop_assert_eq!(look(&state), empty);
        } else {
            prop_assert!(refused.is_ok());
        }
    }
}

fn refused(op: SignedOp) -> OpError {
    match MergeState::new(policy(0)).apply(vec![op]) {
        Err(ApplyError::Op { source, .. }) => source,
        other => panic!("should be refused: {other:?}"),
    }
}

#[test]
fn operations_of_impossible_structure_are_refused() {
    let mut state = MergeState::new(policy(0));
    let first = state.next_op(key(0).peer_id(), Body::Retract { targets: Vec::new() });
    let change = |change: &dyn Fn(&mut espalier_replica::Op)| {
        let mut op = first.clone();
        change(&mut op);
        op.sign(&key(0))
    };
    let id = change(&|_| {}).id();
    assert_eq!(refused(change(&|op| op.seq = 0)), OpError::Chain { seq: 0 });
    assert_eq!(refused(change(&|op| op.prev = Some(id))), OpError::Chain { seq: 1 });
    assert_eq!(refused(change(&|op| op.deps = vec![id, id])), OpError::Deps);
    let mut forged = change(&|_| {});
    forged.signature = Signature::from_bytes([7; 64]);
    assert!(matches!(refused(forged), OpError::Signature(_)));
    let long = vec![Dot::new(key(0).peer_id(), 1); 200_000];
    let long = change(&move |op| op.body = Body::Retract { targets: long.clone() });
    assert!(matches!(refused(long), OpError::TooLong { .. }));
    assert_eq!(state.apply(vec![change(&|_| {})]), Ok(1));
    let second = state.next_op(key(0).peer_id(), Body::Retract { targets: Vec::new() });
    assert_eq!((second.seq, second.prev), (2, Some(id)));
}

#[test]
fn an_author_at_the_end_of_time_silences_nobody() {
    let mut state = MergeState::new(policy(0));
    let mut op = state.next_op(key(0).peer_id(), Body::Retract { targets: Vec::new() });
    op.lamport = espalier_replica::legal::MAX_LAMPORT;
    state.apply(vec![op.sign(&key(0))]).expect("signed");
    for i in 1..4 {
        add(&mut state, &key(i), 1.0);
        add(&mut state, &key(i), 2.0);
    }
    assert!(state.evidence().keys().next().is_none(), "and convicts nobody");
}

#[test]
fn heads_are_what_no_operation_names() {
    let mut states: Vec<_> = (0..5).map(|_| MergeState::new(policy(0))).collect();
    let mut ids: Vec<_> =
        states.iter_mut().zip(0..).map(|(s, i)| add(s, &key(i), 1.0).id()).collect();
    let mut all = states[0].clone();
    states.iter().for_each(|state| {
        all.merge(state).expect("one policy");
    });
    let next = all.next_op(key(0).peer_id(), Body::Retract { targets: Vec::new() });
    let own = ids.remove(0);
    ids.sort_unstable();
    assert_eq!((next.prev, next.deps, next.lamport), (Some(own), ids, 2));
    let last = add(&mut all, &key(7), 1.0).id();
    let next = all.next_op(key(8).peer_id(), Body::Retract { targets: Vec::new() });
    assert_eq!((next.deps, next.lamport), (vec![last], 3));
}
