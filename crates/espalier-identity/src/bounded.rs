//! Lists in bytes or text of strangers, read within bounds.
//!
//! A `Vec` doubles as it grows, and is up to twice as large as what is in it. Where elements are a
//! few times longer in memory than in bytes already, that is too much. [`Tight`] grows by an eighth
//! of what it has. A list that may have no more than so many elements is refused as soon as there
//! is one more, before anything else of it is read.
//!
//! ```
//! use espalier_identity::{bounded, canonical};
//!
//! #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
//! struct Shape(#[serde(deserialize_with = "bounded::list::<_, _, 8>")] Vec<u64>);
//!
//! let [eight, nine] = [8, 9].map(|rank| canonical::encode(&Shape(vec![1; rank])));
//! assert_eq!(canonical::decode(&eight), Ok(Shape(vec![1; 8])));
//! assert!(canonical::decode::<Shape>(&nine).is_err());
//! ```

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// The number of bytes a list takes at first.
const FIRST: usize = 256;

/// A `Vec` that is no more than an eighth larger than what is in it, or than a few elements.
#[derive(Debug)]
pub struct Tight<T>(Vec<T>);

impl<T> Default for Tight<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Tight<T> {
    /// Adds an element. O(1) amortised.
    pub fn push(&mut self, element: T) {
        if self.0.len() == self.0.capacity() {
            let few = (FIRST / size_of::<T>().max(1)).max(1);
            self.0.reserve_exact(few.max(self.0.len() / 8));
        }
        self.0.push(element);
    }

    /// What is in it.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    /// What is in it, in no more memory than that takes.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<T> {
        self.0.shrink_to_fit();
        self.0
    }
}

/// Reads a list of at most `MAX` elements. For `#[serde(deserialize_with)]`.
///
/// # Errors
/// The deserialiser's, and if there are more.
pub fn list<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(List::<T>(MAX, PhantomData))
}

struct List<T>(usize, PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {} elements", self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        // Binary forms say the number first. If it is true and a few, nothing has to grow.
        let hint = seq.size_hint().unwrap_or(0);
        if hint > self.0 {
            return Err(A::Error::invalid_length(hint, &self));
        }
        let mut list = Tight::default();
        if hint.saturating_mul(size_of::<T>()) <= FIRST {
            list.0.reserve_exact(hint);
        }
        while let Some(element) = seq.next_element()? {
            if list.0.len() == self.0 {
                return Err(A::Error::invalid_length(self.0 + 1, &self));
            }
            list.push(element);
        }
        Ok(list.into_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Few(#[serde(deserialize_with = "list::<_, _, 1000>")] Vec<u32>);

    #[test]
    fn lists_within_the_limit_are_read_and_take_what_they_need() {
        for len in [0, 1, 2, 63, 64, 65, 999, 1000] {
            let few = Few((0..len).collect());
            let bytes = crate::canonical::encode(&few);
            let text = serde_json::to_string(&few).expect("json");
            for read in [crate::canonical::decode(&bytes).ok(), serde_json::from_str(&text).ok()] {
                let read: Few = read.expect("within the limit");
                assert_eq!((read.0.capacity(), &read), (len as usize, &few));
            }
        }
        let many = Few(vec![0; 1001]);
        assert!(crate::canonical::decode::<Few>(&crate::canonical::encode(&many)).is_err());
        let text = serde_json::to_string(&many).expect("json");
        assert!(serde_json::from_str::<Few>(&text).is_err());
    }

    #[test]
    fn growth_is_bounded() {
        let mut tight = Tight::default();
        for at in 0..10_000_usize {
            tight.push(at);
            assert!(tight.0.capacity() <= tight.0.len() + tight.0.len() / 8 + 32);
        }
        assert_eq!(tight.as_slice().len(), 10_000);
    }
}
