//! Causal contexts: any sets of dots, as ranges.

use crate::dot::{Dot, Exhausted};
use crate::join::Join;
use crate::vector::VersionVector;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

/// Any set of dots, kept as the longest ranges of consecutive ones.
///
/// The ranges are unique, so equal sets are equal values and have equal encodings. What a replica
/// has seen is mostly one range per actor, its version vector; the others are the *dot cloud* of
/// Almeida, Shoker, Baquero, *Delta state replicated data types*, JPDC 2018, section 7.2.
///
/// Nothing here takes time in proportion to the numbers inside, which a peer can make as large as
/// it likes; costs are counted in ranges.
///
/// Written as a list of actors with their ranges, both ascending. Only what can be written can be
/// read: ranges of valid dots, neither empty nor touching each other, and no actor without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CausalContext<A: Ord> {
    /// The first dot of each range and the number of its last.
    ranges: BTreeMap<Dot<A>, u64>,
}

impl<A: Ord> Default for CausalContext<A> {
    fn default() -> Self {
        Self { ranges: BTreeMap::new() }
    }
}

impl<A: Ord> CausalContext<A> {
    /// Whether the dot is inside. O(log n).
    pub fn contains(&self, dot: &Dot<A>) -> bool {
        self.range_up_to(dot).is_some_and(|(_, last)| dot.seq <= last)
    }

    /// The last range of the dot's actor that begins at the dot or before it.
    fn range_up_to(&self, dot: &Dot<A>) -> Option<(u64, u64)> {
        let (first, last) = self.ranges.range(..=dot).next_back()?;
        (first.actor == dot.actor).then_some((first.seq, *last))
    }

    /// The number of dots in it, at most `u64::MAX`. O(ranges).
    pub fn len(&self) -> u64 {
        self.ranges().fold(0, |sum: u64, (_, range)| {
            sum.saturating_add(range.end() - range.start()).saturating_add(1)
        })
    }

    /// Whether no dot is inside.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The actors with the longest ranges of consecutive numbers inside, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = (&A, RangeInclusive<u64>)> {
        self.ranges.iter().map(|(first, last)| (&first.actor, first.seq..=*last))
    }
}

impl<A: Ord + Clone> CausalContext<A> {
    /// Adds a dot; true if it was new. One that is not [valid](Dot::is_valid) is ignored. O(log n).
    pub fn insert(&mut self, dot: Dot<A>) -> bool {
        let seq = dot.seq;
        self.insert_range(dot.actor, seq..=seq)
    }

    /// Adds the valid dots of `actor` with these numbers; true if any was new. O(log n), and as
    /// much for each range that becomes part of another.
    pub fn insert_range(&mut self, actor: A, seqs: RangeInclusive<u64>) -> bool {
        let (mut from, mut to) = ((*seqs.start()).max(1), (*seqs.end()).min(Dot::<A>::MAX_SEQ));
        if from > to {
            return false;
        }
        let mut dot = Dot::new(actor, from);
        if let Some((first, last)) = self.range_up_to(&dot) {
            if to <= last {
                return false;
            }
            // `last + 1` and `to + 1` exist: both are numbers of events.
            if from <= last + 1 {
                from = first;
            }
        }
        dot.seq = from;
        let end = Dot::new(dot.actor.clone(), to + 1);
        while let Some((first, last)) = self.ranges.range(&dot..=&end).next_back() {
            to = to.max(*last);
            let first = first.clone();
            self.ranges.remove(&first);
        }
        self.ranges.insert(dot, to);
        true
    }

    /// The next dot of `actor`: the least that is not inside.
    ///
    /// It names a new event only for the actor itself, whose own events are always in its own
    /// state. Two calls without an [`insert`](Self::insert) between them give the same dot.
    ///
    /// # Errors
    /// [`Exhausted`] if no number is left.
    pub fn next_dot(&self, actor: A) -> Result<Dot<A>, Exhausted> {
        let mut dot = Dot::new(actor, 1);
        if let Some((_, last)) = self.range_up_to(&dot) {
            dot.seq = last + 1;
        }
        if dot.is_valid() { Ok(dot) } else { Err(Exhausted) }
    }

