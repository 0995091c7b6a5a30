//! Hops answer for what they pass on, and for nothing else. Nobody's flood costs the others
//! anything.

use crate::driver::{Net, address, replica};
use crate::histories::look;
use crate::pack::{message, sealed};
use crate::{add, key, model, policy, say};
use espalier_identity::{Digest, PeerId, Signature, canonical};
use espalier_replica::{
    Body, Draft, Effect, Envelope, ExchangeMode, Fault, HEADER_LEN, MergeState, OpError,
    ReceiveError, Received, Replica, SignedOp,
};
use espalier_tensor::{Content, Dtype, Model};
use espalier_trust::FaultKind;

fn nothing() -> Body {
    Body::Retract { targets: Vec::new() }
}

/// An honest operation and the same with a wrong signature, and a receiver.
fn scene() -> (Replica, SignedOp, SignedOp) {
    let honest = add(&mut MergeState::new(policy(4)), &key(0), 1.0);
    let forged = SignedOp { signature: Signature::from_bytes([9; 64]), ..honest.clone() };
    (replica(key(3), 4, ExchangeMode::Delta), honest, forged)
}

fn convicted(replica: &mut Replica) -> Vec<(PeerId, FaultKind)> {
    replica.publish();
    replica.state().evidence().keys().copied().collect()
}

#[test]
fn a_relay_of_what_its_author_did_not_sign_is_convicted_and_nobody_else() {
    let (mut receiver, honest, forged) = scene();
    let before = look(receiver.state());
    let refused = receiver.receive(address(1), &sealed(&policy(4), &key(1), &[honest, forged]));
    assert!(matches!(refused, Err(ReceiveError::Apply(_))), "{refused:?}");
    assert_eq!(look(receiver.state()), before, "not even its good half");
    assert_eq!(convicted(&mut receiver), [(key(1).peer_id(), FaultKind::InvalidRelay)]);
    let record = receiver.state().evidence().iter().next().expect("one").fault().clone();
    assert!(record.explain().is_ok());
    // The record convinces who was not there, and whoever relays it.
    let mut other = MergeState::new(policy(4));
    assert!(other.accuse(&key(2), record).is_ok_and(|delta| delta.len() == 1));
}

#[test]
fn impossible_structure_counts_like_a_wrong_signature() {
    let (mut receiver, honest, _) = scene();
    let mut op = honest.op;
    op.deps = vec![Digest::ZERO, Digest::ZERO];
    let signed = op.sign(&key(0));
    assert_eq!(signed.clone().verify(), Err(OpError::Deps));
    let frame = sealed(receiver.state().policy(), &key(1), &[signed]);
    assert!(receiver.receive(address(1), &frame).is_err());
    assert_eq!(convicted(&mut receiver), [(key(1).peer_id(), FaultKind::InvalidRelay)]);
}

#[test]
fn without_a_valid_envelope_anyone_could_have_invented_it() {
    let (mut receiver, honest, forged) = scene();
    let hash = receiver.state().policy().hash();
    let innocent = Envelope::of_operations(&key(1), hash, [honest.id()].into_iter());
    let elsewhere = Envelope::of_operations(&key(1), policy(3).hash(), [forged.id()].into_iter());
    let (under, forgery) = (policy(4), std::slice::from_ref(&forged));
    let frames = [
        message(&under, key(1).peer_id(), Signature::from_bytes([1; 64]), forgery),
        // Signed around something else.
        message(&under, innocent.relay, innocent.signature, &[honest.clone(), forged.clone()]),
        // Signed in another federation.
        message(&under, elsewhere.relay, elsewhere.signature, forgery),
    ];
    for frame in frames {
        assert!(receiver.receive(address(1), &frame).is_err());
    }
    assert_eq!(convicted(&mut receiver), []);
    // An envelope around tensors never passes for one around operations.
    let pairs = [(forged.id(), Digest::ZERO)];
    let tensors = Envelope::of_tensors(&key(1), hash, pairs.into_iter());
    let frame = message(&under, tensors.relay, tensors.signature, forgery);
    assert!(receiver.receive(address(1), &frame).is_err());
    assert_eq!(convicted(&mut receiver), []);
    // What is in order is taken whatever its envelope.
    let frame = message(&under, key(1).peer_id(), Signature::from_bytes([1; 64]), &[honest]);
    assert!(receiver.receive(address(1), &frame).is_ok());
}

