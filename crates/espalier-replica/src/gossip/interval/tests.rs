//! What peers say about logs: stale, greater than anything, and of more peers than are remembered.

use super::*;
use crate::gossip::MAX_COUNTED;
use crate::gossip::effect::ExchangeMode;
use crate::signed::op::Body;
use crate::signed::policy::Policy;
use crate::signed::policy::PolicySpec;
use crate::state::MergeState;
use crate::state::change::Draft;
use espalier_identity::Keypair;

fn key(i: u8) -> Keypair {
    Keypair::from_seed([i; 32])
}

/// A replica that has signed `operations` operations without tensors.
fn replica(author: u8, operations: u64) -> Replica {
    let policy = Policy::new(PolicySpec::any_schema()).expect("legal");
    let mut replica = Replica::new(key(author), MergeState::new(policy), ExchangeMode::Intervals);
    (0..operations).for_each(|_| say(&mut replica));
    replica
}

fn say(replica: &mut Replica) {
    let said = replica.change(|state, key| {
        let op = state.next_op(key.peer_id(), Body::Retract { targets: Vec::new() }).sign(key);
        state.apply(vec![op]).expect("its own next operation");
        Ok(())
    });
    said.expect("nothing fails");
}

fn parts(replica: &mut Replica) -> &mut Intervals {
    replica.intervals.as_mut().expect("it exchanges by intervals")
}

/// One exchange to its end; the messages.
fn exchange(pair: &mut [Replica; 2]) -> Vec<Message<'static>> {
    let ids = pair.each_ref().map(Replica::id);
    let mut mail: Vec<_> = pair[0].start(ids[1]).into_iter().map(|e| (1, e)).collect();
    let mut sent = Vec::new();
    while !mail.is_empty() {
        let (to, Effect::Send { frame, .. }) = mail.remove(0) else { panic!("no tensors") };
        // A message lies in its frame.
        let frame: &'static [u8] = frame.leak();
        sent.push(Message::from_frame(frame).expect("a message"));
        let received = pair[to].receive(ids[1 - to], frame).expect("honest");
        mail.extend(received.effects.into_iter().map(|effect| (1 - to, effect)));
    }
    sent
}

fn tell(replica: &mut Replica, from: PeerId, message: &Message<'_>) -> Vec<Effect> {
    replica.receive(from, &message.to_frame()).expect("well formed").effects
}

#[test]
fn logs_are_one_as_far_as_their_marks_are() {
    let (mut a, b) = (replica(1, 3), replica(2, 2));
    let before = parts(&mut a).log.clone();
    let mut other = a.clone();
    say(&mut a);
    a.change(|state, _| state.merge(b.state()).map(drop).map_err(|_| unreachable!())).expect("one");
    say(&mut other);
    say(&mut other);
    let (a, other) = (parts(&mut a).log.clone(), parts(&mut other).log.clone());
    assert_eq!((before.len(), a.len(), other.len()), (3, 6, 5));
    assert_eq!((a.common(&before), before.common(&a)), (3, 3));
    assert_eq!(a.common(&other), 4, "the same author signs the same");
    for position in 0..=6 {
        let point = a.point(position).expect("so far it goes");
        assert!(a.has(&point));
        assert_eq!(before.has(&point), position <= 3);
        assert_eq!(a.after(position).count() as u64, 6 - position);
        assert!(!a.has(&Point { mark: [7; 8], ..point }));
    }
    assert!([7, u64::MAX].into_iter().all(|far| a.point(far).is_none()));
    assert_eq!(a.after(u64::MAX).count(), 0);
}

#[test]
fn acknowledgements_of_what_never_was_are_ignored() {
    let mut pair = [replica(1, 3), replica(2, 3)];
    exchange(&mut pair);
    let ids = pair.each_ref().map(Replica::id);
    say(&mut pair[0]);
    let before = pair[0].start(ids[1]);
    let at = Point { position: u64::MAX, mark: [9; 8] };
    let end = parts(&mut pair[0]).log.end();
    for position in [0, 1, end.position, u64::MAX] {
        let got = Point { position, mark: [9; 8] };
        assert_eq!(tell(&mut pair[0], ids[1], &Message::Ack { got, at }), []);
        assert_eq!(pair[0].start(ids[1]), before, "of another log");
    }
    // One that lies about its own log is not followed, says so, and both begin anew.
    assert_eq!(tell(&mut pair[0], ids[1], &Message::Ack { got: end, at }), []);
    let sent = exchange(&mut pair);
    assert!(matches!(sent[1], Message::Lost { .. }), "{sent:?}");
    assert_eq!(pair[0].state(), pair[1].state());
    say(&mut pair[1]);
    assert_eq!(exchange(&mut pair).len(), 3);
    assert_eq!(pair[0].state(), pair[1].state());
}

#[test]
fn a_stale_acknowledgement_takes_nothing_back() {
    let mut pair = [replica(1, 3), replica(2, 3)];
    exchange(&mut pair);
    let ids = pair.each_ref().map(Replica::id);
    let logs = pair.each_mut().map(|replica| parts(replica).log.clone());
    let (got, at) = (logs[0].point(2).expect("there"), logs[1].point(3).expect("there"));
    let before = pair[0].start(ids[1]);
    assert_eq!(tell(&mut pair[0], ids[1], &Message::Ack { got, at }), []);
    assert_eq!(pair[0].start(ids[1]), before);
}

