//! Records of evidence in files, checked without any state.

use crate::error::DecodeError;
use crate::signed::fault::{Conviction, Fault};
use crate::state::MergeState;
use crate::wire::frame;
use espalier_identity::bounded::Tight;
use serde::de::{Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::value::RawValue;
use std::fmt;

/// Which of the forms an object has that holds records.
#[derive(Deserialize)]
struct Form {
    ops: Option<IgnoredAny>,
    evidence: Option<IgnoredAny>,
}

/// An object with records.
#[derive(Deserialize)]
struct Report<'a> {
    #[serde(borrow)]
    evidence: &'a RawValue,
}

/// How much text a record has at least that proves anything: there is a signed operation in it, or
/// an envelope. In memory it is longer.
const LEAST_RECORD: usize = 128;

/// Reads a list of records: no more than can prove anything in so much text, and a few.
struct Records(usize);

impl<'de> Visitor<'de> for Records {
    type Value = Vec<Fault>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of records of {LEAST_RECORD} characters or more")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Fault>, A::Error> {
        let mut records = Tight::default();
        while let Some(record) = seq.next_element()? {
            if records.as_slice().len() >= self.0 {
                return Err(A::Error::invalid_length(self.0 + 1, &self));
            }
            records.push(record);
        }
        Ok(records.into_vec())
    }
}

fn list(text: &str) -> Result<Vec<Fault>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let records = reader.deserialize_seq(Records(16 + text.len() / LEAST_RECORD))?;
    reader.end()?;
    Ok(records)
}

impl MergeState {
    /// The records of [`MergeState::evidence`] in a form that stands for itself: a list that anyone
    /// can check without this state, with `espalier verify --evidence` say.
    ///
    /// # Panics
    /// Never: every field has a JSON form.
    #[must_use]
    pub fn evidence_json(&self) -> String {
        let records: Vec<&Fault> = self.evidence().iter().map(Conviction::fault).collect();
        serde_json::to_string_pretty(&records).expect("every field has a JSON form")
    }
}

impl Fault {
    /// The records in a file: one in JSON, a list of them, anything with such a list as its field
    /// `evidence`, or a state in JSON or binary form, for which its own evidence is worked out.
    /// They are as they were written: none but those of a state has been verified.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none of these. Takes time and memory in proportion to `bytes`.
    pub fn all_in(bytes: &[u8]) -> Result<Vec<Self>, DecodeError> {
        let of_state = |state: MergeState| {
            let records = state.evidence().iter();
            records.map(Conviction::fault).cloned().collect()
        };
        if bytes.starts_with(&frame::MAGIC) {
            return MergeState::from_bytes(bytes).map(of_state);
        }
        let text = std::str::from_utf8(bytes).map_err(serde_json::Error::custom)?;
        if text.trim_start().starts_with('[') {
            return Ok(list(text)?);
        }
        let Form { ops, evidence } = serde_json::from_str(text)?;
        if ops.is_some() {
            return MergeState::from_json(text).map(of_state);
        }
        if evidence.is_some() {
            let report: Report<'_> = serde_json::from_str(text)?;
            return Ok(list(report.evidence.get())?);
        }
        Ok(vec![serde_json::from_str(text)?])
    }
}
