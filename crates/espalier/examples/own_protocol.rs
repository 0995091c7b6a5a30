//! An exchange protocol of one's own, next to those of Espalier: nodes send each other the
//! identifiers of what they hold, shortened to so many bytes. `docs/OWN_PROTOCOL.md` explains it.
//!
//! `cargo run --release -p espalier --features sim --example own_protocol`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use espalier::sim::{
    Config, ExchangeProtocol, ExchangesConfig, Letter, Protocol, ProtocolNode, ProtocolResult,
    run_exchanges, run_protocol,
};
use std::collections::BTreeSet;

// ---- the protocol ----

/// The first byte of a note: a list that asks for what is not on it, or one that also answers. The
/// last letter of an exchange has no note.
const ASK: u8 = 0;
const ANSWER: u8 = 1;

/// Compares the identifiers of operations, shortened to this many bytes.
struct Identifiers(usize);

impl Identifiers {
    /// A letter's note: what it is, then the identifiers of all operations of a node.
    fn note(&self, kind: u8, node: &ProtocolNode<'_>) -> Vec<u8> {
        let ids = node.operations().flat_map(|op| op.id().as_bytes()[..self.0].to_vec());
        [kind].into_iter().chain(ids).collect()
    }
}

impl ExchangeProtocol for Identifiers {
    /// Whom to contact, and with what.
    fn begin(&mut self, node: &mut ProtocolNode<'_>) {
        if let Some(peer) = node.random_neighbour() {
            let note = self.note(ASK, node);
            node.send(peer, Letter { note, ..Letter::default() });
        }
    }

    /// What to answer. The operations and tensors of the letter are in the node already.
    fn receive(&mut self, from: usize, letter: &Letter, node: &mut ProtocolNode<'_>) {
        let Some((kind, ids)) = letter.note.split_first() else { return };
        let known: BTreeSet<_> = ids.chunks(self.0).collect();
        let mut answer = node.letter(|op| !known.contains(&op.id().as_bytes()[..self.0]));
        if *kind == ASK {
            answer.note = self.note(ANSWER, node);
        }
        if *kind == ASK || !answer.operations.is_empty() {
            node.send(from, answer);
        }
    }
}

// ---- the comparison ----

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let network =
        Config { nodes: 32, rounds: 400, model: "synthetic:16x16".parse()?, ..Config::default() };
    let protocols = vec![Protocol::FullState, Protocol::Delta, Protocol::Intervals];
    let config = ExchangesConfig { network, clock: None, protocols, seeds: vec![1, 2, 3] };
    let mut results = run_exchanges(&config, &|_| {})?.results;
    for bytes in [32, 8] {
        let name = format!("own, {bytes}-byte ids");
        results.push(run_protocol(&config, &name, &|_| Identifiers(bytes))?);
    }
    println!("protocol              rounds       bytes  × optimum  survives loss");
    results.iter().for_each(show);
    Ok(())
}

fn show(result: &ProtocolResult) {
    let [rounds, bytes, over] = [&result.until_equal, &result.bytes, &result.over_optimum]
        .map(|estimate| estimate.as_ref().map_or(f64::NAN, |estimate| estimate.mean));
    let (name, loss) = (&result.protocol, result.survives_loss);
    println!("{name:20} {rounds:7.2} {bytes:11.0} {over:10.3}  {loss}");
}

#[test]
fn it_runs() {
    main().expect("the example runs");
}
