//! Exchanges that overlap: tensors come once as long as nothing is lost, and come all the same if
//! something is.

use crate::driver::{address, replica};
use crate::{key, model};
use espalier_identity::{Digest, PeerId};
use espalier_replica::{Draft, Effect, ExchangeMode, HEADER_LEN, Received, Replica, counting};

/// Replicas 1 and 2 with what author 0 contributed, and replica 3 with nothing.
fn scene(inside: usize) -> ([Replica; 2], Replica) {
    let mut author = replica(key(0), 4, ExchangeMode::Delta);
    author.change(|state, key| state.add(key, Draft::new("m", model(1.0, 2.0)))).expect("legal");
    let informed = [1, 2].map(|i| {
        let mut source = replica(key(i), 4, ExchangeMode::Delta);
        source.set_inline_limit(inside);
        source.absorb(author.clone()).expect("one policy");
        for digest in contents(&author) {
            let content = author.state().arena().store().get(&digest).expect("held");
            source.state().arena().store().put(content);
        }
        source
    });
    (informed, replica(key(3), 4, ExchangeMode::Delta))
}

fn contents(replica: &Replica) -> Vec<Digest> {
    replica.state().live_contents().collect()
}

fn frames(effects: &[Effect]) -> Vec<Vec<u8>> {
    let frame = |effect: &Effect| match effect {
        Effect::Send { frame, .. } => Some(frame.clone()),
        Effect::Provide { .. } | Effect::Fetch { .. } => None,
    };
    effects.iter().filter_map(frame).collect()
}

/// The one frame that is an answer.
fn answer(to: &mut Replica, from: PeerId, frame: &[u8]) -> Vec<u8> {
    let mut frames = frames(&to.receive(from, frame).expect("in order").effects);
    assert_eq!(frames.len(), 1);
    frames.remove(0)
}

/// What `to` makes of everything it lacks of `from`, which begins the exchange.
fn tell(from: &mut Replica, i: usize, to: &mut Replica) -> Received {
    let hello = frames(&from.start(address(3))).remove(0);
    let differs = answer(to, address(i), &hello);
    let delta = answer(from, address(3), &differs);
    to.receive(address(i), &delta).expect("in order")
}

/// How often tensors are to be fetched.
fn fetches(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Fetch { .. })).count()
}

#[test]
fn what_one_peer_was_asked_for_nobody_else_is_asked_for() {
    let ([mut one, mut other], mut node) = scene(0);
    assert_eq!(fetches(&tell(&mut one, 1, &mut node).effects), 1);
    assert_eq!(fetches(&tell(&mut other, 2, &mut node).effects), 0, "the first one sends it");
    assert_eq!(fetches(&node.start(address(2))), 0);
    // For a whole tick, which begins with the next one.
    node.tick();
    assert_eq!(fetches(&node.start(address(2))), 0);
    assert_eq!(fetches(&tell(&mut other, 2, &mut node).effects), 0);
    node.tick();
    assert_eq!(fetches(&node.start(address(2))), 1, "then everybody is");
    assert_eq!(fetches(&node.start(address(1))), 1);
    assert_eq!(fetches(&tell(&mut other, 2, &mut node).effects), 1);
    let contents = contents(&one);
    node.state().arena().store().put(one.state().arena().store().get(&contents[0]).expect("held"));
    assert_eq!(node.tensors_stored(&contents).admitted.len(), 1);
    node.tick();
    assert_eq!(fetches(&node.start(address(2))), 0, "it is here");
}

#[test]
fn a_driver_that_knows_that_nothing_is_under_way_says_so() {
    let ([mut one, mut other], mut node) = scene(0);
    assert_eq!(fetches(&tell(&mut one, 1, &mut node).effects), 1);
    node.lapse();
    assert_eq!(fetches(&node.start(address(2))), 1);
    assert_eq!(fetches(&tell(&mut other, 2, &mut node).effects), 1);
}

/// Whether how far a replica has seen goes with the wish for operations alone.
fn is_bare(differs: &[u8]) -> bool {
    assert_eq!(differs[HEADER_LEN], 2);
    differs[differs.len() - 1] == 1
}

#[test]
fn while_operations_are_under_way_others_send_theirs_without_tensors() {
    let ([mut one, mut other], mut node) = scene(64);
    let hello = frames(&one.start(address(3))).remove(0);
    let first = answer(&mut node, address(1), &hello);
    let second = answer(&mut node, address(2), &hello);
    assert!(!is_bare(&first) && is_bare(&second));
    let again = answer(&mut node, address(1), &hello);
    assert!(is_bare(&again), "the other one is in flight");
    let with_tensors = answer(&mut one, address(3), &first);
    let bare = answer(&mut other, address(3), &second);
    assert_eq!((counting::inside_len(&with_tensors), counting::inside_len(&bare)), (8, 0));
    assert!(bare.len() < with_tensors.len() + 32);
    let received = node.receive(address(1), &with_tensors).expect("in order");
    assert_eq!((received.admitted.len(), fetches(&received.effects)), (1, 0));
    let received = node.receive(address(2), &bare).expect("in order");
    assert_eq!((received.admitted.len(), fetches(&received.effects)), (0, 0), "all is here");
    let hello = frames(&replica(key(0), 4, ExchangeMode::Delta).start(address(3))).remove(0);
    assert!(!is_bare(&answer(&mut node, address(1), &hello)), "nothing is in flight");
    node.tick();
    assert!(is_bare(&answer(&mut node, address(2), &hello)));
    node.tick();
    node.tick();
    assert!(!is_bare(&answer(&mut node, address(2), &hello)), "nor is it after a tick");
}
