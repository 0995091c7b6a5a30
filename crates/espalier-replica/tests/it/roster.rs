//! Roster and admission: who takes part is voted on by the genesis, and is a view like all others.

use crate::driver::{Net, address, replica};
use crate::histories::look;
use crate::{Dice, add, cases, contribution, key, model, policy, say, signed};
use espalier_identity::{PeerId, canonical};
use espalier_lattice::Dot;
use espalier_replica::{
    ApplyError, Body, ChangeError, Draft, ExchangeMode, Fault, MergeState, Replica, SignedOp,
    Tensors,
};
use espalier_trust::{Dimension, FaultKind, Q16};
use proptest::prelude::*;

/// A federation of five, of which so many voted for a sixth or against a fifth.
fn voted(voters: u8, subject: u8, admit: bool) -> MergeState {
    let mut state = MergeState::new(policy(5));
    for voter in 0..voters {
        state.vote(&key(voter), key(subject).peer_id(), admit).expect("of the genesis");
    }
    state
}

fn on_roster(state: &MergeState, who: u8) -> bool {
    state.roster().contains(&key(who).peer_id())
}

/// Both ways of writing and reading give the same.
fn survives(state: &MergeState) {
    let bytes = state.to_bytes(Tensors::Inline);
    assert_eq!(look(&MergeState::from_bytes(&bytes).expect("our own")), look(state));
    let json = state.to_json(Tensors::Inline);
    assert_eq!(look(&MergeState::from_json(&json).expect("our own")), look(state));
}

#[test]
fn more_than_half_of_the_genesis_admits_and_no_fewer() {
    for voters in 0..=5 {
        let mut state = voted(voters, 9, true);
        assert_eq!(on_roster(&state, 9), voters >= 3, "{voters} of 5");
        assert_eq!(state.roster().len(), if voters >= 3 { 6 } else { 5 });
        let added = state.add(&key(9), Draft::new("guest", model(1.0, 1.0)));
        match voters {
            3.. => assert_eq!(state.visible().count(), 1),
            _ => assert!(matches!(added, Err(ChangeError::NotAdmitted { .. })), "{added:?}"),
        }
        survives(&state);
    }
}

#[test]
fn who_is_expelled_is_not_heard_and_what_it_said_stays() {
    for voters in 0..=4 {
        let mut state = MergeState::new(policy(5));
        (0..5).for_each(|i| {
            add(&mut state, &key(i), f32::from(i));
        });
        let (hash, ops) = (state.state_hash(), state.op_count());
        for voter in 0..voters {
            state.vote(&key(voter), key(4).peer_id(), false).expect("of the genesis");
        }
        let expelled = voters >= 3;
        assert_eq!(on_roster(&state, 4), !expelled, "{voters} of 5");
        assert_eq!(state.visible().count(), if expelled { 4 } else { 5 });
        assert_eq!(state.op_count(), ops + usize::from(voters));
        assert_eq!(state.state_hash() == hash, !expelled, "votes alone change nothing");
        add(&mut state, &key(4), 9.0);
        assert_eq!(state.visible().count(), if expelled { 4 } else { 5 }, "nor what it says then");
        survives(&state);
    }
}

#[test]
fn a_vote_holds_until_the_next_on_the_same_key() {
    let mut state = voted(3, 9, true);
    add(&mut state, &key(9), 1.0);
    state.vote(&key(2), key(9).peer_id(), false).expect("of the genesis");
    assert!(!on_roster(&state, 9), "two of five are left");
    assert_eq!((state.visible().count(), state.roster().len()), (0, 5));
    assert!(state.ops().any(|op| op.op().author == key(9).peer_id()), "its operations stay");
    add(&mut state, &key(9), 2.0);
    survives(&state);
    state.vote(&key(4), key(9).peer_id(), true).expect("of the genesis");
    assert_eq!((on_roster(&state, 9), state.visible().count()), (true, 1));
    survives(&state);
}

#[test]
fn the_convicted_are_silent_and_still_count_in_the_half() {
    let mut state = voted(3, 9, true);
    let targets = vec![Dot::new(key(3).peer_id(), 1)];
    say(&mut state, &key(0), Body::Retract { targets });
    assert!(state.evidence().convicts(&key(0).peer_id()));
    assert!(!on_roster(&state, 9), "two of five");
    state.vote(&key(3), key(9).peer_id(), true).expect("of the genesis");
    assert!(on_roster(&state, 9));
    survives(&state);
}

