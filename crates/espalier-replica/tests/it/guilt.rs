//! Each fault from all its sides: what convicts, what does not, and that nobody can be made to look
//! guilty.

use crate::driver::{CALM, Net, address, replica};
use crate::histories::look;
use crate::{add, bound, cases, contribution, key, model, policy, say};
use espalier_identity::{Digest, PeerId, canonical};
use espalier_lattice::Dot;
use espalier_replica::{
    Arena, Blob, Body, Bound, ChangeError, Contribution, Draft, ExchangeMode, Fault, FaultError,
    MAX_PATH, MergeState, Op, Replica, SignedOp, Tensors, legal,
};
use espalier_tensor::{Dtype, Model};
use espalier_trust::{Dimension, FaultKind, Q16, Record as _};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn bytes(op: &SignedOp) -> Blob {
    canonical::encode(op).into()
}

fn verdicts(state: &MergeState) -> Vec<(PeerId, FaultKind)> {
    state.evidence().keys().copied().collect()
}

fn nothing() -> Body {
    Body::Retract { targets: Vec::new() }
}

/// The next operation of `who` with a change, taken in.
fn changed(state: &mut MergeState, who: u8, change: impl Fn(&mut Op)) -> SignedOp {
    let mut op = state.next_op(key(who).peer_id(), nothing());
    change(&mut op);
    let op = op.sign(&key(who));
    state.apply(vec![op.clone()]).expect("well formed");
    op
}

/// Every way to lie, by the number of its fault less one. `heard` is somebody else's contribution.
fn lie(kind: usize, replica: &mut Replica, heard: &SignedOp) {
    let who = replica.id();
    let lied = replica.change(|state, key| {
        let next = |state: &MergeState, body| state.next_op(who, body);
        let body = match kind {
            // The other face does the same on its own; see below.
            0 | 1 => nothing(),
            2 => {
                let low = model(50.0, f32::from(who.as_bytes()[0]));
                state.arena().put_model(low.clone());
                let bound = Bound::covering(49.0).expect("legal");
                Body::Contribute(Contribution { bound, ..contribution(&low, 0, Vec::new()) })
            }
            3 => Body::Contribute(Contribution {
                round: legal::MAX_ROUND + 1,
                ..contribution(&model(1.0, 1.0), 0, Vec::new())
            }),
            5 => Body::Retract { targets: vec![Dot::new(heard.op.author, 1)] },
            6 => {
                let Body::Contribute(copied) = heard.op.body.clone() else { panic!("a model") };
                Body::Contribute(Contribution { replaces: Vec::new(), ..copied })
            }
            7 => Body::Evidence(Fault::ForeignRetraction { op: bytes(heard) }),
            8 => {
                let (subject, dimension) = (heard.op.author, Dimension::Accuracy);
                for value in [1, 2].map(Q16::from_raw) {
                    let about = Digest::ZERO;
                    say(state, key, Body::Attest { subject, dimension, epoch: 9, about, value });
                }
                nothing()
            }
            _ => nothing(),
        };
        let mut op = next(state, body);
        if kind == 4 {
            op.lamport = 1;
        }
        state.apply(vec![op.sign(key)]).expect("well formed");
        Ok(())
    });
    lied.expect("signed");
}

