//! The event log: everything that happens, in order, as plain records with a hash over all of them.
//! Equal hashes mean equal runs, on any machine and with any number of threads.

use crate::engine::Time;
use espalier_identity::{Digest, Domain};
use serde::{Deserialize, Serialize};
use std::fmt;

static LOG: Domain = Domain::new("espalier event log v1");

/// Bytes of a record where it is hashed.
const RECORD: usize = 25;
/// Records hashed at a time.
const CHUNK: usize = 4096;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happening {
    /// A node began an exchange with another.
    Start,
    /// A node would have begun an exchange, but the other could not be reached.
    Blocked,
    /// A message was lost on its way.
    Lost,
    /// A message was taken in; `mark` is of its bytes.
    Deliver,
    /// A message came to a node that was down, or could no longer pass.
    Dropped,
    /// A node joined or came back.
    Join,
    /// A node left, with what it knows.
    Leave,
    /// A node crashed.
    Crash,
    /// A node came back with what was durable.
    Restart,
    /// The network was cut.
    Cut,
    /// It healed.
    Heal,
    /// A node retracted.
    Retract,
    /// A round ended; `mark` is of all nodes' operations.
    Round,
    /// A node was woken as it had asked; `mark` is the token that tells it what for.
    Timer,
}

/// A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logged {
    /// Virtual time in microseconds.
    pub time: u64,
    /// The kind of event.
    pub what: Happening,
    /// The node that acted; for a message, its sender.
    pub node: u32,
    /// The node it acted towards; the node itself if there is none.
    pub peer: u32,
    /// A fingerprint of the subject.
    pub mark: u64,
}

impl fmt::Display for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, what, node, peer, mark } = self;
        let (seconds, micros) = (time / 1_000_000, time % 1_000_000);
        let what = format!("{what:?}").to_lowercase();
        write!(f, "{seconds}.{micros:06} s  {what:<8}")?;
        match node == peer {
            true => write!(f, "  node_{node}")?,
            false => write!(f, "  node_{node} to node_{peer}")?,
        }
        if *mark == 0 { Ok(()) } else { write!(f, "  {mark:016x}") }
    }
}

/// Hears every record, with its number from 1. Says whether the run goes on.
pub(crate) type Listener<'a> = &'a mut dyn FnMut(u64, &Logged) -> bool;

/// The log of a run.
pub(crate) struct EventLog<'a> {
    now: Time,
    count: u64,
    state: Digest,
    chunk: Vec<[u8; RECORD]>,
    listener: Option<Listener<'a>>,
    stopped: bool,
}

impl fmt::Debug for EventLog<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLog").field("count", &self.count).finish_non_exhaustive()
    }
}

impl<'a> EventLog<'a> {
    pub(crate) fn new(listener: Option<Listener<'a>>) -> Self {
        let chunk = Vec::with_capacity(CHUNK);
        Self { now: 0, count: 0, state: Digest::ZERO, chunk, listener, stopped: false }
    }

    /// Sets the time of the records that follow.
    pub(crate) fn at(&mut self, now: Time) {
        self.now = now;
    }

    pub(crate) fn now(&self) -> Time {
        self.now
    }

    #[inline]
    pub(crate) fn note(&mut self, what: Happening, node: usize, peer: usize, mark: u64) {
        let (node, peer) = (node as u32, peer as u32);
        self.count += 1;
        let mut record = [0; RECORD];
        put(&mut record, 0, self.now.to_le_bytes());
        put(&mut record, 8, [what as u8]);
        put(&mut record, 9, node.to_le_bytes());
        put(&mut record, 13, peer.to_le_bytes());
        put(&mut record, 17, mark.to_le_bytes());
        self.chunk.push(record);
        if self.chunk.len() >= CHUNK {
            self.close_chunk();
        }
        if self.listener.is_some() {
            self.tell(&Logged { time: self.now, what, node, peer, mark });
        }
    }

    #[cold]
    fn close_chunk(&mut self) {
        self.state = LOG.fields().digest(&self.state).field(self.chunk.as_flattened()).finish();
        self.chunk.clear();
    }

    fn tell(&mut self, record: &Logged) {
        if let (Some(listener), false) = (&mut self.listener, self.stopped) {
            self.stopped = !listener(self.count, record);
        }
    }

    /// Whether the listener wants the run to stop where it is.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The number of records.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// A hash over all of them.
    pub(crate) fn hash(&self) -> Digest {
        let records = self.chunk.as_flattened();
        LOG.fields().digest(&self.state).field(records).number(self.count).finish()
    }
}

/// Writes a field into a record: a store, where copying a slice is a call.
#[inline(always)]
fn put<const N: usize>(record: &mut [u8; RECORD], at: usize, bytes: [u8; N]) {
    *record[at..].first_chunk_mut().expect("a record has room for its fields") = bytes;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_covers_every_field_of_every_record() {
        let hash = |records: &[(Time, Happening, usize, usize, u64)]| {
            let mut log = EventLog::new(None);
            for &(now, what, node, peer, mark) in records {
                log.at(now);
                log.note(what, node, peer, mark);
            }
            log.hash()
        };
        let record = (5, Happening::Deliver, 1, 2, 9);
        let mut hashes = vec![
            hash(&[]),
            hash(&[record]),
            hash(&[record; 2]),
            hash(&[(6, Happening::Deliver, 1, 2, 9)]),
            hash(&[(5, Happening::Lost, 1, 2, 9)]),
            hash(&[(5, Happening::Deliver, 2, 1, 9)]),
            hash(&[(5, Happening::Deliver, 1, 2, 8)]),
            hash(&vec![record; CHUNK]),
            hash(&vec![record; CHUNK + 1]),
        ];
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 9);
    }
}