#[test]
fn intervals_that_rest_on_nothing_here_are_said_to_be_lost_and_bring_what_they_can() {
    let (mut a, mut b) = (replica(1, 2), replica(2, 1));
    let far = Point { position: 40, mark: [1; 8] };
    let ops: Vec<_> = b.state().ops().collect();
    let batch = b.seal_batch(ops);
    for (got, rests) in [(None, Some(far)), (Some(far), None), (Some(far), Some(far))] {
        let reply = Reply::Interval;
        let batch = batch.clone();
        let interval = Message::Interval(Interval { got, rests, at: far, reply, batch });
        let effects = tell(&mut a, b.id(), &interval);
        let [Effect::Send { frame, .. }] = &effects[..] else { panic!("{effects:?}") };
        let answer = Message::from_frame(frame).expect("a message");
        assert!(matches!(answer, Message::Lost { .. }), "{answer:?}");
    }
    assert_eq!(a.state().op_count(), 3, "the operation was sound");
    let known = parts(&mut a);
    assert!(known.links.is_empty() && known.pending.is_empty());
    // What does not continue what is here says the same.
    (0..3).for_each(|_| say(&mut b));
    let last: Vec<_> = b.state().ops().skip(3).collect();
    let start = parts(&mut a).log.point(0);
    let interval = Interval {
        got: start,
        rests: None,
        at: far,
        reply: Reply::Interval,
        batch: b.seal_batch(last),
    };
    let effects = tell(&mut a, b.id(), &Message::Interval(interval));
    let [Effect::Send { frame, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert!(matches!(Message::from_frame(frame), Ok(Message::Lost { .. })));
}

#[test]
fn strangers_are_remembered_up_to_a_limit() {
    let mut node = replica(1, 1);
    let got = parts(&mut node).log.end();
    for i in 0..MAX_COUNTED as u64 + 10 {
        let mut peer = [0; 32];
        peer[..8].copy_from_slice(&i.to_le_bytes());
        let at = Point { position: i, mark: [3; 8] };
        tell(&mut node, PeerId::from_bytes(peer), &Message::Ack { got, at });
        assert!(parts(&mut node).links.len() <= MAX_COUNTED);
    }
}

#[test]
fn what_waits_for_tensors_is_acknowledged_when_they_are_here() {
    let mut pair = [replica(1, 1), replica(2, 1)];
    pair.iter_mut().for_each(|replica| replica.set_inline_limit(0));
    exchange(&mut pair);
    let ids = pair.each_ref().map(Replica::id);
    let model = espalier_tensor::Model::from_f32(&[("w", &[1], &[1.0])]).expect("legal");
    pair[0].change(|state, key| state.add(key, Draft::new("m", model))).expect("legal");
    let [Effect::Send { frame, .. }] = &pair[0].start(ids[1])[..] else { panic!("one message") };
    let received = pair[1].receive(ids[0], frame).expect("honest");
    let [Effect::Fetch { contents, .. }] = &received.effects[..] else { panic!("{received:?}") };
    assert!(pair[0].state().arena().store().get(&contents[0]).is_some());
    let effects = pair[1].tensors_stored(contents).effects;
    let [Effect::Send { to, frame }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(*to, ids[0]);
    pair[0].receive(ids[1], frame).expect("honest");
    let [Effect::Send { frame, .. }] = &pair[0].start(ids[1])[..] else { panic!("one message") };
    let Ok(Message::Interval(interval)) = Message::from_frame(frame) else { panic!("linked") };
    assert!(interval.batch.is_empty());
}

#[test]
fn copies_that_are_joined_forget_and_count_together() {
    let mut pair = [replica(1, 3), replica(2, 3)];
    exchange(&mut pair);
    let ids = pair.each_ref().map(Replica::id);
    // Every exchange on copies, as of one moment.
    let mut compared = 0;
    for _ in 0..3 * REPAIR_EVERY {
        let mut copies = pair.clone();
        let sent = exchange(&mut copies);
        compared += sent.iter().filter(|message| matches!(message, Message::Hello { .. })).count();
        for (ours, copy) in pair.iter_mut().zip(copies) {
            ours.absorb(copy).expect("one policy");
        }
    }
    assert_eq!(compared, 3);
    // The second has another log now. The first hears of it on a copy.
    pair[1] = Replica::new(key(2), replica(2, 3).state().clone(), ExchangeMode::Intervals);
    let mut copies = pair.clone();
    let sent = exchange(&mut copies);
    assert!(matches!(sent[1], Message::Lost { .. }), "{sent:?}");
    for (ours, copy) in pair.iter_mut().zip(copies) {
        ours.absorb(copy).expect("one policy");
    }
    assert!(pair[0].interval(&ids[1], Reply::Interval).is_some(), "they know each other again");
    let sent = exchange(&mut pair);
    assert!(matches!(&sent[..], [Message::Interval(_)]), "{sent:?}");
}
