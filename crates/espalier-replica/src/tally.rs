//! What operations bring, for whoever counts bytes instead of sending them.
//!
//! Most operations of an arena that are neighbours are alike: equally long, with as many contents
//! of as many bytes. Then what a set brings is counted by the word. One by one are looked at:
//! contributions of contents that others contribute too, contributions that somebody removes, and
//! those of authors who may be convicted.

use crate::arena::Entry;
use crate::bits::{Bits, count_minus};
use crate::fault::{self, Occasion};
use crate::gain::Gain;
use crate::index::Index;
use crate::legal;
use crate::op::Contribution;
use espalier_identity::{Digest, PeerId};
use espalier_lattice::Dot;
use espalier_trust::{Q16, Record as _};
use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The kind of a word whose operations are not alike.
const MIXED: u32 = u32::MAX;

/// What one operation brings if nothing of it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Load {
    len: u32,
    contents: u32,
    content_bytes: u64,
}

impl Load {
    fn of(entry: &Entry) -> Self {
        let sizes = entry.op.contribution().map(sizes_of).unwrap_or_default();
        Self {
            len: entry.op.encoded_len() as u32,
            contents: sizes.len() as u32,
            content_bytes: sizes.values().sum(),
        }
    }

    fn times(self, count: u64) -> Gain {
        Gain {
            ops: count,
            op_bytes: count * u64::from(self.len),
            contents: count * u64::from(self.contents),
            content_bytes: count * self.content_bytes,
        }
    }
}

/// The contents of a contribution, each once, and how many bytes its manifest says they have.
fn sizes_of(contribution: &Contribution) -> BTreeMap<Digest, u64> {
    let tensors = contribution.manifest.tensors().iter();
    tensors.map(|meta| (meta.content, meta.byte_len().unwrap_or(0))).collect()
}

/// What the first so many operations of an arena bring. Brought up to date when somebody counts.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    loads: Vec<Load>,
    /// Of each word of 64 operations what kind all of them are.
    words: Vec<u32>,
    kinds: Vec<Load>,
    kind_of: BTreeMap<Load, u32>,
    /// Contributions to be looked at one by one.
    odd: Bits,
    /// By content the first operation that contributes it, and all if there are several.
    first: BTreeMap<Digest, u32>,
    shared: BTreeMap<Digest, Vec<u32>>,
    removers: BTreeMap<Dot<PeerId>, Vec<u32>>,
    occasions: BTreeMap<Occasion, (Digest, Q16)>,
    /// Authors whom some set of these operations convicts, and perhaps more.
    suspects: BTreeSet<PeerId>,
}

impl Tally {
    pub(crate) fn len(&self) -> usize {
        self.loads.len()
    }

    /// Reads the operations that are new. O(contents · log n) each.
    pub(crate) fn learn(&mut self, index: &Index) {
        for at in self.loads.len()..index.len() {
            let entry = index.get(at as u32);
            self.note_load(entry);
            self.note_contents(entry);
            self.note_removals(index, entry);
            self.note_suspects(index, entry);
        }
    }

    fn note_load(&mut self, entry: &Entry) {
        let load = Load::of(entry);
        self.loads.push(load);
        let next = self.kinds.len() as u32;
        let kind = *self.kind_of.entry(load).or_insert(next);
        if kind == next {
            self.kinds.push(load);
        }
        match self.words.get_mut(entry.index as usize / 64) {
            None => self.words.push(kind),
            Some(word) if *word != kind => *word = MIXED,
            Some(_) => {}
        }
    }

    fn note_contents(&mut self, entry: &Entry) {
        let Some(contribution) = entry.op.contribution() else { return };
        for content in sizes_of(contribution).into_keys() {
            let first = match self.first.entry(content) {
                Place::Vacant(place) => {
                    place.insert(entry.index);
                    continue;
                }
                Place::Occupied(first) => *first.get(),
            };
            self.shared.entry(content).or_insert_with(|| vec![first]).push(entry.index);
            self.look_at(first);
            self.look_at(entry.index);
        }
    }

    fn note_removals(&mut self, index: &Index, entry: &Entry) {
        let dot = entry.op.op().dot();
        if self.removers.contains_key(&dot) {
            self.look_at(entry.index);
        }
        if entry.guilt.is_some() {
            return;
        }
        // A contribution that names itself stays: adds win.
        let adds = entry.op.contribution().is_some();
        let removed = legal::removed(entry.op.op()).iter();
        for target in removed.filter(|target| !adds || **target != dot) {
            self.removers.entry(*target).or_default().push(entry.index);
            index.at(*target).for_each(|target| self.look_at(target.index));
        }
    }

