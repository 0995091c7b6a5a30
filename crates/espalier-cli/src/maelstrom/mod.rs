//! `espalier maelstrom`: a node for Maelstrom, the workbench of Jepsen, so that an outside judge
//! can test our replication.
//!
//! Maelstrom starts nodes as processes and is their network: messages are lines of JSON on standard
//! input and output (its `doc/protocol.md`). The node is a [`Node`](espalier::node::Node)
//! and nothing else; see `docs/MAELSTROM.md`. Everything below this file is a state machine: lines
//! and ticks go in, lines come out. Threads, the clock and the standard streams are here only.

mod element;
mod lines;
mod member;
mod message;
mod node;
mod output;
#[cfg(test)]
mod tests;

use crate::args::MaelstromArgs;
use crate::console;
use crate::failure::Failure;
use lines::Lines;
use node::Node;
use output::Output;
use std::io::{BufReader, Write as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// The longest line that is read, in bytes: the longest frame in base64, and room.
const MAX_LINE_LEN: usize = 96 << 20;

/// What the reading thread hands over.
type Read = std::io::Result<Result<String, lines::BadLine>>;

pub(crate) fn run(args: &MaelstromArgs) -> Result<(), Failure> {
    // One line waits while one is worked on: memory is bounded by the length of lines.
    let (sender, lines) = sync_channel(1);
    std::thread::spawn(move || read(&sender));
    serve(Node::new(args.workload), Duration::from_millis(args.period.get().into()), &lines)
}

/// Hands over every line of standard input until its end, or until nobody listens.
fn read(sender: &SyncSender<Read>) {
    let lines = Lines::new(BufReader::new(std::io::stdin()), MAX_LINE_LEN);
    for line in lines {
        if sender.send(line).is_err() {
            return;
        }
    }
}

/// Drives a node until standard input ends.
#[expect(clippy::disallowed_methods, reason = "a node of a real network gossips by the clock")]
fn serve(mut node: Node, period: Duration, lines: &Receiver<Read>) -> Result<(), Failure> {
    let mut due = Instant::now() + period;
    loop {
        let now = Instant::now();
        if now >= due {
            say(node.tick())?;
            // A node that was held up does not catch up on ticks.
            due = now + period;
            continue;
        }
        match lines.recv_timeout(due - now) {
            Ok(Ok(Ok(line))) => say(node.line(&line))?,
            Ok(Ok(Err(bad))) => console::complain(&bad.to_string()),
            Ok(Err(error)) => {
                let error = anyhow::Error::new(error).context("cannot read standard input");
                return Err(Failure::environment(error));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// Messages to standard output, complaints to standard error.
fn say(outputs: Vec<Output>) -> Result<(), Failure> {
    if outputs.is_empty() {
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    for output in outputs {
        match output {
            Output::Line(line) => writeln!(out, "{line}")?,
            Output::Complaint(text) => console::complain(&text),
        }
    }
    Ok(out.flush()?)
}