    /// The largest downward-closed part.
    #[must_use]
    pub fn vector(&self) -> VersionVector<A> {
        let prefixes = self.ranges.iter().filter(|(first, _)| first.seq == 1);
        prefixes.map(|(first, last)| (first.actor.clone(), *last)).collect()
    }

    /// This context without `dots`. O((ranges + dots) log n).
    #[must_use]
    pub fn without<'a>(&self, dots: impl IntoIterator<Item = &'a Dot<A>>) -> Self
    where
        A: 'a,
    {
        let mut rest = self.clone();
        for dot in dots {
            let Some((first, last)) = rest.range_up_to(dot).filter(|(_, last)| dot.seq <= *last)
            else {
                continue;
            };
            let at = |seq| Dot::new(dot.actor.clone(), seq);
            rest.ranges.remove(&at(first));
            if first < dot.seq {
                rest.ranges.insert(at(first), dot.seq - 1);
            }
            if dot.seq < last {
                rest.ranges.insert(at(dot.seq + 1), last);
            }
        }
        rest
    }
}

impl<A: Ord + Clone> FromIterator<Dot<A>> for CausalContext<A> {
    fn from_iter<I: IntoIterator<Item = Dot<A>>>(iter: I) -> Self {
        let mut context = Self::default();
        for dot in iter {
            context.insert(dot);
        }
        context
    }
}

impl<A: Ord + Clone> From<VersionVector<A>> for CausalContext<A> {
    fn from(vector: VersionVector<A>) -> Self {
        let prefix = |(actor, seq): (&A, u64)| (Dot::new(actor.clone(), 1), seq);
        Self { ranges: vector.iter().map(prefix).collect() }
    }
}

/// Union. O(ranges of `other`), each times log n.
impl<A: Ord + Clone> Join for CausalContext<A> {
    fn join(&mut self, other: &Self) -> bool {
        other.ranges().fold(false, |changed, (actor, range)| {
            self.insert_range(actor.clone(), range) | changed
        })
    }
}

impl<A: Ord + Serialize> Serialize for CausalContext<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut actors: Vec<(&A, Vec<(u64, u64)>)> = Vec::new();
        for (actor, range) in self.ranges() {
            let range = (*range.start(), *range.end());
            match actors.last_mut() {
                Some((last, ranges)) if *last == actor => ranges.push(range),
                _ => actors.push((actor, vec![range])),
            }
        }
        serializer.collect_seq(actors)
    }
}

impl<'de, A: Ord + Clone + Deserialize<'de>> Deserialize<'de> for CausalContext<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Reader(PhantomData))
    }
}

/// Reads the list and refuses what is never written.
struct Reader<A>(PhantomData<A>);

impl<'de, A: Ord + Clone + Deserialize<'de>> Visitor<'de> for Reader<A> {
    type Value = CausalContext<A>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of actors with their ranges of event numbers")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut actors: S) -> Result<Self::Value, S::Error> {
        let mut context = CausalContext::default();
        while let Some((actor, ranges)) = actors.next_element::<(A, Vec<(u64, u64)>)>()? {
            let before = context.ranges.last_key_value();
            if before.is_some_and(|(first, _)| first.actor >= actor) {
                return Err(S::Error::custom(
                    "the actors of a causal context are not in ascending order",
                ));
            }
            if ranges.is_empty() {
                return Err(S::Error::custom("an actor of a causal context has no range"));
            }
            // Between two ranges at least one number is missing, and 0 is missing always.
            let mut gap = 0;
            for (first, last) in ranges {
                if first <= gap || last < first || last > Dot::<A>::MAX_SEQ {
                    return Err(S::Error::custom(format_args!(
                        "{first} to {last} is not a range of a causal context here"
                    )));
                }
                gap = last + 1;
                context.ranges.insert(Dot::new(actor.clone(), first), last);
            }
        }
        Ok(context)
    }
}

#[cfg(test)]
mod tests;
