//! What a key has signed, in a file next to it.
//!
//! The file is replaced as a whole, and durable before anything that it speaks of leaves. It also
//! holds the operations that have not reached their folder yet: whoever ends between signing and
//! writing finds them here, and hands on these and no others.

use crate::error::KeyError;
use espalier_file::{self as file, ReadError};
use espalier_identity::{Digest, PeerId};
use espalier_replica::SignedOp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The longest record that is read: some operations of the greatest length, as text.
const MAX_RECORD_LEN: u64 = 256 << 20;

/// What a key has signed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// Whose record it is.
    pub(crate) public_key: PeerId,
    /// By the hash of the state's policy.
    pub(crate) signed: BTreeMap<Digest, Signed>,
}

/// What a key has signed for one state.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signed {
    /// The greatest number.
    pub(crate) seq: u64,
    /// What may not have reached the folder.
    pub(crate) pending: Vec<SignedOp>,
}

/// Where the record of a key is.
pub(crate) fn path_of(key: &Path) -> PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push(".seq");
    name.into()
}

impl Record {
    /// The record of a key that has signed nothing.
    pub(crate) fn new(public_key: PeerId) -> Self {
        Self { public_key, signed: BTreeMap::new() }
    }

    /// Reads the record at `path`, which has to be that of `key`.
    pub(crate) fn read(path: &Path, key: &PeerId) -> Result<Self, KeyError> {
        let damaged = |reason: String| KeyError::Record { path: path.to_owned(), reason };
        let text = match file::read_text(path, MAX_RECORD_LEN) {
            Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Err(KeyError::NoRecord(path.to_owned()));
            }
            text => text.map_err(|error| damaged(error.to_string()))?,
        };
        let record: Self =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        match record.public_key == *key {
            true => Ok(record),
            false => Err(damaged(format!("it is that of {}", record.public_key))),
        }
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("every field has a JSON form") + "\n"
    }
}
