//! Inputs to begin with, made by the code that writes what the decoders read.

use crate::files::file;
use espalier_identity::{Digest, Keypair, PeerId, canonical};
use espalier_lattice::{CausalContext, Dot, VersionVector};
use espalier_orset::OrSet;
use espalier_provenance::{ContentProof, MerkleMap};
use espalier_reconcile::{Encoder, Salt};
use espalier_replica::{
    Body, Draft, Effect, ExchangeMode, Fault, HEADER_LEN, MergeState, Op, Policy, PolicySpec,
    Replica, Tensors,
};
use espalier_tensor::{Model, write_safetensors};
use espalier_trust::{Dimension, Q16};
use serde::Serialize;
use std::fs;

pub(crate) type Samples = Vec<Vec<u8>>;

/// The key of author `i`.
pub(crate) fn key(i: u8) -> Keypair {
    Keypair::from_seed([i; 32])
}

fn address(i: u8) -> PeerId {
    PeerId::from_bytes([i; 32])
}

fn model(value: f32) -> Model {
    Model::from_f32(&[("w", &[2], &[value, 1.0])]).expect("two numbers")
}

/// What the federation of the samples agrees on.
fn spec() -> PolicySpec {
    let roster = (0..4).map(|i| key(i).peer_id()).collect();
    PolicySpec { strategy: "median".into(), roster, ..PolicySpec::for_model(&model(0.0)) }
}

/// Three contributions, one of them retracted, a measurement, and a fork.
pub(crate) fn state() -> MergeState {
    let mut state = MergeState::new(Policy::new(spec()).expect("a policy"));
    for i in 0..3 {
        state.add(&key(i), Draft::new("model", model(f32::from(i)))).expect("legal");
    }
    state.retract(&key(2), Dot::new(key(2).peer_id(), 1)).expect("its own");
    let (about, value) = (key(1).peer_id(), Q16::ONE);
    state.attest(&key(0), about, Dimension::Accuracy, value).expect("visible");
    state
}

/// Another state of the same federation, with a twin of one of its operations.
fn forked() -> MergeState {
    let mut state = MergeState::new(Policy::new(spec()).expect("a policy"));
    state.add(&key(1), Draft::new("other", model(7.0))).expect("legal");
    state.add(&key(3), Draft::new("fourth", model(8.0))).expect("legal");
    state.merge(&self::state()).expect("one policy");
    state
}

/// The frames of an exchange of each kind, without their headers.
pub(crate) fn messages() -> Samples {
    let mut samples = Vec::new();
    for (kind, exchange) in [ExchangeMode::Delta, ExchangeMode::FullState, ExchangeMode::Intervals]
        .into_iter()
        .enumerate()
    {
        let mut nodes =
            [Replica::new(key(0), forked(), exchange), Replica::new(key(1), state(), exchange)];
        for begins in [0, 1, 0] {
            let other = |node: usize| address(1 - node as u8);
            let mut mail: Vec<(usize, Effect)> =
                nodes[begins].start(other(begins)).into_iter().map(|e| (begins, e)).collect();
            while !mail.is_empty() {
                let (from, effect) = mail.remove(0);
                let to = 1 - from;
                let received = match effect.asked_by_frame() {
                    Effect::Send { frame, .. } => {
                        samples.push([&[kind as u8], &frame[HEADER_LEN..]].concat());
                        nodes[to].receive(other(to), &frame).unwrap_or_default()
                    }
                    Effect::Provide { contents, .. } => {
                        for content in &contents {
                            if let Some(held) = nodes[from].state().arena().store().get(content) {
                                nodes[to].state().arena().store().put(held);
                            }
                        }
                        nodes[to].tensors_stored(&contents)
                    }
                    Effect::Fetch { .. } => continue,
                };
                mail.extend(received.effects.into_iter().map(|effect| (to, effect)));
            }
        }
    }
    samples
}

pub(crate) fn states() -> Samples {
    let forms = [Tensors::Inline, Tensors::ByReference];
    let payload = |state: &MergeState, form| state.to_bytes(form)[HEADER_LEN..].to_vec();
    let mut samples: Samples = forms.iter().map(|form| payload(&state(), *form)).collect();
    samples.extend([payload(&forked(), Tensors::Inline), state().to_bytes(Tensors::Inline)]);
    samples.push(payload(&MergeState::new(Policy::new(spec()).expect("legal")), Tensors::Inline));
    samples
}