fn forged(op: &SignedOp) -> SignedOp {
    let mut forged = op.clone();
    forged.op.lamport += 1;
    forged
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn whatever_most_of_them_do_exactly_the_liars_are_convicted(
        kinds in prop::collection::vec(0..9_usize, 0..6), n in 2..7_u8, seed in any::<u64>(),
        loss in 0..30_u64
    ) {
        let kinds = &kinds[..kinds.len().min(usize::from(n) - 1)];
        let own = |i| replica(key(i), n, ExchangeMode::Delta);
        let mut replicas: Vec<_> = (0..n).map(own).collect();
        replicas.extend((0..kinds.len() as u8).map(own));
        let mut net = Net::of(replicas, seed);
        net.replicas.truncate(n.into());
        for who in 0..n {
            let own = Draft::new("model", model(f32::from(who), 0.5));
            let added = net.replicas[usize::from(who)].change(|state, key| state.add(key, own));
            added.expect("legal");
        }
        net.rounds(2);
        prop_assert!(net.agree());
        for (liar, kind) in kinds.iter().enumerate() {
            // The last one is honest.
            let heard = net.replicas[liar].state().ops().find(|op| {
                op.op().author == key(n - 1).peer_id() && op.contribution().is_some()
            });
            let heard = heard.expect("all have contributed").signed().clone();
            if *kind == 0 {
                let face = net.replicas[liar].clone();
                net.replicas.push(face);
                let at = net.replicas.len() - 1;
                let draft = Draft::new("other face", model(-1.0, liar as f32));
                net.replicas[at].change(|state, key| state.add(key, draft)).expect("legal");
            }
            lie(*kind, &mut net.replicas[liar], &heard);
            if *kind == 1 {
                let ops = [heard.clone(), forged(&heard)];
                let frame = crate::pack::sealed(&policy(n), &key(liar as u8), &ops);
                let refused = net.replicas[usize::from(n) - 1].receive(address(liar), &frame);
                prop_assert!(refused.is_err());
            }
        }
        net.weather.loss = loss;
        net.rounds(2);
        net.weather = CALM;
        net.rounds(4);
        prop_assert!(net.agree());
        let honest = net.replicas[usize::from(n) - 1].state();
        let expected: BTreeSet<_> = (0..).zip(kinds).flat_map(|(liar, kind)| {
            [(key(liar).peer_id(), FaultKind::ALL[*kind])]
        }).collect();
        let found: BTreeSet<_> = verdicts(honest).into_iter().collect();
        prop_assert!(found.is_superset(&expected), "{found:?} lacks some of {expected:?}");
        let convicted: BTreeSet<_> = found.iter().map(|(peer, _)| *peer).collect();
        let liars: BTreeSet<_> = expected.iter().map(|(peer, _)| *peer).collect();
        prop_assert_eq!(convicted, liars, "exactly the liars");
    }
}

#[test]
fn a_chain_breaks_by_a_wrong_predecessor_or_a_clock_that_does_not_grow() {
    type Case = (bool, fn(&mut Op));
    let breaks: [Case; 5] = [
        (false, |_| {}),
        (false, |op| op.lamport += 5),
        (true, |op| op.prev = op.prev.map(|id| Digest::of_content(id.as_bytes()))),
        (true, |op| op.lamport -= 1),
        (true, |op| op.lamport = 1),
    ];
    for (at, (broken, change)) in breaks.into_iter().enumerate() {
        let mut state = MergeState::new(policy(0));
        add(&mut state, &key(0), 1.0);
        add(&mut state, &key(0), 2.0);
        changed(&mut state, 0, change);
        changed(&mut state, 0, |_| {});
        let expected = [(key(0).peer_id(), FaultKind::BrokenChain)];
        assert_eq!(verdicts(&state), expected[..usize::from(broken)], "{at}");
    }
}

#[test]
fn a_clock_at_its_limit_may_stand_still_and_nowhere_else() {
    for (first, second, broken) in [
        (legal::MAX_LAMPORT, legal::MAX_LAMPORT, false),
        (legal::MAX_LAMPORT - 1, legal::MAX_LAMPORT - 1, true),
        (legal::MAX_LAMPORT, legal::MAX_LAMPORT - 1, true),
    ] {
        let mut state = MergeState::new(policy(0));
        changed(&mut state, 0, |op| op.lamport = first);
        changed(&mut state, 0, |op| op.lamport = second);
        assert_eq!(state.evidence().has(&key(0).peer_id(), FaultKind::BrokenChain), broken);
    }
}

