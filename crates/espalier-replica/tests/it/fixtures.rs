//! Golden forms: the JSON of a small state, and the bytes of one exchange.

use crate::driver::{Net, replica};
use crate::{add, key, model, policy};
use espalier_lattice::Dot;
use espalier_replica::{Draft, ExchangeMode, HEADER_LEN, MergeState, Tensors};
use espalier_testkit::snapshots;
use espalier_trust::{Dimension, Q16};

fn hex(bytes: &[u8]) -> String {
    let lines = bytes.chunks(40).map(|line| line.iter().map(|b| format!("{b:02x}")).collect());
    lines.collect::<Vec<String>>().join("\n")
}

#[test]
fn fixture_json_of_a_small_state() {
    let mut state = MergeState::new(policy(2));
    add(&mut state, &key(0), 1.0);
    add(&mut state, &key(0), 2.0);
    state.attest(&key(1), key(0).peer_id(), Dimension::Accuracy, Q16::ONE).expect("legal");
    state.retract(&key(0), Dot::new(key(0).peer_id(), 2)).expect("its own");
    add(&mut state, &key(1), 0.5);
    snapshots::settings("replica").bind(|| {
        insta::assert_snapshot!("state_json", state.to_json(Tensors::Inline));
    });
}

#[test]
fn fixture_frames_of_an_exchange() {
    const NAMES: [&str; 9] =
        ["Hello", "Same", "Differs", "Delta", "Symbols", "More", "Repair", "Want", "Whole"];
    let mut net = Net::of((0..2).map(|i| replica(key(i), 2, ExchangeMode::Delta)).collect(), 1);
    for (i, name) in ["ada's", "bob's"].into_iter().enumerate() {
        let draft = Draft::new(name, model(i as f32, 1.0));
        net.replicas[i].change(|state, key| state.add(key, draft)).expect("legal");
    }
    net.exchange(0, 1);
    assert!(net.agree());
    net.exchange(1, 0);
    let show = |(from, frame): &(usize, Vec<u8>)| {
        let (a, b) = if *from == 0 { ("A", "B") } else { ("B", "A") };
        let name = NAMES[usize::from(frame[HEADER_LEN])];
        let len = frame.len();
        format!("{a} → {b}  {name}, {len} bytes\n{}\n", hex(frame))
    };
    let text: Vec<_> = net.sent.iter().map(show).collect();
    snapshots::settings("replica").bind(|| {
        insta::assert_snapshot!("exchange_frames", text.join("\n"));
    });
}