pub(crate) fn json_states() -> Samples {
    let forms = [Tensors::Inline, Tensors::ByReference];
    forms.iter().map(|form| forked().to_json(*form).into_bytes()).collect()
}

/// Each operation after its length.
pub(crate) fn operations() -> Samples {
    let me = key(1).peer_id();
    let at = |seq: u64| {
        move |body| {
            let prev = (seq > 1).then(|| Digest::of_content(b"before"));
            Op { author: me, seq, prev, deps: Vec::new(), lamport: 9, body }
        }
    };
    let next = |body| state().next_op(me, body);
    let model = model(3.0);
    let targets = |seq| vec![Dot::new(me, seq)];
    let mut ops: Vec<Op> = vec![
        next(Body::Retract { targets: targets(1) }),
        next(Body::Retract { targets: targets(0) }),
        next(Body::Retract { targets: targets(u64::MAX) }),
        next(Body::Vote { subject: key(2).peer_id(), admit: false }),
        at(1)(Body::Retract { targets: vec![Dot::new(key(2).peer_id(), 1)] }),
        at(2)(Body::Retract { targets: targets(1) }),
        next(Body::Attest {
            subject: key(0).peer_id(),
            dimension: Dimension::Accuracy,
            epoch: 1,
            about: model.root(),
            value: Q16::from_raw(1 << 17),
        }),
    ];
    // Contributions as their authors signed them.
    ops.extend(forked().ops().map(|op| op.op().clone()));
    let evidence = forked().evidence().iter().map(|record| record.fault().clone()).next();
    ops.extend(evidence.map(|fault| next(Body::Evidence(fault))));
    let one = |op: &Op| {
        let bytes = canonical::encode(op);
        let len = u16::try_from(bytes.len()).expect("short").to_le_bytes();
        [&len[..], &bytes].concat()
    };
    let mut samples: Samples = ops.iter().map(one).collect();
    samples.push(samples.concat());
    samples
}

pub(crate) fn policies() -> Samples {
    let mut samples = Vec::new();
    for strategy in ["median", "ties", "krum", "weight-average", "no-such-strategy"] {
        let spec = PolicySpec { strategy: strategy.into(), ..spec() };
        samples.push(serde_json::to_vec(&spec).expect("it can be written"));
        samples.push(canonical::encode(&spec));
    }
    samples
}

pub(crate) fn evidence() -> Samples {
    let state = forked();
    let list = state.evidence_json();
    let faults: Vec<Fault> = state.evidence().iter().map(|c| c.fault().clone()).collect();
    let mut samples = vec![
        format!(r#"{{"evidence":{list},"other":[1,{{}}]}}"#).into_bytes(),
        list.into_bytes(),
        state.to_bytes(Tensors::ByReference),
        state.to_json(Tensors::ByReference).into_bytes(),
    ];
    samples.extend(faults.iter().map(|f| serde_json::to_vec(f).expect("it can be written")));
    samples
}

fn both<T: Serialize>(kind: u8, value: &T) -> Samples {
    let json = serde_json::to_vec(value).expect("it can be written");
    vec![[&[kind], &canonical::encode(value)[..]].concat(), [&[kind], &json[..]].concat()]
}

pub(crate) fn sets() -> Samples {
    let most = Dot::<u8>::MAX_SEQ;
    let mut context = CausalContext::default();
    for (actor, from, to) in [(1, 1, 5), (1, 7, 7), (2, 3, 9), (3, 1, most), (4, most, most)] {
        context.insert_range(actor, from..=to);
    }
    let mut set = OrSet::<[u8; 3], u16>::default();
    for element in 0..6 {
        set.insert([1; 3], element).expect("far from the end");
        set.insert([element as u8; 3], element % 4).expect("far from the end");
    }
    set.remove(&2);
    let mut samples = both(0, &Dot::new(1u8, most));
    samples.extend(both(1, &VersionVector::from_iter([(1u8, 1), (2, 300), (3, most)])));
    samples.extend(both(2, &context));
    samples.extend(both(3, &set));
    for invalid in [0, u64::MAX] {
        samples.extend(both(0, &(1u8, invalid)));
        samples.extend(both(1, &vec![(1u8, invalid)]));
        samples.extend(both(2, &vec![(1u8, vec![(invalid, invalid)])]));
        samples.extend(both(3, &(vec![(([1u8; 3], invalid), 7u16)], [0u8; 0])));
    }
    samples
}

pub(crate) fn proofs() -> Samples {
    let digest = |i: u32| Digest::of_content(&i.to_le_bytes());
    let map: MerkleMap = (0..20).map(|i| (digest(i), digest(i + 100))).collect();
    let mut samples = both(0, &map.prove(&digest(3)).expect("it is in the map"));
    let content: Vec<u8> = (0..3000_u32).map(|i| (i % 251) as u8).collect();
    samples.extend(both(1, &ContentProof::new(&content, 2).expect("it has three chunks")));
    samples
}

pub(crate) fn symbols() -> Samples {
    let ids: Vec<[u8; 32]> = (0..12).map(|i| [i; 32]).collect();
    let salt = Salt::new([7; 16]);
    let sample = |ours: &[[u8; 32]], theirs: &[[u8; 32]], count: usize| {
        let symbols = Encoder::new(&salt, theirs.iter().map(|id| salt.short(id))).take(count);
        let mut bytes = salt.as_bytes().to_vec();
        bytes.push(ours.len() as u8);
        bytes.extend(ours.iter().flatten());
        bytes.extend(symbols.iter().flat_map(canonical::encode));
        bytes
    };
    vec![
        sample(&ids[..4], &ids[2..8], 24),
        sample(&[], &ids, 40),
        sample(&ids, &[], 40),
        sample(&ids[..3], &ids[..3], 4),
    ]
}

/// A safetensors file with one tensor of two numbers.
pub(crate) fn model_file(tensor: &str) -> Vec<u8> {
    let header = format!(r#"{{"{tensor}":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}}}"#);
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 8]].concat()
}

