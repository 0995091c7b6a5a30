//! Operations that are broadcast: passed on before their tensors are here, which follow them.

use crate::driver::{address, replica};
use crate::{key, model};
use espalier_identity::Digest;
use espalier_replica::{Draft, Effect, ExchangeMode, Received, Replica};

/// Long enough for one contribution, and not for two.
const ONE: usize = 330;

/// A replica of author 0 that has contributed `count` times, and its announcements.
fn speaker(count: u8) -> (Replica, Vec<Vec<u8>>) {
    let mut speaker = replica(key(0), 3, ExchangeMode::Delta);
    for value in 0..count {
        let draft = Draft::new("model", model(f32::from(value), 1.0));
        speaker.change(|state, key| state.add(key, draft)).expect("legal");
    }
    let frames = speaker.announcements(0, ONE);
    (speaker, frames)
}

fn listener(i: u8) -> Replica {
    replica(key(i), 3, ExchangeMode::Delta)
}

/// The one frame that is to be sent to `to`, or with which tensors are fetched from it.
fn sent(received: &Received, to: usize) -> Vec<u8> {
    let effects: Vec<_> = received.effects.iter().cloned().map(Effect::asked_by_frame).collect();
    match &effects[..] {
        [Effect::Send { to: peer, frame }] if *peer == address(to) => frame.clone(),
        effects => panic!("{effects:?}"),
    }
}

/// The tensors that are to be provided to `to`.
fn provided(received: &Received, to: usize) -> Vec<Digest> {
    match &received.effects[..] {
        [] => Vec::new(),
        [Effect::Provide { to: peer, contents }] if *peer == address(to) => contents.clone(),
        effects => panic!("{effects:?}"),
    }
}

fn carry(contents: &[Digest], from: &Replica, to: &mut Replica) -> Received {
    for digest in contents {
        let content = from.state().arena().store().get(digest).expect("it is held");
        to.state().arena().store().put(content);
    }
    to.tensors_stored(contents)
}

#[test]
fn there_are_frames_for_own_operations_and_for_no_others() {
    let (mut speaker, frames) = speaker(3);
    assert_eq!(frames.len(), 3);
    assert!(frames.iter().all(|frame| frame.len() <= ONE));
    assert_eq!(speaker.announcements(1, ONE), frames[1..]);
    assert_eq!(speaker.announcements(0, 8 * ONE).len(), 1, "all in one");
    for after in [3, u64::MAX] {
        assert!(speaker.announcements(after, ONE).is_empty());
    }
    let mut other = listener(1);
    other.change(|state, key| state.add(key, Draft::new("other", model(9.0, 9.0)))).expect("legal");
    let own = other.state().delta(&speaker.state().frontier());
    let ops = own.ops().map(|op| op.signed().clone()).collect();
    speaker.change(|state, _| Ok(state.apply(ops).expect("legal"))).expect("no change of its own");
    assert_eq!(speaker.announcements(0, ONE), frames, "only its own");
}

#[test]
fn what_is_too_long_ends_the_announcements() {
    let (mut speaker, frames) = speaker(1);
    let long = Draft::new("a very long name ".repeat(15), model(7.0, 7.0));
    speaker.change(|state, key| state.add(key, long)).expect("legal");
    let short = Draft::new("model", model(8.0, 8.0));
    speaker.change(|state, key| state.add(key, short)).expect("legal");
    assert_eq!(speaker.announcements(0, ONE), frames, "what follows would be refused");
    assert_eq!(speaker.announcements(2, ONE).len(), 1);
    assert!(speaker.announcements(0, 100).is_empty() && speaker.announcements(0, 0).is_empty());
}

#[test]
fn tensors_follow_an_operation_that_was_passed_on_before_they_were_here() {
    let (mut a, frames) = speaker(1);
    let (mut b, mut c) = (listener(1), listener(2));
    // The operation runs ahead: from 0 to 1 and on to 2.
    let asks_a = sent(&b.receive(address(0), &frames[0]).expect("legal"), 0);
    let asks_b = sent(&c.receive(address(1), &frames[0]).expect("legal"), 1);
    let nothing = b.receive(address(2), &asks_b).expect("legal");
    assert_eq!(provided(&nothing, 2), [], "it has no tensors itself");
    let again = b.receive(address(2), &asks_b).expect("legal");
    assert_eq!(provided(&again, 2), []);
    // The tensors come after it, once over each link.
    let contents = provided(&a.receive(address(1), &asks_a).expect("legal"), 1);
    assert_eq!(contents.len(), 1);
    let arrived = carry(&contents, &a, &mut b);
    assert_eq!((arrived.admitted.len(), b.state().op_count()), (1, 1));
    assert_eq!(provided(&arrived, 2), contents, "the wish was noted, once");
    let arrived = carry(&contents, &b, &mut c);
    assert_eq!((arrived.admitted.len(), arrived.effects), (1, Vec::new()));
    assert_eq!(c.state().state_hash(), a.state().state_hash());
    assert_eq!(b.tensors_stored(&contents).effects, [], "and forgotten when it was fulfilled");
}

#[test]
fn only_what_a_replica_waits_for_is_noted() {
    let (_, frames) = speaker(1);
    let (mut b, mut c) = (listener(1), listener(2));
    let asks_b = sent(&c.receive(address(1), &frames[0]).expect("legal"), 1);
    let nothing = b.receive(address(2), &asks_b).expect("legal");
    assert_eq!(provided(&nothing, 2), [], "it has never heard of it");
    let (a, _) = speaker(1);
    let contents: Vec<_> = a.state().live_contents().collect();
    assert_eq!(provided(&carry(&contents, &a, &mut b), 2), []);
}

#[test]
fn an_announcement_that_follows_on_what_is_not_here_is_refused_until_it_is() {
    let (a, frames) = speaker(2);
    let mut b = listener(1);
    assert!(b.receive(address(0), &frames[1]).is_err(), "nobody knows the first one");
    let wants = b.receive(address(0), &frames[0]).expect("legal");
    assert!(b.receive(address(0), &frames[1]).is_err(), "the first one waits for its tensors");
    let first = model(0.0, 1.0).manifest.tensors()[0].content;
    assert_eq!(wants.effects.len(), 1);
    assert_eq!(carry(&[first], &a, &mut b).admitted.len(), 1);
    let wants = b.receive(address(0), &frames[1]).expect("legal");
    assert_eq!(wants.effects.len(), 1);
    let contents: Vec<_> = a.state().live_contents().collect();
    carry(&contents, &a, &mut b);
    assert_eq!(b.state().state_hash(), a.state().state_hash());
}
