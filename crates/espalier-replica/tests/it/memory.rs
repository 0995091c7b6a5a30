//! No bytes of a stranger take memory out of proportion: whatever a peer without a key sends, and
//! whatever file somebody hands over, at most four times its length is taken at once, and a
//! constant. The frames are the worst for each decoder that we know of, not random ones.

use crate::codec::reframe;
use crate::driver::{address, replica};
use crate::{key, model, pack, policy};
use espalier_identity::{Digest, PeerId, Signature, canonical};
use espalier_replica::{Body, ExchangeMode, Fault, MergeState, Op, Policy, PolicySpec, SignedOp};
use espalier_testkit::alloc::allocated;
use espalier_trust::CausalTrustClock;
use std::collections::BTreeMap;

/// How long the frames are, about: long enough that the constant does not hide anything.
const LEN: usize = 1 << 20;

/// What a decoder may take besides: a few short lists, a stranger's operations.
const CONSTANT: usize = 1 << 18;

/// Runs a decoder and checks what it took.
fn take<T>(what: &str, len: usize, decode: impl FnOnce() -> T) -> T {
    let (value, memory) = allocated(decode);
    let most = 4 * len + CONSTANT;
    assert!(memory.peak <= most, "{what}: {} at once for {len} bytes", memory.peak);
    assert!(memory.live <= most, "{what}: {} stay of {len} bytes", memory.live);
    value
}

/// A message by its number and its fields.
pub(crate) fn message(kind: u8, fields: &impl serde::Serialize) -> Vec<u8> {
    reframe(&[vec![kind], canonical::encode(fields)].concat())
}

/// Hands a frame to a node that exchanges in this way. It takes nothing in.
fn receive_by(what: &str, exchange: ExchangeMode, frame: &[u8]) {
    let mut node = replica(key(0), 4, exchange);
    let _ = take(what, frame.len(), || node.receive(address(9), frame));
    assert_eq!(node.state().op_count(), 0, "{what}");
    // What it keeps for later it says.
    let _ = take(what, frame.len(), || node.start(address(9)));
}

/// The same for both ways.
fn receive(what: &str, frame: &[u8]) {
    receive_by(what, ExchangeMode::Delta, frame);
    receive_by(what, ExchangeMode::Intervals, frame);
}

fn zeros() -> Signature {
    Signature::from_bytes([0; 64])
}

fn op(author: PeerId, seq: u64, body: Body) -> SignedOp {
    let prev = (seq > 1).then_some(Digest::ZERO);
    let op = Op { author, seq, prev, deps: Vec::new(), lamport: 1, body };
    SignedOp { op, signature: zeros() }
}

/// A batch with a count of bytes inside, these layouts, and operations as they are packed.
fn batch(inside: u64, layouts: &[Vec<u8>], ops: &[u8]) -> Vec<u8> {
    let policy = policy(4);
    let head = [
        canonical::encode(&inside),
        pack::key_bytes(&policy, &key(1).peer_id()),
        zeros().as_bytes().to_vec(),
        canonical::encode(&layouts),
    ];
    [head.concat(), ops.to_vec()].concat()
}

/// The two messages with a batch of which different things are kept.
fn with_batch(what: &str, batch: &[u8]) {
    let mark = [0_u8; 8];
    let none: Option<(u64, [u8; 8])> = None;
    receive_by(what, ExchangeMode::Delta, &pack::delta(batch));
    let interval = message(12, &(batch, none, none, (0_u64, mark), 0_u8));
    receive_by(what, ExchangeMode::Intervals, &interval);
}

/// The others.
fn with_batch_elsewhere(what: &str, batch: &[u8]) {
    receive(what, &message(6, &(batch, [0_u8; 16], Vec::<[u8; 8]>::new())));
    receive(what, &message(8, &(batch, policy(4).hash(), false)));
}

/// The packed operations of authors on the roster, with signatures that nobody made.
fn packed(ops: impl Iterator<Item = SignedOp>) -> Vec<u8> {
    let policy = policy(4);
    ops.flat_map(|signed| pack::op(&policy, &signed, None, &[], None)).collect()
}

