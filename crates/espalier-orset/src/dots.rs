//! The dots under which one element is live.

use espalier_lattice::Dot;
use std::collections::BTreeSet;

/// At least one dot. Nearly always it is one, for which a set of its own would be ten times as
/// large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dots<A> {
    One(Dot<A>),
    /// Two or more.
    Many(BTreeSet<Dot<A>>),
}

impl<A: Ord> Dots<A> {
    /// Adds a dot.
    pub(crate) fn insert(&mut self, dot: Dot<A>) {
        match self {
            Self::One(held) if *held == dot => {}
            Self::One(_) => {
                let Self::One(held) = std::mem::replace(self, Self::Many(BTreeSet::new())) else {
                    return;
                };
                *self = Self::Many(BTreeSet::from([held, dot]));
            }
            Self::Many(dots) => {
                dots.insert(dot);
            }
        }
    }

    /// Takes a dot out; what is left, if anything is.
    pub(crate) fn without(self, dot: &Dot<A>) -> Option<Self> {
        match self {
            Self::One(held) => (held != *dot).then_some(Self::One(held)),
            Self::Many(mut dots) => {
                dots.remove(dot);
                if dots.len() > 1 {
                    Some(Self::Many(dots))
                } else {
                    dots.pop_first().map(Self::One)
                }
            }
        }
    }

    /// Ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Dot<A>> {
        let (one, many) = match self {
            Self::One(dot) => (Some(dot), None),
            Self::Many(dots) => (None, Some(dots)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}