#[test]
fn guests_and_strangers_have_no_vote() {
    let mut state = voted(3, 9, true);
    for voter in [9, 10] {
        let refused = state.vote(&key(voter), key(10).peer_id(), true);
        assert!(matches!(refused, Err(ChangeError::NotGenesis { .. })), "{refused:?}");
    }
    for _ in 0..5 {
        say(&mut state, &key(9), Body::Vote { subject: key(10).peer_id(), admit: true });
    }
    assert!(!on_roster(&state, 10));
    assert!(state.evidence().keys().next().is_none(), "it has no effect, and is no fault");
    let mut open = MergeState::new(policy(0));
    assert!(open.vote(&key(0), key(1).peer_id(), false).is_err());
    say(&mut open, &key(0), Body::Vote { subject: key(0).peer_id(), admit: false });
    assert!(on_roster(&open, 0), "an open federation votes on nobody");
}

#[test]
fn measurements_by_the_expelled_do_not_count_and_the_median_goes_by_the_roster() {
    let mut state = MergeState::new(policy(5));
    for (i, x) in (0..).zip([1.0, 1.5, 1.75, 1.125, 1.25]) {
        add(&mut state, &key(i), x);
    }
    for observer in 1..4 {
        let subject = key(0).peer_id();
        state.attest(&key(observer), subject, Dimension::Accuracy, Q16::ZERO).expect("visible");
    }
    let isolated =
        |state: &MergeState| state.trust().expect("here")[&key(0).peer_id()].is_isolated();
    assert!(isolated(&state), "three of five say harm");
    for voter in [0, 2, 4] {
        state.vote(&key(voter), key(1).peer_id(), false).expect("of the genesis");
    }
    assert_eq!(state.roster().len(), 4);
    assert!(isolated(&state), "the lower median of two and two");
    for voter in [0, 1, 4] {
        state.vote(&key(voter), key(2).peer_id(), false).expect("of the genesis");
    }
    assert!(!isolated(&state), "one of three");
}

#[test]
fn a_batch_may_bring_a_newcomer_with_the_votes_for_it_and_no_other() {
    let mut source = voted(3, 9, true);
    add(&mut source, &key(9), 1.0);
    let ops = signed(&source);
    let mut state = MergeState::new(policy(5));
    let mut with_stranger = ops.clone();
    with_stranger.push(add(&mut MergeState::new(policy(0)), &key(30), 1.0));
    let before = look(&state);
    let author = key(30).peer_id();
    assert_eq!(state.apply(with_stranger), Err(ApplyError::NotAdmitted { author }));
    assert_eq!(look(&state), before);
    assert_eq!(state.apply(ops.clone()), Ok(ops.len()));
    assert_eq!(look(&state), look(&source));
}

#[test]
fn strangers_wait_outside_until_they_are_admitted_and_spoil_nothing() {
    let mut guest = MergeState::new(policy(0));
    let model = model(1.0, 1.0);
    let op = say(&mut guest, &key(9), Body::Contribute(contribution(&model, 0, Vec::new())));
    let strangers = |n: u8| (0..n).map(|i| add(&mut MergeState::new(policy(0)), &key(60 + i), 1.0));
    let mut node = replica(key(4), 5, ExchangeMode::Delta);
    let content = model.put(&node);
    let empty = format!("{node:?}").len();
    assert_eq!(node.receive(address(1), &delta(vec![op])).expect("well formed").admitted.len(), 0);
    assert_eq!(node.state().op_count(), 0);
    for peer in 20..60 {
        let crowd = delta(strangers(40).collect());
        node.receive(address(peer), &crowd).expect("well formed");
    }
    assert!(format!("{node:?}").len() < 400 * empty, "there is a limit to it");
    let honest = add(&mut MergeState::new(policy(5)), &key(3), 5.0);
    let mixed = delta(strangers(3).chain([honest]).collect());
    let taken = node.receive(address(2), &mixed).expect("well formed");
    assert!(!taken.effects.is_empty(), "it asks for the honest one's tensor");
    let votes = delta(signed(&voted(3, 9, true)));
    node.tensors_stored(&[content]);
    let received = node.receive(address(2), &votes).expect("well formed");
    assert_eq!(received.admitted.len(), 4, "three votes and what waited outside");
    assert_eq!(node.state().visible().count(), 1);
}