/// A contribution as it is packed: this layout, and what comes for its tensors.
fn contribution(index: &[u8], marks: u8, contents: &[u8]) -> Vec<u8> {
    let head = [&[0_u8, 2, 1, 1, marks, 0, 1][..], index, contents, &[0; 4], &[0; 64]];
    head.concat()
}

#[test]
fn many_short_operations() {
    let vote = |i: usize| {
        let subject = key((i % 4) as u8).peer_id();
        op(key((i / 4 % 4) as u8).peer_id(), 1 + i as u64 / 16, Body::Vote { subject, admit: true })
    };
    let retract =
        |i: usize| op(key(1).peer_id(), 1 + i as u64, Body::Retract { targets: Vec::new() });
    with_batch("votes", &batch(0, &[], &packed((0..LEN / 102).map(vote))));
    with_batch("retractions", &batch(0, &[], &packed((0..LEN / 99).map(retract))));
    // Nobody on the roster; a whole chain, of which nothing but the beginning is kept.
    let stranger =
        |i: usize| op(key(99).peer_id(), 1 + i as u64, Body::Retract { targets: vec![] });
    with_batch("a stranger's chain", &batch(0, &[], &packed((0..LEN / 131).map(stranger))));
    let strangers = |i: usize| {
        op(
            PeerId::from_bytes(*Digest::of_content(&i.to_le_bytes()).as_bytes()),
            1,
            Body::Retract { targets: vec![] },
        )
    };
    let crowd = packed((0..LEN / 99).map(strangers));
    with_batch("strangers", &batch(0, &[], &crowd));
    with_batch_elsewhere("strangers", &batch(0, &[], &crowd));
    // The shortest there are: each goes on after the one before.
    let mut chain = packed(std::iter::once(retract(0)));
    for _ in 0..LEN / 67 {
        chain.extend([[1 + 8, 1, 0].to_vec(), vec![0; 64]].concat());
    }
    with_batch("a chain", &batch(0, &[], &chain));
}

/// A layout of so many tensors of this packed form.
fn layout(count: usize, tensor: &[u8]) -> Vec<u8> {
    [canonical::encode(&(count as u64)), tensor.repeat(count)].concat()
}

#[test]
fn layouts_that_are_short_and_manifests_that_are_long() {
    // Three bytes a tensor; sizes of one byte each, as many as are allowed and more.
    let ranked = |rank: u8| [vec![0, 1, rank], vec![1; usize::from(rank)]].concat();
    let forms = [vec![0, 1, 0], vec![1, b'n', 1, 0], ranked(8), ranked(9), ranked(100)];
    for form in forms {
        for count in [1000, 30_000] {
            let layout = layout(count, &form);
            let one = std::slice::from_ref(&layout);
            let whole = contribution(&[], 2, &vec![7; 32 * count]);
            with_batch("a layout alone", &batch(0, one, &[]));
            with_batch("without contents", &batch(0, one, &whole[..20]));
            with_batch("one contribution", &batch(0, one, &whole));
            let many = whole.repeat((LEN / whole.len()).max(1));
            with_batch("contributions", &batch(0, one, &many));
        }
    }
    let one_long = [vec![1, 1, 0xff, 0xff, 0x7f], vec![1; (1 << 21) - 1]].concat();
    let only = contribution(&[], 2, &[7; 32]);
    with_batch("a long shape", &batch(0, &[one_long], &only));
    // As many different layouts as fit, needed or not.
    let digits = |i: u32| [21, 14, 7, 0].map(|shift| (i >> shift) as u8 & 0x7f);
    let small = |i: u32| layout(1, &[&[4][..], &digits(i), &[1, 0]].concat());
    let layouts: Vec<_> = (0..(LEN / 8) as u32).map(small).collect();
    with_batch("layouts without use", &batch(0, &layouts, &[]));
    let count = LEN / 120;
    let used = |i: usize| contribution(&(i as u16).to_le_bytes(), 2, &[7; 32]);
    let ops: Vec<u8> = (0..count).flat_map(used).collect();
    with_batch("a layout each", &batch(0, &layouts[..count], &ops));
    // A long name, and operations of a hundred bytes that have it.
    let name = [canonical::encode(&(1_u64 << 20)), vec![b'n'; 1 << 20], vec![1, 0]].concat();
    let named = only.repeat(LEN / only.len());
    with_batch("a long name", &batch(0, &[layout(1, &name)], &named));
}

