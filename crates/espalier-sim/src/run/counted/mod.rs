//! Replicas as counted sets: the states of `espalier-replica` in one arena, joined as they are
//! instead of by frames, with a count of every byte that the frames would have had.
//!
//! That is exact where nobody lies and messages arrive: same rounds, same sets, same bytes as with
//! frames (there is a test). What it leaves out:
//!
//! * Nobody compares operations for forks, as nobody forks.
//! * A node does not remember what it asked for in vain. Where a request for tensors or the tensors
//!   get lost, the next exchange sends the operations again.
//! * Where exchanges overlap, a node asks everybody for what it lacks, also while another may be
//!   about to bring it.
//! * A crash takes everything since the disk was last synchronised, not a random part of it.

mod run;
#[cfg(test)]
mod tests;

use crate::course::Stage;
use crate::engine::{Moved, Outbox, Population, Side, Sign};
use crate::error::SimError;
use crate::seeds::Dice;
use espalier_identity::Domain;
use espalier_replica::Held;
use espalier_replica::MergeState;
use espalier_replica::counting::{self, Gain};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::OnceLock;

pub(crate) use run::{play_until, simulate};

static ROUND: Domain = Domain::new("espalier simulation round of counted sets v1");

/// What travels: the sets as they were when it was sent, and how many bytes it would be.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    kind: Kind,
    len: u64,
    tensor_bytes: u64,
}

#[derive(Debug, Clone)]
enum Kind {
    /// What I hold, as a root.
    Hello(Held),
    /// I hold the same.
    Same,
    /// What I hold, as a frontier.
    Differs(Held),
    /// What you lack of what I hold.
    Delta { held: Held, reply: bool },
    /// I need the tensors before I can take in what you hold: their number, and their bytes.
    Want { held: Held, contents: u64, bytes: u64 },
    /// Here they are.
    Tensors(Held),
}

/// Nodes whose states are counted sets.
#[derive(Debug)]
pub(crate) struct Crowd {
    states: Vec<MergeState>,
    up: Vec<bool>,
    /// How long each node's key is in a batch.
    key_lens: Vec<u64>,
    /// What survives a crash, if anybody may crash.
    durable: Option<Vec<MergeState>>,
    /// Whether an operation of a node's own became durable.
    published: Vec<bool>,
    /// What nodes come with that are not there yet.
    later: BTreeMap<usize, MergeState>,
    figures: Figures,
}

/// What follows from all states at once, since one of them last changed; made when somebody asks.
#[derive(Debug, Default)]
struct Figures {
    /// The fingerprints of all sets.
    prints: OnceLock<Vec<u64>>,
    mark: OnceLock<u64>,
    /// Whether equal sets share one bitmap.
    shared: bool,
    /// How many different sets there are of those who are up.
    distinct: OnceLock<u32>,
}

/// How greetings and answers of equals are marked.
const HELLO: u64 = 1;
const SAME: u64 = 2;

/// An exchange of two that hold the same.
const AGREED: Moved = {
    const fn side(bytes: u64) -> Side {
        Side { bytes, ops: 0, lost: false }
    }
    let sides = [side(counting::HELLO_LEN), side(counting::SAME_LEN)];
    Moved { sides, messages: 2, tensor_bytes: 0 }
};

impl Crowd {
    /// Nodes that hold what they made themselves; those in `later` hold nothing yet.
    fn new(
        states: Vec<MergeState>,
        key_lens: Vec<u64>,
        later: BTreeMap<usize, MergeState>,
        crashes: bool,
    ) -> Self {
        let count = states.len();
        Self {
            key_lens,
            up: (0..count).map(|node| !later.contains_key(&node)).collect(),
            durable: crashes.then(|| states.clone()),
            published: vec![false; count],
            states,
            later,
            figures: Figures::default(),
        }
    }