#[test]
fn what_only_this_replica_refuses_convicts_nobody() {
    let (mut receiver, ..) = scene();
    let mut chain = MergeState::new(policy(0));
    add(&mut chain, &key(0), 1.0);
    let gap = add(&mut chain, &key(0), 2.0);
    let stranger = add(&mut chain, &key(30), 2.0);
    let refused = receiver.receive(address(1), &sealed(&policy(4), &key(1), &[gap]));
    assert!(matches!(refused, Err(ReceiveError::Apply(_))), "{refused:?}");
    let nothing = receiver.receive(address(1), &sealed(&policy(4), &key(1), &[stranger]));
    let Received { effects, admitted, .. } = nothing.expect("a stranger spoils nothing");
    assert!(effects.is_empty() && admitted.is_empty(), "a stranger is not heard");
    assert_eq!(convicted(&mut receiver), []);
}

#[test]
fn an_honest_relay_beside_a_lying_one_brings_what_that_one_spoilt() {
    let mut net = Net::new(4, 3, ExchangeMode::Delta);
    for who in 0..3 {
        let draft = Draft::new("model", model(who as f32, 1.0));
        net.replicas[who].change(|state, key| state.add(key, draft)).expect("legal");
    }
    net.exchange(0, 1);
    net.exchange(0, 2);
    let mut ops: Vec<_> = net.replicas[0].state().ops().map(|op| op.signed().clone()).collect();
    ops[0].signature = Signature::from_bytes([1; 64]);
    let refused = net.replicas[3].receive(address(1), &sealed(&policy(4), &key(1), &ops));
    assert!(refused.is_err());
    net.exchange(3, 0);
    net.rounds(2);
    assert!(net.agree());
    let state = net.replicas[3].state();
    assert_eq!(state.visible().count(), 2, "all but the liar's");
    let found: Vec<_> = state.evidence().keys().copied().collect();
    assert_eq!(found, [(key(1).peer_id(), FaultKind::InvalidRelay)]);
}

/// A replica that waits for the tensor of an operation of another one.
fn waiting() -> (Replica, Replica, Digest) {
    let mut source = replica(key(0), 3, ExchangeMode::Delta);
    let draft = Draft::new("model", model(4.0, 4.0));
    source.change(|state, key| state.add(key, draft)).expect("legal");
    let mut receiver = replica(key(1), 3, ExchangeMode::Delta);
    let ops: Vec<_> = source.state().ops().map(|op| op.signed().clone()).collect();
    let frame = sealed(source.state().policy(), &key(0), &ops);
    let received = receiver.receive(address(0), &frame).expect("in order");
    assert_eq!(received.admitted.len(), 0, "not without its tensor");
    let wanted = source.state().live_contents().next().expect("one tensor");
    (source, receiver, wanted)
}

#[test]
fn tensors_are_hashed_where_they_arrive() {
    let (source, mut receiver, wanted) = waiting();
    let good = source.state().arena().store().get(&wanted).expect("held");
    let bad = Content::from(vec![1; 8]);
    let needless = Content::from(vec![2; 8]);
    // The sender said the truth about what it named, so anyone could have put in these bytes.
    let envelope = source.seal(&[(wanted, wanted)]);
    let refused = receiver.receive_tensors(&envelope, vec![(wanted, bad.clone())]);
    let (address, found) = (wanted, bad.digest());
    assert_eq!(refused, Err(ReceiveError::Content { address, found }));
    assert_eq!(convicted(&mut receiver), []);
    // What nobody asked for is not kept.
    let both = vec![(needless.digest(), needless.clone()), (wanted, good)];
    let received = receiver.receive_tensors(&envelope, both).expect("the envelope is not read");
    assert_eq!(received.admitted.len(), 1);
    assert!(!receiver.state().arena().store().contains(&needless.digest()));
}