#[test]
fn tensors_inside_that_are_empty_or_small() {
    for (len, shape) in [(0, vec![0, 1, 1, 0]), (4, vec![0, 1, 0])] {
        let ops = contribution(&[], 3, &vec![0; 128 * len]);
        let count = LEN / ops.len();
        let batch = batch((count * 128 * len) as u64, &[layout(128, &shape)], &ops.repeat(count));
        with_batch("tensors inside", &batch);
    }
    let alone = contribution(&[], 3, &[]);
    with_batch("a tensor inside", &batch(0, &[layout(1, &[0, 1, 1, 0])], &alone.repeat(LEN / 80)));
}

#[test]
fn bodies_that_are_longer_than_they_look() {
    let tail = vec![0; 64];
    let head = |kind: u8| vec![kind, 2, 1, 1];
    let count = |n: usize| canonical::encode(&(n as u64));
    for n in [1000, 4000, 10_000, 127_000, LEN / 2] {
        let dots = [count(n), [2, 9].repeat(n)].concat();
        with_batch("dots", &batch(0, &[], &[head(1), dots.clone(), tail.clone()].concat()));
        let replaces = [&[0_u8, 2, 1, 1, 2 | 32, 0, 1][..], &[0; 4], &dots, &tail].concat();
        with_batch("replaced", &batch(0, &[vec![0]], &replaces));
        let deps =
            [vec![1 + 16, 2, 1], count(n), vec![7; 32 * n], vec![1, 0], tail.clone()].concat();
        with_batch("heads", &batch(0, &[], &deps));
        for fault in faults(n) {
            let evidence = [head(3), count(fault.len()), fault, tail.clone()].concat();
            with_batch("records", &batch(0, &[], &evidence));
        }
    }
    let name = [&[0_u8, 2, 1, 1, 2][..], &count(LEN), &vec![b'n'; LEN], &[1, 0, 0, 0, 0], &tail];
    with_batch("a name", &batch(0, &[vec![0]], &name.concat()));
}

/// Records with `n` of something, as canonical bytes.
fn faults(n: usize) -> Vec<Vec<u8>> {
    let count = canonical::encode(&(n as u64));
    // A copy with a path of nothing; an envelope with a long path; a chunk with many siblings.
    let path = [vec![8, 0], count.clone(), vec![0; n], vec![0]].concat();
    let envelope = vec![0; 32 + 32 + 1 + 32 + 64];
    let inclusion = [vec![2], envelope, vec![0; 64], count.clone(), vec![1; 33 * n]].concat();
    let siblings = [vec![3, 0, 0, 0], count.clone(), vec![1; n], count, vec![1; 32 * n]].concat();
    vec![path, inclusion, siblings]
}

#[test]
fn frontiers() {
    let differs = |width: u8, bytes: &[u8], by_key: &[(PeerId, u64)]| {
        message(2, &(width, bytes, by_key, false))
    };
    let keys: Vec<_> = (0..LEN / 34)
        .map(|i| PeerId::from_bytes(*Digest::of_content(&i.to_le_bytes()).as_bytes()))
        .collect();
    let mut by_key: Vec<_> = keys.into_iter().map(|key| (key, 9)).collect();
    receive("unsorted keys", &differs(0, &[], &by_key));
    by_key.sort_unstable();
    receive("keys", &differs(0, &[], &by_key));
    for (width, byte) in [(0, 0), (1, 0), (1, 0xff), (64, 0xff), (255, 0xff)] {
        for len in [100_000, LEN, 9 << 20] {
            receive("numbers", &differs(width, &vec![byte; len], &[]));
        }
    }
    let scope = ([0_u8; 16], Some((1_u8, vec![0xff_u8; 100_000], Vec::<(PeerId, u64)>::new())));
    receive("a scope", &message(5, &(scope, 0_u64, 8_u64)));
    // Everybody on a long roster.
    let roster: Vec<_> = by_key.iter().map(|(key, _)| *key).collect();
    let count = roster.len();
    let spec = PolicySpec { roster, ..PolicySpec::any_schema() };
    let state = MergeState::new(Policy::new(spec).expect("legal"));
    let mut node = espalier_replica::Replica::new(key(0), state, ExchangeMode::Delta);
    let all = vec![0xff; count / 8];
    let frame = differs(1, &all, &[]);
    take("a long roster", frame.len(), || node.receive(address(9), &frame)).expect("in order");
}