    fn note_suspects(&mut self, index: &Index, entry: &Entry) {
        let Dot { actor, seq } = entry.op.op().dot();
        let around = index.chain(actor, seq.saturating_sub(1), seq.saturating_add(1));
        let odd = |other: &&std::sync::Arc<Entry>| {
            let twin = other.op.op().seq == seq && other.index != entry.index;
            twin || fault::breaks(&other.op, &entry.op) || fault::breaks(&entry.op, &other.op)
        };
        let broken = around.into_iter().any(|other| odd(&other));
        let doubled = fault::said(entry.op.op()).is_some_and(|(occasion, what)| {
            *self.occasions.entry(occasion).or_insert(what) != what
        });
        let guilty = broken || doubled || entry.guilt.is_some();
        let accused = entry.carried.iter().map(|conviction| conviction.accused());
        for suspect in accused.chain(guilty.then_some(actor)) {
            if self.suspects.insert(suspect) {
                index.chain(suspect, 0, u64::MAX).for_each(|entry| self.look_at(entry.index));
            }
        }
        if self.suspects.contains(&actor) {
            self.look_at(entry.index);
        }
    }

    /// An operation is to be looked at by itself. One that comes later is marked when it comes.
    fn look_at(&mut self, index: u32) {
        let known = self.loads.get(index as usize).is_some_and(|load| load.contents > 0);
        if known && self.odd.insert(index) {
            self.words[index as usize / 64] = MIXED;
        }
    }

    /// What `theirs` has and `ours` has not, without the contents of the operations returned beside
    /// it: [`Tally::contents`] looks at those. O(words), and O(new) among mixed ones.
    pub(crate) fn count(&self, ours: &Bits, theirs: &Bits) -> (Gain, Vec<u32>) {
        let (mut gain, mut odd) = (Gain::default(), Vec::new());
        let mut from = 0;
        for alike in self.words.chunk_by(|a, b| a == b) {
            let range = from..from + alike.len();
            from = range.end;
            let (new, had) = (part(theirs, &range), part(ours, &range));
            match self.kinds.get(alike[0] as usize) {
                Some(load) => gain += load.times(count_minus(new, had)),
                None => gain += self.count_mixed(range.start, new, had, &mut odd),
            }
        }
        (gain, odd)
    }

    fn count_mixed(&self, from: usize, new: &[u64], had: &[u64], odd: &mut Vec<u32>) -> Gain {
        let mut gain = Gain::default();
        let had = had.iter().chain(std::iter::repeat(&0));
        for ((word, had), at) in new.iter().zip(had).zip(from..) {
            let mut rest = word & !had;
            while rest != 0 {
                let index = at as u32 * 64 + rest.trailing_zeros();
                rest &= rest - 1;
                let mut load = self.loads[index as usize];
                if self.odd.contains(index) {
                    (load.contents, load.content_bytes) = (0, 0);
                    odd.push(index);
                }
                gain += load.times(1);
            }
        }
        gain
    }

    /// Whether one of these operations is by somebody who may be convicted.
    pub(crate) fn suspects_any(&self, index: &Index, odd: &[u32]) -> bool {
        odd.iter().any(|at| self.suspects.contains(&index.get(*at).op.op().author))
    }

    /// The contents that a replica with `ours` asks for when `theirs` is joined into it and brings
    /// `odd`: of contributions for which `silent` is not true of the author and that neither side
    /// removed, those that no operation of `ours` has.
    pub(crate) fn contents(
        &self,
        index: &Index,
        (ours, theirs): (&Bits, &Bits),
        odd: &[u32],
        silent: impl Fn(&PeerId) -> bool,
    ) -> Gain {
        let mut wanted = BTreeMap::new();
        for entry in odd.iter().map(|at| index.get(*at)) {
            let dot = entry.op.op().dot();
            let held = |index: &u32| ours.contains(*index) || theirs.contains(*index);
            let removed = self.removers.get(&dot).is_some_and(|by| by.iter().any(held));
            let seen = index.at(dot).any(|twin| {
                let live = twin.guilt.is_none() && twin.op.contribution().is_some();
                live && ours.contains(twin.index)
            });
            if removed || seen || silent(&dot.actor) {
                continue;
            }
            let had = |content: &Digest| {
                let with_it = self.shared.get(content).into_iter().flatten();
                with_it.into_iter().any(|index| ours.contains(*index))
            };
            let sizes = entry.op.contribution().map(sizes_of).unwrap_or_default();
            wanted.extend(sizes.into_iter().filter(|(content, _)| !had(content)));
        }
        let (contents, content_bytes) = (wanted.len() as u64, wanted.values().sum());
        Gain { contents, content_bytes, ..Gain::default() }
    }
}

fn part<'a>(bits: &'a Bits, range: &Range<usize>) -> &'a [u64] {
    let words = bits.words();
    &words[range.start.min(words.len())..range.end.min(words.len())]
}