#[test]
fn who_signs_that_other_bytes_belong_to_an_address_is_convicted() {
    let (source, mut receiver, wanted) = waiting();
    let good = source.state().arena().store().get(&wanted).expect("held");
    let bad = Content::from(vec![1; 8]);
    let envelope = source.seal(&[(wanted, bad.digest())]);
    assert!(receiver.receive_tensors(&envelope, vec![(wanted, bad)]).is_err());
    assert_eq!(convicted(&mut receiver), [(key(0).peer_id(), FaultKind::InvalidRelay)]);
    let record = receiver.state().evidence().iter().next().expect("one");
    let bytes = canonical::encode(record.fault());
    for at in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1 << (at % 8);
        if let Ok(fault) = canonical::decode::<Fault>(&wrong) {
            assert!(fault.verify().is_err(), "byte {at}");
        }
    }
    // An envelope around operations holds no address.
    let ids = [Digest::of_content(b"op")].into_iter();
    let operations = Envelope::of_operations(&key(2), receiver.state().policy().hash(), ids);
    let inclusion =
        espalier_provenance::MerkleMap::from_iter([(Digest::of_content(b"op"), Digest::ZERO)])
            .prove(&Digest::of_content(b"op"))
            .expect("in there");
    assert!(Fault::WrongContent { envelope: operations, inclusion }.verify().is_err());
    let good = vec![(wanted, good)];
    let received = receiver.receive_tensors(&source.seal(&[(wanted, wanted)]), good);
    assert!(received.is_ok(), "and the good bytes are still welcome");
}

/// A contribution whose operation is `kib` KiB long.
fn long(number: u8, kib: usize) -> Model {
    let tensor = |i: usize| (format!("{number}-{i:0>470}"), Dtype::U8, vec![1], vec![number]);
    Model::from_tensors((0..2 * kib).map(tensor).collect()).expect("legal")
}

fn own_bytes(replica: &Replica, author: u8) -> usize {
    let own = replica.state().ops().filter(|op| op.op().author == key(author).peer_id());
    own.map(|op| op.encoded_len()).sum()
}

const BUDGET: usize = 100 << 10;

/// Author 0 has signed much more than a tick's worth, authors 1 and 2 a little; replica 0 has it
/// all.
fn flooded(exchange: ExchangeMode) -> (Net, usize) {
    let mut net = Net::of((0..4).map(|i| replica(key(i), 4, exchange)).collect(), 1);
    net.replicas.iter_mut().for_each(|replica| replica.set_budget(BUDGET));
    for number in 0..60 {
        let draft = Draft::new("flood", long(number, 16));
        net.replicas[0].change(|state, key| state.add(key, draft)).expect("legal");
    }
    for who in 1..3 {
        let draft = Draft::new("honest", model(who as f32, 1.0));
        net.replicas[who].change(|state, key| state.add(key, draft)).expect("legal");
        net.exchange(0, who);
    }
    let flood = own_bytes(&net.replicas[0], 0);
    assert!(flood > 9 * BUDGET);
    (net, flood)
}

/// A tick in which replica 3 is told everything three times; the bytes of author 0 it took in.
fn tick(net: &mut Net) -> usize {
    let before = own_bytes(&net.replicas[3], 0);
    for _ in 0..3 {
        let effects = net.replicas[3].start(address(0));
        deliver(net, 3, effects);
    }
    let state = net.replicas[3].state();
    let honest = state.visible().filter(|e| e.op().op().author != key(0).peer_id());
    assert_eq!(honest.count(), 2, "the others are heard in the first tick");
    net.replicas[3].tick();
    own_bytes(&net.replicas[3], 0) - before
}

#[test]
fn a_flood_slows_only_its_author_and_costs_a_bounded_amount_a_tick() {
    let (mut net, flood) = flooded(ExchangeMode::Delta);
    let mut ticks = 0;
    while own_bytes(&net.replicas[3], 0) < flood {
        let len = format!("{:?}", net.replicas[3]).len();
        let taken = tick(&mut net);
        assert!(taken <= BUDGET && taken > 0, "{taken} bytes in tick {ticks}");
        assert!(format!("{:?}", net.replicas[3]).len() < len + 60 * BUDGET);
        ticks += 1;
    }
    assert!(ticks >= flood / BUDGET, "{ticks} ticks for {flood} bytes");
    (0..ticks).for_each(|_| net.rounds(1));
    assert!(net.agree(), "nothing diverges");
}

