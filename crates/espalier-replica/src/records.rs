//! Records of evidence in files, to be checked away from any state.

use crate::error::DecodeError;
use crate::fault::{Conviction, Fault};
use crate::frame;
use crate::state::MergeState;
use serde::Deserialize;

/// The forms in which text holds records; a state is tried apart.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    List(Vec<Fault>),
    One(Box<Fault>),
    Report { evidence: Vec<Fault> },
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
        let text = String::from_utf8_lossy(bytes);
        let is_state = serde_json::from_str::<serde_json::Value>(&text)?.get("ops").is_some();
        if is_state {
            return MergeState::from_json(&text).map(of_state);
        }
        Ok(match serde_json::from_str(&text)? {
            Text::List(records) | Text::Report { evidence: records } => records,
            Text::One(record) => vec![*record],
        })
    }
}
