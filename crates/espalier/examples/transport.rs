//! A transport over TCP: three nodes with a file each that merge models over 127.0.0.1.
//! `docs/TRANSPORT.md` explains it.
//!
//! `cargo run -p espalier --example transport`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(clippy::disallowed_methods, reason = "a real node goes by a real clock")]

use espalier::identity::canonical;
use espalier::node::{Node, NodeConfig, NodeInput, NodeOutput};
use espalier::prelude::*;
use espalier::replica::{Blob, Envelope};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

// ---- the transport ----

/// The longest packet that is read.
const LONGEST: u32 = 64 << 20;

/// What travels. A real transport checks the key of the sender; this one believes it.
#[derive(Serialize, Deserialize)]
enum Packet {
    Frame(Vec<u8>),
    Tensors(Envelope, Vec<(Digest, Blob)>),
}

/// Reads packets, each with its length before it and its sender, until the other side ends.
fn listen(mut stream: TcpStream, inputs: &Sender<NodeInput>) -> Result {
    loop {
        let (mut len, mut from) = ([0; 4], [0; 32]);
        stream.read_exact(&mut len)?;
        stream.read_exact(&mut from)?;
        let (len, from) = (u32::from_le_bytes(len), PeerId::from_bytes(from));
        let mut bytes = Vec::new();
        (&stream).take(len.min(LONGEST).into()).read_to_end(&mut bytes)?;
        inputs.send(match canonical::decode(&bytes)? {
            Packet::Frame(frame) => NodeInput::Frame { from, frame },
            Packet::Tensors(envelope, tensors) => {
                let tensors = tensors.into_iter().map(|(at, blob)| (at, blob.0.into())).collect();
                NodeInput::Tensors { from, envelope, tensors }
            }
        })?;
    }
}

/// Sends a packet over a connection of its own. Whatever goes wrong, the message is lost, and the
/// exchanges repair that. A stranger may have asked, whose address nobody knows.
fn send(to: Option<&SocketAddr>, from: PeerId, packet: &Packet) {
    let Some(to) = to else { return };
    let bytes = canonical::encode(packet);
    let head = [&(bytes.len() as u32).to_le_bytes()[..], from.as_bytes()].concat();
    let sent = TcpStream::connect(to)
        .and_then(|mut stream| stream.write_all(&[head, bytes].concat()).map(drop));
    drop(sent);
}

/// Carries out what a node wants, until it has known everybody's operation for a while.
fn drive(
    mut node: Node,
    mut outputs: Vec<NodeOutput>,
    peers: &BTreeMap<PeerId, SocketAddr>,
    inputs: &Receiver<NodeInput>,
    log: &Path,
) -> Result<Digest> {
    let (own, start, mut log) = (node.id(), Instant::now(), File::create(log)?);
    let mut wake = Duration::ZERO;
    let mut quiet = Instant::now();
    for peer in peers.keys() {
        outputs.extend(node.handle(NodeInput::PeerUp(*peer), start.elapsed()));
    }
    loop {
        for output in std::mem::take(&mut outputs) {
            match output {
                NodeOutput::Persist { number, ops } => {
                    ops.ops().try_for_each(|op| log.write_all(&canonical::encode(op.signed())))?;
                    log.sync_data()?;
                    outputs.extend(node.handle(NodeInput::Persisted(number), start.elapsed()));
                    quiet = Instant::now();
                }
                NodeOutput::Effect(Effect::Send { to, frame }) => {
                    send(peers.get(&to), own, &Packet::Frame(frame));
                }
                NodeOutput::Effect(Effect::Provide { to, contents }) => {
                    let sent: Vec<_> = contents.iter().map(|digest| (*digest, *digest)).collect();
                    let store = node.state().arena().store();
                    let bytes = |digest| Some((digest, Blob(store.get(&digest)?.to_vec())));
                    let tensors = contents.into_iter().filter_map(bytes).collect();
                    send(
                        peers.get(&to),
                        own,
                        &Packet::Tensors(node.replica().seal(&sent), tensors),
                    );
                }
                NodeOutput::WakeAt(time) => wake = time,
                _ => {}
            }
        }
        if node.state().op_count() > peers.len() && quiet.elapsed() > Duration::from_millis(500) {
            return Ok(node.state().state_hash());
        }
        if !outputs.is_empty() {
            continue;
        }
        let input = match inputs.recv_timeout(wake.saturating_sub(start.elapsed())) {
            Ok(input) => input,
            Err(RecvTimeoutError::Timeout) => NodeInput::Tick,
            Err(error) => return Err(error.into()),
        };
        outputs = node.handle(input, start.elapsed());
    }
}

// ---- the federation ----

fn main() -> Result {
    let keys: Vec<Keypair> = (1..=3_u8).map(|i| Keypair::from_seed([i; 32])).collect();
    // Too large to travel inside the messages that tell of them.
    let model = |i: usize| Model::from_f32(&[("w", &[4096], &[i as f32; 4096])]);
    let roster = keys.iter().map(Keypair::peer_id).collect();
    let policy = Policy::new(PolicySpec { roster, ..PolicySpec::for_model(&model(0)?) })?;
    let listeners: Vec<_> =
        keys.iter().map(|_| TcpListener::bind("127.0.0.1:0")).collect::<std::io::Result<_>>()?;
    let mut peers = BTreeMap::new();
    for (key, listener) in keys.iter().zip(&listeners) {
        peers.insert(key.peer_id(), listener.local_addr()?);
    }
    let folder = std::env::temp_dir().join(format!("espalier-transport-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut running = Vec::new();
    for (i, (key, listener)) in keys.into_iter().zip(listeners).enumerate() {
        let config = NodeConfig { tick: Duration::from_millis(50), ..NodeConfig::default() };
        let state = MergeState::new(policy.clone());
        let mut node = Node::new(Replica::new(key, state, ExchangeMode::Delta), config);
        let (sender, inputs) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                std::thread::spawn(move || drop(listen(stream, &sender)));
            }
        });
        let draft = Draft::new(format!("node {i}"), model(i)?);
        let (_, first) = node.change(|state, key| state.add(key, draft))?;
        let mut peers = peers.clone();
        peers.remove(&node.id());
        let log = folder.join(format!("{i}.log"));
        running.push(std::thread::spawn(move || drive(node, first, &peers, &inputs, &log)));
    }
    let mut hashes = Vec::new();
    for node in running {
        hashes.push(node.join().map_err(|_| "a node panicked")??);
    }
    std::fs::remove_dir_all(&folder)?;
    println!("three nodes, one state: {}", hashes[0]);
    assert!(hashes.iter().all(|hash| *hash == hashes[0]));
    Ok(())
}
