//! What operations bring, for counting bytes instead of sending them.
//!
//! Most operations of an arena that are neighbours are alike: equally long, with as many contents
//! of as many bytes. Then what a set brings is counted by the word. One by one are looked at: what
//! is not the first of its author, as it is shorter where the one before it comes too;
//! contributions of contents that others contribute too, contributions that somebody removes, and
//! those of authors who may be convicted.

use crate::arena::bits::{Bits, count_minus};
use crate::arena::entry::Entry;
use crate::arena::index::Index;
use crate::counting::gain::Gain;
use crate::counting::lengths;
use crate::signed::fault::{self, Occasion};
use crate::signed::legal;
use crate::signed::op::{Contribution, VerifiedOp};
use crate::signed::policy::Policy;
use crate::wire::batch;
use crate::wire::layouts::{self, INSIDE};
use espalier_identity::{Digest, PeerId};
use espalier_lattice::Dot;
use espalier_trust::{Q16, Record as _};
use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The kind of a word whose operations are not alike.
const MIXED: u32 = u32::MAX;

/// No operation, and no layout.
const NONE: u32 = u32::MAX;

/// What one operation brings if nothing of it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Load {
    /// As the first of its chain in a batch.
    len: u32,
    /// Which layout its tensors have.
    layout: u32,
    inside_bytes: u32,
    contents: u32,
    content_bytes: u64,
}

impl Load {
    /// Of an operation whose tensors nobody has and everybody wants.
    fn of(policy: &Policy, entry: &Entry, layout: u32) -> Self {
        let inside = goes_inside(&entry.op);
        let len = batch::op_len(policy, entry.op.signed(), inside);
        let empty =
            Self { len: len as u32, layout, inside_bytes: 0, contents: 0, content_bytes: 0 };
        match entry.op.contribution() {
            None => empty,
            Some(contribution) if inside => {
                Self { inside_bytes: contribution.manifest.byte_len() as u32, ..empty }
            }
            Some(contribution) => {
                let sizes = sizes_of(contribution);
                let (contents, content_bytes) = (sizes.len() as u32, sizes.values().sum());
                Self { contents, content_bytes, ..empty }
            }
        }
    }
}

/// Whether the tensors of an operation are small enough to travel with it.
fn goes_inside(op: &VerifiedOp) -> bool {
    op.contribution().is_some_and(|c| layouts::fits_inside(&c.manifest, INSIDE))
}

/// Which operation comes right before one in its chain, and by how much the one is shorter where
/// both are in a batch.
#[derive(Debug, Clone, Copy)]
struct Link {
    before: u32,
    saved: u32,
}

/// What a batch has, as far as it is counted.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    gain: Gain,
    contributions: u64,
    /// Mostly there is one, and then nothing is allocated.
    layout: Option<u32>,
    other_layouts: BTreeSet<u32>,
}

impl Sum {
    fn add(&mut self, load: Load, count: u64) {
        self.gain += Gain {
            ops: count,
            op_bytes: count * u64::from(load.len),
            inside_bytes: count * u64::from(load.inside_bytes),
            contents: count * u64::from(load.contents),
            content_bytes: count * load.content_bytes,
        };
        if count > 0 && load.layout != NONE {
            self.contributions += count;
            if *self.layout.get_or_insert(load.layout) != load.layout {
                self.other_layouts.insert(load.layout);
            }
        }
    }
}

/// The contents of a contribution, each once, and how many bytes its manifest says they have.
fn sizes_of(contribution: &Contribution) -> BTreeMap<Digest, u64> {
    let tensors = contribution.manifest.tensors().iter();
    tensors.map(|meta| (meta.content, meta.byte_len().unwrap_or(0))).collect()
}