    /// The fingerprints of all sets. Bitmaps that several share are read once.
    fn prints(&self) -> &[u64] {
        self.figures.prints.get_or_init(|| {
            let bitmaps: BTreeMap<usize, &MergeState> =
                self.states.iter().map(|state| (state.bitmap(), state)).collect();
            let print = |(bitmap, state): (&usize, &&MergeState)| (*bitmap, state.fingerprint());
            let prints: BTreeMap<usize, u64> = bitmaps.par_iter().map(print).collect();
            self.states.iter().map(|state| prints[&state.bitmap()]).collect()
        })
    }

    /// The fingerprints of the sets of those who are up, with their numbers.
    fn prints_up(&self) -> impl Iterator<Item = (u64, usize)> {
        self.prints().iter().zip(0..).filter(|(_, node)| self.up[*node]).map(|(p, node)| (*p, node))
    }

    /// The least bytes of tensors that must have been sent for those who are up to hold what they
    /// hold, of which each made `own` itself.
    fn least_bytes(&self, own: u64) -> u64 {
        let mut known = BTreeMap::<u64, u64>::new();
        let held = |state: &MergeState| {
            let nothing = MergeState::with_arena(state.policy().clone(), state.arena().clone());
            tensors_of(&gain(&nothing, state))
        };
        let mut least = 0;
        for (print, node) in self.prints_up() {
            let held = *known.entry(print).or_insert_with(|| held(&self.states[node]));
            least += held.saturating_sub(own);
        }
        least
    }

    /// Lets equal sets share one bitmap: two nodes that came to the same by different ways would
    /// each keep their own, and compare them whenever they meet.
    fn share(&mut self) {
        if std::mem::replace(&mut self.figures.shared, true) {
            return;
        }
        let prints = self.prints().to_vec();
        let mut first = BTreeMap::<u64, usize>::new();
        for (node, print) in prints.into_iter().enumerate() {
            let earlier = *first.entry(print).or_insert(node);
            let (before, after) = self.states.split_at_mut(node);
            let shared = before.get(earlier).filter(|shared| shared.bitmap() != after[0].bitmap());
            if let Some(shared) = shared.filter(|shared| **shared == after[0]) {
                merge(&mut after[0], shared);
            }
        }
    }

    /// How many different sets the nodes hold that are up. Exact.
    fn distinct(&self) -> u32 {
        *self.figures.distinct.get_or_init(|| self.count_distinct())
    }

    fn count_distinct(&self) -> u32 {
        let mut prints: Vec<_> = self.prints_up().collect();
        // Of neighbours that share a bitmap one is enough.
        prints.dedup_by_key(|(_, node)| self.states[*node].bitmap());
        prints.par_sort_unstable();
        let mut distinct = 0;
        for group in prints.chunk_by(|a, b| a.0 == b.0) {
            let mut different: Vec<&MergeState> = Vec::new();
            for (_, node) in group {
                let state = &self.states[*node];
                if !different.contains(&state) {
                    different.push(state);
                }
            }
            distinct += different.len() as u32;
        }
        distinct
    }

    /// The set that most nodes hold that are up; of equally common ones that of the first node.
    fn commonest(&self) -> &MergeState {
        let mut counts = BTreeMap::<u64, (usize, usize)>::new();
        for (print, node) in self.prints_up() {
            counts.entry(print).or_insert((0, node)).0 += 1;
        }
        let order = |(count, node): &(usize, usize)| (*count, std::cmp::Reverse(*node));
        let best = counts.into_values().max_by_key(order);
        &self.states[best.map_or(0, |(_, node)| node)]
    }

    /// Whether both hold the same. If so they share one bitmap, and see it at once the next time.
    #[inline]
    fn agree(&mut self, pair: [usize; 2]) -> bool {
        self.states[pair[0]].bitmap() == self.states[pair[1]].bitmap() || self.come_to_agree(pair)
    }

    fn come_to_agree(&mut self, pair: [usize; 2]) -> bool {
        let [a, b] = two(&mut self.states, pair);
        let agree = a == b;
        if agree {
            merge(a, b);
        }
        agree
    }

