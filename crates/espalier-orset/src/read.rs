//! Reading and writing sets: what is not the encoding of a set is refused.

use espalier_lattice::{CausalContext, Dot};
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// Live entries as a list of pairs: no text format has maps with dots as keys.
pub(crate) fn write_live<A: Serialize, E: Serialize, S: Serializer>(
    live: &BTreeMap<Dot<A>, E>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(live)
}

/// A set as it is written; the index by element is derived.
#[derive(Deserialize)]
#[serde(rename = "OrSet", deny_unknown_fields)]
#[serde(bound(
    deserialize = "A: Ord + Clone + Deserialize<'de>, E: Ord + Clone + Deserialize<'de>"
))]
pub(crate) struct Parts<A: Ord + Clone, E: Ord + Clone> {
    #[serde(deserialize_with = "read_live")]
    pub(crate) live: BTreeMap<Dot<A>, E>,
    pub(crate) context: CausalContext<A>,
}

fn read_live<'de, A, E, D>(deserializer: D) -> Result<BTreeMap<Dot<A>, E>, D::Error>
where
    A: Ord + Deserialize<'de>,
    E: Deserialize<'de>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_seq(Reader(PhantomData))
}

/// Reads the list of live entries.
struct Reader<A, E>(PhantomData<(A, E)>);

impl<'de, A, E> Visitor<'de> for Reader<A, E>
where
    A: Ord + Deserialize<'de>,
    E: Deserialize<'de>,
{
    type Value = BTreeMap<Dot<A>, E>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of live dots with their elements")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut entries: S) -> Result<Self::Value, S::Error> {
        let mut live = BTreeMap::new();
        while let Some((dot, element)) = entries.next_element::<(Dot<A>, E)>()? {
            if live.last_key_value().is_some_and(|(last, _)| *last >= dot) {
                return Err(S::Error::custom("the live dots of a set are not in ascending order"));
            }
            live.insert(dot, element);
        }
        Ok(live)
    }
}