#[test]
fn praise_ends_with_what_it_was_about() {
    let mut state = MergeState::new(policy(5));
    (0..5).for_each(|i| {
        add(&mut state, &key(i), f32::from(i));
    });
    let subject = key(4).peer_id();
    let root = |state: &MergeState| {
        let mut visible = state.visible();
        visible.find_map(|e| Some(e.contribution()?.1).filter(|_| e.op().op().author == subject))
    };
    let said = |state: &MergeState, about: Option<Digest>| {
        let about = about.expect("visible");
        state.attestations().values(&subject, Dimension::Accuracy, &about).count()
    };
    for i in 0..4 {
        let other = key(3 - i).peer_id();
        let both = [subject, other].map(|peer| (peer, Dimension::Accuracy, Q16::ONE));
        let delta = state.attest_all(&key(i), both).expect("both are visible");
        assert_eq!(delta.len(), 2);
    }
    let before = root(&state);
    assert_eq!(said(&state, before), 4);
    add(&mut state, &key(4), 100.0);
    assert_eq!(said(&state, root(&state)), 0, "nobody has measured this");
    state.attest(&key(0), subject, Dimension::Accuracy, Q16::ZERO).expect("visible");
    assert_eq!((said(&state, root(&state)), said(&state, before)), (1, 3));
    let measured = state.attestations().get(key(0).peer_id(), subject, Dimension::Accuracy);
    assert_eq!(measured.map(|measured| measured.epoch), Some(2));
    let seen = look(&state);
    let stranger = [
        (subject, Dimension::Accuracy, Q16::ONE),
        (key(9).peer_id(), Dimension::Accuracy, Q16::ONE),
    ];
    let refused = state.attest_all(&key(1), stranger);
    assert!(matches!(refused, Err(ChangeError::NothingToMeasure { .. })), "{refused:?}");
    assert_eq!(look(&state), seen, "all or nothing");
}

#[test]
fn a_bound_is_exact_and_what_exceeds_it_convicts() {
    let f64s = |values: &[f64]| {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let tensor = ("w".to_owned(), Dtype::F64, vec![values.len() as u64], bytes);
        Model::from_tensors(vec![tensor]).expect("legal")
    };
    for (model, least) in [
        (model(1.5, -3.0), 3.0),
        (f64s(&[0.1]), 0.1),
        (f64s(&[f64::from(f32::MAX)]), f64::from(f32::MAX)),
        (f64s(&[-0.0, 0.0]), 0.0),
    ] {
        let mut state = MergeState::new(policy(0));
        state.add(&key(0), Draft::new("honest", model.clone())).expect("legal");
        let bound = state.visible().next().and_then(|e| Some(e.contribution()?.0.bound));
        let bound = bound.expect("visible");
        assert!(bound.to_f64() >= least && bound == crate::bound(&model));
        assert!(state.arena().first_beyond(&model, bound).is_none());
        if let Some(less) = bound.bits().checked_sub(1).map(Bound::from_bits) {
            assert!(state.arena().first_beyond(&model, less).is_some());
        }
    }
    let beyond = MergeState::new(policy(0)).add(&key(0), Draft::new("beyond", f64s(&[1e300])));
    assert!(matches!(beyond, Err(ChangeError::Magnitude { .. })), "{beyond:?}");
}

#[test]
fn a_chunk_within_the_bound_proves_nothing() {
    let mut values = vec![1.0_f32; 600];
    values[300] = 9.0;
    let model = Model::from_f32(&[("w", &[600], &values)]).expect("legal");
    let low = Contribution {
        bound: Bound::covering(8.0).expect("legal"),
        ..contribution(&model, 0, vec![])
    };
    let mut state = MergeState::new(policy(0));
    say(&mut state, &key(0), Body::Contribute(low));
    let op = state.ops().next().expect("one").clone();
    let content = model.content(0);
    for (element, proves) in [(0, false), (299, true), (300, true), (512, false)] {
        let fault = Fault::non_finite(&op, 0, element, content).expect("in range");
        assert_eq!(fault.verify().is_ok(), proves, "element {element}");
    }
    let arena = Arena::default();
    assert_eq!(arena.first_beyond(&model, op.contribution().expect("one").bound), Some((0, 300)));
    assert_eq!(arena.first_beyond(&model, bound(&model)), None);
}

/// Author 0 contributes, others pass it on, author 1 signs the same model after `between` others.
fn copied(between: usize) -> (MergeState, SignedOp, Vec<SignedOp>) {
    let mut state = MergeState::new(policy(0));
    let mut chain = vec![add(&mut state, &key(0), 1.0)];
    for _ in 0..between {
        chain.push(changed(&mut state, 2, |_| {}));
    }
    let Body::Contribute(model) = chain[0].op.body.clone() else { panic!("a contribution") };
    let copy = say(&mut state, &key(1), Body::Contribute(model));
    (state, copy, chain)
}