/// What the first operations of an arena bring, up to a number. Updated when somebody counts.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    loads: Vec<Load>,
    links: Vec<Link>,
    /// How long each layout is, and which they are by schema.
    layouts: Vec<u64>,
    layout_of: BTreeMap<Digest, u32>,
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
    pub(crate) fn learn(&mut self, policy: &Policy, index: &Index) {
        for at in self.loads.len()..index.len() {
            let entry = index.get(at as u32);
            self.note_load(policy, entry);
            self.note_link(policy, index, entry);
            self.note_contents(entry);
            self.note_removals(index, entry);
            self.note_suspects(index, entry);
        }
    }

    fn note_load(&mut self, policy: &Policy, entry: &Entry) {
        let load = Load::of(policy, entry, self.note_layout(policy, entry));
        self.loads.push(load);
        let next = self.kinds.len() as u32;
        let kind = *self.kind_of.entry(load).or_insert(next);
        if kind == next {
            self.kinds.push(load);
        }
        // What is not the first of its chain is shorter in some batches.
        let kind = if entry.op.op().seq > 1 { MIXED } else { kind };
        match self.words.get_mut(entry.index as usize / 64) {
            None => self.words.push(kind),
            Some(word) if *word != kind => *word = MIXED,
            Some(_) => {}
        }
    }

    fn note_layout(&mut self, policy: &Policy, entry: &Entry) -> u32 {
        let (Some(contribution), Some((_, schema, _))) = (entry.op.contribution(), entry.roots)
        else {
            return NONE;
        };
        let next = self.layouts.len() as u32;
        let layout = *self.layout_of.entry(schema).or_insert(next);
        if layout == next {
            self.layouts.push(layouts::layout_len(policy, &contribution.manifest) as u64);
        }
        layout
    }

    fn note_link(&mut self, policy: &Policy, index: &Index, entry: &Entry) {
        let op = entry.op.op();
        let is_before = |one: &VerifiedOp, other: &VerifiedOp| {
            let next = one.op().seq.checked_add(1) == Some(other.op().seq);
            next && one.op().author == other.op().author && other.op().prev == Some(one.id())
        };
        let before = op.prev.and_then(|prev| index.find(&prev));
        let before = before.filter(|before| is_before(&before.op, &entry.op));
        let before = before.map_or(NONE, |before| before.index);
        let saved = batch::saved_len(policy, op) as u32;
        self.links.push(Link { before, saved });
        // What follows may have come first.
        let seq = op.seq.saturating_add(1);
        for after in
            index.chain(op.author, seq, seq).filter(|after| is_before(&entry.op, &after.op))
        {
            if let Some(link) = self.links.get_mut(after.index as usize) {
                link.before = entry.index;
            }
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
        let known = self.loads.get(index as usize).is_some_and(|load| load.layout != NONE);
        if known && self.odd.insert(index) {
            self.words[index as usize / 64] = MIXED;
        }
    }

    /// What `theirs` has and `ours` has not, without the operations returned next to it:
    /// [`Tally::count_odd`] looks at those. O(words), and O(new) among mixed ones.
    pub(crate) fn count(&self, ours: &Bits, theirs: &Bits) -> (Sum, Vec<u32>) {
        let (mut sum, mut odd) = (Sum::default(), Vec::new());
        let mut from = 0;
        for alike in self.words.chunk_by(|a, b| a == b) {
            let range = from..from + alike.len();
            from = range.end;
            let (new, had) = (part(theirs, &range), part(ours, &range));
            match self.kinds.get(alike[0] as usize) {
                Some(load) => sum.add(*load, count_minus(new, had)),
                None => each_minus(range.start, new, had, |index| {
                    if self.odd.contains(index) {
                        odd.push(index);
                    } else {
                        self.add(index, self.loads[index as usize], (ours, theirs), &mut sum);
                    }
                }),
            }
        }
        (sum, odd)
    }

    /// Adds one operation, which is shorter if the one before it comes too.
    fn add(&self, index: u32, load: Load, (ours, theirs): (&Bits, &Bits), sum: &mut Sum) {
        let Link { before, saved } = self.links[index as usize];
        let goes_on = before != NONE && theirs.contains(before) && !ours.contains(before);
        let len = load.len - if goes_on { saved } else { 0 };
        sum.add(Load { len, ..load }, 1);
    }

    /// What a sum is, with the layouts that the batch has and what says which.
    pub(crate) fn gain(&self, sum: Sum) -> Gain {
        let Sum { mut gain, contributions, layout, other_layouts } = sum;
        if gain.ops > 0 {
            let layouts = layout.iter().chain(&other_layouts);
            let count = layouts.clone().count();
            let lens = layouts.map(|layout| self.layouts[*layout as usize]);
            let listed = lengths::list_len(count as u64, lens.sum());
            gain.op_bytes += listed + contributions * layouts::index_len(count) as u64;
        }
        gain
    }

    /// Whether one of these operations is by somebody who may be convicted.
    pub(crate) fn suspects_any(&self, index: &Index, odd: &[u32]) -> bool {
        odd.iter().any(|at| self.suspects.contains(&index.get(*at).op.op().author))
    }

    /// Adds the operations `odd` that `theirs` brings. Inside come the tensors of contributions for
    /// which `silent` is not true of the author and that neither side removed. Of the larger ones
    /// `ours` asks for those that no operation of its own has.
    pub(crate) fn count_odd(
        &self,
        index: &Index,
        (ours, theirs): (&Bits, &Bits),
        odd: &[u32],
        silent: impl Fn(&PeerId) -> bool,
        sum: &mut Sum,
    ) {
        let (mut inside, mut wanted) = (BTreeSet::new(), BTreeMap::new());
        for entry in odd.iter().map(|at| index.get(*at)) {
            let Some(contribution) = entry.op.contribution() else { continue };
            let (dot, load) = (entry.op.op().dot(), self.loads[entry.index as usize]);
            let held = |index: &u32| ours.contains(*index) || theirs.contains(*index);
            let removed = self.removers.get(&dot).is_some_and(|by| by.iter().any(held));
            let offered = !removed && !silent(&dot.actor);
            let bare = Load { inside_bytes: 0, contents: 0, content_bytes: 0, ..load };
            if offered && entry.guilt.is_none() && load.contents == 0 {
                self.add(entry.index, load, (ours, theirs), sum);
                inside.extend(sizes_of(contribution).into_keys());
                continue;
            }
            // Their digests are there in place of their bytes.
            let digests = if load.contents > 0 { 0 } else { contribution.manifest.tensors().len() };
            let len = bare.len + 32 * digests as u32;
            self.add(entry.index, Load { len, ..bare }, (ours, theirs), sum);
            let seen = index.at(dot).any(|twin| {
                let live = twin.guilt.is_none() && twin.op.contribution().is_some();
                live && ours.contains(twin.index)
            });
            if offered && !seen {
                let had = |content: &Digest| {
                    let with_it = self.shared.get(content).into_iter().flatten();
                    with_it.into_iter().any(|index| ours.contains(*index))
                };
                let sizes = sizes_of(contribution).into_iter();
                wanted.extend(sizes.filter(|(content, _)| !had(content)));
            }
        }
        wanted.retain(|content, _| !inside.contains(content));
        sum.gain.contents += wanted.len() as u64;
        sum.gain.content_bytes += wanted.values().sum::<u64>();
    }
}

/// Looks at each of the new that are not among the old, numbered from 64 times `from` on.
fn each_minus(from: usize, new: &[u64], had: &[u64], mut look: impl FnMut(u32)) {
    let had = had.iter().chain(std::iter::repeat(&0));
    for ((word, had), at) in new.iter().zip(had).zip(from..) {
        let mut rest = word & !had;
        while rest != 0 {
            look(at as u32 * 64 + rest.trailing_zeros());
            rest &= rest - 1;
        }
    }
}

fn part<'a>(bits: &'a Bits, range: &Range<usize>) -> &'a [u64] {
    let words = bits.words();
    &words[range.start.min(words.len())..range.end.min(words.len())]
}