/// A record against a guest goes if who published it forks it away. The guest is heard then, so its
/// tensors have to be here.
#[test]
fn guests_are_not_taken_in_without_tensors_on_a_record_that_may_go() {
    let mut guest = MergeState::new(policy(0));
    let model = model(1.0, 1.0);
    let op = say(&mut guest, &key(9), Body::Contribute(contribution(&model, 0, Vec::new())));
    let mut illegal = MergeState::new(policy(0)).next_op(key(9).peer_id(), op.op.body.clone());
    illegal.lamport = 0;
    let record = Fault::IllegalField { op: canonical::encode(&illegal.sign(&key(9))).into() };
    let mut liar = MergeState::new(policy(5));
    let accuses = say(&mut liar, &key(4), Body::Evidence(record));
    let mut node = replica(key(0), 5, ExchangeMode::Delta);
    let mut ops = signed(&voted(3, 9, true));
    ops.push(accuses.clone());
    node.receive(address(1), &delta(ops)).expect("well formed");
    assert!(node.state().evidence().convicts(&key(9).peer_id()));
    let received = node.receive(address(1), &delta(vec![op])).expect("well formed");
    assert_eq!((received.admitted.len(), received.effects.len()), (0, 1), "it asks for the tensor");
    let empty = |lamport| {
        let mut op = MergeState::new(policy(5)).next_op(key(4).peer_id(), nothing());
        op.lamport = lamport;
        op.sign(&key(4))
    };
    let lesser = (1..).map(empty).filter(|op| op.id() < accuses.id()).take(2).collect();
    node.receive(address(1), &delta(lesser)).expect("well formed");
    assert!(!node.state().evidence().convicts(&key(9).peer_id()));
    let content = model.put(&node);
    assert_eq!(node.tensors_stored(&[content]).admitted.len(), 1);
    assert!(node.state().trust().is_ok_and(|trust| trust.len() == 2));
}

fn nothing() -> Body {
    Body::Retract { targets: Vec::new() }
}

trait Put {
    fn put(&self, node: &Replica) -> espalier_identity::Digest;
}

impl Put for espalier_tensor::Model {
    fn put(&self, node: &Replica) -> espalier_identity::Digest {
        self.put_into(node.state().arena().store());
        self.manifest.tensors()[0].content
    }
}

fn delta(ops: Vec<SignedOp>) -> Vec<u8> {
    let signature = espalier_identity::Signature::from_bytes([0; 64]);
    crate::pack::message(&policy(5), key(1).peer_id(), signature, &ops)
}

#[test]
fn newcomers_reach_everybody_by_gossip() {
    let mut net = Net::new(5, 3, ExchangeMode::Delta);
    net.replicas.push(replica(key(9), 5, ExchangeMode::Delta));
    for who in 0..3 {
        let vote = |state: &mut MergeState, voter: &_| state.vote(voter, key(9).peer_id(), true);
        net.replicas[who].change(vote).expect("of the genesis");
    }
    net.rounds(1);
    let own = Draft::new("guest", model(3.0, 3.0));
    net.replicas[5].change(|state, key| state.add(key, own)).expect("admitted, as it has heard");
    net.rounds(2);
    assert!(net.agree());
    assert_eq!(net.replicas[0].state().visible().count(), 1);
    // Faults of guests are faults.
    let targets = vec![Dot::new(key(0).peer_id(), 1)];
    let retract = |state: &mut MergeState, guest: &_| {
        say(state, guest, Body::Retract { targets });
        Ok(())
    };
    net.replicas[5].change(retract).expect("signed");
    net.rounds(2);
    let convicted: Vec<(PeerId, FaultKind)> =
        net.replicas[0].state().evidence().keys().copied().collect();
    assert_eq!(convicted, [(key(9).peer_id(), FaultKind::ForeignRetraction)]);
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn the_roster_is_the_same_in_any_order(
        votes in prop::collection::vec((0..5_u8, 0..7_u8, any::<bool>()), 0..40),
        seed in any::<u64>()
    ) {
        let mut nodes: Vec<_> = (0..5).map(|_| MergeState::new(policy(5))).collect();
        for (i, (voter, subject, admit)) in votes.into_iter().enumerate() {
            let (at, other) = (usize::from(voter), nodes[i % 5].clone());
            nodes[at].merge(&other).expect("one policy");
            nodes[at].vote(&key(voter), key(subject).peer_id(), admit).expect("of the genesis");
            let guest = nodes[at].add(&key(subject), Draft::new("m", model(i as f32, 7.0)));
            let fair = matches!(guest, Ok(_) | Err(ChangeError::NotAdmitted { .. }));
            prop_assert!(fair, "{guest:?}");
            // Nobody signs at two places.
            let done = nodes[at].clone();
            nodes.iter_mut().for_each(|node| { node.merge(&done).expect("one policy"); });
        }
        let all = nodes[0].clone();
        let (mut dice, mut mail) = (Dice(seed), signed(&all));
        let mut afresh = MergeState::new(policy(5));
        while !mail.is_empty() {
            let op = mail.swap_remove(dice.below(mail.len()));
            if afresh.apply(vec![op.clone()]).is_err() {
                mail.push(op);
            }
        }
        prop_assert_eq!(look(&afresh), look(&all));
        survives(&all);
        let rebound = all.with_policy(policy(5));
        prop_assert_eq!(look(&rebound), look(&all));
    }
}