    /// What `from` sends somebody who holds `theirs`.
    fn delta(&self, from: usize, theirs: Held, reply: bool) -> Note {
        let ours = &self.states[from];
        let gain = gain(&ours.holding(theirs), ours);
        let seen = reply.then(|| ours.frontier_len());
        let kind = Kind::Delta { held: ours.now_held(), reply };
        let len = counting::delta_len(self.key_lens[from], seen, &gain);
        Note { kind, len, tensor_bytes: gain.inside_bytes }
    }

    /// Joins what was sent; how many operations were new.
    fn take(&mut self, node: usize, held: Held) -> Gain {
        self.figures = Figures::default();
        let ours = &mut self.states[node];
        let held = ours.holding(held);
        merge(ours, &held)
    }
}

/// What `to` would gain from `from`.
fn gain(to: &MergeState, from: &MergeState) -> Gain {
    to.gain(from).expect("one policy in a run")
}

fn merge(to: &mut MergeState, from: &MergeState) -> Gain {
    to.merge_counted(from).expect("one policy in a run")
}

/// Bytes of tensors that come with a gain, inside batches or apart.
fn tensors_of(gain: &Gain) -> u64 {
    gain.inside_bytes + gain.content_bytes
}

/// Both elements, to be changed at once.
fn two(states: &mut [MergeState], [a, b]: [usize; 2]) -> [&mut MergeState; 2] {
    states.get_disjoint_mut([a, b]).expect("nodes do not talk to themselves")
}

impl Population for Crowd {
    type Message = Note;
    type Record = ();
    type Start = Vec<MergeState>;
    type Kept = [MergeState; 2];

    fn count(&self) -> usize {
        self.states.len()
    }

    fn is_up(&self, node: usize) -> bool {
        self.up[node]
    }

    fn at_once(&mut self, pair: [usize; 2]) -> Option<Moved> {
        if self.agree(pair) {
            return Some(AGREED);
        }
        self.figures = Figures::default();
        let [a, b] = two(&mut self.states, pair);
        let key_lens = pair.map(|node| self.key_lens[node]);
        let (seen_by_a, seen_by_b) = (a.frontier_len(), b.frontier_len());
        // After the first join the second brings what b held before.
        let there = merge(b, a);
        let back = merge(a, b);
        let side = |first: u64, delta: u64, gain: &Gain, asked: &Gain| {
            let want = if asked.contents > 0 { counting::want_len(asked.contents) } else { 0 };
            let tensors = counting::tensors_len(gain.contents, gain.content_bytes);
            Side { bytes: first + delta + want + tensors, ops: gain.ops as u32, lost: false }
        };
        let deltas = [
            counting::delta_len(key_lens[0], Some(seen_by_a), &there),
            counting::delta_len(key_lens[1], None, &back),
        ];
        let sides = [
            side(counting::HELLO_LEN, deltas[0], &there, &back),
            side(counting::differs_len(seen_by_b), deltas[1], &back, &there),
        ];
        let fetches = [there, back].iter().filter(|gain| gain.contents > 0).count() as u64;
        let tensor_bytes = tensors_of(&there) + tensors_of(&back);
        Some(Moved { sides, messages: 4 + 2 * fetches, tensor_bytes })
    }

    fn agreement(&mut self, pair: [usize; 2]) -> Option<[Sign; 2]> {
        let sign = |kind: u64, bytes: u64| Sign { bytes, mark: kind << 56 | bytes };
        let signs = [sign(HELLO, counting::HELLO_LEN), sign(SAME, counting::SAME_LEN)];
        self.agree(pair).then_some(signs)
    }

    fn start(&mut self, from: usize, to: usize, out: &mut Outbox<Note>) {
        let kind = Kind::Hello(self.states[from].now_held());
        out.push((to, Note { kind, len: counting::HELLO_LEN, tensor_bytes: 0 }));
    }