/// What a replica that receives all of it publishes.
fn published(state: &MergeState) -> Vec<(PeerId, FaultKind)> {
    let sender = Replica::new(key(50), state.clone(), ExchangeMode::FullState);
    let mut net = Net::of(vec![sender, replica(key(51), 0, ExchangeMode::FullState)], 1);
    net.exchange(0, 1);
    net.replicas[1].publish();
    verdicts(net.replicas[1].state())
}

#[test]
fn a_copy_of_what_lies_in_its_own_past_convicts_by_the_shortest_path() {
    for between in [0, 1, 5, MAX_PATH, MAX_PATH + 1] {
        let (state, copy, chain) = copied(between);
        let found = published(&state);
        let fits = between <= MAX_PATH;
        let expected = [(key(1).peer_id(), FaultKind::Copy)];
        assert_eq!(found, expected[..usize::from(fits)], "{between} between");
        let path: Vec<_> = chain[1..].iter().rev().map(bytes).collect();
        let (copy, original) = (bytes(&copy), bytes(&chain[0]));
        let fault = Fault::Copy { copy, path, original };
        assert_eq!(fault.verify().is_ok(), fits);
    }
}

#[test]
fn a_path_that_is_none_proves_nothing() {
    let (_, copy, chain) = copied(4);
    let whole: Vec<_> = chain[1..].iter().rev().map(bytes).collect();
    let fault = |copy: &SignedOp, path: Vec<Blob>, original: &SignedOp| {
        Fault::Copy { copy: bytes(copy), path, original: bytes(original) }.verify().map(|_| ())
    };
    assert_eq!(fault(&copy, whole.clone(), &chain[0]), Ok(()));
    for gap in 0..whole.len() {
        let mut path = whole.clone();
        path.remove(gap);
        assert_eq!(fault(&copy, path, &chain[0]), Err(FaultError::NoFault));
    }
    let reversed = whole.iter().rev().cloned().collect();
    assert_eq!(fault(&copy, reversed, &chain[0]), Err(FaultError::NoFault));
    assert_eq!(fault(&chain[0], Vec::new(), &copy), Err(FaultError::NoFault), "other way round");
    assert_eq!(fault(&copy, whole, &chain[1]), Err(FaultError::NoFault));
}

#[test]
fn contributing_ones_own_base_is_no_copy() {
    let base = model(3.0, 3.0);
    let mut state = MergeState::new(policy(0));
    for i in 0..3 {
        let draft = Draft { base: Some(base.root()), ..Draft::new("as it was", base.clone()) };
        state.add(&key(i), draft).expect("everybody may");
    }
    assert_eq!(published(&state), []);
    let again = state.add(&key(4), Draft::new("mine", base));
    assert!(matches!(again, Err(ChangeError::Copy { .. })), "{again:?}");
}

#[test]
fn who_hides_an_original_behind_an_operation_frames_nobody() {
    // Author 1 knows what author 0 will contribute, keeps its own contribution of it back, and
    // names that in an operation which author 0 sees.
    let mut hidden = MergeState::new(policy(0));
    let trap = Draft::new("trap", model(1.0, 1.0));
    hidden.add(&key(1), trap).expect("legal");
    let trap = hidden.ops().next().expect("one").signed().clone();
    let mut state = MergeState::new(policy(0));
    let bait = changed(&mut state, 2, |op| op.deps = vec![trap.id()]);
    changed(&mut state, 3, |_| {});
    state.add(&key(0), Draft::new("honest", model(1.0, 1.0))).expect("as far as it knows");
    let own = state.ops().find(|op| op.op().author == key(0).peer_id()).expect("its own").clone();
    assert!(
        !own.op().past().any(|id| *id == bait.id()),
        "it names nothing it has not seen through"
    );
    state.apply(vec![trap]).expect("revealed");
    assert_eq!(published(&state), []);
}