#[test]
fn a_chain_whose_earlier_tensors_are_gone_grows_until_it_can_be_taken_whole() {
    // In full-state exchanges only live tensors are sent, and of the flood only the last is live.
    let (mut net, flood) = flooded(ExchangeMode::FullState);
    let mut ticks = 0;
    while own_bytes(&net.replicas[3], 0) < flood {
        tick(&mut net);
        ticks += 1;
        assert!(ticks <= flood / BUDGET + 5, "tick {ticks}");
    }
    assert!(ticks >= flood / BUDGET, "no more than a budget was read in a tick");
    (0..ticks).for_each(|_| net.rounds(1));
    assert!(net.agree());
}

/// Delivers what follows from these effects, without a new tick.
fn deliver(net: &mut Net, from: usize, effects: Vec<Effect>) {
    let mut inbox: Vec<_> = effects.into_iter().map(|effect| (from, effect)).collect();
    while !inbox.is_empty() {
        let (from, effect) = inbox.remove(0);
        let (to, received) = match effect.asked_by_frame() {
            Effect::Send { to, frame } => {
                assert!(frame.len() >= HEADER_LEN);
                let to = usize::from(to.as_bytes()[0]);
                (to, net.replicas[to].receive(address(from), &frame).expect("honest"))
            }
            Effect::Provide { to, contents } => {
                let to = usize::from(to.as_bytes()[0]);
                let store = net.replicas[from].state().arena().store().clone();
                let sent: Vec<_> =
                    contents.iter().map(|d| (*d, store.get(d).expect("held"))).collect();
                let pairs: Vec<_> = contents.iter().map(|digest| (*digest, *digest)).collect();
                let envelope = net.replicas[from].seal(&pairs);
                (to, net.replicas[to].receive_tensors(&envelope, sent).expect("honest"))
            }
            Effect::Fetch { .. } => unreachable!("asked by a frame"),
        };
        inbox.extend(received.effects.into_iter().map(|effect| (to, effect)));
    }
}

#[test]
fn one_operation_is_always_taken_however_long() {
    let mut net = Net::new(2, 1, ExchangeMode::Delta);
    net.replicas[1].set_budget(10);
    for number in 0..3 {
        let draft = Draft::new("long", long(number, 4));
        net.replicas[0].change(|state, key| state.add(key, draft)).expect("legal");
    }
    for taken in 1..=3 {
        net.exchange(1, 0);
        assert_eq!(net.replicas[1].state().op_count(), taken);
    }
    assert!(net.agree());
}

#[test]
fn forged_operations_do_not_spend_the_budget_of_whom_they_name() {
    let (mut receiver, honest, forged) = scene();
    receiver.set_budget(forged.clone().op.deps.len() + 200);
    for _ in 0..10 {
        assert!(
            receiver
                .receive(address(1), &sealed(&policy(4), &key(1), std::slice::from_ref(&forged)))
                .is_err()
        );
    }
    let received = receiver.receive(address(2), &sealed(&policy(4), &key(2), &[honest]));
    assert!(received.is_ok_and(|received| !received.effects.is_empty()), "it asks for the tensor");
}

/// Author 2 shows each of two replicas another operation. It, or author 3, says something to one of
/// them before each exchange, so that they have never seen equally far.
#[test]
fn whoever_never_falls_silent_hides_no_fork() {
    for talker in [2, 3] {
        let mut net = Net::new(4, 5, ExchangeMode::Delta);
        let mut talk = MergeState::new(policy(4));
        for to in [0, 1] {
            let mut op = MergeState::new(policy(4)).next_op(key(2).peer_id(), nothing());
            op.lamport += to as u64;
            let op = op.sign(&key(2));
            let frame = sealed(&policy(4), &key(2), std::slice::from_ref(&op));
            net.replicas[to].receive(address(2), &frame).expect("signed");
            if (to, talker) == (0, 2) {
                talk.apply(vec![op]).expect("signed");
            }
        }
        for tick in 0..40 {
            let frame = sealed(&policy(4), &key(2), &[say(&mut talk, &key(talker), nothing())]);
            net.replicas[tick % 2].receive(address(2), &frame).expect("signed");
            let starter = tick / 2 % 2;
            net.exchange(starter, 1 - starter);
        }
        for replica in &net.replicas[..2] {
            let evidence = replica.state().evidence();
            assert!(evidence.has(&key(2).peer_id(), FaultKind::Equivocation), "{talker}");
        }
    }
}