    fn receive(&mut self, from: usize, to: usize, note: Note, out: &mut Outbox<Note>) -> u32 {
        match note.kind {
            Kind::Same => {}
            Kind::Hello(theirs) => {
                let ours = &self.states[to];
                let (kind, len) = match ours.holds_just(&theirs) {
                    true => (Kind::Same, counting::SAME_LEN),
                    false => {
                        let len = counting::differs_len(ours.frontier_len());
                        (Kind::Differs(ours.now_held()), len)
                    }
                };
                out.push((from, Note { kind, len, tensor_bytes: 0 }));
            }
            Kind::Differs(theirs) => {
                // If it has become equal meanwhile there is nothing to say.
                if !self.states[to].holds_just(&theirs) {
                    out.push((from, self.delta(to, theirs, true)));
                }
            }
            Kind::Delta { held, reply } => {
                if reply {
                    out.push((from, self.delta(to, held.clone(), false)));
                }
                let ours = &self.states[to];
                let gain = gain(ours, &ours.holding(held.clone()));
                let Gain { contents, content_bytes: bytes, .. } = gain;
                if contents == 0 {
                    return self.take(to, held).ops as u32;
                }
                let kind = Kind::Want { held, contents, bytes };
                out.push((from, Note { kind, len: counting::want_len(contents), tensor_bytes: 0 }));
            }
            Kind::Want { held, contents, bytes } => {
                let len = counting::tensors_len(contents, bytes);
                out.push((from, Note { kind: Kind::Tensors(held), len, tensor_bytes: bytes }));
            }
            Kind::Tensors(held) => return self.take(to, held).ops as u32,
        }
        0
    }

    fn bytes(&self, note: &Note) -> u64 {
        note.len
    }

    fn tensor_bytes(&self, note: &Note) -> u64 {
        note.tensor_bytes
    }

    /// What it is and how long.
    fn mark(&self, note: &Note) -> u64 {
        let kind = match note.kind {
            Kind::Hello(_) => HELLO,
            Kind::Same => SAME,
            Kind::Differs(_) => 3,
            Kind::Delta { .. } => 4,
            Kind::Want { .. } => 5,
            Kind::Tensors(_) => 6,
        };
        kind << 56 | note.len
    }

    fn open(&self, _: [usize; 2]) {}

    fn close(&self, _: [usize; 2], (): &mut ()) {}

    fn snapshot(&self) -> Vec<MergeState> {
        self.states.clone()
    }

    fn set_apart(&mut self, pair: [usize; 2], start: &Vec<MergeState>) -> [MergeState; 2] {
        self.figures = Figures::default();
        pair.map(|node| std::mem::replace(&mut self.states[node], start[node].clone()))
    }

    fn rejoin(&mut self, pair: [usize; 2], kept: [MergeState; 2]) {
        self.figures = Figures::default();
        for (node, kept) in pair.into_iter().zip(kept) {
            let learnt = std::mem::replace(&mut self.states[node], kept);
            self.states[node].merge(&learnt).expect("one policy in a run");
        }
    }
}

impl Stage for Crowd {
    fn set_up(&mut self, node: usize, up: bool) {
        self.up[node] = up;
        self.figures.distinct.take();
    }

    fn appear(&mut self, node: usize) -> Result<(), SimError> {
        if let Some(own) = self.later.remove(&node) {
            self.take(node, own.now_held());
        }
        Ok(())
    }

    fn begin_round(&mut self, _: u32) {
        self.share();
    }

    fn crash(&mut self, node: usize, _: &mut Dice) {
        if let Some(durable) = &self.durable {
            self.figures = Figures::default();
            self.states[node] = durable[node].clone();
        }
    }

    fn restart(&mut self, _: usize) {}

    fn persist(&mut self, node: usize, sync: bool) -> bool {
        let news = !std::mem::replace(&mut self.published[node], true);
        if let Some(durable) = self.durable.as_mut().filter(|_| sync || news) {
            let (durable, now) = (&mut durable[node], &self.states[node]);
            if durable.bitmap() != now.bitmap() {
                *durable = now.clone();
            }
        }
        news
    }

    fn mark_of_all(&self) -> u64 {
        *self.figures.mark.get_or_init(|| {
            let bytes: Vec<_> = self.prints().iter().map(|print| print.to_le_bytes()).collect();
            let all = ROUND.fields().field(bytes.as_flattened()).finish();
            u64::from_le_bytes(*all.as_bytes().first_chunk().expect("a digest is longer"))
        })
    }
}