pub(crate) fn safetensors() -> Samples {
    let model =
        Model::from_f32(&[("a", &[2, 2], &[1.0; 4]), ("b.c", &[0], &[]), ("d", &[], &[2.0])]);
    let path = file("sample.safetensors", b"");
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    write_safetensors(&model.expect("small"), &metadata, &path, true)
        .expect("a small file can be written");
    let header = |text: &str, data: usize| {
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &vec![0; data]].concat()
    };
    vec![
        fs::read(&path).expect("it was written"),
        model_file("w"),
        header(r#"{"__metadata__":null,"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#, 8),
        header(r#"{"h":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]}}   "#, 6),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n".to_vec(),
    ]
}

pub(crate) fn shards() -> Samples {
    let texts = [
        r#"{"metadata":{"total_size":16},"weight_map":{"a":"a.safetensors","b":"b.safetensors"}}"#,
        r#"{"weight_map":{"a":"a.safetensors"}}"#,
        r#"{"weight_map":{"a":"../a.safetensors","b":"/b.safetensors","c":""}}"#,
        r#"{"weight_map":{"a":"a.safetensors","a":"b.safetensors"}}"#,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub(crate) fn edge_lists() -> Samples {
    let texts = [
        "# a ring\n0 1\n1 2\n2 3 # last\n3 0\n",
        "0\t63\r\n\r\n5 4\r\n",
        "0 1 2\n",
        "1 99999999999\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub(crate) fn recipes() -> Samples {
    let texts = [
        r#"
merge_method: linear
models:
  - {model: a, parameters: {weight: [0, 1e-1, .5]}}
  - model: b+adapter
    parameters:
      weight:
        - {filter: norm, value: 2}
        - value: "3"
parameters: {normalize: "false"}
dtype: bfloat16
out_dtype: float32
"#,
        r"
merge_method: ties
base_model: &base x
slices:
  - sources: &sources
      - {model: *base, layer_range: [0, 2]}
      - {model: {model: {path: a}, lora: l}, layer_range: [1, 3], parameters: {density: 0.5}}
  - sources: *sources
    parameters: {lambda: [{filter: '*', value: 0.3}]}
parameters: {weight: 1, int8_mask: true}
tokenizer_source: base
",
        "{merge_method: slerp, base_model: a, modules: {default: {models: [{model: b}], \
         parameters: {t: [{filter: layers, value: [0, 1]}, {value: 0.5}]}}}}",
        "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "? [a]\n: !t |\n  text\n...\n---\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