#[test]
fn lists_and_symbols() {
    use espalier_reconcile::{Encoder, Salt};
    let scope = ([0_u8; 16], None::<u8>);
    let shorts: Vec<_> = (0..LEN as u64 / 8).map(u64::to_be_bytes).collect();
    let ids: Vec<_> = (0..LEN / 32).map(|i| Digest::of_content(&i.to_le_bytes())).collect();
    receive("wanted", &message(7, &ids));
    receive("wanted operations", &message(6, &(Vec::<u8>::new(), scope.0, &shorts)));
    receive("identifiers", &message(10, &(scope, 0_u64, u64::MAX, &shorts)));
    let salt = Salt::new([0; 16]);
    for count in [1000, 8192, 1 << 16, LEN / 13] {
        // Symbols with one element each, which are peeled at once.
        let one = |i: usize| {
            let id = salt.short(Digest::of_content(&i.to_le_bytes()).as_bytes());
            Encoder::new(&salt, [id]).take(1)[0]
        };
        let symbols: Vec<_> = (0..count).map(one).collect();
        receive("symbols", &message(4, &(scope, u64::MAX, symbols[0], 0_u64, &symbols)));
    }
}

/// A file of a state with this policy, operations and tensors, all as canonical bytes.
fn file(policy: &PolicySpec, ops: &[Vec<u8>], tensors: &[u8]) -> Vec<u8> {
    let ops = [canonical::encode(&(ops.len() as u64)), ops.concat()].concat();
    reframe(&[canonical::encode(policy), ops, tensors.to_vec()].concat())
}

/// Reads a file in both forms.
fn read(what: &str, bytes: &[u8]) {
    assert!(take(what, bytes.len(), || MergeState::from_bytes(bytes)).is_err(), "{what}");
    assert!(take(what, bytes.len(), || Fault::all_in(bytes)).is_err(), "{what}");
}

fn read_json(what: &str, text: &str) {
    assert!(take(what, text.len(), || MergeState::from_json(text)).is_err(), "{what}");
    let _ = take(what, text.len(), || Fault::all_in(text.as_bytes()));
}

#[test]
fn files_of_states() {
    let spec = policy(4).spec().clone();
    let retract = |i: u64| op(key(1).peer_id(), 1 + i, Body::Retract { targets: Vec::new() });
    let short: Vec<_> = (0..(LEN / 134) as u64).map(|i| canonical::encode(&retract(i))).collect();
    read("operations", &file(&spec, &short, &[0]));
    let contributed = |count: usize, tensor: &[u8]| {
        let bytes = [key(1).peer_id().as_bytes().to_vec(), vec![1, 0, 0, 1, 0, 0, 1]].concat();
        let manifest = [canonical::encode(&(count as u64)), tensor.repeat(count)].concat();
        [bytes, manifest, vec![0; 4], vec![0, 0, 0], vec![0; 64]].concat()
    };
    let tensor = |rank: u8| [vec![0, 1, rank], vec![1; usize::from(rank)], vec![7; 32]].concat();
    for rank in [0, 1, 8, 9, 100] {
        let tensor = tensor(rank);
        for count in [0, 100, 100_000] {
            let one = contributed(count, &tensor);
            let times = (LEN / one.len()).max(1);
            read("manifests", &file(&spec, &vec![one.clone(); times], &[0]));
            take("an operation", one.len(), || SignedOp::from_bytes(&one)).ok();
        }
    }
    let tensors = |n: u32| {
        let one = |i: u32| [[&i.to_be_bytes()[..], &[0; 28]].concat(), vec![0]].concat();
        [canonical::encode(&u64::from(n)), (0..n).flat_map(one).collect()].concat()
    };
    read("tensors", &file(&spec, &[], &tensors((LEN / 33) as u32)));
    let long = PolicySpec { roster: keys(LEN / 32), ..spec.clone() };
    read("a roster", &file(&long, &[canonical::encode(&retract(0))], &[0]));
    let many = PolicySpec { parameters: parameters(), ..spec };
    read("parameters", &file(&many, &[], &[0]));
}