#[test]
fn who_forks_an_original_away_frames_nobody() {
    let mut state = MergeState::new(policy(0));
    let fork = |i: u8| add(&mut MergeState::new(policy(0)), &key(1), f32::from(i));
    let mut forks: Vec<_> = (0..5).map(fork).collect();
    forks.sort_by_key(|op| std::cmp::Reverse(op.id()));
    let Body::Contribute(trap) = forks[0].op.body.clone() else { panic!("a contribution") };
    state.apply(vec![forks[0].clone()]).expect("signed");
    // Author 0 names it, and then it has no place any more.
    changed(&mut state, 0, |_| {});
    state.apply(forks[1..].to_vec()).expect("signed");
    assert!(state.ops().all(|op| op.id() != forks[0].id()));
    let mut manifests = (0..5).map(|i| f32::from(i as u8)).map(|x| model(x, -x));
    let same = manifests.find(|model| model.manifest == trap.manifest).expect("one of them");
    let added = state.add(&key(0), Draft::new("mine", same));
    assert!(matches!(added, Err(ChangeError::Copy { .. })), "{added:?}");
}

/// A copy of what author 0 contributed lies in its past, has no place any more, and is not even in
/// the arena after a restart. Signing the same tensors again would convict author 0.
#[test]
fn who_forks_a_copy_away_before_a_restart_frames_nobody() {
    let mut state = MergeState::new(policy(0));
    let own = add(&mut state, &key(0), 1.0);
    let Body::Contribute(own) = own.op.body else { panic!("a contribution") };
    let fork = |x: u64| {
        let mut op = MergeState::new(policy(0)).next_op(key(1).peer_id(), nothing());
        op.body = Body::Contribute(Contribution { round: x, ..own.clone() });
        op.sign(&key(1))
    };
    let mut forks: Vec<_> = (0..3).map(fork).collect();
    forks.sort_by_key(|op| std::cmp::Reverse(op.id()));
    state.apply(vec![forks[0].clone()]).expect("signed");
    changed(&mut state, 0, |_| {});
    let empty = |lamport| {
        let mut op = MergeState::new(policy(0)).next_op(key(1).peer_id(), nothing());
        op.lamport = lamport;
        op.sign(&key(1))
    };
    let lesser = (1..).map(empty).filter(|op| op.id() < forks[0].id());
    state.apply(lesser.take(2).collect()).expect("signed");
    assert!(state.ops().all(|op| op.id() != forks[0].id()));
    let mut back = MergeState::from_bytes(&state.to_bytes(Tensors::Inline)).expect("our own");
    let fresh = back.add(&key(0), Draft::new("another", model(7.0, 7.0)));
    assert!(fresh.is_ok(), "what nobody can foresee nobody can have copied: {fresh:?}");
    let again = back.add(&key(0), Draft::new("again", model(1.0, -1.0)));
    assert!(matches!(again, Err(ChangeError::Copy { .. })), "{again:?}");
}

#[test]
fn records_of_slander_are_not_for_publishing() {
    let mut state = MergeState::new(policy(0));
    let honest = add(&mut state, &key(0), 1.0);
    let slander =
        say(&mut state, &key(1), Body::Evidence(Fault::IllegalField { op: bytes(&honest) }));
    let record = Fault::Slander { op: bytes(&slander) };
    assert!(record.verify().is_ok_and(|c| c.accused() == key(1).peer_id()));
    let seen = look(&state);
    assert!(matches!(state.accuse(&key(0), record.clone()), Ok(delta) if delta.is_empty()));
    let mut elsewhere = MergeState::new(policy(0));
    let refused = elsewhere.accuse(&key(0), record.clone());
    assert!(matches!(refused, Err(ChangeError::Illegal { .. })), "{refused:?}");
    assert_eq!(look(&state), seen);
    // Who signs one all the same breaks a rule that needs no look inside, true or not.
    for nested in [record, Fault::Slander { op: bytes(&honest) }] {
        let mut state = MergeState::new(policy(0));
        say(&mut state, &key(2), Body::Evidence(nested));
        assert_eq!(verdicts(&state), [(key(2).peer_id(), FaultKind::IllegalField)]);
    }
}
