//! The header of one file and the index of many: strict, bounded, and never trusted.

use core::{fmt, marker::PhantomData, ops::Range};
use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::METADATA;
use crate::foreign::MAX_HEADER_BYTES;
use crate::{
    dtype::Dtype,
    error::FormatError,
    manifest,
    manifest::{MAX_TENSORS, ManifestError},
    schema::TensorShape,
};

/// What a file's header says, checked against the file's length.
pub(super) struct Header {
    /// Ascending by name, each with where its bytes are in the file.
    pub(super) tensors: Vec<(TensorShape, Range<usize>)>,
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl Header {
    /// Reads the header at the start of a file. Touches no other byte of it.
    pub(super) fn read(file: &[u8]) -> Result<Self, FormatError> {
        let length = file.len() as u64;
        let Some((claimed, rest)) = file.split_first_chunk::<8>() else {
            return Err(FormatError::TooShort { length });
        };
        let claimed = u64::from_le_bytes(*claimed);
        let limit = MAX_HEADER_BYTES.min(rest.len() as u64);
        if claimed > limit && claimed <= MAX_HEADER_BYTES && rest.first() == Some(&b'{') {
            return Err(FormatError::HeaderCut { length, claimed });
        }
        if claimed > limit {
            return Err(FormatError::HeaderLength { claimed, limit });
        }
        let (text, data) = rest.split_at(claimed as usize);
        let (metadata, entries) = parse(text)?;
        let start = 8 + text.len();
        let tensors = check(entries, data.len() as u64)?
            .into_iter()
            .map(|(shape, range)| (shape, start + range.start as usize..start + range.end as usize))
            .collect();
        Ok(Self { tensors, metadata })
    }
}

type Entries = Vec<(String, Entry)>;

fn parse(text: &[u8]) -> Result<(BTreeMap<String, String>, Entries), FormatError> {
    let json = |error: serde_json::Error| json_error("header", &error);
    let text = str::from_utf8(text)
        .map_err(|error| FormatError::Json { what: "header", reason: error.to_string() })?;
    let map: Unique<HeaderValue> = serde_json::from_str(text).map_err(json)?;
    let mut metadata = BTreeMap::new();
    let mut entries = Vec::new();
    let mut names: Vec<&str> = map.0.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(FormatError::Duplicate { tensor: pair[0].to_owned() });
    }
    for (name, value) in map.0 {
        match value {
            // Nothing, as the format's own library takes it.
            HeaderValue::Metadata(text) => {
                metadata.extend(text.into_iter().flat_map(|text| text.0))
            }
            HeaderValue::Tensor(entry) => entries.push((name, entry)),
        }
    }
    Ok((metadata, entries))
}

/// Names, limits, and that the data of all tensors fill `data_len` bytes without gaps.
fn check(
    mut entries: Entries,
    data_len: u64,
) -> Result<Vec<(TensorShape, Range<u64>)>, FormatError> {
    // Tensors without elements share their place with the next one, so the end counts too.
    entries.sort_by_key(|(_, entry)| entry.data_offsets);
    let mut tensors = Vec::with_capacity(entries.len());
    let mut expected = 0;
    for (name, Entry { dtype, shape, data_offsets: (start, end) }) in entries {
        manifest::check_name_and_rank(&name, &shape)?;
        let dtype = Dtype::of_file(&dtype)
            .map_err(|source| FormatError::Dtype { tensor: name.clone(), source })?;
        if start != expected {
            return Err(FormatError::Offset { tensor: name, start, expected });
        }
        let needed = manifest::byte_len(dtype, &shape);
        if needed.is_none() || end.checked_sub(start) != needed {
            let words = |bytes| espalier_file::count(bytes, "byte");
            let needed = needed.map_or_else(|| "more than 2^64 bytes".to_owned(), words);
            return Err(FormatError::Size { tensor: name, start, end, needed });
        }
        expected = end;
        tensors.push((TensorShape { name, dtype, shape }, start..end));
    }
    if expected != data_len {
        return Err(FormatError::DataLength { actual: data_len, expected });
    }
    tensors.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    Ok(tensors)
}

/// An index: which tensor is in which shard.
pub(super) struct Index {
    pub(super) places: BTreeMap<String, String>,
}

impl Index {
    pub(super) fn read(text: &[u8]) -> Result<Self, FormatError> {
        #[derive(serde::Deserialize)]
        struct File {
            weight_map: Unique<String>,
            #[serde(default, rename = "metadata")]
            _metadata: IgnoredAny,
        }
        let file: File =
            serde_json::from_slice(text).map_err(|error| json_error("index", &error))?;
        let mut places = BTreeMap::new();
        for (tensor, shard) in file.weight_map.0 {
            check_shard(&shard)?;
            if places.insert(tensor.clone(), shard).is_some() {
                return Err(FormatError::Duplicate { tensor });
            }
        }
        Ok(Self { places })
    }
}

/// A shard is a relative path of plain names: never upwards, never absolute, on any system.
fn check_shard(shard: &str) -> Result<(), FormatError> {
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    let foreign = |c: char| matches!(c, '\\' | ':' | '\0');
    if shard.split('/').all(plain) && !shard.contains(foreign) {
        return Ok(());
    }
    Err(FormatError::ShardPath { shard: shard.to_owned() })
}

fn json_error(what: &'static str, error: &serde_json::Error) -> FormatError {
    FormatError::Json { what, reason: error.to_string() }
}

/// One value of the header: free text under [`METADATA`], a tensor under any other name.
enum HeaderValue {
    Metadata(Option<Unique<String>>),
    Tensor(Entry),
}

/// How the value under a key is read.
trait Value: Sized {
    fn read<'de, A: MapAccess<'de>>(key: &str, map: &mut A) -> Result<Self, A::Error>;
}

impl Value for String {
    fn read<'de, A: MapAccess<'de>>(_: &str, map: &mut A) -> Result<Self, A::Error> {
        map.next_value()
    }
}

impl Value for HeaderValue {
    fn read<'de, A: MapAccess<'de>>(key: &str, map: &mut A) -> Result<Self, A::Error> {
        if key == METADATA {
            return map.next_value().map(Self::Metadata);
        }
        map.next_value().map(Self::Tensor)
    }
}

/// The entries of a JSON object in order, repeated keys kept so that they can be refused, and
/// no more than a model may have.
struct Unique<V>(Vec<(String, V)>);

impl<'de, V: Value> Deserialize<'de> for Unique<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);
        impl<'de, V: Value> Visitor<'de> for Entries<V> {
            type Value = Unique<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique<V>, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    let value = V::read(&key, &mut map)?;
                    entries.push((key, value));
                    // One more for the free text.
                    if entries.len() > MAX_TENSORS + 1 {
                        let error = ManifestError::TooMany { count: entries.len() };
                        return Err(A::Error::custom(error));
                    }
                }
                Ok(Unique(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}