/// Parameters that no strategy has.
fn parameters() -> BTreeMap<String, String> {
    (0..LEN / 10).map(|i| (format!("{i:x}"), String::new())).collect()
}

/// Many different keys.
fn keys(count: usize) -> Vec<PeerId> {
    let key = |i: usize| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&(i as u64).to_be_bytes());
        PeerId::from_bytes(bytes)
    };
    (0..count).map(key).collect()
}

/// The JSON form with this policy and the text of the operations.
fn json(policy: &PolicySpec, ops: &str) -> String {
    let policy = serde_json::to_string(policy).expect("json");
    format!("{{\"policy\":{policy},\"ops\":[{ops}],\"tensors\":{{}}}}")
}

#[test]
fn files_of_states_in_json() {
    let spec = policy(4).spec().clone();
    let long = PolicySpec { roster: keys(LEN / 32), ..spec.clone() };
    let canonical = Policy::new(long).expect("legal");
    read_json("a roster", &json(canonical.spec(), "0"));
    let many = PolicySpec { parameters: parameters(), ..spec.clone() };
    read_json("parameters", &json(&many, ""));
    let retract = op(key(1).peer_id(), 1, Body::Retract { targets: Vec::new() });
    let one = serde_json::to_string(&retract).expect("json");
    read_json("operations", &json(&spec, &vec![one; LEN / 300].join(",")));
    read_json("nothing", &json(&spec, &vec!["0"; LEN / 2].join(",")));
    let shapes = format!(
        "{{\"name\":\"\",\"dtype\":\"f32\",\"shape\":[{}],\"content\":\"{}\"}}",
        ["1"; 8].join(","),
        "0".repeat(64)
    );
    let contributed = serde_json::to_string(&op(
        key(1).peer_id(),
        1,
        Body::Contribute(crate::contribution(&model(0.0, 0.0), 0, Vec::new())),
    ))
    .expect("json");
    let at = contributed.find("[{\"name\"").expect("a manifest");
    let end = at + contributed[at..].find("}]").expect("its end") + 2;
    let wide =
        [&contributed[..at], "[", &vec![shapes; LEN / 150].join(","), "]", &contributed[end..]];
    read_json("a manifest", &json(&spec, &wide.concat()));
    let sizes = contributed
        .replace("\"shape\":[2]", &format!("\"shape\":[{}]", vec!["1"; LEN / 2].join(",")));
    read_json("a shape", &json(&spec, &sizes));
}

#[test]
fn records_and_clocks() {
    for text in [
        "[".repeat(LEN),
        format!("[{}", vec!["[]"; LEN / 3].join(",")),
        format!("[{}]", vec!["{\"illegal-field\":{\"op\":\"\"}}"; LEN / 28].join(",")),
        format!("{{\"evidence\":[{}]}}", vec!["{\"slander\":{\"op\":\"\"}}"; LEN / 22].join(",")),
        format!("{{\"a\":[{}]}}", vec!["0"; LEN / 2].join(",")),
        format!(
            "{{\"copy\":{{\"copy\":\"\",\"path\":[{}],\"original\":\"\"}}}}",
            vec!["\"\""; LEN / 3].join(",")
        ),
    ] {
        let found = take("records", text.len(), || Fault::all_in(text.as_bytes()));
        assert!(found.is_err(), "{found:?}");
    }
    for bytes in [1000, 100_000].into_iter().flat_map(faults) {
        take("a record", bytes.len(), || canonical::decode::<Fault>(&bytes)).ok();
    }
    let ticks: Vec<_> = keys(LEN / 34).into_iter().map(|key| (key, (0_u8, 1_u8))).collect();
    let bytes = [canonical::encode(&ticks), vec![0]].concat();
    take("a clock", bytes.len(), || canonical::decode::<CausalTrustClock>(&bytes))
        .expect("in order");
    let noise = vec![0xff; LEN];
    take("no text", LEN, || Fault::all_in(&noise)).expect_err("no text");
}
